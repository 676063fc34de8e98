/**
 * Room: incident. The end of graceful stops: as soon as nothing runs any more, and at their time at the latest, each becomes the forced stop of
 * the same state, which cuts what is left and voids credentials. Rows carry it over a restart. Stops of sessions that are over go away here too.
 */
import { sha256 } from '@atf/core/digest';
import { graceSecondsMax } from '@atf/core/wire/words';
import type { Control } from '../context.ts';
import { activeGatewayCount } from '../gateways/store.ts';
import { sessionById } from '../identity/credential-store.ts';
import { enforce } from './containment.ts';
import type { PendingStop } from './reserve.ts';
import {
  containmentDocOf,
  type ContainmentRow,
  drainingContainments,
  liftContainment,
  lockContainment,
  sessionContainments,
} from './store.ts';

/** The forced half of a graceful stop is one stop, whoever finds it due (RFC 9562, version 8). */
function forcedStopId(key: string, since: number): string {
  const hex = Buffer.from(sha256(`${key} ${since}`), 'base64url').toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Whether every gateway that may run something says that nothing runs. One that is not heard keeps it open until its time. */
async function nothingRuns(control: Control, { key, since }: ContainmentRow): Promise<boolean> {
  const idle = control.feed
    .gateways()
    .filter(
      ({ connected, draining }) =>
        connected &&
        draining.some(
          (drain) => drain.key === key && Date.parse(drain.since) === since && drain.running === 0,
        ),
    ).length;
  return idle >= (await activeGatewayCount(control.db, control.config.tenant));
}

async function finishDrain(control: Control, row: ContainmentRow): Promise<void> {
  const leftMs = (row.drain_until ?? 0) - control.clock.nowMs();
  // More is left than there ever was: the clock was set back.
  const due = leftMs <= 0 || leftMs > graceSecondsMax * 1_000;
  if (!due && !(await nothingRuns(control, row))) return;
  const { drainUntil: _, ...doc } = containmentDocOf(row);
  const pending: PendingStop = {
    id: forcedStopId(row.key, row.since),
    key: row.key,
    doc,
    byId: row.by_id,
    completes: true,
  };
  await enforce(control, pending);
}

/** A killed session stays void by itself once its last token has lapsed. */
async function forgetSession(control: Control, row: ContainmentRow): Promise<void> {
  const { tenant } = control.config;
  const session = await sessionById(control.db, tenant, row.scope_id);
  const over =
    session === undefined || (session.ended_at !== null && session.expires_at <= control.clock.nowMs());
  if (!over) return;
  await control.change(async (tx) => {
    const now = await lockContainment(tx, tenant, row.key);
    if (now?.since !== row.since) return;
    await liftContainment(tx, tenant, row.key);
    await control.feed.put(tx, 'containment', row.key, null);
    await control.audit.enqueue(tx, 'incident.session_over', {
      scope: { kind: 'session', id: row.scope_id },
      ...(session === undefined ? {} : { agentId: session.agent_id }),
      was: row.state,
    });
  });
}

/** One look at all of them. Call again and again. */
export async function finishDrains(control: Control): Promise<void> {
  const { tenant } = control.config;
  for (const row of await drainingContainments(control.db, tenant)) await finishDrain(control, row);
}

/** One look at stops of sessions. Call now and then. */
export async function forgetSessions(control: Control): Promise<void> {
  const rows = await sessionContainments(control.db, control.config.tenant);
  for (const row of rows) await forgetSession(control, row);
}
