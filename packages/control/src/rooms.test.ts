/** The domain's rooms through the front door: HTTP, real sessions, real proofs, the example workspace. What they do in detail stands beside them. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '@atf/core/digest';
import type { Agent, Approval, Credential, Person, StopReport, Tool } from '@atf/core/wire/api';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { composeControl, type RunningControl } from './compose.ts';
import { openDb } from './db/open.ts';
import { migratedSnapshot } from './db/test-db.ts';
import { resumeSubject } from './incident/containment.ts';
import {
  type Browser,
  dpopProof,
  enrolGateway,
  movedClock,
  type Platform,
  post,
  request,
  signIn,
  type TestGateway,
  temporaryFolder,
  testKey,
} from './platform.fixture.ts';
import { startRooms } from './rooms.ts';

const folder = temporaryFolder();
let running: RunningControl;
let platform: Platform;
let gateway: TestGateway;
const browsers = new Map<string, Browser>();
const slowMs = 240_000;

beforeAll(async () => {
  const dataDir = join(folder.path, 'data');
  const clock = movedClock();
  const options = {
    dataDir,
    port: 0,
    keyFile: join(folder.path, 'protect.key'),
    logLevel: 'silent' as const,
    example: true,
  };
  const snapshot = await migratedSnapshot();
  running = await composeControl(options, startRooms, {
    clock,
    environment: {},
    open: () => openDb({ snapshot }),
  });
  platform = {
    ...running,
    clock,
    dataDir,
    operatorToken: readFileSync(join(dataDir, 'operator.token'), 'utf8').trim(),
  };
  gateway = await enrolGateway(platform, 'edge');
  const operator = await request(`${platform.url}/v1/people`, {
    headers: { authorization: `Bearer ${platform.operatorToken}` },
  });
  for (const person of operator.json['items'] as Person[]) {
    if (person.email.endsWith('@example.com'))
      browsers.set(person.name.split(' ')[0] ?? '', await signIn(platform, person.id));
  }
}, slowMs);
afterAll(async () => {
  await running?.close();
  folder.remove();
}, slowMs);

const as = (name: string): Browser =>
  browsers.get(name) ??
  ((): never => {
    throw new Error(`nobody is called ${name}`);
  })();
const items = async <T>(browser: Browser, path: string): Promise<T[]> =>
  (await browser.get(path)).json['items'] as T[];
const agentNamed = async (name: string) =>
  (await as('Yuki').get(`/v1/agents/${name}`)).json as unknown as Agent;
const byGateway = (path: string, body: unknown) =>
  post(`${platform.url}${path}`, body, gateway.authorization('POST', path));

const schemaOf = (properties: Record<string, string>): JsonObject => ({
  type: 'object',
  properties: Object.fromEntries(Object.entries(properties).map(([name, type]) => [name, { type }])),
});
const offered: JsonObject[] = [
  { name: 'get_order', description: 'One order', inputSchema: schemaOf({ order_id: 'string' }) },
  {
    name: 'create_refund',
    inputSchema: schemaOf({ order_id: 'string', amount: 'number', currency: 'string', reason: 'string' }),
  },
  { name: 'cancel_refund', inputSchema: schemaOf({ refund_id: 'string' }) },
  { name: 'delete_customer', inputSchema: schemaOf({ customer_id: 'string' }) },
];
const discover = (definitions: JsonObject[]) =>
  byGateway('/v1/gateway/servers/back-office/discovery', { definitions });

describe('the log over HTTP', { timeout: slowMs }, () => {
  it('shows its head to everybody and its records to people only', async () => {
    const operator = { authorization: `Bearer ${platform.operatorToken}` };
    const status = await request(`${platform.url}/v1/audit`, { headers: operator });
    const size = Number(status.json['size']);
    const newest = `/tile/entries/000${size < 256 ? `.p/${size}` : ''}`;
    expect((await request(`${platform.url}${newest}`, { headers: operator })).status).toBe(200);
    for (const path of [newest, newest.replace('tile', '%74ile'), newest.replace('entries', '%65ntries')])
      expect((await request(`${platform.url}${path}`)).json['code']).toBe('people.sign_in_required');
    const wrong = { authorization: `Bearer ${'x'.repeat(43)}` };
    expect((await request(`${platform.url}${newest}`, { headers: wrong })).status).toBe(401);
    expect((await request(`${platform.url}/checkpoint`)).status).toBe(200);
    expect((await request(`${platform.url}/log/vkey`)).status).toBe(200);
  });
});

describe('the example workspace, over HTTP', { timeout: slowMs }, () => {
  it('has an agent of each level, marked, with its people', async () => {
    const agents = await items<Agent>(as('Ines'), '/v1/agents');
    expect(agents.map(({ name, level, effectiveLevel }) => [name, level, effectiveLevel])).toEqual([
      ['intern-analyst', 'intern', 'intern'],
      ['junior-support', 'junior', 'junior'],
      ['principal-operations', 'principal', 'principal'],
      ['senior-support', 'senior', 'senior'],
    ]);
    expect(agents.find(({ name }) => name === 'senior-support')).toMatchObject({
      bootstrap: true,
      owner: { name: 'Ines Marchetti' },
      state: 'active',
    });
    expect((await as('Ines').get('/v1/agents/nobody')).json).toMatchObject({
      status: 404,
      code: 'identity.agent_not_found',
    });
  });

  it('takes what a gateway discovers, with the classifications that a person prepared, and quarantines what is added', async () => {
    expect((await discover(offered)).status).toBe(200);
    const all = await items<Tool>(as('Ines'), '/v1/tools');
    // What agents run themselves is there from the start, as a person defined it.
    expect(all.filter(({ server }) => server === 'order-desk').map(({ name }) => name)).toEqual([
      'cancel_order',
      'look_up_order',
      'reopen_order',
    ]);
    const tools = all.filter(({ server }) => server === 'back-office');
    expect(tools.map(({ name, state, effectiveClass }) => [name, state, effectiveClass])).toEqual([
      ['cancel_refund', 'active', 'write'],
      ['create_refund', 'active', 'write'],
      ['delete_customer', 'active', 'admin'],
      ['get_order', 'active', 'read'],
    ]);
    expect(tools.find(({ name }) => name === 'create_refund')?.classification).toMatchObject({
      by: 'person',
      writeSafe: true,
      inverse: 'cancel_refund',
    });
    const fresh: JsonObject = { name: 'money_machine', inputSchema: schemaOf({ amount: 'number' }) };
    await discover([...offered, fresh]);
    const shown = (await as('Ines').get('/v1/tools/back-office/money_machine')).json as unknown as Tool;
    expect(shown).toMatchObject({ state: 'quarantined', effectiveClass: 'admin' });
    const path = '/v1/tools/back-office/money_machine/accept';
    expect((await as('Paula').post(path, { digest: shown.offeredDigest })).json['code']).toBe(
      'people.not_allowed',
    );
    expect((await as('Yuki').post(path, { digest: sha256('other') })).json['code']).toBe(
      'segmentation.definition_stale',
    );
    expect((await as('Yuki').post(path, { digest: shown.offeredDigest })).json).toMatchObject({
      state: 'active',
    });
  });

  it.each([
    ['intern-analyst', 'create_refund', { amount: 5 }, 'refuse', 'policy.not_permitted'],
    ['junior-support', 'create_refund', { amount: 5, currency: 'EUR' }, 'ask', 'maturity.approval_required'],
    ['senior-support', 'create_refund', { amount: 5, currency: 'EUR' }, 'allow', undefined],
    [
      'senior-support',
      'create_refund',
      { amount: 500, currency: 'EUR' },
      'refuse',
      'segmentation.transaction_exceeded',
    ],
    ['principal-operations', 'create_refund', { amount: 5 }, 'refuse', 'segmentation.out_of_domain'],
    ['principal-operations', 'delete_customer', {}, 'refuse', 'segmentation.tool_not_granted'],
  ])('%s, %s: what would happen', async (agent, tool, args, outcome, code) => {
    const { json } = await as('Paula').post('/v1/decide', { agent, tool: `back-office/${tool}`, args });
    expect(json).toMatchObject({ outcome, ...(code === undefined ? {} : { code }) });
  });

  it('lists rights over HTTP', async () => {
    const { id } = await agentNamed('junior-support');
    const rights = await items<{ tool: string; outcome: string }>(as('Ines'), `/v1/agents/${id}/rights`);
    expect(rights.find(({ tool }) => tool === 'back-office/create_refund')?.outcome).toBe('ask');
  });

  it('carries one call from enrolment to its stored outcome, and voids everything with a kill', async () => {
    const agent = await agentNamed('junior-support');
    const key = testKey();
    const { joinToken } = (await as('Ines').post(`/v1/agents/${agent.id}/join-tokens`)).json;
    expect((await as('Paula').post(`/v1/agents/${agent.id}/join-tokens`)).json['code']).toBe(
      'people.not_allowed',
    );
    const enrol = await post(
      `${platform.url}/v1/enrol`,
      { joinToken },
      { dpop: dpopProof(key, 'POST', `${platform.url}/v1/enrol`) },
    );
    const credential = enrol.json as unknown as Credential;
    expect(enrol.status).toBe(200);
    expect(credential).toMatchObject({
      agent: 'junior-support',
      tokenType: 'DPoP',
      servers: ['back-office', 'order-desk'],
    });
    const renew = () =>
      post(
        `${platform.url}/v1/token`,
        { instanceId: credential.instanceId },
        { dpop: dpopProof(key, 'POST', `${platform.url}/v1/token`) },
      );
    expect((await renew()).json).toMatchObject({ sid: credential.sid });

    const argsText = canonicalJson({ order_id: 'O-5001', amount: 40, currency: 'EUR', reason: 'broken' });
    const tool = (await as('Ines').get('/v1/tools/back-office/create_refund')).json as unknown as Tool;
    const asked = {
      actionId: randomUUID(),
      agentId: agent.id,
      instanceId: credential.instanceId,
      sid: credential.sid,
      tool: 'back-office/create_refund',
      argsText,
      argsDigest: sha256(argsText),
      definitionDigest: tool.definitionDigest,
      class: 'write',
      because: 'Money leaves the house',
    };
    const { id } = (await byGateway('/v1/gateway/approvals', asked)).json as unknown as { id: string };
    const shown = (await as('Paula').get(`/v1/approvals/${id}`)).json as unknown as Approval;
    expect(shown).toMatchObject({ argsText, state: 'waiting', reversible: true, inverse: 'cancel_refund' });
    const presence = await as('Paula').present(
      { kind: 'approval', id, digest: shown.shownDigest },
      { method: 'simulated' },
    );
    const bearer = { authorization: `Bearer ${platform.operatorToken}` };
    expect(
      (
        await post(
          `${platform.url}/v1/approvals/${id}/approve`,
          { shownDigest: shown.shownDigest, presence },
          bearer,
        )
      ).json['code'],
    ).toBe('people.presence_required');
    expect(
      (await as('Paula').post(`/v1/approvals/${id}/approve`, { shownDigest: shown.shownDigest, presence }))
        .json,
    ).toMatchObject({ state: 'approved', decidedBy: 'Paula Reyes' });

    const redemption = { agentId: agent.id, actionId: randomUUID() };
    expect((await byGateway(`/v1/gateway/approvals/${id}/redeem`, redemption)).json).toMatchObject({
      released: true,
      argsText,
    });
    const resultText = '{"content":[]}';
    await byGateway(`/v1/gateway/approvals/${id}/outcome`, {
      actionId: redemption.actionId,
      outcome: { status: 'done', resultText },
    });
    expect(
      (await byGateway(`/v1/gateway/approvals/${id}/redeem`, { ...redemption, actionId: randomUUID() })).json,
    ).toMatchObject({ released: false, outcome: { status: 'done', resultText } });

    const scope = { kind: 'agent' as const, id: agent.id };
    expect(
      (await as('Paula').post('/v1/containment', { scope, state: 'killed', reason: 'drill' })).json['code'],
    ).toBe('people.not_allowed');
    const report = (await as('Yuki').post('/v1/containment', { scope, state: 'killed', reason: 'drill' }))
      .json as unknown as StopReport;
    expect(report).toMatchObject({ agents: ['junior-support'], state: 'killed' });
    expect((await renew()).json['code']).toBe('containment.agent_stopped');
    expect((await agentNamed('junior-support')).state).toBe('killed');
    await as('Yuki').post('/v1/me/passphrase', { passphrase: 'correct horse battery' });
    const request = { scope, reason: 'looked at', ceiling: 'intern' as const };
    const present = await as('Yuki').present(resumeSubject(request), {
      method: 'passphrase',
      passphrase: 'correct horse battery',
    });
    expect((await as('Yuki').post('/v1/containment/resume', { ...request, presence: present })).json).toEqual(
      { ok: true },
    );
    expect(await agentNamed('junior-support')).toMatchObject({
      state: 'active',
      level: 'junior',
      effectiveLevel: 'intern',
    });
    expect((await renew()).json['code']).toBe('identity.credential_revoked');
  });

  it('is on record in the activity within seconds', async () => {
    await expect
      .poll(
        async () =>
          (await items<{ type: string }>(as('Yuki'), '/v1/activity?limit=200')).map(({ type }) => type),
        { timeout: 20_000, interval: 200 },
      )
      .toEqual(
        expect.arrayContaining([
          'approvals.approved',
          'approvals.redeemed',
          'incident.kill_measured',
          'incident.containment_lifted',
          'maturity.level_bootstrapped',
          'policy.set_activated',
        ]),
      );
    expect((await as('Yuki').get('/v1/overview')).status).toBe(200);
    expect((await as('Yuki').get('/v1/conformance')).status).toBe(200);
  });
});
