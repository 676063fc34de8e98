/**
 * The gateway as an OAuth resource server, as an MCP client meets it: 401 with challenges, metadata (RFC 9728), audience (RFC 8707). What becomes of
 * a bearer token whose agent could do more with a key stands in gateway.test.ts: nobody is promoted here.
 */
import { enrolInstance, renewCredential } from '@atf/sdk/enrol';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { type AgentKey, generateAgentKey } from '@atf/sdk/agent-key';
import type { Credential } from '@atf/core/wire/api';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approve, call, Product, until } from './product.ts';

let product: Product;
let gatewayUrl: string;
beforeAll(async () => {
  product = await Product.start();
  ({ gatewayUrl } = product.ready);
});
afterAll(async () => product.remove());

const wellKnown = '/.well-known/oauth-protected-resource';
const elder = {
  body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  headers: { 'mcp-protocol-version': '2025-11-25' },
};
const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
const modern = {
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: modernMeta } }),
  headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' },
};
type Message = { body: string; headers: Record<string, string> };

async function post(
  send: (input: string, init: RequestInit) => Promise<Response>,
  server: string,
  { body, headers }: Message,
  more: Record<string, string> = {},
) {
  const response = await send(`${gatewayUrl}/mcp/${server}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers, ...more },
  });
  const text = await response.text();
  const said = JSON.parse(text) as { error?: { data?: { code?: string } } };
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    code: said.error?.data?.code,
  };
}

describe('a request without a credential', () => {
  it.each<[string, Message]>([
    ['2025-11-25', elder],
    ['2026-07-28', modern],
    [
      'an initialize of 2025-11-25',
      { ...elder, body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}' },
    ],
  ])('of %s is told where to go', async (_era, message) => {
    const metadata = `${gatewayUrl}${wellKnown}/mcp/back-office`;
    expect(await post(fetch, 'back-office', message)).toEqual({
      status: 401,
      code: 'identity.credential_missing',
      challenge:
        `Bearer resource_metadata="${metadata}", scope="atf:read", ` +
        `DPoP algs="ES256", resource_metadata="${metadata}", scope="atf:read atf:act"`,
    });
    const answer = await fetch(metadata);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await answer.json()).toMatchObject({
      resource: `${gatewayUrl}/mcp/back-office`,
      authorization_servers: [product.ready.controlUrl],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: ['ES256'],
    });
  });

  it('learns neither which tool servers there are nor gets anything of its own into a header', async () => {
    const of = async (path: string) => {
      const answer = await fetch(`${gatewayUrl}${wellKnown}${path}`);
      return { status: answer.status, resource: ((await answer.json()) as { resource?: string }).resource };
    };
    expect(await of('')).toEqual({ status: 200, resource: gatewayUrl });
    expect(await of('/mcp/no-such-server')).toEqual({
      status: 200,
      resource: `${gatewayUrl}/mcp/no-such-server`,
    });
    for (const path of ['/mcp/', '/mcp/UPPER', '/mcp/a%22b', '/mcp/a/b', '/other', 'x'])
      expect((await of(path)).status, path).toBe(404);
    const odd = await fetch(`${gatewayUrl}/mcp/a%22,%20Basic%20realm=%22x`, { method: 'POST', body: '{}' });
    expect(odd.headers.get('www-authenticate')).not.toContain('Basic');
    expect((await post(fetch, 'no-such-server', elder)).code).toBe('identity.credential_missing');
  });

  it('is told which scheme failed, and how', async () => {
    const failed = async (authorization: string) =>
      (await post(fetch, 'back-office', elder, { authorization })).challenge;
    const junk = 'x'.repeat(40);
    expect(await failed(`Bearer ${junk}`)).toMatch(/^Bearer [^D]*error="invalid_token", DPoP (?!.*error)/);
    expect(await failed(`DPoP ${junk}`)).toMatch(/^Bearer (?!.*error.*DPoP).*DPoP .*error="invalid_token"$/);
    const { credential } = await product.agent('intern-analyst');
    expect(await failed(`DPoP ${credential.token}`)).toMatch(/DPoP .*error="invalid_dpop_proof"$/);
    // A bound token does not become a bearer token by being called one.
    expect(
      await post(fetch, 'back-office', elder, { authorization: `Bearer ${credential.token}` }),
    ).toMatchObject({
      status: 401,
      code: 'identity.proof_invalid',
    });
  });
});

describe('a token for one resource', () => {
  const joined = async (name = 'intern-analyst') => {
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: name } });
    return (await operator.call('agents.joinToken', { params: { id } })).joinToken;
  };
  const governed = (credential: Credential, key: AgentKey) => agentFetch({ credential, key });

  it('is taken there and nowhere else, and narrowing is not lost by renewing', async () => {
    const { controlUrl } = product.ready;
    const key = await generateAgentKey();
    const resource = `${gatewayUrl}/mcp/files`;
    const narrow = await enrolInstance({ controlUrl, joinToken: await joined(), key, resource });
    const aud = JSON.parse(Buffer.from(narrow.token.split('.')[1] ?? '', 'base64url').toString()) as object;
    expect(aud).toMatchObject({ aud: resource });
    for (const message of [elder, modern]) {
      expect((await post(governed(narrow, key), 'files', message)).status).toBe(200);
      const elsewhere = await post(governed(narrow, key), 'back-office', message);
      expect(elsewhere).toMatchObject({ status: 401, code: 'identity.audience_mismatch' });
      expect(elsewhere.challenge).toMatch(/DPoP .*error="invalid_token"$/);
    }
    const { instanceId } = narrow;
    const renewed = await renewCredential({ controlUrl, key, instanceId, resource });
    expect((await post(governed(renewed, key), 'back-office', elder)).status).toBe(401);
    const whole = await renewCredential({ controlUrl, key, instanceId });
    expect((await post(governed(whole, key), 'back-office', elder)).status).toBe(200);
  });

  it('gets no call of another tool server released, nor told its result, by an approval', async () => {
    const approver = await product.signIn('paula.reyes@example.com');
    const office = await (await product.agent('junior-support')).mcp('back-office');
    const refund = { order_id: 'O-5001', amount: 12, currency: 'EUR', reason: 'arrived broken' };
    const { approvalId = '' } = (await call(office, 'create_refund', refund)).atf;
    await approve(approver, approvalId);

    const key = await generateAgentKey();
    const resource = `${gatewayUrl}/mcp/files`;
    const joinToken = await joined('junior-support');
    const narrow = await enrolInstance({ controlUrl: product.ready.controlUrl, joinToken, key, resource });
    const files = new Client({ name: 'e2e', version: '1.0.0' });
    await files.connect(
      new StreamableHTTPClientTransport(new URL(resource), { fetch: governed(narrow, key) }),
    );
    const asked = async () => (await call(files, 'atf_approval_result', { approvalId })).atf.code;
    expect(await asked()).toBe('approvals.not_found');
    expect((await call(files, 'atf_approval_result', {})).text).not.toContain(approvalId);
    const released = await until('the call to be released at its own address', async () => {
      const answer = await call(office, 'atf_approval_result', { approvalId });
      return answer.isError ? undefined : answer;
    });
    expect(released.text).toContain('O-5001');
    expect(await asked()).toBe('approvals.not_found');
  });

  it('is not issued for addresses that are not this gateway', async () => {
    const { controlUrl } = product.ready;
    for (const resource of [
      'https://evil.example',
      `${gatewayUrl.replace('://', '://evil.example.')}/mcp/files`,
      `${gatewayUrl}/mcp/files/../x`,
      `${gatewayUrl}/mcp/`,
      `${gatewayUrl}/other`,
    ]) {
      const enrolled = enrolInstance({
        controlUrl,
        joinToken: await joined(),
        key: await generateAgentKey(),
        resource,
      });
      await expect(enrolled, resource).rejects.toMatchObject({ code: 'identity.resource_unknown' });
    }
  });
});
