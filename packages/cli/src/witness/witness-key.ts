/**
 * Room: audit (B-1), witness side: the key that a witness cosigns with, in a file of mode 0600 of its own directory, made at the first start. It lies
 * there in clear: a witness has nothing else to protect, and must run under another user, better on another machine, than the log.
 */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { type CheckpointSigner, checkpointSigner } from '@atf/core/audit/checkpoint';
import { z } from 'zod';
import { CliFailure, exitCodes } from '../exit-codes.ts';

const fileBytesMax = 4_096;
const othersMask = 0o077;
const storedSchema = z.strictObject({ name: z.string(), privateKey: z.base64() });

/** The signer in `file`; undefined when there is none. @throws CliFailure when others may read it, or it is no key of a witness */
export function readWitnessKey(file: string): CheckpointSigner | undefined {
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fault;
  }
  try {
    // What is looked at is what is read, whatever the name points to a moment later.
    const found = fstatSync(handle);
    if (process.platform !== 'win32' && (found.mode & othersMask) !== 0)
      throw new CliFailure(exitCodes.cannotStart, `Others may read the key file ${file}`, {
        help: 'The key may be known: begin again in an empty directory, and tell who relies on the old key.',
      });
    if (!found.isFile() || found.size > fileBytesMax) return damaged(file);
    const { name, privateKey } = storedSchema.parse(JSON.parse(readFileSync(handle, 'utf8')));
    const der = Buffer.from(privateKey, 'base64');
    return checkpointSigner(name, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  } catch (fault) {
    if (fault instanceof CliFailure) throw fault;
    return damaged(file);
  } finally {
    closeSync(handle);
  }
}

function damaged(file: string): never {
  throw new CliFailure(exitCodes.cannotStart, `${file} is not the key file of a witness`, {
    help: 'Put back the one that was there, or begin again in an empty directory.',
  });
}

/** Makes a key under `name`, durable when it returns. */
export function makeWitnessKey(file: string, name: string): CheckpointSigner {
  const { privateKey } = generateKeyPairSync('ed25519');
  const stored = {
    name,
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
  };
  const handle = openSync(file, 'wx', 0o600);
  try {
    fchmodSync(handle, 0o600);
    writeSync(handle, `${JSON.stringify(stored)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  return checkpointSigner(name, privateKey);
}
