/**
 * A Principal widens its own boundaries within what policy offers (S-1, S-3, S-4), through the front door: two people sign the offer, the agent asks and gets it at once, nobody
 * gets more, and it falls away with its time, its policy, the agent's level, a kill, and by a person's word. Effects are read from the back office's own file.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@atf/core/digest';
import { type CeilingWord, ceilingShownText, clearanceHeader } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents } from './cli-run.ts';
import { HostClock, libfaketime } from './host-clock.ts';
import { call, Product, resume, root, type Signed, until } from './product.ts';
import { logSettled, readLog } from './read-log.ts';

const name = 'principal-operations';
const dir = mkdtempSync(join(tmpdir(), 'atf-negotiate-'));
const clock = libfaketime === undefined ? undefined : new HostClock(dir);
if (clock === undefined)
  process.stderr.write(
    'SKIPPED: that a boundary ends with its time, because libfaketime is not installed (apt-get install libfaketime).\n',
  );

let product: Product;
let operator: ControlClient;
let security: Signed;
let second: Signed;
let stranger: Signed;
let office: Client;
let id: string;

const offers = `
negotiable:
  - { name: finance, agents: [${name}], domain: finance, minutesMax: 60, timesPerDay: 24 }
  - name: larger-refunds
    limit: { tool: back-office/create_refund, amountMax: 50, currency: EUR }
    minutesMax: 30
    timesPerDay: 3
  - { name: reports, limit: { tool: back-office/export_report, calls: { max: 40, perSeconds: 3600 } }, minutesMax: 60, timesPerDay: 1 }
`;

async function apply(settings: (text: string) => string, reason: string): Promise<readonly string[]> {
  const folder = join(product.home, reason.replaceAll(' ', '-'));
  cpSync(join(root, 'policies'), folder, { recursive: true });
  const file = join(folder, 'settings.yaml');
  writeFileSync(file, settings(readFileSync(file, 'utf8')));
  const names = [
    ...readdirSync(folder).filter((each) => /\.(?:cedar|cedarschema|yaml)$/.test(each)),
    ...readdirSync(join(folder, 'cases')).map((each) => `cases/${each}`),
  ];
  const files = names.map((each) => ({ name: each, text: readFileSync(join(folder, each), 'utf8') }));
  const { version: base } = await operator.call('policy.show');
  const candidate = await operator.call('policy.propose', { body: { base, files, reason } });
  const { shownDigest } = candidate;
  const params = { id: candidate.id };
  for (const by of [security, second].slice(0, candidate.confirmations.needed)) {
    const presence = await by.presence({ kind: 'policy', id: candidate.id, digest: shownDigest });
    await by.client.call('policy.confirm', { params, body: { shownDigest, presence } });
  }
  await product.heard(name);
  return candidate.loosens;
}

async function ceiling(to: CeilingWord, from: CeilingWord): Promise<void> {
  const { manifestDigest } = await operator.call('agents.show', { params: { id } });
  const reason = 'drill';
  const shown = ceilingShownText({ agentId: id, manifestDigest, from, to, reason });
  const presence = await second.presence({ kind: 'level', id, digest: sha256(shown) });
  await second.client.call('agents.ceiling', { params: { id }, body: { ceiling: to, reason, presence } });
}

let calls = 0;
/** Another order each time, so that no call is a repeat. */
const refund = async (amount: number) => {
  calls++;
  const reason = `arrived broken ${calls}`;
  const { atf: facts } = await call(office, 'create_refund', {
    order_id: 'O-5005',
    amount,
    currency: 'EUR',
    reason,
  });
  return facts.code ?? 'done';
};
const becomes = (amount: number, wanted: string) =>
  until(`a refund of ${amount} to be ${wanted}`, async () =>
    (await refund(amount)) === wanted ? true : undefined,
  );
/** Words to people are few in a while; a fresh gateway has forgotten them. */
const negotiate = (args: Record<string, unknown>, client?: Client) =>
  until(
    'an answer',
    async () => {
      const answer = await call(client ?? office, 'atf_negotiate', args);
      if (answer.atf.code !== 'segmentation.rate_exceeded') return answer;
      await product.crash('gateway');
      await connect();
      return undefined;
    },
    60_000,
  );
const take = async (offer: string, more: object = {}) => {
  const answer = await negotiate({ offer, minutes: 30, reason: 'the warehouse burnt down', ...more });
  expect([answer.text, answer.isError]).toEqual([expect.stringContaining('Granted until'), false]);
};
const grants = async () => (await operator.call('agents.boundaries', { params: { id } })).grants;
const connect = async () => {
  office = await (await product.agent(name)).mcp('back-office');
};

beforeAll(async () => {
  product = await Product.start(clock === undefined ? {} : { env: clock.env });
  operator = await product.operator();
  security = await product.open(product.ready.signInUrl ?? '');
  stranger = await product.signIn('paula.reyes@example.com');
  await security.presence({ kind: 'factor', id: 'x', digest: 'A'.repeat(43) });
  // With a person's factor in place, the way to the next one leads through that person.
  const { items: people } = await operator.call('people.list');
  const params = { id: people.find(({ email }) => email === 'yuki.mori@example.com')?.id ?? '' };
  const asked = await operator.call('clearances.ask', { body: { operation: 'people.link', params } });
  const { shownDigest } = await security.client.call('clearances.show', { params: asked });
  const presence = await security.presence({ kind: 'clearance', id: asked.id, digest: shownDigest });
  await security.client.call('clearances.grant', {
    params: { id: asked.id },
    body: { shownDigest, presence },
  });
  const { url } = await operator.call(
    'people.link',
    { params },
    { headers: { [clearanceHeader]: asked.id } },
  );
  second = await product.open(url);
  const before = await readFile(join(root, `examples/workspace/agents/${name}.yaml`), 'utf8');
  const manifest = before
    .replace(/^version: .*$/m, 'version: 9.0.0')
    .replace(/^limits:$/m, 'limits:\n  - { tool: back-office/create_refund, amountMax: 10, currency: EUR }');
  const registered = await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
  ({ id } = registered);
  // A new version that has a limit where there was none is looked at by security first.
  if (registered.ceiling !== undefined) await ceiling('none', registered.ceiling);
  await connect();
}, 120_000);
afterAll(async () => {
  clock?.restore();
  await product?.remove();
  rmSync(dir, { recursive: true, force: true });
});

describe('what is on offer', () => {
  it('is nothing until policy says so, and saying so takes two people', async () => {
    expect((await negotiate({})).text).toBe('Nothing is on offer.');
    const early = await negotiate({ offer: 'finance', minutes: 10, reason: 'please' });
    expect(early.atf.code).toBe('segmentation.not_negotiable');
    const loosens = await apply((text) => text + offers, 'offer');
    expect(loosens).toHaveLength(3);
    expect(loosens.join()).toContain('settings negotiable finance: data of the domain finance');
    expect((await negotiate({})).text).toContain('On offer: larger-refunds, back-office/create_refund');
  });

  it.each(['senior-support', 'junior-support', 'intern-analyst'])('is nothing to %s', async (other) => {
    const client = await (await product.agent(other)).mcp('back-office');
    const asked = { offer: 'larger-refunds', minutes: 10, reason: 'I am a Principal' };
    expect((await negotiate(asked, client)).atf.code).toBe('segmentation.not_negotiable');
    expect((await negotiate({}, client)).atf.code).toBe('segmentation.not_negotiable');
  });
});

describe('within the offer', () => {
  it('another domain, and a wider amount, are there at once and no further than they go', async () => {
    expect(await refund(5)).toBe('segmentation.out_of_domain');
    await take('finance');
    await becomes(5, 'done');
    expect(await refund(20)).toBe('segmentation.transaction_exceeded');
    await take('larger-refunds', { figure: 30 });
    await becomes(20, 'done');
    expect(await refund(30)).toBe('done');
    expect(await refund(30.01)).toBe('segmentation.transaction_exceeded');
    // What is not on the written list stays so, whatever is negotiated.
    expect((await call(office, 'cancel_refund', { refund_id: 'R-1' })).atf.code).toBe(
      'segmentation.tool_not_granted',
    );
  });

  it.each([
    ['a wider figure', { offer: 'larger-refunds', figure: 51 }],
    ['a longer time', { offer: 'larger-refunds', minutes: 31 }],
    ['what is in force already', { offer: 'larger-refunds' }],
    ['what there is not', { offer: 'everything' }],
    ['a narrower figure', { offer: 'reports', figure: 1 }],
    ['half a call', { offer: 'reports', figure: 30.5 }],
  ])('%s is refused', async (_, more) => {
    const answer = await negotiate({ minutes: 10, reason: 'please', ...more });
    expect(answer.atf.code).toBe('segmentation.not_negotiable');
    expect((await grants()).map(({ offer }) => offer)).toEqual(['finance', 'larger-refunds']);
  });

  it('people are told in its own words, see it, and the record holds and replays it', async () => {
    const { items } = await second.client.call('notifications.list', { query: { kind: 'boundary_widened' } });
    expect(items[0]).toMatchObject({
      agent: name,
      severity: 'warning',
      claimed: 'the warehouse burnt down',
      claimedBy: 'the agent',
    });
    const shown = await atf(['agent', 'show', name, '--data', product.dataDir]);
    expect(shown.stdout).toContain('back-office/create_refund: at most 30 EUR in one action, until');
    expect(shown.stdout).toContain(`atf agent revoke ${name}`);
    await logSettled(product);
    const { entries } = await readLog(product);
    expect(entries.filter(({ type }) => type === 'segmentation.boundary_widened')).toHaveLength(2);
    expect(JSON.stringify(entries)).not.toContain('burnt down');
    const at = new Date().toISOString();
    const rights = await operator.call('agents.rightsAt', { params: { id }, query: {} });
    const of = (item: { tool: string }) => item.tool === 'back-office/create_refund';
    expect(rights.items.find(of)?.outcome).toBe('allow');
    await until('a moment to pass', () => (Date.now() > Date.parse(at) + 10 ? true : undefined));
    const past = await operator.call('agents.rightsAt', { params: { id }, query: { at } });
    expect(past.items.find(of)?.outcome).toBe('allow');
    const [again] = documents(
      await atf(['agent', 'try-level', name, 'principal', '--json', '--data', product.dataDir]),
    );
    expect(again).toMatchObject({ agent: name, changed: 0, unreplayable: [] });
  });
});

describe('it ends', () => {
  it('by a person who answers for it, one at a time, and at once', async () => {
    const larger = (await grants()).find(({ offer }) => offer === 'larger-refunds')?.id ?? '';
    await expect(
      stranger.client.call('agents.revokeGrant', { params: { id, grant: larger } }),
    ).rejects.toThrow();
    const ended = await atf(['agent', 'revoke', name, larger, '--data', product.dataDir]);
    expect(ended.code).toBe(0);
    await becomes(20, 'segmentation.transaction_exceeded');
    expect(await refund(5)).toBe('done');
    const again = await atf(['agent', 'revoke', name, larger, '--data', product.dataDir]);
    expect(again.code).not.toBe(0);
  });

  it('with the level, also when it comes back', async () => {
    await ceiling('senior', 'none');
    await becomes(5, 'segmentation.out_of_domain');
    await ceiling('none', 'senior');
    await product.heard(name);
    expect(await refund(5)).toBe('segmentation.out_of_domain');
    await until('it to be gone', async () => ((await grants()).length === 0 ? true : undefined));
  });

  it('with the policy, also when the next one offers the same', async () => {
    await take('finance');
    await becomes(5, 'done');
    const loosens = await apply((text) => `${text}${offers}\n# The same, once more.\n`, 'the same again');
    expect(loosens).toEqual([]);
    expect(await refund(5)).toBe('segmentation.out_of_domain');
  });

  it('with a kill, also after the agent is resumed', async () => {
    await take('finance');
    await becomes(5, 'done');
    const scope = { kind: 'agent' as const, id };
    await second.client.call('containment.stop', { body: { scope, state: 'killed', reason: 'drill' } });
    await resume(second, { scope, reason: 'over' });
    await until('an agent that is served', () =>
      connect()
        .then(() => true as const)
        .catch(() => undefined),
    );
    expect(await refund(5)).toBe('segmentation.out_of_domain');
  });

  it('and comes no oftener in a day than the offer says', async () => {
    await take('reports');
    await atf(['agent', 'revoke', name, '--data', product.dataDir]);
    const again = await negotiate({ offer: 'reports', minutes: 1, reason: 'month end' });
    expect(again.atf.code).toBe('segmentation.negotiated_enough');
  });

  it.skipIf(clock === undefined)('with its time', async () => {
    await take('finance', { minutes: 1 });
    await becomes(5, 'done');
    clock?.set(90);
    // Asked for again at once: what has lapsed is not put aside for it without a word.
    await until('it to be granted anew', () =>
      negotiate({ offer: 'finance', minutes: 1, reason: 'once more' }).then(
        (answer) => (answer.isError ? undefined : true),
        () => undefined,
      ),
    );
    clock?.set(180);
    await until('the credential to be renewed', () =>
      refund(5).then(
        (code) => (code === 'segmentation.out_of_domain' ? true : undefined),
        () => undefined,
      ),
    );
    await until('it to be gone', async () => ((await grants()).length === 0 ? true : undefined));
  });

  it('on record, each of them, once', async () => {
    await until('all to be gone', async () => ((await grants()).length === 0 ? true : undefined), 120_000);
    const recorded = async (type: string) => {
      const { entries } = await readLog(product);
      return entries
        .filter((entry) => entry.type === `segmentation.boundary_${type}`)
        .map(({ body }) => body);
    };
    // What has lapsed counts no more at once; that it ended is recorded when control next looks.
    const narrowed = await until('each end to be recorded', async () => {
      await logSettled(product);
      const ends = await recorded('narrowed');
      return ends.length < (await recorded('widened')).length ? undefined : ends;
    });
    const widened = (await recorded('widened')).map(({ grant }) => (grant as { id: string }).id);
    expect(widened.length).toBeGreaterThan(5);
    expect(narrowed.map(({ grantId }) => String(grantId)).sort()).toEqual(widened.sort());
  });
});
