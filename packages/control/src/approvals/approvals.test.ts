import { randomUUID } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import type { Approval, Person } from '@atf/core/wire/api';
import type { JsonObject } from '@atf/core/wire/json';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../context.ts';
import { putContainment } from '../incident/store.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import {
  argumentsOf,
  callerOf,
  type Domain,
  domainOf,
  gatewayActor,
  refundTools,
} from '../workspace/domain.fixture.ts';
import { takeDiscovery } from '../segmentation/discovery.ts';
import { classifyTool } from '../segmentation/tools.ts';
import { waitingPerAgentMax } from './request.ts';
import { approvalRoutes } from './routes.ts';
import { keepApprovals, outcomeBoundMs, voidApprovals } from './upkeep.ts';

let control: TestControl;
let domain: Domain;
let call: ReturnType<typeof callerOf<typeof approvalRoutes>>;
beforeAll(async () => {
  control = await testControl();
  domain = await domainOf(control);
  call = callerOf(control, approvalRoutes);
});
afterAll(() => control.close());

type Agent = Awaited<ReturnType<Domain['agent']>>;
const refund = (amount: number): JsonObject => ({ order_id: 'O-1', amount, currency: 'EUR' });

async function ask(agent: Agent, args: JsonObject, more: Record<string, unknown> = {}) {
  const body = {
    actionId: randomUUID(),
    agentId: agent.id,
    instanceId: agent.instanceId,
    sid: agent.sid,
    tool: 'shop/create_refund',
    ...argumentsOf(args),
    definitionDigest: await domain.definitionDigest('shop/create_refund'),
    class: 'write',
    because: 'Money leaves the house',
    ...more,
  };
  return call('gateway.requestApproval', gatewayActor, { body });
}
const show = (id: string, person: Person = domain.approver) =>
  call('approvals.show', control.as(person), { params: { id } });
async function approve(
  id: string,
  more: { person?: Person; shownDigest?: string; presence?: string } = {},
): Promise<Approval> {
  const person = more.person ?? domain.approver;
  const { shownDigest } = await show(id);
  const presence = more.presence ?? control.present(person, { kind: 'approval', id, digest: shownDigest });
  return call('approvals.approve', control.as(person), {
    params: { id },
    body: { shownDigest: more.shownDigest ?? shownDigest, presence },
  });
}
const redeem = (id: string, agent: Agent, actionId: string = randomUUID()) =>
  call('gateway.redeemApproval', gatewayActor, { params: { id }, body: { agentId: agent.id, actionId } });
const finish = (id: string, actionId: string, outcome: Record<string, unknown>) =>
  call('gateway.finishApproval', gatewayActor, { params: { id }, body: { actionId, outcome } });

describe('asking', () => {
  it('stores exactly the call, encrypted, and shows it to people who may read it', async () => {
    const agent = await domain.agent('asks', 'junior');
    const given = await ask(agent, refund(42));
    expect(given.state).toBe('waiting');
    const shown = await show(given.id);
    expect(shown).toMatchObject({
      state: 'waiting',
      tool: 'shop/create_refund',
      class: 'write',
      reversible: true,
      inverse: 'cancel_refund',
      argsText: '{"amount":42,"currency":"EUR","order_id":"O-1"}',
      agent: { name: 'asks', level: 'junior', purpose: 'what asks is for' },
      because: 'Money leaves the house',
      precedents: { approved: 0, rejected: 0 },
    });
    expect(Date.parse(shown.expiresAt) - control.clock.nowMs()).toBe(900_000);
    expect((await show(given.id, domain.owner)).argsText).toBeDefined();
    expect((await show(given.id, domain.stranger)).argsText).toBeUndefined();
    expect((await call('approvals.list', control.as(domain.approver))).items[0]?.argsText).toBeUndefined();
    const listed = async (person: Person) =>
      (await call('approvals.list', control.as(person))).items.find(({ id }) => id === given.id);
    expect(await listed(domain.stranger)).toMatchObject({ id: given.id });
    expect(await listed(domain.stranger)).not.toHaveProperty('brief');
    const roles = { amount: 'amount', currency: 'currency', object: 'order_id', destination: 'nosuch' };
    const [tool] = await control.db
      .selectFrom('tool')
      .selectAll()
      .where('name', '=', 'create_refund')
      .execute();
    const classify = (given: unknown) =>
      control.db
        .updateTable('tool')
        .set({ classification: JSON.stringify(given) })
        .where('name', '=', 'create_refund')
        .execute();
    await classify({ ...tool?.classification, arguments: roles });
    expect((await listed(domain.approver))?.brief).toEqual({ amount: '42 EUR', object: 'O-1' });
    expect(await listed(domain.stranger)).not.toHaveProperty('brief');
    await classify(tool?.classification);
    expect(await control.doc('approval', given.id)).toMatchObject({
      id: given.id,
      agentId: agent.id,
      state: 'waiting',
    });
    const row = await control.db
      .selectFrom('approval')
      .selectAll()
      .where('id', '=', given.id)
      .executeTakeFirstOrThrow();
    expect(Buffer.from(row.args_box).toString('latin1')).not.toContain('O-1');
    expect(JSON.stringify(await control.events())).not.toContain('O-1');
  });

  it('gives an equal call the same approval, also when many ask at once', async () => {
    const agent = await domain.agent('equal', 'junior');
    const ids = await Promise.all(Array.from({ length: 6 }, async () => (await ask(agent, refund(1))).id));
    expect(new Set(ids).size).toBe(1);
    expect((await ask(agent, refund(2))).id).not.toBe(ids[0]);
    expect(
      (await control.events('approvals.requested')).filter(({ body }) => body['agentId'] === agent.id),
    ).toHaveLength(2);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a digest of other arguments', { argsDigest: sha256('{}') }, 'approvals.digest_mismatch'],
    [
      'arguments that are not canonical',
      { argsText: '{"b":1, "a":2}', argsDigest: sha256('{"b":1, "a":2}') },
      'approvals.digest_mismatch',
    ],
    [
      'arguments that are no object',
      { argsText: '[]', argsDigest: sha256('[]') },
      'approvals.digest_mismatch',
    ],
    [
      'a definition that is not the accepted one',
      { definitionDigest: sha256('other') },
      'segmentation.definition_stale',
    ],
    ['an unknown tool', { tool: 'shop/nothing' }, 'segmentation.tool_unknown'],
    ['an unknown agent', { agentId: randomUUID() }, 'identity.agent_unknown'],
    ['an instance of somebody else', { instanceId: randomUUID() }, 'identity.instance_unknown'],
  ])('refuses %s', async (_name, more, code) => {
    const agent = await domain.agent(
      `bad-${code.split('.')[1]?.replaceAll('_', '-')}-${sha256(JSON.stringify(more)).slice(0, 6).toLowerCase().replaceAll('_', 'a').replaceAll('-', 'b')}`,
      'junior',
    );
    expect(await codeOf(ask(agent, refund(1), more))).toBe(code);
  });

  it('bounds what waits for a person, and makes room when it lapses', async () => {
    const agent = await domain.agent('floods', 'junior');
    for (let n = 1; n <= waitingPerAgentMax; n++) await ask(agent, refund(n));
    expect(await codeOf(ask(agent, refund(99)))).toBe('approvals.queue_full');
    expect(await codeOf(ask(agent, refund(1)))).toBe('none');
    control.later(900_000);
    expect(await codeOf(ask(agent, refund(99)))).toBe('none');
    expect(
      (await control.events('approvals.expired')).filter(({ body }) => body['agentId'] === agent.id),
    ).toHaveLength(waitingPerAgentMax);
  });
});

describe('deciding', () => {
  it('approves exactly what was shown, with presence for it', async () => {
    const agent = await domain.agent('decided', 'junior');
    const { id } = await ask(agent, refund(10));
    expect(await codeOf(approve(id, { shownDigest: sha256('something else') }))).toBe(
      'approvals.digest_mismatch',
    );
    expect(await codeOf(approve(id, { presence: 'x'.repeat(30) }))).toBe('people.presence_invalid');
    const other = await ask(agent, refund(11));
    const elsewhere = control.present(domain.approver, {
      kind: 'approval',
      id: other.id,
      digest: (await show(other.id)).shownDigest,
    });
    expect(await codeOf(approve(id, { presence: elsewhere }))).toBe('people.presence_invalid');
    const approved = await approve(id);
    expect(approved).toMatchObject({ state: 'approved', decidedBy: domain.approver.name });
    expect(await control.doc('approval', id)).toMatchObject({
      state: 'approved',
      decidedBy: domain.approver.name,
    });
    expect((await control.events('approvals.approved')).at(-1)?.body).toMatchObject({
      approvalId: id,
      presence: 'passkey',
      by: domain.approver.id,
      shownDigest: approved.shownDigest,
    });
    expect(await codeOf(approve(id))).toBe('approvals.not_waiting');
  });

  it('lets approvers and the owners of the agent decide, and the operator token never', async () => {
    const agent = await domain.agent('offices', 'junior');
    const { id } = await ask(agent, refund(10));
    expect(await codeOf(approve(id, { person: domain.stranger }))).toBe('people.not_allowed');
    expect(await codeOf(approve(id, { person: domain.operator }))).toBe('people.not_allowed');
    const { shownDigest } = await show(id);
    const presence = control.present(domain.approver, { kind: 'approval', id, digest: shownDigest });
    const byToken = call('approvals.approve', control.as(domain.approver, 'token'), {
      params: { id },
      body: { shownDigest, presence },
    });
    expect(await codeOf(byToken)).toBe('people.presence_required');
    expect((await approve(id, { person: domain.business })).state).toBe('approved');
  });

  it('wants four eyes where policy says so: not those of whoever brought the instance in', async () => {
    const agent = await domain.agent('four-eyes', 'senior');
    await control.change((tx) =>
      classifyTool(control, tx, 'shop', 'cancel_refund', { class: 'admin' }, domain.operator.id),
    );
    // A gateway that says less than the registry is not believed.
    const tool = 'shop/cancel_refund';
    const definitionDigest = await domain.definitionDigest(tool);
    const admin = await ask(agent, { refund_id: 'R-1' }, { tool, definitionDigest, class: 'read' });
    expect((await show(admin.id)).class).toBe('admin');
    expect(await codeOf(approve(admin.id, { person: domain.owner }))).toBe('approvals.own_request');
    expect((await approve(admin.id, { person: domain.business })).state).toBe('approved');
  });

  it('lets neither owner approve calls of their agent, whatever the class, unless settings say so', async () => {
    const agent = await domain.agent('owned', 'junior');
    const { id } = await ask(agent, refund(11));
    for (const person of [domain.owner, domain.technical])
      expect(await codeOf(approve(id, { person }))).toBe('approvals.own_request');
    expect((await approve(id, { person: domain.business })).state).toBe('approved');
  });

  it('are unknown at once when the gateway that held them is a new process, and not those of others', async () => {
    const agent = await domain.agent('restarted', 'junior');
    const other: Actor = { ...gatewayActor, gatewayId: randomUUID() } as Actor;
    const [mine, theirs] = [(await ask(agent, refund(3))).id, (await ask(agent, refund(4))).id];
    for (const id of [mine, theirs]) await approve(id);
    await redeem(mine, agent);
    const body = { agentId: agent.id, actionId: randomUUID() };
    await call('gateway.redeemApproval', other, { params: { id: theirs }, body });
    control.later(5_000);
    // It started before it redeemed: what it runs stays running.
    await call('gateway.started', gatewayActor, { body: { upMs: 6_000 } });
    expect((await show(mine)).state).toBe('consumed');
    await call('gateway.started', gatewayActor, { body: { upMs: 1_000 } });
    expect((await show(mine)).state).toBe('unknown');
    expect((await show(theirs)).state).toBe('consumed');
  });

  it('asks nobody about a tool that is not on the manifest of the agent', async () => {
    const agent = await domain.agent('narrow', 'junior', { tools: ['shop/get_order'], limits: [] });
    expect(await codeOf(ask(agent, refund(1)))).toBe('segmentation.tool_not_granted');
  });

  it('rejects with a reason that the agent is told and the log is not', async () => {
    const agent = await domain.agent('rejected', 'junior');
    const { id } = await ask(agent, refund(10));
    const no = (person: Person) =>
      call('approvals.reject', control.as(person), { params: { id }, body: { reason: 'Ask Grace first' } });
    expect(await codeOf(no(domain.stranger))).toBe('people.not_allowed');
    expect(await no(domain.security)).toMatchObject({ state: 'rejected', reason: 'Ask Grace first' });
    expect(await control.doc('approval', id)).toMatchObject({ state: 'rejected', reason: 'Ask Grace first' });
    expect(JSON.stringify(await control.events())).not.toContain('Ask Grace first');
    expect(await codeOf(approve(id))).toBe('approvals.not_waiting');
    expect((await redeem(id, agent)).state).toBe('rejected');
    expect((await show((await ask(agent, refund(11))).id)).precedents).toEqual({ approved: 0, rejected: 1 });
  });

  it('lets one of many deciders decide', async () => {
    const agent = await domain.agent('raced', 'junior');
    const { id } = await ask(agent, refund(10));
    const no = () =>
      call('approvals.reject', control.as(domain.security), { params: { id }, body: { reason: 'no' } });
    const outcomes = await Promise.all([
      codeOf(approve(id)),
      codeOf(approve(id, { person: domain.business })),
      codeOf(no()),
      codeOf(no()),
    ]);
    expect(outcomes.filter((code) => code === 'none')).toHaveLength(1);
    expect(outcomes.filter((code) => code === 'approvals.not_waiting')).toHaveLength(3);
  });

  it('does not approve after the time, a change of the tool, or a stop', async () => {
    const agent = await domain.agent('overtaken', 'junior');
    const { id } = await ask(agent, refund(10));
    const [read, , cancel] = refundTools as [JsonObject, JsonObject, JsonObject];
    await takeDiscovery(
      control,
      'shop',
      {
        definitions: [read, { ...refundTools[1], title: 'changed' }, cancel],
      },
      { gateway: true },
    );
    expect(await codeOf(approve(id))).toBe('segmentation.definition_stale');
    await takeDiscovery(control, 'shop', { definitions: refundTools }, { gateway: true });
    await control.change((tx) =>
      putContainment(tx, {
        tenant: 'default',
        key: `agent:${agent.id}`,
        scope_kind: 'agent',
        scope_id: agent.id,
        state: 'paused',
        since: 0,
        reason: 'r',
        by_id: 'x',
        by_name: 'x',
        label: null,
        drain_until: null,
      }),
    );
    expect(await codeOf(approve(id))).toBe('containment.agent_stopped');
    expect(await codeOf(redeem(id, agent))).toBe('containment.agent_stopped');
    expect(await codeOf(ask(agent, refund(12)))).toBe('containment.agent_stopped');
    await control.change((tx) => tx.deleteFrom('containment').execute());
    control.later(900_000);
    expect((await show(id)).state).toBe('expired');
    expect(await codeOf(approve(id))).toBe('approvals.not_waiting');
  });

  it('notices a stored call that was changed', async () => {
    const agent = await domain.agent('tampered', 'junior');
    const { id } = await ask(agent, refund(10));
    const other = await ask(agent, refund(5));
    const box = (
      await control.db
        .selectFrom('approval')
        .select('args_box')
        .where('id', '=', other.id)
        .executeTakeFirstOrThrow()
    ).args_box;
    await control.change((tx) =>
      tx.updateTable('approval').set({ args_box: box }).where('id', '=', id).execute(),
    );
    expect(await codeOf(show(id))).toBe('approvals.digest_mismatch');
  });
});

describe('redeeming', () => {
  async function approved(name: string) {
    const agent = await domain.agent(name, 'junior');
    const { id } = await ask(agent, refund(10));
    await approve(id);
    return { agent, id };
  }

  it('releases the stored bytes to one of many, once', async () => {
    const { agent, id } = await approved('single');
    const answers = await Promise.all(Array.from({ length: 10 }, () => redeem(id, agent)));
    const released = answers.filter((answer) => answer.released);
    expect(released).toHaveLength(1);
    expect(released[0]).toMatchObject({
      state: 'consumed',
      ...argumentsOf(refund(10)),
      tool: 'shop/create_refund',
      decidedBy: domain.approver.name,
    });
    for (const answer of answers.filter((one) => !one.released)) {
      expect(answer.argsText).toBeUndefined();
      expect(answer.outcome).toEqual({ status: 'unknown' });
    }
    expect(
      (await control.events('approvals.redeemed')).filter(({ body }) => body['approvalId'] === id),
    ).toHaveLength(1);
  });

  it('gives the stored outcome to whoever comes later', async () => {
    const { agent, id } = await approved('stored');
    const actionId = randomUUID();
    await redeem(id, agent, actionId);
    const resultText = '{"content":[{"text":"Refund R-0001 for Ada","type":"text"}]}';
    expect(await codeOf(finish(id, randomUUID(), { status: 'done', resultText }))).toBe(
      'approvals.not_waiting',
    );
    await finish(id, actionId, { status: 'done', resultText });
    await finish(id, actionId, { status: 'done', resultText });
    expect(await redeem(id, agent)).toMatchObject({
      released: false,
      state: 'done',
      outcome: { status: 'done', resultText },
    });
    const row = await control.db
      .selectFrom('approval')
      .select('outcome_box')
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    expect(Buffer.from(row.outcome_box ?? []).toString('latin1')).not.toContain('Ada');
    expect(await control.doc('approval', id)).toMatchObject({ state: 'done' });
    // The same call again is a new question, not the old answer.
    expect((await ask(agent, refund(10))).id).not.toBe(id);
  });

  it('releases nothing that waits, was rejected, has expired or belongs to another agent', async () => {
    const { agent, id } = await approved('bound');
    const other = await domain.agent('thief', 'junior');
    expect(await codeOf(redeem(id, other))).toBe('approvals.not_found');
    const waiting = await ask(agent, refund(77));
    expect(await redeem(waiting.id, agent)).toMatchObject({ released: false, state: 'waiting' });
    control.later(900_000);
    expect(await redeem(id, agent)).toMatchObject({ released: false, state: 'expired' });
    expect(await codeOf(redeem(randomUUID(), agent))).toBe('approvals.not_found');
  });

  it('calls an outcome unknown that nobody reported, and takes a late one all the same', async () => {
    const { agent, id } = await approved('lost');
    const actionId = randomUUID();
    await redeem(id, agent, actionId);
    control.later(outcomeBoundMs + 1);
    while (await keepApprovals(control));
    expect(await redeem(id, agent)).toMatchObject({
      released: false,
      state: 'unknown',
      outcome: { status: 'unknown' },
    });
    expect(await control.doc('approval', id)).toMatchObject({ state: 'unknown' });
    await finish(id, actionId, { status: 'done', resultText: '{}' });
    expect(await redeem(id, agent)).toMatchObject({
      state: 'done',
      outcome: { status: 'done', resultText: '{}' },
    });
    control.later(2 * 3_600_000);
    while (await keepApprovals(control));
    expect(await control.doc('approval', id)).toBeNull();
  });

  it('does not release what a stop has voided', async () => {
    const { agent, id } = await approved('voided');
    const waiting = await ask(agent, refund(3));
    const voided = await control.change((tx) =>
      voidApprovals(control, tx, { kind: 'agent', id: agent.id }, [agent.id]),
    );
    expect(voided).toBe(2);
    expect(await redeem(id, agent)).toMatchObject({ released: false, state: 'void' });
    expect(await codeOf(approve(waiting.id))).toBe('approvals.not_waiting');
    expect(
      (await control.events('approvals.voided')).filter(({ body }) => body['agentId'] === agent.id),
    ).toHaveLength(2);
  });
});

describe('listing', () => {
  it('pages newest first and filters by state', async () => {
    const agent = await domain.agent('listed', 'junior');
    const ids: string[] = [];
    // Earlier tests asked at this very millisecond.
    control.later(10);
    for (let n = 1; n <= 5; n++) {
      ids.unshift((await ask(agent, refund(n))).id);
      control.later(10);
    }
    const list = (query: Record<string, unknown>) =>
      call('approvals.list', control.as(domain.owner), { query });
    const first = await list({ limit: 3 });
    expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 3));
    const second = await list({ limit: 2, after: first.items[2]?.id });
    expect(second.items.map(({ id }) => id)).toEqual(ids.slice(3));
    await approve(ids[0] ?? '');
    expect((await list({ state: 'approved', limit: 1 })).items.map(({ id }) => id)).toEqual([ids[0]]);
    control.later(900_000);
    expect((await list({ state: 'waiting' })).items).toEqual([]);
    expect((await list({ state: 'expired', limit: 5 })).items.map(({ id }) => id)).toEqual(ids);
    expect(await codeOf(list({ after: 'x' }))).toBe('request.malformed');
  });
});
