/**
 * Room: data (D-5). Which recorded arguments and results hold a value. It is looked for as provenance compares values, in contents that are opened one after the other,
 * newest first, and let go again: nothing is kept of the value, and what was erased is not found any more. Bounded in contents and time for each page.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { openPayload, type SealedPayload } from '@atf/core/audit/payload';
import { seenOf, standsIn } from '@atf/core/segmentation/provenance/session-memory';
import { type LineageHit, lineageHitsMax } from '@atf/core/wire/lineage-search';
import type { Json } from '@atf/core/wire/json';
import { activityRows, type IndexRow } from '../../audit/index-store.ts';
import { payloadsByIds } from '../../audit/payloads.ts';
import type { Control } from '../../context.ts';
import { agentNames } from '../../identity/store.ts';
import { actionsById } from './store.ts';

const withinMs = 2_000;
const rowsPerTurn = 100;
const lookedMax = 5_000;

export interface Sought {
  readonly value: string;
  readonly agentId: string | undefined;
  readonly where: LineageHit['where'] | undefined;
  readonly before: number | undefined;
}

export interface ValuePage {
  readonly items: LineageHit[];
  readonly looked: number;
  readonly erased: number;
  readonly partly: number;
  readonly next?: number;
}

const outcomeType = 'action.outcome';
const typesOf = (where: Sought['where']): string[] => [
  ...(where === 'result' ? [] : ['action.intent', 'action.asked', 'action.refused']),
  ...(where === 'arguments' ? [] : [outcomeType]),
];

/** How the value stands in one content; `partly`: not all of it was compared. Arguments are structure, whatever their members are called. */
function look(
  text: string,
  { value, isResult }: { readonly value: string; readonly isResult: boolean },
): { readonly how: LineageHit['how'] | undefined; readonly partly: boolean } {
  let content: Json;
  try {
    content = JSON.parse(text) as Json;
  } catch {
    content = text;
  }
  const result = isResult ? content : { structuredContent: content };
  const seen = seenOf({ tool: '/', trusted: false, args: {}, result });
  return { how: standsIn(seen, value), partly: seen.cut };
}

class Search {
  readonly #control: Control;
  readonly #sought: Sought;
  readonly found: { readonly row: IndexRow; readonly how: LineageHit['how'] }[] = [];
  looked = 0;
  erased = 0;
  partly = 0;

  constructor(control: Control, sought: Sought) {
    this.#control = control;
    this.#sought = sought;
  }

  /** Gives the place where to go on; undefined: that was all. */
  async run(): Promise<number | undefined> {
    const { tenant } = this.#control.config;
    const untilMs = performance.now() + withinMs;
    const types = typesOf(this.#sought.where);
    let { before } = this.#sought;
    for (;;) {
      const rows = await activityRows(this.#control.db, {
        tenant,
        types,
        agent: this.#sought.agentId,
        before,
        limit: rowsPerTurn,
      });
      const sealed = await payloadsByIds(
        this.#control.db,
        tenant,
        rows.flatMap(({ payload }) => payload ?? []),
      );
      for (const row of rows) {
        before = row.log_index;
        this.#one(row, sealed);
        if (this.found.length >= lineageHitsMax || this.looked >= lookedMax || performance.now() > untilMs)
          return before;
        // Others have their turn between two contents.
        await turn();
      }
      if (rows.length < rowsPerTurn) return undefined;
    }
  }

  #one(row: IndexRow, sealed: ReadonlyMap<string, SealedPayload>): void {
    if (row.payload === null) return;
    const own = sealed.get(row.payload);
    if (own === undefined) {
      this.erased += 1;
      return;
    }
    const { key } = this.#control.keys.secret('payload', own.kid);
    const text = openPayload(own, key)?.toString();
    this.looked += 1;
    if (text === undefined) return;
    const isResult = row.type === outcomeType;
    const { how, partly } = look(text, { value: this.#sought.value, isResult });
    if (partly) this.partly += 1;
    if (how !== undefined) this.found.push({ row, how });
  }
}

export async function recordsWith(control: Control, sought: Sought): Promise<ValuePage> {
  const { tenant } = control.config;
  const search = new Search(control, sought);
  const next = await search.run();
  const ids = search.found.flatMap(({ row }) => row.action ?? []);
  const actions = new Map((await actionsById(control.db, tenant, ids)).map((each) => [each.action, each]));
  const names = await agentNames(
    control.db,
    tenant,
    search.found.flatMap(({ row }) => row.agent ?? []),
  );
  const items = search.found.flatMap(({ row, how }): LineageHit[] => {
    const agent = row.agent === null ? undefined : names.get(row.agent);
    const action = row.action === null ? undefined : actions.get(row.action);
    if (action === undefined) return [];
    return [
      {
        action: action.action,
        at: new Date(row.at).toISOString(),
        ...(agent === undefined ? {} : { agent }),
        source: action.source,
        where: row.type === outcomeType ? 'result' : 'arguments',
        how,
      },
    ];
  });
  const { looked, erased, partly } = search;
  return { items, looked, erased, partly, ...(next === undefined ? {} : { next }) };
}
