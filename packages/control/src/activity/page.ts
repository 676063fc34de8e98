/** Room: activity. Pages of the activity: the index finds the rows, the log says what they are. */
import type { ActivityItem } from '@atf/core/wire/api';
import { type ActivityQuery, activityRows } from '../audit/index-store.ts';
import type { Control } from '../context.ts';
import { activityItemOf } from './item.ts';
import { leavesAt, type ReadableLog, type ReadLeaf } from './log-reader.ts';
import { namesFor } from './names.ts';

export interface PageQuery {
  readonly before?: number | undefined;
  readonly after?: number | undefined;
  readonly agent?: string | undefined;
  readonly action?: string | undefined;
  /** A word of the activity, which several words of the log may become. */
  readonly outcome?: string | undefined;
  readonly limit: number;
}

/** Words of the log's index that can become a word of the activity. */
const indexWords: Record<string, readonly string[]> = {
  stopped: ['aborted', 'not_executed', 'refused'],
};
/** Rows looked through for one page, at most, when a filter leaves some of them out. */
const rowsLookedAtMax = 5_000;

/** Newest first. */
export async function leavesOfPage(
  control: Control,
  log: ReadableLog,
  query: PageQuery,
): Promise<ReadLeaf[]> {
  const { outcome, ...rest } = query;
  const found: ReadLeaf[] = [];
  for (const word of outcome === undefined ? [undefined] : (indexWords[outcome] ?? [outcome])) {
    const wanted: ActivityQuery = { ...rest, tenant: control.config.tenant, outcome: word };
    const rows = await activityRows(control.db, wanted);
    found.push(
      ...(await leavesAt(
        log,
        rows.map(({ log_index: index }) => index),
      )),
    );
  }
  return found.sort((a, b) => b.index - a.index).slice(0, query.limit);
}

export async function itemsOf(control: Control, leaves: readonly ReadLeaf[]): Promise<ActivityItem[]> {
  const names = await namesFor(
    control,
    leaves.map(({ entry }) => entry),
  );
  return leaves.map(({ entry, index }) => activityItemOf(entry, index, names));
}

/** One page, newest first; looks further when a filter on the outcome leaves rows out. */
export async function activityPage(
  control: Control,
  log: ReadableLog,
  query: PageQuery,
): Promise<ActivityItem[]> {
  const items: ActivityItem[] = [];
  let { before } = query;
  for (let looked = 0; looked < rowsLookedAtMax && items.length < query.limit; looked += query.limit) {
    const leaves = await leavesOfPage(control, log, { ...query, before });
    const page = await itemsOf(control, leaves);
    items.push(...page.filter((item) => query.outcome === undefined || item.outcome === query.outcome));
    before = leaves.at(-1)?.index;
    if (leaves.length < query.limit || before === undefined) break;
  }
  return items.slice(0, query.limit);
}
