/** What must hold of the log when everything has come to rest: it is whole, it says what was acknowledged, and its decisions can be made again. */
import {
  type Checkpoint,
  type CheckpointSigner,
  formatVkey,
  parseVkey,
  verifyCheckpoint,
} from '@atf/core/audit/checkpoint';
import { decodeEntry, type Entry } from '@atf/core/audit/entry';
import { gapOf } from '@atf/core/audit/gap';
import { openPayload } from '@atf/core/audit/payload';
import { decodeBundle, tilePath, tileWidth, widthAt } from '@atf/core/audit/tiles';
import { verifyTree } from '@atf/core/audit/verify-log';
import type { PayloadRow } from '@atf/control/audit/store';
import { policyFacts } from '@atf/core/policy/question';
import { compilePolicySet } from '@atf/core/policy/compile';
import type { DecisionRecord, OutcomeRecord } from '@atf/core/record';
import { replay, type ReplaySources } from '@atf/core/replay';
import type { PolicyFacts } from '@atf/core/world';
import type { Checks } from './checks.ts';
import { gatewayKey } from './control-node.ts';
import type { ControlState } from './control-state.ts';
import type { View } from './rows.ts';

const vkeyOf = ({ name, publicKey }: CheckpointSigner): string => formatVkey(name, publicKey);

/** Watches every checkpoint as it becomes public: sizes only rise, and one size has one root. */
export class CheckpointWatch {
  /** Of the log under its present name. */
  seen: Checkpoint[] = [];
  /** Under its name before a restore, as far as the backup goes. */
  before: Checkpoint[] = [];
  readonly #checks: Checks;
  readonly #signer: () => CheckpointSigner;

  constructor(checks: Checks, signer: () => CheckpointSigner) {
    this.#checks = checks;
    this.#signer = signer;
  }

  /** The log goes on under another name, from a backup of this size. */
  restored(size: number): void {
    this.before = this.seen.filter((checkpoint) => checkpoint.size <= size);
    this.seen = [];
  }

  published(note: string): void {
    const parsedKey = parseVkey(vkeyOf(this.#signer()));
    if (parsedKey === undefined) throw new Error('the key of the log is malformed');
    const verified = verifyCheckpoint(note, parsedKey);
    if (!verified.ok) this.#checks.fail('every checkpoint is signed', verified.problem);
    const { checkpoint } = verified;
    const last = this.seen.at(-1);
    if (last !== undefined && checkpoint.size < last.size)
      this.#checks.fail('the log only grows', `a checkpoint of ${checkpoint.size} after one of ${last.size}`);
    if (last?.size === checkpoint.size && Buffer.compare(last.root, checkpoint.root) !== 0)
      this.#checks.fail('the log only grows', `two roots at ${checkpoint.size}`);
    if (last?.size !== checkpoint.size) this.seen.push(checkpoint);
  }
}

export interface FinalInput {
  readonly checks: Checks;
  /** The files of the log. */
  readonly tiles: { readonly files: ReadonlyMap<string, Uint8Array> };
  readonly checkpoints: CheckpointWatch;
  readonly rows: View;
  readonly state: ControlState;
  /** All that ever were, and those that a restore left behind. */
  readonly gateways: readonly string[];
  readonly retired: ReadonlySet<string>;
  readonly signer: CheckpointSigner;
  /** Restores that the log must tell of. */
  readonly restores: number;
  readonly payloadKey: Uint8Array;
}

export interface FinalCounts {
  readonly entries: number;
  readonly gaps: number;
  readonly unreported: number;
  readonly replayed: number;
  readonly checkpoints: number;
}

const compiledSets = new Map<string, PolicyFacts>();

export class FinalChecks {
  readonly #input: FinalInput;
  readonly #entries: Entry[] = [];

  constructor(input: FinalInput) {
    this.#input = input;
  }

  async run(): Promise<FinalCounts> {
    const { checks, tiles, checkpoints, gateways, signer, restores } = this.#input;
    const note = Buffer.from(tiles.files.get('checkpoint') ?? []).toString('utf8');
    const report = await verifyTree(
      async (path) => tiles.files.get(path),
      note,
      vkeyOf(signer),
      new Map(gateways.map((id) => [id, [gatewayKey]])),
      { remembered: [...checkpoints.before, ...checkpoints.seen] },
    );
    if (!report.ok)
      checks.fail(
        'an outside verifier finds the log whole',
        report.problems
          .map(({ message }) => message)
          .slice(0, 3)
          .join('; '),
      );
    if (report.forks > 0) checks.fail('an outside verifier finds the log whole', 'a gateway forked');
    if (report.continues.length !== restores)
      checks.fail(
        'a restored log names the one that it continues',
        `${report.continues.length} of ${restores}`,
      );
    this.#read(report.size);
    const unreported = this.#outcomes();
    if (report.unreported !== unreported)
      checks.fail(
        'every intent has an outcome or is counted',
        `${unreported} have none, ${report.unreported} are counted`,
      );
    const replayed = this.#replay();
    this.#acknowledged();
    this.#effects();
    return {
      entries: report.size,
      gaps: report.gaps,
      unreported,
      replayed,
      checkpoints: checkpoints.seen.length,
    };
  }

  #read(size: number): void {
    const { tiles, checks } = this.#input;
    for (let index = 0; index * tileWidth < size; index++) {
      const bytes = tiles.files.get(tilePath({ level: 'entries', index, width: widthAt(0, index, size) }));
      for (const entry of bytes === undefined ? [] : decodeBundle(bytes, widthAt(0, index, size)).entries) {
        const read = decodeEntry(entry);
        if (read === undefined) return checks.fail('every leaf can be read', `in bundle ${index}`);
        this.#entries.push(read);
      }
    }
    if (this.#entries.length !== size)
      checks.fail('every leaf can be read', `${this.#entries.length} of ${size}`);
  }

  /** Acknowledged records are in the log, or in a gap that is on record. */
  #acknowledged(): void {
    const { checks } = this.#input;
    const logged = new Map<string, Entry>();
    for (const entry of this.#entries) {
      if ('gateway' in entry.source)
        logged.set(`${entry.source.gateway} ${entry.source.epoch} ${entry.source.seq}`, entry);
    }
    const gaps = this.#entries.map((entry) => gapOf(entry)).filter((gap) => gap !== undefined);
    for (const { gateway, epoch, seq, type, action, lost } of checks.acknowledged) {
      const entry = logged.get(`${gateway} ${epoch} ${seq}`);
      if (entry?.type === type && entry.action === action) continue;
      const declared = gaps.some((gap) => gap.gateway === gateway && gap.from <= seq && seq <= gap.to);
      if (lost === 'unreported' || (lost === 'reported' && declared)) continue;
      checks.fail(
        'what is acknowledged is in the log',
        `${type} ${epoch}/${seq} of ${gateway.slice(0, 8)} is not, nor in a gap`,
        gateway,
        action ?? '',
      );
    }
  }

  /** Returns how many intents have no outcome; each of them for a reason. */
  #outcomes(): number {
    const { checks, retired } = this.#input;
    const open = new Map<string, { readonly gateway: string; readonly epoch: number }>();
    const last = new Map<string, number>();
    for (const { type, action = '', source, body } of this.#entries) {
      if ('gateway' in source)
        last.set(source.gateway, Math.max(last.get(source.gateway) ?? 0, source.epoch));
      if (type === 'action.intent' && 'gateway' in source)
        open.set(action, { gateway: source.gateway, epoch: source.epoch });
      if (type !== 'action.outcome') continue;
      open.delete(action);
      checks.outcomeRead(body as unknown as OutcomeRecord);
    }
    for (const [action, { gateway, epoch }] of open) {
      // A new epoch follows every death and every failed write: the outcome was lost with it, or refused.
      const survived =
        last.get(gateway) === epoch && !checks.outcomesRefused.has(action) && !retired.has(gateway);
      if (survived)
        checks.fail(
          'every intent has an outcome or is counted',
          'its gateway lives and said nothing',
          action,
          gateway,
        );
    }
    return open.size;
  }

  #argsText(record: DecisionRecord): string | undefined {
    const { rows, payloadKey } = this.#input;
    const row = rows.get<PayloadRow>('audit_payload', record.payload?.id ?? '');
    if (row?.kid == null || row.wrapped_key === null || row.salt === null || row.ciphertext === null)
      return undefined;
    const [wrappedKey, salt] = [
      Buffer.from(row.wrapped_key).toString('base64url'),
      Buffer.from(row.salt).toString('base64url'),
    ];
    const commitment = record.payload?.commitment ?? '';
    return openPayload(
      { id: row.id, kid: row.kid, wrappedKey, salt, ciphertext: row.ciphertext, commitment },
      payloadKey,
    )?.toString('utf8');
  }

  #replay(): number {
    const { checks, state } = this.#input;
    const sources: ReplaySources = {
      manifest: (digest) => state.manifests.get(digest),
      definition: (digest) => state.definitions.get(digest),
      policy: (digest) => {
        const doc = state.policyDocs.get(digest);
        const compiled =
          doc === undefined || compiledSets.has(digest) ? undefined : compilePolicySet(doc.policies);
        if (compiled?.ok === true) compiledSets.set(digest, policyFacts(compiled.set, digest, 0));
        return compiledSets.get(digest);
      },
    };
    let replayed = 0;
    for (const { type, body } of this.#entries) {
      if (type !== 'action.intent' && type !== 'action.asked' && type !== 'action.refused') continue;
      const record = body as unknown as DecisionRecord;
      const answer = replay(record, this.#argsText(record), sources);
      const about = [record.actionId, record.agentId];
      if (answer.verdict === 'unreplayable')
        checks.fail(
          'replaying a record gives its decision',
          `${type}: ${JSON.stringify(answer.missing)}`,
          ...about,
        );
      if (answer.verdict === 'differs')
        checks.fail(
          'replaying a record gives its decision',
          `${type}: ${JSON.stringify(answer.differences)}`,
          ...about,
        );
      replayed++;
    }
    return replayed;
  }

  /** Every effect stands in the log (or its gap) with exactly the bytes that ran. */
  #effects(): void {
    const { checks } = this.#input;
    const intents = new Map(
      this.#entries
        .filter(({ type }) => type === 'action.intent')
        .map((entry) => [entry.action, entry.body as unknown as DecisionRecord]),
    );
    for (const { intent, args, key } of checks.effects) {
      const record = intents.get(intent.record.actionId);
      if (record !== undefined && this.#argsText(record) !== args)
        checks.fail('what ran is what is on record', 'other bytes ran', key, record.actionId);
    }
  }
}
