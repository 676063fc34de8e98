/**
 * What policy would have done, through the front door: recorded decisions made again under a candidate and at another level, and a candidate in the shadow of
 * the set in force.
 */
import { appendFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import type { Backtest, BacktestChange } from '@atf/core/wire/backtest';
import type { Shadow } from '@atf/core/wire/shadow';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents, failure, type Ran } from './cli-run.ts';
import { call, Product, root, until } from './product.ts';
import { entriesIn, logSettled } from './read-log.ts';

let product: Product;
let operator: ControlClient;
let frozen: string;
let senior: Client;

const cli = (...args: string[]) =>
  atf([...args, '--data', product.dataDir], { env: { XDG_CONFIG_HOME: `${product.home}/config` } });
const json = (...args: string[]) => cli(...args, '--json');
function read(ran: Ran): { report: Backtest; changes: BacktestChange[] } {
  const [report, ...changes] = documents(ran) as unknown[];
  return { report: report as Backtest, changes: changes as BacktestChange[] };
}
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );

const said = 'a reason that nobody else reads';
const refund = (office: Client, amount: number) =>
  call(office, 'create_refund', { order_id: 'O-5007', amount, currency: 'EUR', reason: said });

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
  senior = await (await product.agent('senior-support')).mcp('back-office');
  const junior = await (await product.agent('junior-support')).mcp('back-office');
  for (const amount of [1, 2, 3]) expect((await refund(senior, amount)).isError).toBe(false);
  expect((await refund(senior, 150)).atf.code).toBe('segmentation.transaction_exceeded');
  expect((await refund(junior, 4)).atf.code).toBe('maturity.approval_required');
  for (const client of [senior, junior])
    expect((await call(client, 'get_order', { order_id: 'O-5007' })).isError).toBe(false);
  await logSettled(product);
  frozen = join(product.home, 'frozen');
  cpSync(join(root, 'policies'), frozen, { recursive: true });
  appendFileSync(
    join(frozen, 'guardrails.cedar'),
    `
@id("guardrails.refunds_frozen")
@requirement("S-2")
forbid (principal, action == ATF::Action::"write", resource == ATF::Tool::"back-office/create_refund");
`,
  );
});
afterAll(async () => product.remove());

describe('a backtest', () => {
  it('finds no change under the set in force, and decides every recorded decision again', async () => {
    const ran = await json('policy', 'backtest', join(root, 'policies'));
    expect(ran.code).toBe(0);
    const { size } = await operator.call('audit.status');
    const decided = (await entriesIn(join(product.dataDir, 'log'), size)).filter(({ type }) =>
      ['action.intent', 'action.asked', 'action.refused'].includes(type),
    );
    expect(decided.length).toBeGreaterThanOrEqual(7);
    const { report, changes } = read(ran);
    expect(report).toMatchObject({
      state: 'done',
      decisions: decided.length,
      changed: 0,
      otherVersion: 0,
      unreplayable: [],
      counts: [],
    });
    expect(report.progress.looked).toBe(report.progress.of);
    expect(changes).toEqual([]);
  });

  it('counts what a candidate would change, by agent, tool and policy, and lists each decision', async () => {
    const ran = await json('policy', 'backtest', frozen, '--days', '1');
    expect(ran.code).toBe(7);
    expect(ran.stderr).toMatch(/records, [\d,]+ a second/);
    const { report, changes } = read(ran);
    const tool = 'back-office/create_refund';
    expect(report).toMatchObject({
      changed: 4,
      listed: 4,
      unreplayable: [],
      counts: [
        { was: 'allow', would: 'refuse', count: 3 },
        { was: 'ask', would: 'refuse', count: 1 },
      ],
      agents: [
        { of: 'senior-support', was: 'allow', would: 'refuse', count: 3 },
        { of: 'junior-support', was: 'ask', would: 'refuse', count: 1 },
      ],
      tools: [
        { of: tool, was: 'allow', would: 'refuse', count: 3 },
        { of: tool, was: 'ask', would: 'refuse', count: 1 },
      ],
    });
    expect(report.rules).toContainEqual({
      of: 'guardrails.refunds_frozen',
      was: 'allow',
      would: 'refuse',
      count: 3,
    });
    expect(changes).toHaveLength(4);
    expect(changes[0]).toMatchObject({
      agent: 'senior-support',
      tool,
      was: 'allow',
      would: 'refuse',
      code: 'policy.forbidden',
      rules: expect.arrayContaining(['guardrails.refunds_frozen']),
    });
    const story = await operator.call('actions.show', { params: { id: changes[0]?.actionId ?? '' } });
    expect(story.records.map(({ index }) => index)).toContain(changes[0]?.record);
    // What was sealed is opened to be decided on, and told to nobody.
    expect(ran.stdout + ran.stderr).not.toContain(said);
  });

  it('tells people the same in sentences, of one agent where they say which, and of a candidate by its id', async () => {
    const { candidate } = read(await json('policy', 'backtest', frozen)).report;
    const ran = await cli('policy', 'backtest', candidate ?? '', '--agent', 'junior-support');
    expect(ran.code).toBe(7);
    expect(ran.stdout).toMatch(/^1 of \d+ recorded decisions about junior-support of the last 30 days/);
    expect(ran.stdout).toContain('… ask → ✗ refuse: 1');
    expect(ran.stdout).toContain('guardrails.refunds_frozen');
    const { items } = await operator.call('backtests.list', {
      query: { ...(candidate === undefined ? {} : { candidate }) },
    });
    expect(items.map(({ changed, agent }) => [changed, agent])).toEqual([
      [1, 'junior-support'],
      [4, undefined],
    ]);
    const params = { id: items[1]?.id ?? '' };
    const first = (await operator.call('backtests.changes', { params, query: { limit: 3 } })).items;
    const after = first.at(-1)?.record ?? 0;
    const rest = (await operator.call('backtests.changes', { params, query: { after } })).items;
    expect([first.length, rest.length]).toEqual([3, 1]);
  });

  it('is refused to those who may not propose, and for what there is not', async () => {
    const days = { days: 1 };
    const start = (body: object, by: ControlClient = operator) =>
      codeOf(by.call('backtests.start', { body: { ...days, ...body } }));
    const unknown = '00000000-0000-4000-8000-000000000000';
    const { client } = await product.signIn('paula.reyes@example.com');
    expect(await start({ agent: 'senior-support', level: 'intern' }, client)).toBe('people.not_allowed');
    expect(await start({ candidate: unknown })).toBe('policy.candidate_unknown');
    expect(await start({ agent: 'nobody', level: 'intern' })).toBe('identity.agent_not_found');
    expect(await start({ level: 'intern' })).toBe('request.malformed');
    expect(await start({})).toBe('request.malformed');
    expect(await start({ agent: 'senior-support', level: 'chief' })).toBe('request.malformed');
    expect(await codeOf(operator.call('backtests.show', { params: { id: unknown } }))).toBe(
      'policy.backtest_unknown',
    );
    expect(failure(await json('policy', 'backtest', frozen, '--days', '0'))).toMatchObject({ exitCode: 2 });
    expect(await codeOf(client.call('backtests.list'))).toBe('done');
  });
});

describe('another level', () => {
  it('shows what an agent would have been asked about, amounts and limits as they were', async () => {
    const ran = await json('agent', 'try-level', 'senior-support', 'junior');
    expect(ran.code).toBe(7);
    const { report, changes } = read(ran);
    expect(report).toMatchObject({
      agent: 'senior-support',
      level: 'junior',
      changed: 3,
      unreplayable: [],
      counts: [{ was: 'allow', would: 'ask', count: 3 }],
    });
    expect(new Set(changes.map(({ rules }) => rules.join(' ')))).toEqual(new Set(['levels.senior_acts']));
    expect(changes[0]?.because).toBe('level junior may write only after a person approves');
    const asBefore = await json('agent', 'try-level', 'senior-support', 'senior');
    expect([asBefore.code, read(asBefore).report.changed]).toEqual([0, 0]);
  });

  it('names what is owed where the outcome stays the same', async () => {
    const { report, changes } = read(await json('agent', 'try-level', 'senior-support', 'principal'));
    expect(report.counts).toEqual([{ was: 'allow', would: 'allow', count: 3 }]);
    expect(changes[0]).toMatchObject({ owed: { was: ['notify'], would: [] } });
  });
});

describe('the shadow', () => {
  /** Gateways ask for it now and then, and tell as often. */
  const shadowWhen = (what: string, is: (shadow: Shadow) => boolean) =>
    until(what, async () => {
      const { shadow } = await operator.call('shadow.show');
      return shadow !== undefined && is(shadow) ? shadow : undefined;
    });
  const start = async () => {
    const ran = await json('policy', 'shadow', 'start', frozen, '--hours', '1');
    expect(ran.code).toBe(0);
    return documents(ran)[0] as unknown as Shadow;
  };

  it('counts what would have been other, and decides nothing', async () => {
    expect((await cli('policy', 'shadow', 'status')).stdout).toContain('No candidate is in the shadow');
    const { candidate } = await start();
    expect(failure(await json('policy', 'shadow', 'start', candidate)).code).toBe('policy.shadow_running');
    await shadowWhen('the gateway to have it', ({ gateways }) => gateways > 0);
    expect((await refund(senior, 5)).isError).toBe(false);
    const tool = 'back-office/create_refund';
    const change = { was: 'allow', would: 'refuse', count: 1 };
    expect(await shadowWhen('the refund to be counted', ({ changed }) => changed > 0)).toMatchObject({
      state: 'running',
      candidate,
      base: 1,
      failed: 0,
      skipped: 0,
      counts: [change],
      agents: [{ ...change, of: 'senior-support' }],
      tools: [{ ...change, of: tool }],
      rules: expect.arrayContaining([{ ...change, of: 'guardrails.refunds_frozen' }]),
    });
    const told = await cli('policy', 'shadow', 'status');
    expect(told.stdout).toContain('The shadow runs');
    expect(told.stdout).toContain('✓ allow → ✗ refuse: 1');
    const stopped = documents(await json('policy', 'shadow', 'stop'))[0];
    expect(stopped).toMatchObject({ state: 'stopped', changed: 1 });
  });

  it('is nothing for those who may not propose, and for those who are no gateway', async () => {
    const { client } = await product.signIn('paula.reyes@example.com');
    const body = { candidate: '00000000-0000-4000-8000-000000000000' };
    expect(await codeOf(client.call('shadow.start', { body }))).toBe('people.not_allowed');
    expect(await codeOf(client.call('shadow.stop'))).toBe('people.not_allowed');
    expect(await codeOf(operator.call('shadow.start', { body }))).toBe('policy.candidate_unknown');
    const said = { body: { boot: body.candidate } };
    expect(await codeOf(operator.call('gateway.shadow', said))).not.toBe('done');
    expect((await operator.call('shadow.show')).shadow).toMatchObject({ state: 'stopped', changed: 1 });
  });

  it('ends when another version comes into force', async () => {
    const { id } = await start();
    await shadowWhen('the gateway to have it', (shadow) => shadow.id === id && shadow.gateways > 0);
    const reason = 'the same again';
    const proposed = await operator.call('policy.propose', { body: { base: 1, restores: 1, reason } });
    const security = await product.open(product.ready.signInUrl ?? '');
    const { id: candidate, shownDigest } = proposed;
    const presence = await security.presence({ kind: 'policy', id: candidate, digest: shownDigest });
    await security.client.call('policy.confirm', {
      params: { id: candidate },
      body: { shownDigest, presence },
    });
    expect((await operator.call('shadow.show')).shadow).toMatchObject({ id, state: 'overtaken', base: 1 });
  });
});
