/** SHA-256 in ATF's text form (base64url, 43 characters), with the browser's own cryptography. */

/** Absent where the browser offers no cryptography (a page that came neither over https nor from localhost). */
export async function digestOf(text: string): Promise<string | undefined> {
  if (!('subtle' in crypto)) return undefined;
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
