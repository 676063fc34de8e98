/**
 * Room: notifications (S-1). Outbound connections of the control plane: a name is resolved once, every address is looked at, and the socket goes to
 * exactly one of those. Metadata and link-local addresses never; private ones only where the target was granted them; without TLS to private
 * ones only. No redirects, no proxy, no connection is kept.
 */
import { addressAllowed, addressPrivate } from '@atf/core/segmentation/addresses';
import type { LookupAddress } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';

export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;
export const systemResolve: Resolve = (name) => systemLookup(name, { all: true });

export type Vetted =
  | { readonly ok: true; readonly address: string; readonly family: 4 | 6 }
  | { readonly ok: false; readonly problem: 'address_refused' | 'name_unknown' };

/** One address to connect to. One bad address spoils a name: a name that mixes them is an attack or a mistake. */
export async function vettedAddress(
  host: string,
  policy: { readonly privateAllowed: boolean; readonly encrypted: boolean },
  resolve: Resolve,
): Promise<Vetted> {
  const literal = host.replace(/^\[|\]$/g, '');
  const family = isIP(literal);
  let found: readonly LookupAddress[];
  try {
    found = family === 0 ? await resolve(literal) : [{ address: literal, family }];
  } catch {
    return { ok: false, problem: 'name_unknown' };
  }
  const fits = (address: string): boolean =>
    addressAllowed(address, policy.privateAllowed) && (policy.encrypted || addressPrivate(address));
  const [first] = found;
  if (first === undefined || !found.every(({ address }) => fits(address)))
    return { ok: false, problem: 'address_refused' };
  return { ok: true, address: first.address, family: first.family === 6 ? 6 : 4 };
}

export interface Posted {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

export type PostResult =
  | { readonly ok: true; readonly answer: Posted }
  | { readonly ok: false; readonly problem: string };

export interface Post {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly privateAllowed: boolean;
  readonly signal: AbortSignal;
  readonly resolve: Resolve;
}

/** What went wrong, in one of few words: codes of Node and of TLS, never what the other side said. */
export function problemOfFault(fault: unknown): string {
  const { code, name } = (fault ?? {}) as { code?: unknown; name?: unknown };
  if (name === 'AbortError' || name === 'TimeoutError' || code === 'ETIMEDOUT') return 'timed_out';
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return 'not_reached';
  if (typeof code === 'string' && /CERT|TLS|SSL|SELF_SIGNED|ALTNAME|UNABLE_TO_VERIFY/.test(code))
    return 'tls_failed';
  return 'connection_failed';
}

/** One POST to exactly a vetted address. What the other side answers beyond its status is not read. */
export async function post({
  url,
  headers,
  body,
  privateAllowed,
  signal,
  resolve,
}: Post): Promise<PostResult> {
  const encrypted = url.protocol === 'https:';
  const vetted = await vettedAddress(url.hostname, { privateAllowed, encrypted }, resolve);
  if (!vetted.ok) return vetted;
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const options: RequestOptions & { servername?: string } = {
    method: 'POST',
    host: vetted.address,
    family: vetted.family,
    port: url.port === '' ? (encrypted ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    headers: { ...headers, host: url.host, 'content-length': String(Buffer.byteLength(body)) },
    agent: false,
    signal,
    // Server Name Indication names hosts, not addresses (RFC 6066 §3); the certificate is held to whichever it is.
    ...(encrypted && isIP(name) === 0 ? { servername: name } : {}),
  };
  return new Promise((done) => {
    const request = (encrypted ? httpsRequest : httpRequest)(options, (response) => {
      const retryAfter = response.headers['retry-after'];
      done({ ok: true, answer: { status: response.statusCode ?? 0, retryAfter } });
      response.on('error', () => undefined);
      response.destroy();
    });
    request.on('error', (fault) => done({ ok: false, problem: problemOfFault(fault) }));
    request.end(body);
  });
}
