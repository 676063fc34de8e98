/** Room: data (D-2). What is seen of retrieval sources: counted out of the records that gateways ship, and when a definition changes. */
import type { Entry } from '@atf/core/audit/entry';
import { trustDays } from '@atf/core/data/source-trust';
import { dayMs, dayOf } from '@atf/core/hours';
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import { nameSchema, toolRefSchema } from '@atf/core/wire/words';
import type { Tx } from '../../context.ts';
import { addSeen, type Counts, countNames, noCounts, type Place } from './store.ts';

/** Statuses of calls that were dispatched. */
const ran: readonly (Json | undefined)[] = ['done', 'failed', 'unknown'];

const strings = (value: Json | undefined): string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];

function countsOf({ status, code, data }: JsonObject): Counts {
  const labels = isJsonObject(data) ? strings(data['labels']) : [];
  const one = (is: boolean) => (is ? 1 : 0);
  const isWithheld = code === 'data.injection_withheld';
  return {
    ...noCounts,
    results: 1,
    failed: one(status !== 'done'),
    withheld: one(isWithheld),
    labelled: one(!isWithheld && (labels.includes('injection') || labels.includes('unchecked'))),
    above: one(code === 'data.source_above_level'),
    pii: one(labels.includes('PII')),
    phi: one(labels.includes('PHI')),
    pci: one(labels.includes('PCI')),
    secret: one(labels.includes('secret')),
  };
}

/** Where the outcome of a retrieval counts; what a gateway writes otherwise counts nowhere. */
function placesOf({ type, at, body }: Entry, nowMs: number): { places: Place[]; counts: Counts } | undefined {
  if (type !== 'action.outcome' || !isJsonObject(body) || !ran.includes(body['status'])) return undefined;
  const tool = toolRefSchema.safeParse(`${String(body['server'])}/${String(body['tool'])}`);
  // A clock that is ahead counts today.
  const day = Math.min(dayOf(Date.parse(at)), dayOf(nowMs));
  if (!tool.success || !(day > dayOf(nowMs - trustDays * dayMs))) return undefined;
  const names = [...new Set(strings(body['indexes']))].filter((name) => nameSchema.safeParse(name).success);
  const places = names.map((index_name) => ({ tool: tool.data, index_name, day }));
  return places.length === 0 ? undefined : { places, counts: countsOf(body) };
}

const add = (one: Counts, other: Counts): Counts =>
  Object.fromEntries(countNames.map((name) => [name, one[name] + other[name]])) as Counts;

/** Counts what records say of retrieval sources, in the transaction that takes them in. */
export async function noteSources(
  tx: Tx,
  tenant: string,
  entries: readonly Entry[],
  nowMs: number,
): Promise<void> {
  const seen = new Map<string, { readonly place: Place; readonly counts: Counts }>();
  for (const entry of entries) {
    const found = placesOf(entry, nowMs);
    for (const place of found?.places ?? []) {
      const key = `${place.tool} ${place.index_name} ${place.day}`;
      const before = seen.get(key)?.counts ?? noCounts;
      seen.set(key, { place, counts: add(before, found?.counts ?? noCounts) });
    }
  }
  // In one order everywhere: two gateways that ship at once wait for each other and not in a circle.
  for (const [, { place, counts }] of [...seen].sort(([one], [other]) => (one < other ? -1 : 1)))
    await addSeen(tx, tenant, place, counts);
}

/** The definition of a tool changed, from whose sources these indexes are read. */
export async function noteChanged(
  tx: Tx,
  tenant: string,
  tool: string,
  indexes: readonly string[],
  nowMs: number,
): Promise<void> {
  for (const index_name of [...new Set(indexes)].sort())
    await addSeen(tx, tenant, { tool, index_name, day: dayOf(nowMs) }, { ...noCounts, changed: 1 });
}
