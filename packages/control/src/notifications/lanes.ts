/**
 * Room: notifications. Batching so that people can bear it: the first piece of news of a lane (recipient, kind, agent) goes at once, what follows within
 * the target's window comes as one digest with counts, and as long as digests have something to say there is one per window. A recipient who gets
 * very many lanes at once gets the rest as one digest over all of them. Nothing is dropped: what a digest cannot list it counts.
 */
import { randomUUID } from 'node:crypto';
import { severities, type Severity } from '@atf/core/wire/notifications';
import type { Tx } from '../context.ts';
import {
  type DeliveryRow,
  insertDelivery,
  type LaneRow,
  lockLane,
  lockUnsent,
  setContents,
  setLane,
  type TargetRow,
} from './delivery-store.ts';
import type { NotificationRow } from './store.ts';

/** Notifications that a message lists; it counts the others. */
export const listedMax = 20;
/** Critical news never waits longer than this for a digest. */
export const criticalWindowMsMax = 10_000;
/** Messages at once to one recipient of a target within its window; critical ones do not count. */
export const burstMax = 20;

export const graver = (a: Severity, b: Severity): Severity =>
  severities.indexOf(a) >= severities.indexOf(b) ? a : b;

interface Parcel {
  readonly target: TargetRow;
  readonly recipient: string;
  /** Of one lane, oldest first; at least one. */
  readonly notices: readonly NotificationRow[];
}

function countsOf(notices: readonly NotificationRow[], before: Readonly<Record<string, number>> = {}) {
  const counts: Record<string, number> = { ...before };
  for (const { kind } of notices) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

async function write(
  tx: Tx,
  { target, recipient, notices }: Parcel,
  digest: boolean,
  nowMs: number,
  dueMs: number,
): Promise<string> {
  const row: DeliveryRow = {
    tenant: target.tenant,
    id: randomUUID(),
    target_id: target.id,
    recipient,
    state: 'waiting',
    digest,
    severity: notices.map(({ severity }) => severity).reduce(graver),
    notification_ids: notices.slice(0, listedMax).map(({ id }) => id),
    count: notices.length,
    counts: countsOf(notices),
    attempts: 0,
    problem: null,
    created_at: nowMs,
    due_at: dueMs,
    claimed_until: null,
    settled_at: null,
  };
  await insertDelivery(tx, row);
  return row.id;
}

/** Into the digest that waits, or into a new one that is due at `dueMs`. Gives its id. */
async function join(tx: Tx, lane: LaneRow, parcel: Parcel, nowMs: number, dueMs: number): Promise<string> {
  const { notices } = parcel;
  const open = lane.digest_id === null ? undefined : await lockUnsent(tx, lane.tenant, lane.digest_id);
  if (open === undefined) return write(tx, parcel, true, nowMs, dueMs);
  const room = Math.max(0, listedMax - open.notification_ids.length);
  await setContents(tx, {
    ...open,
    notification_ids: [...open.notification_ids, ...notices.slice(0, room).map(({ id }) => id)],
    count: open.count + notices.length,
    counts: countsOf(notices, open.counts),
    severity: notices.map(({ severity }) => severity).reduce(graver, open.severity),
  });
  return open.id;
}

/** When the digest of this lane is due, or undefined when it is quiet and news goes at once. */
function digestDue(lane: LaneRow, nowMs: number, windowMs: number): number | undefined {
  if (nowMs < lane.window_until) return lane.window_until;
  const next = lane.window_until + windowMs;
  return lane.digest_id !== null && nowMs < next ? next : undefined;
}

/** Whether one more message may go at once to this recipient; counts it. */
async function admit(tx: Tx, parcel: Parcel, nowMs: number): Promise<{ ok: boolean; lane: LaneRow }> {
  const { target, recipient } = parcel;
  const lane = await lockLane(tx, target.tenant, target.id, `${recipient}|*`);
  if (nowMs >= lane.window_until) {
    const fresh = { ...lane, window_until: nowMs + target.window_ms, digest_id: null, sent: 1 };
    await setLane(tx, fresh);
    return { ok: true, lane: fresh };
  }
  if (lane.sent >= burstMax) return { ok: false, lane };
  await setLane(tx, { ...lane, sent: lane.sent + 1 });
  return { ok: true, lane };
}

async function joinLane(tx: Tx, lane: LaneRow, parcel: Parcel, nowMs: number, dueMs: number): Promise<void> {
  const digestId = await join(tx, lane, parcel, nowMs, dueMs);
  await setLane(tx, { ...lane, window_until: dueMs, digest_id: digestId });
}

/** Writes the messages of one lane's news to one recipient of a target. */
export async function place(tx: Tx, parcel: Parcel, nowMs: number): Promise<void> {
  const { target, recipient, notices } = parcel;
  const [first, ...others] = notices;
  if (first === undefined) return;
  const critical = notices.some(({ severity }) => severity === 'critical');
  const windowMs = critical ? Math.min(criticalWindowMsMax, target.window_ms) : target.window_ms;
  const lane = await lockLane(tx, target.tenant, target.id, laneOf(recipient, first));
  const due = digestDue(lane, nowMs, windowMs);
  if (due !== undefined) return joinLane(tx, lane, parcel, nowMs, due);
  if (!critical) {
    const admitted = await admit(tx, parcel, nowMs);
    if (!admitted.ok) return joinLane(tx, admitted.lane, parcel, nowMs, admitted.lane.window_until);
  }
  await write(tx, { ...parcel, notices: [first] }, false, nowMs, nowMs);
  const opened: LaneRow = { ...lane, window_until: nowMs + windowMs, digest_id: null };
  await setLane(tx, opened);
  if (others.length > 0)
    await joinLane(tx, opened, { ...parcel, notices: others }, nowMs, opened.window_until);
}

/** News of one agent and kind is told together; without an agent, of one tool server and kind. */
export function laneOf(recipient: string, { kind, agent_id, tool }: NotificationRow): string {
  return `${recipient}|${kind}|${agent_id ?? tool?.split('/')[0] ?? ''}`;
}
