/** Room: identity (I-2). Which addresses stay on this machine: only those may be spoken to, or listened on, without TLS. */

export const loopbackHosts = ['localhost', '127.0.0.1', '[::1]'] as const;

/** `host`: as in a URL, or a bare `::1`. Other names are not resolved: what they point to may change. */
export function isLoopback(host: string): boolean {
  return host === '::1' || (loopbackHosts as readonly string[]).includes(host);
}

/** Whether what is said to this address crosses a network in clear. */
export function crossesInClear(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopback(hostname);
}
