/**
 * Policies about the arguments, the amount and the time of a call, through the front door: written with the command line, refused with line and column where they
 * name what a tool has not, and from then on each call of an agent is allowed, asked about or refused by what it says.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyCandidate } from '@atf/core/wire/policy';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents, failure } from './cli-run.ts';
import { logSettled, readLog } from './read-log.ts';
import { call, Product, released, root, type Signed, until } from './product.ts';

let product: Product;
let operator: ControlClient;
let security: Signed;
let office: Client;

const environment = () => ({ env: { XDG_CONFIG_HOME: `${product.home}/config` } });
const cli = (...args: string[]) => atf([...args, '--data', product.dataDir, '--json'], environment());
const told = (...args: string[]) => atf([...args, '--data', product.dataDir], environment());
/** Never with summer time, so that how far each is from UTC is the same at any time. */
const zones = ['Asia/Dubai', 'Asia/Kolkata'];
function folderWith(name: string, text: string): string {
  const dir = join(product.home, name);
  cpSync(join(root, 'policies'), dir, { recursive: true });
  writeFileSync(join(dir, 'own.cedar'), text);
  const settings = join(dir, 'settings.yaml');
  writeFileSync(
    settings,
    readFileSync(settings, 'utf8').replace('timeZones: []', `timeZones: [${zones.join(', ')}]`),
  );
  return dir;
}
const problemsOf = (ran: Awaited<ReturnType<typeof cli>>) =>
  documents(ran)[0]?.['problems'] as readonly string[];

async function confirm(by: Signed, { id, shownDigest }: PolicyCandidate): Promise<PolicyCandidate> {
  const presence = await by.presence({ kind: 'policy', id, digest: shownDigest });
  return by.client.call('policy.confirm', { params: { id }, body: { shownDigest, presence } });
}

async function apply(dir: string, reason: string): Promise<void> {
  const applying = cli('policy', 'apply', dir, '--reason', reason);
  const candidate = await until(`the candidate "${reason}"`, async () =>
    (await operator.call('policy.candidates')).items.find((each) => each.reason === reason),
  );
  expect(await confirm(security, candidate)).toMatchObject({ state: 'applied' });
  expect((await applying).code).toBe(0);
  await product.heard('senior-support');
}

const refund = (args: Record<string, unknown>) =>
  call(office, 'create_refund', { order_id: 'O-5007', amount: 1, currency: 'EUR', reason: 'late', ...args });

/** A forbid about one tool; the condition begins in line 4, column 8. */
const about = (id: string, condition: string, scope = 'resource == ATF::Tool::"back-office/create_refund"') =>
  `@id("own.${id}") @requirement("S-4")
@title("refunds about ${id}")
forbid (principal, action, ${scope})
when { ${condition} };
`;

const byArguments = [
  about('orders', '["O-5006"].contains(context.args.order_id)'),
  about('goodwill', 'context.args.reason like "*goodwill*" && !context.approved'),
].join('\n');

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
  security = await product.open(product.ready.signInUrl ?? '');
  await security.presence({ kind: 'factor', id: 'x', digest: 'A'.repeat(43) });
  office = await (await product.agent('senior-support')).mcp('back-office');
});
afterAll(async () => product.remove());

describe('what policies may ask about', () => {
  it('is printed for every tool, and whole for one', async () => {
    const [all] = documents(await cli('policy', 'schema'));
    const tools = all?.['tools'] as { tool: string; leftOut: Record<string, string> }[];
    expect(tools.find(({ tool }) => tool === 'back-office/create_refund')?.leftOut).toEqual({
      amount: expect.stringContaining('fraction'),
    });
    const one = await told('policy', 'schema', '--tool', 'back-office/create_refund');
    expect(one.stdout).toMatch(/args: (Args_back_office_create_refund_\w+),/);
    expect(one.stdout).toContain('order_id: String');
    expect(one.stdout).toContain('"amount" has no type here');
    expect((await cli('policy', 'schema', '--tool', 'back-office/no_such_tool')).code).not.toBe(0);
  });

  it.each([
    ['a misspelt argument', about('a', 'context.args.raeson == "x"'), /own\.cedar:4:8 own\.a: .*raeson/],
    ['a wrong type', about('b', 'context.args.order_id > 5'), /own\.cedar:4:\d+ own\.b: .*Long/],
    [
      'an argument without a type',
      about('c', 'context.args.amount > 5'),
      /own\.c: .*amount has no type in policies: it is a number/,
    ],
    [
      'no one tool',
      about('d', 'context.args.reason == "x"', 'resource'),
      /own\.cedar:1:1 own\.d: .*about one tool/,
    ],
    [
      'an unknown tool',
      about('e', 'context.args.x == "x"', 'resource == ATF::Tool::"back-office/nothing"'),
      /own\.e: .*no such tool was accepted/,
    ],
    [
      'what would pass over old gateways',
      about('f', 'context has args && context.args.reason == "x"'),
      /own\.f: .*leave out "context has args"/,
    ],
    [
      'another zone',
      about('z', 'context.time["Asia/Dubay"].hour == 8'),
      /own\.cedar:4:\d+ own\.z: "Asia\/Dubay" is no time zone/,
    ],
    ['time as a text', about('g', 'context.time.hour == "8"'), /own\.cedar:4:\d+ own\.g/],
  ])('%s is refused with its place', async (name, text, problem) => {
    const dir = folderWith(`bad ${name}`.replaceAll(' ', '-'), text);
    const linted = await cli('policy', 'lint', dir);
    expect([linted.code, problemsOf(linted).join('\n')]).toEqual([1, expect.stringMatching(problem)]);
  });

  it('a server of which no tool was accepted is warned of, and one that is there is not', async () => {
    const held = (name: string, server: string) =>
      `@id("own.${name}")\n@requirement("S-2")\nforbid (principal, action, resource in ATF::Server::"${server}")\nwhen { context.humanCheckpoint };\n`;
    const misjudged = `@id("own.class")\n@requirement("S-2")\nforbid (principal, action == ATF::Action::"send", resource == ATF::Tool::"back-office/create_refund");\n`;
    const text = `${held('there', 'back-office')}${held('gone', 'back-offce')}${misjudged}`;
    const dir = folderWith('servers', text);
    const linted = await cli('policy', 'lint', dir);
    expect([linted.code, problemsOf(linted)]).toEqual([0, []]);
    const warnings = documents(linted)[0]?.['warnings'] as string[];
    expect(warnings.filter((warning) => /of server|never applies/.test(warning))).toEqual([
      expect.stringMatching(/^own\.cedar:7:\d+ own\.gone: no tool of server "back-offce" was accepted/),
      expect.stringMatching(/^own\.cedar:11:\d+ own\.class: "back-office\/create_refund" is write, so this/),
    ]);
  });

  it('a misspelt argument is not planned or applied either, and lint without control goes by saved types', async () => {
    const dir = folderWith('misspelt', about('a', 'context.args.raeson == "x"'));
    for (const command of [
      ['plan', dir],
      ['apply', dir, '--reason', 'r'],
    ])
      expect(failure(await cli('policy', ...command))).toMatchObject({
        code: 'policy.invalid',
        message: expect.stringMatching(/own\.cedar:4:8 own\.a: .*raeson/),
      });
    const types = join(product.home, 'types.json');
    writeFileSync(types, (await cli('policy', 'schema')).stdout);
    const elsewhere = (...args: string[]) =>
      atf(['policy', 'lint', dir, '--data', join(product.home, 'nothing'), '--json', ...args], environment());
    const saved = await elsewhere('--types', types);
    expect([saved.code, problemsOf(saved).join('\n')]).toEqual([1, expect.stringMatching(/own\.cedar:4:8/)]);
    const blind = await elsewhere();
    expect(blind.code).toBe(0);
    expect(documents(blind)[0]?.['warnings']).toContainEqual(
      expect.stringContaining('the arguments of back-office/create_refund were not checked'),
    );
  });
});

describe('a policy about arguments', () => {
  it('is planned as what it is: both sides at most, and the arguments decide', async () => {
    expect((await refund({ reason: 'goodwill' })).isError).toBe(false);
    const dir = folderWith('right', byArguments);
    expect((await cli('policy', 'lint', dir)).code).toBe(0);
    const planned = documents(await cli('policy', 'plan', dir))[0];
    expect(planned).toMatchObject({ candidate: { loosens: [] } });
    expect(planned?.['items']).toContainEqual({
      agent: 'senior-support',
      level: 'senior',
      changes: [
        {
          tool: 'back-office/create_refund',
          class: 'write',
          before: 'allow',
          after: 'allow',
          byArguments: ['own.goodwill', 'own.orders'],
        },
      ],
    });
  });

  it('tells the calls on record that it would have decided otherwise', async () => {
    const ran = await cli('policy', 'backtest', join(product.home, 'right'), '--days', '1');
    expect(ran.code).toBe(7);
    expect(ran.stdout).toContain('own.goodwill');
  });

  it('allows, asks and refuses by what each call says', async () => {
    await apply(join(product.home, 'right'), 'goodwill waits for a person');
    expect((await refund({ amount: 2 })).isError).toBe(false);
    expect(await refund({ order_id: 'O-5006', amount: 2 })).toMatchObject({
      isError: true,
      atf: { code: 'policy.forbidden' },
    });
    const asked = await refund({ reason: 'a goodwill gesture', amount: 3 });
    expect(asked.atf.code).toBe('maturity.approval_required');
    expect(asked.text).toContain('refunds about goodwill');
    await released(security, asked.atf.approvalId, () => refund({ reason: 'a goodwill gesture', amount: 3 }));
    // The approval was of exactly that call.
    expect((await refund({ reason: 'a goodwill gesture', amount: 3.5 })).atf.code).toBe(
      'maturity.approval_required',
    );
    // What does not fit the schema never reaches a policy.
    expect((await refund({ reason: ['goodwill'], amount: 4 })).atf.code).toBe('data.schema_invalid');
    expect((await refund({ reason: null, amount: 4 })).atf.code).toBe('data.schema_invalid');
    const agents = (await operator.call('agents.list')).items;
    const id = agents.find(({ name }) => name === 'senior-support')?.id ?? '';
    const { items } = await operator.call('agents.rights', { params: { id } });
    expect(items.find(({ tool }) => tool === 'back-office/create_refund')).toMatchObject({
      outcome: 'allow',
      because: expect.stringContaining('its arguments decide (own.orders, own.goodwill)'),
    });
  });

  it('is replayed from its record', async () => {
    expect((await cli('audit', 'verify')).code).toBe(0);
  });
});

describe('a policy about the amount and the time', () => {
  it('from a template, with its cases', async () => {
    const dir = folderWith('amounts', byArguments);
    mkdirSync(join(dir, 'cases'), { recursive: true });
    expect((await told('policy', 'templates')).stdout).toMatch(/refund-limit +refunds up to 50 EUR alone/);
    const text = await told('policy', 'template', 'refund-limit');
    writeFileSync(join(dir, 'refunds.cedar'), text.stdout);
    writeFileSync(
      join(dir, 'cases/refund-limit.yaml'),
      (await told('policy', 'template', 'refund-limit', '--cases')).stdout,
    );
    expect((await told('policy', 'template', 'nothing')).code).toBe(2);
    const tested = await cli('policy', 'test', dir);
    expect([tested.code, tested.stdout]).toEqual([0, expect.stringContaining('one cent above it')]);
    await apply(dir, 'above 50 EUR a person');
    expect((await refund({ amount: 50 })).isError).toBe(false);
    const asked = await refund({ amount: 50.01 });
    expect([asked.atf.code, asked.text]).toEqual([
      'maturity.approval_required',
      expect.stringContaining('only refunds of up to 50 EUR need nobody'),
    ]);
  });

  const limit = async () => (await told('policy', 'template', 'refund-limit')).stdout;
  const held = [
    about('mail', 'context has dataLabels && context.dataLabels.contains("PII") && !context.approved'),
    about(
      'risk',
      'context has risk && context.risk >= 40 && !context.approved && principal.purpose like "*complaints*"',
    ),
  ].join('\n');

  // Four hours ahead, and five and a half.
  const zoned = [
    about('dubai', 'context.time["Asia/Dubai"].minute != context.time.minute'),
    about(
      'kolkata',
      'context.args.order_id == "O-5002" && context.time["Asia/Kolkata"].minute != context.time.minute',
    ),
  ].join('\n');

  it('by what its arguments hold, and by how much could go wrong for whom', async () => {
    await apply(
      folderWith('held', [byArguments, await limit(), held, zoned].join('\n')),
      'addresses in refunds wait',
    );
    expect((await refund({ amount: 6 })).isError).toBe(false);
    const asked = await refund({ reason: 'late, said ada@example.com', amount: 6 });
    expect(asked.atf.code).toBe('maturity.approval_required');
    expect(asked.text).toContain('refunds about mail');
    expect(asked.text).toContain('refunds about risk');
  });

  it('by the clocks of a time zone, which the record keeps', async () => {
    expect((await refund({ amount: 4.5 })).isError).toBe(false);
    const refused = await refund({ order_id: 'O-5002', amount: 4.5 });
    expect(refused.atf.code).toBe('policy.forbidden');
    await logSettled(product);
    const { entries } = await readLog(product);
    expect(entries.find(({ body }) => body['actionId'] === refused.atf.actionId)?.body).toMatchObject({
      facts: { zones: { 'Asia/Dubai': 240, 'Asia/Kolkata': 330 } },
    });
  });

  it('by the day of the decision, in UTC', async () => {
    const day = (ahead: number) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
    // Each version keeps what the one before forbids: taking it away would loosen.
    const freeze = (id: string, ...days: string[]) =>
      about(
        id,
        `[${days.map((each) => JSON.stringify(each)).join(', ')}].contains(context.time.date)`,
        'resource',
      );
    const before = [byArguments, await limit(), held, zoned, freeze('old_freeze', '2001-01-01')].join('\n');
    await apply(folderWith('another-day', before), 'a freeze that is over');
    expect((await refund({ amount: 5 })).isError).toBe(false);
    await apply(
      folderWith('these-days', [before, freeze('freeze', day(0), day(1))].join('\n')),
      'a freeze that is now',
    );
    expect((await refund({ amount: 5 })).atf.code).toBe('policy.forbidden');
  });
});
