/**
 * Room: policy (S-2). Runs one backtest: the bundles of the log through the threads that decide again, and what they found in the order of the log. This process only reads files and
 * rows, and adds up, so that gateways are answered meanwhile. Bounded: two bundles under way for each thread and one read ahead, changes listed up to a bound, an hour in all.
 */
import { tileWidth, widthAt } from '@atf/core/audit/tiles';
import { RefusalError, refuse } from '@atf/core/errors';
import { type BacktestChange, backtestChangesMax } from '@atf/core/wire/backtest';
import type { ReadableLog } from '../../activity/log-reader.ts';
import { firstIndexSince } from '../../audit/index-store.ts';
import { bundleBytes } from '../../audit/log-files.ts';
import type { Control } from '../../context.ts';
import type { Bundle, Found, Task } from './messages.ts';
import { factsFor } from './sources.ts';
import { insertChanges, updateBacktest } from './store.ts';
import { type Report, Tally } from './tally.ts';
import { Threads } from './thread.ts';

/** State is written, and a wish to end it seen, this often. */
const beatEveryMs = 1_000;
const withinMs = 60 * 60_000;
/** Each thread has the next before it has answered for the one before, so that it never waits. */
const bundlesOfEach = 2;
/** Changes of one row. */
const changesPerRow = 1_000;

/** The part of the log that is looked at. */
interface Stretch {
  readonly from: number;
  readonly size: number;
}

type Stored = Omit<Bundle, 'changesWanted'>;

async function bundleAt(log: ReadableLog, index: number, size: number): Promise<Stored> {
  const bytes = await bundleBytes(log.store, index, size);
  if (bytes === undefined) return refuse('audit.log_damaged', `entry bundle ${index}`);
  return { first: index * tileWidth, width: widthAt(0, index, size), bytes };
}

/** The bundles of a stretch in order, each read while the one before is looked at. */
async function* bundlesOf(log: ReadableLog, { from, size }: Stretch): AsyncGenerator<Stored> {
  const end = Math.ceil(size / tileWidth);
  const read = (index: number) => {
    const bundle = index < end ? bundleAt(log, index, size) : undefined;
    // A fault is met where it is waited for.
    bundle?.catch(() => undefined);
    return bundle;
  };
  let next = read(Math.floor(from / tileWidth));
  for (let index = Math.floor(from / tileWidth); index < end; index++) {
    const bundle = await next;
    next = read(index + 1);
    if (bundle !== undefined) yield bundle;
  }
}

class Run {
  readonly #control: Control;
  readonly #id: string;
  readonly #tally = new Tally();
  readonly #startedMs = performance.now();
  readonly #stretch: Stretch;
  #unwritten: BacktestChange[] = [];
  #listed = 0;
  #looked = 0;

  constructor(control: Control, id: string, stretch: Stretch) {
    this.#control = control;
    this.#id = id;
    this.#stretch = stretch;
  }

  /** False: somebody wants it to end. */
  async write(end?: {
    readonly state: 'done' | 'cancelled' | 'failed';
    readonly code?: string;
  }): Promise<boolean> {
    const { clock, config, change } = this.#control;
    const nowMs = clock.nowMs();
    const changes = this.#unwritten;
    this.#unwritten = [];
    return change(async (tx) => {
      for (let at = 0; at < changes.length; at += changesPerRow)
        await insertChanges(tx, config.tenant, this.#id, changes.slice(at, at + changesPerRow));
      return updateBacktest(tx, config.tenant, this.#id, {
        beat_at: nowMs,
        report: JSON.stringify(this.report()),
        ...(end === undefined ? {} : { state: end.state, code: end.code ?? null, ended_at: nowMs }),
      });
    });
  }

  report(): Report {
    const { from, size } = this.#stretch;
    const of = Math.max(0, size - from);
    const looked = Math.min(of, this.#looked);
    const seconds = Math.max(0.001, (performance.now() - this.#startedMs) / 1_000);
    return this.#tally.report({ looked, of, perSecond: Math.round(looked / seconds) }, this.#listed);
  }

  /** Ends early when somebody wants it, or `signal` says so. */
  async through(log: ReadableLog, threads: Threads, signal: AbortSignal): Promise<'done' | 'cancelled'> {
    let beatMs = performance.now();
    for await (const { bundle, found } of this.#lookedAt(log, threads)) {
      this.#take(found);
      this.#looked = bundle.first + bundle.width - this.#stretch.from;
      if (signal.aborted) return 'cancelled';
      const nowMs = performance.now();
      if (nowMs - beatMs < beatEveryMs) continue;
      if (!(await this.write())) return 'cancelled';
      if (nowMs - this.#startedMs > withinMs) refuse('policy.too_costly');
      beatMs = nowMs;
    }
    return 'done';
  }

  async *#lookedAt(
    log: ReadableLog,
    threads: Threads,
  ): AsyncGenerator<{ readonly bundle: Stored; readonly found: Found }> {
    const most = threads.count * bundlesOfEach;
    const underWay: { readonly bundle: Stored; readonly found: Promise<Found> }[] = [];
    for await (const bundle of bundlesOf(log, this.#stretch)) {
      const found = threads.look({ ...bundle, changesWanted: this.#room() });
      // A fault is met where it is waited for.
      found.catch(() => undefined);
      underWay.push({ bundle, found });
      const oldest = underWay.length < most ? undefined : underWay.shift();
      if (oldest !== undefined) yield { bundle: oldest.bundle, found: await oldest.found };
    }
    for (const { bundle, found } of underWay) yield { bundle, found: await found };
  }

  /** How many changes more are listed. */
  #room(): number {
    return backtestChangesMax - this.#listed;
  }

  #take(found: Found): void {
    this.#tally.add(found);
    const listed = found.changes.slice(0, this.#room());
    this.#listed += listed.length;
    this.#unwritten.push(...listed);
  }
}

/** An empty report, for before it begins. */
export const nothingYet: Report = new Tally().report({ looked: 0, of: 0, perSecond: 0 }, 0);

/** Runs to its end and writes what came of it. Never rejects for what a set or a log may hold; rejects when the database does. */
export async function runBacktest(
  control: Control,
  log: ReadableLog,
  { id, task, signal }: { readonly id: string; readonly task: Task; readonly signal: AbortSignal },
): Promise<void> {
  const size = log.status().signedSize;
  const from = (await firstIndexSince(control.db, control.config.tenant, task.sinceMs)) ?? size;
  const run = new Run(control, id, { from: Math.min(from, size), size });
  const threads = new Threads(task, (wanted) => factsFor(control, wanted));
  const stop = () => void threads.end();
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  // It has ended when nothing of it runs any more: whoever sees that may begin the next.
  try {
    const state = await run.through(log, threads, signal);
    await threads.end();
    await run.write({ state });
  } catch (fault) {
    await threads.end();
    if (signal.aborted) {
      await run.write({ state: 'cancelled' });
      return;
    }
    if (!(fault instanceof RefusalError)) control.log.error({ err: fault }, 'a backtest met a fault');
    const code = fault instanceof RefusalError ? fault.refusal.code : 'internal.fault';
    await run.write({ state: 'failed', code });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
