/**
 * Room: audit, gateway side (B-1, invariant 1): record before act. An append-only, signed, hash-chained spool on the local disk with
 * group commit: while one batch is being made durable the next one gathers, so that a lone writer never waits for company and many
 * writers share one seal and one fdatasync. An append resolves when its record is durable, or with a refusal; never otherwise.
 *
 * Not here: encryption of payloads (the caller's), shipping (reads with `readFrom`, confirms with `acknowledged`), policy on whether
 * `local` durability is enough.
 *
 * Why nothing acknowledged is lost and nothing refused comes back in another form:
 *  1. A batch is acknowledged only after its fdatasync. Only then may `readFrom` see it.
 *  2. After any failed write the chain returns to the last acknowledged record, everything waiting is refused, and so is every append
 *     until `revive` has durably cut whatever the failed write left behind.
 *  3. The work goes on in a new epoch, so that (gateway, epoch, seq) never names two records.
 */
import { type EntryDraft, encodeEntry } from '@atf/core/audit/entry';
import { makeSeal } from '@atf/core/audit/gateway-key';
import { leafHash } from '@atf/core/audit/merkle';
import {
  batchBytesMax,
  batchRecordsMax,
  encodeBatch,
  encodeHeader,
  encodePayload,
  type PayloadFrame,
  payloadBytesMax,
  type SpoolPosition,
} from '@atf/core/audit/spool-frame';
import { refusal, refuse } from '@atf/core/errors';
import {
  type AppendResult,
  epochLast,
  probeEveryMsDefault,
  reserveBytes,
  segmentBytesMaxDefault,
  type SpoolHead,
  type SpoolOptions,
  spoolBytesMaxDefault,
} from './spool-options.ts';
import { openSpoolDisk, type SpoolDisk, type SpoolFile } from './spool-disk.ts';
import { lockSpool } from './spool-lock.ts';
import { type Shipment, SpoolReader } from './spool-reader.ts';
import {
  type ChainHead,
  epochName,
  probeName,
  type Recovered,
  recoverSpool,
  reserveName,
  type Segment,
  segmentName,
} from './spool-recovery.ts';

/** Must fit before a failed spool counts as well again, so that it does not flap at the last free block. */
const probeBytes = 262_144;
/** Part of the queue that only urgent records may use. */
const urgentRecords = 64;
const urgentBytes = 1_048_576;

export type { AppendResult, SpoolHead, SpoolOptions } from './spool-options.ts';

interface Waiting {
  readonly entry: Uint8Array;
  readonly payload: Uint8Array | undefined;
  readonly bytes: number;
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly settle: (result: AppendResult) => void;
}

interface ActiveSegment {
  readonly segment: Segment;
  readonly file: SpoolFile;
}

const unwritable = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO']);

const unavailable = (detail: string): AppendResult => ({
  ok: false,
  refusal: refusal('audit.record_unavailable', detail),
});

export class Spool {
  private readonly disk: SpoolDisk;
  private readonly options: SpoolOptions;
  private readonly segments: Segment[];
  private readonly reader: SpoolReader;
  private readonly listeners = new Set<() => void>();
  private readonly release: () => void;
  private active: ActiveSegment | undefined;
  private epoch: number;
  /** Last acknowledged record. */
  private durable: ChainHead;
  /** Last record handed out, durable or not. */
  private tip: { seq: number; prev: string };
  private sealToCarry: string | undefined;
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private flushing: Promise<void> | undefined;
  private reviving: Promise<boolean> | undefined;
  private probeTimer: NodeJS.Timeout | undefined;
  /** Why nothing is taken. */
  private failure: string | undefined;
  /** Why only stops are taken: the reserved space is being spent. */
  private strain: string | undefined;
  private closed = false;
  /** What opening found: bytes of a torn tail, names of damaged segments. For the operator's log. */
  readonly recovered: { readonly truncatedBytes: number; readonly damaged: readonly string[] };

  /** Use `openSpool`. */
  constructor(disk: SpoolDisk, options: SpoolOptions, found: Recovered, release: () => void) {
    this.disk = disk;
    this.options = options;
    this.segments = found.segments;
    this.release = release;
    this.epoch = Math.max(found.epoch, options.epochMin ?? 0);
    this.durable = found.head;
    this.tip = { seq: found.head.seq, prev: Buffer.from(found.head.hash).toString('base64url') };
    this.sealToCarry = found.head.seal;
    this.recovered = { truncatedBytes: found.truncatedBytes, damaged: found.damaged };
    this.reader = new SpoolReader(disk, this.segments, () => this.durable.seq);
  }

  /**
   * Records one event; resolves when leaf and payload are durable. Refusals: `audit.spool_full` (too much waits),
   * `audit.record_unavailable` (the disk fails), `audit.record_too_large`.
   */
  append(draft: EntryDraft, payload?: PayloadFrame): Promise<AppendResult> {
    return this.enqueue(draft, payload, false);
  }

  /**
   * Records a stop (invariant 1: containment is exempt from full queues). Passes the bounds that keep ordinary records out, and
   * spends the reserved disk space when the disk is full. The caller has stopped already, whatever this resolves to.
   */
  async appendUrgent(draft: EntryDraft, payload?: PayloadFrame): Promise<AppendResult> {
    if (this.failure !== undefined && !this.closed) {
      this.strain = this.failure;
      await this.disk.remove(reserveName).catch(() => undefined);
      // The first answer may be that of a probe under way, which wanted more space than a stop needs.
      if (!(await this.revive(true))) await this.revive(true);
      this.scheduleProbe();
    }
    return this.enqueue(draft, payload, true);
  }

  private enqueue(
    draft: EntryDraft,
    payload: PayloadFrame | undefined,
    urgent: boolean,
  ): Promise<AppendResult> {
    if (this.closed) return Promise.resolve(unavailable('The spool is closed.'));
    const refused = this.failure ?? (urgent ? undefined : this.strain);
    if (refused !== undefined) return Promise.resolve(unavailable(refused));
    const spoolBytesMax = this.options.spoolBytesMax ?? spoolBytesMaxDefault;
    const recordsMax = urgent ? batchRecordsMax : batchRecordsMax - urgentRecords;
    const bytesMax = urgent ? batchBytesMax : batchBytesMax - urgentBytes;
    const full: AppendResult = { ok: false, refusal: refusal('audit.spool_full') };
    if (this.waiting.length >= recordsMax || (!urgent && this.bytesOnDisk() >= spoolBytesMax))
      return Promise.resolve(full);
    const payloadBytes = payload === undefined ? undefined : encodePayload(payload);
    const { gateway } = this.options;
    const seq = this.tip.seq + 1;
    const source = { gateway, epoch: this.epoch, seq, prev: this.tip.prev };
    const entry = encodeEntry(
      draft,
      this.sealToCarry === undefined ? source : { ...source, seal: this.sealToCarry },
    );
    if (entry === undefined || (payloadBytes?.length ?? 0) > payloadBytesMax) {
      return Promise.resolve({ ok: false, refusal: refusal('audit.record_too_large') });
    }
    const bytes = entry.length + (payloadBytes?.length ?? 0);
    if (this.waitingBytes + bytes > bytesMax) return Promise.resolve(full);
    this.sealToCarry = undefined;
    const hash = leafHash(entry);
    this.tip = { seq, prev: Buffer.from(hash).toString('base64url') };
    this.waitingBytes += bytes;
    return new Promise((settle) => {
      this.waiting.push({ entry, payload: payloadBytes, bytes, seq, hash, settle });
      this.wake();
    });
  }

  /** Starts the commit loop in the next turn of the event loop, so that everybody who is ready now shares the commit. */
  private wake(): void {
    if (this.flushing !== undefined || this.failure !== undefined) return;
    this.flushing = new Promise((done) => {
      setImmediate(() => void this.commitAll().then(done));
    });
  }

  private async commitAll(): Promise<void> {
    while (this.waiting.length > 0 && this.failure === undefined) {
      const batch = this.waiting;
      this.waiting = [];
      this.waitingBytes = 0;
      try {
        await this.commit(batch);
      } catch (error) {
        this.fail(batch, error);
        break;
      }
      for (const { settle, seq } of batch) settle({ ok: true, epoch: this.durable.epoch, seq });
      for (const listener of this.listeners) listener();
      // Writers that were waiting for this commit join the next one.
      await new Promise((next) => setImmediate(next));
    }
    this.flushing = undefined;
    if (this.waiting.length > 0) this.wake();
  }

  private async commit(batch: readonly Waiting[]): Promise<void> {
    const { gateway, signer } = this.options;
    const last = batch.at(-1) as Waiting;
    const head: ChainHead = { epoch: this.epoch, seq: last.seq, hash: last.hash, seal: undefined };
    const seal = makeSeal({ gateway, seq: head.seq, hash: head.hash }, signer);
    // No await since the batch was closed: whoever is appended next follows the sealed record directly and carries the seal.
    this.sealToCarry = seal;
    const firstSeq = this.durable.seq + 1;
    const frame = encodeBatch({
      gateway,
      epoch: this.epoch,
      firstSeq,
      prev: this.durable.hash,
      records: batch,
      seal,
    });
    const { segment, file } = await this.segmentFor(frame.length);
    await file.write(frame, segment.bytes);
    await file.sync();
    segment.bytes += frame.length;
    segment.lastSeq = head.seq;
    this.durable = { ...head, seal };
    const { name, bytes: end } = segment;
    this.reader.remember({ frame, epoch: head.epoch, firstSeq, lastSeq: head.seq, name, end });
  }

  private async segmentFor(frameBytes: number): Promise<ActiveSegment> {
    const max = this.options.segmentBytesMax ?? segmentBytesMaxDefault;
    const { active } = this;
    if (
      active !== undefined &&
      (active.segment.lastSeq < active.segment.firstSeq || active.segment.bytes + frameBytes <= max)
    ) {
      return active;
    }
    await this.beginSegment();
    return this.active as ActiveSegment;
  }

  /** Creates the next segment durably (header, then name) before any record goes into it. */
  private async beginSegment(): Promise<void> {
    const { epoch, durable } = this;
    const firstSeq = durable.seq + 1;
    const prev = Buffer.from(durable.hash).toString('base64url');
    const header = { v: 1 as const, gateway: this.options.gateway, epoch, firstSeq, prev };
    const bytes = encodeHeader(durable.seal === undefined ? header : { ...header, seal: durable.seal });
    const name = segmentName(epoch, firstSeq);
    const file = await this.disk.create(name);
    try {
      await file.write(bytes, 0);
      await file.sync();
      await this.disk.syncDirectory();
    } catch (error) {
      await file.close().catch(() => undefined);
      await this.disk.remove(name).catch(() => undefined);
      throw error;
    }
    const before = this.active;
    const segment: Segment = { name, epoch, firstSeq, lastSeq: firstSeq - 1, bytes: bytes.length };
    this.active = { segment, file };
    this.segments.push(segment);
    // Its records are durable; a failing close cannot change that.
    await before?.file.close().catch(() => undefined);
  }

  /** Refuses everything that is not durable and takes the chain back to what is. */
  private fail(batch: readonly Waiting[], error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown fault';
    this.failure = `The disk of the gateway failed (${code}).`;
    const refused = [...batch, ...this.waiting];
    this.waiting = [];
    this.waitingBytes = 0;
    this.tip = { seq: this.durable.seq, prev: Buffer.from(this.durable.hash).toString('base64url') };
    this.sealToCarry = this.durable.seal;
    for (const { settle } of refused) settle(unavailable(this.failure));
    this.scheduleProbe();
  }

  private scheduleProbe(): void {
    clearTimeout(this.probeTimer);
    if (this.closed) return;
    this.probeTimer = setTimeout(() => void this.probe(), this.options.probeEveryMs ?? probeEveryMsDefault);
    this.probeTimer.unref();
  }

  /** Tries to bring a failed spool back; true when it takes records. Runs by itself while the spool is failed. */
  async probe(): Promise<boolean> {
    let well = await this.revive(false);
    if (well && this.strain !== undefined) {
      well = await this.reserveSpace().then(
        () => true,
        () => false,
      );
      if (well) this.strain = undefined;
    }
    if (!well && !this.closed) this.scheduleProbe();
    return well;
  }

  private revive(urgent: boolean): Promise<boolean> {
    if (this.failure === undefined) return Promise.resolve(!this.closed);
    this.reviving ??= this.tryRevive(urgent).finally(() => {
      this.reviving = undefined;
    });
    return this.reviving;
  }

  private async tryRevive(urgent: boolean): Promise<boolean> {
    await this.flushing;
    try {
      await this.cutFailedTail();
      if (!urgent) await this.reserveSpace();
      await this.beginEpoch();
    } catch {
      return false;
    }
    this.failure = undefined;
    if (!urgent) this.strain = undefined;
    return true;
  }

  /** Removes what a failed write may have left behind the last acknowledged frame, durably, before anything else is written. */
  private async cutFailedTail(): Promise<void> {
    const { active } = this;
    if (active === undefined) return;
    await active.file.truncate(active.segment.bytes);
    await active.file.sync();
  }

  private async reserveSpace(): Promise<void> {
    await this.disk.replace(probeName, Buffer.alloc(probeBytes));
    const names = await this.disk.list();
    if (!names.includes(reserveName)) await this.disk.replace(reserveName, Buffer.alloc(reserveBytes, 0xa5));
    await this.disk.remove(probeName);
  }

  /** The number is durable before any record bears it: no epoch is ever used twice. @internal used by openSpool */
  async beginEpoch(): Promise<void> {
    const epoch = this.epoch + 1;
    if (epoch > epochLast) throw new RangeError('the epochs of this spool are used up');
    await this.disk.replace(epochName, Buffer.from(String(epoch)));
    this.epoch = epoch;
    await this.beginSegment();
  }

  /** @internal used by openSpool */
  async prepare(): Promise<void> {
    await this.reserveSpace();
    await this.beginEpoch();
  }

  private bytesOnDisk(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** The last durable record. */
  head(): SpoolHead {
    return {
      epoch: this.epoch,
      seq: this.durable.seq,
      head: Buffer.from(this.durable.hash).toString('base64url'),
    };
  }

  /** `failed`: no append is taken; `detail` says why, without paths. */
  state(): { readonly failed: boolean; readonly detail: string | undefined; readonly bytes: number } {
    const detail = this.failure ?? this.strain;
    return { failed: detail !== undefined, detail, bytes: this.bytesOnDisk() };
  }

  /** Calls `listener` after every commit, so that a shipper need not poll. Returns what ends it. */
  onDurable(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The first durable batch with a record behind `position` (undefined: from the oldest kept); undefined when there is none yet. */
  readFrom(position: SpoolPosition | undefined): Promise<Shipment | undefined> {
    return this.reader.readFrom(position);
  }

  /** Control has everything up to `position` durably: whole segments before it are deleted. The youngest always stays. */
  async acknowledged(position: SpoolPosition): Promise<void> {
    if (position.seq > this.durable.seq) throw new RangeError('acknowledged more than was recorded');
    this.reader.forget(position.seq);
    for (;;) {
      const [oldest] = this.segments;
      if (oldest === undefined || this.segments.length < 2 || oldest.lastSeq > position.seq) return;
      await this.disk.remove(oldest.name);
      // Another acknowledgement may have been faster.
      if (this.segments[0] === oldest) this.segments.shift();
    }
  }

  /** Commits what waits, then refuses. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.probeTimer);
    while (this.flushing !== undefined) await this.flushing;
    await this.reviving;
    await this.active?.file.close().catch(() => undefined);
    this.release();
  }
}

/**
 * Opens the spool: takes the lock, cuts a torn tail, reserves disk space, begins a new epoch durably.
 * @throws RefusalError `storage.locked`; `storage.unwritable` when the directory cannot be written; Error for damage or another's spool.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const disk = options.disk ?? (await openSpoolDisk(options.directory));
  const release = options.disk === undefined ? lockSpool(options.directory) : () => undefined;
  try {
    const spool = new Spool(disk, options, await recoverSpool(disk, options.gateway), release);
    await spool.prepare();
    return spool;
  } catch (error) {
    release();
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && unwritable.has(code))
      refuse('storage.unwritable', `The spool of the gateway cannot be written (${code}).`);
    throw error;
  }
}
