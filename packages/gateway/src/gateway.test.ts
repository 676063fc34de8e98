/** The gateway through its front door, over a fake control and a real tool server: calls, credentials, tools, ending. */
import { request as rawRequest } from 'node:http';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, describe, expect, it } from 'vitest';
import { newKeyPair, TestAgent, TokenIssuer } from './testing/agent.fixture.ts';
import { settingsDoc, toolDoc, uuid } from './testing/documents.fixture.ts';
import { cleanUp, refund, refunds, slow, startWorld, steps, until } from './testing/running.fixture.ts';

afterEach(cleanUp);

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

  it('of a replicated class runs only once control, too, holds its intent', async () => {
    const world = await startWorld();
    world.control.put('settings', '*', { ...settingsDoc, replicated: ['write'] });
    const held: boolean[] = [];
    const onEffect = setInterval(() => {
      if (held.length === 0 && refunds(world) > 0)
        held.push(world.control.entries.some(({ type }) => type === 'action.intent'));
    }, 1);
    const done = await world.senior.call(world.mcp, 'create_refund', refund);
    clearInterval(onEffect);
    expect(done.atf.code).toBeUndefined();
    expect(refunds(world)).toBe(1);
    const intent = world.control.entries.find(({ type }) => type === 'action.intent');
    expect(intent, 'before the answer, at the latest').toBeDefined();
    expect(held.every(Boolean)).toBe(true);

    world.control.spoolLost = true;
    const refused = await world.senior.call(world.mcp, 'create_refund', { ...refund, reason: 'again' });
    expect(refused.atf).toMatchObject({ code: 'audit.record_unavailable' });
    expect(refunds(world)).toBe(1);
    // Other classes go on with the gateway's own disk.
    const read = await world.senior.call(world.mcp, 'get_order', { order_id: 'O-5001' });
    expect(read.atf.code).toBeUndefined();
    world.control.spoolLost = false;
    await until('the call that did not run to be on record as such', () =>
      world.control
        .story(refused.atf.actionId)
        .some(({ type, outcome }) => type === 'action.outcome' && outcome === 'not_executed'),
    );
    expect(await world.senior.call(world.mcp, 'create_refund', { ...refund, reason: 'third' })).toBeDefined();
    expect(refunds(world)).toBe(2);
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

  it('tells a plain bearer token that a key would let its agent try, and records the refusal first', async () => {
    const world = await startWorld();
    const { issuer } = world;
    const post = async (n: number, name: string) => {
      const agent = new TestAgent({ issuer, agentId: uuid(n), instanceId: uuid(100 + n), bearer: true });
      const response = await fetch(world.mcp, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...agent.headers(world.mcp) },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } }),
      });
      return { status: response.status, challenge: response.headers.get('www-authenticate') };
    };
    expect(await post(3, 'send_email')).toEqual({
      status: 403,
      challenge:
        'DPoP algs="ES256", error="insufficient_scope", scope="atf:read atf:act", ' +
        `resource_metadata="${world.gateway.url}/.well-known/oauth-protected-resource/mcp/back-office"`,
    });
    await until('it is shipped', () =>
      world.control.entries.some(
        ({ type, body }) => type === 'action.refused' && body['tool'] === 'send_email',
      ),
    );
    // No key makes an Intern more than an Intern: it is told in words, as any agent.
    expect(await post(1, 'send_email')).toEqual({ status: 200, challenge: null });
    expect(world.effects()).toEqual([]);
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
    expect(await code(like({ aud: 'http://localhost:1' }))).toBe('identity.audience_mismatch');
    expect(await code(like({ aud: `${world.gateway.url}/mcp/other` }))).toBe('identity.audience_mismatch');
    expect(await code(like({ aud: world.mcp }))).toBeUndefined();
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
    // Nobody has seen this token before: it is as new as one that was renewed this moment.
    expect((await world.junior.call(world.mcp, 'list_orders', {})).isError).toBe(false);
  });

  it('keeps nothing of a stranger’s body: the answer does not wait for it', async () => {
    const world = await startWorld();
    const { port } = new URL(world.gateway.url);
    for (const headers of [{}, { authorization: `DPoP ${'x'.repeat(40)}` }]) {
      const status = await new Promise<number>((resolve, reject) => {
        const type = { host: `localhost:${port}`, 'content-type': 'application/json' };
        const length = { 'content-length': '900000' };
        const asked = { host: '127.0.0.1', port, path: '/mcp/back-office', method: 'POST' };
        const sent = rawRequest({ ...asked, headers: { ...type, ...length, ...headers } }, (response) => {
          resolve(response.statusCode ?? 0);
          sent.destroy();
        });
        sent.on('error', reject);
        // The head only; a body that is promised never comes.
        sent.write('{');
      });
      expect(status).toBe(401);
    }
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
    const large = await world.senior.call(world.mcp, 'list_orders', { status: 'x'.repeat(1_100_000) });
    expect(large.atf).toMatchObject({
      code: 'request.too_large',
      detail: 'A request may have 1048576 bytes.',
    });
    expect((await fetch(`${world.gateway.url}/healthz`)).status).toBe(200);
    await until('it is ready', async () => (await fetch(`${world.gateway.url}/readyz`)).status === 200);
    expect(await (await fetch(`${world.gateway.url}/metrics`)).text()).toContain('atf_feed_fresh ');
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
    const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tasks/list', params: {} });
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
        ({ type, body: record }) => type === 'action.refused' && record['tool'] === 'method:tasks/list',
      ),
    );
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
