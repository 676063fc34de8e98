/**
 * Room: data (D-5). Follows the signed log and keeps the index of lineage, a stretch at a time, each counted once. Whoever asks has it brought up to date first, on
 * whichever replica; beside that the one that has the duties keeps it near.
 */
import type { ReadableLog } from '../../activity/log-reader.ts';
import { leavesAt } from '../../activity/log-reader.ts';
import type { Control } from '../../context.ts';
import { factsOfLeaf } from './facts.ts';
import {
  addActions,
  addOutcomes,
  addSessions,
  addValues,
  forgetLineage,
  lineageMark,
  lockLineageMark,
  setLineageMark,
} from './store.ts';

/** Entries in one transaction: between two of them everybody else has their turn. */
const entriesPerTurn = 1_024;
const turnsMax = 20;

export class LineageIndex {
  readonly #control: Control;
  readonly #log: ReadableLog;

  constructor(control: Control, log: ReadableLog) {
    this.#control = control;
    this.#log = log;
  }

  /** Looks through what is new, up to a bound; gives how many signed entries are left. */
  async follow(): Promise<number> {
    const { tenant } = this.#control.config;
    for (let turn = 0; turn < turnsMax; turn++) {
      const mark = await lineageMark(this.#control.db, tenant);
      const { signedSize } = this.#log.status();
      if (mark === signedSize) return 0;
      await this.#turn(mark, signedSize);
    }
    return Math.max(0, this.#log.status().signedSize - (await lineageMark(this.#control.db, tenant)));
  }

  async #turn(mark: number, size: number): Promise<void> {
    const { change, config } = this.#control;
    const { tenant } = config;
    if (mark > size) {
      await change(async (tx) => {
        if ((await lockLineageMark(tx, tenant)) !== mark) return;
        await forgetLineage(tx, tenant);
        await setLineageMark(tx, tenant, 0);
      });
      return;
    }
    const end = Math.min(size, mark + entriesPerTurn);
    const places = Array.from({ length: end - mark }, (_, at) => mark + at);
    const facts = (await leavesAt(this.#log, places)).map(({ index, entry }) => factsOfLeaf(index, entry));
    await change(async (tx) => {
      if ((await lockLineageMark(tx, tenant)) !== mark) return;
      await addActions(
        tx,
        tenant,
        facts.flatMap(({ actions }) => actions),
      );
      await addValues(
        tx,
        tenant,
        facts.flatMap(({ values }) => values),
      );
      await addSessions(
        tx,
        tenant,
        facts.flatMap(({ sessions }) => sessions),
      );
      await addOutcomes(
        tx,
        tenant,
        facts.flatMap(({ outcomes }) => outcomes),
      );
      await setLineageMark(tx, tenant, end);
    });
  }
}
