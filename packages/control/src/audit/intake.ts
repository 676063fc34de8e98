/**
 * Room: audit (B-1, B-2). Takes in what gateways ship. A batch counts once, whatever is sent again: idempotent by (gateway, epoch, seq).
 * A second, different record for a place is a fork: refused, and put on record. A chain that jumps, because a gateway lost records, is
 * taken in only together with a recorded gap, so that the log itself says what is missing.
 * Not here: who may ship (the route authenticates the gateway and looks up its keys).
 */
import type { Entry, EntryDraft } from '@atf/core/audit/entry';
import type { GapBody, GapReason } from '@atf/core/audit/gap';
import type { GatewayKey } from '@atf/core/audit/gateway-key';
import { hashesEqual } from '@atf/core/audit/merkle';
import {
  decodeBatch,
  genesisHash,
  type SpoolBatch,
  type SpoolPosition,
  type VerifiedRecord,
  verifyBatch,
} from '@atf/core/audit/spool-frame';
import { type Refusal, RefusalError, refusal, refuse } from '@atf/core/errors';
import type { CarriedServers } from '@atf/core/wire/gateway-routes';
import { isJsonObject, type JsonObject } from '@atf/core/wire/json';
import { noteReviews } from '../approvals/review-intake.ts';
import { noteSources } from '../data/trust/intake.ts';
import type { Clock, Control, Tx } from '../context.ts';
import { carries } from '../gateways/carried.ts';
import { enqueue } from './outbox.ts';
import {
  type GatewayRow,
  gatewayRow,
  insertPayloads,
  insertPending,
  lockGateway,
  recordHash,
  updateGateway,
} from './store.ts';

/** Heartbeats come five times a second; what they report is written at most this often. */
const reportEveryMs = 1_000;

/** The gateway that ships, as its route has authenticated it. */
export interface Shipper {
  readonly gateway: string;
  readonly keys: readonly GatewayKey[];
  /** Tool servers that it carries. */
  readonly servers: CarriedServers;
}

export interface IntakeOptions {
  readonly db: Control['db'];
  readonly change: Control['change'];
  readonly clock: Clock;
  readonly tenant: string;
}

export type IntakeResult =
  /** Everything up to `position` is durable here; `fresh` records of this batch were new. */
  | { readonly ok: true; readonly position: SpoolPosition; readonly fresh: number }
  /** `position` is where control stands, so that the gateway can go on from there. */
  | { readonly ok: false; readonly refusal: Refusal; readonly position: SpoolPosition };

interface Report {
  readonly epoch: number;
  readonly seq: number;
  readonly before: number;
  readonly writtenAt: number;
}

/** Calls that ran or wait are of servers that the gateway carries. A refusal may name any: agents ask for what there is not. */
function mayRecord({ servers }: Shipper, { type, body }: Entry): boolean {
  if (type !== 'action.intent' && type !== 'action.outcome' && type !== 'action.asked') return true;
  const server = isJsonObject(body) ? body['server'] : undefined;
  return servers === '*' || (typeof server === 'string' && carries(servers, server));
}

/** What a batch means for a chain. */
type Verdict =
  | { readonly kind: 'duplicate' }
  | {
      readonly kind: 'take';
      readonly from: number;
      readonly gap: { readonly reason: GapReason; readonly from: number; readonly to: number } | undefined;
    }
  | { readonly kind: 'out_of_order' }
  | { readonly kind: 'fork'; readonly place: SpoolPosition };

/** A gateway's chain while a shipment is taken in: where it stands, and what is not written yet. */
interface Chain {
  row: GatewayRow;
  moved: boolean;
  readonly gathered: { readonly record: VerifiedRecord; readonly epoch: number }[];
}

export class Intake {
  private readonly options: IntakeOptions;
  private readonly reports = new Map<string, Report>();

  constructor(options: IntakeOptions) {
    this.options = options;
  }

  /** Where control stands with a gateway's chain: ship from here. */
  async position(gateway: string): Promise<SpoolPosition> {
    const row = await gatewayRow(this.options.db, this.options.tenant, gateway);
    return { epoch: row?.epoch ?? 0, seq: row?.seq ?? 0 };
  }

  /** The highest epoch known of a gateway: a spool that lost its directory starts above it. */
  async epochMax(gateway: string): Promise<number> {
    const row = await gatewayRow(this.options.db, this.options.tenant, gateway);
    return Math.max(row?.epoch ?? 0, row?.reported_epoch ?? 0, this.reports.get(gateway)?.epoch ?? 0);
  }

  /** Head that a heartbeat reports (wire/feed.ts). Kept in memory, written about once a second: it tells a lost tail later. */
  async reported(gateway: string, head: SpoolPosition): Promise<void> {
    const { clock, change } = this.options;
    const known = this.reports.get(gateway);
    if (
      known !== undefined &&
      (head.epoch < known.epoch || (head.epoch === known.epoch && head.seq <= known.seq))
    )
      return;
    const now = clock.nowMs();
    const before =
      known !== undefined && head.epoch > known.epoch
        ? Math.max(known.before, known.seq)
        : (known?.before ?? 0);
    const due =
      known === undefined || head.epoch !== known.epoch || Math.abs(now - known.writtenAt) >= reportEveryMs;
    this.reports.set(gateway, { ...head, before, writtenAt: due ? now : (known?.writtenAt ?? now) });
    if (!due) return;
    await change(async (tx) => {
      const row = await lockGateway(tx, this.initial(gateway));
      // What was heard of an earlier epoch is settled where the chain, or another replica, has heard of a later one.
      const stale = known !== undefined && row.reported_epoch > known.epoch;
      await updateGateway(tx, mergeReport(row, { ...head, before: stale ? 0 : before }));
    });
  }

  private initial(gateway: string): GatewayRow {
    const { tenant } = this.options;
    return {
      tenant,
      gateway,
      epoch: 0,
      seq: 0,
      hash: genesisHash,
      reported_epoch: 0,
      reported_seq: 0,
      reported_before: 0,
      forked_at: null,
    };
  }

  /** Takes in one shipped frame; see {@link acceptAll}. */
  accept(frame: Uint8Array, shipper: Shipper, gapDeclared = false): Promise<IntakeResult> {
    return this.acceptAll([frame], shipper, gapDeclared);
  }

  /**
   * Takes in shipped frames, in their order and in one transaction. `gapDeclared`: the gateway says itself that the records before the first
   * are gone. Resolves when everything that it acknowledges is durable. A frame that is refused ends the shipment there; those before it
   * count. Refusals: `audit.batch_invalid`, `audit.batch_out_of_order`, `audit.gateway_forked`.
   */
  async acceptAll(
    frames: readonly Uint8Array[],
    shipper: Shipper,
    gapDeclared = false,
  ): Promise<IntakeResult> {
    const read: { batch: SpoolBatch; records: readonly VerifiedRecord[] }[] = [];
    let problem: Refusal | undefined =
      frames.length === 0 ? refusal('audit.batch_invalid', 'Nothing was sent.') : undefined;
    for (const frame of frames) {
      const checked = this.check(frame, shipper);
      if ('refused' in checked) {
        problem = checked.refused;
        break;
      }
      read.push(checked);
    }
    if (read.length === 0) return this.refused(shipper, problem ?? refusal('audit.batch_invalid'));
    const taken = await this.takeAll(read, shipper, gapDeclared);
    return taken.ok && problem !== undefined ? this.refused(shipper, problem) : taken;
  }

  private check(
    frame: Uint8Array,
    shipper: Shipper,
  ): { batch: SpoolBatch; records: readonly VerifiedRecord[] } | { refused: Refusal } {
    const invalid = (detail: string) => ({ refused: refusal('audit.batch_invalid', detail) });
    const batch = decodeBatch(frame);
    if (batch === undefined) return invalid('The frame is torn or altered.');
    if (batch.gateway !== shipper.gateway) return invalid('The batch is of another gateway.');
    const verified = verifyBatch(batch, shipper.keys);
    if (!verified.ok) return invalid(`${verified.problem.replaceAll('_', ' ')} at record ${verified.seq}`);
    if (verified.records.some(({ entry }) => entry.tenant !== this.options.tenant))
      return invalid('A record is of another tenant.');
    if (verified.records.some(({ entry }) => !mayRecord(shipper, entry)))
      return invalid('A call is of a tool server that this gateway does not carry.');
    return { batch, records: verified.records };
  }

  private async takeAll(
    read: readonly { batch: SpoolBatch; records: readonly VerifiedRecord[] }[],
    shipper: Shipper,
    gapDeclared: boolean,
  ): Promise<IntakeResult> {
    try {
      const result = await this.options.change((tx) => this.takeShipment(tx, read, gapDeclared));
      const report = this.reports.get(shipper.gateway);
      const epoch = read.at(-1)?.batch.epoch ?? 0;
      if (result.ok && report !== undefined && report.epoch <= epoch)
        this.reports.set(shipper.gateway, { ...report, before: 0 });
      return result;
    } catch (fault) {
      if (!(fault instanceof RefusalError)) throw fault;
      // One bad frame took the others back: alone, the good ones count.
      const [first] = read;
      if (read.length > 1 && first !== undefined) return this.takeAll([first], shipper, gapDeclared);
      return this.refused(shipper, fault.refusal);
    }
  }

  private async refused(shipper: Shipper, refused: Refusal): Promise<IntakeResult> {
    return { ok: false, refusal: refused, position: await this.position(shipper.gateway) };
  }

  /** The chain is locked and written once, and rows go in together: each statement costs more than the rows in it. */
  private async takeShipment(
    tx: Tx,
    read: readonly { batch: SpoolBatch; records: readonly VerifiedRecord[] }[],
    gapDeclared: boolean,
  ): Promise<IntakeResult> {
    const { gateway } = (read[0] as (typeof read)[number]).batch;
    const stored = await lockGateway(tx, this.initial(gateway));
    const report = this.reports.get(gateway);
    const stale = report === undefined || stored.reported_epoch > report.epoch;
    const row = stale ? stored : mergeReport(stored, report);
    const chain: Chain = { row, moved: false, gathered: [] };
    let last: IntakeResult | undefined;
    let fresh = 0;
    for (const { batch, records } of read) {
      last = await this.take(tx, chain, batch, records, gapDeclared && last === undefined);
      if (!last.ok) break;
      fresh += last.fresh;
    }
    await this.flush(tx, chain);
    if (chain.moved) await updateGateway(tx, chain.row);
    return last?.ok === true ? { ...last, fresh } : (last as IntakeResult);
  }

  private async take(
    tx: Tx,
    chain: Chain,
    batch: SpoolBatch,
    records: readonly VerifiedRecord[],
    gapDeclared: boolean,
  ): Promise<IntakeResult> {
    const { row } = chain;
    const { epoch } = batch;
    const verdict = await this.judge(tx, chain, batch, records, gapDeclared);
    if (verdict.kind === 'out_of_order')
      return {
        ok: false,
        refusal: refusal('audit.batch_out_of_order'),
        position: { epoch: row.epoch, seq: row.seq },
      };
    if (verdict.kind === 'fork') return this.fork(tx, chain, verdict.place);
    const last = records.at(-1) as VerifiedRecord;
    if (verdict.kind === 'duplicate') return { ok: true, position: { epoch, seq: last.seq }, fresh: 0 };
    const fresh = records.filter(({ seq }) => seq >= verdict.from);
    if (verdict.gap !== undefined) {
      // The gap stands in the log between what was before it and what comes after.
      await this.flush(tx, chain);
      await this.recordGap(tx, verdict.gap, batch, fresh[0] as VerifiedRecord);
    }
    for (const record of fresh) chain.gathered.push({ record, epoch });
    const moved = { ...row, epoch, seq: last.seq, hash: last.hash };
    chain.row = epoch > row.epoch ? settleReports(moved) : moved;
    chain.moved = true;
    return { ok: true, position: { epoch, seq: last.seq }, fresh: fresh.length };
  }

  /** Writes the records that were gathered. Throwing takes the whole shipment back. */
  private async flush(tx: Tx, chain: Chain): Promise<void> {
    const { tenant, clock } = this.options;
    const { gateway } = chain.row;
    const gathered = chain.gathered.splice(0);
    await insertPending(
      tx,
      tenant,
      gathered.map(({ record: { bytes, seq }, epoch }) => ({
        entry: bytes,
        place: { gateway, epoch, seq },
      })),
    );
    const entries = gathered.map(({ record }) => record.entry);
    await noteReviews(tx, tenant, entries);
    await noteSources(tx, tenant, entries, clock.nowMs());
    const payloads = gathered.flatMap(({ record }) => (record.payload === undefined ? [] : [record.payload]));
    if ((await insertPayloads(tx, tenant, payloads, clock.nowMs())) !== payloads.length)
      refuse('audit.batch_invalid', 'A payload id was used before.');
  }

  /** Holds a batch against the chain as it stands. */
  private async judge(
    tx: Tx,
    chain: Chain,
    batch: SpoolBatch,
    records: readonly VerifiedRecord[],
    gapDeclared: boolean,
  ): Promise<Verdict> {
    const { row } = chain;
    const { epoch, firstSeq } = batch;
    const last = records.at(-1) as VerifiedRecord;
    if (epoch > row.epoch) return newEpoch(row, batch, gapDeclared);
    if (epoch < row.epoch || last.seq <= row.seq) {
      await this.flush(tx, chain);
      const known = await recordHash(tx, row.tenant, { gateway: row.gateway, epoch, seq: last.seq });
      if (known === undefined) return { kind: 'out_of_order' };
      // Equal leaf hashes mean equal records, and by their prev equal records before them.
      return hashesEqual(known, last.hash)
        ? { kind: 'duplicate' }
        : { kind: 'fork', place: { epoch, seq: last.seq } };
    }
    if (firstSeq > row.seq + 1) {
      if (!gapDeclared) return { kind: 'out_of_order' };
      return {
        kind: 'take',
        from: firstSeq,
        gap: { reason: 'records_skipped', from: row.seq + 1, to: firstSeq - 1 },
      };
    }
    const before =
      firstSeq === row.seq + 1 ? batch.prev : (records[row.seq - firstSeq] as VerifiedRecord).hash;
    if (!hashesEqual(before, row.hash)) return { kind: 'fork', place: { epoch, seq: row.seq } };
    return { kind: 'take', from: row.seq + 1, gap: undefined };
  }

  private async recordGap(
    tx: Tx,
    gap: { readonly reason: GapReason; readonly from: number; readonly to: number },
    batch: SpoolBatch,
    first: VerifiedRecord,
  ): Promise<void> {
    const prev = 'prev' in first.entry.source ? first.entry.source.prev : '';
    const body: GapBody = {
      gateway: batch.gateway,
      ...gap,
      resume: { epoch: batch.epoch, seq: first.seq, prev },
    };
    await enqueue(tx, this.event('audit.gap_recorded', body as unknown as JsonObject));
  }

  private async fork(tx: Tx, chain: Chain, place: SpoolPosition): Promise<IntakeResult> {
    const { row } = chain;
    const position = { epoch: row.epoch, seq: row.seq };
    if (row.forked_at === null) {
      chain.row = { ...row, forked_at: this.options.clock.nowMs() };
      chain.moved = true;
      await this.flush(tx, chain);
      await enqueue(
        tx,
        this.event('audit.gateway_forked', { gateway: row.gateway, epoch: place.epoch, seq: place.seq }),
      );
    }
    return { ok: false, refusal: refusal('audit.gateway_forked'), position };
  }

  private event(type: EntryDraft['type'], body: JsonObject): EntryDraft {
    const { tenant, clock } = this.options;
    return { type, at: new Date(clock.nowMs()).toISOString(), tenant, body };
  }
}

/** A gateway began a new epoch: does its chain continue, and did it lose what it had reported before? */
function newEpoch(row: GatewayRow, batch: SpoolBatch, gapDeclared: boolean): Verdict {
  const { epoch, firstSeq, prev } = batch;
  const connected = firstSeq === row.seq + 1 && hashesEqual(prev, row.hash);
  if (firstSeq > row.seq + 1 && !gapDeclared) return { kind: 'out_of_order' };
  const reported = Math.max(row.reported_before, row.reported_epoch < epoch ? row.reported_seq : 0);
  const lostTo = Math.max(reported, firstSeq - 1);
  if (connected && reported <= row.seq) return { kind: 'take', from: firstSeq, gap: undefined };
  const reason: GapReason = connected
    ? 'tail_lost'
    : firstSeq > row.seq + 1
      ? 'records_skipped'
      : 'spool_replaced';
  return { kind: 'take', from: firstSeq, gap: { reason, from: row.seq + 1, to: Math.max(row.seq, lostTo) } };
}

function mergeReport(
  row: GatewayRow,
  report: { readonly epoch: number; readonly seq: number; readonly before: number },
): GatewayRow {
  const before = Math.max(row.reported_before, report.before);
  if (report.epoch < row.reported_epoch) return { ...row, reported_before: before };
  if (report.epoch === row.reported_epoch) {
    return { ...row, reported_seq: Math.max(row.reported_seq, report.seq), reported_before: before };
  }
  return {
    ...row,
    reported_epoch: report.epoch,
    reported_seq: report.seq,
    reported_before: Math.max(before, row.reported_seq),
  };
}

/** The chain went on in a new epoch: what was reported before it is settled, as taken in or as a gap. */
function settleReports(row: GatewayRow): GatewayRow {
  if (row.reported_epoch > row.epoch) return row;
  if (row.reported_epoch === row.epoch) return { ...row, reported_before: 0 };
  return { ...row, reported_epoch: row.epoch, reported_seq: row.seq, reported_before: 0 };
}
