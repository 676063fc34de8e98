/**
 * The operator's token stands on disk, so whoever steals it must not come to approve with it: once a real person has a factor, the way to another
 * factor and to other classifications leads through a person who answers for security. Tried through API and command line.
 */
import { clearanceHeader } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents, failure } from './cli-run.ts';
import { Product, type Signed, until } from './product.ts';

let product: Product;
let operator: ControlClient;
let security: Signed;
const cli = (...args: string[]) =>
  atf([...args, '--data', product.dataDir, '--json'], {
    env: { XDG_CONFIG_HOME: `${product.home}/config` },
  });

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
});
afterAll(async () => product.remove());

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );
const add = (email: string, roles: ('approver' | 'security' | 'auditor')[]) =>
  operator.call('people.add', { body: { name: email, email, roles } });
const link = (id: string, clearance?: string) =>
  operator.call(
    'people.link',
    { params: { id } },
    clearance === undefined ? {} : { headers: { [clearanceHeader]: clearance } },
  );
const setFactor = (by: Signed, passphrase = 'a factor of an attacker') =>
  codeOf(by.client.call('people.setPassphrase', { body: { passphrase } }));

async function grant(by: Signed, id: string): Promise<void> {
  const { shownDigest } = await by.client.call('clearances.show', { params: { id } });
  const presence = await by.presence({ kind: 'clearance', id, digest: shownDigest });
  await by.client.call('clearances.grant', { params: { id }, body: { shownDigest, presence } });
}
const classification = {
  params: { server: 'back-office', name: 'create_refund' },
  body: { class: 'read' as const },
};

describe('before a real person has a factor', () => {
  let waiting: { id: string };
  let early: Signed;

  it('the first ones come in with the token alone, and the start prints a link', async () => {
    expect(
      await codeOf(operator.call('tools.classify', { ...classification, body: { class: 'write' } })),
    ).toBe('done');
    waiting = await add('early@example.org', ['approver']);
    early = await product.open((await link(waiting.id)).url);
    security = await product.open(product.ready.signInUrl ?? '');
    expect(await setFactor(security, 'correct horse battery staple')).toBe('done');
  });

  it('a session that was opened before sets no first factor after', async () => {
    expect(await setFactor(early)).toBe('people.clearance_required');
    expect(await codeOf(early.client.call('people.addPasskey', { body: { response: {} } }))).toBe(
      'people.clearance_required',
    );
  });
});

describe('once a real person has a factor, the token alone', () => {
  it('brings in nobody who approves, clears or runs ATF, and opens no way to a factor', async () => {
    for (const role of ['approver', 'security'] as const)
      expect(await codeOf(add(`${role}@example.org`, [role]))).toBe('people.clearance_required');
    const { id } = await add('auditor@example.org', ['auditor']);
    expect(await codeOf(link(id))).toBe('people.clearance_required');
  });

  it('changes no classification, also with a session that it makes for somebody with a factor', async () => {
    expect(await codeOf(operator.call('tools.classify', classification))).toBe('people.clearance_required');
    expect(
      await codeOf(
        operator.call('tools.accept', {
          params: classification.params,
          body: { digest: 'A'.repeat(43) },
        }),
      ),
    ).toBe('people.clearance_required');
    const { person } = await security.client.call('people.me');
    const borrowed = await product.open((await link(person.id)).url);
    expect(await codeOf(borrowed.client.call('tools.classify', classification))).toBe(
      'people.clearance_required',
    );
    const { id } = await borrowed.client.call('clearances.ask', {
      body: { operation: 'tools.classify', ...classification },
    });
    const { shownDigest } = await borrowed.client.call('clearances.show', { params: { id } });
    const presence = 'x'.repeat(43);
    expect(
      await codeOf(
        borrowed.client.call('clearances.grant', { params: { id }, body: { shownDigest, presence } }),
      ),
    ).toBe('people.presence_invalid');
    expect(
      await codeOf(operator.call('clearances.grant', { params: { id }, body: { shownDigest, presence } })),
    ).toBe('people.presence_required');
  });

  it('is not helped by people whose presence is simulated', async () => {
    const paula = await product.signIn('paula.reyes@example.com');
    const { id } = await operator.call('clearances.ask', {
      body: { operation: 'tools.classify', ...classification },
    });
    await expect(grant(paula, id)).rejects.toMatchObject({ code: 'people.not_allowed' });
  });
});

describe('a clearance', () => {
  it('counts for exactly its request, of whoever asked, once', async () => {
    const { items } = await operator.call('people.list');
    const early = items.find(({ email }) => email === 'early@example.org')?.id ?? '';
    const auditor = items.find(({ email }) => email === 'auditor@example.org')?.id ?? '';
    const { id, says } = await operator.call('clearances.ask', {
      body: { operation: 'people.link', params: { id: early } },
    });
    expect(says).toContain('early@example.org');
    expect(await codeOf(link(early, id))).toBe('people.clearance_invalid');
    await grant(security, id);
    expect(await codeOf(link(auditor, id))).toBe('people.clearance_invalid');
    const { url } = await link(early, id);
    expect(await codeOf(link(early, id))).toBe('people.clearance_invalid');
    expect(await setFactor(await product.open(url))).toBe('done');
  });

  it('is waited for by the command line, which then goes on', async () => {
    // Others of this operation wait from the tests before.
    const before = new Set((await operator.call('clearances.list')).items.map(({ id }) => id));
    const ran = cli('tool', 'classify', 'back-office/create_refund', '--sensitivity', 'restricted');
    const printed = atf([
      'people',
      'add',
      'grace@example.org',
      '--name',
      'Grace',
      '--role',
      'approver',
      '--wait',
      '0',
      '--data',
      product.dataDir,
      '--json',
    ]);
    expect(failure(await printed)).toMatchObject({ exitCode: 6 });
    const asked = await until('the question in the log of events', async () => {
      const { items } = await operator.call('clearances.list');
      return items.find(({ id, operation }) => operation === 'tools.classify' && !before.has(id));
    });
    await grant(security, asked.id);
    const { code, stdout, stderr } = await ran;
    expect([code, stderr]).toEqual([0, expect.stringContaining(`/clearances/${asked.id}`)]);
    expect(documents({ code, stdout, stderr, tookMs: 0 })).toMatchObject([
      { classification: { sensitivity: 'restricted', by: 'person' } },
    ]);
  });

  it('leaves the people of the example workspace to the demonstration', async () => {
    const paula = await product.signIn('paula.reyes@example.com');
    expect((await paula.client.call('people.me')).presenceMethods).toContain('simulated');
  });
});
