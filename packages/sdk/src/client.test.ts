import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { problemOf, refusal } from '@atf/core/errors';
import { afterEach, describe, expect, it } from 'vitest';
import { activityStream } from './activity-stream.ts';
import { ControlClient, responseBytesMax } from './client.ts';
import { ControlAnswerInvalid, ControlRefusal, ControlUnreachable } from './control-refusal.ts';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(
  answer: (seen: Seen, response: ServerResponse) => void,
): Promise<{ baseUrl: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const each = { method: request.method, url: request.url, headers: request.headers, body };
      seen.push(each);
      answer(each, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const json = (response: ServerResponse, status: number, value: unknown) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const person = {
  id: '6f1d6f57-1c0e-4a1b-9d2b-0a1b2c3d4e5f',
  name: 'Ada',
  email: 'ada@example.com',
  roles: ['operator'],
  bootstrap: false,
};

describe('ControlClient', () => {
  it('sends what the route says, with the headers asked for each request, and gives back what the contract names', async () => {
    const { baseUrl, seen } = await serve((_, response) =>
      json(response, 200, { ...person, extra: 'of a newer version' }),
    );
    let calls = 0;
    const client = new ControlClient({
      baseUrl: `${baseUrl}/`,
      headers: () => ({ authorization: `Bearer ${++calls}` }),
    });
    const added = await client.call('people.add', {
      body: { name: 'Ada', email: 'ada@example.com', roles: ['operator'] },
    });
    expect(added).toEqual(person);
    expect(seen[0]).toMatchObject({
      method: 'POST',
      url: '/v1/people',
      headers: { authorization: 'Bearer 1', 'content-type': 'application/json' },
    });
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      name: 'Ada',
      email: 'ada@example.com',
      roles: ['operator'],
    });
  });

  it('puts parameters into the address, escaped, and the query behind it', async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, { items: [] }));
    const client = new ControlClient({ baseUrl });
    await client.call('approvals.list', { query: { state: 'waiting', limit: 5 } });
    await client.call('tools.show', { params: { server: 'files', name: 'a/b c?' } }).catch(() => undefined);
    await client.call('agents.list');
    expect(seen.map(({ url }) => url)).toEqual([
      '/v1/approvals?limit=5&state=waiting',
      '/v1/tools/files/a%2Fb%20c%3F',
      '/v1/agents',
    ]);
  });

  it('turns a problem document into a refusal with its code and help', async () => {
    const { baseUrl } = await serve((_, response) =>
      json(
        response,
        404,
        problemOf(refusal('identity.agent_not_found', 'no agent of that name', { policies: ['p1'] })),
      ),
    );
    const refused = await new ControlClient({ baseUrl })
      .call('agents.show', { params: { id: 'nobody' } })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ControlRefusal);
    expect(refused).toMatchObject({
      code: 'identity.agent_not_found',
      status: 404,
      requirement: 'I-1',
      help: 'List the agents with `atf agent list`.',
    });
    expect((refused as ControlRefusal).refusal).toEqual({
      code: 'identity.agent_not_found',
      detail: 'no agent of that name',
      policies: ['p1'],
    });
  });

  it('refuses what the contract does not allow before anything is sent', async () => {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, person));
    const client = new ControlClient({ baseUrl });
    const refused = await client
      .call('people.add', { body: { name: '', email: 'ada@example.com', roles: [] } })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'request.malformed' });
    await expect(client.call('approvals.show', { params: { id: '../people' } })).rejects.toMatchObject({
      code: 'request.malformed',
    });
    expect(seen).toEqual([]);
  });

  it.each([
    ['no JSON', (response: ServerResponse) => response.writeHead(200).end('<html>')],
    ['other words', (response: ServerResponse) => json(response, 200, { people: [] })],
    [
      'a refusal that is not in the catalogue',
      (response: ServerResponse) => json(response, 403, { title: 'No', status: 403, code: 'x.y', help: '' }),
    ],
  ])('does not believe %s', async (_, answer) => {
    const { baseUrl } = await serve((__, response) => answer(response));
    await expect(new ControlClient({ baseUrl }).call('people.list')).rejects.toBeInstanceOf(
      ControlAnswerInvalid,
    );
  });

  it('follows no redirect, reads no endless body, and waits no longer than told', async () => {
    const redirecting = await serve((_, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    );
    await expect(new ControlClient(redirecting).call('people.list')).rejects.toBeInstanceOf(
      ControlUnreachable,
    );
    const endless = await serve((_, response) =>
      response.writeHead(200).end(Buffer.alloc(responseBytesMax + 1, ' ')),
    );
    await expect(new ControlClient(endless).call('people.list')).rejects.toBeInstanceOf(ControlUnreachable);
    const silent = await serve(() => undefined);
    const late = await new ControlClient({ ...silent, timeoutMs: 50 })
      .call('people.list')
      .catch((error: unknown) => error);
    expect(late).toBeInstanceOf(ControlUnreachable);
    expect(late).toMatchObject({ timedOut: true });
  });

  it('says that nothing answers, with the reason of the system', async () => {
    const { baseUrl } = await serve(() => undefined);
    servers.splice(0)[0]?.close();
    await expect(new ControlClient({ baseUrl }).call('people.list')).rejects.toThrow(
      /Cannot reach .*ECONNREFUSED/,
    );
  });

  it("hands a caller's own abort through as it is", async () => {
    const { baseUrl } = await serve(() => undefined);
    const stop = new AbortController();
    const call = new ControlClient({ baseUrl }).call('people.list', {}, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });
});

describe('activityStream', () => {
  it('yields items however the bytes are cut, and passes over comments and unknown kinds', async () => {
    const item = {
      cursor: 'a1',
      at: '2026-11-20T12:00:00.000Z',
      type: 'action.intent',
      summary: 'Ünïcode is cut anywhere',
    };
    const text = Buffer.from(
      `: hello\n\nid: a1\ndata: ${JSON.stringify(item)}\n\ndata: {"kind":"newer"}\n\ndata: ${JSON.stringify({ ...item, cursor: 'a2' })}\n\n`,
    );
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let at = 0; at < text.length; at += 7) response.write(text.subarray(at, at + 7));
      response.end();
    });
    const items = [];
    const onSkipped = () => expect.unreachable('nothing was skipped');
    for await (const each of activityStream({ baseUrl, signal: new AbortController().signal, onSkipped }))
      items.push(each);
    expect(items).toEqual([item, { ...item, cursor: 'a2' }]);
  });

  it('tells of records that control passed over, in their place in the stream', async () => {
    const item = { cursor: '7', at: '2026-11-20T12:00:00.000Z', type: 'action.intent', summary: 'seen' };
    const asked: unknown[] = [];
    const { baseUrl } = await serve((request, response) => {
      asked.push(request.headers['last-event-id']);
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(
          `id: 7\ndata: ${JSON.stringify(item)}\n\nevent: skipped\nid: 3007\ndata: {}\n\nid: 3008\ndata: ${JSON.stringify({ ...item, cursor: '3008' })}\n\n`,
        );
    });
    const heard: string[] = [];
    const onSkipped = ({ cursor }: { readonly cursor: string }) => heard.push(`skipped to ${cursor}`);
    for await (const { cursor } of activityStream({
      baseUrl,
      after: '6',
      signal: new AbortController().signal,
      onSkipped,
    }))
      heard.push(cursor);
    expect(asked).toEqual(['6']);
    expect(heard).toEqual(['7', 'skipped to 3007', '3008']);
  });
});
