import type { ContainmentDoc, ControlFrame } from '@atf/core/wire/feed';
import { controlFrameSchema, wireHeader, wireVersion } from '@atf/core/wire/feed';
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import {
  enrolGateway,
  gatewayProof,
  type Platform,
  post,
  startPlatform,
  temporaryFolder,
  type TestGateway,
  testKey,
} from '../platform.fixture.ts';
import { docsFrames, frameBytesAim } from './frames.ts';
import { beatAnswerMaxMs } from './hub.ts';

const folder = temporaryFolder();
let platform: Platform;
let gateway: TestGateway;
const open: FeedClient[] = [];
beforeAll(async () => {
  platform = await startPlatform(folder.path);
  gateway = await enrolGateway(platform, 'edge');
});
afterEach(() => {
  for (const client of open.splice(0)) client.socket.terminate();
});
afterAll(async () => {
  await platform.close();
  folder.remove();
});

const waitMs = 30_000;
type Docs = Extract<ControlFrame, { t: 'docs' }>;

/** A gateway's end of the feed, as far as the frames go. */
class FeedClient {
  readonly socket: WebSocket;
  readonly frames: ControlFrame[] = [];
  closed: number | undefined;
  private readonly waiting = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.frames.push(controlFrameSchema.parse(JSON.parse(data.toString())));
      this.wake();
    });
    socket.on('close', (code) => {
      this.closed = code;
      this.wake();
    });
    socket.on('error', () => undefined);
  }

  private wake(): void {
    for (const look of [...this.waiting]) look();
  }

  /** Resolves when `found` gives something. */
  until<T>(found: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(
          new Error(
            `nothing came; so far ${JSON.stringify(this.frames).slice(0, 500)}, closed ${this.closed}`,
          ),
        );
      }, waitMs);
      const look = (): void => {
        const value = found();
        if (value === undefined) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(value);
      };
      this.waiting.add(look);
      look();
    });
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  hello(have: number): void {
    this.send({ t: 'hello', have, version: '0.1.0', mcpUrl: 'http://localhost:7781' });
  }

  docs(): Docs[] {
    return this.frames.filter((frame): frame is Docs => frame.t === 'docs');
  }

  /** The whole set: all documents up to the first frame that says there is no more. */
  async complete(): Promise<{ version: number; docs: Docs['docs']; full: boolean }> {
    const last = await this.until(() => this.docs().find((frame) => !frame.more));
    const frames = this.docs().slice(0, this.docs().indexOf(last) + 1);
    return {
      version: last.version,
      docs: frames.flatMap((frame) => frame.docs),
      full: frames[0]?.full === true,
    };
  }

  async beat(nonce = randomBytes(12).toString('base64url')): Promise<number> {
    this.send({ t: 'beat', nonce, have: 0, spool: { epoch: 1, seq: 7, head: 'h' } });
    const frame = await this.until(() =>
      this.frames.find((item) => item.t === 'beat' && item.nonce === nonce),
    );
    return frame.t === 'beat' ? frame.version : -1;
  }
}

function connect(from: TestGateway = gateway, headers?: Record<string, string>): Promise<FeedClient> {
  const socket = new WebSocket(`${platform.url.replace('http', 'ws')}/v1/feed`, {
    headers: { [wireHeader]: String(wireVersion), ...(headers ?? from.authorization('GET', '/v1/feed')) },
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      const client = new FeedClient(socket);
      open.push(client);
      resolve(client);
    });
    socket.once('unexpected-response', (_request, response) => {
      reject(new Error(String(response.statusCode)));
      socket.terminate();
    });
    socket.once('error', reject);
  });
}

function instance(id: string = randomUUID()): { id: string; agentId: string; state: 'active' } {
  return { id, agentId: randomUUID(), state: 'active' };
}

async function put(key: string, gone = false): Promise<void> {
  await platform.control.change((tx) =>
    platform.control.feed.put(tx, 'instance', key, gone ? null : instance(key)),
  );
}

async function head(): Promise<number> {
  const row = await platform.control.db.selectFrom('feed_head').select('version').executeTakeFirst();
  return row?.version ?? 0;
}

describe('documents', () => {
  it('come in full to a gateway that has nothing, without those that are gone', async () => {
    const [kept, gone] = [randomUUID(), randomUUID()];
    await put(kept);
    await put(gone);
    await put(gone, true);
    const client = await connect();
    client.hello(0);
    const { version, docs, full } = await client.complete();
    expect(version).toBe(await head());
    expect(full).toBe(true);
    expect(docs.map((doc) => doc.key)).toContain(kept);
    expect(docs.map((doc) => doc.key)).not.toContain(gone);
    expect(docs.some((doc) => doc.topic === 'jwks')).toBe(true);
  });

  it('resume by version, with those that went meanwhile', async () => {
    const [old, gone, fresh] = [randomUUID(), randomUUID(), randomUUID()];
    await put(old);
    await put(gone);
    const have = await head();
    await put(gone, true);
    await put(fresh);
    const client = await connect();
    client.hello(have);
    const { docs, full } = await client.complete();
    expect(full).toBe(false);
    expect(docs.map(({ key, body }) => [key, body === null])).toEqual([
      [gone, true],
      [fresh, false],
    ]);
  });

  it('come in full to a gateway that knows a version that is not known here', async () => {
    const client = await connect();
    client.hello((await head()) + 1_000);
    const { full, version, docs } = await client.complete();
    expect(full).toBe(true);
    expect(version).toBe(await head());
    expect(docs.length).toBeGreaterThan(0);
  });

  it('come live as they are committed, each version once and in order', async () => {
    const client = await connect();
    client.hello(await head());
    await client.complete();
    const from = await head();
    const keys = Array.from({ length: 30 }, () => randomUUID());
    await Promise.all(keys.map((key) => put(key)));
    const docs = await client.until(() => {
      const live = client.docs().flatMap((frame) => frame.docs);
      return live.length >= keys.length ? live : undefined;
    });
    expect(docs.map((doc) => doc.version)).toEqual(keys.map((_, at) => from + at + 1));
    expect(new Set(docs.map((doc) => doc.key))).toEqual(new Set(keys));
  });

  it('do not come when their transaction is rolled back', async () => {
    const client = await connect();
    client.hello(await head());
    await client.complete();
    const [lost, kept] = [randomUUID(), randomUUID()];
    await platform.control
      .change(async (tx) => {
        await platform.control.feed.put(tx, 'instance', lost, instance(lost));
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    await put(kept);
    await client.until(() => client.docs().find((frame) => frame.docs.some((doc) => doc.key === kept)));
    expect(client.docs().flatMap((frame) => frame.docs.map((doc) => doc.key))).not.toContain(lost);
  });

  it('come to a gateway that connects while they are being written', async () => {
    const keys = Array.from({ length: 60 }, () => randomUUID());
    const start = await head();
    const writing = Promise.all(keys.map((key) => put(key)));
    const clients = await Promise.all([
      connect(),
      enrolGateway(platform, 'second').then((second) => connect(second)),
    ]);
    for (const client of clients) client.hello(start);
    await writing;
    for (const client of clients) {
      const seen = await client.until(() => {
        const found = new Set(client.docs().flatMap((frame) => frame.docs.map((doc) => doc.key)));
        return keys.every((key) => found.has(key)) ? client.docs().flatMap((frame) => frame.docs) : undefined;
      });
      const versions = seen.map((doc) => doc.version);
      expect(versions).toEqual([...versions].sort((a, b) => a - b));
      expect(new Set(versions).size).toBe(versions.length);
    }
  });

  it('are refused when the gateway would not understand them', async () => {
    const bad = { id: 'not-a-uuid', agentId: randomUUID(), state: 'active' as const };
    await expect(
      platform.control.change((tx) => platform.control.feed.put(tx, 'instance', 'x', bad)),
    ).rejects.toThrow();
  });
});

describe('beats', () => {
  it('attest the newest committed version, after its documents', async () => {
    const client = await connect();
    client.hello(await head());
    await client.complete();
    const key = randomUUID();
    await put(key);
    expect(await client.beat()).toBe(await head());
    const at = client.frames.findIndex(
      (frame) => frame.t === 'docs' && frame.docs.some((doc) => doc.key === key),
    );
    expect(at).toBeGreaterThanOrEqual(0);
    expect(at).toBeLessThan(client.frames.length - 1);
    const known = platform.control.feed.gateways().find((one) => one.id === gateway.id);
    expect(known).toMatchObject({ connected: true, spool: { epoch: 1, seq: 7 } });
    expect(known?.lastBeatMsAgo).toBeGreaterThanOrEqual(0);
  });

  it('are not answered while the database cannot be read in time', async () => {
    const client = await connect();
    client.hello(await head());
    await client.complete();
    const nonce = randomBytes(12).toString('base64url');
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    // A change that does not end holds the only session of the embedded database.
    const begun = Promise.withResolvers<void>();
    const blocking = platform.control.change(async () => {
      begun.resolve();
      await held;
    });
    await begun.promise;
    client.send({ t: 'beat', nonce, have: 0, spool: { epoch: 1, seq: 8, head: 'h' } });
    await vi.waitFor(
      () => expect(platform.control.feed.gateways().find(({ id }) => id === gateway.id)?.spool?.seq).toBe(8),
      waitMs,
    );
    await new Promise((resolve) => setTimeout(resolve, beatAnswerMaxMs + 50));
    release();
    await blocking;
    expect(await client.beat()).toBe(await head());
    expect(client.frames.some((frame) => frame.t === 'beat' && frame.nonce === nonce)).toBe(false);
  });
});

describe('stops', () => {
  const stop: ContainmentDoc = {
    scope: { kind: 'fleet', id: '*' },
    state: 'killed',
    since: new Date(0).toISOString(),
    reason: 'test',
    by: 'test',
  };

  it('that are not on record yet reach a gateway that connects only now, before any document', async () => {
    const unrecorded = [{ key: 'fleet:*', body: stop }];
    platform.control.feed.announce(() => unrecorded);
    try {
      const client = await connect();
      client.hello(0);
      await client.complete();
      expect(client.frames[0]).toEqual({ t: 'contain', key: 'fleet:*', body: stop });
      // A whole set makes a gateway forget what it was told ahead, so it is told once more.
      const last = await client.until(() => {
        const at = client.frames.findLastIndex(({ t }) => t === 'contain');
        return at > 0 ? at : undefined;
      });
      expect(client.frames.findIndex((frame) => frame.t === 'docs' && frame.full === true)).toBeLessThan(
        last,
      );
      unrecorded.pop();
      const later = await connect();
      later.hello(0);
      await later.complete();
      expect(later.frames[0]?.t).toBe('docs');
    } finally {
      platform.control.feed.announce(() => []);
    }
  });

  it('go out ahead of any record, and collect what gateways confirm', async () => {
    const client = await connect();
    client.hello(0);
    await client.complete();
    const outcome = platform.control.feed.contain('fleet:*', stop, 5_000);
    await client.until(() => client.frames.find((frame) => frame.t === 'contain' && frame.key === 'fleet:*'));
    client.send({ t: 'contained', key: 'fleet:*', aborted: 3, tookMs: 1 });
    expect(await outcome).toEqual({ connected: 1, confirmed: 1, aborted: 3, running: 0 });
  });

  it('go out also while the database is busy, and end at their bound', async () => {
    const client = await connect();
    client.hello(await head());
    await client.complete();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const blocking = platform.control.change(async () => held);
    const outcome = platform.control.feed.contain('agent:x', stop, 200);
    await client.until(() => client.frames.find((frame) => frame.t === 'contain' && frame.key === 'agent:x'));
    expect(await outcome).toEqual({ connected: 1, confirmed: 0, aborted: 0, running: 0 });
    release();
    await blocking;
  });

  it('do not wait for a gateway that goes away', async () => {
    const client = await connect();
    client.hello(await head());
    await client.complete();
    const outcome = platform.control.feed.contain('agent:y', stop, 9_000);
    client.socket.terminate();
    expect(await outcome).toMatchObject({ connected: 1, confirmed: 0 });
  });
});

describe('who may connect', () => {
  it('refuses no proof, a foreign one, a replayed one, and browsers', async () => {
    await expect(connect(gateway, {})).rejects.toThrow('401');
    await expect(connect(gateway, gateway.authorization('GET', '/v1/other'))).rejects.toThrow('401');
    const once = gateway.authorization('GET', '/v1/feed');
    await connect(gateway, once);
    await expect(connect(gateway, once)).rejects.toThrow('401');
    const page = { ...gateway.authorization('GET', '/v1/feed'), origin: platform.url };
    await expect(connect(gateway, page)).rejects.toThrow('403');
    const rebound = { ...gateway.authorization('GET', '/v1/feed'), host: 'evil.example' };
    await expect(connect(gateway, rebound)).rejects.toThrow('403');
  });

  it('replaces an older connection of the same gateway', async () => {
    const older = await connect();
    older.hello(0);
    await older.complete();
    const newer = await connect();
    await older.until(() => older.closed);
    newer.hello(0);
    await newer.complete();
    expect(platform.control.feed.gateways().find((one) => one.id === gateway.id)?.connected).toBe(true);
  });

  it.each([
    [
      'no hello first',
      [{ t: 'beat', nonce: 'n'.repeat(16), have: 0, spool: { epoch: 0, seq: 0, head: '' } }],
    ],
    [
      'a second hello',
      [
        { t: 'hello', have: 0, version: '1', mcpUrl: 'http://x.example' },
        { t: 'hello', have: 0, version: '1', mcpUrl: 'http://x.example' },
      ],
    ],
    ['an unknown frame', ['{"t":"what"}']],
    ['no JSON', ['{']],
    ['duplicate keys', ['{"t":"hello","t":"hello","have":0,"version":"1","mcpUrl":"http://x.example"}']],
    ['too much', ['x'.repeat(20_000)]],
  ])('cuts off %s', async (_name, frames) => {
    const client = await connect();
    for (const frame of frames) client.send(frame);
    await client.until(() => client.closed);
  });

  it('tells a revoked gateway, cuts it off, and does not let it back', async () => {
    const doomed = await enrolGateway(platform, 'doomed');
    const client = await connect(doomed);
    client.hello(0);
    await client.complete();
    const bearer = { authorization: `Bearer ${platform.operatorToken}` };
    const revoked = await post(`${platform.url}/v1/gateways/${doomed.id}/revoke`, { reason: 'test' }, bearer);
    expect(revoked.status).toBe(200);
    await client.until(() => client.frames.find((frame) => frame.t === 'revoked'));
    await client.until(() => client.closed);
    await expect(connect(doomed)).rejects.toThrow('401');
    const key = await post(
      `${platform.url}/v1/gateway/payload-key`,
      undefined,
      doomed.authorization('POST', '/v1/gateway/payload-key'),
    );
    expect(key.json.code).toBe('identity.gateway_unknown');
  });

  it('cuts a gateway off at its next beat when another replica has revoked it', async () => {
    const doomed = await enrolGateway(platform, 'elsewhere');
    const client = await connect(doomed);
    client.hello(0);
    await client.complete();
    await platform.control.change((tx) =>
      tx.updateTable('gateway').set({ state: 'revoked' }).where('id', '=', doomed.id).execute(),
    );
    client.send({ t: 'beat', nonce: 'n'.repeat(20), have: 0, spool: { epoch: 1, seq: 1, head: 'h' } });
    await client.until(() => client.frames.find((frame) => frame.t === 'revoked'));
    expect(client.frames.some((frame) => frame.t === 'beat')).toBe(false);
  });
});

describe('enrolment', () => {
  it('takes a join token once, with a proof by the key that is enrolled', async () => {
    const bearer = { authorization: `Bearer ${platform.operatorToken}` };
    const { json } = await post(
      `${platform.url}/v1/gateways/join-tokens`,
      { name: 'once', servers: '*' },
      bearer,
    );
    const enrolled = await enrolGateway(platform, 'once');
    const url = `${platform.url}/v1/gateways/enrol`;
    const { publicKey } = enrolled.key;
    // The key of `enrolled` is known here already: a key is enrolled once.
    const again = { joinToken: json.joinToken, publicKey, proof: gatewayProof(enrolled.key, 'POST', url) };
    expect((await post(url, again)).json.code).toBe('identity.proof_invalid');
    const fresh = testKey();
    const foreign = {
      joinToken: json.joinToken,
      publicKey: fresh.publicKey,
      proof: gatewayProof(enrolled.key, 'POST', url),
    };
    expect((await post(url, foreign)).json.code).toBe('identity.proof_invalid');
    const right = {
      joinToken: json.joinToken,
      publicKey: fresh.publicKey,
      proof: gatewayProof(fresh, 'POST', url),
    };
    expect((await post(url, right)).json).toMatchObject({ name: 'once', tenant: 'default' });
    const third = testKey();
    const used = {
      joinToken: json.joinToken,
      publicKey: third.publicKey,
      proof: gatewayProof(third, 'POST', url),
    };
    expect((await post(url, used)).json.code).toBe('identity.join_token_invalid');
    const listed = await fetch(`${platform.url}/v1/gateways`, { headers: bearer }).then(
      (answer) => answer.json() as Promise<{ items: { name: string }[] }>,
    );
    expect(listed.items.filter((item) => item.name === 'once')).toHaveLength(2);
  });

  it('hands the payload key to enrolled gateways only', async () => {
    const path = '/v1/gateway/payload-key';
    const { json } = await post(`${platform.url}${path}`, undefined, gateway.authorization('POST', path));
    expect(Buffer.from(String(json.key), 'base64url')).toHaveLength(32);
    expect((await post(`${platform.url}${path}`, undefined)).status).toBe(401);
  });
});

describe('frames', () => {
  it('stay below their aim, in order, and say when there is more', () => {
    const docs = Array.from({ length: 10 }, (_, at) => ({
      topic: 'instance' as const,
      key: `k${at}`,
      version: at + 1,
      body: JSON.stringify('x'.repeat(frameBytesAim / 4)),
    }));
    const frames = docsFrames(docs, 12, false, true).map((text) => JSON.parse(text) as Docs);
    expect(frames.length).toBeGreaterThan(2);
    expect(frames.flatMap((frame) => frame.docs.map((doc) => doc.version))).toEqual(
      docs.map((doc) => doc.version),
    );
    expect(frames.map((frame) => frame.more)).toEqual(frames.map((_, at) => at < frames.length - 1));
    expect(frames.map((frame) => frame.full)).toEqual(frames.map((_, at) => (at === 0 ? true : undefined)));
    expect(frames.at(-1)?.version).toBe(12);
    expect(frames[0]?.version).toBe(frames[0]?.docs.at(-1)?.version);
  });
});
