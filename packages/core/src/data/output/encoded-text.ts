/**
 * Room: data (D-4). Text that stands encoded in a part of an address: base64 (both alphabets), base32, hexadecimal. Bytes by chance are hardly ever readable, and
 * three readings of each part are tried. Buffer is a function of its arguments.
 */

/** Bytes of the decoded text; shorter ones are readable by chance. */
const readableMin = 9;
const partMax = 4_096;

const forms: readonly { readonly pattern: RegExp; readonly decode: (text: string) => Uint8Array }[] = [
  { pattern: /^(?:[0-9a-f]{2}){9,}$/i, decode: (text) => Buffer.from(text, 'hex') },
  ...[0, 1, 2, 3].map((skipped) => ({
    pattern: skipped === 0 ? /^[A-Za-z0-9+/_-]{12,}={0,2}$/ : /^[A-Za-z0-9+/_-]{22,}={0,2}$/,
    decode: (text: string) => Buffer.from(text.slice(skipped), 'base64url'),
  })),
  { pattern: /^[A-Z2-7]{15,}={0,6}$/i, decode: base32 },
];

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function base32(text: string): Uint8Array {
  const bytes: number[] = [];
  let [bits, value] = [0, 0];
  for (const char of text.toUpperCase().replace(/=+$/, '')) {
    value = ((value << 5) | alphabet.indexOf(char)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  return Uint8Array.from(bytes);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** So long a run of letters, digits and punctuation stands among other bytes: by chance in one of some thousand. */
const run = /[\t\r\n\u0020-\u007e]{14,}/g;

const isProse = (text: string): boolean =>
  text.replace(/[^\p{L}\p{N} ]/gu, '').length * 10 >= text.length * 6;

/** Letters, digits and punctuation that people write, and more letters and spaces than anything else. */
function readable(bytes: Uint8Array): string | undefined {
  if (bytes.length < readableMin) return undefined;
  return wholly(bytes) ?? Buffer.from(bytes).toString('latin1').match(run)?.find(isProse);
}

function wholly(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes);
    if (!/^[\t\r\n\u0020-\u007e\u00a0-\u024f\u0370-\u1fff\u2010-\u2027\u20ac\u3040-\u9fff]+$/u.test(text))
      return undefined;
    return isProse(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** What a part says when it is decoded; also of a value behind `name=` or in one of its pieces. */
export function readableIn(part: string): string[] {
  const pieces = new Set(
    [part, ...part.split(/[.~:;,|]/), ...part.split(/[-._~]/)].map((piece) =>
      piece.trim().replaceAll(' ', '+'),
    ),
  );
  const found: string[] = [];
  for (const piece of pieces) {
    const text = piece.slice(0, partMax);
    for (const { pattern, decode } of forms) {
      const said = pattern.test(text) ? readable(decode(text)) : undefined;
      if (said !== undefined) found.push(said);
    }
  }
  return found;
}
