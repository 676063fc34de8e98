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

/** The digest that a confirmation is bound to. @throws where the browser cannot compute it, so that nothing is confirmed unbound */
export async function boundDigestOf(text: string): Promise<string> {
  const digest = await digestOf(text);
  if (digest === undefined)
    throw new Error(
      'This page came neither over https nor from localhost: the browser cannot bind a confirmation to what is shown.',
    );
  return digest;
}
