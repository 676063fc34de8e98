/**
 * Room: audit (B-1, B-2). What the entries of a log say, read in order: whether the chain of every gateway is whole (epoch, seq, prev,
 * seals; jumps only where a gap is on record), and how many intents never got an outcome. Bounded memory: one state per gateway, and
 * open intents up to a cap. Not here: hashes of the tree (verify-log.ts).
 */
import { continuationsMax, type RestoredAt, restoredOf } from './continuation.ts';
import { decodeEntry, type Entry, isGatewaySource } from './entry.ts';
import { type GapBody, gapOf } from './gap.ts';
import { type GatewayKeys, verifySeal } from './gateway-key.ts';
import { batchRecordsMax, genesisHash } from './spool-frame.ts';

const openIntentsMax = 1_000_000;
const gatewaysMax = 100_000;
/** Intents that say themselves that nothing was going to run. */
const settledIntents = new Set(['refused', 'waiting']);

export interface LogCounts {
  intents: number;
  outcomes: number;
  refusals: number;
  /** Entries of the control plane itself. */
  control: number;
  gaps: number;
  forks: number;
}

export type ChainProblemKind =
  | 'entry_malformed'
  | 'chain_broken'
  | 'seal_invalid'
  | 'seal_missing'
  | 'gateway_unknown';
export type ReportProblem = (kind: ChainProblemKind, index: number, message: string) => void;

interface ChainState {
  epoch: number;
  seq: number;
  /** Leaf hash of the last record, base64url. */
  hash: string;
  sealedSeq: number;
  resume: GapBody['resume'] | undefined;
  /** Value of `damages` when the last record was read: a jump over a damaged entry is not a second problem. */
  damages: number;
}

const genesis = Buffer.from(genesisHash).toString('base64url');

export class ChainCheck {
  readonly counts: LogCounts = { intents: 0, outcomes: 0, refusals: 0, control: 0, gaps: 0, forks: 0 };
  /** Entries that say that this log continues another, in their order. */
  readonly restored: RestoredAt[] = [];
  private readonly chains = new Map<string, ChainState>();
  private readonly open = new Set<string>();
  private untracked = 0;
  private damages = 0;
  private readonly keys: GatewayKeys;
  private readonly report: ReportProblem;

  constructor(keys: GatewayKeys, report: ReportProblem) {
    this.keys = keys;
    this.report = report;
  }

  /** Takes the next entry of the log. `hash` is its leaf hash. */
  take(index: number, bytes: Uint8Array, hash: Uint8Array): void {
    const entry = decodeEntry(bytes);
    if (entry === undefined) {
      this.report('entry_malformed', index, `entry ${index} is not a record of this format`);
      return;
    }
    this.count(entry);
    if (isGatewaySource(entry.source)) this.chain(index, entry, Buffer.from(hash).toString('base64url'));
    else this.control(index, entry);
  }

  /** Passes over an entry that is already known to be damaged: what it said cannot be trusted. */
  skip(): void {
    this.damages += 1;
  }

  private count(entry: Entry): void {
    const { counts } = this;
    if (entry.type === 'action.intent') {
      counts.intents += 1;
      if (entry.action === undefined || settledIntents.has(entry.outcome ?? '')) return;
      if (this.open.size < openIntentsMax) this.open.add(entry.action);
      else this.untracked += 1;
    } else if (entry.type === 'action.outcome') {
      counts.outcomes += 1;
      if (entry.action !== undefined && !this.open.delete(entry.action) && this.untracked > 0)
        this.untracked -= 1;
    } else if (entry.type === 'action.refused') {
      counts.refusals += 1;
    }
  }

  private control(index: number, entry: Entry): void {
    this.counts.control += 1;
    if (entry.type === 'audit.log_restored' && this.restored.length < continuationsMax)
      this.restored.push({ index, body: restoredOf(entry) });
    if (entry.type === 'audit.gateway_forked') this.counts.forks += 1;
    const gap = gapOf(entry);
    if (gap === undefined) return;
    this.counts.gaps += 1;
    this.stateOf(gap.gateway).resume = gap.resume;
  }

  private stateOf(gateway: string): ChainState {
    let state = this.chains.get(gateway);
    if (state === undefined) {
      state = { epoch: 0, seq: 0, hash: genesis, sealedSeq: 0, resume: undefined, damages: 0 };
      if (this.chains.size < gatewaysMax) this.chains.set(gateway, state);
    }
    return state;
  }

  private chain(index: number, entry: Entry, hash: string): void {
    if (!isGatewaySource(entry.source)) return;
    const { gateway, epoch, seq, prev, seal } = entry.source;
    const state = this.stateOf(gateway);
    const continues = seq === state.seq + 1 && prev === state.hash && epoch >= state.epoch;
    const resumes = state.resume?.epoch === epoch && state.resume.seq === seq && state.resume.prev === prev;
    if (!continues && !resumes && state.damages === this.damages) {
      const expected = `record ${state.seq + 1} of epoch ${state.epoch} or later`;
      this.report(
        'chain_broken',
        index,
        `entry ${index}: gateway ${gateway} jumps to record ${seq} of epoch ${epoch}, expected ${expected}`,
      );
    }
    if (!continues) state.sealedSeq = seq - 1;
    if (seal !== undefined && this.sealFits(index, gateway, seal, seq, prev)) state.sealedSeq = seq - 1;
    // A batch holds at most this many records and the next one carries its seal: a longer run was not written by the gateway.
    if (seq - state.sealedSeq === 2 * batchRecordsMax + 1) {
      this.report(
        'seal_missing',
        index,
        `entry ${index}: more records of gateway ${gateway} without its seal than one batch can hold`,
      );
    }
    Object.assign(state, { epoch, seq, hash, resume: undefined, damages: this.damages });
  }

  private sealFits(index: number, gateway: string, seal: string, seq: number, prev: string): boolean {
    const keys = this.keys.get(gateway);
    if (keys === undefined) {
      this.report('gateway_unknown', index, `entry ${index}: no key of gateway ${gateway} is known`);
      return false;
    }
    const fits = verifySeal(seal, { gateway, seq: seq - 1, hash: Buffer.from(prev, 'base64url') }, keys);
    if (!fits)
      this.report(
        'seal_invalid',
        index,
        `entry ${index}: the seal of gateway ${gateway} over the record before it does not verify`,
      );
    return fits;
  }

  /** Intents without an outcome. */
  unreported(): number {
    return this.open.size + this.untracked;
  }

  /** Records at the end of the chains that no seal covers yet; at most a batch per gateway is normal. */
  unsealed(): number {
    let total = 0;
    for (const state of this.chains.values()) total += Math.max(0, state.seq - state.sealedSeq);
    return total;
  }

  get gateways(): number {
    return this.chains.size;
  }
}
