/**
 * Room: incident (R-2, invariant 1). The durable half of a stop that acts already: its row, its document, the credentials and approvals that it voids,
 * its event. Until that is written the stop stands on reserved disk space and is tried again.
 */
import { randomUUID } from 'node:crypto';
import { stopsAgents } from '@atf/core/incident/containment';
import { containmentKey } from '@atf/core/incident/scope-id';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import { voidApprovals } from '../approvals/upkeep.ts';
import type { Control, Tx } from '../context.ts';
import { revokeSession, voidCredentials } from '../identity/credentials.ts';
import { lockAgents } from '../identity/store.ts';
import { type PendingStop, readReserve, StopReserve } from './reserve.ts';
import { agentsOf } from './scopes.ts';
import {
  containmentDocOf,
  type ContainmentRow,
  insertContainmentEvent,
  lockContainment,
  putContainment,
} from './store.ts';

const recordAgainMs = 1_000;

const severity = { paused: 0, quarantined: 1, killed: 2 } as const satisfies Record<
  ContainmentDoc['state'],
  number
>;

/** The reserve of a running control plane. One per data directory. */
const reserves = new WeakMap<Control, StopReserve>();

export interface Recorded {
  readonly agents: readonly string[];
  readonly approvalsVoided: number;
}

/** A pause is softer than a kill, and one that still lets calls end softer than one that does not. */
function hardness(state: ContainmentDoc['state'], draining: boolean): number {
  return 2 * severity[state] + (draining ? 0 : 1);
}

/** The row and the document, of the harder of two stops. */
async function contain(
  control: Control,
  tx: Tx,
  { key, doc, byId }: PendingStop,
  before: ContainmentRow | undefined,
): Promise<void> {
  const { tenant } = control.config;
  const wanted = hardness(doc.state, doc.drainUntil !== undefined);
  if (before !== undefined && hardness(before.state, before.drain_until !== null) > wanted) {
    // Gateways were told the softer state ahead; this puts the harder one back.
    return control.feed.put(tx, 'containment', key, containmentDocOf(before));
  }
  const row: ContainmentRow = {
    tenant,
    key,
    scope_kind: doc.scope.kind,
    scope_id: doc.scope.id,
    state: doc.state,
    since: Date.parse(doc.since),
    reason: doc.reason,
    by_id: byId,
    by_name: doc.by,
    label: doc.label ?? null,
    drain_until: doc.drainUntil === undefined ? null : Date.parse(doc.drainUntil),
  };
  await putContainment(tx, row);
  await control.feed.put(tx, 'containment', key, containmentDocOf(row));
}

/** The durable half of a stop. May run again after a fault: the same stop twice is one stop. */
async function record(control: Control, stop: PendingStop): Promise<Recorded> {
  const { tenant } = control.config;
  const { id, key, doc, byId } = stop;
  return control.change(async (tx) => {
    const agents = await agentsOf(control, tx, doc.scope);
    const ids = agents.map((agent) => agent.id);
    const names = agents.map((agent) => agent.name);
    // Rows before the feed, agents in one order: whoever works on one of them waits for us, and we never for them in a circle.
    if (stopsAgents(doc.scope)) await lockAgents(tx, tenant, ids);
    const event = {
      tenant,
      id,
      at: Date.parse(doc.since),
      kind: 'stopped' as const,
      key,
      reason: doc.reason,
      by_id: byId,
    };
    const before = await lockContainment(tx, tenant, key);
    const nothing = { agents: names, approvalsVoided: 0 };
    if (stop.completes === true && (before?.since !== event.at || before.drain_until === null)) {
      // A person lifted or hardened it meanwhile; gateways were told ahead, and this takes it back.
      await control.feed.put(tx, 'containment', key, before === undefined ? null : containmentDocOf(before));
      return nothing;
    }
    if (!(await insertContainmentEvent(tx, event))) return nothing;
    const approvalsVoided = await voidApprovals(control, tx, doc.scope, ids);
    await contain(control, tx, stop, before);
    let sessionsEnded = 0;
    // A graceful kill voids credentials when it is forced: what may end still answers under them.
    if (doc.state === 'killed' && doc.drainUntil === undefined) {
      if (doc.scope.kind === 'session') sessionsEnded += await revokeSession(control, tx, doc.scope.id);
      if (stopsAgents(doc.scope)) {
        for (const agentId of ids) sessionsEnded += await voidCredentials(control, tx, agentId);
      }
    }
    await control.audit.enqueue(tx, 'incident.containment_set', {
      stopId: id,
      ...(doc.scope.kind === 'agent' ? { agentId: doc.scope.id } : {}),
      scope: { ...doc.scope },
      state: doc.state,
      since: doc.since,
      ...(doc.label === undefined ? {} : { label: doc.label }),
      ...(doc.drainUntil === undefined ? {} : { drainUntil: doc.drainUntil }),
      agents: agents.length,
      sessionsEnded,
      approvalsVoided,
      by: byId,
    });
    return { agents: names, approvalsVoided };
  });
}

/** Records a stop before anything is served that it could stop. The same stop twice is one stop. */
export async function recordFirst(control: Control, stop: PendingStop): Promise<void> {
  await record(control, stop);
}

/** Records what is in force and not recorded, again and again until it is. */
export class StopRecorder {
  readonly #control: Control;
  readonly #reserve: StopReserve;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(control: Control) {
    this.#control = control;
    this.#reserve = new StopReserve(control.config.dataDir);
    reserves.set(control, this.#reserve);
    control.feed.announce(() => this.#reserve.pending.map(({ key, doc }) => ({ key, body: doc })));
  }

  /** Takes over what an earlier run could not record. Call before anything is served. */
  async recover(): Promise<number> {
    const read = readReserve(this.#control.config.dataDir);
    const nowMs = this.#control.clock.nowMs();
    const stops: readonly PendingStop[] = read.ok ? read.stops : [unreadable(nowMs)];
    for (const stop of stops) this.#reserve.add(stop);
    for (const stop of stops) {
      await record(this.#control, stop);
      this.#reserve.done(stop.id);
    }
    if (stops.length > 0)
      this.#control.log.warn({ stops: stops.length }, 'stops of an earlier run were recorded now');
    return stops.length;
  }

  /** Tries again what could not be recorded. */
  again(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#turn();
    }, recordAgainMs);
  }

  async #turn(): Promise<void> {
    for (const stop of this.#reserve.pending) {
      try {
        await record(this.#control, stop);
        this.#reserve.done(stop.id);
      } catch (fault) {
        this.#control.log.error(
          { err: fault, stop: stop.id },
          'a stop in force could not be recorded; it is tried again',
        );
        this.again();
        return;
      }
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    reserves.delete(this.#control);
    this.#reserve.close();
  }
}

function unreadable(nowMs: number): PendingStop {
  const scope = { kind: 'fleet', id: '*' } as const;
  const doc: ContainmentDoc = {
    scope,
    state: 'killed',
    since: new Date(nowMs).toISOString(),
    reason: 'The file of unrecorded stops cannot be understood.',
    by: 'control',
  };
  return { id: randomUUID(), key: containmentKey(scope), doc, byId: 'control' };
}

const recorders = new WeakMap<Control, StopRecorder>();

/** Opens the reserve and records what an earlier run left. @throws when the space cannot be taken. */
export async function openStops(control: Control): Promise<StopRecorder> {
  const recorder = new StopRecorder(control);
  recorders.set(control, recorder);
  await recorder.recover();
  return recorder;
}

/** Records a stop that acts already, and takes its line away; when that fails it is tried again. */
export async function recordStop(control: Control, pending: PendingStop): Promise<Recorded | undefined> {
  try {
    const recorded = await record(control, pending);
    reserves.get(control)?.done(pending.id);
    return recorded;
  } catch (fault) {
    control.log.error(
      { err: fault, stop: pending.id },
      'a stop is in force but could not be recorded; it is tried again',
    );
    recorders.get(control)?.again();
    return undefined;
  }
}

/** Puts a stop on reserved disk space. A disk that refuses does not keep the stop from acting or from being recorded. */
export function reserveStop(control: Control, pending: PendingStop): void {
  try {
    reserves.get(control)?.add(pending);
  } catch (fault) {
    control.log.error(
      { err: fault },
      'the line of a stop could not be written; the record in the database goes on',
    );
  }
}
