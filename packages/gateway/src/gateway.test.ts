/** The gateway through its front door, over a fake control and a real tool server. */
import { rmSync, writeFileSync } from 'node:fs';
import { request as rawRequest } from 'node:http';
import { join } from 'node:path';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, describe, expect, it } from 'vitest';
import { newKeyPair, TestAgent, TokenIssuer } from './testing/agent.fixture.ts';
import { agentDoc, toolDoc, uuid } from './testing/documents.fixture.ts';
import { cleanUp, everyTool, startWorld, until, type World } from './testing/running.fixture.ts';

afterEach(cleanUp);

const refund = { order_id: 'O-5001', amount: 5, currency: 'EUR', reason: 'late' };
const slow = { report: 'orders', seconds: 30 };
const killOf = (agentId: string): ContainmentDoc => ({
  scope: { kind: 'agent', id: agentId },
  state: 'killed',
  since: new Date().toISOString(),
  reason: 'test',
  by: 'operator',
});
const refunds = (world: World) => world.effects().filter(({ effect }) => effect === 'refund.created').length;
const steps = (world: World) => world.effects().filter(({ effect }) => effect === 'report.step').length;

describe('a governed call', () => {
  it('runs with a real MCP client, and intent and outcome are on record before the result is given', async () => {
    const world = await startWorld();
    const client = new Client({ name: 'test', version: '1.0.0' });
    const transport = new StreamableHTTPClientTransport(new URL(world.mcp), { fetch: world.senior.fetch });
    await client.connect(transport);
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['list_orders', 'create_refund', 'atf_approval_result']));
    expect(names).not.toContain('delete_customer');
    const result = await client.callTool({ name: 'create_refund', arguments: refund });
    expect(result.isError ?? false).toBe(false);
    expect(refunds(world)).toBe(1);
    const { actionId } = (result._meta as { atf: { actionId: string } }).atf;
    await until('both records are shipped', () => world.control.story(actionId).length === 2);
    const [intent, outcome] = world.control.story(actionId);
    expect(intent).toMatchObject({
      type: 'action.intent',
      outcome: 'allowed',
      body: { level: 'senior', outcome: 'allow' },
    });
    expect(outcome).toMatchObject({ type: 'action.outcome', outcome: 'done' });
    expect(JSON.stringify(intent)).not.toContain('late');
    expect(JSON.parse(world.control.payloadOf(intent) ?? '')).toEqual(refund);
    expect(world.control.payloadOf(outcome)).toContain('R-0001');
    await until('people are notified', () =>
      world.control.told.some(({ path }) => path === '/v1/gateway/notifications'),
    );
    await client.close();
  });

  it('is refused readably and on record: an Intern writes, a tool is unknown, arguments do not fit, an amount flows over a bearer token', async () => {
    const world = await startWorld();
    const denied = await world.intern.call(world.mcp, 'create_refund', refund);
    // An approval could make it lawful for an Intern under these policies, so the gate asks; administration nothing makes lawful.
    expect(denied.atf).toMatchObject({ code: 'maturity.approval_required', outcome: 'waiting' });
    const forbidden = await world.senior.call(world.mcp, 'delete_customer', { customer_id: 'C-1001' });
    expect(forbidden.atf).toMatchObject({ code: 'policy.forbidden', outcome: 'refused' });
    const unknown = await world.senior.call(world.mcp, 'no_such_tool', {});
    expect(unknown.atf.code).toBe('segmentation.tool_unknown');
    const wrong = await world.senior.call(world.mcp, 'get_order', { order_id: 'secret-value' });
    expect(wrong.atf).toMatchObject({ code: 'data.schema_invalid', detail: '/order_id: pattern' });
    expect(wrong.text).not.toContain('secret-value');
    await until('the refusals are shipped', () => world.control.story(wrong.atf.actionId).length === 1);
    expect(world.control.story(forbidden.atf.actionId)).toMatchObject([
      { type: 'action.refused', outcome: 'refused' },
    ]);
    expect(world.effects()).toEqual([]);
  });

  it('counts a plain bearer token as Intern', async () => {
    const world = await startWorld();
    const bearer = new TestAgent({
      issuer: world.issuer,
      agentId: uuid(3),
      instanceId: uuid(103),
      bearer: true,
    });
    expect((await bearer.call(world.mcp, 'list_orders', {})).isError).toBe(false);
    const write = await bearer.call(world.mcp, 'create_refund', refund);
    expect(write.atf).toMatchObject({ outcome: 'waiting' });
    await until('it is shipped', () => world.control.story(write.atf.actionId).length === 1);
    expect(world.control.story(write.atf.actionId)[0]).toMatchObject({
      body: { proof: 'none', level: 'intern' },
    });
  });

  it('goes on when the client hangs up after a write was sent', async () => {
    const world = await startWorld();
    const hangUp = new AbortController();
    const call = world.senior.call(
      world.mcp,
      'export_report',
      { report: 'orders', seconds: 0.6 },
      { signal: hangUp.signal },
    );
    await until('the export runs', () => steps(world) > 0);
    hangUp.abort();
    await expect(call).rejects.toThrow();
    await until('the export is finished', () =>
      world.effects().some(({ effect }) => effect === 'report.finished'),
    );
    await until('its outcome is on record', () =>
      world.control.entries.some((entry) => entry.type === 'action.outcome' && entry.outcome === 'done'),
    );
  });

  it('is cut by the cancellation of its own caller, and by nobody else', async () => {
    const world = await startWorld();
    const call = world.senior.call(world.mcp, 'export_report', slow, { id: 'call-1' });
    await until('the export runs', () => steps(world) > 0);
    const cancel = async (agent: TestAgent) => {
      const body = JSON.stringify({
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId: 'call-1' },
      });
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      };
      return await agent.fetch(world.mcp, { method: 'POST', headers, body });
    };
    expect((await cancel(world.junior)).status).toBe(202);
    const before = steps(world);
    await until('it still runs', () => steps(world) > before + 1);
    expect((await cancel(world.senior)).status).toBe(202);
    expect((await call).atf).toMatchObject({ code: 'upstream.aborted', outcome: 'unknown' });
  });
});

describe('credentials at the door (I-2)', () => {
  it('refuses forged, expired, replayed, foreign and mismatched ones', async () => {
    const world = await startWorld();
    const code = async (agent: TestAgent) => (await agent.call(world.mcp, 'list_orders', {})).atf.code;
    const like = (claims: object, issuer = world.issuer) => {
      const agent = new TestAgent({ issuer, agentId: uuid(3), instanceId: uuid(103) });
      Object.assign(agent, { pair: world.senior.pair });
      agent.token = agent.mint(claims);
      return agent;
    };
    const seconds = Math.floor(Date.now() / 1000);
    expect(await code(like({}))).toBeUndefined();
    expect(await code(like({}, new TokenIssuer()))).toBe('identity.credential_invalid');
    expect(await code(like({ iat: seconds - 1000, exp: seconds - 10 }))).toBe('identity.credential_expired');
    expect(await code(like({ cep: 2 }))).toBe('identity.credential_revoked');
    expect(await code(like({ tenant: 'other' }))).toBe('identity.credential_invalid');
    expect(
      await code(like({ inst: uuid(999), sub: `spiffe://atf.test/agent/${uuid(3)}/inst/${uuid(999)}` })),
    ).toBe('identity.instance_unknown');
    expect(await code(like({ cnf: undefined }))).toBe('identity.credential_invalid');
    const { senior } = world;
    const post = async (headers: Record<string, string>) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
      const response = await fetch(world.mcp, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...headers,
        },
        body,
      });
      const { error } = (await response.json()) as { error?: { data?: { code: string } } };
      return { status: response.status, code: error?.data?.code };
    };
    expect(await post({})).toEqual({ status: 401, code: 'identity.credential_missing' });
    const proof = senior.proof(world.mcp);
    const authorization = `DPoP ${senior.token}`;
    expect(await post({ authorization, dpop: proof })).toEqual({ status: 200, code: undefined });
    expect(await post({ authorization, dpop: proof })).toEqual({
      status: 401,
      code: 'identity.proof_replayed',
    });
    expect((await post({ authorization })).code).toBe('identity.proof_invalid');
    expect((await post({ authorization: `Bearer ${senior.token}` })).code).toBe('identity.proof_invalid');
    expect((await post({ authorization, dpop: senior.proof(world.mcp, {}, newKeyPair()) })).code).toBe(
      'identity.proof_invalid',
    );
    expect((await post({ authorization, dpop: senior.proof(`${world.mcp}x`) })).code).toBe(
      'identity.proof_invalid',
    );
    expect((await post({ authorization, dpop: senior.proof(world.mcp, { iat: seconds - 120 }) })).code).toBe(
      'identity.proof_invalid',
    );
    expect((await post({ authorization, dpop: senior.proof(world.mcp, { ath: 'x'.repeat(43) }) })).code).toBe(
      'identity.proof_invalid',
    );
    expect(world.effects()).toEqual([]);
  });

  it('throttles a flood of forged tokens, and whoever holds a good one still gets in', async () => {
    const world = await startWorld();
    await world.senior.call(world.mcp, 'list_orders', {});
    const forger = new TestAgent({ issuer: new TokenIssuer(), agentId: uuid(3), instanceId: uuid(103) });
    const codes = new Set<string | undefined>();
    for (let i = 0; i < 130; i++) codes.add((await forger.call(world.mcp, 'list_orders', {})).atf.code);
    expect([...codes]).toEqual(['identity.credential_invalid', 'identity.proof_flood']);
    expect((await world.senior.call(world.mcp, 'list_orders', {})).isError).toBe(false);
  });

  it('refuses other hosts (DNS rebinding), bodies beyond the bound, and addresses that are not there', async () => {
    const world = await startWorld();
    const { port } = new URL(world.gateway.url);
    const answer = (path: string, headers: Record<string, string>, body = '') =>
      new Promise<number>((resolve, reject) => {
        const sent = rawRequest({ host: '127.0.0.1', port, path, method: 'POST', headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        sent.on('error', reject);
        sent.end(body);
      });
    expect(await answer('/mcp/back-office', { host: 'evil.example' })).toBe(403);
    expect(await answer('/elsewhere', { host: `localhost:${port}` })).toBe(404);
    expect(
      await answer('/mcp/back-office', { host: `localhost:${port}`, 'content-length': '2000000' }, 'x').catch(
        () => 413,
      ),
    ).toBe(413);
    expect((await fetch(`${world.gateway.url}/healthz`)).status).toBe(200);
    await until('it is ready', async () => (await fetch(`${world.gateway.url}/readyz`)).status === 200);
    expect(await (await fetch(`${world.gateway.url}/metrics`)).text()).toContain('atf_feed_fresh ');
  });
});

describe('stops (R-2)', () => {
  it('cut a slow call within 250 ms of the frame, refuse the next, and are confirmed', async () => {
    const world = await startWorld();
    const call = world.senior.call(world.mcp, 'export_report', slow);
    await until('the export runs', () => steps(world) > 1);
    const stop = killOf(uuid(3));
    const killedMs = Date.now();
    world.control.contain(stop);
    const cut = await call;
    expect(Date.now() - killedMs).toBeLessThan(250);
    expect(cut.atf).toMatchObject({ code: 'containment.call_aborted', outcome: 'unknown' });
    world.control.put('containment', `agent:${uuid(3)}`, stop);
    const next = await world.senior.call(world.mcp, 'list_orders', {});
    expect(next.atf.code).toBe('containment.agent_stopped');
    await until('it is confirmed', () => world.control.contained.length === 1);
    expect(world.control.contained[0]).toMatchObject({ key: `agent:${uuid(3)}`, aborted: 1 });
    const after = steps(world);
    // Others are not concerned, and while they are served the cut export has no further effect.
    expect((await world.junior.call(world.mcp, 'list_orders', {})).isError).toBe(false);
    expect(steps(world)).toBe(after);
    await until('the outcome is on record', () =>
      world.control.entries.some(({ outcome }) => outcome === 'aborted'),
    );
    world.control.put('containment', `agent:${uuid(3)}`, null);
    await until('resumed', async () => !(await world.senior.call(world.mcp, 'list_orders', {})).isError);
  });

  it('work by a file while control is away, and a file that cannot be understood stops everything', async () => {
    const world = await startWorld();
    const file = join(world.dir, 'stop');
    const call = world.senior.call(world.mcp, 'export_report', slow);
    await until('the export runs', () => steps(world) > 0);
    writeFileSync(
      file,
      JSON.stringify({
        scopes: [{ kind: 'agent', id: 'agent-3' }],
        since: new Date().toISOString(),
        reason: 'drill',
      }),
    );
    expect((await call).atf.code).toBe('containment.call_aborted');
    expect((await world.senior.call(world.mcp, 'list_orders', {})).atf.code).toBe(
      'containment.agent_stopped',
    );
    expect((await world.junior.call(world.mcp, 'list_orders', {})).isError).toBe(false);
    writeFileSync(file, 'stop!');
    await until(
      'everything is stopped',
      async () =>
        (await world.junior.call(world.mcp, 'list_orders', {})).atf.code === 'containment.fleet_stopped',
    );
    rmSync(file);
    await until('resumed', async () => !(await world.senior.call(world.mcp, 'list_orders', {})).isError);
    await until('stop and resumption are on record', () =>
      world.control.entries.some(({ type }) => type === 'incident.containment_lifted'),
    );
  });

  it('happen by themselves when control falls silent: what runs is cut and everything is refused', async () => {
    const world = await startWorld();
    const call = world.senior.call(world.mcp, 'export_report', slow);
    await until('the export runs', () => steps(world) > 0);
    const silentMs = Date.now();
    world.control.silent = true;
    expect((await call).atf.code).toBe('containment.feed_stale');
    expect(Date.now() - silentMs).toBeLessThan(1_000);
    expect((await world.junior.callOnce(world.mcp, 'list_orders', {})).atf.code).toBe(
      'containment.feed_stale',
    );
    world.control.silent = false;
    await until(
      'it serves again',
      async () => !(await world.junior.call(world.mcp, 'list_orders', {})).isError,
    );
  });

  it('hold when a frame is not understood: stale until a new connection is understood', async () => {
    const world = await startWorld();
    world.control.feedClosed = true;
    world.control.raw(JSON.stringify({ t: 'hibernate' }));
    await until(
      'it is stale',
      async () =>
        (await world.junior.callOnce(world.mcp, 'list_orders', {})).atf.code === 'containment.feed_stale',
    );
    world.control.feedClosed = false;
    await until(
      'it serves again',
      async () => !(await world.junior.call(world.mcp, 'list_orders', {})).isError,
    );
  });

  it('void credentials: a raised epoch cuts what runs under the old ones', async () => {
    const world = await startWorld();
    const call = world.senior.call(world.mcp, 'export_report', slow);
    await until('the export runs', () => steps(world) > 0);
    world.control.put('agent', uuid(3), agentDoc(3, 'senior', everyTool, { credentialEpoch: 2, epoch: 2 }));
    expect((await call).atf.code).toBe('identity.credential_revoked');
    expect((await world.senior.call(world.mcp, 'list_orders', {})).atf.code).toBe(
      'identity.credential_revoked',
    );
  });
});

describe('tools (S-1)', () => {
  it('are refused as quarantined when the live definition is not the accepted one, and control is told what is offered', async () => {
    const world = await startWorld();
    const told = () => world.control.told.find(({ path }) => path.endsWith('/back-office/discovery'));
    await until('control is told', () => told() !== undefined);
    expect(told()?.body['definitions']).toHaveLength(11);
    world.control.put(
      'tool',
      'back-office/list_orders',
      toolDoc('back-office', { name: 'list_orders', inputSchema: { type: 'object' } }, 'read', { epoch: 2 }),
    );
    await until(
      'it is refused',
      async () =>
        (await world.senior.call(world.mcp, 'list_orders', {})).atf.code === 'segmentation.tool_quarantined',
    );
    expect((await world.senior.call(world.mcp, 'list_refunds', {})).isError).toBe(false);
  });

  it('have a process for each instance when the server is not stateless', async () => {
    const world = await startWorld({ stateless: false });
    expect((await world.senior.call(world.mcp, 'list_orders', {})).isError).toBe(false);
    expect((await world.junior.call(world.mcp, 'list_orders', {})).isError).toBe(false);
  });

  it('are refused with a reason for methods that are not governed, on record', async () => {
    const world = await startWorld();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'resources/list', params: {} });
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    };
    const response = await world.senior.fetch(world.mcp, { method: 'POST', headers, body });
    expect(((await response.json()) as { error: { data: { code: string } } }).error.data.code).toBe(
      'request.method_refused',
    );
    await until('it is on record', () =>
      world.control.entries.some(
        ({ type, body: record }) => type === 'action.refused' && record['tool'] === 'method:resources/list',
      ),
    );
  });
});

describe('approvals (invariant 5)', () => {
  const asked = async (world: World, args: object = refund) => {
    const answer = await world.junior.call(world.mcp, 'create_refund', args);
    expect(answer.atf).toMatchObject({ outcome: 'waiting', code: 'maturity.approval_required' });
    return answer.atf.approvalId as string;
  };

  it('run the stored call once under 50 concurrent retries; later retries get the stored result', async () => {
    const world = await startWorld();
    const approvalId = await asked(world);
    expect(await asked(world, { reason: 'late', currency: 'EUR', amount: 5, order_id: 'O-5001' })).toBe(
      approvalId,
    );
    world.control.decideApproval(approvalId, 'approved');
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => world.junior.call(world.mcp, 'create_refund', refund)),
    );
    const results = answers.filter(({ isError }) => !isError);
    expect(refunds(world)).toBe(1);
    expect(world.control.approvals.get(approvalId)?.redeemed).toBe(1);
    expect(new Set(results.map(({ text }) => text)).size).toBe(1);
    const again = await world.junior.call(world.mcp, 'create_refund', refund);
    expect(again.text).toBe(results[0]?.text);
    const byTool = await world.junior.call(world.mcp, 'atf_approval_result', { approvalId });
    expect(byTool.text).toBe(results[0]?.text);
    expect(refunds(world)).toBe(1);
    const intents = () =>
      world.control.entries.filter(
        ({ type, body }) => type === 'action.intent' && body['approvalId'] === approvalId,
      );
    await until('exactly one intent is on record', () => intents().length === 1);
  });

  it('are redeemed by the built-in tool with the stored bytes, and are nobody else’s', async () => {
    const world = await startWorld();
    const approvalId = await asked(world);
    const waits = await world.junior.call(world.mcp, 'atf_approval_result', { approvalId });
    expect(waits.atf).toMatchObject({ outcome: 'waiting', approvalId });
    expect((await world.junior.call(world.mcp, 'atf_approval_result', {})).text).toContain(approvalId);
    world.control.decideApproval(approvalId, 'approved');
    await until(
      'the approval is known',
      async () =>
        (await world.senior.call(world.mcp, 'atf_approval_result', { approvalId })).atf.code ===
        'approvals.not_found',
    );
    const done = await world.junior.call(world.mcp, 'atf_approval_result', { approvalId });
    expect(done.isError).toBe(false);
    expect(refunds(world)).toBe(1);
    const finished = world.control.told.find(
      ({ path }) => path === `/v1/gateway/approvals/${approvalId}/outcome`,
    );
    expect(finished?.body).toMatchObject({ outcome: { status: 'done' } });
  });

  it('tell rejection, expiry and an unknown outcome readably, and never run then', async () => {
    const world = await startWorld();
    const rejected = await asked(world);
    world.control.decideApproval(rejected, 'rejected', 'not this customer');
    await until(
      'it is told',
      async () =>
        (await world.junior.call(world.mcp, 'create_refund', refund)).atf.code ===
        'maturity.approval_rejected',
    );
    expect((await world.junior.call(world.mcp, 'create_refund', refund)).text).toContain('not this customer');
    const other = { ...refund, amount: 6 };
    const expired = await asked(world, other);
    world.control.decideApproval(expired, 'expired');
    await until(
      'it is told',
      async () =>
        (await world.junior.call(world.mcp, 'atf_approval_result', { approvalId: expired })).atf.code ===
        'maturity.approval_expired',
    );
    const third = { ...refund, amount: 7 };
    const lost = await asked(world, third);
    world.control.decideApproval(lost, 'approved');
    world.control.loseRedemptions = true;
    await until(
      'it is told',
      async () =>
        (await world.junior.call(world.mcp, 'create_refund', third)).atf.code ===
        'maturity.approval_outcome_unknown',
    );
    world.control.loseRedemptions = false;
    expect((await world.junior.call(world.mcp, 'create_refund', third)).atf.code).toBe(
      'maturity.approval_outcome_unknown',
    );
    expect(refunds(world)).toBe(0);
  });

  it('do not help an agent that was stopped meanwhile', async () => {
    const world = await startWorld();
    const approvalId = await asked(world);
    world.control.decideApproval(approvalId, 'approved');
    world.control.put('containment', `agent:${uuid(2)}`, killOf(uuid(2)));
    await until(
      'it is stopped',
      async () =>
        (await world.junior.call(world.mcp, 'create_refund', refund)).atf.code ===
        'containment.agent_stopped',
    );
    expect((await world.junior.call(world.mcp, 'atf_approval_result', { approvalId })).atf.code).toBe(
      'containment.agent_stopped',
    );
    expect(world.control.approvals.get(approvalId)?.redeemed).toBe(0);
  });
});

describe('ending', () => {
  it('drains: a call under way is finished and shipped before the gateway is gone', async () => {
    const world = await startWorld();
    const call = world.senior.call(world.mcp, 'export_report', { report: 'orders', seconds: 0.5 });
    await until('the export runs', () => steps(world) > 0);
    await world.gateway.close();
    expect((await call).isError).toBe(false);
    expect(
      world.control.entries.some((entry) => entry.type === 'action.outcome' && entry.outcome === 'done'),
    ).toBe(true);
    await expect(fetch(`${world.gateway.url}/healthz`)).rejects.toThrow();
  });
});
