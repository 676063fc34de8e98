import { sha256 } from '@atf/core/digest';
import type { PresenceSubject } from '@atf/core/wire/api';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  type Browser,
  person,
  type Platform,
  post,
  request,
  signIn,
  startPlatform,
  temporaryFolder,
  tokenOf,
} from '../platform.fixture.ts';
import { pendingRows } from '../audit/store.ts';
import { SoftAuthenticator } from './authenticator.fixture.ts';
import {
  attemptsMax,
  attemptWindowMs,
  beginPresence,
  confirmWithinMs,
  finishPresence,
  presenceLifeMs,
} from './presence.ts';
import { linkLifeMs, makeSignInLink } from './registry.ts';
import { sessionIdleMs, sessionLifeMs } from './sessions.ts';

const folder = temporaryFolder();
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform(folder.path, { options: { example: true } });
});
afterAll(async () => {
  await platform.close();
  folder.remove();
});

let people = 0;
async function someone(bootstrap = false): Promise<Browser> {
  const found = await person(platform.control, `Person ${++people}`, ['approver'], bootstrap);
  return signIn(platform, found.id);
}

function subjectOf(kind: PresenceSubject['kind'] = 'approval'): PresenceSubject {
  return { kind, id: randomUUID(), digest: sha256(randomUUID()) };
}

/** Consumes as a decision would: in its transaction. */
async function consume(browser: Browser, token: string, subject: PresenceSubject): Promise<string> {
  try {
    const { method } = await platform.control.change((tx) =>
      platform.control.presence.consume(tx, browser.me.person, token, subject),
    );
    return method;
  } catch (fault) {
    return (fault as { refusal: { code: string } }).refusal.code;
  }
}

async function setPassphrase(browser: Browser, passphrase: string, more: object = {}): Promise<Answer> {
  return browser.post('/v1/me/passphrase', { passphrase, ...more });
}

describe('signing in', () => {
  it('redeems a link once, and gives a cookie that pages cannot read', async () => {
    const { id } = await person(platform.control, 'Lina Link', ['operator']);
    const bearer = { authorization: `Bearer ${platform.operatorToken}` };
    const made = await post(`${platform.url}/v1/people/${id}/sign-in-links`, undefined, bearer);
    const link = String(made.json.url);
    expect(link.startsWith(`${platform.url}/sign-in#`)).toBe(true);
    const first = await post(`${platform.url}/v1/sign-in`, { token: tokenOf(link) });
    expect(first).toMatchObject({
      status: 200,
      json: { by: 'session', person: { id }, presenceMethods: [] },
    });
    const cookie = first.headers.getSetCookie()[0] ?? '';
    expect(cookie).toMatch(/^atf_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    const second = await post(`${platform.url}/v1/sign-in`, { token: tokenOf(link) });
    expect(second).toMatchObject({ status: 401, json: { code: 'people.link_invalid' } });
    const me = await request(`${platform.url}/v1/me`, { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(me.json).toMatchObject({ person: { id }, csrf: first.json.csrf });
  });

  it('refuses a link that has lapsed, and one for nobody', async () => {
    const { id } = await person(platform.control, 'Tardy', []);
    const { url } = await makeSignInLink(platform.control, id);
    platform.clock.later(linkLifeMs + 1);
    expect((await post(`${platform.url}/v1/sign-in`, { token: tokenOf(url) })).json.code).toBe(
      'people.link_invalid',
    );
    const bearer = { authorization: `Bearer ${platform.operatorToken}` };
    const nobody = await post(`${platform.url}/v1/people/${randomUUID()}/sign-in-links`, undefined, bearer);
    expect(nobody.json.code).toBe('people.person_not_found');
  });

  it('records who made a link for whom: it signs in as that person', async () => {
    const { id } = await person(platform.control, 'Linked', []);
    const bearer = { authorization: `Bearer ${platform.operatorToken}` };
    await post(`${platform.url}/v1/people/${id}/sign-in-links`, undefined, bearer);
    const rows = await pendingRows(platform.control.db, platform.control.config.tenant, 10_000);
    const issued = rows
      .map(({ entry }) => JSON.parse(Buffer.from(entry).toString()) as { type: string; body: object })
      .find(({ type, body }) => type === 'people.link_issued' && JSON.stringify(body).includes(id));
    const me = await request(`${platform.url}/v1/me`, { headers: bearer });
    expect(issued?.body).toEqual({ personId: id, by: (me.json.person as { id: string }).id });
  });

  it('stores neither links nor sessions in clear', async () => {
    const browser = await someone();
    const value = browser.cookie.split('=')[1] ?? '';
    const links = await platform.control.db.selectFrom('sign_in_link').selectAll().execute();
    const sessions = await platform.control.db.selectFrom('console_session').selectAll().execute();
    expect(sessions.some((row) => row.id_hash === sha256(value))).toBe(true);
    expect(JSON.stringify([links, sessions])).not.toContain(value);
  });

  it('ends a session by signing out, by idleness and by age, and takes the cookie back', async () => {
    const leaving = await someone();
    const out = await leaving.post('/v1/sign-out');
    expect(out.headers.getSetCookie()[0]).toMatch(/^atf_session=; .*Max-Age=0/);
    expect((await leaving.get('/v1/me')).json.code).toBe('people.sign_in_required');

    const idle = await someone();
    platform.clock.later(sessionIdleMs + 1);
    const over = await idle.get('/v1/me');
    expect(over.json.code).toBe('people.sign_in_required');
    expect(over.headers.getSetCookie()[0]).toMatch(/Max-Age=0/);

    const busy = await someone();
    for (let usedMs = 0; usedMs < sessionLifeMs; usedMs += sessionIdleMs / 2) {
      expect((await busy.get('/v1/me')).status).toBe(200);
      platform.clock.later(sessionIdleMs / 2);
    }
    expect((await busy.get('/v1/me')).status).toBe(401);
  });
});

describe('people', () => {
  it('are registered by operators, once per e-mail address whatever its case', async () => {
    const operator = await signIn(platform, (await person(platform.control, 'Ola', ['operator'])).id);
    const added = await operator.post('/v1/people', {
      name: ' Nina ',
      email: 'Nina@Example.com',
      roles: ['sponsor', 'sponsor'],
    });
    expect(added).toMatchObject({
      status: 200,
      json: { name: 'Nina', roles: ['sponsor'], bootstrap: false },
    });
    const twice = await operator.post('/v1/people', { name: 'Nina', email: 'nina@example.COM', roles: [] });
    expect(twice.json.code).toBe('people.person_exists');
    const { json } = await operator.get('/v1/people');
    expect((json.items as { name: string }[]).map((item) => item.name)).toContain('Nina');
  });

  it('stand in the log as ids, never by name or address', async () => {
    const secret = await person(platform.control, 'Xaverius Unmistakable', ['risk']);
    const rows = await pendingRows(platform.control.db, platform.control.config.tenant, 10_000);
    const log = rows.map((row) => Buffer.from(row.entry).toString()).join('\n');
    expect(log).toContain(secret.id);
    expect(log).not.toMatch(/unmistakable/i);
  });
});

describe('presence by passphrase', () => {
  it('confirms once, for exactly this person, subject and digest', async () => {
    const browser = await someone();
    expect((await setPassphrase(browser, 'correct horse battery')).status).toBe(200);
    const subject = subjectOf();
    const how = { method: 'passphrase' as const, passphrase: 'correct horse battery' };
    const token = await browser.present(subject, how);
    expect(await consume(await someone(), token, subject)).toBe('people.presence_invalid');
    for (const other of [
      { ...subject, id: randomUUID() },
      { ...subject, kind: 'resume' as const },
      { ...subject, digest: sha256('other') },
    ]) {
      expect(await consume(browser, token, other)).toBe('people.presence_invalid');
    }
    expect(await consume(browser, token, subject)).toBe('passphrase');
    expect(await consume(browser, token, subject)).toBe('people.presence_invalid');
  });

  it('is given back when the decision it was for is rolled back', async () => {
    const browser = await someone();
    await setPassphrase(browser, 'correct horse battery');
    const subject = subjectOf();
    const token = await browser.present(subject, {
      method: 'passphrase',
      passphrase: 'correct horse battery',
    });
    await expect(
      platform.control.change(async (tx) => {
        await platform.control.presence.consume(tx, browser.me.person, token, subject);
        throw new Error('the decision failed');
      }),
    ).rejects.toThrow('the decision failed');
    expect(await consume(browser, token, subject)).toBe('passphrase');
  });

  it('lapses, before and after the confirmation', async () => {
    const browser = await someone();
    await setPassphrase(browser, 'correct horse battery');
    const how = { method: 'passphrase' as const, passphrase: 'correct horse battery' };
    const subject = subjectOf();
    const token = await browser.present(subject, how);
    platform.clock.later(presenceLifeMs + 1);
    expect(await consume(browser, token, subject)).toBe('people.presence_invalid');
    const begun = await browser.post('/v1/presence', { subject });
    platform.clock.later(confirmWithinMs + 1);
    const late = await browser.post(`/v1/presence/${String(begun.json.presenceId)}`, how);
    expect(late.json.code).toBe('people.presence_invalid');
  });

  it('confirms a begun presence once, and only for who began it', async () => {
    const browser = await someone();
    await setPassphrase(browser, 'correct horse battery');
    const other = await someone();
    await setPassphrase(other, 'another passphrase');
    const begun = await browser.post('/v1/presence', { subject: subjectOf() });
    expect(begun.json.methods).toEqual(['passphrase']);
    const path = `/v1/presence/${String(begun.json.presenceId)}`;
    expect(
      (await other.post(path, { method: 'passphrase', passphrase: 'another passphrase' })).json.code,
    ).toBe('people.presence_invalid');
    const how = { method: 'passphrase', passphrase: 'correct horse battery' };
    expect((await browser.post(path, how)).status).toBe(200);
    expect((await browser.post(path, how)).json.code).toBe('people.presence_invalid');
  });

  it('is throttled after a few wrong ones, also against the right one, until the window is over', async () => {
    const browser = await someone();
    await setPassphrase(browser, 'correct horse battery');
    const begun = await browser.post('/v1/presence', { subject: subjectOf() });
    const attempt = (passphrase: string): Promise<Answer> =>
      browser.post(`/v1/presence/${String(begun.json.presenceId)}`, { method: 'passphrase', passphrase });
    for (let at = 0; at < attemptsMax; at++)
      expect((await attempt(`wrong guess ${at}`)).json.code).toBe('people.presence_invalid');
    const held = await attempt('correct horse battery');
    expect(held).toMatchObject({ status: 429, json: { code: 'people.presence_throttled' } });
    expect(Number(held.headers.get('retry-after'))).toBeGreaterThan(0);
    platform.clock.later(attemptWindowMs + 1);
    expect((await attempt('correct horse battery')).status).toBe(200);
  });

  it('is changed only by who knows the current one', async () => {
    const browser = await someone();
    await setPassphrase(browser, 'the first passphrase');
    expect((await setPassphrase(browser, 'the second passphrase')).json.code).toBe('people.presence_invalid');
    expect((await setPassphrase(browser, 'the second passphrase', { current: 'wrong' })).json.code).toBe(
      'people.presence_invalid',
    );
    expect(
      (await setPassphrase(browser, 'the second passphrase', { current: 'the first passphrase' })).status,
    ).toBe(200);
    const row = await platform.control.db
      .selectFrom('person')
      .select('passphrase')
      .where('id', '=', browser.me.person.id)
      .executeTakeFirstOrThrow();
    expect(row.passphrase).toMatch(/^scrypt\$32768\$8\$3\$/);
  });
});

describe('presence by passkey', () => {
  async function register(
    browser: Browser,
    authenticator: SoftAuthenticator,
    more: object = {},
  ): Promise<Answer> {
    const { json } = await browser.post('/v1/me/passkey-options');
    const options = json.options as Parameters<SoftAuthenticator['create']>[0];
    expect(options.rp.id).toBe('localhost');
    return browser.post('/v1/me/passkeys', { response: authenticator.create(options), ...more });
  }

  async function confirm(
    browser: Browser,
    subject: PresenceSubject,
    authenticator: SoftAuthenticator,
  ): Promise<Answer> {
    const begun = await browser.post('/v1/presence', { subject });
    const options = begun.json.passkeyOptions as Parameters<SoftAuthenticator['get']>[0];
    const response = authenticator.get(options);
    return browser.post(`/v1/presence/${String(begun.json.presenceId)}`, { method: 'passkey', response });
  }

  it('registers a passkey and confirms with it', async () => {
    const browser = await someone();
    const authenticator = new SoftAuthenticator(platform.url);
    expect((await register(browser, authenticator)).status).toBe(200);
    expect((await browser.get('/v1/me')).json).toMatchObject({ presenceMethods: ['passkey'], passkeys: 1 });
    const subject = subjectOf();
    const confirmed = await confirm(browser, subject, authenticator);
    expect(confirmed.status).toBe(200);
    expect(await consume(browser, String(confirmed.json.presence), subject)).toBe('passkey');
  });

  it('refuses another authenticator, another origin, an unverified user, and an answer to another challenge', async () => {
    const browser = await someone();
    const authenticator = new SoftAuthenticator(platform.url);
    await register(browser, authenticator);
    expect((await confirm(browser, subjectOf(), new SoftAuthenticator(platform.url))).json.code).toBe(
      'people.presence_invalid',
    );
    authenticator.verifiesUser = false;
    expect((await confirm(browser, subjectOf(), authenticator)).json.code).toBe('people.presence_invalid');
    authenticator.verifiesUser = true;
    const first = await browser.post('/v1/presence', { subject: subjectOf() });
    const second = await browser.post('/v1/presence', { subject: subjectOf() });
    const response = authenticator.get(first.json.passkeyOptions as Parameters<SoftAuthenticator['get']>[0]);
    const swapped = await browser.post(`/v1/presence/${String(second.json.presenceId)}`, {
      method: 'passkey',
      response,
    });
    expect(swapped.json.code).toBe('people.presence_invalid');
    const elsewhere = await someone();
    expect((await register(elsewhere, new SoftAuthenticator('https://evil.example'))).json.code).toBe(
      'people.presence_invalid',
    );
  });

  it('takes a confirmation with a factor that is there to add another', async () => {
    const browser = await someone();
    await setPassphrase(browser, 'correct horse battery');
    const authenticator = new SoftAuthenticator(platform.url);
    expect((await register(browser, authenticator)).json.code).toBe('people.presence_required');
    const { id } = browser.me.person;
    const subject: PresenceSubject = { kind: 'factor', id, digest: sha256(`factor:${id}`) };
    const presence = await browser.present(subject, {
      method: 'passphrase',
      passphrase: 'correct horse battery',
    });
    expect((await register(browser, authenticator, { presence })).status).toBe(200);
    expect((await browser.get('/v1/me')).json.presenceMethods).toEqual(['passkey', 'passphrase']);
  });
});

describe('simulated presence', () => {
  it('is for bootstrap people only', async () => {
    const bootstrap = await someone(true);
    const subject = subjectOf();
    const token = await bootstrap.present(subject, { method: 'simulated' });
    expect(await consume(bootstrap, token, subject)).toBe('simulated');
    const real = await someone();
    const begun = await real.post('/v1/presence', { subject });
    expect(begun.json.methods).toEqual([]);
    const refused = await real.post(`/v1/presence/${String(begun.json.presenceId)}`, { method: 'simulated' });
    expect(refused.json.code).toBe('people.presence_invalid');
  });

  it('is for the example workspace only', async () => {
    const bootstrap = await someone(true);
    const plain = { ...platform.control, config: { ...platform.control.config, example: false } };
    const subject = subjectOf();
    const { presenceId, methods } = await beginPresence(plain, bootstrap.me.person, subject);
    expect(methods).toEqual([]);
    await expect(
      finishPresence(plain, bootstrap.me.person, presenceId, { method: 'simulated' }),
    ).rejects.toMatchObject({
      refusal: { code: 'people.presence_invalid' },
    });
  });
});
