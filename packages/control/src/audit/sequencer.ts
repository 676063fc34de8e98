/**
 * Room: audit (B-1, invariant 8): the one writer of the log. It takes pending leaves in their order, grows the tree, and signs.
 *
 * The order of a step, and why a crash between any two lines, or a second sequencer at any moment, loses and contradicts nothing:
 *
 *   1. read the oldest pending leaves; grow the tree in memory
 *   2. persist all new files in one staging file, named after the new head
 *        – crash here: nobody refers to it; the leaves are still pending; the next start drops it
 *   3. one transaction: compare-and-set the head (size, root, fence), delete exactly these pending leaves, index them
 *        – the commit decides. Before it the leaves are pending, after it they are in the log; never both, never neither
 *        – a sequencer with an older fence fails here, and has so far written nothing but its own staging file
 *   4. persist the files under their paths
 *        – crash here: the committed head names its staging file, from which the next start repeats this step (open-check.ts)
 *        – all who ever write these paths write the same bytes: they follow from the committed head
 *   5. sign the checkpoint of the committed head and persist it
 *        – the tree that it promises is durable already (3, 4), so that no loss of power can leave a promise without its tree
 *        – sizes only rise: heads only rise (3), and a checkpoint is not written over one of a larger size
 *   6. remove the staging file, and partial files that full ones replace
 *        – crash here: leftovers, removed at the next start
 *
 * If the answer to 3 is lost, the head in the database is asked before anything else is done.
 */
import {
  type Checkpoint,
  formatVkey,
  parseVkey,
  signCheckpoint,
  type VerifierKey,
} from '@atf/core/audit/checkpoint';
import { formatGatewayKeys, type GatewayKeyRecord } from '@atf/core/audit/gateway-key';
import { hashesEqual } from '@atf/core/audit/merkle';
import { parseTilePath, tileWidth } from '@atf/core/audit/tiles';
import { type Growth, growTree, type LogFile, type TreeEdge } from '@atf/core/audit/tree-edge';
import { refuse } from '@atf/core/errors';
import { insertIndexRows } from './index-store.ts';
import { completeIndex, indexRow } from './log-index.ts';
import {
  checkpointPath,
  gatewayKeysPath,
  type LogPlace,
  openLog,
  type OpenedLog,
  storedCheckpoint,
  vkeyPath,
} from './open-check.ts';
import { encodeStaging, stagingPath } from './staging.ts';
import {
  advanceHead,
  deletePending,
  logHead,
  type LogHeadRow,
  type PendingRow,
  pendingRows,
} from './store.ts';

/** Leaves in one step: one transaction, and on an embedded database beats wait for it, so it must stay far below the lease. */
export const stepEntriesMax = 256;
/** Least time between steps, so that leaves gather: well under the second in which a checkpoint must follow. */
const gatherMs = 100;
/** Looks for leaves of other replicas at least this often. */
const lookMs = 500;
const retryMs = 1_000;

export interface SequencerOptions extends LogPlace {
  /** Every key that gateways of this tenant ever sealed with, for `gateways.json`. */
  readonly gatewayKeys: () => Promise<ReadonlyMap<string, readonly GatewayKeyRecord[]>>;
  /** Told about faults of storage (the step is tried again) and about the loss of the fence (it ends). */
  readonly onFault?: (fault: unknown) => void;
  /** Told after each signed checkpoint. */
  readonly onSigned?: (size: number) => void;
}

/** What is signed, as everybody may know it. */
export interface LogStanding {
  readonly signedSize: number;
  readonly checkpoint: string;
  readonly signedAt: number | undefined;
}

export interface SequencerStatus extends LogStanding {
  readonly size: number;
  /** Another process took over the log. */
  readonly fenced: boolean;
}

export class Sequencer {
  private readonly options: SequencerOptions;
  private head: LogHeadRow;
  private edge: TreeEdge;
  private signed: Checkpoint | undefined;
  /** Committed or possibly committed, and not yet published. */
  private pending: Growth | undefined;
  private uncertain: boolean;
  private note = '';
  private signedAt: number | undefined;
  private fenced = false;
  private gatewayKeysText = '';
  private readonly key: VerifierKey;
  private loop: Promise<void> | undefined;
  private stopping = false;
  private wakeUp: () => void = () => undefined;
  private stepping: Promise<unknown> = Promise.resolve();

  /** Use `openSequencer`. */
  constructor(options: SequencerOptions, opened: OpenedLog) {
    this.options = options;
    this.head = opened.head;
    this.edge = opened.edge;
    this.signed = opened.signed;
    this.uncertain = false;
    this.key = parseVkey(formatVkey(options.signer.name, options.signer.publicKey)) as VerifierKey;
  }

  /**
   * One step; resolves with how many leaves went into the log when they are signed. Steps run one after the other. Refuses by throwing
   * `audit.sequencer_fenced`; rejects when storage fails, and may then be called again.
   */
  step(): Promise<number> {
    const next = this.stepping.then(
      () => this.run(),
      () => this.run(),
    );
    this.stepping = next.catch(() => undefined);
    return next;
  }

  private async run(): Promise<number> {
    if (this.fenced) refuse('audit.sequencer_fenced');
    if (this.uncertain) await this.resolveUncertain();
    if (this.pending !== undefined) await this.publish(this.pending);
    else if (this.signed === undefined)
      await this.publish({ edge: this.edge, root: this.head.root, hashes: [], files: [] });
    const { db, store, tenant } = this.options;
    const rows = await pendingRows(db, tenant, stepEntriesMax);
    if (rows.length === 0) {
      await this.writeGatewayKeys();
      return 0;
    }
    const growth = growTree(
      this.edge,
      rows.map((row) => row.entry),
    );
    await store.put([
      { path: stagingPath(growth.edge.size, growth.root), bytes: encodeStaging(growth.files) },
    ]);
    await this.commit(rows, growth);
    await this.publish(growth);
    return rows.length;
  }

  private async commit(rows: readonly PendingRow[], growth: Growth): Promise<void> {
    const { change, tenant } = this.options;
    const first = this.edge.size;
    this.pending = growth;
    this.uncertain = true;
    const advanced = await change(async (tx) => {
      if (!(await advanceHead(tx, this.head, { size: growth.edge.size, root: growth.root }))) return false;
      const ids = rows.map((row) => row.id);
      if ((await deletePending(tx, tenant, ids)) !== ids.length)
        throw new Error('pending leaves vanished under the sequencer');
      const index = rows.map((row, i) =>
        indexRow(tenant, first + i, row.entry, growth.hashes[i] as Uint8Array),
      );
      await insertIndexRows(tx, index);
      return true;
    });
    if (!advanced) this.loseFence();
    this.accept(growth);
  }

  private accept(growth: Growth): void {
    this.uncertain = false;
    this.head = { ...this.head, size: growth.edge.size, root: growth.root };
    this.edge = growth.edge;
  }

  private loseFence(): never {
    this.fenced = true;
    this.pending = undefined;
    return refuse('audit.sequencer_fenced');
  }

  /** The answer to a commit was lost: the head says whether it happened. */
  private async resolveUncertain(): Promise<void> {
    const { db, tenant } = this.options;
    const growth = this.pending as Growth;
    const stored = await logHead(db, tenant, this.head.origin);
    if (stored === undefined || stored.fence !== this.head.fence) return this.loseFence();
    if (stored.size === growth.edge.size && hashesEqual(stored.root, growth.root)) return this.accept(growth);
    this.uncertain = false;
    this.pending = undefined;
    await this.options.store.remove([stagingPath(growth.edge.size, growth.root)]);
  }

  /** Steps 4 to 6. */
  private async publish(growth: Growth): Promise<void> {
    const { store, signer } = this.options;
    const size = growth.edge.size;
    const files: LogFile[] = [...growth.files];
    const keys = await this.changedGatewayKeys();
    if (keys !== undefined) files.push({ path: gatewayKeysPath, bytes: Buffer.from(keys) });
    if (files.length > 0) await store.put(files);
    if (keys !== undefined) this.gatewayKeysText = keys;
    const stored = await storedCheckpoint(store, this.key);
    if (size < (stored?.size ?? 0)) return this.loseFence();
    const checkpoint: Checkpoint = { origin: signer.name, size, root: growth.root, extensions: [] };
    const note = signCheckpoint(checkpoint, signer);
    await store.put([{ path: checkpointPath, bytes: Buffer.from(note) }]);
    this.signed = checkpoint;
    this.note = note;
    this.signedAt = this.options.clock.nowMs();
    this.pending = undefined;
    await this.tidy(growth);
    this.options.onSigned?.(size);
  }

  /** Leftovers do no harm, so a failing removal is not a failing step. */
  private async tidy(growth: Growth): Promise<void> {
    const { store } = this.options;
    try {
      const gone: string[] = [];
      if (growth.files.length > 0) gone.push(stagingPath(growth.edge.size, growth.root));
      for (const { path } of growth.files) {
        if (parseTilePath(path)?.width !== tileWidth) continue;
        for (const name of await store.list(`${path}.p`)) gone.push(`${path}.p/${name}`);
      }
      await store.remove(gone);
    } catch (fault) {
      this.options.onFault?.(fault);
    }
  }

  private async changedGatewayKeys(): Promise<string | undefined> {
    const text = formatGatewayKeys(await this.options.gatewayKeys());
    return text === this.gatewayKeysText ? undefined : text;
  }

  private async writeGatewayKeys(): Promise<void> {
    const text = await this.changedGatewayKeys();
    if (text === undefined) return;
    await this.options.store.put([{ path: gatewayKeysPath, bytes: Buffer.from(text) }]);
    this.gatewayKeysText = text;
  }

  status(): SequencerStatus {
    const { head, note, signedAt, fenced } = this;
    return { size: head.size, signedSize: this.signed?.size ?? 0, checkpoint: note, signedAt, fenced };
  }

  /** Something may be pending. Cheap; call it after every commit. */
  wake(): void {
    this.wakeUp();
  }

  /** Runs steps until `stop`, or until the fence is lost. */
  start(): void {
    this.loop ??= this.runLoop();
  }

  private async runLoop(): Promise<void> {
    while (!this.stopping && !this.fenced) {
      const woken = new Promise<void>((resolve) => {
        this.wakeUp = resolve;
      });
      try {
        if ((await this.step()) === stepEntriesMax) continue;
        await this.pause(gatherMs, undefined);
      } catch (fault) {
        this.options.onFault?.(fault);
        if (!this.fenced) await this.pause(retryMs, undefined);
        continue;
      }
      await this.pause(lookMs, woken);
    }
  }

  private async pause(ms: number, woken: Promise<void> | undefined): Promise<void> {
    if (this.stopping) return;
    let timer: NodeJS.Timeout | undefined;
    const elapsed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race(woken === undefined ? [elapsed] : [elapsed, woken]);
    clearTimeout(timer);
  }

  /** Ends the loop; what is pending by then is sequenced and signed first, unless storage fails. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wakeUp();
    await this.loop;
    try {
      while (!this.fenced && (await this.step()) > 0);
    } catch (fault) {
      this.options.onFault?.(fault);
    }
  }
}

/**
 * Opens the log (open-check.ts), completes its index, drops staging files of steps that never were, and publishes checkpoint, verifier
 * key and gateway keys. Refuses by throwing `audit.log_shorter` or `audit.log_damaged`. `start` it afterwards.
 */
export async function openSequencer(options: SequencerOptions): Promise<Sequencer> {
  const { db, change, store, tenant, signer } = options;
  const opened = await openLog(options);
  await completeIndex(db, change, store, { tenant, size: opened.head.size });
  await store.put([{ path: vkeyPath, bytes: Buffer.from(`${formatVkey(signer.name, signer.publicKey)}\n`) }]);
  // Without a signed checkpoint of its own it begins by signing the head that it was given.
  const sequencer = new Sequencer(options, { ...opened, signed: undefined });
  await sequencer.step();
  await store.remove((await store.list('staging')).map((name) => `staging/${name}`));
  return sequencer;
}
