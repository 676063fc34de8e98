/**
 * Under which addresses control may be spoken to (threat: DNS rebinding, RFC 9449 `htu`). One list for Host, Origin and proofs: the configured
 * address, and where that is the local machine, the other names of the local machine on the same port.
 */

import { isLoopback, loopbackHosts } from '@atf/core/identity/loopback';

/** Origins (`http://localhost:7780`) of one configured address. */
export function originsOf(controlUrl: string): string[] {
  const url = new URL(controlUrl);
  if (!isLoopback(url.hostname)) return [url.origin];
  return loopbackHosts.map(
    (host) => new URL(`${url.protocol}//${host}${url.port === '' ? '' : `:${url.port}`}`).origin,
  );
}

/** Of all replicas, and of this one where it has its own: whoever must speak to exactly one uses that. */
export interface Addresses {
  readonly controlUrl: string;
  readonly replicaUrl?: string | undefined;
}

const allOf = ({ controlUrl, replicaUrl }: Addresses): string[] => [
  ...originsOf(controlUrl),
  ...(replicaUrl === undefined ? [] : originsOf(replicaUrl)),
];

/** Values of the Host header that are served; anything else may be a page that rebound its own name to us. */
export function hostAllowed(addresses: Addresses, host: string | undefined): boolean {
  if (host === undefined || host.length > 300) return false;
  return allOf(addresses).some((origin) => new URL(origin).host === host.toLowerCase());
}

export function originAllowed(controlUrl: string, origin: string): boolean {
  return originsOf(controlUrl).includes(origin);
}

/** Full addresses of a path, for the comparison with `htu`. `path` has no query. */
export function urlsOf(addresses: Addresses, path: string): string[] {
  return allOf(addresses).map((origin) => `${origin}${path}`);
}
