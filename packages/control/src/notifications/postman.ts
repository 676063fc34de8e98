/**
 * Room: notifications. Sends what is written: takes messages that are due, a few of each target at a time, so that one that hangs holds up nobody else; tries
 * again with growing pauses up to the target's bound; then gives up visibly. Nothing that agents or people do waits for it. Several replicas may run
 * one each: a message is taken by one of them, and comes back when that one dies. So a message may arrive twice, under the same id.
 */
import { randomInt } from 'node:crypto';
import type { Control } from '../context.ts';
import { agentNames, peopleByIds } from '../identity/store.ts';
import type { Sent } from './channels/channel.ts';
import { send } from './channels/index.ts';
import {
  claimDue,
  type DeliveryRow,
  dropOldDeliveries,
  settleDelivery,
  targetById,
  type TargetRow,
  workDue,
} from './delivery-store.ts';
import { type Resolve, systemResolve } from './dial.ts';
import { messageOf } from './message.ts';
import { newsWritten } from './outbox.ts';
import { routedAtOnceMax, route } from './router.ts';
import { openTarget } from './secrets.ts';
import { dropOldNotifications, notificationsByIds, type NotificationRow } from './store.ts';

export const sendWithinMs = 10_000;
/** A message whose sender is gone is taken again after this. */
export const claimMs = sendWithinMs + 10_000;
const perTargetMax = 2;
const atOnceMax = 16;
const lookEveryMs = 250;
/** News of one commit and the next goes together. */
const gatherMs = 10;
const pauseFirstMs = 1_000;
const pauseFactor = 4;
const pauseMaxMs = 3_600_000;
const keptMs = 90 * 86_400_000;
const forgetEveryMs = 3_600_000;

/** Pause after this many attempts, without chance: 1 s, 4 s, 16 s, about a minute, … an hour. */
export function pauseAfterMs(attempts: number): number {
  return Math.min(pauseMaxMs, pauseFirstMs * pauseFactor ** Math.min(attempts - 1, 10));
}

/** A fifth more or less, so that what failed together does not come together again. */
const jittered = (ms: number): number => Math.round((ms * randomInt(800, 1_201)) / 1_000);

function testNotice(delivery: DeliveryRow): NotificationRow {
  return {
    tenant: delivery.tenant,
    id: delivery.id,
    at: delivery.created_at,
    kind: 'test',
    severity: 'info',
    once_key: '',
    action_id: null,
    agent_id: null,
    tool: null,
    facts: {},
    summary: 'A test of this target: nothing happened',
    because: 'Somebody who answers for ATF wanted to see whether messages arrive here.',
    claimed: null,
    claimed_by: null,
    recipients: [],
    routed_at: delivery.created_at,
    acknowledged_at: null,
    acknowledged_by: null,
    acknowledged_with: null,
  };
}

export interface PostmanOptions {
  readonly resolve?: Resolve;
}

export class Postman {
  readonly #control: Control;
  readonly #resolve: Resolve;
  readonly #stop = new AbortController();
  /** Messages under way, by target. */
  readonly #underWay = new Map<string, number>();
  readonly #sending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #again = false;
  #started = false;
  #written = 0;
  #forgetAtMs = 0;

  constructor(control: Control, { resolve = systemResolve }: PostmanOptions = {}) {
    this.#control = control;
    this.#resolve = resolve;
  }

  /** From now on it takes turns by itself. */
  start(): void {
    this.#started = true;
    this.#later(0);
  }

  /** Something was committed: there may be news. Cheap, and never throws. */
  wake(): void {
    const written = newsWritten();
    if (written === this.#written) return;
    this.#written = written;
    if (this.#turn === undefined) this.#later(gatherMs);
    else this.#again = true;
  }

  /** What is under way is cut, and is taken again by whoever runs next. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#turn;
    await Promise.all(this.#sending);
  }

  #later(ms: number): void {
    if (!this.#started || this.#stop.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(), ms);
  }

  #begin(): void {
    if (this.#turn !== undefined || this.#stop.signal.aborted) return;
    this.#again = false;
    this.#turn = this.work()
      .catch((fault: unknown) => this.#control.log.error({ err: fault }, 'notifications'))
      .finally(() => {
        this.#turn = undefined;
        this.#later(this.#again ? gatherMs : lookEveryMs);
      });
  }

  /** One turn: routes all news, and begins to send what is due and fits. Looks before it opens a transaction. */
  async work(): Promise<void> {
    const { control, tenant } = { control: this.#control, tenant: this.#control.config.tenant };
    const look = await workDue(control.db, tenant, control.clock.nowMs());
    if (look.unrouted) {
      while ((await control.change((tx) => route(control, tx))) === routedAtOnceMax);
    }
    if (look.unrouted || look.due) await this.#sendDue();
    await this.#forget();
  }

  /** Resolves when nothing is under way: for tests and for a clean end. */
  async settled(): Promise<void> {
    while (this.#sending.size > 0) await Promise.all(this.#sending);
  }

  async #sendDue(): Promise<void> {
    const { clock, config } = this.#control;
    const free = atOnceMax - this.#sending.size;
    if (free <= 0) return;
    const nowMs = clock.nowMs();
    const of = {
      nowMs,
      claimedUntilMs: nowMs + claimMs,
      perTarget: perTargetMax,
      limit: free,
      busy: [...this.#underWay.keys()],
    };
    const rows = await this.#control.change((tx) => claimDue(tx, config.tenant, of));
    for (const row of rows) this.#dispatch(row);
  }

  #dispatch(row: DeliveryRow): void {
    this.#underWay.set(row.target_id, (this.#underWay.get(row.target_id) ?? 0) + 1);
    const work = this.#deliver(row)
      .catch((fault: unknown) =>
        this.#control.log.error(
          { err: fault, delivery: row.id },
          'what came of a message could not be stored',
        ),
      )
      .finally(() => {
        const left = (this.#underWay.get(row.target_id) ?? 1) - 1;
        if (left === 0) this.#underWay.delete(row.target_id);
        else this.#underWay.set(row.target_id, left);
        this.#sending.delete(work);
        // There is room for the next.
        if (this.#turn === undefined) this.#later(gatherMs);
      });
    this.#sending.add(work);
  }

  async #deliver(row: DeliveryRow): Promise<void> {
    const target = await targetById(this.#control.db, row.tenant, row.target_id);
    if (target === undefined) return;
    let sent: Sent;
    try {
      sent = await this.#attempt(row, target);
    } catch (fault) {
      this.#control.log.error({ err: fault, delivery: row.id }, 'a message could not be sent');
      sent = { ok: false, problem: 'internal_fault' };
    }
    await this.#settle(row, target, sent);
  }

  async #attempt(row: DeliveryRow, target: TargetRow): Promise<Sent> {
    const { db, keys, config, clock } = this.#control;
    const { tenant } = config;
    const secrets = openTarget(keys, target);
    if (secrets === undefined) return { ok: false, problem: 'target_unreadable', permanent: true };
    const rows =
      row.counts['test'] === 1
        ? [testNotice(row)]
        : await notificationsByIds(db, tenant, row.notification_ids);
    const agents = await agentNames(
      db,
      tenant,
      rows.flatMap(({ agent_id: id }) => (id === null ? [] : [id])),
    );
    const personId = row.recipient.startsWith('person:') ? row.recipient.slice('person:'.length) : undefined;
    const people = await peopleByIds(db, tenant, [
      ...rows.flatMap(({ recipients }) => recipients),
      ...(personId === undefined ? [] : [personId]),
    ]);
    const { channel, signingSecret } = secrets;
    const fixed =
      channel.kind === 'email' ? channel.to[Number(row.recipient.slice('to:'.length))] : undefined;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(sendWithinMs)]);
    // Name servers cannot be told to stop: whoever waits for one is not held up by it.
    const late = new Promise<Sent>((done) => {
      signal.addEventListener('abort', () => done({ ok: false, problem: 'timed_out' }), { once: true });
    });
    const sending = send({
      channel,
      message: messageOf(row, rows, { controlUrl: config.controlUrl, agents, people }),
      recipient: personId === undefined ? fixed : people.get(personId)?.email,
      signingSecret,
      privateAllowed: target.private_network,
      nowMs: clock.nowMs(),
      signal,
      resolve: this.#resolve,
    });
    sending.catch(() => undefined);
    return Promise.race([sending, late]);
  }

  async #settle(row: DeliveryRow, target: TargetRow, sent: Sent): Promise<void> {
    const { clock, change, audit } = this.#control;
    const nowMs = clock.nowMs();
    const about = { deliveryId: row.id, targetId: target.id, channel: target.channel, count: row.count };
    if (sent.ok) {
      await change(async (tx) => {
        const set = { state: 'delivered' as const, problem: null, settled_at: nowMs };
        if ((await settleDelivery(tx, row, set)) === undefined) return;
        await audit.enqueue(tx, 'notification.delivered', { ...about, attempts: row.attempts });
      });
      return;
    }
    if (this.#stop.signal.aborted) {
      // Cut by our own end, which is nobody's failure.
      const set = { state: 'waiting' as const, due_at: nowMs, attempts: row.attempts - 1 };
      await change((tx) => settleDelivery(tx, row, set));
      return;
    }
    const { problem, permanent, retryAfterMs } = sent;
    if (permanent === true || row.attempts >= target.attempts_max) {
      await change(async (tx) => {
        const set = { state: 'dead' as const, problem, settled_at: nowMs };
        if ((await settleDelivery(tx, row, set)) === undefined) return;
        await audit.enqueue(tx, 'notification.dead_lettered', { ...about, attempts: row.attempts, problem });
      });
      return;
    }
    const pauseMs = Math.max(jittered(pauseAfterMs(row.attempts)), retryAfterMs ?? 0);
    await change((tx) => settleDelivery(tx, row, { state: 'waiting', problem, due_at: nowMs + pauseMs }));
  }

  async #forget(): Promise<void> {
    const { clock, change, config } = this.#control;
    const nowMs = clock.nowMs();
    if (nowMs < this.#forgetAtMs) return;
    this.#forgetAtMs = nowMs + forgetEveryMs;
    await change(async (tx) => {
      await dropOldDeliveries(tx, config.tenant, nowMs - keptMs);
      await dropOldNotifications(tx, config.tenant, nowMs - keptMs);
    });
  }
}
