/**
 * The conformance suite of MCP against the gateway as a client of tool servers: for each scenario the suite starts a server and the whole product uses it, as an
 * operator who registers it and an agent that calls what it offers.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './cli-run.ts';
import { Product, root, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';

const relay = fileURLToPath(new URL('./conformance-client.mjs', import.meta.url));
const suite = join(root, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const reports = process.env['ATF_CONFORMANCE_REPORTS'];
const home = mkdtempSync(join(tmpdir(), 'atf-conformance-upstream-'));

const notAnOAuthClient =
  'A tool server gets the credential that its host file names; the gateway logs in nowhere, least of all for an agent.';
/** What is not passed, and why; the suite fails where one of them passes. */
const notPassed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '2025-11-25': {
    'sse-retry':
      'A call whose stream ends without an answer has an unknown outcome; its answer is not fetched later.',
  },
  '2026-07-28': {
    'http-custom-headers:sep-2243-client-omit-null':
      'It wants null sent for an argument that is a boolean: arguments fit the accepted schema, or nothing is sent.',
  },
};

interface Work {
  readonly scenario: string;
  readonly url: string;
  readonly context: { toolCalls?: { name: string; arguments: Record<string, unknown> }[] };
}

let product: Product;
let listener: Server;
/** The process that was started for the last scenario ends, and its result is taken. */
const leaveAfterMs = 1_000;
let served = 0;
let under = 0;
const hostFile = () => join(product.dataDir, 'gateway', 'servers.yaml');

/** Registers the server of one scenario, grants an agent all that it offers, and uses it. */
async function use({ url, context }: Work): Promise<string> {
  const name = `scenario-${served++}`;
  appendFileSync(hostFile(), `\n${name}:\n  privateNetwork: true\n`);
  const operator = await product.operator();
  const facts = { domain: 'orders', outputTrust: 'trusted' } as const;
  await operator.call('servers.add', { body: { name, transport: { kind: 'http', url }, ...facts } });
  await operator.call('servers.mayAsk', { params: { name }, body: { mayAsk: ['elicitation'] } });
  const found = async () => (await operator.call('servers.list')).items.find((each) => each.name === name);
  await until('the server to be discovered', async () => (await found())?.discoveredAt);
  const tools = (await operator.call('tools.list')).items.filter((tool) => tool.server === name);
  if (tools.length === 0) return 'it offers nothing';
  for (const tool of tools)
    await operator.call('tools.classify', {
      params: { server: name, name: tool.name },
      body: { class: 'read', sensitivity: 'public', domain: 'orders' },
    });
  const granted = tools.map((tool) => JSON.stringify(`${name}/${tool.name}`));
  await operator.call('agents.register', {
    body: { manifest: readerManifest(name, granted), format: 'yaml' },
  });
  const agent = await product.agent(name);
  const client = new Client(
    { name: 'e2e', version: '1' },
    {
      capabilities: { elicitation: { form: { applyDefaults: true } } },
      versionNegotiation: { mode: 'auto' },
    },
  );
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { confirmed: true } }));
  const address = new URL(`${agent.credential.gatewayUrl}/mcp/${name}`);
  await client.connect(new StreamableHTTPClientTransport(address, { fetch: agent.fetch }));
  const said: unknown[] = [];
  const calls =
    context.toolCalls ??
    (await client.listTools()).tools.map((tool) => ({
      name: tool.name,
      arguments: { a: 2, b: 3, region: 'x' },
    }));
  for (const call of calls.filter(({ name: tool }) => !tool.startsWith('atf_')))
    said.push(await client.callTool(call).catch((error: Error) => error.message));
  for (const { uri } of (await client.listResources()).resources)
    said.push(await client.readResource({ uri }).catch((error: Error) => error.message));
  for (const prompt of (await client.listPrompts()).prompts)
    said.push(await client.getPrompt({ name: prompt.name }).catch((error: Error) => error.message));
  await client.close();
  return JSON.stringify(said);
}

/** The suite waits until nobody is connected to its servers any more: from now on this host does not reach them. */
async function leave(): Promise<void> {
  const file = hostFile();
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replaceAll(/\nscenario-\d+:\n {2}privateNetwork: true\n/g, ''),
  );
  const operator = await product.operator();
  for (let n = 0; n < served; n++)
    await operator
      .call('servers.mayAsk', { params: { name: `scenario-${n}` }, body: { mayAsk: [] } })
      .catch(() => undefined);
}

async function bodyOf(request: IncomingMessage): Promise<Work> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString()) as Work;
}

beforeAll(async () => {
  product = await Product.start();
  listener = createServer((request, response) => {
    void bodyOf(request)
      // Nothing is to be expected of these: see notAnOAuthClient.
      .then(async (work) => {
        if (work.scenario.startsWith('auth/')) return notAnOAuthClient;
        under++;
        return await use(work).finally(() => {
          if (--under > 0) return;
          // Unless another scenario has begun meanwhile, which leaves in its turn.
          setTimeout(() => (under > 0 ? undefined : void leave().catch(() => undefined)), leaveAfterMs);
        });
      })
      .then(
        (said) => response.end(said),
        (error: Error) => response.writeHead(500).end(error.stack),
      );
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  listener.close();
  await product.remove();
  rmSync(home, { recursive: true, force: true });
});

describe('the conformance suite of MCP, as client of tool servers', () => {
  it.each(['2025-11-25', '2026-07-28'])(
    'has every scenario that %s requires pass through the gateway',
    async (revision) => {
      const required = await run(suite, ['list', '--client', '--requirements', revision]);
      const logins = [...new Set(required.stdout.match(/auth\/[a-z0-9-]+/g))];
      const baseline = join(home, 'baseline.json');
      writeFileSync(
        baseline,
        JSON.stringify({ client: [...logins, ...Object.keys(notPassed[revision] ?? {})] }),
      );
      const { port } = listener.address() as AddressInfo;
      const args = ['client', '--command', `${process.execPath} ${relay}`, '--requirements', revision];
      const ran = await run(
        suite,
        [...args, '--expected-failures', baseline, '--output-dir', join(reports ?? home, revision)],
        {
          env: { ATF_CONFORMANCE_TEST: `http://127.0.0.1:${port}/` },
        },
      );
      if (reports !== undefined)
        writeFileSync(join(reports, `${revision}.txt`), `${required.stdout}\n${ran.stdout}\n${ran.stderr}`);
      expect(ran.code, `${ran.stdout}\n${ran.stderr}`.slice(-4_000)).toBe(0);
    },
  );
});
