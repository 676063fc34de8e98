/** Headers of every answer. The console runs without inline scripts, without foreign content, and under Trusted Types. */
import { isLoopback } from '@atf/core/identity/loopback';

const consolePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const apiPolicy = "default-src 'none'; frame-ancestors 'none'";
const strictTransportSeconds = 31_536_000;

const common: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=()',
};

/** Browsers would extend it to every port of that name, so never for this machine's own. */
const isStrict = (controlUrl: string): boolean => {
  const { protocol, hostname } = new URL(controlUrl);
  return protocol === 'https:' && !isLoopback(hostname);
};

/** `page`: a document or asset of the console. */
export function securityHeaders(controlUrl: string, page: boolean): Record<string, string> {
  const transport = isStrict(controlUrl)
    ? { 'strict-transport-security': `max-age=${strictTransportSeconds}` }
    : {};
  const cache = page ? {} : { 'cache-control': 'no-store' };
  return { ...common, ...transport, ...cache, 'content-security-policy': page ? consolePolicy : apiPolicy };
}
