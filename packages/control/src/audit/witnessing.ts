/**
 * Room: audit (B-1, invariant 8): asks the witnesses of the policy for cosignatures of what the sequencer signed, in the background. The log never waits for a
 * witness. Work goes in rounds, one checkpoint a round, so that the cosignatures of all stand under the same text; what a quorum has cosigned is
 * stored and served. A witness that contradicts the log, remembers more of it, or has forgotten, is told to people and put on record.
 */
import { type Checkpoint, parseCheckpointBody } from '@atf/core/audit/checkpoint';
import { cosignatureBy } from '@atf/core/audit/cosignature';
import {
  checkQuorum,
  type LogPolicy,
  type PolicyWitness,
  type QuorumReport,
  withSignatures,
} from '@atf/core/audit/log-policy';
import { proveConsistency } from '@atf/core/audit/merkle';
import { parseNote, parseSignatureLine, type SignedNote } from '@atf/core/audit/signed-note';
import { formatAddCheckpoint } from '@atf/core/audit/witness';
import type { Clock } from '../context.ts';
import { nodeReader } from './log-files.ts';
import { cosignedPath } from './open-check.ts';
import type { SequencerStatus } from './sequencer.ts';
import type { TileStore } from './tile-store.ts';
import type { AskWitness, WitnessReply } from './witness-client.ts';
import type { Disagreed, Disagreement, Standing, Trouble } from './witness-standing.ts';

const tickMs = 100;
/** Least time between two rounds: a busy log signs ten checkpoints a second, and witnesses need not see each. */
const roundEveryMs = 500;
/** After a quorum a round waits this long for the others. */
const graceMs = 1_000;
/** A round without quorum ends after this long, so that what is newer gets its chance. */
const roundMsMax = 10_000;
const backoffMsMin = 1_000;
const backoffMsMax = 60_000;
/** Answers 409 that are followed within one turn: the size was not known, or another. */
const stepsMax = 3;
/** Lines of an answer that are looked at. */
const linesMax = 8;
const aheadSecondsMax = 300;
/** A log that rests is cosigned anew this often, so that verifiers see that it does rest. */
const refreshEveryMs = 600_000;
/** A disagreement of one kind with one witness goes on record this often at most: no witness may fill the log. */
const recordEveryMs = 3_600_000;

export interface WitnessingOptions {
  readonly policy: LogPolicy;
  readonly store: TileStore;
  readonly status: () => SequencerStatus;
  readonly clock: Clock;
  readonly ask: AskWitness;
  /** Puts it on record and tells people. */
  readonly onDisagreed: (disagreed: Disagreed) => Promise<void>;
  /** Told about faults of storage; what failed is tried again. */
  readonly onFault: (fault: unknown) => void;
}

interface Round {
  readonly note: SignedNote;
  readonly checkpoint: Checkpoint;
  readonly beganMs: number;
  quorumMs: number | undefined;
  readonly lines: Map<string, string>;
}

interface Lane {
  readonly witness: PolicyWitness & { readonly url: string };
  /** Size that it has cosigned last, as far as is known; the next proof begins here. */
  known: number;
  cosigned: { readonly size: number; readonly atMs: number } | undefined;
  trouble: { readonly kind: Trouble; readonly sinceMs: number } | undefined;
  /** The round that it has answered for, well or not. */
  settled: Round | undefined;
  failures: number;
  retryAtMs: number;
  /** Until then its cosignature need not be renewed. */
  freshUntilMs: number;
  busy: boolean;
  /** When each kind of disagreement was last put on record. */
  readonly recordedMs: Map<Disagreement, number>;
}

export class Witnessing {
  private readonly options: WitnessingOptions;
  private readonly lanes: readonly Lane[];
  private readonly stopped = new AbortController();
  private readonly turns = new Set<Promise<void>>();
  private round: Round | undefined;
  /** What is stored, with who cosigned it. */
  private published:
    | { readonly size: number; readonly note: string; readonly quorum: QuorumReport }
    | undefined;
  private unpublished = false;
  private publishing = false;
  private timer: NodeJS.Timeout | undefined;

  /** Use `openWitnessing`. */
  constructor(options: WitnessingOptions, stored: string | undefined) {
    this.options = options;
    this.lanes = options.policy.witnesses.flatMap((witness) =>
      witness.url === undefined
        ? []
        : [
            {
              witness: { ...witness, url: witness.url },
              known: 0,
              cosigned: undefined,
              trouble: undefined,
              settled: undefined,
              failures: 0,
              retryAtMs: 0,
              freshUntilMs: 0,
              busy: false,
              recordedMs: new Map(),
            },
          ],
    );
    if (stored !== undefined) this.remember(stored);
  }

  private remember(stored: string): void {
    const note = parseNote(stored);
    const checkpoint = parseCheckpointBody(note?.text ?? '');
    if (note === undefined || checkpoint === undefined) return;
    const { policy, clock } = this.options;
    const quorum = checkQuorum(policy, note, clock.nowMs());
    for (const lane of this.lanes) {
      const found = quorum.cosigned.find(({ name }) => name === lane.witness.name);
      if (found === undefined) continue;
      lane.known = checkpoint.size;
      lane.cosigned = { size: checkpoint.size, atMs: found.timeSeconds * 1_000 };
    }
    // A policy that wants more than it did takes nothing over.
    if (quorum.met) this.published = { size: checkpoint.size, note: stored, quorum };
  }

  start(): void {
    this.timer ??= setInterval(() => this.tick(), tickMs);
    this.tick();
  }

  /** Begins what is due; never waits. */
  tick(): void {
    if (this.stopped.signal.aborted || this.options.status().fenced) return;
    const nowMs = this.options.clock.nowMs();
    this.nextRound(nowMs);
    const { round } = this;
    if (round === undefined) return;
    for (const lane of this.lanes) {
      // A clock that was set back must not silence a witness.
      if (lane.retryAtMs - nowMs > backoffMsMax) lane.retryAtMs = nowMs;
      const freshMs = lane.freshUntilMs - nowMs;
      const fresh = round.lines.has(lane.witness.name) && freshMs > 0 && freshMs <= refreshEveryMs;
      if (lane.busy || lane.retryAtMs > nowMs || fresh) continue;
      lane.busy = true;
      const turn = this.turn(lane, round)
        .catch((fault: unknown) => {
          this.backOff(lane);
          this.options.onFault(fault);
        })
        .finally(() => {
          lane.busy = false;
          lane.settled = round;
          this.turns.delete(turn);
        });
      this.turns.add(turn);
    }
    if (this.unpublished) void this.publish(round);
  }

  private nextRound(nowMs: number): void {
    const { round } = this;
    const { checkpoint: signed } = this.options.status();
    if (round !== undefined && !this.isOver(round, nowMs)) return;
    const note = parseNote(signed);
    const checkpoint = parseCheckpointBody(note?.text ?? '');
    if (note === undefined || checkpoint === undefined || note.text === round?.note.text) return;
    this.unpublished = false;
    this.round = { note, checkpoint, beganMs: nowMs, quorumMs: undefined, lines: this.linesFor(note) };
  }

  /** What is stored of the same text is not asked for again. */
  private linesFor({ text }: SignedNote): Map<string, string> {
    const { published } = this;
    if (published === undefined || parseNote(published.note)?.text !== text) return new Map();
    return new Map(published.quorum.cosigned.map(({ name, line }) => [name, line]));
  }

  private isOver(round: Round, nowMs: number): boolean {
    const ageMs = nowMs - round.beganMs;
    // A clock that was set back must not stop the witnessing.
    if (ageMs < 0 || ageMs >= roundMsMax) return true;
    if (ageMs < roundEveryMs || this.unpublished || this.publishing) return false;
    if (round.quorumMs !== undefined && nowMs - round.quorumMs >= graceMs) return true;
    return this.lanes.every((lane) => lane.settled === round || lane.retryAtMs > nowMs);
  }

  /** One witness, one checkpoint: asks, follows what it says of its size, takes its cosignature. */
  private async turn(lane: Lane, round: Round): Promise<void> {
    const { size } = round.checkpoint;
    if (lane.known > size) return this.fails(lane, { kind: 'ahead', witnessSize: lane.known }, size);
    for (let step = 0; step < stepsMax; step++) {
      const reply = await this.ask(lane, round);
      if (reply === undefined) return this.fails(lane, { kind: 'unreachable' }, size);
      if (reply.status === 200) return this.took(lane, round, reply.text);
      const next = this.knownAfter(lane, reply, size);
      if (typeof next !== 'number') return this.fails(lane, next, size);
      if (lane.cosigned !== undefined && next < lane.cosigned.size)
        await this.troubled(lane, { kind: 'forgot', witnessSize: next }, size);
      lane.known = next;
    }
    return this.fails(lane, { kind: 'wrong_answer' }, size);
  }

  private async ask(lane: Lane, { note, checkpoint: { size } }: Round): Promise<WitnessReply | undefined> {
    const oldSize = lane.known;
    const proof =
      oldSize === 0 || oldSize === size
        ? []
        : await proveConsistency(nodeReader(this.options.store, size), oldSize, size);
    const signed = withSignatures(note, []);
    const body = formatAddCheckpoint({ oldSize, proof, note: signed });
    try {
      return await this.options.ask(lane.witness.url, body, this.stopped.signal);
    } catch {
      return undefined;
    }
  }

  /** The size to go on from after an answer that is not a cosignature, or what is wrong. */
  private knownAfter(
    lane: Lane,
    { status, size: witnessSize }: WitnessReply,
    size: number,
  ): number | { readonly kind: Trouble; readonly witnessSize?: number } {
    if (status === 422) return { kind: 'contradicts', witnessSize: lane.known };
    if (status === 404) return { kind: 'unknown_log' };
    if (status === 403) return { kind: 'wrong_key' };
    if (status !== 409 || witnessSize === undefined) return { kind: 'wrong_answer' };
    if (witnessSize > size) return { kind: 'ahead', witnessSize };
    // It agrees about the size and refuses all the same: another tree of that size.
    if (witnessSize === lane.known) return { kind: 'contradicts', witnessSize };
    return witnessSize;
  }

  private async took(lane: Lane, round: Round, text: string): Promise<void> {
    const { size } = round.checkpoint;
    const nowMs = this.options.clock.nowMs();
    const lines = text.split('\n').slice(0, linesMax);
    // Lines of unknown keys are ignored, as tlog-witness asks.
    const own = lines.filter((line) => {
      const read = parseSignatureLine(line);
      return read?.name === lane.witness.key.name && read.id === lane.witness.key.id;
    });
    const note = parseNote(withSignatures(round.note, own));
    const notAfterSeconds = Math.floor(nowMs / 1_000) + aheadSecondsMax;
    const found =
      own.length === 0 || note === undefined
        ? undefined
        : cosignatureBy(note, lane.witness.key, notAfterSeconds);
    if (found === undefined) return this.fails(lane, { kind: 'wrong_answer' }, size);
    lane.known = size;
    lane.cosigned = { size, atMs: found.timeSeconds * 1_000 };
    // That a witness forgot stays visible: people decide whether it still counts.
    if (lane.trouble?.kind !== 'forgot') lane.trouble = undefined;
    lane.failures = 0;
    lane.retryAtMs = 0;
    lane.freshUntilMs = nowMs + refreshEveryMs;
    round.lines.set(lane.witness.name, found.line);
    if (round === this.round) await this.publish(round);
  }

  private async fails(
    lane: Lane,
    why: { readonly kind: Trouble; readonly witnessSize?: number },
    size: number,
  ): Promise<void> {
    // What was cut by our own end says nothing of the witness.
    if (this.stopped.signal.aborted) return;
    this.backOff(lane);
    await this.troubled(lane, why, size);
  }

  private backOff(lane: Lane): void {
    const waitMs = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(lane.failures, 16));
    lane.failures += 1;
    lane.retryAtMs = this.options.clock.nowMs() + waitMs;
  }

  private async troubled(
    lane: Lane,
    { kind, witnessSize }: { readonly kind: Trouble; readonly witnessSize?: number },
    size: number,
  ): Promise<void> {
    const nowMs = this.options.clock.nowMs();
    if (lane.trouble?.kind !== kind) lane.trouble = { kind, sinceMs: nowMs };
    if (kind !== 'contradicts' && kind !== 'ahead' && kind !== 'forgot') return;
    if (nowMs - (lane.recordedMs.get(kind) ?? -recordEveryMs) < recordEveryMs) return;
    lane.recordedMs.set(kind, nowMs);
    await this.options.onDisagreed({
      witness: lane.witness.name,
      kind,
      size,
      ...(witnessSize === undefined ? {} : { witnessSize }),
    });
  }

  /** Stores the checkpoint with its cosignatures when they are a quorum; again when there are more. */
  private async publish(round: Round): Promise<void> {
    if (this.publishing) {
      this.unpublished = true;
      return;
    }
    const { policy, clock, store, onFault } = this.options;
    const text = withSignatures(round.note, [...round.lines.values()]);
    const quorum = checkQuorum(policy, parseNote(text) ?? round.note, clock.nowMs());
    const { size } = round.checkpoint;
    this.unpublished = false;
    if (!quorum.met || text === this.published?.note || size < (this.published?.size ?? 0)) return;
    this.publishing = true;
    try {
      await store.put([{ path: cosignedPath, bytes: Buffer.from(text) }]);
      this.published = { size, note: text, quorum };
      round.quorumMs ??= clock.nowMs();
    } catch (fault) {
      this.unpublished = true;
      onFault(fault);
    } finally {
      this.publishing = false;
    }
  }

  /** How it stands: what a quorum has cosigned, what the newest lacks once it had its time, and each witness. */
  standing(): Standing {
    const times = this.published?.quorum.cosigned.map(({ timeSeconds }) => timeSeconds * 1_000) ?? [];
    return {
      size: this.published?.size ?? 0,
      atMs: times.length === 0 ? undefined : Math.max(...times),
      lacks: this.lacks(),
      witnesses: this.lanes.map(({ witness, cosigned, trouble }) => ({
        name: witness.name,
        url: witness.url,
        state: trouble?.kind ?? (cosigned === undefined ? 'waiting' : 'cosigned'),
        ...(cosigned === undefined ? {} : { size: cosigned.size, atMs: cosigned.atMs }),
        ...(trouble === undefined ? {} : { sinceMs: trouble.sinceMs }),
      })),
    };
  }

  private lacks(): string {
    const { round } = this;
    const { clock, policy } = this.options;
    if (round === undefined || clock.nowMs() - round.beganMs < graceMs) return '';
    const soFar = parseNote(withSignatures(round.note, [...round.lines.values()]));
    return checkQuorum(policy, soFar ?? round.note, clock.nowMs()).lacks;
  }

  /** The newest checkpoint that a quorum of the policy has cosigned, as it is served; undefined when there is none. */
  checkpoint(): { readonly size: number; readonly note: string } | undefined {
    return this.published;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopped.abort();
    await Promise.allSettled(this.turns);
  }
}

/** Takes over what was stored. `start` it afterwards. */
export async function openWitnessing(options: WitnessingOptions): Promise<Witnessing> {
  const stored = await options.store.get(cosignedPath);
  return new Witnessing(options, stored === undefined ? undefined : Buffer.from(stored).toString('utf8'));
}
