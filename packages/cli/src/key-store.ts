/**
 * Where `atf connect` keeps an agent's key: one file per deployment and agent in the person's configuration folder, mode 0600, outside the clone and the
 * data directory. The private key in it is wrapped under a key from the environment (`ATF_AGENT_KEY`) or from a file in another folder; never a token.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { envelopeKeyOf, envelopeNonceBytes, unwrapKey, wrapKey } from '@atf/core/identity/key-envelope';
import { storedAgentKeySchema } from '@atf/sdk/agent-key';
import { z } from 'zod';
import { CliFailure, exitCodes } from './exit-codes.ts';

/** Where keys of agents are kept, and what opens them. */
export interface AgentKeyHome {
  readonly configDir: string;
  /** `ATF_AGENT_KEY`: 32 bytes in base64; it wins over the file. */
  readonly fromEnvironment: string | undefined;
  /** Made at first use; not in `configDir`, so that a copy of the one does not open the other. */
  readonly keyFile: string;
}

const instance = z.strictObject({ controlUrl: z.url(), agent: z.string(), instanceId: z.uuid() });
/** As it was written before keys were wrapped: read once, then written anew. */
const plainSchema = instance.extend({ key: storedAgentKeySchema });
const wrappedSchema = instance.extend({ v: z.literal(2), wrapped: z.string().max(4_096) });
export type StoredInstance = z.infer<typeof plainSchema>;

type Named = z.infer<typeof instance>;
/** A box opens for the instance that it was made for and for no other. */
const contextOf = ({ controlUrl, agent, instanceId }: Named): string =>
  JSON.stringify(['atf agent key v2', controlUrl, agent, instanceId]);

function fileOf(configDir: string, controlUrl: string, agent: string): string {
  const { hostname, port, protocol } = new URL(controlUrl);
  const place = `${hostname.replaceAll(/[^a-zA-Z0-9.-]/g, '_')}-${port === '' ? protocol.slice(0, -1) : port}`;
  return join(configDir, 'agents', place, `${agent.replaceAll(/[^a-z0-9_-]/g, '_')}.json`);
}

/** Text of a file that nobody else may read; undefined when there is none. */
function readPrivate(file: string, help: string): string | undefined {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) return undefined;
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    throw new CliFailure(exitCodes.refused, `Others may read the key file ${file}`, { help });
  return readFileSync(file, 'utf8');
}

/** Whole or not at all. With `once`, what is there already stays. */
function writePrivate(file: string, text: string, once = false): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.draft`;
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx' });
  try {
    chmodSync(draft, 0o600);
    if (once) linkSync(draft, file);
    else return renameSync(draft, file);
  } catch (error) {
    if (!once || (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** What opens the keys. @throws CliFailure when there is none, and none may be made */
function openingKey({ fromEnvironment, keyFile }: AgentKeyHome, make: boolean): Buffer {
  const named = fromEnvironment !== undefined && fromEnvironment !== '';
  const help = 'Keys kept here may be known or lost: enrol again.';
  if (!named && make) writePrivate(keyFile, `${randomBytes(32).toString('base64')}\n`, true);
  const text = named ? fromEnvironment : readPrivate(keyFile, help);
  const key = text === undefined ? undefined : envelopeKeyOf(text);
  if (key !== undefined) return key;
  const what = named ? 'ATF_AGENT_KEY does not hold 32 bytes in base64' : `${keyFile} holds no key`;
  throw new CliFailure(exitCodes.refused, what, {
    code: 'storage.key_missing',
    help: 'It opens the keys of agents that are kept here. Put it back, or enrol again.',
  });
}

function unwrapped(home: AgentKeyHome, file: string, value: z.infer<typeof wrappedSchema>): StoredInstance {
  const { v: _, wrapped, ...named } = value;
  const envelope = { key: openingKey(home, false), context: contextOf(named) };
  const plain = unwrapKey(envelope, Buffer.from(wrapped, 'base64url'));
  if (plain === undefined)
    throw new CliFailure(exitCodes.refused, `${file} was wrapped under another key`, {
      code: 'storage.key_missing',
      help: 'Put the former key back (ATF_AGENT_KEY, or the key file), or delete the file and enrol again.',
    });
  return { ...named, key: storedAgentKeySchema.parse(JSON.parse(plain.toString())) };
}

/** The stored instance, or undefined. @throws CliFailure when others may read the file, it is not one of ours, or nothing opens it */
export function readInstance(
  home: AgentKeyHome,
  controlUrl: string,
  agent: string,
): StoredInstance | undefined {
  const file = fileOf(home.configDir, controlUrl, agent);
  const text = readPrivate(file, 'The key may be known: delete the file and enrol again.');
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const read = wrappedSchema.safeParse(value);
    if (read.success) return unwrapped(home, file, read.data);
    const stored = plainSchema.parse(value);
    writeInstance(home, stored);
    return stored;
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(exitCodes.refused, `${file} is not a key file of atf`, {
      help: 'Delete it and enrol again.',
    });
  }
}

/** Stores the instance; returns the file. */
export function writeInstance(home: AgentKeyHome, { key, ...named }: StoredInstance): string {
  const file = fileOf(home.configDir, named.controlUrl, named.agent);
  const envelope = { key: openingKey(home, true), context: contextOf(named) };
  const box = wrapKey(envelope, randomBytes(envelopeNonceBytes), Buffer.from(JSON.stringify(key)));
  writePrivate(file, `${JSON.stringify({ v: 2, ...named, wrapped: box.toString('base64url') })}\n`);
  return file;
}

export function removeInstance({ configDir }: AgentKeyHome, controlUrl: string, agent: string): void {
  rmSync(fileOf(configDir, controlUrl, agent), { force: true });
}
