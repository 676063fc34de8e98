/**
 * Room: segmentation (S-5, invariant 4). What all calls of an agent together may do, over all gateways: control allocates, and a call that a total binds reserves there
 * before it is decided and is settled when it has ended. A call whose end control never hears stays spent. Without control nothing is reserved, and
 * nothing that a total binds runs.
 */
import { type Refusal, refusal } from '@atf/core/errors';
import { recordsIn } from '@atf/core/segmentation/records';
import { type TotalsOfOne, totalsInChain } from '@atf/core/chain';
import { namedTotal, type WantedTotal } from '@atf/core/segmentation/totals';
import type { BodyOut, ResponseOf } from '@atf/core/wire/api';
import type { AgentDoc, ToolDoc } from '@atf/core/wire/feed';
import type { Json, JsonObject } from '@atf/core/wire/json';
import type { CredentialFacts, TotalFact } from '@atf/core/world';
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
  readonly credential: Pick<CredentialFacts, 'chain' | 'task'>;
  /** The agents above, whose totals it takes from as well. */
  readonly above: readonly AgentDoc[];
}

/** What is reserved of the totals of one agent. */
interface Held {
  readonly holdId: string;
  readonly agentId: string;
  readonly totals: readonly WantedTotal[];
}

/** What one call has got. */
export interface TotalHold {
  readonly facts: readonly TotalFact[];
  /** Something of them is reserved. */
  readonly held: boolean;
}

const noHold: TotalHold = { facts: [], held: false };

const refusalKey = (agentId: string, task: string | undefined, id: string): string =>
  `${agentId} ${task ?? ''} ${id}`;

/** A total by its name, and whose it is where it is not the caller's own. */
type Named = Omit<TotalFact, 'ok'>;
const namedOf = (one: TotalsOfOne, total: WantedTotal, ownId: string | undefined): Named => ({
  ...namedTotal(total),
  ...(one.agentId === ownId ? {} : { agentId: one.agentId }),
});

const unheardFact = (named: Named): TotalFact => ({
  ...named,
  ok: false,
  retryAfterMs: askAgainMs,
  unheard: true,
});

function answeredFact(named: Named, answer: Answer['totals'][number] | undefined): TotalFact {
  if (answer === undefined) return unheardFact(named);
  const { ok, left, retryAfterMs, unknown } = answer;
  return {
    ...named,
    ok,
    left,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(unknown === undefined ? {} : { unknown }),
  };
}

const bindingOf = ({ agent, tool, args, credential, above }: TotalsOf): TotalsOfOne[] =>
  agent === undefined || tool === undefined ? [] : totalsInChain(credential, { agent, above }, tool, args);

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
  readonly #open = new Map<string, readonly Held[]>();
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
  bind(of: TotalsOf): boolean {
    return bindingOf(of).length > 0;
  }

  /** The totals that bind, as if nothing were spent: control is asked before anything runs. What is more than all of one never fits. */
  look(of: TotalsOf): readonly TotalFact[] {
    return bindingOf(of).flatMap((one) =>
      one.totals.map((total) => ({ ...namedOf(one, total, of.agent?.id), ok: total.wanted <= total.max })),
    );
  }

  /** Reserves what this action is about to do: all of it, or nothing stays reserved. Bounded by the time that control may take to answer. */
  async reserve(actionId: string, of: TotalsOf): Promise<TotalHold> {
    const binding = bindingOf(of);
    if (binding.length === 0) return noHold;
    const named = (one: TotalsOfOne) => one.totals.map((total) => namedOf(one, total, of.agent?.id));
    const known = this.#refusedBefore(binding, named);
    if (known !== undefined) return { facts: known, held: false };
    if (this.#reserving.waiting >= waitingMax)
      return { facts: binding.flatMap((one) => named(one).map(unheardFact)), held: false };
    const asked = await Promise.all(binding.map(async (one) => this.#ask(one)));
    const facts = asked.flatMap(({ one, heard }) =>
      named(one).map((each, at) => answeredFact(each, heard.answer?.totals[at])),
    );
    if (asked.every(({ heard }) => heard.answer?.reserved === true)) {
      this.#open.set(
        actionId,
        asked.map(({ held }) => held),
      );
      return { facts, held: true };
    }
    for (const { one, held, heard } of asked) {
      // What is not known may be reserved, now or in a moment. Nobody will use any of it.
      if (heard.answer === undefined && heard.sent) this.#tell(settledOf(held, notRun), true);
      if (heard.answer?.reserved === true) this.#tell(settledOf(held, notRun));
      if (heard.answer?.reserved === false)
        this.#keepRefusal(
          one,
          named(one).map((each, at) => answeredFact(each, heard.answer?.totals[at])),
        );
    }
    return { facts, held: false };
  }

  async #ask(one: TotalsOfOne): Promise<{ one: TotalsOfOne; held: Held; heard: Heard }> {
    const { agentId, task, totals } = one;
    const held: Held = { holdId: this.#input.newId(), agentId, totals };
    const heard = await this.#reserving.ask({
      holdId: held.holdId,
      agentId,
      ...(task === undefined ? {} : { task }),
      totals: totals.map(({ id, per, max, wanted }) => ({ id, per, max, wanted })),
    });
    return { one, held, heard };
  }

  /**
   * The call ended so. What it handed out is counted before it leaves: where it is more than is left, the result is not given. `byCaller`: it was the caller's
   * own program that ran it, with a permit in its hand; what that says of not having done it gives nothing back.
   */
  async settle(actionId: string, ran: Ran, byCaller: boolean): Promise<Ran> {
    const held = this.#open.get(actionId);
    if (held === undefined) return ran;
    this.#open.delete(actionId);
    const told = await Promise.all(held.map(async (one) => this.#settleOne(one, ran, byCaller)));
    const over = told.find((why) => why !== undefined);
    return over === undefined ? ran : { ...ran, result: undefined, refusal: over };
  }

  /** The refusal, where it did more than was left. */
  async #settleOne(held: Held, ran: Ran, byCaller: boolean): Promise<Refusal | undefined> {
    const settled = settledOf(held, ran, byCaller);
    const beyond = settled.totals.filter((each, at) => each.spent > (held.totals[at]?.wanted ?? 0));
    if (beyond.length === 0) {
      this.#tell(settled);
      return undefined;
    }
    const answer = await this.#settling.ask(settled);
    if (answer?.within === true) return undefined;
    if (answer === undefined) this.#tell(settledOf(held, mayHaveRun));
    const of = beyond.map(({ id, spent }) => `${id}: it holds ${spent}`).join(', ');
    return answer === undefined
      ? refusal('containment.feed_stale', `${of}, and control has not said what is left`)
      : refusal('segmentation.total_exceeded', `${of}, and ${answer.left} are left; it is not given`);
  }

  /** The action is over, whatever happened to it: one that was settled is nothing to this; one that was sent may have happened, any other has not. */
  end(actionId: string, sent = false): void {
    const held = this.#open.get(actionId);
    if (held === undefined) return;
    this.#open.delete(actionId);
    for (const one of held) this.#tell(settledOf(one, sent ? mayHaveRun : notRun));
  }

  /** A moment ago control said that less is left than this call wants. */
  #refusedBefore(
    binding: readonly TotalsOfOne[],
    named: (one: TotalsOfOne) => readonly Named[],
  ): TotalFact[] | undefined {
    const nowMs = this.#input.monotonicMs();
    const facts = binding.flatMap((one) =>
      one.totals.map((total, at): [known: TotalFact | undefined, named: Named | undefined] => {
        const refused = this.#refused.get(refusalKey(one.agentId, one.task, total.id));
        const counts = refused !== undefined && refused.untilMs > nowMs && refused.fact.max === total.max;
        const known = counts && total.wanted > (refused.fact.left ?? 0) ? refused.fact : undefined;
        return [known, named(one)[at]];
      }),
    );
    if (facts.every(([known]) => known === undefined)) return undefined;
    return facts.flatMap(([known, each]) =>
      each === undefined ? [] : [known === undefined ? { ...each, ok: true } : { ...known, ...each }],
    );
  }

  #keepRefusal({ agentId, task }: TotalsOfOne, facts: readonly TotalFact[]): void {
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
