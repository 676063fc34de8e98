/** Room: measures. The tally of each control plane in this process. */
import type { Control } from '../context.ts';
import { MinuteTally, type OutcomeCounts } from './minute-tally.ts';

const tallies = new WeakMap<Control, MinuteTally>();

/** Unix minute → outcome → count, of the last hour. */
export function decisionsByMinute(control: Control): Promise<ReadonlyMap<number, OutcomeCounts>> {
  const tally = tallies.get(control) ?? new MinuteTally(control.db, control.config.tenant);
  tallies.set(control, tally);
  return tally.counts(control.clock.nowMs());
}
