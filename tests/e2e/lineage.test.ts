/**
 * Lineage (D-5) through the front door: where the values of a call came from, what a tool or a document has touched, which records hold a value; who may ask, that the
 * asking is on record and the value is not, and that a crash loses nothing of it.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LineageGraph, LineageRoot } from '@atf/core/wire/lineage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents } from './cli-run.ts';
import { call, Product, type Signed, until } from './product.ts';
import { provProblems } from './prov-rules.ts';

const name = 'principal-operations';
/** Stands in one file of the sandbox, and in nothing else of the product. */
const reference = 'Zebrafink-4711';
/** Is asked about, and stands nowhere. */
const nowhere = 'Quagga-991188';
let product: Product;
let auditor: Signed;
let sent: string;
let searched: string;
let read: string;

beforeAll(async () => {
  product = await Product.start();
  const operator = await product.operator();
  const email = 'aud.itor@example.com';
  await operator.call('people.add', { body: { name: 'Aud Itor', email, roles: ['auditor'] } });
  auditor = await product.signIn(email);
  writeFileSync(join(product.dataDir, 'sandbox', 'contract.txt'), `The contract ${reference} ends in May.`);
  const agent = await product.agent(name);
  const office = await agent.mcp('back-office');
  const found = await call(office, 'search_customers', { query: 'amara' });
  searched = found.atf.actionId ?? '';
  const to = /[\w.]+@example\.com/.exec(found.text)?.[0] ?? '';
  const mail = await call(office, 'send_email', { to, subject: 'Your order', body: 'On its way.' });
  expect(mail.isError, mail.text).toBe(false);
  sent = mail.atf.actionId ?? '';
  const path = join(product.dataDir, 'sandbox', 'contract.txt');
  read = (await call(await agent.mcp('files'), 'read_text_file', { path })).atf.actionId ?? '';
}, 180_000);
afterAll(async () => product.remove());

const ask = (roots: readonly LineageRoot[], direction: LineageGraph['direction'], who = auditor) =>
  who.client.call('lineage.graph', { body: { roots: [...roots], direction } });
const back = (id: string) => ask([{ kind: 'action', id }], 'from');
const hasEnded = (graph: LineageGraph, id: string) =>
  graph.nodes.some((node) => node.id === id && node.outcome === 'done');
/** Records are in the signed log a moment after the answer. */
const ended = (id: string) =>
  until(`lineage of ${id}`, async () => {
    const graph = await back(id).catch(() => undefined);
    return graph !== undefined && hasEnded(graph, id) ? graph : undefined;
  });

describe('where a call came from', () => {
  it('names the call whose result held the value, and the tool behind it', async () => {
    const graph = await ended(sent);
    const values = graph.edges.filter(({ join: how, to }) => how === 'value' && to === `action:${sent}`);
    expect(values).toEqual([
      {
        from: `action:${searched}`,
        to: `action:${sent}`,
        join: 'value',
        sure: true,
        argument: '/to',
        origin: 'trusted',
      },
    ]);
    expect(graph.edges).toContainEqual({
      from: 'source:back-office/search_customers',
      to: `action:${searched}`,
      join: 'read',
      sure: true,
    });
    expect(graph.nodes.find(({ id }) => id === searched)).toMatchObject({
      name: 'back-office/search_customers',
      agent: name,
      outcome: 'done',
      sensitivity: 'confidential',
    });
    // What was read afterwards has no part in it.
    expect(graph.nodes.some(({ id }) => id === read)).toBe(false);
    expect(graph).toMatchObject({ cut: false, behind: 0 });
  });

  it('holds no value', async () => {
    const text = JSON.stringify(await back(sent));
    expect(text).not.toMatch(/@example\.com|Amara/i);
  });

  it('is bounded, and says so', async () => {
    const shallow = await auditor.client.call('lineage.graph', {
      body: { roots: [{ kind: 'action', id: sent }], direction: 'from', depth: 1 },
    });
    expect(shallow.cut).toBe(true);
    expect(Math.max(...shallow.nodes.map(({ depth }) => depth))).toBe(1);
  });

  it.each(['source', 'action'] as const)('refuses words that are no id of a %s', async (kind) => {
    await expect(ask([{ kind, id: 'Ada Lovelace, ada@example.com' }], 'from')).rejects.toMatchObject({
      refusal: { code: 'request.malformed' },
    });
  });

  it('is not invented for what nobody recorded', async () => {
    await expect(back('00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({
      refusal: { code: 'audit.not_found' },
    });
  });
});

describe('what something has touched', () => {
  it('of a tool: who read it, what was done with its values, and where they went', async () => {
    await ended(sent);
    const graph = await ask([{ kind: 'source', id: 'back-office/search_customers' }], 'to');
    expect(graph.edges).toContainEqual(
      expect.objectContaining({
        from: `action:${searched}`,
        to: `action:${sent}`,
        join: 'value',
        sure: true,
      }),
    );
    expect(graph.edges).toContainEqual({
      from: `action:${sent}`,
      to: 'source:back-office/send_email',
      join: 'changed',
      sure: true,
    });
  });

  it('of what nothing was done with: nothing for sure', async () => {
    await ended(read);
    const graph = await ask([{ kind: 'action', id: read }], 'to');
    expect(graph.nodes.some(({ id }) => id === sent)).toBe(false);
  });
});

describe('a value', () => {
  const withValue = (value: string) => auditor.client.call('lineage.value', { body: { value } });

  it('is found in the results and arguments that hold it, however it is written', async () => {
    await ended(read);
    const { items } = await withValue(`  ${reference.toLowerCase().replace('-', ' ')} `);
    expect(items).toEqual([
      expect.objectContaining({ action: read, source: 'files/read_text_file', where: 'result', how: 'text' }),
    ]);
  });

  it('that nothing holds is not found, and that it was asked is on record', async () => {
    const page = await withValue(nowhere);
    expect(page).toMatchObject({ items: [], erased: 0 });
    expect(page.looked).toBeGreaterThanOrEqual(6);
    const asked = await until('the question on record', async () => {
      const { items } = await auditor.client.call('activity.list', { query: {} });
      return items.find(({ type }) => type === 'data.lineage_asked');
    });
    expect(asked.person).toBe('Aud Itor');
  });

  it('too short to say anything is refused', async () => {
    await expect(withValue('-7.')).rejects.toMatchObject({ refusal: { code: 'request.malformed' } });
  });
});

describe('who may ask', () => {
  it('is not everybody: an approver is refused', async () => {
    const approver = await product.signIn('paula.reyes@example.com');
    const refused = { refusal: { code: 'people.not_allowed' } };
    await expect(ask([{ kind: 'action', id: sent }], 'from', approver)).rejects.toMatchObject(refused);
    await expect(approver.client.call('lineage.value', { body: { value: reference } })).rejects.toMatchObject(
      refused,
    );
  });
});

describe('exported and asked by command', () => {
  it('is a PROV-JSON document by the rules of its specification', async () => {
    const document = await auditor.client.call('lineage.prov', {
      body: { roots: [{ kind: 'action', id: sent }], direction: 'from' },
    });
    expect(provProblems(document)).toEqual([]);
    expect(document['activity']).toHaveProperty([`atf:action/${sent}`]);
    expect(Object.values(document['wasDerivedFrom'] as object)).toContainEqual(
      expect.objectContaining({
        'prov:generatedEntity': `atf:result/${sent}`,
        'prov:usedEntity': `atf:result/${searched}`,
      }),
    );
  });

  it('by atf lineage', async () => {
    const cli = (args: readonly string[], input = '') => atf([...args, '--data', product.dataDir], { input });
    const of = await cli(['lineage', 'of', sent]);
    expect(of.stdout).toMatch(/value of \/to: .*back-office\/search_customers by principal-operations: done/);
    const touched = await cli(['lineage', 'touched', 'back-office/search_customers']);
    expect(touched.stdout).toMatch(/changed: .*back-office\/send_email/);
    // A document is found by the calls that named it.
    const document = await cli([
      'lineage',
      'touched',
      join(product.dataDir, 'sandbox', 'contract.txt'),
      '--json',
    ]);
    expect(documents(document)[0]).toMatchObject({ roots: [`action:${read}`] });
    const value = await cli(['lineage', 'value', '--where', 'result', '--json'], `${reference}\n`);
    expect(documents(value)[0]).toMatchObject({ items: [{ action: read, where: 'result' }] });
    const prov = await cli(['lineage', 'of', sent, '--prov']);
    expect(provProblems(JSON.parse(prov.stdout) as Record<string, unknown>)).toEqual([]);
  });

  it('survives a crash of control', async () => {
    const before = await ended(sent);
    await product.crash('control');
    const after = await until('the same answer', async () => back(sent).catch(() => undefined));
    expect({ ...after, edges: after.edges.length }).toEqual({ ...before, edges: before.edges.length });
  });

  it('keeps nothing of a value that was asked about', async () => {
    await product.stop();
    const files = readdirSync(product.dataDir, { recursive: true, encoding: 'utf8' }).filter((file) => {
      const path = join(product.dataDir, file);
      return statSync(path).isFile() && readFileSync(path).toString('latin1').includes(nowhere);
    });
    expect(files).toEqual([]);
  });
});
