import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { tokenKeys, verifyAccessToken } from '@atf/core/identity/access-token';
import { signingInput } from '@atf/core/identity/compact-jws';
import { jwkThumbprint } from '@atf/core/identity/dpop';
import type { Agent, Credential, Person } from '@atf/core/wire/api';
import type { JsonObject } from '@atf/core/wire/json';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor, Call } from '../context.ts';
import { putContainment } from '../incident/store.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { bootstrapLevel } from './agents.ts';
import { identityRoutes } from './routes.ts';

let control: TestControl;
let operator: Person;
let owner: Person;
let technical: Person;
let business: Person;
let stranger: Person;
beforeAll(async () => {
  control = await testControl();
  operator = await control.person('Olga Operator', ['operator']);
  owner = await control.person('Ines Owner', ['agent_owner']);
  technical = await control.person('Tomas Technical', ['technical_owner']);
  business = await control.person('Grace Business', ['business_owner']);
  stranger = await control.person('Sam Stranger', ['agent_owner']);
});
afterAll(() => control.close());

const manifest = (name: string, more: Record<string, unknown> = {}) =>
  JSON.stringify({
    name,
    version: '1.0.0',
    owner: owner.email,
    technicalOwner: technical.id,
    businessOwner: business.email.toUpperCase(),
    purpose: 'answers customers',
    domain: 'support',
    dataDomains: ['orders'],
    capabilities: ['read orders'],
    tools: ['shop/read', 'mail/send'],
    mayStop: [operator.email],
    escalation: business.id,
    model: { provider: 'p', name: 'm' },
    ...more,
  });

type Op = keyof typeof identityRoutes;
function call<K extends Op>(
  key: K,
  actor: Actor,
  more: { params?: unknown; query?: unknown; body?: unknown; headers?: Record<string, string> } = {},
) {
  const given = {
    params: undefined,
    query: {},
    body: undefined,
    headers: {},
    setHeader: () => undefined,
    ...more,
    actor,
  };
  return identityRoutes[key](control, given as unknown as Call<K>);
}
const register = (text: string, by: Person = owner) =>
  call('agents.register', control.as(by), { body: { manifest: text, format: 'json' } });

interface Key {
  readonly privateKey: KeyObject;
  readonly jwk: { kty: 'EC'; crv: 'P-256'; x: string; y: string };
}
function newKey(): Key {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey: pair.privateKey, jwk: pair.publicKey.export({ format: 'jwk' }) as Key['jwk'] };
}
function proofOf(key: Key, path: string, more: JsonObject = {}): string {
  const payload = {
    jti: randomUUID(),
    htm: 'POST',
    htu: `http://localhost:7780${path}`,
    iat: Math.floor(control.clock.nowMs() / 1000),
    ...more,
  };
  const input = signingInput({ typ: 'dpop+jwt', alg: 'ES256', jwk: { ...key.jwk } }, payload);
  const signature = sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
async function joinToken(agent: Agent, by: Person = operator): Promise<string> {
  return (await call('agents.joinToken', control.as(by), { params: { id: agent.id } })).joinToken;
}
const enrolWith = (token: string, key: Key, more: { proof?: string; bearer?: boolean } = {}) =>
  call(
    'instances.enrol',
    { kind: 'public' },
    {
      body: { joinToken: token, ...(more.bearer === undefined ? {} : { bearer: more.bearer }) },
      headers: more.bearer === true ? {} : { dpop: more.proof ?? proofOf(key, '/v1/enrol') },
    },
  );
const renewWith = (credential: Credential, key: Key, newSession?: boolean) =>
  call(
    'instances.token',
    { kind: 'instance', instanceId: credential.instanceId, jkt: jwkThumbprint(key.jwk) },
    {
      body: { instanceId: credential.instanceId, ...(newSession === undefined ? {} : { newSession }) },
    },
  );
const claimsOf = (credential: Credential) => {
  const verdict = verifyAccessToken(
    credential.token,
    tokenKeys(control.keys.publicJwks()),
    control.clock.nowMs(),
    'http://localhost:7780',
  );
  if (!verdict.ok) throw new Error(verdict.refusal.code);
  return verdict.claims;
};

describe('registering', () => {
  it('starts every agent as Intern, resolves its people and tells gateways', async () => {
    const agent = await register(manifest('first'));
    expect(agent).toMatchObject({
      level: 'intern',
      effectiveLevel: 'intern',
      state: 'active',
      bootstrap: false,
      instances: 0,
    });
    expect(agent.owner.id).toBe(owner.id);
    expect(agent.businessOwner.id).toBe(business.id);
    expect(await control.doc('agent', agent.id)).toMatchObject({
      name: 'first',
      level: 'intern',
      ownerId: owner.id,
      technicalOwnerId: technical.id,
      epoch: 1,
      credentialEpoch: 0,
    });
    expect((await control.events('identity.agent_registered')).at(-1)?.body).toMatchObject({
      agentId: agent.id,
      level: 'intern',
      by: owner.id,
    });
    expect((await call('agents.show', control.as(stranger), { params: { id: 'first' } })).id).toBe(agent.id);
    expect((await call('agents.list', control.as(stranger))).items.map(({ name }) => name)).toContain(
      'first',
    );
  });

  it('lists agents by name, all at once or by pages that leave none out', async () => {
    for (const name of ['paged-b', 'paged-a', 'paged-c']) await register(manifest(name));
    const all = (await call('agents.list', control.as(stranger))).items.map(({ name }) => name);
    expect(all).toEqual(expect.arrayContaining(['paged-a', 'paged-b', 'paged-c']));
    const paged: string[] = [];
    for (let after: string | undefined; paged.length < all.length; after = paged.at(-1)) {
      const query = { limit: 2, ...(after === undefined ? {} : { after }) };
      const { items } = await call('agents.list', control.as(stranger), { query });
      expect(items.length).toBeGreaterThan(0);
      expect(items.length).toBeLessThanOrEqual(2);
      paged.push(...items.map(({ name }) => name));
    }
    expect(paged).toEqual(all);
    const behind = await call('agents.list', control.as(stranger), {
      query: { after: all.at(-1) ?? '', limit: 2 },
    });
    expect(behind.items).toEqual([]);
  });

  it('records no name or address of a person', async () => {
    await register(manifest('nameless'));
    const text = JSON.stringify(await control.events());
    for (const { name, email } of [owner, technical, business]) {
      expect(text).not.toContain(name);
      expect(text).not.toContain(email);
    }
  });

  it.each<[string, () => string, () => Person, string]>([
    [
      'nobody under the address',
      () => manifest('a1', { owner: 'nobody@example.com' }),
      () => operator,
      'identity.manifest_invalid',
    ],
    [
      'one person in two offices, under two spellings',
      () => manifest('a2', { technicalOwner: owner.id }),
      () => owner,
      'identity.manifest_owners',
    ],
    [
      'technical owner as business owner',
      () => manifest('a3', { businessOwner: technical.email }),
      () => owner,
      'identity.manifest_owners',
    ],
    ['an agent for somebody else', () => manifest('a4'), () => stranger, 'people.not_allowed'],
    ['a broken manifest', () => '{"name": "a5"', () => owner, 'identity.manifest_invalid'],
  ])('refuses %s', async (_name, text, by, code) => {
    expect(await codeOf(register(text(), by()))).toBe(code);
  });

  it('changes nothing for the same bytes', async () => {
    const agent = await register(manifest('same'));
    await register(manifest('same'));
    expect((await control.doc('agent', agent.id))?.epoch).toBe(1);
    expect(
      (await control.events('identity.agent_registered')).filter(({ body }) => body['agentId'] === agent.id),
    ).toHaveLength(1);
  });

  it('takes a new version from the same owner only, and holds it at Intern when what was validated has changed', async () => {
    const agent = await register(manifest('grows'));
    await control.change((tx) => bootstrapLevel(control, tx, agent.id, 'senior'));
    expect(
      await codeOf(register(manifest('grows', { version: '1.1.0', owner: stranger.email }), stranger)),
    ).toBe('identity.name_taken');
    expect(await codeOf(register(manifest('grows', { purpose: 'other' })))).toBe('identity.manifest_invalid');
    const kept = await register(manifest('grows', { version: '1.0.1' }));
    expect(kept).toMatchObject({ id: agent.id, version: '1.0.1', level: 'senior', effectiveLevel: 'senior' });
    expect(kept.manifestDigest).not.toBe(agent.manifestDigest);
    const held = await register(
      manifest('grows', { version: '2.0.0', model: { provider: 'p', name: 'other' } }),
    );
    expect(held).toMatchObject({ level: 'senior', ceiling: 'intern', effectiveLevel: 'intern' });
    expect(await control.doc('agent', agent.id)).toMatchObject({
      level: 'senior',
      ceiling: 'intern',
      epoch: 4,
    });
    expect((await control.events('maturity.ceiling_set')).at(-1)?.body).toMatchObject({
      agentId: agent.id,
      ceiling: 'intern',
      changed: ['model'],
    });
  });

  it('lets only operators hand an agent over', async () => {
    await register(manifest('handed'));
    const other = manifest('handed', { version: '1.0.1', owner: stranger.email });
    expect(await codeOf(register(other))).toBe('people.not_allowed');
    expect((await register(other, operator)).owner.id).toBe(stranger.id);
  });

  it('registers one agent when two people take the same name at once', async () => {
    const outcomes = await Promise.all([
      codeOf(register(manifest('race'))),
      codeOf(register(manifest('race', { purpose: 'other' }), operator)),
    ]);
    expect(outcomes).toContain('none');
    expect(
      (await call('agents.list', control.as(owner))).items.filter(({ name }) => name === 'race'),
    ).toHaveLength(1);
  });
});

describe('enrolling', () => {
  it('gives an instance, a session and a bound token for one join token and one key', async () => {
    const agent = await register(manifest('enrols'));
    const key = newKey();
    const token = await joinToken(agent, owner);
    const credential = await enrolWith(token, key);
    expect(credential).toMatchObject({
      agentId: agent.id,
      agent: 'enrols',
      tokenType: 'DPoP',
      servers: ['shop', 'mail'],
    });
    const claims = claimsOf(credential);
    expect(claims).toMatchObject({
      agent: agent.id,
      inst: credential.instanceId,
      sid: credential.sid,
      ver: agent.manifestDigest,
      cep: 0,
      assurance: 'claimed',
      cnf: { jkt: jwkThumbprint(key.jwk) },
    });
    expect(claims.exp - claims.iat).toBe(7_200);
    expect(await control.doc('instance', credential.instanceId)).toEqual({
      id: credential.instanceId,
      agentId: agent.id,
      jkt: jwkThumbprint(key.jwk),
      state: 'active',
    });
    expect(await codeOf(enrolWith(token, newKey()))).toBe('identity.join_token_invalid');
    expect((await call('agents.show', control.as(owner), { params: { id: agent.id } })).instances).toBe(1);
  });

  it('lets one of many use a join token', async () => {
    const agent = await register(manifest('contended'));
    const token = await joinToken(agent);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => codeOf(enrolWith(token, newKey()))));
    expect(outcomes.filter((code) => code === 'none')).toHaveLength(1);
    expect(outcomes.filter((code) => code === 'identity.join_token_invalid')).toHaveLength(7);
  });

  it('does not use the token up when the proof is wrong or missing, and counts the token once', async () => {
    const agent = await register(manifest('careful'));
    const token = await joinToken(agent);
    const key = newKey();
    expect(await codeOf(enrolWith(token, key, { proof: proofOf(key, '/v1/token') }))).toBe(
      'identity.proof_invalid',
    );
    expect(await codeOf(call('instances.enrol', { kind: 'public' }, { body: { joinToken: token } }))).toBe(
      'identity.credential_missing',
    );
    const proof = proofOf(key, '/v1/enrol');
    expect(await codeOf(enrolWith('x'.repeat(40), key, { proof }))).toBe('identity.join_token_invalid');
    // The same proof beside another token: the token is what counts once.
    expect(await codeOf(enrolWith(token, key, { proof }))).toBe('none');
    expect(await codeOf(enrolWith(token, key, { proof }))).toBe('identity.join_token_invalid');
  });

  it('lets a join token lapse after 15 minutes', async () => {
    const agent = await register(manifest('late'));
    const token = await joinToken(agent);
    control.later(15 * 60_000);
    expect(await codeOf(enrolWith(token, newKey()))).toBe('identity.join_token_invalid');
  });

  it('keeps the id of an instance that comes again with its key, and one key to one agent', async () => {
    const agent = await register(manifest('again'));
    const other = await register(manifest('other'));
    const key = newKey();
    const first = await enrolWith(await joinToken(agent), key);
    const second = await enrolWith(await joinToken(agent), key);
    expect(second.instanceId).toBe(first.instanceId);
    expect(second.sid).not.toBe(first.sid);
    expect(await control.doc('revoked_session', first.sid)).toMatchObject({ sid: first.sid });
    expect(await codeOf(enrolWith(await joinToken(other), key))).toBe('identity.proof_invalid');
  });

  it('gives a plain bearer token to Interns only', async () => {
    const intern = await register(manifest('bearing'));
    const credential = await enrolWith(await joinToken(intern), newKey(), { bearer: true });
    expect(credential.tokenType).toBe('Bearer');
    expect(claimsOf(credential).cnf).toBeUndefined();
    expect(await codeOf(renewWith(credential, newKey()))).toBe('identity.instance_unknown');
    const senior = await register(manifest('not-bearing'));
    await control.change((tx) => bootstrapLevel(control, tx, senior.id, 'senior'));
    expect(await codeOf(enrolWith(await joinToken(senior), newKey(), { bearer: true }))).toBe(
      'identity.proof_invalid',
    );
  });

  it('issues join tokens to operators and the agent’s own owners', async () => {
    const agent = await register(manifest('guarded'));
    expect(await codeOf(joinToken(agent, stranger))).toBe('people.not_allowed');
    expect(await codeOf(joinToken(agent, technical))).toBe('none');
  });
});

describe('renewing', () => {
  async function enrolled(name: string, level?: 'junior' | 'senior' | 'principal') {
    const agent = await register(manifest(name));
    if (level !== undefined) await control.change((tx) => bootstrapLevel(control, tx, agent.id, level));
    const key = newKey();
    return { agent, key, credential: await enrolWith(await joinToken(agent), key) };
  }

  it.each([
    ['junior', 900],
    ['senior', 600],
    ['principal', 60],
  ] as const)('gives a %s a token of %i seconds', async (level, seconds) => {
    const { credential } = await enrolled(`lives-${level}`, level);
    const { exp, iat } = claimsOf(credential);
    expect(exp - iat).toBe(seconds);
  });

  it('keeps the session, opens a new one when asked, and after a day', async () => {
    const { key, credential } = await enrolled('renews');
    expect((await renewWith(credential, key)).sid).toBe(credential.sid);
    const fresh = await renewWith(credential, key, true);
    expect(fresh.sid).not.toBe(credential.sid);
    expect(await control.doc('revoked_session', credential.sid)).toMatchObject({ sid: credential.sid });
    control.later(24 * 3_600_000);
    const next = await renewWith(credential, key);
    expect(next.sid).not.toBe(fresh.sid);
    // The notice of the first session is taken away once no token can name it any more.
    expect(await control.doc('revoked_session', credential.sid)).toBeNull();
  });

  it('refuses another key, another instance, and callers who are no instance', async () => {
    const { key, credential } = await enrolled('strict');
    expect(await codeOf(renewWith(credential, newKey()))).toBe('identity.instance_unknown');
    expect(await codeOf(renewWith({ ...credential, instanceId: randomUUID() }, key))).toBe(
      'identity.instance_unknown',
    );
    expect(
      await codeOf(
        call('instances.token', { kind: 'public' }, { body: { instanceId: credential.instanceId } }),
      ),
    ).toBe('identity.proof_invalid');
  });

  it('refuses after a new version: the instance enrols again', async () => {
    const { key, credential } = await enrolled('versioned');
    await register(manifest('versioned', { version: '1.0.1' }));
    expect(await codeOf(renewWith(credential, key))).toBe('identity.version_mismatch');
  });

  it('refuses after all sessions were revoked, also with the right key', async () => {
    const { agent, key, credential } = await enrolled('revoked');
    const pendingToken = await joinToken(agent);
    expect(
      await codeOf(
        call('agents.revokeSessions', control.as(stranger), {
          params: { id: agent.id },
          body: { reason: 'r' },
        }),
      ),
    ).toBe('people.not_allowed');
    await call('agents.revokeSessions', control.as(owner), {
      params: { id: agent.id },
      body: { reason: 'a laptop was lost' },
    });
    expect(await codeOf(renewWith(credential, key))).toBe('identity.credential_revoked');
    expect(await codeOf(enrolWith(pendingToken, newKey()))).toBe('identity.join_token_invalid');
    expect(await control.doc('agent', agent.id)).toMatchObject({ credentialEpoch: 1 });
    expect(await control.doc('instance', credential.instanceId)).toMatchObject({ state: 'revoked' });
    expect(await control.doc('revoked_session', credential.sid)).toMatchObject({ sid: credential.sid });
    // With a new join token the same key is a new instance.
    const back = await enrolWith(await joinToken(agent), key);
    expect(back.instanceId).not.toBe(credential.instanceId);
    expect(claimsOf(back).cep).toBe(1);
  });

  it('gives nothing to what is stopped', async () => {
    const { agent, key, credential } = await enrolled('stopped');
    const token = await joinToken(agent);
    const stop = {
      tenant: 'default',
      key: `owner:${owner.id}`,
      scope_kind: 'owner' as const,
      scope_id: owner.id,
      state: 'paused' as const,
      since: control.clock.nowMs(),
      reason: 'drill',
      by_id: operator.id,
      by_name: operator.name,
      label: null,
      drain_until: null,
    };
    await control.change((tx) => putContainment(tx, stop));
    expect(await codeOf(renewWith(credential, key))).toBe('containment.owner_stopped');
    expect(await codeOf(enrolWith(token, newKey()))).toBe('containment.owner_stopped');
    expect(await codeOf(joinToken(agent))).toBe('containment.owner_stopped');
    expect((await call('agents.show', control.as(owner), { params: { id: agent.id } })).state).toBe('paused');
    await control.change((tx) => tx.deleteFrom('containment').execute());
    expect(await codeOf(renewWith(credential, key))).toBe('none');
  });
});

describe('what is swept with each credential', () => {
  it.each([
    ['agent_join_token_lapsed', sql`delete from agent_join_token where tenant = 'main' and expires_at < 1`],
    [
      'agent_join_token_unused',
      sql`update agent_join_token set used_at = 1 where tenant = 'main' and agent_id = 'a' and used_at is null`,
    ],
    [
      'agent_session_lapsed',
      sql`select sid from agent_session where tenant = 'main' and ended_at is not null and expires_at < 1 limit 50`,
    ],
  ])('is found by an index, however many there are: %s', async (index, statement) => {
    const plan = await control.db.transaction().execute(async (tx) => {
      // A small table is read whole otherwise.
      await sql`set local enable_seqscan = off`.execute(tx);
      return (await sql`explain (costs off) ${statement}`.execute(tx)).rows;
    });
    expect(JSON.stringify(plan)).toContain(index);
  });
});
