/**
 * Retrieval sources (S-4, D-2), through the front door: what is read from one index is not brought together with what is read from another, through whichever session,
 * address, collaborator or moment it is tried, unless a person has said so, and until when. An index holds one level, and what says that it is more is not given.
 */
import { appendFileSync, copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BodyIn } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf, documents } from './cli-run.ts';
import {
  type Answer,
  call,
  confirmPolicy,
  type McpAgent,
  policyFiles,
  Product,
  replaceFile,
  root,
  type Signed,
  until,
} from './product.ts';
import { readerManifest } from './reader-manifest.ts';

const script = fileURLToPath(new URL('./archive-server.mjs', import.meta.url));
const server = 'archive';
const searches = ['search_docs', 'search_hr', 'search_law', 'search_mixed', 'search_in', 'find_hr'];
const template = 'template:archive://{+path}';
const home = mkdtempSync(join(tmpdir(), 'atf-archive-'));

let product: Product;
let operator: ControlClient;
let owner: Signed;
let firstPerson: Promise<Signed> | undefined;
/** Who answers for security, and has a factor from then on. */
const first = () => (firstPerson ??= product.open(product.ready.signInUrl ?? ''));

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
  await operator.call('tools.classify', {
    params: { server: 'back-office', name: 'list_refunds' },
    body: { class: 'read' },
  });
  await add('', 'refunds', 'internal', { tool: 'back-office/list_refunds' });
  owner = await product.signIn('ines.marchetti@example.com');
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
      ['refunds', 'back-office/list_refunds', undefined],
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

describe('a tool that chooses its index by an argument', () => {
  const tool = `${server}/search_in`;
  const when = (value: string) => ({ argument: '/index', value });
  const addWhen = (value: string, more: Partial<BodyIn<'sources.set'>> = {}) =>
    add('search_in', value, 'internal', { when: when(value), ...more });
  const searchIn = (client: Client, args: Record<string, unknown>) =>
    call(client, 'search_in', { query: 'anything', ...args });
  const unknown = 'segmentation.index_unknown';
  beforeAll(async () => {
    await classify('search_in', 'internal');
    const args = ['source', 'add', tool, '--argument', 'index', '--value', 'north', '--index', 'north'];
    const level = ['--sensitivity', 'internal', '--output', 'trusted', '--json', '--data', product.dataDir];
    const ran = await atf([...args, ...level]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(documents(ran)).toMatchObject([{ tool, index: 'north', when: when('north') }]);
    await addWhen('south', { confidentiality: 'confidential', integrity: 'untrusted' });
  });

  it('reads from the index of its value, and what is read there is what the session has read', async () => {
    const north = await reader();
    const south = await reader();
    const answer = await searchIn(north.client, { index: 'north' });
    expectRead(answer);
    expect(answer.text).toContain('search_in north');
    expectRead(await searchIn(south.client, { index: 'south' }));
    // The one that an index holds, and not the other.
    const labels = async (name: string) => {
      const { items } = await operator.call('labels.list', { params: { id: name } });
      return items.map(({ confidentiality, integrity }) => [confidentiality, integrity]);
    };
    expect(await labels(north.name)).toEqual([['internal', 'trusted']]);
    expect(await labels(south.name)).toEqual([['confidential', 'untrusted']]);
    for (const [{ client }, index] of [
      [north, 'south'],
      [south, 'north'],
    ] as const)
      expectBlended(await searchIn(client, { index }));
    // Beside other tools they are indexes like others.
    expectBlended(await search(north.client, 'docs'));
    await grant(north.name, ['north', 'south']);
    await heard(north.name);
    expectRead(await searchIn(north.client, { index: 'south' }));
    expect((await labels(north.name)).at(-1)).toEqual(['confidential', 'untrusted']);
  });

  it('is refused whatever nobody registered, however it is written, and the record says the same again', async () => {
    const { client, agent, name } = await reader();
    const refused = await searchIn(client, { index: 'west' });
    expect(refused.atf.code, refused.text).toBe(unknown);
    expect(refused.text).toContain('chooses its index by /index');
    expect(refused.atf.requirementIds).toContain('S-4');
    const others: Record<string, unknown>[] = [
      {},
      { index: ['north'] },
      { index: 'North' },
      { index: ' north' },
      { index: 'nor\u200bth' },
      { index: '\uff4eorth' },
      { index: 'n\u043erth' },
      { index: 'north,south' },
      { index: '*' },
      { index: 'north', Index: 'south' },
      { index: 'north', '\uff49ndex': 'south' },
      { filter: { index: 'north' } },
    ];
    for (const args of others) {
      const said = await searchIn(client, args);
      expect(said.atf.code, `${JSON.stringify(args)} ${said.text}`).toBe(unknown);
    }
    // The same name twice in the text of the request: nobody knows which of them a server takes.
    const twice = await agent.fetch(`${agent.credential.gatewayUrl}/mcp/${server}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' },
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_in","arguments":{"query":"x","index":"north","index":"south"}}}`,
    });
    expect(await twice.text()).not.toContain('found');
    // Nothing of it was read, so the session may read from whichever index it likes.
    expect((await operator.call('labels.list', { params: { id: name } })).items).toEqual([]);
    expectRead(await searchIn(client, { index: 'south' }));
    const again = await until('the refusals to be on record', async () => {
      const args = ['agent', 'try-level', name, 'intern', '--json', '--data', product.dataDir];
      const [said] = documents(await atf(args)) as [{ decisions?: number }];
      return (said?.decisions ?? 0) > 1 ? said : undefined;
    });
    expect(again).toMatchObject({ agent: name, changed: 0, unreplayable: [] });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['in other case beside itself', () => addWhen('North', { index: 'north' })],
    ['with a blank that nobody sees', () => addWhen('east ', { index: 'east' })],
    [
      'of an argument that the tool has not',
      () => addWhen('east', { when: { argument: '/place', value: 'east' } }),
    ],
    ['of no argument', () => addWhen('east', { when: { argument: 'index', value: 'east' } })],
    ['of a template', () => addWhen('east', { tool: `${server}/${template}` })],
    ['at an address', () => addWhen('east', { address: 'archive://east/' })],
  ])('has no source %s', async (_, work) => {
    expect(await codeOf(work())).toBe('request.malformed');
  });

  it('is refused what was taken away again, and an index holds one level here as elsewhere', async () => {
    const { client, name } = await reader();
    await addWhen('east');
    expect(await codeOf(addWhen('far east', { index: 'east', confidentiality: 'restricted' }))).toBe(
      'segmentation.index_level',
    );
    await heard(name);
    expectRead(await searchIn(client, { index: 'east' }));
    const args = ['source', 'remove', tool, '--argument', '/index', '--value', 'east'];
    const ran = await atf([...args, '--data', product.dataDir]);
    expect(ran.stdout, ran.stderr).toContain('where /index is "east"');
    await heard(name);
    expect((await searchIn(client, { index: 'east' })).atf.code).toBe(unknown);
    const listed = await operator.call('sources.list');
    expect(listed.items.filter((each) => each.tool === tool).map(({ when: at }) => at?.value)).toEqual([
      'north',
      'south',
    ]);
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
    const { name } = await reader();
    const body = { indexes: ['docs', 'law'], until: day(1), reason: 'because I may' };
    expect(await codeOf(owner.client.call('sources.blend', { params: { id: name }, body }))).toBe(
      'people.not_allowed',
    );
    await (await first()).presence({ kind: 'factor', id: 'x', digest: 'A'.repeat(43) });
    const at = { tool: `${server}/search_law` };
    for (const work of [
      () => add('search_law', 'law-2', 'confidential'),
      () => operator.call('sources.remove', { body: at }),
      () => grant(name, ['docs', 'law']),
    ])
      expect(await codeOf(work())).toBe('people.clearance_required');
  });
});

describe('policies ask how far sources are trusted', () => {
  const office = 'back-office';
  const refund = (by: Client, order: string) =>
    call(by, 'create_refund', { order_id: order, amount: 1, currency: 'EUR', reason: 'late' });
  const senior = async () => (await product.agent('senior-support')).mcp(office);

  it('with the template: what follows from a source below its figure waits for a person, and the record says the same again', async () => {
    const before = await senior();
    expectRead(await call(before, 'list_refunds', {}));
    expectRead(await refund(before, 'O-5007'));
    const dir = join(product.home, 'doubting');
    cpSync(join(root, 'policies'), dir, { recursive: true });
    const shipped = join(root, 'policies/templates');
    copyFileSync(join(shipped, 'doubted-sources.cedar'), join(dir, 'doubted-sources.cedar'));
    copyFileSync(join(shipped, 'cases/doubted-sources.yaml'), join(dir, 'cases/doubted-sources.yaml'));
    const { version: base } = await operator.call('policy.show');
    const candidate = await operator.call(
      'policy.propose',
      { body: { base, files: policyFiles(dir), reason: 'what is new is doubted' } },
      { timeoutMs: 120_000 },
    );
    expect((await confirmPolicy(await first(), candidate)).state).toBe('applied');
    await product.heard('senior-support', office);
    // It has read before the policy was there, and before the figure was looked at.
    const held = await refund(before, 'O-5008');
    expect(held.atf.code, held.text).toBe('maturity.approval_required');
    expect(held.text).toMatch(/from the index refunds, which is trusted \d\d of 100/);
    // Looking goes on, and who has retrieved nothing does what it did.
    expectRead(await call(before, 'list_refunds', {}));
    expectRead(await refund(await senior(), 'O-5007'));
    const again = await until('the question to be on record', async () => {
      const args = ['agent', 'try-level', 'senior-support', 'senior', '--json', '--data', product.dataDir];
      const [said] = documents(await atf(args)) as [{ decisions?: number }];
      return (said?.decisions ?? 0) > 2 ? said : undefined;
    });
    expect(again).toMatchObject({ changed: 0, unreplayable: [] });
  });
});
