/**
 * `atf witness` (B-1, invariant 8): a witness of logs (C2SP tlog-witness). It belongs under another user, better on another machine and in other hands, than
 * the log that it watches; it needs nothing of a running ATF. Not here: its rules (core/audit/witness.ts) and its state (witness/).
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type CheckpointSigner, parseVkey } from '@atf/core/audit/checkpoint';
import { formatWitnessVkey } from '@atf/core/audit/cosignature';
import { isKeyName, type VerifierKey } from '@atf/core/audit/signed-note';
import type { KnownLogs } from '@atf/core/audit/witness';
import type { Cli, Command, CommonOptions } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { readBoundedFile } from '../witness/bounded-file.ts';
import { Witness, type WitnessEvent } from '../witness/witness.ts';
import { makeWitnessKey, readWitnessKey } from '../witness/witness-key.ts';
import { lockWitness } from '../witness/witness-lock.ts';
import { serveWitness } from '../witness/witness-server.ts';
import { headsOf, WitnessState } from '../witness/witness-state.ts';

interface WitnessOptions extends CommonOptions {
  readonly dir: string;
  readonly name?: string;
  readonly log?: readonly string[];
  readonly logs?: string;
  readonly host: string;
  readonly port: string;
  readonly plainHttp?: boolean;
}

const logsBytesMax = 1_048_576;
const logsMax = 10_000;
const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

export const witness: Command<WitnessOptions> = async (cli, _, options) => {
  const at = addressOf(options);
  const directory = resolve(cli.cwd, options.dir);
  const logs = await knownLogs(cli, options);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockWitness(directory);
  try {
    const signer = signerIn(directory, options.name);
    const state = new WitnessState(directory);
    const served = await serveWitness(
      new Witness({
        signer,
        logs,
        state,
        nowMs: () => Date.now(),
        holds: () => lock.holds(),
        tell: (event) => tellEvent(cli, event),
      }),
      at,
      (fault) => tellFault(cli, fault),
    );
    const ended = signalled();
    tellUp(cli, signer, served.url, logs);
    await ended;
    await served.close();
    cli.out.document({ stopped: true });
    return exitCodes.ok;
  } finally {
    lock.release();
  }
};

function addressOf({ host, port, plainHttp }: WitnessOptions): { host: string; port: number } {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new CliFailure(exitCodes.usage, '--port takes a port, 0 to 65535 (0: any free one)');
  if (!loopback.has(host) && plainHttp !== true)
    throw new CliFailure(
      exitCodes.usage,
      `A witness speaks plain HTTP, and ${host} is not this machine alone`,
      {
        help: 'Listen on localhost behind a proxy that has a certificate, or say --plain-http.',
      },
    );
  return { host: host === 'localhost' ? '127.0.0.1' : host, port: Number(port) };
}

/** Verifier keys of logs from the command line and from a file, by origin. */
async function knownLogs(cli: Cli, { log = [], logs }: WitnessOptions): Promise<KnownLogs> {
  const lines = [...log];
  if (logs !== undefined) {
    const bytes = await readBoundedFile(resolve(cli.cwd, logs), logsBytesMax);
    if (bytes === undefined) throw new CliFailure(exitCodes.usage, `There is no file ${logs}`);
    lines.push(...bytes.toString('utf8').split('\n'));
  }
  const known = new Map<string, VerifierKey[]>();
  for (const line of lines) {
    const vkey = line.trim();
    if (vkey === '' || vkey.startsWith('#')) continue;
    const key = parseVkey(vkey);
    if (key === undefined)
      throw new CliFailure(exitCodes.usage, `Not the verifier key of a log: ${vkey.slice(0, 100)}`, {
        help: 'It looks like NAME+8 digits+base64, one a line; GET /log/vkey of a control plane gives its own.',
      });
    known.set(key.name, [...(known.get(key.name) ?? []), key]);
  }
  if (known.size === 0 || known.size > logsMax)
    throw new CliFailure(exitCodes.usage, `A witness knows 1 to ${logsMax} logs`, {
      help: 'Name them with --log VKEY or --logs FILE.',
    });
  return known;
}

/** The key of this directory, made at the first start. @throws CliFailure when the key is there and what it signed is not */
function signerIn(directory: string, name: string | undefined): CheckpointSigner {
  const file = join(directory, 'witness.key');
  const found = readWitnessKey(file);
  const heads = headsOf(directory);
  if (found === undefined) {
    if (name === undefined || !isKeyName(name))
      throw new CliFailure(exitCodes.usage, 'A new witness needs a name', {
        help: 'Give --name, like witness.example.com/w1: no spaces, no plus.',
      });
    // An empty folder is what a first start leaves that was cut short.
    if (existsSync(heads) && readdirSync(heads).length > 0)
      throw new CliFailure(
        exitCodes.cannotStart,
        `${directory} holds the state of a witness whose key is gone`,
        {
          help: 'Put the key back, or begin in an empty directory.',
        },
      );
    mkdirSync(heads, { recursive: true, mode: 0o700 });
    const made = makeWitnessKey(file, name);
    syncFolder(directory);
    return made;
  }
  if (!existsSync(heads))
    throw new CliFailure(exitCodes.cannotStart, `${heads} is gone: nobody knows what this key has cosigned`, {
      help: 'Put the state back if it is the newest. Otherwise this key must never sign again: begin in an empty directory.',
    });
  if (name !== undefined && name !== found.name)
    throw new CliFailure(exitCodes.usage, `This witness is called ${found.name}`, {
      help: 'A key has one name. For another witness take another directory.',
    });
  return found;
}

/** Names in a folder are durable when this returns. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function signalled(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => done());
  });
}

function tellUp({ out }: Cli, signer: CheckpointSigner, url: string, logs: KnownLogs): void {
  const vkey = formatWitnessVkey(signer.name, signer.publicKey);
  out.document({ ready: true, url, name: signer.name, vkey, logs: [...logs.keys()] });
  out.say`${style('green', '✓')} Witness ${signer.name} answers at ${url}`;
  out.say`  Verifier key      ${vkey}`;
  for (const origin of logs.keys()) out.say`  Watches           ${origin}`;
  out.say`  Line of a policy  witness ${signer.name} ${vkey} ${url}`;
}

function tellEvent({ out }: Cli, event: WitnessEvent): void {
  out.document(event);
  if (event.event === 'contradicted')
    out.note`${style('red', '✗')} ${event.origin} signed a checkpoint that does not follow from the ${event.size} entries cosigned before (HTTP ${event.status}). It was not cosigned; it is kept in the evidence folder.`;
}

function tellFault({ out }: Cli, fault: unknown): void {
  const { code, message } = fault as NodeJS.ErrnoException;
  out.document({ event: 'fault', message: code ?? message });
  out.note`${style('red', '✗')} A request could not be decided: ${code ?? message}. Nothing was signed.`;
}
