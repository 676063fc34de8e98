/**
 * Where `atf connect` keeps an agent's key: one file per deployment and agent in the person's configuration folder, mode 0600,
 * outside the clone and the data directory. It holds the private key and the instance it belongs to, never a token.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { storedAgentKeySchema } from '@atf/sdk/agent-key';
import { z } from 'zod';
import { CliFailure, exitCodes } from './exit-codes.ts';

const storedInstanceSchema = z.strictObject({
  controlUrl: z.url(),
  agent: z.string(),
  instanceId: z.uuid(),
  key: storedAgentKeySchema,
});
export type StoredInstance = z.infer<typeof storedInstanceSchema>;

function fileOf(configDir: string, controlUrl: string, agent: string): string {
  const { hostname, port, protocol } = new URL(controlUrl);
  const place = `${hostname.replaceAll(/[^a-zA-Z0-9.-]/g, '_')}-${port === '' ? protocol.slice(0, -1) : port}`;
  return join(configDir, 'agents', place, `${agent.replaceAll(/[^a-z0-9_-]/g, '_')}.json`);
}

/** The stored instance, or undefined. @throws CliFailure when others may read the file, or it is not one of ours */
export function readInstance(
  configDir: string,
  controlUrl: string,
  agent: string,
): StoredInstance | undefined {
  const file = fileOf(configDir, controlUrl, agent);
  const mode = statSync(file, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) return undefined;
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new CliFailure(exitCodes.refused, `Others may read the key file ${file}`, {
      help: 'The key may be known: delete the file and enrol again.',
    });
  }
  try {
    return storedInstanceSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    throw new CliFailure(exitCodes.refused, `${file} is not a key file of atf`, {
      help: 'Delete it and enrol again.',
    });
  }
}

/** Stores the instance; returns the file. */
export function writeInstance(configDir: string, stored: StoredInstance): string {
  const file = fileOf(configDir, stored.controlUrl, stored.agent);
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.draft`;
  writeFileSync(draft, `${JSON.stringify(stored)}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
  return file;
}

export function removeInstance(configDir: string, controlUrl: string, agent: string): void {
  rmSync(fileOf(configDir, controlUrl, agent), { force: true });
}
