/** Room: policy. What a backtest has found so far, added up in bounded tables. */
import type { Unreplayable } from '@atf/core/backtest';
import { Counts } from '@atf/core/change-counts';
import type { Backtest } from '@atf/core/wire/backtest';
import type { Found } from './messages.ts';

export type Report = Pick<
  Backtest,
  | 'progress'
  | 'decisions'
  | 'changed'
  | 'otherVersion'
  | 'unreplayable'
  | 'counts'
  | 'agents'
  | 'tools'
  | 'rules'
  | 'listed'
>;

export class Tally {
  readonly #counts = new Counts();
  readonly #unreplayable = new Map<Unreplayable, number>();
  #decisions = 0;
  #changed = 0;
  #otherVersion = 0;

  add({ decisions, otherVersion, unreplayable, changed, counts }: Found): void {
    this.#decisions += decisions;
    this.#otherVersion += otherVersion;
    this.#changed += changed;
    for (const [what, count] of Object.entries(unreplayable) as [Unreplayable, number][])
      this.#unreplayable.set(what, (this.#unreplayable.get(what) ?? 0) + count);
    this.#counts.addAll(counts);
  }

  report(progress: Report['progress'], listed: number): Report {
    return {
      progress,
      decisions: this.#decisions,
      changed: this.#changed,
      otherVersion: this.#otherVersion,
      unreplayable: [...this.#unreplayable].map(([what, count]) => ({ what, count })),
      ...this.#counts.tables(),
      listed,
    };
  }
}
