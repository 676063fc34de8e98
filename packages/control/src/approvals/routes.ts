/** Room: approvals. Handlers for people and gateways. */
import { refuse } from '@atf/core/errors';
import type { Actor, Control, Handlers } from '../context.ts';
import { gatewayCarrying } from '../gateways/carried.ts';
import { actingGateway, actingInSession, actingPerson } from '../identity/acting.ts';
import { agentById } from '../identity/store.ts';
import { approve, reject } from './decide.ts';
import { approvalViews, type Content } from './documents.ts';
import {
  finishApproval,
  redeemApproval,
  requestApproval,
  storedArguments,
  storedStatement,
  withdrawApproval,
} from './request.ts';
import { approvalById, approvalPage, type ApprovalRow } from './store.ts';
import { forgetInterrupted } from '../segmentation/totals.ts';
import { loseInterrupted } from './upkeep.ts';
import { mayReadContent } from './who.ts';

type Operation =
  | 'approvals.list'
  | 'approvals.show'
  | 'approvals.approve'
  | 'approvals.reject'
  | 'gateway.requestApproval'
  | 'gateway.redeemApproval'
  | 'gateway.withdrawApproval'
  | 'gateway.finishApproval'
  | 'gateway.started';

const listedDefault = 100;

/** `after` is the id of the last approval of the page before. */
const cursorPattern = /^[0-9a-f-]{36}$/;

/** An approval is redeemed and finished by gateways that carry its tool; which tool that is never changes. Gives the gateway's id. */
async function refuseNotCarried(control: Control, actor: Actor, id: string): Promise<string> {
  const row = await approvalById(control.db, control.config.tenant, id);
  return gatewayCarrying(actor, (row ?? refuse('approvals.not_found')).tool);
}

function contentOf(control: Control, row: ApprovalRow): Content {
  const statedText = storedStatement(control, row);
  return { argsText: storedArguments(control, row), ...(statedText === undefined ? {} : { statedText }) };
}

export const approvalRoutes: Handlers<Operation> = {
  async 'approvals.list'(control, { query, actor }) {
    const person = actingPerson(actor);
    const { tenant } = control.config;
    const { after, limit = listedDefault, state } = query;
    if (after !== undefined && !cursorPattern.test(after)) refuse('request.malformed', 'after: not a cursor');
    const last =
      after === undefined
        ? undefined
        : ((await approvalById(control.db, tenant, after)) ?? refuse('request.malformed', 'after: unknown'));
    const rows = await approvalPage(control.db, tenant, {
      state,
      limit,
      nowMs: control.clock.nowMs(),
      ...(last === undefined ? {} : { after: { requestedAt: last.requested_at, id: last.id } }),
    });
    return { items: await approvalViews(control, rows, {}, control.db, person) };
  },

  async 'approvals.show'(control, { params, actor }) {
    const person = actingPerson(actor);
    const { tenant } = control.config;
    const row = (await approvalById(control.db, tenant, params.id)) ?? refuse('approvals.not_found');
    const agent = await agentById(control.db, tenant, row.agent_id);
    const [view] = await approvalViews(
      control,
      [row],
      mayReadContent(person, agent) ? contentOf(control, row) : {},
      control.db,
      person,
    );
    return view ?? refuse('approvals.not_found');
  },

  async 'approvals.approve'(control, { params, body, actor }) {
    // The server has refused it already; releasing a call is too much to hang on one check.
    const person = actingInSession(actor);
    return approve(control, params.id, person, { ...body, reason: body.reason });
  },

  async 'approvals.reject'(control, { params, body, actor }) {
    return reject(control, params.id, actingPerson(actor), body.reason);
  },

  async 'gateway.requestApproval'(control, { body, actor }) {
    gatewayCarrying(actor, body.tool);
    return requestApproval(control, body);
  },

  async 'gateway.redeemApproval'(control, { params, body, actor }) {
    const gatewayId = await refuseNotCarried(control, actor, params.id);
    return redeemApproval(control, params.id, body.agentId, body.actionId, gatewayId);
  },

  async 'gateway.withdrawApproval'(control, { params, body, actor }) {
    await refuseNotCarried(control, actor, params.id);
    return withdrawApproval(control, params.id, body.agentId);
  },

  async 'gateway.finishApproval'(control, { params, body, actor }) {
    await refuseNotCarried(control, actor, params.id);
    await finishApproval(control, params.id, body.actionId, body.outcome);
    return { ok: true };
  },

  async 'gateway.started'(control, { body, actor }) {
    await loseInterrupted(control, actingGateway(actor), body.upMs);
    await forgetInterrupted(control, actingGateway(actor), body.upMs);
    return { ok: true };
  },
};
