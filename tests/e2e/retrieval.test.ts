/**
 * Retrieval sources (S-4, D-2), through the front door: what is read from one index is not brought together with what is read from another, through whichever session,
 * address, collaborator or moment it is tried, unless a person has said so, and until when. An index holds one level, and what says that it is more is not given.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BodyIn } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents } from './cli-run.ts';
import { type Answer, call, type McpAgent, Product, replaceFile, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';

const script = fileURLToPath(new URL('./archive-server.mjs', import.meta.url));
const server = 'archive';
const searches = ['search_docs', 'search_hr', 'search_law', 'search_mixed', 'find_hr'];
const template = 'template:archive://{+path}';
const home = mkdtempSync(join(tmpdir(), 'atf-archive-'));

let product: Product;
let operator: ControlClient;

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );
const add = (
  tool: string,
  index: string,
  confidentiality: BodyIn<'sources.set'>['confidentiality'],
  more: Partial<BodyIn<'sources.set'>> = {},
) =>
  operator.call('sources.set', {
    body: {
      tool: `${server}/${tool}`,
      index,
      confidentiality,
      integrity: 'trusted',
      categories: [],
      ...more,
    },
  });
const classify = (name: string, sensitivity: 'internal' | 'confidential' | 'restricted') =>
  operator.call('tools.classify', {
    params: { server, name },
    body: { class: 'read', sensitivity, outputTrust: 'trusted' },
  });

interface Reader {
  readonly name: string;
  readonly agent: McpAgent;
  readonly client: Client;
}
let agents = 0;
/** A fresh agent of its own: what it is granted is granted to nobody else. */
async function reader(): Promise<Reader> {
  const name = `reader-${agents++}`;
  const tools = [...searches, template].map((each) => JSON.stringify(`${server}/${each}`));
  const manifest = readerManifest(name, tools);
  await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
  const agent = await product.agent(name);
  return { name, agent, client: await agent.mcp(server) };
}
const search = (client: Client, name: string, query = 'anything') =>
  call(client, `search_${name}`, { query });
const blended = 'segmentation.retrieval_blended';
const expectBlended = ({ atf: said, text }: Answer) => expect(said.code, text).toBe(blended);
const expectRead = ({ isError, text }: Answer) => expect(isError, text).toBe(false);
const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
const grant = (agent: string, indexes: string[], until = day(1)) =>
  operator.call('sources.blend', {
    params: { id: agent },
    body: { indexes, until, reason: 'a case of law' },
  });
/** What the gateway decides by has arrived there when a later instance is served. */
const heard = (name: string) => product.heard(name, server);

beforeAll(async () => {
  product = await Product.start();
  const line = `${server}:\n  command: ${JSON.stringify(process.execPath)}\n  args: ${JSON.stringify([script, '--dir', home])}\n`;
  appendFileSync(join(product.dataDir, 'gateway', 'servers.yaml'), `\n${line}`);
  operator = await product.operator();
  await operator.call('servers.add', {
    body: {
      name: server,
      transport: { kind: 'stdio' },
      domain: 'orders',
      outputTrust: 'trusted',
      stateless: true,
    },
  });
  await until('the archive to be discovered', async () => {
    const { items } = await operator.call('servers.list');
    return items.find(({ name }) => name === server)?.discoveredAt;
  });
  for (const name of ['search_docs', template]) await classify(name, 'internal');
  await classify('search_hr', 'confidential');
  await classify('search_law', 'confidential');
  await classify('search_mixed', 'internal');
  await add('search_docs', 'docs', 'internal');
  await add('search_hr', 'hr', 'confidential', { categories: ['PII'] });
  await add('search_law', 'law', 'confidential');
  await add(template, 'docs', 'internal');
  await add(template, 'hr', 'confidential', { categories: ['PII'], address: 'archive://hr/' });
});
afterAll(async () => {
  await product.remove();
  rmSync(home, { recursive: true, force: true });
});

describe('a source', () => {
  it('is registered and listed by index, with what the index holds, and who did it is on record', async () => {
    const ran = await atf(['source', 'list', '--json', '--data', product.dataDir]);
    const [{ items }] = documents(ran) as [{ items: { index: string; tool: string; address?: string }[] }];
    expect(items.map(({ index, tool, address }) => [index, tool, address])).toEqual([
      ['docs', `${server}/search_docs`, undefined],
      ['docs', `${server}/${template}`, undefined],
      ['hr', `${server}/search_hr`, undefined],
      ['hr', `${server}/${template}`, 'archive://hr/'],
      ['law', `${server}/search_law`, undefined],
    ]);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'twice with different levels',
      () => add('search_mixed', 'hr', 'restricted', { categories: ['PII'] }),
      'segmentation.index_level',
    ],
    [
      'with other categories than its index has',
      () => add('search_mixed', 'hr', 'confidential'),
      'segmentation.index_level',
    ],
    ['below its classification', () => add('search_law', 'law-2', 'internal'), 'segmentation.index_exceeded'],
    [
      'at an address that its template does not stand for',
      () => add(template, 'docs', 'internal', { address: 'other://x' }),
      'request.malformed',
    ],
    ['that nobody offers', () => add('search_nothing', 'docs', 'internal'), 'segmentation.tool_unknown'],
    [
      'that changes something',
      () => add('', 'docs', 'internal', { tool: 'back-office/create_refund' }),
      'request.malformed',
    ],
    [
      'under the name of what nobody knows',
      () => add('search_mixed', 'unknown-since-a-restore', 'internal'),
      'request.malformed',
    ],
  ])('is not registered %s', async (_, work, code) => {
    expect(await codeOf(work())).toBe(code);
  });

  it('is read no more once its tool is classified above its index, and again when that is mended', async () => {
    const { client, name } = await reader();
    await add('search_mixed', 'mixed', 'internal');
    await classify('search_mixed', 'confidential');
    await heard(name);
    expect((await search(client, 'mixed')).atf.code).toBe('segmentation.index_exceeded');
    expect((await operator.call('sources.list')).items.find(({ index }) => index === 'mixed')?.unfit).toBe(
      true,
    );
    await add('search_mixed', 'mixed', 'confidential');
    await heard(name);
    expectRead(await search(client, 'mixed'));
    await operator.call('sources.remove', { body: { tool: `${server}/search_mixed` } });
    // Nothing answers from it any more, so it may hold something else from now on.
    await classify('search_mixed', 'internal');
    await add('search_mixed', 'mixed', 'internal');
    await operator.call('sources.remove', { body: { tool: `${server}/search_mixed` } });
  });
});

describe('what is read from different indexes stays apart', () => {
  it('in one session, whichever was first, and says why in plain words', async () => {
    const { client } = await reader();
    expectRead(await search(client, 'docs'));
    expectRead(await search(client, 'docs', 'again'));
    const refused = await search(client, 'hr');
    expectBlended(refused);
    expect(refused.text).toContain('from the index hr after docs');
    expect(refused.atf.requirementIds).toContain('S-4');
    const told = await until('the refusal on record', async () => {
      const ran = await atf(['action', 'show', refused.atf.actionId ?? '', '--data', product.dataDir]);
      return ran.code === 0 ? ran.stdout : undefined;
    });
    expect(told).toContain('brings them together');
    const other = await reader();
    expectRead(await search(other.client, 'hr'));
    expectBlended(await search(other.client, 'docs'));
  });

  it('also in another session of the same instance, and after the gateway was started again', async () => {
    const { client, agent } = await reader();
    expectRead(await search(client, 'docs'));
    const next = await product.nextSession(agent);
    expectBlended(await search(await next.mcp(server), 'hr'));
    await product.crash('gateway');
    expectBlended(await search(await (await product.nextSession(agent)).mcp(server), 'hr'));
  });

  it('by address, however it is written', async () => {
    const { agent } = await reader();
    const once = async (uri: string) => {
      const response = await agent.fetch(`${agent.credential.gatewayUrl}/mcp/${server}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri } }),
      });
      const { error } = (await response.json()) as {
        error?: { data: { code?: string; atf?: { code?: string } } };
      };
      return error === undefined ? 'read' : (error.data.atf?.code ?? error.data.code);
    };
    const read = (uri: string) =>
      until('an answer while control is heard', async () => {
        const code = await once(uri);
        return code === 'containment.feed_stale' ? undefined : code;
      });
    expect(await read('archive://plan')).toBe('read');
    for (const uri of ['archive://hr/pay', 'archive://HR/pay', 'archive://hr', 'archive://h%72/pay'])
      expect(await read(uri)).not.toBe('read');
    expect(await read('archive://hr/pay')).toBe(blended);
    expect(await read('archive://plans/next')).toBe('read');
  });

  it('when both are asked for at the same moment', async () => {
    const { client } = await reader();
    const both = await Promise.all([search(client, 'docs'), search(client, 'hr'), search(client, 'law')]);
    expect(both.filter(({ isError }) => !isError)).toHaveLength(1);
    for (const answer of both.filter(({ isError }) => isError)) expectBlended(answer);
  });

  it('by whoever works for it, and by it after them', async () => {
    const office = 'back-office';
    const untrusted = { integrity: 'untrusted' } as const;
    for (const [name, index] of [
      ['get_order', 'orders'],
      ['search_customers', 'customers'],
    ] as const) {
      await operator.call('tools.classify', { params: { server: office, name }, body: { class: 'read' } });
      await add('', index, 'confidential', { tool: `${office}/${name}`, ...untrusted });
    }
    await product.heard('senior-support');
    const above = async () => (await product.agent('senior-support')).mcp(office);
    const below = async (by: Client) => {
      const said = await call(by, 'atf_delegate', { agent: 'junior-support', words: 'Look something up.' });
      const { grant: task = '' } = said.atf as { grant?: string };
      expect(task, said.text).not.toBe('');
      return await (await product.agent('junior-support', { task })).mcp(office);
    };
    const order = (by: Client) => call(by, 'get_order', { order_id: 'O-5001' });
    const customer = (by: Client) => call(by, 'search_customers', { query: 'Ada' });
    const first = await above();
    expectRead(await order(first));
    const other = await below(first);
    expectBlended(await customer(other));
    expectRead(await order(other));
    // Another chain, the other way round: what is read for somebody counts for whoever had it read.
    const third = await above();
    expectRead(await customer(await below(third)));
    expectBlended(await order(third));
    // A grant of the one below alone is none, and of both it is one.
    await grant('junior-support', ['orders', 'customers']);
    await product.heard('junior-support');
    const again = await customer(await below(first));
    expectBlended(again);
    expect(again.text).toContain('senior-support');
    await grant('senior-support', ['orders', 'customers']);
    await product.heard('senior-support');
    expectRead(await customer(await below(first)));
  });
});

describe('a person may let an agent bring indexes together', () => {
  it('for a time that has an end, and only these', async () => {
    const { client, name } = await reader();
    expectRead(await search(client, 'docs'));
    expect(await codeOf(grant(name, ['docs', 'hr'], day(-1)))).toBe('request.malformed');
    expect(await codeOf(grant(name, ['docs', 'hr'], day(400)))).toBe('request.malformed');
    expect(await codeOf(grant(name, ['docs', 'no-such-index']))).toBe('segmentation.source_unknown');
    const until = day(1).slice(0, 10);
    const args = ['source', 'blend', name, 'docs,hr', '--until', until, '--reason', 'a case', '--json'];
    const [given] = documents(await atf([...args, '--data', product.dataDir])) as [{ id: string }];
    await heard(name);
    expectRead(await search(client, 'hr'));
    expectRead(await search(client, 'docs'));
    expectBlended(await search(client, 'law'));
    const ended = await atf(['source', 'part', name, given.id, '--data', product.dataDir]);
    expect(ended.code, ended.stderr).toBe(0);
    await heard(name);
    expectBlended(await search(client, 'hr'));
  });

  it('and it ends by itself', async () => {
    const { client, name } = await reader();
    expectRead(await search(client, 'docs'));
    const end = new Date(Date.now() + 3_000).toISOString();
    await grant(name, ['docs', 'hr'], end);
    await until('the grant to be over', async () => (Date.now() > Date.parse(end) ? true : undefined));
    expectBlended(await search(client, 'hr'));
  });
});

describe('what says of itself that it is more than its index', () => {
  it('is not given', async () => {
    const { client } = await reader();
    expectRead(await search(client, 'docs', 'marked:internal'));
    expectRead(await search(client, 'docs', 'marked:public'));
    const withheld = await search(client, 'docs', 'marked:restricted');
    expect(withheld.atf.code, withheld.text).toBe('data.source_above_level');
    expect(withheld.text).not.toContain('something');
  });
});

describe('trust of a source', () => {
  it('falls with what is seen of it, with its reasons, until what it answers counts as written by anybody', async () => {
    const law = async () => (await operator.call('sources.list')).items.find(({ index }) => index === 'law');
    const { client, name } = await reader();
    expectRead(await search(client, 'law'));
    const before = await law();
    expect(before?.reasons.map(({ because }) => because)).toEqual(['few']);
    for (let n = 0; n < 4; n++)
      expect((await search(client, 'law', 'marked:restricted')).atf.code).toBe('data.source_above_level');
    // People are told in the same moment as gateways.
    const notice = await until('people to be told', async () => {
      const { items } = await operator.call('notifications.list');
      return items.find(({ kind, summary }) => kind === 'source_doubted' && summary.includes('trusted'));
    });
    expect(notice.summary).toContain('index law');
    const after = await law();
    expect(after?.trust).toBeLessThan(40);
    expect(after?.reasons[0]).toMatchObject({ because: 'above', count: 4, points: 70 });
    expect((await atf(['source', 'list', '--data', product.dataDir])).stdout).toMatch(
      /trust 30 of 100, below 40: .*\n +4 results said that they are more confidential/,
    );
    await heard(name);
    const doubting = await reader();
    expectRead(await search(doubting.client, 'law'));
    const { items } = await operator.call('labels.list', { params: { id: doubting.name } });
    expect(items.map(({ integrity }) => integrity)).toEqual(['untrusted']);
  });
});

describe('a source whose tool comes under another name', () => {
  it('is gone, and what is there instead is nothing until a person accepts it', async () => {
    const { client } = await reader();
    expectRead(await search(client, 'docs'));
    replaceFile(join(home, 'offer'), 'renamed');
    await until('the other name to wait for a person', async () => {
      const { items } = await operator.call('tools.list');
      const stateOf = (name: string) =>
        items.find((tool) => tool.server === server && tool.name === name)?.state;
      return stateOf('find_hr') === 'quarantined' && stateOf('search_hr') === 'removed' ? true : undefined;
    });
    expect((await call(client, 'find_hr', { query: 'pay' })).atf.code).toBe('segmentation.tool_quarantined');
    // Accepted, it still is none: whoever accepts it registers it.
    expect((await operator.call('sources.list')).items.some(({ tool }) => tool.endsWith('find_hr'))).toBe(
      false,
    );
    expect(await codeOf(add('search_hr', 'docs', 'internal'))).toBe('segmentation.tool_unknown');
  });
});

describe('once a real person has a factor', () => {
  it('nobody registers, moves or removes a source, or brings indexes together, without a clearance', async () => {
    const owner = await product.signIn('ines.marchetti@example.com');
    const { name } = await reader();
    const body = { indexes: ['docs', 'law'], until: day(1), reason: 'because I may' };
    expect(await codeOf(owner.client.call('sources.blend', { params: { id: name }, body }))).toBe(
      'people.not_allowed',
    );
    const first = await product.open(product.ready.signInUrl ?? '');
    await first.presence({ kind: 'factor', id: 'x', digest: 'A'.repeat(43) });
    const at = { tool: `${server}/search_law` };
    for (const work of [
      () => add('search_law', 'law-2', 'confidential'),
      () => operator.call('sources.remove', { body: at }),
      () => grant(name, ['docs', 'law']),
    ])
      expect(await codeOf(work())).toBe('people.clearance_required');
  });
});
