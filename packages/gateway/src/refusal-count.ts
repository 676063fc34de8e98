/**
 * Room: audit (B-1). Keeps refusals from flooding the log: those of callers that nobody vouches for are counted per source and minute,
 * and so are repeats of one agent beyond what a reader can use. Counts become one record per source, code and minute.
 * Addresses do not enter the log in clear: a keyed digest under a salt of this process tells sources apart.
 */
import { createHmac } from 'node:crypto';
import type { EntryDraft } from '@atf/core/audit/entry';
import type { ErrorCode } from '@atf/core/errors';
import type { ClockPort, SpoolPort } from './ports.ts';

/** Refusals of one agent with one code that are recorded one by one in a minute. */
export const singleRefusalsPerMinute = 60;
const countersMax = 10_000;
const minuteMs = 60_000;

interface Counter {
  readonly source: string;
  readonly code: ErrorCode;
  readonly agentId: string | undefined;
  seen: number;
  counted: number;
}

export class RefusalCount {
  readonly #clock: ClockPort;
  readonly #spool: SpoolPort;
  readonly #tenant: () => string | undefined;
  readonly #salt: Uint8Array;
  #counters = new Map<string, Counter>();
  #minute: number;
  #beyond = 0;

  constructor(input: {
    readonly clock: ClockPort;
    readonly spool: SpoolPort;
    readonly tenant: () => string | undefined;
    readonly salt: Uint8Array;
  }) {
    this.#clock = input.clock;
    this.#spool = input.spool;
    this.#tenant = input.tenant;
    this.#salt = input.salt;
    this.#minute = Math.floor(input.clock.nowMs() / minuteMs);
  }

  /** Counts a refusal of a caller that could not be identified. */
  unauthenticated(address: string, code: ErrorCode): void {
    const source = createHmac('sha256', this.#salt).update(address).digest('base64url').slice(0, 16);
    this.#count(source, code, undefined);
  }

  /** Counts a refusal of a known agent that never gets a record of its own. */
  counted(agentId: string, code: ErrorCode): void {
    this.#count(agentId, code, agentId);
  }

  /** True when this refusal of a known agent gets a record of its own; otherwise it is counted. */
  single(agentId: string, code: ErrorCode): boolean {
    const counter = this.#counter(agentId, code, agentId);
    if (counter === undefined) return false;
    counter.seen++;
    if (counter.seen <= singleRefusalsPerMinute) return true;
    counter.counted++;
    return false;
  }

  /** Writes the counts of the minutes that have ended; with `all` also of the one that runs. */
  async flush(all = false): Promise<void> {
    const minute = Math.floor(this.#clock.nowMs() / minuteMs);
    const tenant = this.#tenant();
    if ((minute === this.#minute && !all) || tenant === undefined) return;
    const counters = [...this.#counters.values()].filter(({ counted }) => counted > 0);
    const from = new Date(this.#minute * minuteMs).toISOString();
    const beyond = this.#beyond;
    this.#counters = new Map();
    this.#minute = minute;
    this.#beyond = 0;
    if (beyond > 0)
      counters.push({
        source: 'others',
        code: 'request.overloaded',
        agentId: undefined,
        seen: 0,
        counted: beyond,
      });
    await Promise.all(
      counters.map(({ source, code, agentId, counted }) => {
        const draft: EntryDraft = {
          type: 'action.refusals_counted',
          at: new Date(this.#clock.nowMs()).toISOString(),
          tenant,
          ...(agentId === undefined ? {} : { agent: agentId }),
          outcome: 'refused',
          body: { source, code, count: counted, from, seconds: minuteMs / 1000 },
        };
        return this.#spool.append(draft);
      }),
    );
  }

  #count(source: string, code: ErrorCode, agentId: string | undefined): void {
    const counter = this.#counter(source, code, agentId);
    if (counter !== undefined) counter.counted++;
  }

  #counter(source: string, code: ErrorCode, agentId: string | undefined): Counter | undefined {
    const key = `${source} ${code}`;
    const held = this.#counters.get(key);
    if (held !== undefined) return held;
    if (this.#counters.size >= countersMax) {
      this.#beyond++;
      return undefined;
    }
    const counter = { source, code, agentId, seen: 0, counted: 0 };
    this.#counters.set(key, counter);
    return counter;
  }
}
