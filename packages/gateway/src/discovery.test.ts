/** What control is told of tool servers that change while they are read, and how often they are read for it. */
import { expect, it } from 'vitest';
import { changesRate, Discovery } from './discovery.ts';
import type { ControlPort } from './ports.ts';
import type { UpstreamListOutcome, UpstreamServer } from './protocols/protocol.ts';
import { serverDoc, uuid } from './testing/documents.fixture.ts';
import { Upstreams } from './upstreams.ts';

const server = serverDoc('office', { stateless: false });

/** One tool server, asked over a connection for each instance; every answer of it and of control is given by the test. */
function scene() {
  let nowMs = 1_000_000;
  let offered = 'first';
  const asked: ((outcome: UpstreamListOutcome) => void)[] = [];
  const reports: { readonly said: string; take(): void }[] = [];
  const announce: (() => void)[] = [];
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const upstream = (): UpstreamServer => ({
    name: 'office',
    listTools: () => new Promise((resolve) => asked.push(resolve)),
    callTool: () => Promise.reject(new Error('nothing is called here')),
    watch: async () => undefined,
    kill: () => false,
    close: async () => undefined,
  });
  const control = {
    request: (_: string, call: object) =>
      new Promise((resolve) =>
        reports.push({
          said: /first|second|third/.exec(JSON.stringify(call))?.[0] ?? '',
          take: () => resolve({ ok: true, value: { ok: true } }),
        }),
      ),
  } as unknown as ControlPort;
  const discovery = new Discovery({ clock, control, upstreams: () => upstreams });
  const upstreams: Upstreams = new Upstreams({
    clock,
    connect: (_, { onToolsChanged }) => {
      announce.push(onToolsChanged);
      return { ok: true, upstream: upstream() };
    },
    onListed: (listed, outcome) => discovery.listed(listed, outcome),
    onChanged: (name) => {
      if (discovery.changed(name)) discovery.tick([server]);
    },
  });
  return {
    upstreams,
    asked,
    reports,
    announce: (at: number) => announce[at]?.(),
    offer: (description: string) => void (offered = description),
    /** Answers the eldest request for the list. */
    async answer() {
      const tools = [{ name: 'pay', description: offered, inputSchema: { type: 'object' as const } }];
      asked.shift()?.({ kind: 'tools', tools, protocolVersion: '2025-11-25' });
      await settle();
    },
    async report() {
      reports.shift()?.take();
      await settle();
    },
    async tick(laterMs: number) {
      nowMs += laterMs;
      discovery.tick([server]);
      await settle();
    },
  };
}

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

it('what changed while it was read is read again at once, although another connection said so', async () => {
  const { upstreams, asked, reports, announce, offer, answer, report, tick } = scene();
  await tick(0);
  await answer();
  expect(reports.map(({ said }) => said)).toEqual(['first']);
  await report();
  // An agent has a connection of its own, and with it the server tells of a change while discovery reads.
  const prepared = upstreams.prepare(server, uuid(1));
  await answer();
  await prepared;
  await tick(300_000);
  expect(asked).toHaveLength(1);
  const before = asked.shift();
  offer('second');
  announce(1);
  before?.({
    kind: 'tools',
    tools: [{ name: 'pay', description: 'first', inputSchema: { type: 'object' } }],
    protocolVersion: '2025-11-25',
  });
  await settle();
  expect(asked).toHaveLength(1);
  await answer();
  expect(reports.map(({ said }) => said)).toEqual(['second']);
  await report();
  await tick(1_000);
  expect([asked, reports]).toEqual([[], []]);
});

it('what is listed while control is being told is told after that', async () => {
  const { upstreams, reports, offer, answer, report, tick } = scene();
  await tick(0);
  await answer();
  offer('second');
  const prepared = upstreams.prepare(server, uuid(1));
  await answer();
  await prepared;
  expect(reports.map(({ said }) => said)).toEqual(['first']);
  await report();
  expect(reports.map(({ said }) => said)).toEqual(['second']);
  await report();
  expect(reports).toEqual([]);
});

it('a server that keeps saying that it changed is read no oftener than the rate allows, and in the end', async () => {
  const { asked, announce, answer, report, tick } = scene();
  await tick(0);
  await answer();
  await report();
  let read = 0;
  const seconds = 10;
  for (let at = 0; at < 100 * seconds; at++) {
    announce(0);
    read += asked.length;
    while (asked.length > 0) {
      await answer();
      read += asked.length;
    }
    await tick(10);
    read += asked.length;
    await answer();
  }
  const { max, perSeconds } = changesRate;
  expect(read).toBeLessThanOrEqual(max + (seconds * max) / perSeconds + 1);
  expect(read).toBeGreaterThan(seconds);
  announce(0);
  await answer();
  await tick(1_000);
  await answer();
  expect(asked).toEqual([]);
});
