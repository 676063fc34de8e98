import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Person } from '@atf/core/wire/api';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import type { Level, Scope } from '@atf/core/wire/words';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { requestApproval } from '../approvals/request.ts';
import { approvalById } from '../approvals/store.ts';
import type { Control, FeedHub } from '../context.ts';
import { issueJoinToken, renew } from '../identity/credentials.ts';
import { agentById, agentsListing } from '../identity/store.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { argumentsOf, callerOf, type Domain, domainOf } from '../workspace/domain.fixture.ts';
import { openStops, resumeSubject } from './containment.ts';
import type { StopRecorder } from './recorder.ts';
import { readReserve, reserveBytes, StopReserve } from './reserve.ts';
import { incidentRoutes } from './routes.ts';
import { newestStopReport } from './store.ts';

let control: TestControl;
let domain: Domain;
let recorder: StopRecorder;
let call: ReturnType<typeof callerOf<typeof incidentRoutes>>;
/** What gateways were told ahead of any record, in order. */
const told: { key: string; doc: ContainmentDoc }[] = [];
/** What a gateway that connects now is told before anything else. */
let announced: Parameters<FeedHub['announce']>[0] = () => [];
const feed: Partial<FeedHub> = {
  announce: (unrecorded) => {
    announced = unrecorded;
  },
  contain: async (key, doc) => {
    told.push({ key, doc });
    return { connected: 2, confirmed: 2, aborted: 3, running: 0 };
  },
};
beforeAll(async () => {
  control = await testControl({ feed });
  domain = await domainOf(control);
  recorder = await openStops(control);
  call = callerOf(control, incidentRoutes);
});
afterAll(async () => {
  recorder.close();
  await control.close();
});
beforeEach(() => told.splice(0));
afterEach(async () => {
  await control.change((tx) => tx.deleteFrom('containment').execute());
});

const kill = (scope: Scope, person: Person = domain.operator, state: 'paused' | 'killed' = 'killed') =>
  call('containment.stop', control.as(person), { body: { scope, state, reason: 'because of Ada' } });
async function resume(
  scope: Scope,
  more: { person?: Person; ceiling?: Level | 'none'; presence?: string; by?: 'session' | 'token' } = {},
) {
  const person = more.person ?? domain.security;
  const request = {
    scope,
    reason: 'looked at',
    ...(more.ceiling === undefined ? {} : { ceiling: more.ceiling }),
  };
  const body = { ...request, presence: more.presence ?? control.present(person, resumeSubject(request)) };
  return call('containment.resume', control.as(person, more.by ?? 'session'), { body });
}
async function ask(agent: { id: string; instanceId: string; sid: string }, amount: number) {
  const definitionDigest = await domain.definitionDigest('shop/create_refund');
  const given = argumentsOf({ order_id: 'O-1', amount, currency: 'EUR' });
  const { id: agentId, instanceId, sid } = agent;
  return requestApproval(control, {
    actionId: crypto.randomUUID(),
    agentId,
    instanceId,
    sid,
    tool: 'shop/create_refund',
    ...given,
    definitionDigest,
    class: 'write',
    because: 'b',
  });
}

describe('stopping', () => {
  it('tells gateways first, records, voids credentials, sessions and approvals, and measures', async () => {
    const agent = await domain.agent('killed', 'junior');
    const approval = await ask(agent, 1);
    const report = await kill({ kind: 'agent', id: agent.id });
    expect(told).toEqual([
      {
        key: `agent:${agent.id}`,
        doc: expect.objectContaining({ state: 'killed', by: domain.operator.name }),
      },
    ]);
    expect(report).toMatchObject({
      agents: ['killed'],
      gateways: { connected: 2, confirmed: 2 },
      callsAborted: 3,
      approvalsVoided: 1,
      state: 'killed',
    });
    expect(report.tookMs).toBeGreaterThan(0);
    expect(await control.doc('containment', `agent:${agent.id}`)).toMatchObject({
      state: 'killed',
      reason: 'because of Ada',
    });
    expect(await control.doc('agent', agent.id)).toMatchObject({ credentialEpoch: 1 });
    expect(await control.doc('instance', agent.instanceId)).toMatchObject({ state: 'revoked' });
    expect((await approvalById(control.db, 'default', approval.id))?.state).toBe('void');
    expect(await codeOf(renew(control, agent.instanceId, 'x', { newSession: false }))).not.toBe('none');
    expect(await codeOf(issueJoinToken(control, agent.id, domain.operator.id))).toBe(
      'containment.agent_stopped',
    );
    expect((await control.events('incident.containment_set')).at(-1)?.body).toMatchObject({
      agentId: agent.id,
      state: 'killed',
      approvalsVoided: 1,
      by: domain.operator.id,
    });
    expect((await control.events('incident.kill_measured')).at(-1)?.body).toMatchObject({
      callsAborted: 3,
      gateways: { connected: 2, confirmed: 2 },
    });
    expect((await newestStopReport(control.db, 'default'))?.report).toEqual(report);
    // A person's own words stay out of the log.
    expect(JSON.stringify(await control.events())).not.toContain('because of Ada');
    expect(readReserve(control.config.dataDir)).toEqual({ ok: true, stops: [] });
  });

  it('takes an agent by name, and the fleet whatever its id', async () => {
    const agent = await domain.agent('by-name', 'junior');
    expect((await kill({ kind: 'agent', id: 'by-name' })).scope).toEqual({ kind: 'agent', id: agent.id });
    expect((await kill({ kind: 'fleet', id: 'everything' })).scope).toEqual({ kind: 'fleet', id: '*' });
    expect((await kill({ kind: 'fleet', id: '*' })).agents).toEqual(
      expect.arrayContaining(['by-name', 'killed']),
    );
    expect(await codeOf(kill({ kind: 'agent', id: 'nobody' }))).toBe('identity.agent_not_found');
    expect(await codeOf(kill({ kind: 'tool', id: 'no slash' }))).toBe('request.malformed');
  });

  it('lets operators, security, owners and those the manifest names stop, and nobody else', async () => {
    const named = await control.person('Nora Named', []);
    const agent = await domain.agent('stoppable', 'junior', { mayStop: [named.id] });
    const scope: Scope = { kind: 'agent', id: agent.id };
    for (const person of [domain.security, domain.owner, domain.technical, domain.business, named])
      expect(await codeOf(kill(scope, person, 'paused'))).toBe('none');
    told.splice(0);
    for (const person of [domain.stranger, domain.approver])
      expect(await codeOf(kill(scope, person))).toBe('people.not_allowed');
    expect(await codeOf(kill({ kind: 'fleet', id: '*' }, domain.owner))).toBe('people.not_allowed');
    expect(await codeOf(kill({ kind: 'tool', id: 'shop/*' }, domain.owner))).toBe('people.not_allowed');
    expect(await codeOf(kill({ kind: 'owner', id: domain.security.id }, domain.owner))).toBe(
      'people.not_allowed',
    );
    expect(told).toEqual([]);
    expect(await codeOf(kill({ kind: 'owner', id: domain.owner.id }, domain.owner, 'paused'))).toBe('none');
  });

  it('pauses without voiding credentials, but voids what waits', async () => {
    const agent = await domain.agent('paused', 'junior');
    const approval = await ask(agent, 1);
    const report = await kill({ kind: 'agent', id: agent.id }, domain.operator, 'paused');
    expect(report).toMatchObject({ state: 'paused', approvalsVoided: 1 });
    expect((await agentById(control.db, 'default', agent.id))?.credential_epoch).toBe(0);
    expect((await approvalById(control.db, 'default', approval.id))?.state).toBe('void');
  });

  it('does not soften a kill by a pause', async () => {
    const agent = await domain.agent('hard', 'junior');
    const scope: Scope = { kind: 'agent', id: agent.id };
    await kill(scope);
    await kill(scope, domain.owner, 'paused');
    expect(await control.doc('containment', `agent:${agent.id}`)).toMatchObject({ state: 'killed' });
    expect((await call('containment.list', control.as(domain.stranger))).items).toMatchObject([
      { state: 'killed' },
    ]);
  });

  it('stops a tool: its waiting calls are void, the agents keep their credentials', async () => {
    const agent = await domain.agent('tool-user', 'junior');
    const approval = await ask(agent, 1);
    const report = await kill({ kind: 'tool', id: 'shop/*' });
    expect(report.agents).toContain('tool-user');
    expect((await approvalById(control.db, 'default', approval.id))?.state).toBe('void');
    expect((await agentById(control.db, 'default', agent.id))?.credential_epoch).toBe(0);
    const listing = async (tool: string) =>
      (await agentsListing(control.db, 'default', tool)).map(({ name }) => name);
    expect(await listing('shop/*')).toEqual(report.agents);
    expect(await listing('shop/get_order')).toEqual(report.agents);
    for (const other of ['shop/get', 'sho/*', '*/*', 'shop/get_%', 'other/get_order'])
      expect(await listing(other)).toEqual([]);
  });
});

describe('when the database fails', () => {
  /** A control plane whose first changes fail. */
  function failing(times: number): Control {
    let left = times;
    const change: Control['change'] = (work) =>
      left-- > 0 ? Promise.reject(new Error('the disk is full')) : control.change(work);
    return { ...control, change };
  }

  it('has acted all the same, says so, keeps the line on disk, and records as soon as it can', async () => {
    const agent = await domain.agent('unrecorded', 'junior');
    const bent = failing(2);
    const own = await openStops(bent);
    try {
      const body = { scope: { kind: 'agent' as const, id: agent.id }, state: 'killed' as const, reason: 'r' };
      const given = {
        params: undefined,
        query: undefined,
        body,
        headers: {},
        setHeader: () => undefined,
        actor: control.as(domain.operator),
      };
      expect(await codeOf(incidentRoutes['containment.stop'](bent, given))).toBe('containment.not_recorded');
      expect(told.map(({ key }) => key)).toEqual([`agent:${agent.id}`]);
      expect(announced()).toMatchObject([{ key: `agent:${agent.id}`, body: { state: 'killed' } }]);
      const held = readReserve(control.config.dataDir);
      expect(held.ok && held.stops.map(({ key }) => key)).toEqual([`agent:${agent.id}`]);
      await vi.waitFor(
        async () =>
          expect(await control.doc('containment', `agent:${agent.id}`)).toMatchObject({ state: 'killed' }),
        { timeout: 30_000, interval: 50 },
      );
      await vi.waitFor(() => expect(announced()).toEqual([]), { timeout: 30_000, interval: 20 });
      await vi.waitFor(() => expect(readReserve(control.config.dataDir)).toEqual({ ok: true, stops: [] }), {
        timeout: 30_000,
        interval: 20,
      });
      expect(
        (await control.events('incident.containment_set')).filter(
          ({ body: recorded }) => recorded['agentId'] === agent.id,
        ),
      ).toHaveLength(1);
    } finally {
      own.close();
    }
  });

  it('records after a restart what the run before could not', async () => {
    const agent = await domain.agent('restarted', 'junior');
    const reserve = new StopReserve(control.config.dataDir);
    const doc: ContainmentDoc = {
      scope: { kind: 'agent', id: agent.id },
      state: 'killed',
      since: new Date(control.clock.nowMs()).toISOString(),
      reason: 'r',
      by: 'Olga',
    };
    reserve.add({ id: crypto.randomUUID(), key: `agent:${agent.id}`, doc, byId: domain.operator.id });
    reserve.close();
    const own = await openStops(control);
    own.close();
    expect(await control.doc('containment', `agent:${agent.id}`)).toMatchObject({ state: 'killed' });
    expect(await control.doc('agent', agent.id)).toMatchObject({ credentialEpoch: 1 });
    expect(readReserve(control.config.dataDir)).toEqual({ ok: true, stops: [] });
  });
});

describe('the reserve', () => {
  const path = () => join(control.config.dataDir, 'stop.json');
  const stop = (n: number, reason: string) => ({
    id: crypto.randomUUID(),
    key: `agent:${n}`,
    doc: {
      scope: { kind: 'agent' as const, id: String(n) },
      state: 'killed' as const,
      since: '2026-11-20T12:00:00.000Z',
      reason,
      by: 'x'.repeat(200),
    },
    byId: 'p',
  });

  it('takes its space in advance and never grows', () => {
    const reserve = new StopReserve(control.config.dataDir);
    expect(statSync(path()).size).toBe(reserveBytes);
    for (let n = 0; n < 20; n++) reserve.add(stop(n, '\u0001'.repeat(500)));
    expect(statSync(path()).size).toBe(reserveBytes);
    const read = readReserve(control.config.dataDir);
    expect(read.ok && read.stops).toHaveLength(20);
    // One more than fits: everything is stopped rather than one thing forgotten.
    reserve.add(stop(20, 'r'));
    const folded = readReserve(control.config.dataDir);
    expect(folded.ok && folded.stops.map(({ key }) => key)).toEqual(['fleet:*']);
    for (const { id } of [...reserve.pending]) reserve.done(id);
    expect(readFileSync(path(), 'utf8').trim()).toBe('');
    reserve.close();
  });

  it.each(['{', '{"id":"x"}', '{"id":1}\n', 'stop everything'])(
    'stops the fleet when it holds %j',
    async (text) => {
      writeFileSync(path(), text);
      expect(readReserve(control.config.dataDir).ok).toBe(false);
      const own = await openStops(control);
      own.close();
      expect(await control.doc('containment', 'fleet:*')).toMatchObject({ state: 'killed', by: 'control' });
    },
  );
});

describe('resuming', () => {
  async function stopped(name: string, state: 'paused' | 'killed') {
    const agent = await domain.agent(name, 'senior');
    const scope: Scope = { kind: 'agent', id: agent.id };
    await kill(scope, domain.operator, state);
    return { agent, scope };
  }

  it('needs presence for exactly this, never the operator token', async () => {
    const { scope } = await stopped('presence', 'killed');
    expect(await codeOf(resume(scope, { presence: 'x'.repeat(30) }))).toBe('people.presence_invalid');
    const reason = 'looked at';
    for (const other of [
      { scope: { kind: 'fleet' as const, id: '*' }, reason },
      { scope, reason: 'not looked at' },
      { scope, reason, ceiling: 'intern' as const },
    ]) {
      const presence = control.present(domain.security, resumeSubject(other));
      expect(await codeOf(resume(scope, { presence }))).toBe('people.presence_invalid');
    }
    expect(await codeOf(resume(scope, { by: 'token' }))).toBe('people.presence_required');
    expect(await control.doc('containment', `agent:${scope.id}`)).toMatchObject({ state: 'killed' });
    expect(await codeOf(resume(scope))).toBe('none');
    expect(await control.doc('containment', `agent:${scope.id}`)).toBeNull();
    expect(await codeOf(resume(scope))).toBe('containment.not_stopped');
    expect((await control.events('incident.containment_lifted')).at(-1)?.body).toMatchObject({
      was: 'killed',
      presence: 'passkey',
      by: domain.security.id,
    });
  });

  it('leaves voided credentials void: instances enrol again', async () => {
    const { agent, scope } = await stopped('void', 'killed');
    await resume(scope);
    expect(await control.doc('agent', agent.id)).toMatchObject({ credentialEpoch: 1 });
    expect(await control.doc('instance', agent.instanceId)).toMatchObject({ state: 'revoked' });
    expect(await codeOf(issueJoinToken(control, agent.id, domain.owner.id))).toBe('none');
  });

  it('lets owners resume from a pause, and operators and security from a kill', async () => {
    const paused = await stopped('own-pause', 'paused');
    expect(await codeOf(resume(paused.scope, { person: domain.stranger }))).toBe('people.not_allowed');
    expect(await codeOf(resume(paused.scope, { person: domain.owner }))).toBe('none');
    const killed = await stopped('own-kill', 'killed');
    expect(await codeOf(resume(killed.scope, { person: domain.owner }))).toBe('people.not_allowed');
    expect(await codeOf(resume(killed.scope, { person: domain.operator }))).toBe('none');
  });

  it('sets a ceiling; only security raises one', async () => {
    const { agent, scope } = await stopped('ceiling', 'paused');
    await resume(scope, { person: domain.operator, ceiling: 'intern' });
    expect(await control.doc('agent', agent.id)).toMatchObject({ level: 'senior', ceiling: 'intern' });
    expect((await control.events('maturity.ceiling_set')).at(-1)?.body).toMatchObject({
      agentId: agent.id,
      ceiling: 'intern',
      because: 'resumed_with_restrictions',
    });
    await kill(scope, domain.operator, 'paused');
    expect(await codeOf(resume(scope, { person: domain.operator, ceiling: 'none' }))).toBe(
      'people.not_allowed',
    );
    expect(await codeOf(resume(scope, { person: domain.operator, ceiling: 'junior' }))).toBe(
      'people.not_allowed',
    );
    expect(await control.doc('containment', `agent:${agent.id}`)).toMatchObject({ state: 'paused' });
    expect(await codeOf(resume(scope, { person: domain.security, ceiling: 'junior' }))).toBe('none');
    expect(await control.doc('agent', agent.id)).toMatchObject({ ceiling: 'junior' });
  });
});
