/**
 * Room: measures. Decisions by minute, each row of the log's index counted once: whoever looks every few seconds must not make the database count an hour
 * of a busy fleet again, because on the embedded one that holds up the beats by which gateways know that control is there.
 */
import { countOutcomes, firstIndexSince, indexedRows } from '../audit/index-store.ts';
import type { Db } from '../context.ts';

/** Rows that one statement counts; between two of them everybody else has their turn. */
const rowsPerTurn = 10_000;
const minuteMs = 60_000;
export const minutesKept = 60;

/** Outcome → count. */
export type OutcomeCounts = ReadonlyMap<string, number>;

export class MinuteTally {
  readonly #db: Db;
  readonly #tenant: string;
  readonly #minutes = new Map<number, Map<string, number>>();
  /** The first row that is not counted yet; undefined before the first look. */
  #next: number | undefined;
  #counting: Promise<void> | undefined;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** Unix minute → counts of the last {@link minutesKept} minutes, up to what the index holds now. */
  async counts(nowMs: number): Promise<ReadonlyMap<number, OutcomeCounts>> {
    this.#counting ??= this.#count(nowMs).finally(() => {
      this.#counting = undefined;
    });
    await this.#counting;
    const oldest = oldestMinute(nowMs);
    for (const minute of this.#minutes.keys()) if (minute < oldest) this.#minutes.delete(minute);
    return this.#minutes;
  }

  async #count(nowMs: number): Promise<void> {
    const end = await indexedRows(this.#db, this.#tenant);
    const sinceMs = oldestMinute(nowMs) * minuteMs;
    // Nobody looked for long: what lies before the window is passed over.
    const first = await firstIndexSince(this.#db, this.#tenant, sinceMs);
    let next = Math.max(this.#next ?? 0, first ?? end);
    while (next < end) {
      const to = Math.min(next + rowsPerTurn, end);
      const rows = await countOutcomes(this.#db, this.#tenant, { from: next, to, sinceMs });
      for (const { minute, outcome, count } of rows) {
        const counts = this.#minutes.get(minute) ?? new Map<string, number>();
        counts.set(outcome, (counts.get(outcome) ?? 0) + count);
        this.#minutes.set(minute, counts);
      }
      next = to;
      this.#next = next;
    }
    this.#next = next;
  }
}

const oldestMinute = (nowMs: number): number => Math.floor(nowMs / minuteMs) - minutesKept + 1;
