/**
 * What all calls of an agent together may do (S-5), and when it may do anything (S-2), through the front door: money, records and calls, how many at one time; over crashes of both planes.
 * Effects are read from the back office's own file.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents } from './cli-run.ts';
import { call, Product, root, until } from './product.ts';

let product: Product;

beforeAll(async () => {
  product = await Product.start();
  await withLimits('senior-support', [
    '{ tool: back-office/create_refund, currency: EUR, total: { amount: 50, per: day } }',
    '{ tool: back-office/list_refunds, total: { records: 3, per: hour } }',
    '{ tool: back-office/get_order, total: { calls: 4, per: task } }',
  ]);
  const yesterday = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);
  await withWindows('intern-analyst', [
    `{ tool: back-office/get_order, until: "${yesterday}" }`,
    '{ from: "2020-01-01", hours: "00:00-24:00", timeZone: Europe/Berlin }',
  ]);
  await withLimits('principal-operations', ['{ tool: back-office/export_report, concurrent: 1 }']);
}, 120_000);
afterAll(async () => product.remove());

/** Registers the next version of an agent of the example with more limits: narrower, so that its level stays. */
async function withLimits(name: string, limits: readonly string[]): Promise<void> {
  const before = await readFile(join(root, `examples/workspace/agents/${name}.yaml`), 'utf8');
  const manifest = before
    .replace(/^version: .*$/m, 'version: 9.0.0')
    .replace(/^limits:$/m, ['limits:', ...limits.map((limit) => `  - ${limit}`)].join('\n'));
  const operator = await product.operator();
  const { level, ceiling } = await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
  expect([name, level, ceiling]).toEqual([name, expect.not.stringMatching('intern'), undefined]);
  await product.heard(name);
}

async function withWindows(name: string, windows: readonly string[]): Promise<void> {
  const before = await readFile(join(root, `examples/workspace/agents/${name}.yaml`), 'utf8');
  const lines = ['windows:', ...windows.map((window) => `  - ${window}`)].join('\n');
  const manifest = `${before.replace(/^version: .*$/m, 'version: 9.0.0')}\n${lines}\n`;
  await (await product.operator()).call('agents.register', { body: { manifest, format: 'yaml' } });
  await product.heard(name);
}

async function effects(word: string): Promise<number> {
  const text = await readFile(join(product.dataDir, 'back-office/effects.log'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line.includes(word)).length;
}

const office = async (name = 'senior-support'): Promise<Client> =>
  (await product.agent(name)).mcp('back-office');
const refund = async (client: Client, amount: unknown, order = 'O-5005', more: object = {}) =>
  call(client, 'create_refund', {
    order_id: order,
    amount,
    currency: 'EUR',
    reason: 'arrived broken',
    ...more,
  });

const totals = async (name = 'senior-support') => {
  const { items } = await (await product.operator()).call('agents.totals', { params: { id: name } });
  return items;
};
const spentOn = async (tool: string) =>
  (await totals()).find((total) => total.tool === `back-office/${tool}`)?.spent;
/** What a gateway says of the end of a call reaches control a moment later. */
const settled = (tool: string, wanted: number) =>
  until(`${tool} to have spent ${wanted}`, async () =>
    (await spentOn(tool)) === wanted ? wanted : undefined,
  );

describe('money in one day', () => {
  it('admits what the total says of many calls at once from several instances, and gives back what failed', async () => {
    const clients = await Promise.all([office(), office(), office()]);
    // The tool itself says that there is no such order: that cost nothing.
    const failed = await refund(clients[0], 30, 'O-9999');
    expect([failed.isError, failed.atf.code]).toEqual([true, undefined]);
    await settled('create_refund', 0);
    const before = await effects('refund.created');
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_, at) => refund(clients[at % 3] as Client, 7.5)),
    );
    const done = answers.filter(({ isError }) => !isError);
    expect(done.length).toBe(6);
    expect((await effects('refund.created')) - before).toBe(6);
    const refused = answers.find(({ isError }) => isError);
    expect(refused?.atf.code).toBe('segmentation.total_exceeded');
    expect(refused?.text).toMatch(/S-5/);
    expect(refused?.text).toContain('5 EUR left');
    await settled('create_refund', 45);
    expect((await refund(clients[1], 5)).isError).toBe(false);
    expect((await refund(clients[2], 0.01)).atf.code).toBe('segmentation.total_exceeded');
  });

  it.each(['control', 'gateway'] as const)('is not reset when %s crashes', async (plane) => {
    await product.crash(plane);
    await product.serving();
    expect((await refund(await office(), 1)).atf.code).toBe('segmentation.total_exceeded');
    expect(await spentOn('create_refund')).toBe(50);
  });

  it('a next version of the agent does not begin it anew', async () => {
    const before = await readFile(join(root, 'examples/workspace/agents/senior-support.yaml'), 'utf8');
    const manifest = before
      .replace(/^version: .*$/m, 'version: 9.1.0')
      .replace(
        /^limits:$/m,
        'limits:\n  - { tool: back-office/create_refund, currency: EUR, total: { amount: 40, per: day } }\n  - { tool: back-office/list_refunds, total: { records: 3, per: hour } }\n  - { tool: back-office/get_order, total: { calls: 4, per: task } }',
      );
    await (await product.operator()).call('agents.register', { body: { manifest, format: 'yaml' } });
    await product.heard('senior-support');
    expect((await refund(await office(), 1)).atf.code).toBe('segmentation.total_exceeded');
  });

  it.each([
    ['as text', '1', {}],
    ['that is negative', -1, {}],
    ['in another currency', 1, { currency: 'USD' }],
    ['that stands twice', 1, { details: { Amount: 9_000 } }],
  ])('an amount %s is refused and does nothing', async (_, amount, more) => {
    const before = await effects('refund.created');
    const answer = await refund(await office(), amount, 'O-5005', more);
    expect(answer.isError).toBe(true);
    expect(['data.schema_invalid', 'segmentation.amount_unreadable', undefined]).toContain(answer.atf.code);
    expect(await effects('refund.created')).toBe(before);
  });
});

it('an amount beyond 2^53 is refused before anything reads it', async () => {
  await expect(refund(await office(), 2 ** 60)).rejects.toThrow('cannot be represented exactly');
});

it('records: an answer that holds more than is left is not given, and does not count', async () => {
  const client = await office();
  const list = () => call(client, 'list_refunds', { limit: 2 });
  expect((await list()).isError).toBe(false);
  await settled('list_refunds', 2);
  const more = await list();
  expect(more.atf.code).toBe('segmentation.total_exceeded');
  expect(more.text).not.toContain('O-5001');
});

it('calls: a total of a task counts by task, and a new session without one does not begin anew', async () => {
  const reads = async (client: Client) => (await call(client, 'get_order', { order_id: 'O-5001' })).atf.code;
  const first = await office();
  expect([await reads(first), await reads(first), await reads(first)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  const second = await office();
  expect(await reads(second)).toBeUndefined();
  expect(await reads(second)).toBe('segmentation.total_exceeded');
  expect(await reads(first)).toBe('segmentation.total_exceeded');
  const words = 'Look at order O-5001 and say where it is.';
  const ines = await product.signIn('ines.marchetti@example.com');
  const { id } = await ines.client.call('agents.show', { params: { id: 'senior-support' } });
  const { id: task } = await ines.client.call('tasks.give', { params: { id }, body: { words } });
  const agent = await product.agent('senior-support', { task });
  const third = await agent.mcp('back-office');
  expect(await reads(third)).toBeUndefined();
});

it('at one time: the next call waits for nobody and is told to come back, and the place is free again', async () => {
  const client = await office('principal-operations');
  const other = await office('principal-operations');
  const slow = call(client, 'export_report', { report: 'orders', seconds: 4 });
  await until('the first export', async () => ((await effects('report.started')) > 0 ? true : undefined));
  expect((await totals('principal-operations'))[0]).toMatchObject({ unit: 'running', spent: 1, max: 1 });
  expect((await call(other, 'export_report', { report: 'refunds', seconds: 0 })).atf.code).toBe(
    'segmentation.too_many_at_once',
  );
  expect((await slow).isError).toBe(false);
  await until('the place to be free', async () => {
    const answer = await call(other, 'export_report', { report: 'refunds', seconds: 0 });
    return answer.isError ? undefined : true;
  });
});

it('outside every window a tool is refused and still listed; others go on', async () => {
  const client = await office('intern-analyst');
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain('get_order');
  const refused = await call(client, 'get_order', { order_id: 'O-5001' });
  expect(refused.atf.code).toBe('segmentation.outside_window');
  expect(refused.text).toContain('until 20');
  expect((await call(client, 'list_orders', { limit: 1 })).isError).toBe(false);
});

it('atf agent show says what is spent', async () => {
  const shown = await atf(['agent', 'show', 'senior-support', '--data', product.dataDir]);
  expect(shown.stdout).toContain('back-office/create_refund: 50 of 40 EUR in the last day');
  const [document] = documents(
    await atf(['agent', 'show', 'senior-support', '--json', '--data', product.dataDir]),
  );
  expect(document?.['totals']).toContainEqual(expect.objectContaining({ unit: 'EUR', spent: 50, max: 40 }));
});
