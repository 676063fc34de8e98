/**
 * What an enrolled gateway may say, tried with one that enrolled for one tool server and speaks for others; and a gateway that comes back without its spool.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gatewayKeyOf } from '@atf/gateway/gateway-key';
import { sha256 } from '@atf/core/digest';
import { dpopProof } from '@atf/sdk/agent-key';
import { canonicalJson } from '@atf/core/wire/json';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type McpAgent, Product, until } from './product.ts';
import { logSettled, readLog } from './read-log.ts';

let product: Product;
beforeAll(async () => {
  product = await Product.start();
});
afterAll(async () => product.remove());

interface Rogue {
  post(path: string, body: unknown): Promise<{ status: number; code: string | undefined }>;
}

async function enrolRogue(servers: '*' | string[]): Promise<Rogue> {
  const { controlUrl } = product.ready;
  const key = gatewayKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const operator = await product.operator();
  const { joinToken } = await operator.call('gateways.joinToken', { body: { name: 'rogue', servers } });
  const proof = (url: string, gatewayId?: string) =>
    key.proof({ method: 'POST', url, gatewayId, nowMs: Date.now() });
  const enrolUrl = `${controlUrl}/v1/gateways/enrol`;
  const { gatewayId } = await operator.call('gateways.enrol', {
    body: { joinToken, publicKey: { ...key.publicJwk }, proof: proof(enrolUrl) },
  });
  return {
    async post(path, body) {
      const url = `${controlUrl}${path}`;
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          authorization: `GatewayProof ${proof(url, gatewayId)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(body),
      });
      return { status: response.status, code: ((await response.json()) as { code?: string }).code };
    },
  };
}

describe('a gateway that comes back after a crash', () => {
  it('does not take a proof again that it took before', async () => {
    const { credential, key } = await product.agent('intern-analyst');
    const url = `${credential.gatewayUrl}/mcp/back-office`;
    const proved = async () => ({
      authorization: `DPoP ${credential.token}`,
      dpop: await dpopProof(key, { method: 'POST', url, accessToken: credential.token }),
    });
    const send = async (headers: Record<string, string>) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
      });
      return `${response.status} ${/identity\.[a-z_]+/.exec(await response.text())?.[0] ?? 'served'}`;
    };
    const captured = await proved();
    expect(await send(captured)).toBe('200 served');
    expect(await send(captured)).toBe('401 identity.proof_replayed');
    // Proofs say whole seconds: the crash comes in a later one.
    const madeAt = Math.floor(Date.now() / 1_000);
    await until('the next second', () => (Math.floor(Date.now() / 1_000) > madeAt ? true : undefined));
    await product.crash('gateway');
    expect(await send(captured)).toBe('401 identity.proof_before_start');
    expect(await send(await proved())).toBe('200 served');
  });

  it('bounds what an agent asks without calling a tool', async () => {
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    const codes = new Set<string>();
    for (let round = 0; round < 100 && codes.size === 0; round++) {
      const asked = Array.from({ length: 100 }, () =>
        office.ping().then(
          () => undefined,
          (error: Error) => error.message,
        ),
      );
      for (const said of await Promise.all(asked)) if (said !== undefined) codes.add(said);
    }
    expect([...codes].join()).toContain('segmentation.rate_exceeded');
  });
});

describe('a gateway that lost its spool and kept its key', () => {
  it('goes on above every epoch that it may have used, and control takes its records', async () => {
    const first = await product.agent('intern-analyst');
    const before = await first.mcp('back-office');
    expect((await call(before, 'get_order', { order_id: 'O-5001' })).isError).toBe(false);
    await logSettled(product);
    const { home, ports } = product;
    expect(await product.stop()).toBe(0);
    await rm(join(home, 'data/gateway/spool'), { recursive: true });
    const lostAt = Math.floor(Date.now() / 1_000);
    product = await Product.start({ home, ports });
    await product.serving();
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    const answer = await call(office, 'get_order', { order_id: 'O-5001' });
    expect(answer.isError).toBe(false);
    const operator = await product.operator();
    await until('the record to be in the log', async () => {
      const { items } = await operator
        .call('actions.show', { params: { id: answer.atf.actionId ?? '' } })
        .catch(() => ({ items: [] }));
      return items.some(({ index }) => index !== undefined) ? true : undefined;
    });
    const { report, entries } = await readLog(product);
    expect(report).toMatchObject({ ok: true });
    expect(entries.filter(({ type }) => type === 'audit.gateway_forked')).toEqual([]);
    const epochs = entries.flatMap(({ source }) => ('epoch' in source ? [source.epoch] : []));
    // Above the clock at the loss: whatever was begun before it may still be on its way.
    expect(epochs.at(-1)).toBeGreaterThan(lostAt);
    expect(Math.min(...epochs)).toBeLessThanOrEqual(lostAt);
  });
});

describe('a gateway that enrolled for the server `files`', () => {
  let rogue: Rogue;
  let agent: McpAgent;
  beforeAll(async () => {
    rogue = await enrolRogue(['files']);
    agent = await product.agent('junior-support');
  });

  const asking = async (ref: string) => {
    const operator = await product.operator();
    const [server = '', name = ''] = ref.split('/');
    const { definitionDigest } = await operator.call('tools.show', { params: { server, name } });
    const argsText = canonicalJson({ order_id: 'O-5001', amount: 5 });
    return {
      actionId: randomUUID(),
      agentId: agent.credential.agentId,
      instanceId: agent.credential.instanceId,
      sid: agent.credential.sid,
      tool: ref,
      argsText,
      argsDigest: sha256(argsText),
      definitionDigest,
      class: 'write',
      because: 'it says so',
    };
  };

  it('does not say what another server offers, nor quarantines its tools by that', async () => {
    expect(await rogue.post('/v1/gateway/servers/back-office/discovery', { definitions: [] })).toEqual({
      status: 403,
      code: 'segmentation.server_not_carried',
    });
    expect(await rogue.post('/v1/gateway/servers/back-office/discovery', { fault: 'gone' })).toMatchObject({
      status: 403,
    });
    const operator = await product.operator();
    const { items } = await operator.call('servers.list');
    expect(items.find(({ name }) => name === 'back-office')?.fault).toBeUndefined();
  });

  it('asks nobody to approve calls of another server, and redeems none', async () => {
    const body = await asking('back-office/create_refund');
    expect(await rogue.post('/v1/gateway/approvals', body)).toMatchObject({
      code: 'segmentation.server_not_carried',
    });
    const office = await agent.mcp('back-office');
    const asked = await call(office, 'create_refund', {
      order_id: 'O-5001',
      amount: 5,
      currency: 'EUR',
      reason: 'broken',
    });
    const { approvalId } = asked.atf;
    expect(approvalId).toBeDefined();
    const redeem = { agentId: body.agentId, actionId: randomUUID() };
    expect(await rogue.post(`/v1/gateway/approvals/${approvalId}/redeem`, redeem)).toMatchObject({
      code: 'segmentation.server_not_carried',
    });
    const outcome = { actionId: redeem.actionId, outcome: { status: 'done' } };
    expect(await rogue.post(`/v1/gateway/approvals/${approvalId}/outcome`, outcome)).toMatchObject({
      code: 'segmentation.server_not_carried',
    });
    expect(
      await rogue.post('/v1/gateway/notifications', {
        actionId: randomUUID(),
        agentId: body.agentId,
        tool: 'back-office/create_refund',
        summary: 'all is well',
        because: 'trust me',
      }),
    ).toMatchObject({ code: 'segmentation.server_not_carried' });
  });

  it('asks for nothing that is not on the manifest of the agent, even of its own server', async () => {
    const operator = await product.operator();
    const { manifest } = await operator.call('agents.show', { params: { id: 'junior-support' } });
    const { items } = await operator.call('tools.list');
    const other = items.find(
      ({ server, name, state }) =>
        server === 'files' && state === 'active' && !manifest.tools.includes(`${server}/${name}`),
    );
    expect(other).toBeDefined();
    expect(await rogue.post('/v1/gateway/approvals', await asking(`files/${other?.name}`))).toMatchObject({
      code: 'segmentation.tool_not_granted',
    });
  });
});
