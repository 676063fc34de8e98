/**
 * Room: keys (I-2). Where the key-encryption key comes from: the environment, or a file outside the data directory that only this user can
 * read. It is never in the data directory and never in a backup of it: whoever copies the one has nothing without the other.
 */
import { refuse } from '@atf/core/errors';
import { envelopeKeyOf } from '@atf/core/identity/key-envelope';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

export const keyBytes = 32;
const keyFileBytesMax = 1_024;
/** Permission bits of group and others. */
const othersMask = 0o077;

export interface KeySource {
  /** `ATF_KEY`: 32 bytes in base64. It wins over a file. */
  readonly fromEnvironment: string | undefined;
  /** File given by the operator; absent: the default place. */
  readonly keyFile: string | undefined;
  readonly dataDir: string;
  readonly workspaceId: string;
  /** Whether nothing is wrapped yet, so that a new key may be made. */
  readonly first: boolean;
}

/** `${XDG_CONFIG_HOME:-~/.config}/atf/<workspace id>.key` */
export function defaultKeyFile(workspaceId: string, environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CONFIG_HOME;
  return join(
    base !== undefined && base !== '' ? base : join(homedir(), '.config'),
    'atf',
    `${workspaceId}.key`,
  );
}

function decode(text: string, from: string): Buffer {
  return envelopeKeyOf(text) ?? refuse('storage.key_missing', `${from} does not hold 32 bytes in base64`);
}

function inside(directory: string, file: string): boolean {
  const parent = existsSync(dirname(file)) ? realpathSync(dirname(file)) : resolve(dirname(file));
  const path = relative(existsSync(directory) ? realpathSync(directory) : resolve(directory), parent);
  return path === '' || (path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path));
}

function readKeyFile(file: string): Buffer {
  // Opened first, then looked at: what is checked is what is read, whatever the name points to a moment later.
  const handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(handle);
    if (!found.isFile() || found.size > keyFileBytesMax)
      refuse('storage.key_missing', `${file} is not a key file`);
    if (process.platform !== 'win32' && (found.mode & othersMask) !== 0) refuse('storage.key_exposed', file);
    return decode(readFileSync(handle, 'utf8'), file);
  } finally {
    closeSync(handle);
  }
}

function makeKeyFile(file: string): Buffer {
  const key = randomBytes(keyBytes);
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const handle = openSync(file, 'wx', 0o600);
    try {
      writeSync(handle, `${key.toString('base64')}\n`);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (fault) {
    refuse('storage.unwritable', `${file}: ${(fault as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
  return key;
}

/**
 * The 32-byte key-encryption key. Makes a key file only at the first start and never over an existing one. Refuses `storage.key_missing`
 * (absent, malformed, inside the data directory), `storage.key_exposed` (others may read the file), `storage.unwritable`.
 */
export function keyEncryptionKey(source: KeySource): Buffer {
  const { fromEnvironment, dataDir, workspaceId, first } = source;
  if (fromEnvironment !== undefined && fromEnvironment !== '') return decode(fromEnvironment, 'ATF_KEY');
  const file = resolve(source.keyFile ?? defaultKeyFile(workspaceId));
  if (inside(dataDir, file)) refuse('storage.key_missing', `${file} must be outside the data directory`);
  if (existsSync(file)) return readKeyFile(file);
  if (!first) refuse('storage.key_missing', `${file} is not there`);
  return makeKeyFile(file);
}
