/**
 * What tool servers ask of agents and tell them, through the gateway: governed elicitation, sampling and roots, log messages, changed lists and resources, in
 * all four pairings of revisions, with agents and servers that cheat.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as ElderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as ElderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atfBin } from './cli-run.ts';
import { Everything, type EverythingServer, everythingServers } from './everything.ts';
import { type McpAgent, Product, resume, until } from './product.ts';
import { type RawAnswer, rawCall } from './raw-call.ts';
import { logSettled, readLog } from './read-log.ts';

const home = mkdtempSync(join(tmpdir(), 'atf-asks-'));
const everything = new Everything(home);
const secret = 'the answer of the person';
let product: Product;
let agent: McpAgent;

beforeAll(async () => {
  product = await Product.start();
  await everything.register(product);
  await everything.agent(product, 'asked');
  agent = await product.agent('asked');
});
afterAll(async () => {
  everything.stop();
  await product.remove();
  rmSync(home, { recursive: true, force: true });
});

const addressOf = (server: string) => new URL(`${agent.credential.gatewayUrl}/mcp/${server}`);
const accept = { action: 'accept', content: { response: secret, name: secret } } as const;
const sampled = {
  role: 'assistant',
  content: { type: 'text', text: 'from the model' },
  model: 'm',
  stopReason: 'endTurn',
} as const;

/** A client of the elder revision that answers what it is asked. */
async function elder(server: string, capabilities: object = { elicitation: {}, sampling: {} }) {
  const client = new ElderClient({ name: 'e2e', version: '1' }, { capabilities });
  const asked: unknown[] = [];
  if ('elicitation' in capabilities)
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(params);
      return accept;
    });
  if ('sampling' in capabilities)
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
      asked.push(params);
      return sampled;
    });
  await client.connect(new ElderTransport(addressOf(server), { fetch: agent.fetch }) as never);
  return { client, asked };
}

async function modern(server: string) {
  const client = new Client(
    { name: 'e2e', version: '1' },
    { capabilities: { elicitation: {}, sampling: {} }, versionNegotiation: { mode: 'auto' } },
  );
  const asked: unknown[] = [];
  client.setRequestHandler('elicitation/create', ({ params }) => {
    asked.push(params);
    return accept;
  });
  client.setRequestHandler('sampling/createMessage', ({ params }) => {
    asked.push(params);
    return sampled;
  });
  await client.connect(new StreamableHTTPClientTransport(addressOf(server), { fetch: agent.fetch }));
  expect(client.getProtocolEra()).toBe('modern');
  return { client, asked };
}

const bridges = everythingServers.flatMap((server) =>
  [['2025-11-25', elder] as const, ['2026-07-28', modern] as const].map(
    ([revision, connect]) => [revision, server, connect] as const,
  ),
);

/** One request of 2026-07-28, for what clients would not send. */
const raw = (
  server: EverythingServer,
  params: Record<string, unknown>,
  by: McpAgent = agent,
  capabilities: object = { elicitation: {} },
): Promise<RawAnswer> => rawCall(by, addressOf(server), params, capabilities);

/** Stops the agent; gives what resumes it. */
async function pause(): Promise<() => Promise<void>> {
  const operator = await product.operator();
  const { id } = await operator.call('agents.show', { params: { id: 'asked' } });
  const scope = { kind: 'agent', id } as const;
  await operator.call('containment.stop', { body: { scope, state: 'paused', reason: 'a test' } });
  return async () => {
    await resume(await product.signIn('yuki.mori@example.com'), { scope, reason: 'it is over' });
    await until('the gateway to hear of it', () =>
      elder(everythingServers[0]).then(
        async ({ client }) => {
          await client.close();
          return true;
        },
        () => undefined,
      ),
    );
  };
}

const asksName = { name: 'test_input_required_result_elicitation', arguments: {} };
/** Whether an answer with these words has reached a server. */
const reached = (words: string) => JSON.stringify(everything.seen()).includes(words);

describe('a tool server that asks agents for something', () => {
  it.each(bridges)(
    'gets nothing unless an administrator allowed it (%s to %s)',
    async (_, server, connect) => {
      const { client, asked } = await connect(server);
      const result = await client.callTool({
        name: 'test_elicitation',
        arguments: { message: 'Your password?' },
      });
      expect(result.isError).toBe(true);
      expect(asked).toEqual([]);
      expect(reached(secret)).toBe(false);
      await client.close();
    },
  );

  it('is registered as asking for nothing, and what it may ask for is on record', async () => {
    const operator = await product.operator();
    const servers = async () =>
      (await operator.call('servers.list')).items.filter(({ name }) => name.endsWith('-everything'));
    expect((await servers()).map(({ mayAsk }) => mayAsk)).toEqual([[], []]);
    await everything.allow(product, ['elicitation', 'sampling']);
    expect((await servers()).map(({ mayAsk }) => mayAsk)).toEqual([
      ['elicitation', 'sampling'],
      ['elicitation', 'sampling'],
    ]);
    await product.heard('asked', everythingServers[0]);
    for (const body of [{ mayAsk: ['elicitation', 'elicitation'] }, { mayAsk: ['everything'] }, {}])
      await expect(
        operator.call('servers.mayAsk', { params: { name: everythingServers[0] }, body: body as never }),
      ).rejects.toMatchObject({ refusal: { code: 'request.malformed' } });
  });

  it.each(bridges)('is answered where it may ask (%s to %s)', async (_, server, connect) => {
    const { client, asked } = await connect(server);
    const person = await client.callTool({ name: 'test_elicitation', arguments: { message: 'Which one?' } });
    expect(JSON.stringify(person.content)).toContain(secret);
    expect(asked).toMatchObject([{ message: 'Which one?', requestedSchema: { required: ['response'] } }]);
    const model = await client.callTool({ name: 'test_sampling', arguments: { prompt: 'Say it' } });
    expect(JSON.stringify(model.content)).toContain('from the model');
    await client.close();
  });

  it('has question and answer on record, sealed', async () => {
    await logSettled(product);
    const { entries } = await readLog(product);
    const about = entries.filter(({ type }) => type.startsWith('action.input_'));
    const answered = about.filter(({ type }) => type === 'action.input_given');
    expect(answered.length).toBe(2 * bridges.length);
    for (const { action, body, payload } of answered) {
      expect(about.some((one) => one.type === 'action.input_asked' && one.action === action)).toBe(true);
      expect(entries.some(({ type, action: of }) => type === 'action.outcome' && of === action)).toBe(true);
      expect(payload?.commitment).toBeDefined();
      expect(body['kinds']).toHaveLength(1);
    }
    expect(JSON.stringify(entries)).not.toContain(secret);
    expect(JSON.stringify(entries)).not.toContain('Which one?');
  });

  it.each(everythingServers)('asks without what the agent does not read (%s)', async (server) => {
    const { client, asked } = await elder(server);
    const form = (message: string) => client.callTool({ name: 'test_elicitation', arguments: { message } });
    const result = await form('Is 4111 1111 1111 1111 hers?');
    expect(JSON.stringify(result.content)).toContain(secret);
    expect(asked).toMatchObject([{ message: 'Is [CARD] hers?' }]);
    await client.close();
  });

  it.each(everythingServers)('is not answered for what a client did not declare (%s)', async (server) => {
    const { client, asked } = await elder(server, { elicitation: {} });
    const result = await client.callTool({ name: 'test_sampling', arguments: { prompt: 'Say it' } });
    expect(result.isError).toBe(true);
    expect(result._meta).toMatchObject({ atf: { code: 'request.capability_missing' } });
    expect(asked).toEqual([]);
    await client.close();
    const refused = await raw(server, { name: 'test_sampling', arguments: { prompt: 'Say it' } });
    expect(refused).toMatchObject({
      status: 400,
      error: { code: -32021, data: { requiredCapabilities: { sampling: {} } } },
    });
  });

  it.each(everythingServers)(
    'gets an answer once, of its own caller, to the same request (%s)',
    async (server) => {
      const first = await raw(server, asksName);
      expect(first.result?.resultType).toBe('input_required');
      const { requestState = '', inputRequests = {} } = first.result ?? {};
      const [key = ''] = Object.keys(inputRequests as object);
      const given = (words: string) => ({
        inputResponses: { [key]: { action: 'accept', content: { name: words } } },
      });
      const other = await product.agent('asked');
      for (const [params, by] of [
        [{ ...asksName, ...given('of another instance'), requestState }, other],
        [{ ...asksName, ...given('of an invented state'), requestState: `${requestState}x` }, agent],
        [
          { name: 'test_sampling', arguments: { prompt: 'x' }, ...given('of another request'), requestState },
          agent,
        ],
      ] as const) {
        const refused = await raw(server, params, by);
        expect(refused).toMatchObject({ error: { code: -32602, data: { code: 'request.state_unknown' } } });
      }
      expect(JSON.stringify(everything.seen())).not.toMatch(/of (?:another|an invented)/);
      const again = await raw(server, {
        ...asksName,
        inputResponses: { [key]: { action: 'maybe' } },
        requestState,
      });
      expect(again.result?.resultType).toBe('input_required');
      const state = again.result?.requestState;
      const words = `the right one ${server}`;
      const done = await raw(server, { ...asksName, ...given(words), requestState: state });
      expect(JSON.stringify(done.result?.['content'])).toContain(words);
      const late = await raw(server, { ...asksName, ...given('once more'), requestState: state });
      expect(late.error?.data?.code).toBe('request.state_unknown');
    },
  );

  it('is not answered by whoever guesses that an elder agent is asked', async () => {
    for (const message of [
      { jsonrpc: '2.0', id: 'asked-1', result: accept },
      { jsonrpc: '2.0', id: 1, result: accept },
      { jsonrpc: '2.0', id: 1, error: { code: 1, message: 'no' } },
    ]) {
      const response = await agent.fetch(String(addressOf(everythingServers[0])), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' },
        body: JSON.stringify(message),
      });
      expect(response.status).toBe(400);
    }
  });

  it.each(everythingServers)('hears nothing any more once its agent is stopped (%s)', async (server) => {
    const stopped = await product.agent('asked');
    const first = await raw(server, asksName, stopped);
    const { requestState, inputRequests = {} } = first.result ?? {};
    const [key = ''] = Object.keys(inputRequests as object);
    const resumed = await pause();
    const answer = { inputResponses: { [key]: { action: 'accept', content: { name: 'after the stop' } } } };
    const refused = await raw(server, { ...asksName, ...answer, requestState }, stopped);
    expect(refused.result?.isError ?? refused.error !== undefined).toBe(true);
    expect(reached('after the stop')).toBe(false);
    await resumed();
  });
});

describe('what a tool server logs', () => {
  it.each(everythingServers)(
    'reaches an elder agent from the level that it asked for, with the result (%s)',
    async (server) => {
      const { client } = await elder(server);
      const logged: unknown[] = [];
      client.setNotificationHandler(
        LoggingMessageNotificationSchema,
        ({ params }) => void logged.push(params),
      );
      const call = async () => await client.callTool({ name: 'test_tool_with_logging', arguments: {} });
      await call();
      expect(logged).toEqual([]);
      await client.setLoggingLevel('error');
      await call();
      expect(logged).toEqual([]);
      await client.setLoggingLevel('debug');
      await call();
      expect(logged).toEqual(
        ['Tool execution started', 'Tool processing data', 'Tool execution completed'].map((data) => ({
          level: 'info',
          logger: 'everything',
          data,
        })),
      );
      await client.close();
    },
  );
});

/** Has the server change its list until that was told, and gives it time to be told each time. */
async function changedUntil(client: ElderClient, told: () => boolean): Promise<void> {
  let nextMs = 0;
  await until(
    'the list to be told of',
    async () => {
      if (told()) return true;
      if (performance.now() >= nextMs) {
        nextMs = performance.now() + 3_000;
        await client.callTool({ name: 'test_trigger_tool_change', arguments: {} });
      }
      return undefined;
    },
    60_000,
  );
}

describe('what has changed', () => {
  it('is told to those whom it concerns', async () => {
    const [server] = everythingServers;
    const { client } = await elder(server);
    const heard: string[] = [];
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push('tools'));
    client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void heard.push(params.uri),
    );
    const uri = 'test://watched-resource';
    await client.subscribeResource({ uri });
    await expect(client.subscribeResource({ uri: 'test://nowhere' })).rejects.toThrow();
    // The client opens its stream beside the calls; what is told before that reaches nobody.
    await changedUntil(client, () => heard.includes('tools'));
    everything.change('updated');
    await until('the resource to be told of', () => (heard.includes(uri) ? true : undefined));
    await client.unsubscribeResource({ uri });
    await client.close();
  });

  it('is told on a stream of the newer revision, as far as it was asked for', async () => {
    const [, server] = everythingServers;
    const { client } = await modern(server);
    const heard: string[] = [];
    client.setNotificationHandler('notifications/tools/list_changed', () => void heard.push('tools'));
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void heard.push(params.uri),
    );
    const uri = 'test://watched-resource';
    const stream = await client.listen({ resourceSubscriptions: [uri, 'test://nowhere'] });
    everything.change('updated');
    await until('the resource to be told of', () => (heard.includes(uri) ? true : undefined));
    await client.callTool({ name: 'test_trigger_tool_change', arguments: {} });
    everything.change('updated');
    await until('it to be told again', () => (heard.length > 1 ? true : undefined));
    expect(new Set(heard)).toEqual(new Set([uri]));
    await stream.close();
    await client.close();
  });

  it('is told to nobody who is unknown, and no longer to whom is stopped', async () => {
    const address = String(addressOf(everythingServers[0]));
    const headers = { accept: 'text/event-stream' };
    expect((await fetch(address, { headers })).status).toBe(401);
    const other = await agent.fetch(`${agent.credential.gatewayUrl}/mcp/no-such-server`, {
      method: 'GET',
      headers,
    });
    expect(other.status).toBe(404);
    const page = await agent.fetch(address, {
      method: 'GET',
      headers: { ...headers, origin: 'http://evil.example' },
    });
    expect(page.status).toBe(403);
    const open = await agent.fetch(address, { method: 'GET', headers });
    expect(open.status).toBe(200);
    const resumed = await pause();
    // The stream ends by itself.
    expect(await open.text()).not.toContain('jsonrpc');
    expect((await agent.fetch(address, { method: 'GET', headers })).status).not.toBe(200);
    await resumed();
  });

  it('takes a few streams of one instance, and no more', async () => {
    const address = String(addressOf(everythingServers[0]));
    const headers = { accept: 'text/event-stream' };
    const stop = new AbortController();
    const open = async () => await agent.fetch(address, { method: 'GET', headers, signal: stop.signal });
    // Held, because a stream whose answer nobody holds any more is given up by the client.
    const answers: Response[] = [];
    for (let n = 0; n < 10; n++) answers.push(await open());
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(8);
    expect(statuses.at(-1)).toBe(503);
    stop.abort();
    await until('a stream to be taken again', async () => {
      const again = await agent.fetch(address, {
        method: 'GET',
        headers,
        signal: AbortSignal.timeout(20_000),
      });
      await again.body?.cancel();
      return again.status === 200 ? true : undefined;
    });
  });
});

describe('a host over stdio', () => {
  it('is asked, and told what has changed, through atf connect', async () => {
    const [server] = everythingServers;
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'asked' } });
    const { joinToken } = await operator.call('agents.joinToken', { params: { id } });
    const client = new ElderClient({ name: 'e2e', version: '1' }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, () => accept);
    let changed = 0;
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changed++);
    const env = {
      PATH: process.env['PATH'] ?? '',
      XDG_CONFIG_HOME: join(home, 'config'),
      ATF_JOIN_TOKEN: joinToken,
    };
    const args = [atfBin, 'connect', server, '--agent', 'asked', '--control', product.ready.controlUrl];
    await client.connect(
      new StdioClientTransport({ command: process.execPath, args, env, stderr: 'ignore' }) as never,
    );
    const result = await client.callTool({ name: 'test_elicitation', arguments: { message: 'Which one?' } });
    expect(JSON.stringify(result.content)).toContain(secret);
    // The stream beside the calls may still be opening.
    await changedUntil(client, () => changed > 0);
    await client.close();
  });
});
