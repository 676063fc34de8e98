/**
 * Room: audit (B-1, invariant 8). The witnesses of this deployment: read from the policy file that the operator named, joined with the log, shown to people.
 * The file is the operator's word on this host, so its addresses are not vetted further than that they keep to HTTPS beyond this machine.
 */
import { parseVkey } from '@atf/core/audit/checkpoint';
import { type LogPolicy, parseLogPolicy, policyBytesMax } from '@atf/core/audit/log-policy';
import { rawPublicKey } from '@atf/core/audit/signed-note';
import { refuse } from '@atf/core/errors';
import { open } from 'node:fs/promises';
import type { Control } from '../context.ts';
import type { SequencerStatus } from './sequencer.ts';
import type { TileStore } from './tile-store.ts';
import { askWitness } from './witness-client.ts';
import { openWitnessing, type Witnessing } from './witnessing.ts';

const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

const invalid = (detail: string): never => refuse('audit.witness_policy_invalid', detail);

async function fileBytes(file: string): Promise<Buffer> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      return size > policyBytesMax ? invalid(`${file} is too long`) : await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') return invalid(`${file}: ${code}`);
    throw fault;
  }
}

/** Reads the policy by which the log whose key is `vkey` is witnessed. Refuses `audit.witness_policy_invalid` with what is wrong. */
export async function readWitnessPolicy(file: string, vkey: string): Promise<LogPolicy> {
  const read = parseLogPolicy(await fileBytes(file));
  if (!read.ok) return invalid(`${file}, ${read.problem}`);
  const { policy } = read;
  const own = parseVkey(vkey);
  const isOwn = policy.logs.some(
    ({ key }) =>
      own !== undefined &&
      key.name === own.name &&
      rawPublicKey(key.publicKey).equals(rawPublicKey(own.publicKey)),
  );
  if (policy.logs.length > 0 && !isOwn)
    return invalid(`${file} is for other logs; the line of this one is: log ${vkey}`);
  if (!policy.witnesses.some(({ url }) => url !== undefined))
    return invalid(`${file} has no witness with an address`);
  for (const { name, url } of policy.witnesses) {
    if (url === undefined) continue;
    const { protocol, hostname, username, password } = new URL(url);
    const plain = protocol === 'http:' && loopback.has(hostname);
    if ((protocol !== 'https:' && !plain) || username !== '' || password !== '')
      invalid(
        `${file}: the address of ${name} must be https (http on this machine only), without a password`,
      );
  }
  return policy;
}

/** Starts to ask the witnesses of `policyFile`; undefined: none is named. Refuses `audit.witness_policy_invalid`. */
export async function startWitnessing(
  control: Control,
  policyFile: string | undefined,
  log: { readonly store: TileStore; readonly status: () => SequencerStatus; readonly vkey: string },
): Promise<Witnessing | undefined> {
  if (policyFile === undefined) return undefined;
  const policy = await readWitnessPolicy(policyFile, log.vkey);
  const witnessing = await openWitnessing({
    policy,
    store: log.store,
    status: log.status,
    clock: control.clock,
    ask: askWitness,
    async onDisagreed(disagreed) {
      control.log.error({ disagreed }, 'a witness disagrees with the log');
      await control.change((tx) => control.audit.enqueue(tx, 'audit.witness_disagreed', { ...disagreed }));
    },
    onFault: (fault) => control.log.error({ err: fault }, 'the witnessing met a fault'),
  });
  witnessing.start();
  return witnessing;
}
