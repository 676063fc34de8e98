/**
 * What a manifest declares and policy sets, through the front door: checkpoints, limits, who may stop, lifetimes by level, the way a credential was
 * proved; and that what people are told an agent may do is what the gateway does.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, call, type McpAgent, Product, resume, root, type Signed, until } from './product.ts';

let product: Product;
let security: Signed;
let approver: Signed;
beforeAll(async () => {
  product = await Product.start();
  security = await product.signIn('yuki.mori@example.com');
  approver = await product.signIn('paula.reyes@example.com');
});
afterAll(async () => product.remove());

const manifestOf = (agent: string) =>
  readFile(join(root, 'examples/workspace/agents', `${agent}.yaml`), 'utf8');
const idOf = async (name: string) => (await security.client.call('agents.show', { params: { id: name } })).id;
const email = (n: number) => ({ to: 'ada@example.com', subject: `News ${n}`, body: 'On its way.' });

/** Claims of the access token. */
const claimsOf = ({ credential }: McpAgent) =>
  JSON.parse(Buffer.from(credential.token.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >;

async function served(name: string): Promise<McpAgent> {
  const once = async () => {
    const agent = await product.agent(name);
    const answer = await call(await agent.mcp('back-office'), 'list_orders', {});
    return answer.isError ? undefined : agent;
  };
  return until(`${name} to be served`, () => once().catch(() => undefined));
}

describe('a new version that declares more', () => {
  it('asks a person at its checkpoint, keeps to its rate, and is stopped by whom it names', async () => {
    const operator = await product.operator();
    const before = await manifestOf('principal-operations');
    const manifest = before
      .replace(/^version: .*$/m, 'version: 2.1.0')
      .replace('calls: { max: 30, perSeconds: 3600 }', 'calls: { max: 2, perSeconds: 3600 }')
      .replace(
        /^mayStop: .*$/m,
        'mayStop: [paula.reyes@example.com]\ncheckpoints:\n  - { tool: back-office/update_order_status, reason: Orders of key accounts }',
      );
    const scope = { kind: 'agent' as const, id: await idOf('principal-operations') };
    const stop = () =>
      approver.client.call('containment.stop', { body: { scope, state: 'paused', reason: 'drill' } });
    await expect(stop()).rejects.toMatchObject({ code: 'people.not_allowed' });

    await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
    const office = await (await served('principal-operations')).mcp('back-office');
    const asked = await call(office, 'update_order_status', { order_id: 'O-5001', status: 'shipped' });
    expect(asked.atf.code).toBe('maturity.approval_required');
    expect(asked.text).toContain('Orders of key accounts');

    // The built-in tool releases it as well as the same call does, and once.
    const { approvalId = '' } = asked.atf;
    expect((await call(office, 'atf_approval_result', { approvalId })).atf.code).toBe(
      'maturity.approval_required',
    );
    await approve(approver, approvalId);
    const released = await until('the released call', async () => {
      const answer = await call(office, 'atf_approval_result', { approvalId });
      return answer.isError ? undefined : answer;
    });
    expect(released.text).toContain('shipped');
    expect((await call(office, 'atf_approval_result', { approvalId })).text).toBe(released.text);

    for (const n of [1, 2]) expect((await call(office, 'send_email', email(n))).isError).toBe(false);
    expect((await call(office, 'send_email', email(3))).atf.code).toBe('segmentation.rate_exceeded');

    expect(await stop()).toMatchObject({ state: 'paused', agents: ['principal-operations'] });
    expect((await call(office, 'list_orders', {})).atf.code).toBe('containment.agent_stopped');
    await resume(security, { scope, reason: 'drill is over' });
  });
});

describe('credentials', () => {
  it('live as long as the level allows, and the record says how they were proved', async () => {
    const lifeOf = async (name: string) => {
      const { credential } = await product.agent(name);
      return (Date.parse(credential.expiresAt) - Date.now()) / 1_000;
    };
    const seconds = { 'intern-analyst': 7_200, 'junior-support': 900, 'senior-support': 600 };
    for (const [name, wanted] of Object.entries(seconds)) {
      const life = await lifeOf(name);
      expect(life, name).toBeLessThanOrEqual(wanted);
      expect(life, name).toBeGreaterThan(wanted - 30);
    }
    expect(await lifeOf('principal-operations')).toBeLessThanOrEqual(60);

    const proofs: unknown[] = [];
    for (const bearer of [true, false]) {
      const agent = await product.agent('intern-analyst', { bearer });
      const office = await agent.mcp('back-office');
      const { atf } = await call(office, 'list_orders', { limit: bearer ? 1 : 2 });
      const story = await until('the record', async () => {
        const { items } = await security.client.call('activity.list', { query: { agent: 'intern-analyst' } });
        const id = atf.actionId ?? items.find(({ type }) => type === 'action.intent')?.actionId;
        const shown =
          id === undefined
            ? undefined
            : await security.client.call('actions.show', { params: { id } }).catch(() => undefined);
        return shown?.argsText === `{"limit":${bearer ? 1 : 2}}` ? shown : undefined;
      });
      const [intent] = story.records.map(
        ({ entry }) => JSON.parse(entry) as { body: Record<string, unknown> },
      );
      // Agent, version, instance, session, credential and the person who answers for it (I-1, I-3, B-2).
      const shown = await security.client.call('agents.show', { params: { id: 'intern-analyst' } });
      expect(intent?.body).toMatchObject({
        agentId: shown.id,
        agent: 'intern-analyst',
        agentVersion: shown.version,
        manifestDigest: claimsOf(agent)['ver'],
        instanceId: agent.credential.instanceId,
        sid: agent.credential.sid,
        jti: claimsOf(agent)['jti'],
        responsibleId: shown.owner.id,
      });
      proofs.push(intent?.body['proof']);
    }
    expect(proofs).toEqual(['none', 'dpop']);
  });
});

describe('what people are told that an agent may do', () => {
  it('is what its own door does: programs that run their own tools are asked about by theirs', async () => {
    const rights = async (name: string) => {
      const { items } = await security.client.call('agents.rights', { params: { id: await idOf(name) } });
      return new Map(items.map(({ tool, outcome, code }) => [tool, code ?? outcome]));
    };
    expect((await rights('senior-support')).get('order-desk/look_up_order')).toBe('allow');
    expect([...(await rights('senior-support')).values()]).not.toContain('segmentation.wrong_door');
    const { outcome } = await security.client.call('decide', {
      body: { agent: 'senior-support', tool: 'order-desk/look_up_order', args: { order_id: 'O-5001' } },
    });
    expect(outcome).toBe('allow');
  });
});

describe('stops of many', () => {
  it('an owner’s agents, and the whole fleet, until a person resumes them', async () => {
    const ines = (await security.client.call('people.list')).items.find(
      ({ name }) => name === 'Ines Marchetti',
    );
    const office = await (await served('intern-analyst')).mcp('back-office');
    for (const [scope, code] of [
      [{ kind: 'owner' as const, id: ines?.id ?? '' }, 'containment.owner_stopped'],
      [{ kind: 'fleet' as const, id: '*' }, 'containment.fleet_stopped'],
    ] as const) {
      const report = await security.client.call('containment.stop', {
        body: { scope, state: 'paused', reason: 'drill' },
      });
      expect(report.agents).toHaveLength(4);
      expect((await call(office, 'list_orders', {})).atf.code).toBe(code);
      await resume(security, { scope, reason: 'drill is over' });
      await until('the gateway hears it', async () =>
        (await call(office, 'list_orders', {})).isError ? undefined : true,
      );
    }
  });
});
