/** Gateways of the version before, at the door of this control (docs/decisions/0020): what they are told, they can read; who is too old or too new hears what to upgrade. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { feedTopics, wireHeader, wireVersion, wireVersionOldest } from '@atf/core/wire/feed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { composeControl, type RunningControl } from '../compose.ts';
import { openDb } from '../db/open.ts';
import { migratedSnapshot } from '../db/test-db.ts';
import { enrolGateway, movedClock, temporaryFolder, type TestGateway } from '../platform.fixture.ts';
import { startRooms } from '../rooms.ts';

const golden = join(import.meta.dirname, '../../../../tests/golden/wire');
const read = (version: number, name: string): unknown =>
  JSON.parse(readFileSync(join(golden, String(version), name), 'utf8'));

const folder = temporaryFolder();
let running: RunningControl;
let gateway: TestGateway;

beforeAll(async () => {
  const dataDir = join(folder.path, 'data');
  const clock = movedClock();
  const snapshot = await migratedSnapshot();
  const keyFile = join(folder.path, 'protect.key');
  running = await composeControl(
    { dataDir, port: 0, keyFile, logLevel: 'silent', example: true },
    startRooms,
    {
      clock,
      environment: {},
      open: () => openDb({ snapshot }),
    },
  );
  const operatorToken = readFileSync(join(dataDir, 'operator.token'), 'utf8').trim();
  gateway = await enrolGateway({ ...running, clock, dataDir, operatorToken }, 'edge');
}, 240_000);
afterAll(async () => {
  await running?.close();
  folder.remove();
}, 240_000);

interface Refused {
  readonly status: number;
  readonly code: string;
  readonly help: string;
}

/** Opens the feed as a gateway of this number would; no number: none is said. */
function open(version: string | undefined): Promise<WebSocket | Refused> {
  const said = version === undefined ? {} : { [wireHeader]: version };
  const socket = new WebSocket(`${running.url.replace('http', 'ws')}/v1/feed`, {
    headers: { ...gateway.authorization('GET', '/v1/feed'), ...said },
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (_request, response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.once('end', () => {
        const { code, help } = JSON.parse(Buffer.concat(parts).toString()) as { code: string; help: string };
        resolve({ status: response.statusCode ?? 0, code, help });
        socket.terminate();
      });
    });
    socket.once('error', reject);
  });
}

/** Everything up to the answer to the last beat and the end of the documents. */
async function exchange(socket: WebSocket, frames: readonly unknown[]): Promise<unknown[]> {
  const beats = frames.filter((frame) => (frame as { t: string }).t === 'beat').length;
  const heard: { t: string; more?: boolean }[] = [];
  return new Promise((resolve, reject) => {
    socket.on('message', (data: Buffer) => {
      heard.push(JSON.parse(data.toString()) as { t: string; more?: boolean });
      const answered = heard.filter(({ t }) => t === 'beat').length === beats;
      if (answered && heard.some(({ t, more }) => t === 'docs' && more === false)) resolve(heard);
    });
    socket.once('close', (code) => reject(new Error(`cut off with ${code}`)));
    for (const frame of frames) socket.send(JSON.stringify(frame));
  });
}

describe('gateways of other versions', () => {
  it.each([...new Set([wireVersionOldest, wireVersion])])(
    'number %i is taken, and can read everything that it is told',
    async (version) => {
      const socket = await open(String(version));
      if (!(socket instanceof WebSocket)) throw new Error(`refused: ${socket.code}`);
      const { frame, topics } = read(version, 'schemas.json') as {
        frame: z.core.JSONSchema.JSONSchema;
        topics: Record<string, z.core.JSONSchema.JSONSchema>;
      };
      const sent = (read(version, 'gateway-frames.json') as { t: string; have?: number }[]).filter(
        // One hello, which holds nothing yet.
        ({ t, have }) => t !== 'hello' || have === 0,
      );
      const heard = await exchange(socket, sent);
      socket.removeAllListeners('close');
      socket.terminate();
      const frames = z.fromJSONSchema(frame);
      const seen = new Set<string>();
      for (const one of heard) {
        expect(frames.safeParse(one).error).toBeUndefined();
        for (const { topic, body } of (one as { docs?: { topic: string; body: unknown }[] }).docs ?? []) {
          seen.add(topic);
          const schema = topics[topic];
          if (schema === undefined) throw new Error(`number ${version} knows no ${topic}`);
          if (body !== null) expect(z.fromJSONSchema(schema).safeParse(body).error, topic).toBeUndefined();
        }
      }
      for (const topic of [
        'settings',
        'jwks',
        'agent',
        'server',
        'policy',
      ] satisfies (keyof typeof feedTopics)[])
        expect(seen).toContain(topic);
    },
  );

  it.each([undefined, '0', '1'])(
    'too old (%j): it would not hold the totals of an agent',
    async (version) => {
      expect(await open(version)).toMatchObject({ status: 426, code: 'feed.gateway_too_old' });
    },
  );

  it('too new: control is to be upgraded first', async () => {
    expect(await open(String(wireVersion + 1))).toMatchObject({
      status: 426,
      code: 'feed.gateway_too_new',
      help: expect.stringContaining('control first') as string,
    });
  });

  it.each(['', '-1', 'one', '1,0'])('%j is no number', async (odd) => {
    expect(await open(odd)).toMatchObject({ status: 400, code: 'request.malformed' });
  });
});
