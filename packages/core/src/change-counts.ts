/** Changed decisions, added up in bounded tables: by kind, agent, tool and policy. Pure. Used by backtests and by the shadow of a gateway. */
import type { DecisionChange } from './backtest.ts';
import type { ChangeCount, ChangeCounts, ChangeKindCount } from './wire/change-counts.ts';
import { changeCountsMax, changeRest } from './wire/change-counts.ts';

type Kind = Pick<DecisionChange, 'was' | 'would'>;

/** Names that do not fit are added up under one. */
class Table {
  readonly #rows = new Map<string, ChangeCount>();

  add(of: string, { was, would }: Kind, count: number): void {
    const key = `${was} ${would} ${of}`;
    const row = this.#rows.get(key);
    if (row !== undefined) row.count += count;
    else if (this.#rows.size < changeCountsMax || of === changeRest)
      this.#rows.set(key, { of, was, would, count });
    else this.add(changeRest, { was, would }, count);
  }

  /** The most frequent first. */
  rows(): ChangeCount[] {
    return [...this.#rows.values()].sort((a, b) => b.count - a.count || (a.of < b.of ? -1 : 1));
  }
}

/** What a change is counted under where no policy stands on either side. */
const noRule = 'no policy permits it';

export class Counts {
  readonly #kinds = new Table();
  readonly #agents = new Table();
  readonly #tools = new Table();
  readonly #rules = new Table();

  add(change: Kind & Pick<DecisionChange, 'rules'>, { agent, tool }: { agent: string; tool: string }): void {
    this.#kinds.add('', change, 1);
    this.#agents.add(agent, change, 1);
    this.#tools.add(tool, change, 1);
    for (const rule of change.rules.length > 0 ? change.rules : [noRule]) this.#rules.add(rule, change, 1);
  }

  /** Adds what somebody else has counted. */
  addAll({ counts, agents, tools, rules }: ChangeCounts): void {
    for (const row of counts) this.#kinds.add('', row, row.count);
    for (const row of agents) this.#agents.add(row.of, row, row.count);
    for (const row of tools) this.#tools.add(row.of, row, row.count);
    for (const row of rules) this.#rules.add(row.of, row, row.count);
  }

  tables(): ChangeCounts {
    const kinds = this.#kinds.rows().map(({ was, would, count }): ChangeKindCount => ({ was, would, count }));
    const [agents, tools, rules] = [this.#agents.rows(), this.#tools.rows(), this.#rules.rows()];
    return { counts: kinds, agents, tools, rules };
  }
}
