/**
 * Room: notifications. Handlers: news from gateways, what people were told and who took note, where it goes, and the messages on their way.
 */
import { refuse } from '@atf/core/errors';
import type { Person } from '@atf/core/wire/api';
import type { Delivery, Notification } from '@atf/core/wire/notifications';
import type { Control, Handlers } from '../context.ts';
import { gatewayCarrying } from '../gateways/carried.ts';
import { actingPerson } from '../identity/acting.ts';
import { agentById, agentNames, peopleByIds } from '../identity/store.ts';
import { demandClearance } from '../people/clearances.ts';
import {
  deliveryById,
  type DeliveryRow,
  deliveryRows,
  reviveDelivery,
  targetById,
  targetRows,
} from './delivery-store.ts';
import { systemResolve } from './dial.ts';
import { tell } from './outbox.ts';
import { acknowledge, notificationRows, type NotificationRow, notificationsByIds } from './store.ts';
import { addTarget, checkEndpoint, dropTarget, targetViews, testTarget } from './targets.ts';

const pageDefault = 50;

type Operation =
  | 'gateway.notify'
  | 'notifications.list'
  | 'notifications.show'
  | 'notifications.acknowledge'
  | 'targets.list'
  | 'targets.add'
  | 'targets.remove'
  | 'targets.test'
  | 'deliveries.list'
  | 'deliveries.show'
  | 'deliveries.retry';

const iso = (ms: number): string => new Date(ms).toISOString();

async function notificationViews(
  control: Control,
  rows: readonly NotificationRow[],
): Promise<Notification[]> {
  const { tenant } = control.config;
  const people = await peopleByIds(
    control.db,
    tenant,
    rows.flatMap((row) => [
      ...row.recipients,
      ...(row.acknowledged_by === null ? [] : [row.acknowledged_by]),
    ]),
  );
  const agents = await agentNames(
    control.db,
    tenant,
    rows.flatMap(({ agent_id: id }) => (id === null ? [] : [id])),
  );
  const nameOf = (id: string): string => people.get(id)?.name ?? id;
  return rows.map((row) => {
    const agent = row.agent_id === null ? undefined : agents.get(row.agent_id);
    const approvalId = row.facts['approvalId'];
    return {
      id: row.id,
      at: iso(row.at),
      kind: row.kind,
      severity: row.severity,
      ...(row.action_id === null ? {} : { actionId: row.action_id }),
      ...(typeof approvalId === 'string' ? { approvalId } : {}),
      ...(agent === undefined ? {} : { agent }),
      ...(row.tool === null ? {} : { tool: row.tool }),
      summary: row.summary,
      because: row.because,
      ...(row.claimed === null ? {} : { claimed: row.claimed, claimedBy: row.claimed_by ?? 'nobody known' }),
      to: row.recipients.map(nameOf),
      ...(row.acknowledged_at === null || row.acknowledged_by === null || row.acknowledged_with === null
        ? {}
        : {
            acknowledged: {
              at: iso(row.acknowledged_at),
              by: nameOf(row.acknowledged_by),
              with: row.acknowledged_with,
            },
          }),
    };
  });
}

async function oneNotification(control: Control, id: string): Promise<NotificationRow> {
  const [row] = await notificationsByIds(control.db, control.config.tenant, [id]);
  return row === undefined || row.routed_at === null ? refuse('notification.not_found') : row;
}

async function viewOfNotification(control: Control, id: string): Promise<Notification> {
  const [view] = await notificationViews(control, [await oneNotification(control, id)]);
  return view ?? refuse('notification.not_found');
}

async function deliveryViews(control: Control, rows: readonly DeliveryRow[]): Promise<Delivery[]> {
  const { tenant } = control.config;
  const personOf = ({ recipient }: DeliveryRow): string[] =>
    recipient.startsWith('person:') ? [recipient.slice('person:'.length)] : [];
  const people = await peopleByIds(control.db, tenant, rows.flatMap(personOf));
  const targets = new Map((await targetRows(control.db, tenant)).map((row) => [row.id, row]));
  for (const { target_id: id } of rows) {
    const removed = targets.has(id) ? undefined : await targetById(control.db, tenant, id);
    if (removed !== undefined) targets.set(id, removed);
  }
  return rows.map((row) => {
    const target = targets.get(row.target_id) ?? refuse('internal.fault');
    const [personId] = personOf(row);
    return {
      id: row.id,
      target: target.name,
      channel: target.channel,
      ...(personId === undefined ? {} : { person: people.get(personId)?.name ?? personId }),
      state: row.state,
      digest: row.digest,
      severity: row.severity,
      count: row.count,
      counts: row.counts,
      attempts: row.attempts,
      attemptsMax: target.attempts_max,
      ...(row.problem === null ? {} : { problem: row.problem }),
      createdAt: iso(row.created_at),
      dueAt: iso(row.due_at),
      ...(row.settled_at === null ? {} : { settledAt: iso(row.settled_at) }),
    };
  });
}

async function viewOfDelivery(control: Control, row: DeliveryRow | undefined): Promise<Delivery> {
  const [view] = row === undefined ? [] : await deliveryViews(control, [row]);
  return view ?? refuse('notification.not_found');
}

/** People whom it concerns, operators and security. */
function mayAcknowledge(person: Person, row: NotificationRow): boolean {
  return (
    row.recipients.includes(person.id) ||
    person.roles.includes('operator') ||
    person.roles.includes('security')
  );
}

export const notificationRoutes: Handlers<Operation> = {
  async 'gateway.notify'(control, { body, actor }) {
    const gatewayId = gatewayCarrying(actor, body.tool);
    const { tenant } = control.config;
    const { actionId, agentId, tool, summary, because, purpose, asks, words } = body;
    await control.change(async (tx) => {
      const agent = (await agentById(tx, tenant, agentId)) ?? refuse('identity.agent_not_found');
      const news = {
        tenant,
        atMs: control.clock.nowMs(),
        kind: asks === undefined ? ('action_taken' as const) : ('agent_asks' as const),
        severity: asks === 'person' ? ('warning' as const) : ('info' as const),
        // A gateway that did not hear our answer tells again; people are told once.
        once: `action:${actionId}`,
        actionId,
        agentId,
        tool,
        summary,
        because,
        ...(purpose === undefined ? {} : { claimed: { text: purpose, by: "the agent's manifest" } }),
        ...(words === undefined ? {} : { claimed: { text: words, by: 'the agent' } }),
      };
      if (!(await tell(tx, news))) return;
      const owners = [agent.owner_id, agent.technical_owner_id, agent.business_owner_id];
      const recipients = [...new Set(asks === 'person' ? [...owners, agent.escalation_id] : owners)];
      await control.audit.enqueue(tx, 'notification.sent', {
        actionId,
        agentId,
        tool,
        ...(asks === undefined ? {} : { asks }),
        recipients,
        gatewayId,
      });
    });
    return { ok: true };
  },

  async 'notifications.list'(control, { query }) {
    const beforeMs = query.after === undefined ? undefined : Date.parse(query.after);
    if (beforeMs !== undefined && Number.isNaN(beforeMs))
      return refuse('request.malformed', 'after: a time, ISO 8601');
    const rows = await notificationRows(control.db, control.config.tenant, {
      limit: query.limit ?? pageDefault,
      beforeMs,
      open: query.open === 'true',
      kind: query.kind,
    });
    return { items: await notificationViews(control, rows) };
  },

  'notifications.show': (control, { params }) => viewOfNotification(control, params.id),

  async 'notifications.acknowledge'(control, { params, actor }) {
    const person = actingPerson(actor);
    const by = actor.kind === 'person' ? actor.by : 'token';
    const { tenant } = control.config;
    const row = await oneNotification(control, params.id);
    if (!mayAcknowledge(person, row))
      refuse('people.not_allowed', 'People whom it concerns, operators and security take note of it.');
    await control.change(async (tx) => {
      const atMs = control.clock.nowMs();
      if (!(await acknowledge(tx, tenant, row.id, { personId: person.id, with: by, atMs }))) return;
      await control.audit.enqueue(tx, 'notification.acknowledged', {
        notificationId: row.id,
        kind: row.kind,
        ...(row.agent_id === null ? {} : { agentId: row.agent_id }),
        ...(row.action_id === null ? {} : { actionId: row.action_id }),
        by: person.id,
        with: by,
      });
    });
    return viewOfNotification(control, row.id);
  },

  async 'targets.list'(control) {
    return { items: await targetViews(control, await targetRows(control.db, control.config.tenant)) };
  },

  async 'targets.add'(control, { body, actor, headers }) {
    const by = actingPerson(actor);
    await checkEndpoint(body, systemResolve);
    const { row, signingSecret } = await control.change(async (tx) => {
      await demandClearance(control, tx, { operation: 'targets.add', params: {}, body, headers, by });
      return addTarget(control, tx, body, by);
    });
    const [target] = await targetViews(control, [row]);
    return {
      target: target ?? refuse('internal.fault'),
      ...(signingSecret === undefined ? {} : { signingSecret }),
    };
  },

  async 'targets.remove'(control, { params, actor, headers }) {
    const by = actingPerson(actor);
    await control.change(async (tx) => {
      await demandClearance(control, tx, { operation: 'targets.remove', params, headers, by });
      await dropTarget(control, tx, params.id, by);
    });
    return { ok: true };
  },

  async 'targets.test'(control, { params, actor }) {
    const by = actingPerson(actor);
    return viewOfDelivery(control, await control.change((tx) => testTarget(control, tx, params.id, by)));
  },

  async 'deliveries.list'(control, { query }) {
    const rows = await deliveryRows(control.db, control.config.tenant, {
      limit: query.limit ?? pageDefault,
      state: query.state,
      targetId: query.target,
    });
    return { items: await deliveryViews(control, rows) };
  },

  async 'deliveries.show'(control, { params }) {
    return viewOfDelivery(control, await deliveryById(control.db, control.config.tenant, params.id));
  },

  async 'deliveries.retry'(control, { params }) {
    const { tenant } = control.config;
    const revived = await control.change((tx) =>
      reviveDelivery(tx, tenant, params.id, control.clock.nowMs()),
    );
    if (revived !== undefined) return viewOfDelivery(control, revived);
    return (await deliveryById(control.db, tenant, params.id)) === undefined
      ? refuse('notification.not_found')
      : refuse('notification.not_dead');
  },
};
