/**
 * Room: segmentation (S-1). Addresses of resources and the templates that stand for many (RFC 3986, RFC 6570). Pure, linear in the address for
 * each part of a template, and strict: an address that two programs could read in two ways names no resource, so that what was accepted as
 * `file:///public/{name}` cannot be led to another folder.
 *
 * Of RFC 6570 `{var}`, `{+var}`, `{/var}` and `{?a,b}` or `{&a,b}` are understood. A template with anything else matches nothing.
 */

/** Characters of an address that an agent may ask for. */
export const uriLengthMax = 2_048;
const partsMax = 32;

const plain = /^[a-z][a-z0-9+.-]{0,31}:[A-Za-z0-9._~:/?#[\]@!$&'()*+,;=%-]{1,2048}$/;

/**
 * Whether an address has one reading: a scheme, visible ASCII, whole percent-encodings, no user information, and no dot segments, separators or
 * control characters in any spelling.
 */
export function isPlainUri(uri: string): boolean {
  if (uri.length > uriLengthMax || !plain.test(uri)) return false;
  if (/%(?![0-9A-Fa-f]{2})/.test(uri)) return false;
  // Encoded: controls, %25 (a second decoding would see another address), and the separators / and \.
  if (/%(?:[01][0-9A-Fa-f]|7[Ff]|25|2[Ff]|5[Cc])/.test(uri)) return false;
  const rest = uri.slice(uri.indexOf(':') + 1);
  if (/^\/\/[^/?#]*@/.test(rest)) return false;
  const path = (rest.split(/[?#]/, 1)[0] ?? '').replace(/%2[Ee]/g, '.');
  return !path.split('/').some((segment) => segment === '.' || segment === '..');
}

type Part =
  | { readonly literal: string }
  /** One value: which characters it may hold, and what comes before it. */
  | { readonly name: string; readonly allowed: RegExp };

const value = /[A-Za-z0-9._~%-]/;
const reserved = /[A-Za-z0-9._~%:/?#[\]@!$&'()*+,;=-]/;

/** The parts of a template; undefined when it is not understood. */
export function templateParts(template: string): readonly Part[] | undefined {
  if (template.length > uriLengthMax) return undefined;
  const parts: Part[] = [];
  for (const piece of template.split(/(\{[^{}]*\})/)) {
    if (piece === '') continue;
    if (!piece.startsWith('{')) {
      if (/[{}]/.test(piece)) return undefined;
      parts.push({ literal: piece });
      continue;
    }
    const [, operator = '', names = ''] =
      /^\{([+/?&]?)([A-Za-z0-9_]{1,64}(?:,[A-Za-z0-9_]{1,64})*)\}$/.exec(piece) ?? [];
    const list = names.split(',');
    const listed = operator === '?' || operator === '&';
    if (names === '' || (!listed && list.length > 1)) return undefined;
    list.forEach((name, at) => {
      if (operator === '/') parts.push({ literal: '/' });
      if (listed) parts.push({ literal: `${at === 0 ? operator : '&'}${name}=` });
      parts.push({ name, allowed: operator === '+' ? reserved : value });
    });
  }
  const first = parts[0];
  // The scheme is never a variable: a template speaks for one kind of address.
  if (first === undefined || !('literal' in first) || !/^[a-z][a-z0-9+.-]*:/.test(first.literal))
    return undefined;
  return parts.length <= partsMax ? parts : undefined;
}

/** Names of the variables of a template, in order; none when it is not understood. */
export function templateVariables(template: string): readonly string[] {
  return (templateParts(template) ?? []).flatMap((part) => ('name' in part ? [part.name] : []));
}

/** Whether an address is one that the template stands for: each variable holds at least one character that it may. */
export function templateMatches(template: string, uri: string): boolean {
  const parts = templateParts(template);
  if (parts === undefined || !isPlainUri(uri)) return false;
  // The places of the address that can be reached after each part: no backtracking.
  let places = new Set([0]);
  for (const part of parts) {
    const next = new Set<number>();
    if ('literal' in part) {
      for (const place of places)
        if (uri.startsWith(part.literal, place)) next.add(place + part.literal.length);
    } else {
      let running = false;
      for (let place = 0; place < uri.length; place++) {
        running = (running || places.has(place)) && part.allowed.test(uri[place] ?? '');
        if (running) next.add(place + 1);
      }
    }
    places = next;
  }
  return places.has(uri.length);
}

/** Whether an address, or with `/` at its end one below it, is one that the template stands for. */
export function standsFor(template: string, address: string): boolean {
  if (!address.endsWith('/') || !isPlainUri(address)) return templateMatches(template, address);
  const first = templateParts(template)?.[0];
  if (first === undefined || !('literal' in first)) return false;
  return address.startsWith(first.literal) || first.literal.startsWith(address);
}
