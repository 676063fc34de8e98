/** Room: notifications. From news to messages: makes its words, finds whom it concerns, and writes a message for each target whose rules it meets. */
import type { Person } from '@atf/core/wire/api';
import { severities } from '@atf/core/wire/notifications';
import type { Control, Tx } from '../context.ts';
import { gatewayRows } from '../gateways/store.ts';
import { type AgentRow, agentsByIds } from '../identity/store.ts';
import { containmentReasons } from '../incident/store.ts';
import { allPeople } from '../people/store.ts';
import { type TargetRow, targetRows } from './delivery-store.ts';
import { laneOf, place } from './lanes.ts';
import { peopleConcerned } from './people-concerned.ts';
import { type NotificationRow, setRouted, takeUnrouted } from './store.ts';
import { type NameBook, wordsOf } from './words.ts';

/** Pieces of news that are routed in one transaction. */
export const routedAtOnceMax = 200;
const gatewaysMax = 1_000;

interface Known {
  readonly agents: ReadonlyMap<string, AgentRow>;
  readonly people: readonly Person[];
  readonly reasons: ReadonlyMap<string, string>;
  readonly names: NameBook;
}

const idOf = (row: NotificationRow, field: string): string[] => {
  const value = row.facts[field];
  return typeof value === 'string' ? [value] : [];
};

async function knownOf(control: Control, tx: Tx, rows: readonly NotificationRow[]): Promise<Known> {
  const { tenant } = control.config;
  const agents = await agentsByIds(
    tx,
    tenant,
    rows.flatMap(({ agent_id }) => (agent_id === null ? [] : [agent_id])),
  );
  const people = await allPeople(tx, tenant);
  const reasons = await containmentReasons(
    tx,
    tenant,
    rows.flatMap((row) => [...idOf(row, 'stopId'), ...idOf(row, 'resumeId')]),
  );
  const gateways = rows.some(({ facts }) => facts['gateway'] !== undefined)
    ? await gatewayRows(tx, tenant, gatewaysMax)
    : [];
  const names = new Map<string, string>([
    ...gateways.map(({ id, name }) => [id, name] as const),
    ...people.map(({ id, name }) => [id, name] as const),
    ...[...agents].map(([id, { name }]) => [id, name] as const),
  ]);
  const name = (id: unknown): string =>
    typeof id === 'string' ? (names.get(id) ?? (id === 'control' ? 'ATF' : id)) : 'somebody';
  return { agents, people, reasons, names: { name } };
}

/** Whether a target's rules are met. */
export function wanted(target: TargetRow, row: NotificationRow, concerned: readonly string[]): boolean {
  if (target.kinds.length > 0 && !target.kinds.includes(row.kind)) return false;
  if (severities.indexOf(row.severity) < severities.indexOf(target.severity)) return false;
  if (target.agents.length > 0 && (row.agent_id === null || !target.agents.includes(row.agent_id)))
    return false;
  return target.people.length === 0 || target.people.some((id) => concerned.includes(id));
}

/** Keys of those who get a message: a target is one address, or mail to fixed addresses and to people. */
export function recipientsOf(target: TargetRow, concerned: readonly string[]): string[] {
  if (target.channel !== 'email') return [''];
  return [
    ...Array.from({ length: target.to_fixed }, (_, place) => `to:${place}`),
    ...(target.to_people ? concerned.map((id) => `person:${id}`) : []),
  ];
}

function worded(row: NotificationRow, known: Known): NotificationRow {
  const agent = row.agent_id === null ? undefined : known.agents.get(row.agent_id);
  const words = row.summary === '' ? wordsOf(row, agent?.name, known.names) : row;
  const [id] = [...idOf(row, 'stopId'), ...idOf(row, 'resumeId')];
  const reason = id === undefined ? undefined : known.reasons.get(id);
  return {
    ...row,
    summary: words.summary.slice(0, 1_000),
    because: words.because.slice(0, 1_000),
    ...(reason === undefined ? {} : { claimed: reason, claimed_by: 'the person who did it' }),
    recipients: peopleConcerned(row, agent, known.people),
  };
}

interface Parcel {
  readonly target: TargetRow;
  readonly recipient: string;
  readonly notices: NotificationRow[];
}

/** Routes what waits, at most {@link routedAtOnceMax}. Gives how many there were. Locks targets' lanes in one order. */
export async function route(control: Control, tx: Tx): Promise<number> {
  const { tenant } = control.config;
  const rows = await takeUnrouted(tx, tenant, routedAtOnceMax);
  if (rows.length === 0) return 0;
  const nowMs = control.clock.nowMs();
  const known = await knownOf(control, tx, rows);
  const targets = await targetRows(tx, tenant);
  const parcels = new Map<string, Parcel>();
  for (const given of rows) {
    const row = worded(given, known);
    const { summary, because, claimed, claimed_by, recipients } = row;
    await setRouted(tx, tenant, row.id, {
      summary,
      because,
      claimed,
      claimed_by,
      recipients,
      routed_at: nowMs,
    });
    for (const target of targets.filter((each) => wanted(each, row, recipients))) {
      for (const recipient of recipientsOf(target, recipients)) {
        const key = `${target.id}|${laneOf(recipient, row)}`;
        const parcel = parcels.get(key) ?? { target, recipient, notices: [] };
        parcel.notices.push(row);
        parcels.set(key, parcel);
      }
    }
  }
  for (const key of [...parcels.keys()].sort()) await place(tx, parcels.get(key) as Parcel, nowMs);
  return rows.length;
}
