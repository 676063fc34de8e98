/** Lineage over the real database: made of the log alone, of records that have the form of records, walked both ways and within bounds, and made again from nothing. */
import { type EntryDraft, encodeEntry } from '@atf/core/audit/entry';
import { encodeBundle } from '@atf/core/audit/tiles';
import type { EventName } from '@atf/core/events';
import type { LineageQuestion } from '@atf/core/wire/lineage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReadableLog } from '../../activity/log-reader.ts';
import type { TileStore } from '../../audit/tile-store.ts';
import { type TestControl, testControl } from '../../workspace/control.fixture.ts';
import { LineageIndex } from './follow.ts';
import { LineageWalk } from './walk.ts';

const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const [agent, other] = [id(1), id(2)];
const [upper, lower, elsewhere] = [id(11), id(12), id(13)];
const task = id(21);
const at = '2026-11-20T12:00:00.000Z';
let written = 0;

const fromGateway = (type: EventName, body: object): Uint8Array => {
  written += 1;
  const draft: EntryDraft<object> = { type, at, tenant: 'default', body };
  const source = { gateway: 'g1', epoch: 1, seq: written, prev: 'A'.repeat(43) };
  return encodeEntry(draft, source) as Uint8Array;
};
const fromControl = (type: EventName, body: object): Uint8Array =>
  encodeEntry<object>({ type, at, tenant: 'default', body }, { control: `c${written++}` }) as Uint8Array;

interface Said {
  readonly class?: 'read' | 'send';
  readonly sid?: string;
  readonly provenance?: readonly object[];
  readonly chain?: object;
}
const decided = (n: number, tool: string, said: Said = {}, type: EventName = 'action.intent') =>
  fromGateway(type, {
    actionId: id(n),
    agentId: agent,
    sid: said.sid ?? upper,
    server: 'office',
    tool,
    class: said.class ?? 'read',
    facts: { provenance: said.provenance ?? [], ...(said.chain === undefined ? {} : { chain: said.chain }) },
  });
const outcome = (n: number, status = 'done', agentId = agent) =>
  fromGateway('action.outcome', { actionId: id(n), agentId, status, startedAt: at, durationMs: 5 });
const value = (from: number, argument = '/to') => ({
  argument,
  role: 'destination',
  address: true,
  origin: 'listed',
  from: 'office/find',
  action: id(from),
});

const leaves = [
  fromControl('identity.task_taken', { taskId: task, agentId: agent, sid: upper }),
  // A gateway does not say who works on which task.
  fromGateway('identity.task_taken', { taskId: task, agentId: agent, sid: elsewhere }),
  decided(101, 'find'),
  outcome(101, 'failed', other),
  outcome(101),
  decided(102, 'send', {
    class: 'send',
    provenance: [value(101), { argument: '/subject', role: 'object', address: false, origin: 'task' }],
  }),
  outcome(102),
  decided(103, 'send', { class: 'send', provenance: [value(101)] }, 'action.refused'),
  decided(104, 'send', { class: 'send', sid: lower, chain: { links: [{ sid: upper, agentId: other }] } }),
  outcome(104),
  decided(105, 'send', { class: 'send', sid: elsewhere }),
  outcome(105),
  fromGateway('action.intent', { actionId: 'no id', agentId: agent, tool: { nested: 'rubbish' } }),
  // A record that comes again, and says something else.
  decided(102, 'other'),
];

let control: TestControl;
let size = leaves.length;

const log: ReadableLog = {
  store: {
    get: async (path: string) =>
      path === `tile/entries/000.p/${size}` ? encodeBundle(leaves.slice(0, size)) : undefined,
  } as Partial<TileStore> as TileStore,
  status: () => ({ size, signedSize: size, checkpoint: '', signedAt: 0, fenced: false }),
  treeSize: async () => size,
  witnessing: () => undefined,
  onSigned: () => () => undefined,
};

beforeAll(async () => {
  control = await testControl({ policies: false });
});
afterAll(() => control.close());

async function ask(roots: LineageQuestion['roots'], direction: LineageQuestion['direction'], more = {}) {
  const behind = await new LineageIndex(control, log).follow();
  return new LineageWalk(control, { roots, direction, depth: 6, nodes: 200, ...more }).graph(behind);
}
const of = (n: number): LineageQuestion['roots'] => [{ kind: 'action', id: id(n) }];
const joins = (graph: Awaited<ReturnType<typeof ask>>) =>
  graph.edges
    .map(
      ({ from, join, to, sure }) =>
        `${from.replace(/:0.*-0*/, ':')} ${join}${sure ? '' : '?'} ${to.replace(/:0.*-0*/, ':')}`,
    )
    .sort();

describe('back', () => {
  it('leads to the call that gave the value, its tool, the words of the task, and what was read before', async () => {
    expect(joins(await ask(of(102), 'from'))).toEqual([
      'action:101 given? session:11',
      'action:101 value action:102',
      'session:11 made action:101',
      'session:11 made action:102',
      'source:office/find read action:101',
      'task:21 task session:11',
      'task:21 value action:102',
    ]);
  });

  it('goes up a chain of delegation', async () => {
    const found = joins(await ask(of(104), 'from'));
    expect(found).toContain('session:11 delegated session:12');
    expect(found).toContain('task:21 task session:11');
    expect(found).toContain('action:101 given? session:11');
  });

  it('believes a gateway neither the task of a session nor a second record of a call', async () => {
    expect(joins(await ask(of(105), 'from'))).toEqual(['session:13 made action:105']);
    const { nodes } = await ask(of(102), 'from');
    expect(nodes.find((node) => node.id === id(102))).toMatchObject({ name: 'office/send', outcome: 'done' });
    expect(nodes.find((node) => node.id === id(101))).toMatchObject({ outcome: 'done' });
  });
});

describe('forward', () => {
  it('leads to what had the value, what the session did afterwards, and whom it had work', async () => {
    expect(joins(await ask([{ kind: 'source', id: 'office/find' }], 'to'))).toEqual([
      'action:101 given session:11',
      'action:101 value action:102',
      'action:101 value action:103',
      'action:102 changed source:office/send',
      'action:102 given session:11',
      'action:104 changed source:office/send',
      'action:104 given session:12',
      'session:11 delegated session:12',
      'session:11 made? action:102',
      'session:12 made? action:104',
      'source:office/find read action:101',
    ]);
  });

  it('from a call that was refused leads nowhere', async () => {
    expect(joins(await ask(of(103), 'to'))).toEqual([]);
  });
});

describe('the index', () => {
  it('says what it left out', async () => {
    const few = await ask([{ kind: 'source', id: 'office/find' }], 'to', { nodes: 3 });
    expect(few.nodes.length).toBe(3);
    expect(few.cut).toBe(true);
    expect((await ask(of(102), 'from', { depth: 1 })).cut).toBe(true);
  });

  it('is made of the log alone: of a shorter one it holds no more, and made again it says the same', async () => {
    const before = await ask(of(102), 'from');
    size = 3;
    await expect(ask(of(102), 'from')).rejects.toMatchObject({ refusal: { code: 'audit.not_found' } });
    size = leaves.length;
    expect(joins(await ask(of(102), 'from'))).toEqual(joins(before));
  });
});
