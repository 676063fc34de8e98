/**
 * Room: notifications (maturity model: Senior acts and notifies). Tells the people who answer for an agent what it did and why: in the console and on the
 * activity stream. Sending by mail or webhook is not here.
 */
import { refuse } from '@atf/core/errors';
import { randomUUID } from 'node:crypto';
import type { Handlers } from '../context.ts';
import { gatewayCarrying } from '../gateways/carried.ts';
import { agentById, agentNames, peopleByIds } from '../identity/store.ts';
import { insertNotification, notificationRows } from './store.ts';

const pageDefault = 50;

export const notificationRoutes: Handlers<'gateway.notify' | 'notifications.list'> = {
  async 'gateway.notify'(control, { body, actor }) {
    const gatewayId = gatewayCarrying(actor, body.tool);
    const { tenant } = control.config;
    const { actionId, agentId, tool, summary, because } = body;
    await control.change(async (tx) => {
      const agent = (await agentById(tx, tenant, agentId)) ?? refuse('identity.agent_not_found');
      const recipients = [...new Set([agent.owner_id, agent.technical_owner_id])];
      const row = {
        tenant,
        id: randomUUID(),
        at: control.clock.nowMs(),
        action_id: actionId,
        agent_id: agentId,
        tool,
        summary,
        because,
        recipients,
      };
      if (!(await insertNotification(tx, row))) return;
      await control.audit.enqueue(tx, 'notification.sent', {
        actionId,
        agentId,
        tool,
        recipients,
        gatewayId,
      });
    });
    return { ok: true };
  },

  async 'notifications.list'(control, { query }) {
    const { tenant } = control.config;
    const before = query.after === undefined ? undefined : Date.parse(query.after);
    if (before !== undefined && Number.isNaN(before))
      return refuse('request.malformed', 'after: a time, ISO 8601');
    const rows = await notificationRows(control.db, tenant, query.limit ?? pageDefault, before);
    const people = await peopleByIds(
      control.db,
      tenant,
      rows.flatMap(({ recipients }) => recipients),
    );
    const agents = await agentNames(
      control.db,
      tenant,
      rows.map(({ agent_id: id }) => id),
    );
    const items = rows.map((row) => ({
      id: row.id,
      at: new Date(row.at).toISOString(),
      actionId: row.action_id,
      agent: agents.get(row.agent_id) ?? 'unknown',
      tool: row.tool,
      summary: row.summary,
      because: row.because,
      to: row.recipients.map((id) => people.get(id)?.name ?? id),
    }));
    return { items };
  },
};
