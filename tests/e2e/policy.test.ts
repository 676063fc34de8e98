/**
 * Policy as code through the front door: proposed by the command line, confirmed by people who are present, and the next call of a connected agent is decided
 * under it, without a restart and across one.
 */
import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents, failure } from './cli-run.ts';
import { call, confirmPolicy, Product, root, type Signed, until } from './product.ts';

let product: Product;
let operator: ControlClient;
/** The first person with a factor; answers for security. */
let security: Signed;
let second: Signed;
let office: Client;

const cli = (...args: string[]) =>
  atf([...args, '--data', product.dataDir, '--json'], {
    env: { XDG_CONFIG_HOME: `${product.home}/config` },
  });
const folder = (name: string) => join(product.home, name);
function copyOf(name: string): string {
  cpSync(join(root, 'policies'), folder(name), { recursive: true });
  return folder(name);
}
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );
let amount = 0;
/** A refund that a Senior may make alone; another amount each time, so that no call is a repeat. */
const refund = () => {
  amount += 1;
  return call(office, 'create_refund', { order_id: 'O-5007', amount, currency: 'EUR', reason: 'damaged' });
};

const waiting = (reason: string) =>
  until(`the candidate "${reason}"`, async () =>
    (await operator.call('policy.candidates')).items.find((candidate) => candidate.reason === reason),
  );

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
  security = await product.open(product.ready.signInUrl ?? '');
  await security.presence({ kind: 'factor', id: 'x', digest: 'A'.repeat(43) });
  // With a person's factor in place, the way to the next one leads through that person.
  second = await product.signInCleared('yuki.mori@example.com', security);
  office = await (await product.agent('senior-support')).mcp('back-office');
});
afterAll(async () => product.remove());

/** No refunds, whatever anybody approves. */
const freeze = `
@id("guardrails.refunds_frozen")
@requirement("S-2")
forbid (principal, action == ATF::Action::"write", resource == ATF::Tool::"back-office/create_refund");
`;

describe('a policy that is applied', () => {
  it('changes the next call of a connected agent, and says before whose rights vanish', async () => {
    expect((await refund()).isError).toBe(false);
    const dir = copyOf('frozen');
    appendFileSync(join(dir, 'guardrails.cedar'), freeze);
    const planned = await cli('policy', 'plan', dir);
    expect(planned.code).toBe(7);
    expect(documents(planned)[0]).toMatchObject({
      candidate: { state: 'plan', loosens: [], policies: { added: ['guardrails.refunds_frozen'] } },
      items: expect.arrayContaining([
        {
          agent: 'senior-support',
          level: 'senior',
          changes: [
            {
              tool: 'back-office/create_refund',
              class: 'write',
              before: 'allow',
              after: 'refuse',
              code: 'policy.forbidden',
            },
          ],
        },
      ]),
    });
    expect((await refund()).isError).toBe(false);

    const applying = cli('policy', 'apply', dir, '--reason', 'refunds are frozen');
    const candidate = await waiting('refunds are frozen');
    expect(candidate.confirmations).toEqual({ needed: 1, by: [] });
    const body = { shownDigest: candidate.shownDigest, presence: 'x'.repeat(43) };
    const params = { id: candidate.id };
    expect(await codeOf(operator.call('policy.confirm', { params, body }))).toBe('people.presence_required');
    expect(await codeOf(security.client.call('policy.confirm', { params, body }))).toBe(
      'people.presence_invalid',
    );
    expect(await confirmPolicy(security, candidate)).toMatchObject({ state: 'applied', version: 2 });
    const applied = await applying;
    expect([applied.code, applied.stderr]).toEqual([0, expect.stringContaining(`/policy/${candidate.id}`)]);
    expect(documents(applied)).toMatchObject([{ state: 'applied', version: 2 }]);
    await product.heard('senior-support');
    expect(await refund()).toMatchObject({ isError: true, atf: { code: 'policy.forbidden' } });
  });

  it('stays over a restart, where the folder of the start is another and does not count', async () => {
    await product.stop();
    const { home, ports } = product;
    product = await Product.start({ home, ports });
    operator = await product.operator();
    const shown = await cli('policy', 'show');
    expect(documents(shown)[0]).toMatchObject({
      version: 2,
      reason: 'refunds are frozen',
      folder: { differs: ['guardrails.cedar'] },
    });
    expect(shown.stderr).toContain('guardrails.cedar');
    office = await (await product.agent('senior-support')).mcp('back-office');
    expect(await refund()).toMatchObject({ isError: true, atf: { code: 'policy.forbidden' } });
  });

  it('goes back by the same rules: what it loosens takes a second person', async () => {
    const rolling = cli('policy', 'rollback', '1', '--reason', 'refunds again');
    const candidate = await waiting('refunds again');
    expect(candidate).toMatchObject({
      restores: 1,
      confirmations: { needed: 2 },
      loosens: ['forbid guardrails.refunds_frozen is gone'],
    });
    const params = { id: candidate.id };
    const [changed, ...rest] = (await second.client.call('policy.candidateFiles', { params })).items;
    expect(rest).toEqual([]);
    expect(changed).toMatchObject({
      name: 'guardrails.cedar',
      before: expect.stringContaining('refunds_frozen'),
      after: expect.not.stringContaining('refunds_frozen'),
    });
    expect(await confirmPolicy(second, candidate)).toMatchObject({ state: 'waiting' });
    expect(await codeOf(confirmPolicy(second, candidate))).toBe('policy.confirmation_invalid');
    expect(await refund()).toMatchObject({ isError: true, atf: { code: 'policy.forbidden' } });
    expect(await confirmPolicy(security, candidate)).toMatchObject({ state: 'applied', version: 3 });
    expect((await rolling).code).toBe(0);
    await product.heard('senior-support');
    expect((await refund()).isError).toBe(false);
    const [newest] = documents(await cli('policy', 'history'));
    expect(newest).toMatchObject({
      version: 3,
      restores: 1,
      loosens: ['forbid guardrails.refunds_frozen is gone'],
    });
    expect(newest?.['by']).toHaveLength(2);
    const old = folder('version-2');
    expect((await cli('policy', 'show', '--version', '2', '--out', old)).code).toBe(0);
    expect(readFileSync(join(old, 'guardrails.cedar'), 'utf8')).toContain('refunds_frozen');
    expect((await cli('policy', 'show', '--out', old)).code).toBe(2);
  });
});

describe('what is refused', () => {
  it('two administrators at once: the second is told', async () => {
    const base = (await operator.call('policy.show')).version;
    const { items } = await operator.call('policy.history');
    const restores = items.at(-1)?.version ?? 1;
    const propose = (reason: string) => operator.call('policy.propose', { body: { base, restores, reason } });
    const [first, other] = [await propose('first'), await propose('other')];
    expect(await confirmPolicy(security, first)).toMatchObject({ state: 'applied' });
    expect(await codeOf(confirmPolicy(second, other))).toBe('policy.version_conflict');
    const late = await cli('policy', 'apply', copyOf('late'), '--reason', 'late', '--base', String(base));
    expect(failure(late)).toMatchObject({ exitCode: 1, code: 'policy.version_conflict' });
  });

  it('text that does not parse, with line and column, and a set that does not do what its cases want', async () => {
    const before = await operator.call('policy.show');
    const broken = copyOf('broken');
    appendFileSync(join(broken, 'levels.cedar'), '\npermit (');
    expect(failure(await cli('policy', 'apply', broken, '--reason', 'r'))).toMatchObject({
      code: 'policy.invalid',
      message: expect.stringMatching(/levels\.cedar:\d+:\d+: unexpected/),
    });
    const wrong = copyOf('wrong');
    const cases = join(wrong, 'cases', 'levels.yaml');
    writeFileSync(cases, readFileSync(cases, 'utf8').replace('decision: deny', 'decision: allow'));
    expect(failure(await cli('policy', 'apply', wrong, '--reason', 'r'))).toMatchObject({
      code: 'policy.case_failed',
      message: expect.stringContaining('wanted allow, got deny'),
    });
    expect(await operator.call('policy.show')).toEqual(before);
  });
});

describe('a folder without a running product', () => {
  const offline = (...args: string[]) => atf(['policy', ...args, '--json'], { cwd: product.home });

  it('is linted, tested and formatted, with exit codes for CI', async () => {
    const dir = copyOf('own');
    expect(documents(await offline('lint', dir))[0]).toMatchObject({ problems: [], policies: 17 });
    const tested = await offline('test', dir);
    expect(tested.code).toBe(0);
    appendFileSync(
      join(dir, 'cases', 'guardrails.yaml'),
      '  - name: what nobody wants\n    want: { outcome: refuse, policies: [levels.read], obligations: [notify] }\n',
    );
    const failed = await offline('test', dir);
    expect(failed.code).toBe(1);
    expect(
      (documents(failed)[0]?.['cases'] as { name: string; problems: string[] }[]).filter(
        ({ problems }) => problems.length > 0,
      ),
    ).toMatchObject([
      {
        name: 'what nobody wants',
        problems: [
          'outcome: wanted refuse, got allow',
          expect.stringContaining('policies: wanted levels.read'),
          expect.stringContaining('obligations: wanted notify'),
        ],
      },
    ]);
    appendFileSync(
      join(dir, 'guardrails.cedar'),
      '\n@id("mine.send")\n@requirement("S-2")\nforbid (principal, action == ATF::Action::"send", resource)\nwhen { context.nothing };\n',
    );
    const linted = await offline('lint', dir);
    expect(linted.code).toBe(1);
    expect(documents(linted)[0]?.['problems']).toEqual([
      expect.stringMatching(/^guardrails\.cedar:\d+:8 mine\.send: .*nothing/),
    ]);
    expect((await offline('format', dir, '--check')).code).toBe(1);
    expect((await offline('format', dir)).code).toBe(0);
    expect((await offline('format', dir, '--check')).code).toBe(0);
  });
});

describe('a policy about one agent', () => {
  it('binds that agent and no other, and a name that nobody has is warned of with its place', async () => {
    const dir = copyOf('one-agent');
    const about = (id: string, name: string) => `
@id("own.${id}")
@requirement("S-2")
forbid (principal, action == ATF::Action::"write", resource) when { principal.name == "${name}" };
`;
    const cases = `defaults: { level: senior, action: write, tool: { writeSafe: true, reversible: true } }
cases:
  - { name: the one, agent: { name: senior-support }, want: { outcome: refuse, policies: [own.senior] } }
  - { name: another, agent: { name: another }, want: { outcome: allow } }
`;
    writeFileSync(
      join(dir, 'own.cedar'),
      about('senior', 'senior-support') + about('nobody', 'senior-suport'),
    );
    writeFileSync(join(dir, 'cases/own.yaml'), cases);
    const [linted] = documents(await cli('policy', 'lint', dir));
    expect((linted?.['warnings'] as string[]).filter((said) => said.includes('no agent'))).toEqual([
      expect.stringMatching(/^own\.cedar:8:\d+ own\.nobody: no agent is called "senior-suport"/),
    ]);
    const [planned] = documents(await cli('policy', 'plan', dir));
    expect(planned?.['items']).toMatchObject([{ agent: 'senior-support' }]);
    const applying = cli('policy', 'apply', dir, '--reason', 'one agent writes nothing');
    await confirmPolicy(security, await waiting('one agent writes nothing'));
    expect((await applying).code).toBe(0);
    await product.heard('senior-support');
    expect(await refund()).toMatchObject({ isError: true, atf: { code: 'policy.forbidden' } });
    const junior = await (await product.agent('junior-support')).mcp('back-office');
    const asked = { order_id: 'O-5008', amount: 2, currency: 'EUR', reason: 'damaged' };
    expect((await call(junior, 'create_refund', asked)).atf.code).toBe('maturity.approval_required');
  });
});
