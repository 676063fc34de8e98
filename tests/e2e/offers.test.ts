/**
 * Resources, prompts and completions through the gateway: governed as tools are, whatever era the client and the server speak, and under attack by a
 * server that lies and an agent that plays with addresses.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client as ElderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as ElderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf } from './cli-run.ts';
import { type McpAgent, Product, replaceFile, until } from './product.ts';
import { logSettled, readLog } from './read-log.ts';
import { readerManifest } from './reader-manifest.ts';

const script = fileURLToPath(new URL('./library-server.mjs', import.meta.url));
const offered = [
  'count_books',
  'list_books',
  'prompt:greet',
  'prompt:review',
  'resource:library://hours',
  'resource:library://map',
  'resource:library://rules',
  'template:library://books/{isbn}',
];

class Library {
  readonly name: string;
  readonly dir: string;
  constructor(name: string, home: string) {
    this.name = name;
    this.dir = mkdtempSync(join(home, `${name}-`));
  }
  offer(what: string): void {
    replaceFile(join(this.dir, 'offer'), what);
  }
  seen(): {
    headers: Record<string, string>;
    message: { method?: string; params?: Record<string, unknown> };
  }[] {
    const lines = readFileSync(join(this.dir, 'seen.log'), 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line));
  }
  /** What it was asked by this method. */
  asked(method: string): Record<string, unknown>[] {
    return this.seen().flatMap(({ message }) => (message.method === method ? [message.params ?? {}] : []));
  }
}

const home = mkdtempSync(join(tmpdir(), 'atf-library-'));
const elder = new Library('elder-library', home);
const modern = new Library('modern-library', home);
const shifty = new Library('shifty-library', home);
let product: Product;
let http: ChildProcess;
let agent: McpAgent;

async function portOf({ dir }: Library): Promise<string> {
  return await until('the library to listen', () =>
    existsSync(join(dir, 'port')) ? readFileSync(join(dir, 'port'), 'utf8') || undefined : undefined,
  );
}

beforeAll(async () => {
  product = await Product.start();
  http = spawn(process.execPath, [script, '--http', '--dir', modern.dir], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${await portOf(modern)}/mcp`;
  const stdio = [elder, shifty].map(
    ({ name, dir }) =>
      `${name}:\n  command: ${JSON.stringify(process.execPath)}\n  args: ${JSON.stringify([script, '--dir', dir])}\n`,
  );
  const file = join(product.dataDir, 'gateway', 'servers.yaml');
  appendFileSync(file, `\n${stdio.join('')}${modern.name}:\n  privateNetwork: true\n`);
  const operator = await product.operator();
  const facts = { domain: 'orders', outputTrust: 'trusted', stateless: true } as const;
  for (const { name } of [elder, shifty])
    await operator.call('servers.add', { body: { name, transport: { kind: 'stdio' }, ...facts } });
  await operator.call('servers.add', {
    body: { name: modern.name, transport: { kind: 'http', url }, ...facts },
  });
  await until(
    'the servers to be discovered',
    async () => {
      const { items } = await operator.call('servers.list');
      const found = items.filter(({ name }) => name.endsWith('-library'));
      return found.length === 3 && found.every(({ discoveredAt }) => discoveredAt !== undefined)
        ? true
        : undefined;
    },
    30_000,
  );
  const tools = [elder, modern, shifty].flatMap(({ name }) =>
    // The prompt `greet` is not granted.
    offered.filter((one) => one !== 'prompt:greet').map((one) => JSON.stringify(`${name}/${one}`)),
  );
  await operator.call('agents.register', {
    body: { manifest: readerManifest('librarian', tools), format: 'yaml' },
  });
  agent = await product.agent('librarian');
});
afterAll(async () => {
  http.kill('SIGKILL');
  await product.remove();
  rmSync(home, { recursive: true, force: true });
});

const toolsOf = async ({ name }: Library) =>
  (await (await product.operator()).call('tools.list')).items.filter(({ server }) => server === name);
const toolOf = async (library: Library, name: string) =>
  (await toolsOf(library)).find((tool) => tool.name === name);

async function elderClient(server: string): Promise<ElderClient> {
  const client = new ElderClient({ name: 'e2e', version: '1.0.0' });
  const url = new URL(`${agent.credential.gatewayUrl}/mcp/${server}`);
  await client.connect(new ElderTransport(url, { fetch: agent.fetch }) as never);
  return client;
}

/** One request in the elder form, for what clients would not send. */
async function ask(server: string, method: string, params: object) {
  const response = await agent.fetch(`${agent.credential.gatewayUrl}/mcp/${server}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const { result, error } = (await response.json()) as {
    result?: Record<string, unknown>;
    error?: { code: number; message: string; data: { code?: string; atf?: Record<string, unknown> } };
  };
  return { result, error, code: error?.data.atf?.['code'] ?? error?.data.code };
}

describe('what a server offers besides tools', () => {
  it('is discovered, read-only by classification, and pinned under names that no tool can have', async () => {
    for (const library of [elder, modern]) {
      const tools = await toolsOf(library);
      expect(tools.map(({ name }) => name).sort()).toEqual(offered);
      const review = tools.find(({ name }) => name === 'prompt:review');
      expect(review).toMatchObject({ state: 'active', effectiveClass: 'read', reviewed: false });
      // What a prompt says is meant to steer a model: untrusted, also from a trusted server.
      expect(review?.classification.outputTrust).toBe('untrusted');
      expect(tools.find(({ name }) => name === 'resource:library://map')?.classification.outputTrust).toBe(
        'trusted',
      );
    }
  });

  const bridges: [string, (server: string) => Promise<Client | ElderClient>, Library][] = [
    ['2025-11-25 to 2025-11-25', elderClient, elder],
    ['2025-11-25 to 2026-07-28', elderClient, modern],
    ['2026-07-28 to 2025-11-25', (server) => agent.mcp(server), elder],
    ['2026-07-28 to 2026-07-28', (server) => agent.mcp(server), modern],
  ];
  it.each(bridges)('is listed, read, got and completed from %s', async (_eras, connect, library) => {
    const client = await connect(library.name);
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['library://hours', 'library://map', 'library://rules']);
    expect(resources[2]).toEqual({
      uri: 'library://rules',
      name: 'rules',
      description: 'The rules of the house.',
      mimeType: 'text/plain',
    });
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates).toEqual([
      { uriTemplate: 'library://books/{isbn}', name: 'book', mimeType: 'text/plain' },
    ]);
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual(['review']);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('list_books');
    expect((await client.listTools()).tools.map(({ name }) => name).join()).not.toMatch(/[:]/);

    const { contents } = await client.readResource({ uri: 'library://rules' });
    expect(contents).toEqual([
      { uri: 'library://rules', mimeType: 'text/plain', text: 'text of library://rules' },
    ]);
    const map = await client.readResource({ uri: 'library://map' });
    expect(map.contents).toEqual([{ uri: 'library://map', mimeType: 'image/png', blob: 'AAEC' }]);
    const book = await client.readResource({ uri: 'library://books/978-3-16' });
    expect(book.contents).toMatchObject([{ text: 'text of library://books/978-3-16' }]);
    const review = await client.getPrompt({ name: 'review', arguments: { isbn: '978' } });
    expect(review.messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'Please review {"isbn":"978"}' } },
    ]);
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'review' },
      argument: { name: 'isbn', value: '97' },
    });
    expect(completion.values).toEqual(['971', '972']);
    const steps: { progress: number; total?: number | undefined; message?: string | undefined }[] = [];
    const onprogress = (step: (typeof steps)[number]) => void steps.push(step);
    const counted =
      client instanceof ElderClient
        ? await client.callTool({ name: 'count_books', arguments: {} }, undefined, { onprogress })
        : await client.callTool({ name: 'count_books', arguments: {} }, { onprogress });
    expect(counted.content).toEqual([{ type: 'text', text: 'called count_books' }]);
    // How far it is, in whole steps; nothing else that the server said.
    // A burst may lose its end to the answer that follows it.
    expect(steps.length).toBeGreaterThan(9);
    expect(steps.map(({ progress }) => progress)).toEqual(
      Array.from({ length: Math.min(steps.length, 100) }, (_, n) => n + 1),
    );
    expect(JSON.stringify(steps)).not.toMatch(/private-progress|\.\d/);

    await client.complete({
      ref: { type: 'ref/resource', uri: 'library://books/{isbn}' },
      argument: { name: 'isbn', value: '9' },
      context: { arguments: { other: 'x' } },
    });
    expect(library.asked('completion/complete').at(-1)).toMatchObject({
      ref: { type: 'ref/resource', uri: 'library://books/{isbn}' },
      context: { arguments: { other: 'x' } },
    });
    await client.close();
  });

  it('is recorded before it leaves, without the address or the arguments in clear', async () => {
    await ask(elder.name, 'resources/read', { uri: 'library://books/private-4711' });
    await ask(elder.name, 'prompts/get', { name: 'review', arguments: { isbn: 'private-4711' } });
    await logSettled(product);
    const { report, entries } = await readLog(product);
    expect(report.ok).toBe(true);
    const of = (tool: string) =>
      entries.filter(({ body }) => body['server'] === elder.name && body['tool'] === tool);
    for (const tool of ['template:library://books/{isbn}', 'prompt:review']) {
      expect(
        of(tool)
          .slice(-2)
          .map(({ type, outcome }) => [type, outcome]),
      ).toEqual([
        ['action.intent', 'allowed'],
        ['action.outcome', 'done'],
      ]);
    }
    expect(JSON.stringify(entries)).not.toContain('private-4711');
  });

  it('gets nothing of the agent’s credential', async () => {
    const client = await agent.mcp(modern.name);
    await client.readResource({ uri: 'library://rules' });
    await client.callTool({ name: 'list_books', arguments: {} });
    await client.close();
    const secrets = [agent.fetch.credential().token, agent.credential.instanceId, agent.credential.sid];
    for (const { headers, message } of modern.seen()) {
      expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['authorization']));
      expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['dpop']));
      for (const secret of secrets) expect(JSON.stringify({ headers, message })).not.toContain(secret);
    }
  });
});

describe('refusals', () => {
  it('say why: not granted, not there, arguments that do not fit', async () => {
    const { name } = elder;
    const before = elder.seen().length;
    const refused = async (method: string, params: object) => {
      const { error, code } = await ask(name, method, params);
      expect(error?.message, method).toMatch(/^Refused: the call was not run\. Why: /);
      return [code, error?.code];
    };
    expect(await refused('prompts/get', { name: 'greet' })).toEqual([
      'segmentation.tool_not_granted',
      -32000,
    ]);
    expect(await refused('resources/read', { uri: 'library://nothing' })).toEqual([
      'segmentation.tool_unknown',
      -32002,
    ]);
    expect(await refused('prompts/get', { name: 'constructor' })).toEqual([
      'segmentation.tool_unknown',
      -32602,
    ]);
    for (const args of [{}, { isbn: 1 }, { isbn: 'x', other: 'y' }])
      expect(await refused('prompts/get', { name: 'review', arguments: args })).toEqual([
        'data.schema_invalid',
        -32000,
      ]);
    const complete = (argument: object) =>
      refused('completion/complete', { ref: { type: 'ref/prompt', name: 'review' }, argument });
    expect(await complete({ name: 'unknown', value: '' })).toEqual(['data.schema_invalid', -32000]);
    expect(elder.seen()).toHaveLength(before);
    // The server's own words about a fault do not travel.
    const { error, code } = await ask(name, 'resources/read', { uri: 'library://books/missing' });
    expect(code).toBe('upstream.call_refused');
    expect(JSON.stringify(error)).not.toContain('says the server');
  });

  it('meet every address with a second reading, and tools by another kind of name', async () => {
    const before = elder.seen().length;
    for (const uri of [
      'library://public/../secret',
      'library://books/../rules',
      'library://books/%2e%2e',
      'library://books/a%2Fb',
      'library://books/a%252Fb',
      'library://books/a\\b',
      'library://books/a/b',
      'library://books/',
      'library://books/x?admin=1',
      'library://books/x#y',
      'library://u@books/x',
      'LIBRARY://rules',
      'library://rules/',
      'library://rules%00',
      'file:///etc/passwd',
      'http://169.254.169.254/latest',
      'library://books/\u0440ules',
      '*',
    ]) {
      const { result, code } = await ask(elder.name, 'resources/read', { uri });
      expect([result, code], uri).toEqual([undefined, 'segmentation.tool_unknown']);
    }
    for (const name of ['resource:library://rules', 'prompt:review', 'template:library://books/{isbn}']) {
      const { result } = await ask(elder.name, 'tools/call', { name, arguments: { uri: 'library://rules' } });
      expect(result?.['_meta']).toMatchObject({ atf: { code: 'segmentation.tool_unknown' } });
    }
    expect((await ask(elder.name, 'prompts/get', { name: 'list_books' })).code).toBe(
      'segmentation.tool_unknown',
    );
    expect((await ask(elder.name, 'resources/read', { uri: 'list_books' })).code).toBe(
      'segmentation.tool_unknown',
    );
    expect(elder.seen()).toHaveLength(before);
  });

  it('keep content that is not of the resource that was asked for', async () => {
    expect((await ask(elder.name, 'resources/read', { uri: 'library://hours' })).code).toBe(
      'upstream.protocol_error',
    );
  });
});

describe('a server that changes what it offers', () => {
  it('may change how large a resource is, and nothing else', async () => {
    const { name } = shifty;
    const read = (uri: string) => ask(name, 'resources/read', { uri });
    expect((await read('library://rules')).error).toBeUndefined();
    const listed = () => shifty.asked('resources/list').length;
    const before = listed();
    shifty.offer('grown');
    await until('it to be listed again', () => (listed() > before ? true : undefined));
    expect((await read('library://rules')).error).toBeUndefined();
    shifty.offer('changed');
    await until('the change to be seen', async () =>
      (await toolOf(shifty, 'prompt:review'))?.state === 'quarantined' ? true : undefined,
    );
    await product.heard('librarian', name);
    expect((await read('library://rules')).code).toBe('segmentation.tool_quarantined');
    expect((await ask(name, 'prompts/get', { name: 'review', arguments: { isbn: '1' } })).code).toBe(
      'segmentation.tool_quarantined',
    );
    // The template went, and the wider one that came was never accepted.
    expect((await read('library://books/1')).code).toMatch(
      /^segmentation\.tool_(?:removed|quarantined|unknown)$/,
    );
    expect((await toolOf(shifty, 'template:library://{+anything}'))?.state).toBe('quarantined');
    expect(shifty.asked('resources/read').map(({ uri }) => uri)).not.toContain('library://books/1');
    const { prompts } = (await ask(name, 'prompts/list', {})).result as { prompts: unknown[] };
    expect(prompts).toEqual([]);
    const changed = await toolOf(shifty, 'prompt:review');
    expect(changed?.diff).toMatchObject([{ path: '/description' }]);
  });

  it('offers nothing new under the name of another kind', async () => {
    shifty.offer('disguised');
    const operator = await product.operator();
    await until('the listing to be refused', async () =>
      (await operator.call('servers.list')).items.find(({ name }) => name === shifty.name)?.fault ===
      undefined
        ? undefined
        : true,
    );
    const calls = shifty.asked('tools/call').length;
    const { result } = await ask(shifty.name, 'tools/call', { name: 'resource:library://rules' });
    expect(result?.['isError']).toBe(true);
    expect(shifty.asked('tools/call')).toHaveLength(calls);
  });
});

describe('one address under a template', () => {
  const template = 'template:library://books/{isbn}';
  const params = { server: modern.name, name: template };
  const said = {
    address: 'library://books/hr-7',
    sensitivity: 'restricted',
    outputTrust: 'untrusted',
  } as const;

  /** Why it is refused, but for control not being heard. */
  const codeOf = (uri: string) =>
    until('an answer while control is heard', async () => {
      const { code } = await ask(modern.name, 'resources/read', { uri });
      return code === 'containment.feed_stale' ? undefined : (code ?? 'read');
    });

  /** What an instance counts as having read that has read this and nothing else. */
  async function labelsAfter(uri: string) {
    const fresh = await product.agent('librarian');
    const client = await fresh.mcp(modern.name);
    const { contents } = await until('an answer while control is heard', () =>
      client.readResource({ uri }).catch((error: Error) => {
        if (!error.message.includes('containment.feed_stale')) throw error;
        return undefined;
      }),
    );
    expect(contents).toHaveLength(1);
    await client.close();
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'librarian' } });
    const { items } = await operator.call('labels.list', { params: { id } });
    return items.find(({ holder }) => holder === fresh.credential.instanceId);
  }

  it('is as confidential as a person says, in every spelling, and the others are what they were', async () => {
    const says = ['--sensitivity', 'confidential', '--output', 'untrusted'];
    const command = ['tool', 'classify', `${modern.name}/${template}`, '--resource', said.address];
    const ran = await atf([...command, ...says, '--data', product.dataDir]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/library:\/\/books\/hr-7 +confidential, untrusted/);
    for (const uri of [said.address, 'library://books/HR-7', 'library://books/%68r-7'])
      expect(await labelsAfter(uri), uri).toMatchObject({ confidentiality: 'confidential' });
    const other = await labelsAfter('library://books/hr-77');
    expect(['public', 'internal']).toContain(other?.confidentiality ?? 'public');
    // The record has what the decision was made with, and not the list of all addresses.
    await logSettled(product);
    const { entries } = await readLog(product);
    const known = entries.flatMap(({ type, body }) =>
      type === 'action.intent' && body['server'] === modern.name && body['tool'] === template
        ? [(body['facts'] as { tool?: { classification: Record<string, unknown> } }).tool?.classification]
        : [],
    );
    const counted = known.map((each) => each?.['sensitivity']);
    expect(counted.filter((each) => each === 'confidential').length).toBeGreaterThanOrEqual(3);
    expect(counted.at(-1)).not.toBe('confidential');
    expect(JSON.stringify(known)).not.toContain('hr-7');
  });

  it('is not read by an Intern when it is restricted, whatever the spelling, and nothing is asked of the server', async () => {
    const operator = await product.operator();
    await operator.call('tools.classify', { params, body: { resources: [said] } });
    await product.heard('librarian', modern.name);
    const before = modern.asked('resources/read').length;
    for (const uri of [
      said.address,
      'library://books/HR-7',
      'library://books/%68r-7',
      'library://books/hr-7%20',
    ])
      expect(await codeOf(uri), uri).toBe('policy.forbidden');
    expect(modern.asked('resources/read')).toHaveLength(before);
  });

  it('is what the template is again when nothing is said of it any more', async () => {
    const operator = await product.operator();
    await operator.call('tools.classify', { params, body: { resources: [said] } });
    const cleared = await operator.call('tools.classify', { params, body: { resources: [] } });
    expect(cleared.classification.resources).toBeUndefined();
    const labels = await labelsAfter(said.address);
    expect(labels?.confidentiality ?? 'public').not.toBe('restricted');
  });

  it.each([
    ['that the template does not stand for', template, [{ ...said, address: 'library://rules' }]],
    ['with two readings', template, [{ ...said, address: 'library://books/../hr-7' }]],
    ['twice', template, [said, said]],
    ['of a tool', 'list_books', [said]],
  ])('is not classified: %s', async (_why, name, resources) => {
    const operator = await product.operator();
    const asked = operator.call('tools.classify', {
      params: { server: modern.name, name },
      body: { resources },
    });
    await expect(asked).rejects.toMatchObject({ code: 'request.malformed' });
  });
});
