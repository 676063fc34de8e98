/** What a malicious agent or client tries at the gateway's door. Nothing is executed, nothing is lost, and every answer is clear. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dpopProof, generateAgentKey } from '@atf/sdk/agent-key';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type McpAgent, Product } from './product.ts';

let product: Product;
let agent: McpAgent;
let url: string;

beforeAll(async () => {
  product = await Product.start();
  agent = await product.agent('principal-operations');
  url = `${agent.credential.gatewayUrl}/mcp/back-office`;
});
afterAll(async () => product.remove());

const effects = async () =>
  (await readFile(join(product.dataDir, 'back-office/effects.log'), 'utf8').catch(() => '')).split('\n')
    .length;
const headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
};
const callBody = (args = '{"order_id":"O-5001","status":"shipped"}') =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"update_order_status","arguments":${args}}}`;

async function post(
  body: string | Uint8Array,
  more: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const response = await agent.fetch(url, { method: 'POST', body, headers: { ...headers, ...more } });
  return { status: response.status, text: await response.text() };
}

describe('bodies', () => {
  const cases: [string, string | Uint8Array][] = [
    ['malformed JSON', '{"jsonrpc":"2.0","id":1,'],
    ['an empty body', ''],
    ['a batch', `[${callBody()},${callBody()}]`],
    ['duplicate keys at the top', callBody().replace('"id":1', '"id":1,"method":"tools/list"')],
    [
      'duplicate keys in the arguments',
      callBody('{"order_id":"O-5001","status":"shipped","status":"cancelled"}'),
    ],
    [
      '__proto__ in the arguments',
      callBody('{"order_id":"O-5001","status":"shipped","__proto__":{"status":"cancelled"}}'),
    ],
    ['deep nesting', callBody(`${'['.repeat(5_000)}${']'.repeat(5_000)}`)],
    ['an integer that rounds', callBody('{"order_id":"O-5001","status":"shipped","n":9007199254740993}')],
    ['invalid UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)],
    ['ten megabytes', callBody(`"${'x'.repeat(10 * 1_048_576)}"`)],
    ['a response instead of a request', '{"jsonrpc":"2.0","id":1,"result":{}}'],
    ['another JSON-RPC version', callBody().replace('"2.0"', '"1.0"')],
  ];
  it.each(cases)('%s is refused and nothing runs', async (_what, body) => {
    const before = await effects();
    // Only a body that is too large may end with the connection: whoever sends on is not listened to.
    const answer = await post(body).catch((error: Error) => {
      if (body.length < 1_048_576) throw error;
      return { status: 413, text: '"error": connection closed' };
    });
    expect(answer.status).toBeLessThan(500);
    expect(answer.text).toMatch(/"isError":true|"error"|"code":"request\./);
    expect(answer.text).not.toMatch(/at \w+ \(|node:internal|\/packages\//);
    expect(await effects()).toBe(before);
  });

  it('headers that name another method or tool than the body are refused (2026-07-28)', async () => {
    const before = await effects();
    const answer = await post(callBody(), {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/list',
      'mcp-name': 'get_order',
    });
    expect(answer.text).toMatch(/error/);
    expect(await effects()).toBe(before);
  });

  it('an argument that the schema does not know, or a tool name with tricks, is refused', async () => {
    const office = await agent.mcp('back-office');
    expect(
      (
        await call(office, 'update_order_status', {
          order_id: 'O-5001',
          status: 'shipped',
          __entity: { type: 'ATF::Tool', id: 'x' },
        })
      ).isError,
    ).toBe(true);
    for (const name of [
      '../files/read_text_file',
      'update_order_status\u0000',
      'UPDATE_ORDER_STATUS',
      'constructor',
      'toString',
    ]) {
      const answer = await call(office, name, {}).catch((error: Error) => ({
        isError: true,
        text: error.message,
      }));
      expect(answer.isError, name).toBe(true);
    }
  });
});

describe('credentials', () => {
  const send = async (authorization: string | undefined, dpop: string | undefined) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        ...(authorization === undefined ? {} : { authorization }),
        ...(dpop === undefined ? {} : { dpop }),
      },
      body: callBody(),
    });
    return { status: response.status, text: await response.text() };
  };
  const proof = (more: Partial<Parameters<typeof dpopProof>[1]> = {}) =>
    dpopProof(agent.key, { method: 'POST', url, accessToken: agent.credential.token, ...more });

  it('none, forged, stolen, replayed, or for another request: all refused, nothing runs', async () => {
    const before = await effects();
    const { token } = agent.credential;
    const [head, claims, signature] = token.split('.') as [string, string, string];
    const bent = {
      ...(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object),
      jti: randomUUID(),
    };
    const forged = `${head}.${Buffer.from(JSON.stringify(bent)).toString('base64url')}.${signature}`;
    const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${claims}.`;
    const thief = await generateAgentKey();
    const replayed = await proof();
    expect((await send(`DPoP ${token}`, replayed)).status).toBe(200);
    const after = await effects();
    const attempts: [string, string | undefined, string | undefined][] = [
      ['none', undefined, undefined],
      ['no proof', `DPoP ${token}`, undefined],
      ['bound token sent as bearer', `Bearer ${token}`, undefined],
      ['replayed proof', `DPoP ${token}`, replayed],
      ['forged claims', `DPoP ${forged}`, await proof({ accessToken: forged })],
      ['unsigned token', `DPoP ${unsigned}`, await proof({ accessToken: unsigned })],
      [
        "another key's proof",
        `DPoP ${token}`,
        await dpopProof(thief, { method: 'POST', url, accessToken: token }),
      ],
      ['proof for another method', `DPoP ${token}`, await proof({ method: 'GET' })],
      [
        'proof for another address',
        `DPoP ${token}`,
        await proof({ url: url.replace('back-office', 'files') }),
      ],
      ['proof for another token', `DPoP ${token}`, await proof({ accessToken: 'other' })],
      ['proof of last year', `DPoP ${token}`, await proof({ nowMs: Date.now() - 3_600_000 })],
      ['proof from the future', `DPoP ${token}`, await proof({ nowMs: Date.now() + 3_600_000 })],
      ['token with padding', `DPoP ${token}=`, await proof({ accessToken: `${token}=` })],
      ['a hash', `DPoP ${createHash('sha256').update(token).digest('hex')}`, await proof()],
    ];
    for (const [what, authorization, dpop] of attempts) {
      const answer = await send(authorization, dpop);
      expect([401, 429], `${what}: ${answer.status} ${answer.text.slice(0, 200)}`).toContain(answer.status);
    }
    expect(after).toBeGreaterThan(before);
    expect(await effects()).toBe(after);
  });

  it('another Host is refused (DNS rebinding)', async () => {
    const { hostname, port } = new URL(url);
    const { request } = await import('node:http');
    const status = await new Promise<number>((done, fail) => {
      const sent = request(
        {
          hostname,
          port,
          method: 'POST',
          path: '/mcp/back-office',
          headers: { host: 'evil.example', 'content-length': 0 },
        },
        (response) => {
          response.resume();
          done(response.statusCode ?? 0);
        },
      );
      sent.on('error', fail);
      sent.end();
    });
    expect([400, 401, 403, 421]).toContain(status);
  });
});

describe('after all that', () => {
  it('the gateway still serves', async () => {
    const office = await agent.mcp('back-office');
    expect((await call(office, 'get_order', { order_id: 'O-5001' })).isError).toBe(false);
  });
});
