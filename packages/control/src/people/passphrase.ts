/**
 * Room: people. Passphrases for confirmations of presence: scrypt (RFC 7914) with a salt of their own, compared in constant time. Runs at most
 * {@link runningMax} at once, because each needs 32 MB.
 */
import { refuse } from '@atf/core/errors';
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** OWASP Password Storage Cheat Sheet: N=2^15, r=8, p=3 (about 32 MB). */
const cost = { N: 32_768, r: 8, p: 3, maxmem: 64 * 1_048_576 } as const satisfies ScryptOptions;
const saltBytes = 16;
const hashBytes = 32;
const runningMax = 4;

let running = 0;

async function derive(passphrase: string, salt: Uint8Array, options: ScryptOptions): Promise<Buffer> {
  if (running >= runningMax) refuse('request.overloaded');
  running++;
  try {
    return await new Promise((resolve, reject) => {
      scrypt(passphrase.normalize('NFKC'), salt, hashBytes, options, (fault, key) =>
        fault === null ? resolve(key) : reject(fault),
      );
    });
  } finally {
    running--;
  }
}

export async function hashPassphrase(passphrase: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const hash = await derive(passphrase, salt, cost);
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** Whether `passphrase` is the stored one. Takes the same time when none is stored. */
export async function passphraseMatches(stored: string | null, passphrase: string): Promise<boolean> {
  const [scheme, n, r, p, salt, hash] = (stored ?? '').split('$');
  if (scheme !== 'scrypt' || salt === undefined || hash === undefined) {
    await derive(passphrase, Buffer.alloc(saltBytes), cost);
    return false;
  }
  const wanted = Buffer.from(hash, 'base64url');
  const given = await derive(passphrase, Buffer.from(salt, 'base64url'), {
    N: Number(n),
    r: Number(r),
    p: Number(p),
    maxmem: cost.maxmem,
  });
  return wanted.byteLength === given.byteLength && timingSafeEqual(wanted, given);
}
