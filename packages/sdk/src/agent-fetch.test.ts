import { createHash } from 'node:crypto';
import type { Credential } from '@atf/core/wire/api';
import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, type JWK, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { agentFetch, unheardMs } from './agent-fetch.ts';
import { type AgentKey, dpopProof, exportAgentKey, generateAgentKey, importAgentKey } from './agent-key.ts';
import { enrolBearer, enrolInstance, renewCredential } from './enrol.ts';

const startMs = Date.parse('2026-11-20T12:00:00.000Z');
const gatewayUrl = 'http://localhost:7781';

function credential(token: string, expiresInMs: number, more: Partial<Credential> = {}): Credential {
  return {
    agentId: '6f1d6f57-1c0e-4a1b-9d2b-0a1b2c3d4e5f',
    agent: 'intern-analyst',
    instanceId: '7f1d6f57-1c0e-4a1b-9d2b-0a1b2c3d4e5f',
    sid: '8f1d6f57-1c0e-4a1b-9d2b-0a1b2c3d4e5f',
    token,
    tokenType: 'DPoP',
    expiresAt: new Date(startMs + expiresInMs).toISOString(),
    gatewayUrl,
    servers: ['files'],
    ...more,
  };
}

interface Sent {
  readonly url: string;
  readonly method: string | undefined;
  readonly headers: Headers;
}

function recorder(answer: (call: number) => Response = () => new Response('{}')) {
  const sent: Sent[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    sent.push({ url: String(input), method: init?.method, headers: new Headers(init?.headers) });
    return answer(sent.length);
  };
  return { sent, fetch };
}

async function verifyProof(proof: string) {
  const header = decodeProtectedHeader(proof);
  const { payload } = await jwtVerify(proof, await importJWK(header.jwk as JWK, 'ES256'), {
    typ: 'dpop+jwt',
    currentDate: new Date(startMs),
  });
  return { header, payload, thumbprint: await calculateJwkThumbprint(header.jwk as JWK) };
}

describe('the key of an instance', () => {
  it('signs proofs that bind method, address without query, time and token (RFC 9449 §4.2)', async () => {
    const key = await generateAgentKey();
    const proof = await dpopProof(key, {
      method: 'post',
      url: `${gatewayUrl}/mcp/files?x=1#y`,
      accessToken: 'the-token',
      nowMs: startMs,
    });
    const { header, payload, thumbprint } = await verifyProof(proof);
    expect(thumbprint).toBe(key.thumbprint);
    expect(header).toEqual({
      typ: 'dpop+jwt',
      alg: 'ES256',
      jwk: { kty: 'EC', crv: 'P-256', x: key.publicJwk.x, y: key.publicJwk.y },
    });
    expect(payload).toMatchObject({ htm: 'POST', htu: `${gatewayUrl}/mcp/files`, iat: startMs / 1000 });
    expect(payload.ath).toBe(createHash('sha256').update('the-token').digest('base64url'));
    expect(payload.jti).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('can be stored only when made so, and comes back as the same key that cannot be exported again', async () => {
    await expect(exportAgentKey(await generateAgentKey())).rejects.toThrow();
    const key = await generateAgentKey({ extractable: true });
    const stored = await exportAgentKey(key);
    const back = await importAgentKey(JSON.parse(JSON.stringify(stored)));
    expect(back.thumbprint).toBe(key.thumbprint);
    await expect(exportAgentKey(back)).rejects.toThrow();
    await expect(importAgentKey({ ...stored, d: undefined })).rejects.toThrow();
  });
});

describe('enrolment', () => {
  it('proves the key for the exact route, and sends no proof for a bearer', async () => {
    const key = await generateAgentKey();
    const { sent, fetch } = recorder(() => Response.json(credential('t1', 60_000)));
    const options = { controlUrl: 'http://localhost:7780/', fetch };
    await enrolInstance({ ...options, key, joinToken: 'j'.repeat(30) });
    await renewCredential({ ...options, key, instanceId: credential('t', 0).instanceId });
    await enrolBearer({ ...options, joinToken: 'j'.repeat(30) });
    const addresses = await Promise.all(
      sent.slice(0, 2).map(async ({ headers }) => {
        const claims = JSON.parse(
          Buffer.from(headers.get('dpop')?.split('.')[1] ?? '', 'base64url').toString(),
        ) as { htu: string; htm: string };
        return `${claims.htm} ${claims.htu}`;
      }),
    );
    expect(addresses).toEqual(['POST http://localhost:7780/v1/enrol', 'POST http://localhost:7780/v1/token']);
    expect(sent[2]?.headers.has('dpop')).toBe(false);
  });
});

describe('agentFetch', () => {
  const agent = async (
    options: {
      expiresInMs?: number;
      answer?: (call: number) => Response;
      renew?: (now: Credential) => Promise<Credential>;
    } = {},
  ) => {
    const key: AgentKey = await generateAgentKey();
    const clock = { ms: startMs };
    const { sent, fetch } = recorder(options.answer);
    const call = agentFetch({
      credential: credential('t1', options.expiresInMs ?? 600_000),
      key,
      fetch,
      nowMs: () => clock.ms,
      ...(options.renew === undefined ? {} : { renew: options.renew }),
    });
    return { call, sent, clock, key };
  };

  it('gives every request the token and a proof of its own, and keeps its other headers', async () => {
    const { call, sent, key } = await agent();
    for (let n = 0; n < 2; n++)
      await call(`${gatewayUrl}/mcp/files`, {
        method: 'POST',
        body: '{}',
        headers: { 'mcp-method': 'tools/call' },
      });
    const proofs = await Promise.all(sent.map(({ headers }) => verifyProof(headers.get('dpop') ?? '')));
    expect(sent.map(({ headers }) => headers.get('authorization'))).toEqual(['DPoP t1', 'DPoP t1']);
    expect(sent[0]?.headers.get('mcp-method')).toBe('tools/call');
    expect(proofs.map(({ thumbprint }) => thumbprint)).toEqual([key.thumbprint, key.thumbprint]);
    expect(new Set(proofs.map(({ payload }) => payload.jti)).size).toBe(2);
  });

  it('never sends the token to another origin', async () => {
    const { call, sent } = await agent();
    await expect(call('http://localhost:9999/mcp/files')).rejects.toThrow(TypeError);
    expect(sent).toEqual([]);
  });

  it('renews before expiry, once for all who wait', async () => {
    let renewals = 0;
    const { call, sent, clock } = await agent({
      renew: async () => {
        renewals++;
        return credential(`t${renewals + 1}`, 1_200_000);
      },
    });
    await call(`${gatewayUrl}/mcp/files`);
    clock.ms = startMs + 560_000;
    await Promise.all(Array.from({ length: 5 }, () => call(`${gatewayUrl}/mcp/files`)));
    expect(renewals).toBe(1);
    expect(sent.map(({ headers }) => headers.get('authorization'))).toEqual([
      'DPoP t1',
      ...Array.from({ length: 5 }, () => 'DPoP t2'),
    ]);
    expect(call.credential().token).toBe('t2');
  });

  it('keeps using a token that still lives when renewal fails, and fails once it has expired', async () => {
    const { call, sent, clock } = await agent({ renew: () => Promise.reject(new Error('control is down')) });
    clock.ms = startMs + 599_000;
    await call(`${gatewayUrl}/mcp/files`);
    clock.ms = startMs + 600_000;
    await expect(call(`${gatewayUrl}/mcp/files`)).rejects.toThrow('control is down');
    expect(sent.length).toBe(1);
  });

  it('repeats a request that was refused unread for an expired token, once, and no other refusal', async () => {
    const refused = (code: string) => {
      const body = JSON.stringify({ code });
      return new Response(body, { status: 401, headers: { 'content-length': String(body.length) } });
    };
    const expired = await agent({
      answer: (n) => (n === 1 ? refused('identity.credential_expired') : new Response('{}')),
      renew: async () => credential('t2', 900_000),
    });
    expect((await expired.call(`${gatewayUrl}/mcp/files`, { method: 'POST', body: '{}' })).status).toBe(200);
    expect(expired.sent.map(({ headers }) => headers.get('authorization'))).toEqual(['DPoP t1', 'DPoP t2']);
    // Issued before the clocks were set back.
    const future = await agent({
      answer: (n) => (n === 1 ? refused('identity.credential_invalid') : new Response('{}')),
      renew: async () => credential('t2', 900_000),
    });
    expect((await future.call(`${gatewayUrl}/mcp/files`, { method: 'POST', body: '{}' })).status).toBe(200);
    const always = await agent({
      answer: () => refused('identity.credential_expired'),
      renew: async () => credential('t2', 900_000),
    });
    expect((await always.call(`${gatewayUrl}/mcp/files`, { method: 'POST', body: '{}' })).status).toBe(401);
    expect(always.sent.length).toBe(2);
    const revoked = await agent({
      answer: () => refused('identity.credential_revoked'),
      renew: async () => credential('t2', 900_000),
    });
    expect((await revoked.call(`${gatewayUrl}/mcp/files`, { method: 'POST', body: '{}' })).status).toBe(401);
    expect(revoked.sent.length).toBe(1);
  });

  const told = (status: number, said: object) => {
    const body = JSON.stringify(said);
    return new Response(body, { status, headers: { 'content-length': String(body.length) } });
  };
  /** One message, answered like this so many times, and well after them. */
  const sentWhile = async (
    answer: () => Response,
    times: number,
    body: RequestInit['body'] = '{}',
    path = '/mcp/files',
  ) => {
    const clock = { ms: startMs };
    const { sent, fetch } = recorder((n) => (n <= times ? answer() : new Response('{}')));
    const pause = (ms: number) => {
      clock.ms += ms;
      return Promise.resolve();
    };
    const key = await generateAgentKey();
    const call = agentFetch({
      credential: credential('t1', 600_000),
      key,
      fetch,
      nowMs: () => clock.ms,
      pause,
    });
    const { status } = await call(`${gatewayUrl}${path}`, { method: 'POST', body });
    return { status, attempts: sent.length, tookMs: clock.ms - startMs };
  };

  it('waits for the news of a fresh enrolment to reach the gateway, but not for that of a revoked one', async () => {
    const unknown = () => told(401, { code: 'identity.instance_unknown' });
    expect(await sentWhile(unknown, 3)).toEqual({ status: 200, attempts: 4, tookMs: 350 });
    const never = await sentWhile(unknown, Number.POSITIVE_INFINITY);
    expect(never.status).toBe(401);
    expect(never.tookMs).toBeLessThan(3_500);
  });

  it('waits for a gateway that has not heard from control, with what nobody has read, and not for ever', async () => {
    const stale = { code: 'containment.feed_stale' };
    const message = () =>
      told(503, { jsonrpc: '2.0', id: 1, error: { code: -32_000, message: 'no', data: stale } });
    expect(await sentWhile(message, 3)).toEqual({ status: 200, attempts: 4, tookMs: 350 });
    const never = await sentWhile(message, Number.POSITIVE_INFINITY);
    expect(never.status).toBe(503);
    expect(never.tookMs).toBeLessThan(unheardMs + 500);
    expect(await sentWhile(() => told(503, stale), 3, '{}', '/v1/actions')).toEqual({
      status: 200,
      attempts: 4,
      tookMs: 350,
    });
    // Elsewhere, what was cut half-way is refused like this; and what was sent as a stream is gone.
    const once = { status: 503, attempts: 1, tookMs: 0 };
    expect(await sentWhile(message, 3, '{}', '/http/files')).toEqual(once);
    // A report may have been taken: whoever sends it again has to know that.
    expect(await sentWhile(message, 3, '{}', '/v1/actions/1/outcome')).toEqual(once);
    expect(await sentWhile(message, 3, new Blob(['{}']).stream())).toEqual(once);
  });

  it('sends a bearer token plainly, and wants a key for anything else', async () => {
    const { sent, fetch } = recorder();
    await agentFetch({
      credential: credential('b1', 60_000, { tokenType: 'Bearer' }),
      fetch,
      nowMs: () => startMs,
    })(`${gatewayUrl}/mcp/files`);
    expect(sent[0]?.headers.get('authorization')).toBe('Bearer b1');
    expect(sent[0]?.headers.has('dpop')).toBe(false);
    expect(() => agentFetch({ credential: credential('t', 60_000), fetch })).toThrow(TypeError);
  });
});
