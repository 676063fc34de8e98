/**
 * Room: segmentation (S-5, invariant 4). What all calls of an agent together may do, over all gateways: control allocates, and a call that a total binds reserves there
 * before it is decided and is settled when it has ended. A call whose end control never hears stays spent. Without control nothing is reserved, and
 * nothing that a total binds runs.
 */
import { refusal } from '@atf/core/errors';
import { recordsIn } from '@atf/core/segmentation/records';
import { namedTotal, unspentTotals, type WantedTotal, wantedTotals } from '@atf/core/segmentation/totals';
import type { BodyOut, ResponseOf } from '@atf/core/wire/api';
import type { AgentDoc, ToolDoc } from '@atf/core/wire/feed';
import type { Json, JsonObject } from '@atf/core/wire/json';
import type { TotalFact } from '@atf/core/world';
import type { Ran } from './execute.ts';
import type { ControlPort } from './ports.ts';

type Ask = BodyOut<'gateway.reserveTotals'>['asks'][number];
type Answer = ResponseOf<'gateway.reserveTotals'>['answers'][number];
type Settled = BodyOut<'gateway.settleTotals'>['settled'][number];
type Settlement = ResponseOf<'gateway.settleTotals'>['answers'][number];

/** Of one request to control. */
const batchMax = 100;
/** Calls whose end control has not heard; what is beyond stays spent. */
const unsettledMax = 4_096;
const attemptsMax = 8;
/** After control did not answer. */
const askAgainMs = 250;
/** Asks that wait for control; who comes when there are as many is told that it was not heard. */
const waitingMax = 2_000;
/** What control has refused is refused here for this long: a flood of calls that cannot run costs control next to nothing. */
const refusedForMs = 500;
const refusalsMax = 10_000;

export interface TotalsInput {
  readonly control: ControlPort;
  /** A random UUID. */
  readonly newId: () => string;
  /** Pause before the attempt with this number. */
  readonly pause: (attempt: number) => Promise<void>;
  readonly monotonicMs: () => number;
}

/** A call as totals see it. */
export interface TotalsOf {
  readonly agent: AgentDoc | undefined;
  readonly tool: ToolDoc | undefined;
  readonly args: JsonObject;
}

interface Held {
  readonly holdId: string;
  readonly agentId: string;
  readonly totals: readonly WantedTotal[];
}

/** What one call has got. */
export interface TotalHold {
  readonly facts: readonly TotalFact[];
  /** Undefined: nothing is reserved. */
  readonly held: Held | undefined;
}

const noHold: TotalHold = { facts: [], held: undefined };

const refusalKey = (agentId: string, task: string | undefined, id: string): string =>
  `${agentId} ${task ?? ''} ${id}`;

const unheardFact = (total: WantedTotal): TotalFact => ({
  ...namedTotal(total),
  ok: false,
  retryAfterMs: askAgainMs,
  unheard: true,
});

function answeredFact(total: WantedTotal, answer: Answer['totals'][number] | undefined): TotalFact {
  if (answer === undefined) return unheardFact(total);
  const { ok, left, retryAfterMs } = answer;
  return { ...namedTotal(total), ok, left, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

interface Waiting<Item, Out> {
  readonly item: Item;
  readonly answered: (out: Out) => void;
}

/** Asks of one moment go together, one request at a time. */
class Batches<Item, Out> {
  readonly #send: (items: readonly Item[]) => Promise<readonly Out[]>;
  readonly #waiting: Waiting<Item, Out>[] = [];
  #flushing = false;

  constructor(send: (items: readonly Item[]) => Promise<readonly Out[]>) {
    this.#send = send;
  }

  ask(item: Item): Promise<Out> {
    const out = new Promise<Out>((answered) => this.#waiting.push({ item, answered }));
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => void this.#flush());
    }
    return out;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchMax);
      const outs = await this.#send(batch.map(({ item }) => item));
      for (const [at, { answered }] of batch.entries()) answered(outs[at] as Out);
    }
    this.#flushing = false;
  }
}

/** How control may have answered a reservation. */
interface Heard {
  readonly answer: Answer | undefined;
  /** It may be reserved all the same. */
  readonly sent: boolean;
}

/** How a call ended, as far as totals are concerned. */
type End = Pick<Ran, 'status' | 'result' | 'missing'>;
const notRun: End = { status: 'not_executed', result: undefined };
const mayHaveRun: End = { status: 'unknown', result: undefined };

/** What a call that ended in this way did of one total. */
function spentBy(total: WantedTotal, { status, result, missing = [] }: End): number {
  if (status === 'not_executed') return 0;
  if (total.of === 'calls' || total.of === 'concurrent') return total.wanted;
  // What is handed out counts, whatever is said of it.
  if (total.of === 'records')
    return result === undefined ? total.wanted : recordsIn(result as unknown as Json);
  // The tool itself says that it did not do it. That its caller cannot be asked something is no such word.
  return status === 'failed' && missing.length === 0 ? 0 : total.wanted;
}

export class Totals {
  readonly #input: TotalsInput;
  readonly #reserving: Batches<Ask, Heard>;
  readonly #settling: Batches<Settled, Settlement | undefined>;
  /** Reserved, by action: not settled yet. */
  readonly #open = new Map<string, Held>();
  #unsettled = 0;
  readonly #refused = new Map<string, { readonly fact: TotalFact; readonly untilMs: number }>();

  constructor(input: TotalsInput) {
    this.#input = input;
    const { control } = input;
    this.#reserving = new Batches<Ask, Heard>(async (asks) => {
      const heard = await control.request('gateway.reserveTotals', { body: { asks: [...asks] } });
      return asks.map((_, at) =>
        heard.ok ? { answer: heard.value.answers[at], sent: true } : { answer: undefined, sent: heard.sent },
      );
    });
    this.#settling = new Batches<Settled, Settlement | undefined>(async (settled) => {
      const heard = await control.request('gateway.settleTotals', { body: { settled: [...settled] } });
      return settled.map((_, at) => (heard.ok ? heard.value.answers[at] : undefined));
    });
  }

  /** Whether any total binds this call. */
  bind({ agent, tool, args }: TotalsOf): boolean {
    return agent !== undefined && tool !== undefined && wantedTotals(agent, tool, args).length > 0;
  }

  /** The totals that bind, as if nothing were spent: control is asked before anything runs. */
  look({ agent, tool, args }: TotalsOf): readonly TotalFact[] {
    return agent === undefined || tool === undefined ? [] : unspentTotals(agent, tool, args);
  }

  /** Reserves what this action is about to do. Bounded by the time that control may take to answer. */
  async reserve(actionId: string, of: TotalsOf, task: string | undefined): Promise<TotalHold> {
    const { agent, tool, args } = of;
    const totals = agent === undefined || tool === undefined ? [] : wantedTotals(agent, tool, args);
    if (agent === undefined || totals.length === 0) return noHold;
    const known = this.#refusedBefore(agent.id, task, totals);
    if (known !== undefined) return { facts: known, held: undefined };
    const held: Held = { holdId: this.#input.newId(), agentId: agent.id, totals };
    if (this.#reserving.waiting >= waitingMax) return { facts: totals.map(unheardFact), held: undefined };
    const { answer, sent } = await this.#reserving.ask({
      holdId: held.holdId,
      agentId: agent.id,
      ...(task === undefined ? {} : { task }),
      totals: totals.map(({ id, per, max, wanted }) => ({ id, per, max, wanted })),
    });
    if (answer === undefined) {
      // It may be reserved, now or in a moment: nobody will use it.
      if (sent) this.#tell(settledOf(held, notRun), true);
      return { facts: totals.map(unheardFact), held: undefined };
    }
    const facts = totals.map((total, at) => answeredFact(total, answer.totals[at]));
    if (!answer.reserved) {
      this.#keepRefusal(agent.id, task, facts);
      return { facts, held: undefined };
    }
    this.#open.set(actionId, held);
    return { facts, held };
  }

  /**
   * The call ended so. What it handed out is counted before it leaves: where it is more than is left, the result is not given. `byCaller`: it was the caller's
   * own program that ran it, with a permit in its hand; what that says of not having done it gives nothing back.
   */
  async settle(actionId: string, ran: Ran, byCaller: boolean): Promise<Ran> {
    const held = this.#open.get(actionId);
    if (held === undefined) return ran;
    this.#open.delete(actionId);
    const settled = settledOf(held, ran, byCaller);
    const beyond = settled.totals.filter((each, at) => each.spent > (held.totals[at]?.wanted ?? 0));
    if (beyond.length === 0) {
      this.#tell(settled);
      return ran;
    }
    const answer = await this.#settling.ask(settled);
    if (answer?.within === true) return ran;
    if (answer === undefined) this.#tell(settledOf(held, mayHaveRun));
    const of = beyond.map(({ id, spent }) => `${id}: it holds ${spent}`).join(', ');
    const why =
      answer === undefined
        ? refusal('containment.feed_stale', `${of}, and control has not said what is left`)
        : refusal('segmentation.total_exceeded', `${of}, and ${answer.left} are left; it is not given`);
    return { ...ran, result: undefined, refusal: why };
  }

  /** The action is over, whatever happened to it: one that was settled is nothing to this; one that was sent may have happened, any other has not. */
  end(actionId: string, sent = false): void {
    const held = this.#open.get(actionId);
    if (held === undefined) return;
    this.#open.delete(actionId);
    this.#tell(settledOf(held, sent ? mayHaveRun : notRun));
  }

  /** A moment ago control said that less is left than this call wants. */
  #refusedBefore(
    agentId: string,
    task: string | undefined,
    totals: readonly WantedTotal[],
  ): TotalFact[] | undefined {
    const nowMs = this.#input.monotonicMs();
    const known = totals.map((total) => {
      const refused = this.#refused.get(refusalKey(agentId, task, total.id));
      const counts = refused !== undefined && refused.untilMs > nowMs && refused.fact.max === total.max;
      return counts && total.wanted > (refused.fact.left ?? 0) ? refused.fact : undefined;
    });
    if (known.every((fact) => fact === undefined)) return undefined;
    return totals.map((total, at) => known[at] ?? { ...namedTotal(total), ok: true });
  }

  #keepRefusal(agentId: string, task: string | undefined, facts: readonly TotalFact[]): void {
    if (this.#refused.size >= refusalsMax) this.#refused.clear();
    const untilMs = this.#input.monotonicMs() + refusedForMs;
    for (const fact of facts)
      if (!fact.ok && fact.of !== 'concurrent')
        this.#refused.set(refusalKey(agentId, task, fact.id), { fact, untilMs });
  }

  /** Tells control beside everything else, until it has heard, or for so many attempts. */
  #tell(settled: Settled, untilHeld = false): void {
    if (this.#unsettled >= unsettledMax) return;
    this.#unsettled++;
    void this.#attempts(settled, untilHeld).finally(() => {
      this.#unsettled--;
    });
  }

  async #attempts(settled: Settled, untilHeld: boolean): Promise<void> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const answer = await this.#settling.ask(settled);
      if (answer !== undefined && (answer.held || !untilHeld)) return;
      await this.#input.pause(attempt);
    }
  }

  /** Reserved and not settled. */
  get open(): number {
    return this.#open.size;
  }
}

function settledOf({ holdId, agentId, totals }: Held, end: End, byCaller = false): Settled {
  const ended = byCaller && end.status !== 'done' ? { ...end, status: 'unknown' as const } : end;
  return {
    holdId,
    agentId,
    totals: totals.map((total) => ({
      id: total.id,
      per: total.per,
      max: total.max,
      spent: spentBy(total, ended),
    })),
  };
}
