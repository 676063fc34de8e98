/**
 * Room: people. The host operator's token: a file in the data directory that only its user can read, made at first start, for the command line.
 * It stands on disk, so it never counts as presence (routes that need presence refuse it).
 */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const operatorTokenFile = 'operator.token';
const tokenBytes = 32;
const tokenPattern = /^[A-Za-z0-9_-]{43}$/;
const othersMask = 0o077;

/** Reads the token, making it at first start. Refuses `storage.key_exposed` when others may read it, `storage.unwritable`. */
export function operatorToken(dataDir: string): string {
  const path = join(dataDir, operatorTokenFile);
  try {
    if (existsSync(path)) {
      if (process.platform !== 'win32' && (statSync(path).mode & othersMask) !== 0)
        refuse('storage.key_exposed', path);
      const token = readFileSync(path, 'utf8').trim();
      if (tokenPattern.test(token)) return token;
    }
    const token = randomBytes(tokenBytes).toString('base64url');
    const fresh = `${path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(fresh, `${token}\n`, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(fresh, path);
    return token;
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    if (code !== undefined) refuse('storage.unwritable', `${path}: ${code}`);
    throw fault;
  }
}

export function isOperatorToken(given: string, token: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(given)), Buffer.from(sha256(token)));
}
