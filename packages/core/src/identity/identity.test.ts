import { createPrivateKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../digest.ts';
import type { JsonObject } from '../wire/json.ts';
import { type AccessTokenClaims, spiffeId } from '../wire/token.ts';
import { isAudience, signAccessToken, tokenKeys, verifyAccessToken } from './access-token.ts';
import { base64urlBytes } from './base64url.ts';
import { signingInput } from './compact-jws.ts';
import { dpopAgeMsMax, dpopAheadMsMax, jwkThumbprint, verifyDpopProof } from './dpop.ts';

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = pair.publicKey.export({ format: 'jwk' }) as { kty: 'EC'; crv: 'P-256'; x: string; y: string };
const es256 = (data: string, key = pair.privateKey) =>
  sign('sha256', Buffer.from(data), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
const token = (header: JsonObject, payload: JsonObject, key = pair.privateKey) => {
  const input = signingInput(header, payload);
  return `${input}.${es256(input, key)}`;
};

const nowMs = 1_800_000_000_000;
const url = 'https://gateway.example/mcp/files';
const header: JsonObject = { typ: 'dpop+jwt', alg: 'ES256', jwk: { ...jwk } };
const payload: JsonObject = { jti: 'abcdefghijklmnop', htm: 'POST', htu: url, iat: nowMs / 1000 };
const check = (proof: string, more: { accessToken?: string; url?: string; method?: string } = {}) =>
  verifyDpopProof({ proof, method: 'POST', url, nowMs, ...more });

describe('strict base64url', () => {
  it.each(['AA==', 'A', 'AB', 'A A', 'AA+', 'AA/', 'A\n'])('refuses %j', (text) => {
    expect(base64urlBytes(text)).toBeUndefined();
  });
  it('accepts the canonical spelling', () => expect(base64urlBytes('AA')).toEqual(Buffer.from([0])));
});

describe('DPoP proof (RFC 9449 §4.3)', () => {
  it('accepts a fresh proof and names key, jti and time', () => {
    expect(check(token(header, payload))).toEqual({
      ok: true,
      jkt: jwkThumbprint(jwk),
      jti: payload['jti'],
      iat: nowMs / 1000,
      jwk,
    });
  });

  it('has the thumbprint of RFC 7638', () => {
    const expected = sha256(`{"crv":"P-256","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`);
    expect(jwkThumbprint(jwk)).toBe(expected);
  });

  it('ignores query and fragment, letter case of the host and the default port', () => {
    const htu = 'https://GATEWAY.example:443/mcp/files?a=1#b';
    expect(check(token(header, { ...payload, htu })).ok).toBe(true);
    expect(check(token(header, payload), { url: `${url}?cursor=2` }).ok).toBe(true);
  });

  const accessToken = 'a.b.c';
  it('wants ath exactly when an access token comes along', () => {
    expect(check(token(header, { ...payload, ath: sha256(accessToken) }), { accessToken }).ok).toBe(true);
    expect(check(token(header, payload), { accessToken }).ok).toBe(false);
    expect(check(token(header, { ...payload, ath: sha256('other') }), { accessToken }).ok).toBe(false);
    expect(check(token(header, { ...payload, ath: sha256(accessToken) })).ok).toBe(false);
  });

  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateJwk = pair.privateKey.export({ format: 'jwk' }) as JsonObject;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({
    format: 'jwk',
  }) as JsonObject;
  const good = token(header, payload);
  const [h = '', p = '', s = ''] = good.split('.');
  const flipped = Buffer.from(s, 'base64url');
  flipped[5] = (flipped[5] ?? 0) ^ 1;
  it.each<[string, string]>([
    ['nothing', ''],
    ['two parts', `${h}.${p}`],
    ['four parts', `${good}.AA`],
    ['padding', `${h}.${p}.${s}==`],
    ['a changed signature', `${h}.${p}.${flipped.toString('base64url')}`],
    [
      'a changed payload',
      `${h}.${Buffer.from(JSON.stringify({ ...payload, htm: 'GET' })).toString('base64url')}.${s}`,
    ],
    [
      'a DER signature',
      `${h}.${p}.${sign('sha256', Buffer.from(`${h}.${p}`), pair.privateKey).toString('base64url')}`,
    ],
    ['another key', token(header, payload, other.privateKey)],
    ['alg none', token({ ...header, alg: 'none' }, payload)],
    ['alg HS256', token({ ...header, alg: 'HS256' }, payload)],
    ['another type', token({ ...header, typ: 'at+jwt' }, payload)],
    ['a critical extension', token({ ...header, crit: ['b64'], b64: false }, payload)],
    ['a private key in jwk', token({ ...header, jwk: privateJwk }, payload)],
    ['another curve', token({ ...header, jwk: p384 }, payload)],
    ['a point off the curve', token({ ...header, jwk: { ...jwk, y: jwk.x } }, payload)],
    ['no jwk', token({ typ: 'dpop+jwt', alg: 'ES256' }, payload)],
    ['another method', token(header, { ...payload, htm: 'GET' })],
    ['another address', token(header, { ...payload, htu: 'https://gateway.example/mcp/other' })],
    ['another scheme', token(header, { ...payload, htu: 'http://gateway.example/mcp/files' })],
    ['credentials in the address', token(header, { ...payload, htu: 'https://a@gateway.example/mcp/files' })],
    ['no address', token(header, { jti: 'abcdefghijklmnop', htm: 'POST', iat: nowMs / 1000 })],
    ['an old proof', token(header, { ...payload, iat: (nowMs - dpopAgeMsMax) / 1000 - 1 })],
    ['a proof from the future', token(header, { ...payload, iat: (nowMs + dpopAheadMsMax) / 1000 + 1 })],
    ['a fraction of a second', token(header, { ...payload, iat: nowMs / 1000 + 0.5 })],
    ['time as text', token(header, { ...payload, iat: String(nowMs / 1000) })],
    ['a short jti', token(header, { ...payload, jti: 'abc' })],
    ['a jti with a line break', token(header, { ...payload, jti: 'abcdefghijkl\nmnop' })],
    ['a proof beyond the bound', token(header, { ...payload, pad: 'x'.repeat(5_000) })],
  ])('refuses %s', (_name, proof) => {
    const verdict = check(proof);
    expect(verdict.ok).toBe(false);
    if (!verdict.ok) expect(verdict.refusal.code).toBe('identity.proof_invalid');
  });

  it('refuses duplicate keys in header and payload', () => {
    const raw = (head: string, body: string) => {
      const input = `${Buffer.from(head).toString('base64url')}.${Buffer.from(body).toString('base64url')}`;
      return `${input}.${es256(input)}`;
    };
    const head = JSON.stringify(header);
    const body = JSON.stringify(payload);
    expect(check(raw(head, body)).ok).toBe(true);
    expect(check(raw(head.replace('{', '{"alg":"none",'), body)).ok).toBe(false);
    expect(check(raw(head, body.replace('{', '{"htm":"GET",'))).ok).toBe(false);
  });

  it('remembers only keys whose signature fitted', () => {
    const keys = new Map();
    verifyDpopProof({ proof: token(header, payload, other.privateKey), method: 'POST', url, nowMs, keys });
    expect(keys.size).toBe(0);
    verifyDpopProof({ proof: good, method: 'POST', url, nowMs, keys });
    expect([...keys.keys()]).toEqual([jwkThumbprint(jwk)]);
    expect(verifyDpopProof({ proof: good, method: 'POST', url, nowMs, keys }).ok).toBe(true);
  });
});

describe('access token (RFC 9068)', () => {
  const issuer = 'https://control.example';
  const gateway = 'https://gateway.example';
  const agent = randomUUID();
  const inst = randomUUID();
  const claims: AccessTokenClaims = {
    iss: issuer,
    sub: spiffeId('example.org', agent, inst),
    aud: gateway,
    iat: nowMs / 1000,
    exp: nowMs / 1000 + 300,
    jti: randomUUID(),
    tenant: 'default',
    agent,
    inst,
    sid: randomUUID(),
    ver: sha256('manifest'),
    cep: 0,
    assurance: 'claimed',
    cnf: { jkt: jwkThumbprint(jwk) },
  };
  const keys = tokenKeys({ keys: [{ kid: 'k1', ...jwk }] });
  const head: JsonObject = { alg: 'ES256', typ: 'at+jwt', kid: 'k1' };
  const made = (more: JsonObject = {}, top: JsonObject = head) =>
    token(top, { ...(claims as unknown as JsonObject), ...more });
  const codeOf = (text: string, atMs = nowMs) => {
    const verdict = verifyAccessToken(text, keys, atMs, issuer);
    return verdict.ok ? 'ok' : verdict.refusal.code;
  };

  it('verifies what signAccessToken wrote, also when the key rotates between', () => {
    const signer = (data: Uint8Array) => ({
      kid: 'k1',
      signature: Buffer.from(es256(Buffer.from(data).toString()), 'base64url'),
    });
    for (const firstKid of ['k1', 'k0']) {
      const verdict = verifyAccessToken(signAccessToken(claims, firstKid, signer), keys, nowMs, issuer);
      expect(verdict).toEqual({ ok: true, claims });
    }
  });

  it('expires to the millisecond', () => {
    expect(codeOf(made(), claims.exp * 1000 - 1)).toBe('ok');
    expect(codeOf(made(), claims.exp * 1000)).toBe('identity.credential_expired');
  });

  it.each<[string, string]>([
    ['an unknown kid', made({}, { ...head, kid: 'k2' })],
    ['no kid', made({}, { alg: 'ES256', typ: 'at+jwt' })],
    ['a DPoP proof', token(header, claims as unknown as JsonObject)],
    ['alg none', made({}, { ...head, alg: 'none' })],
    ['another issuer', made({ iss: 'https://other.example' })],
    ['an audience that is no address', made({ aud: 'other' })],
    ['audience as a list', made({ aud: [gateway] })],
    ['the subject of another instance', made({ sub: spiffeId('example.org', agent, randomUUID()) })],
    ['no session', made({ sid: null })],
    ['an endless token', made({ exp: claims.iat + 10_000_000 })],
    ['a token that ends before it begins', made({ exp: claims.iat - 1 })],
    ['a token from the future', made({ iat: claims.iat + 100 })],
    ['a negative epoch', made({ cep: -1 })],
  ])('refuses %s', (_name, text) => expect(codeOf(text)).toBe('identity.credential_invalid'));

  it.each([
    [gateway, true],
    [`${gateway}/mcp/crm`, true],
    [`${gateway}/mcp/crm/`, false],
    [`${gateway}/mcp/crm2`, false],
    [`${gateway}/mcp`, false],
    [`${gateway}/`, false],
    [`${gateway}.evil.example`, false],
    ['https://other.example', false],
    ['https://other.example/mcp/crm', false],
  ])('a token for %s is taken at one endpoint: %s', (audience, taken) => {
    expect(isAudience(audience, gateway, '/mcp/crm')).toBe(taken);
  });

  it.each([
    ['/http/crm', '/http/crm/deals/7', true],
    ['/http/crm', '/http/crm/', true],
    ['/http/crm', '/http/crm2/deals', false],
    ['/http/crm', '/http/crm%2f/deals', false],
    ['/http/crm', '/mcp/crm', false],
    ['/mcp/crm', '/http/crm/deals', false],
    ['/mcp/crm', '/mcp/crm/deals', false],
    ['/http/crm/deals', '/http/crm/deals', false],
  ])('a token for %s at %s: %s', (endpoint, path, taken) => {
    expect(isAudience(`${gateway}${endpoint}`, gateway, path)).toBe(taken);
  });

  it('refuses a token signed by another key under a known kid', () => {
    const other = createPrivateKey(
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
    );
    expect(codeOf(token(head, claims as unknown as JsonObject, other))).toBe('identity.credential_invalid');
  });
});
