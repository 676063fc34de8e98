/**
 * Room: identity (I-2). Strict base64url (RFC 4648 §5, RFC 7515 §2). Node's decoder forgives padding, foreign characters and
 * stray trailing bits, so that one signature has many spellings; whoever compares or remembers spellings is then fooled.
 */

const alphabet = /^[A-Za-z0-9_-]*$/;

/** The bytes, or undefined unless `text` is the one canonical spelling of them. */
export function base64urlBytes(text: string): Buffer | undefined {
  if (!alphabet.test(text) || text.length % 4 === 1) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

export function base64url(data: string | Uint8Array): string {
  return Buffer.from(data as Uint8Array).toString('base64url');
}
