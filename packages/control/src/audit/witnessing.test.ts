/** The asking side against the rules of a witness, under a virtual clock. */
import { parseVkey } from '@atf/core/audit/checkpoint';
import { cosign } from '@atf/core/audit/cosignature';
import { type LogPolicy, parseLogPolicy, verifyByPolicy } from '@atf/core/audit/log-policy';
import type { VerifierKey } from '@atf/core/audit/signed-note';
import { emptyEdge, growTree, type TreeEdge } from '@atf/core/audit/tree-edge';
import {
  decideWitness,
  formatAddCheckpoint,
  parseAddCheckpoint,
  type WitnessedHead,
} from '@atf/core/audit/witness';
import { logSigner, logVkey, origin, TestTree, testWitness } from '@atf/core/audit/witnessing.fixture';
import { expect, test } from 'vitest';
import { FaultyStore, TestClock } from './log.fixture.ts';
import type { AskWitness, WitnessReply } from './witness-client.ts';
import type { Disagreed } from './witness-standing.ts';
import { openWitnessing, type Witnessing } from './witnessing.ts';
import { cosignedPath } from './open-check.ts';

const logs = new Map([[origin, [parseVkey(logVkey) as VerifierKey]]]);
const tree = new TestTree(700);
const fork = new TestTree(700, (i) => (i < 20 ? `leaf ${i}` : `other ${i}`));

/** A witness in memory; `mood` makes it misbehave. */
class MemoryWitness {
  head: WitnessedHead | undefined;
  asked = 0;
  mood: ((body: string) => Promise<WitnessReply> | WitnessReply) | undefined;
  readonly n: number;
  private readonly clock: TestClock;
  constructor(n: number, clock: TestClock) {
    this.n = n;
    this.clock = clock;
  }
  answer(body: string): WitnessReply {
    const request = parseAddCheckpoint(body);
    if (request === undefined) return { status: 400, text: '', size: undefined };
    const decision = decideWitness(request, logs, this.head);
    if (decision.status === 409) return { status: 409, text: `${decision.size}\n`, size: decision.size };
    if (decision.status !== 200) return { status: decision.status, text: '', size: undefined };
    this.head = decision.checkpoint;
    const line = cosign(decision.text, testWitness(this.n).signer, Math.floor(this.clock.nowMs() / 1_000));
    return { status: 200, text: `${line}\n`, size: undefined };
  }
}

class Scene {
  readonly clock = new TestClock();
  readonly store = new FaultyStore();
  readonly witnesses = [new MemoryWitness(1, this.clock), new MemoryWitness(2, this.clock)];
  readonly disagreed: Disagreed[] = [];
  readonly faults: unknown[] = [];
  policy: LogPolicy;
  note = '';
  private edge: TreeEdge = emptyEdge;
  witnessing!: Witnessing;

  constructor(quorum: string) {
    const lines = this.witnesses.map(
      ({ n }) => `witness w${n} ${testWitness(n).vkey} https://w${n}.example/\n`,
    );
    const read = parseLogPolicy(Buffer.from(`log ${logVkey}\n${lines.join('')}${quorum}\n`));
    if (!read.ok) throw new Error(read.problem);
    this.policy = read.policy;
  }

  async open(): Promise<void> {
    const ask: AskWitness = async (prefix, body) => {
      const witness = this.witnesses.find(({ n }) => prefix === `https://w${n}.example/`);
      if (witness === undefined) throw new Error('nobody is there');
      witness.asked += 1;
      return (await witness.mood?.(body)) ?? witness.answer(body);
    };
    this.witnessing = await openWitnessing({
      policy: this.policy,
      store: this.store,
      status: () => ({ size: 0, signedSize: 0, checkpoint: this.note, signedAt: 0, fenced: false }),
      clock: this.clock,
      ask,
      onDisagreed: async (disagreed) => {
        this.disagreed.push(disagreed);
      },
      onFault: (fault) => this.faults.push(fault),
    });
  }

  /** What a sequencer leaves behind when the log has grown to `size`. */
  async grow(size: number, by = tree): Promise<void> {
    while (this.edge.size < size) {
      const upTo = Math.min(size, this.edge.size + 200);
      const growth = growTree(this.edge, by.entries.slice(this.edge.size, upTo));
      await this.store.put(growth.files);
      this.edge = growth.edge;
    }
    this.note = by.note(size);
  }

  /** Another history in the place of the first. */
  async replace(by: TestTree, size: number): Promise<void> {
    this.edge = emptyEdge;
    for (const path of [...this.store.files.keys()]) if (path !== cosignedPath) this.store.files.delete(path);
    await this.grow(size, by);
  }

  /** Lets virtual time pass, tick by tick. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      this.witnessing.tick();
      for (let i = 0; i < 200; i++) await Promise.resolve();
      this.clock.now += 100;
    }
  }

  get served() {
    const note = this.witnessing.checkpoint()?.note;
    return note === undefined ? undefined : verifyByPolicy(note, this.policy, this.clock.nowMs());
  }
  states = () => this.witnessing.standing().witnesses.map(({ state }) => state);
}

const both = 'group g all w1 w2\nquorum g';
async function scene(quorum = both): Promise<Scene> {
  const made = new Scene(quorum);
  await made.open();
  return made;
}

test('what is signed is cosigned by all, stored, served; it follows the log', async () => {
  const s = await scene();
  expect(s.witnessing.checkpoint()).toBeUndefined();
  for (const size of [1, 7, 300, 699]) {
    await s.grow(size);
    await s.pass(3_000);
    expect(s.served).toMatchObject({ ok: true, checkpoint: { size } });
    expect(Buffer.from(s.store.files.get(cosignedPath) ?? []).toString()).toBe(
      s.witnessing.checkpoint()?.note,
    );
  }
  expect(s.witnessing.standing()).toMatchObject({ size: 699, lacks: '' });
  expect(s.states()).toEqual(['cosigned', 'cosigned']);
  expect([s.disagreed, s.faults]).toEqual([[], []]);
  const { asked } = s.witnesses[0] as MemoryWitness;
  await s.pass(60_000);
  expect(s.witnesses[0]?.asked, 'a log that rests asks nobody').toBe(asked);
  const before = s.witnessing.standing().atMs ?? 0;
  s.clock.now += 600_000;
  await s.pass(1_000);
  expect(s.witnesses[0]?.asked, 'but now and then, so that its cosignatures are of today').toBe(asked + 1);
  expect(s.served).toMatchObject({ ok: true, checkpoint: { size: 699 } });
  expect((s.witnessing.standing().atMs ?? 0) - before).toBeGreaterThanOrEqual(600_000);
});

test('a log that never rests is cosigned all the same, all under one text', async () => {
  const s = await scene();
  for (let size = 1; size <= 400; size += 4) {
    await s.grow(size);
    await s.pass(100);
  }
  expect(s.served).toMatchObject({ ok: true });
  expect(s.witnessing.checkpoint()?.size).toBeGreaterThan(350);
  expect(s.witnesses[0]?.asked).toBeLessThan(40);
});

test('one of two is down: no quorum of both, what it lacks is said; it comes back and is asked again', async () => {
  const s = await scene();
  await s.grow(5);
  await s.pass(2_000);
  const [, second] = s.witnesses as [MemoryWitness, MemoryWitness];
  second.mood = () => Promise.reject(new Error('ECONNREFUSED'));
  await s.grow(9);
  await s.pass(30_000);
  expect(s.witnessing.checkpoint()?.size, 'the older one with a quorum is still served').toBe(5);
  expect(s.states()).toEqual(['cosigned', 'unreachable']);
  expect(s.witnessing.standing().lacks).toBe('g has 1 of 2 (missing: w2)');
  expect(second.asked, 'with growing pauses').toBeLessThan(10);
  second.mood = undefined;
  await s.pass(62_000);
  expect(s.served).toMatchObject({ ok: true, checkpoint: { size: 9 } });
  expect(s.states()).toEqual(['cosigned', 'cosigned']);
  expect(s.disagreed).toEqual([]);
});

test('one that hangs holds up nobody where any is enough', async () => {
  const s = await scene('group g any w1 w2\nquorum g');
  (s.witnesses[1] as MemoryWitness).mood = () => new Promise(() => undefined);
  for (const size of [3, 5, 9]) {
    await s.grow(size);
    await s.pass(3_000);
    expect(s.served).toMatchObject({ ok: true, checkpoint: { size } });
  }
});

test.each([
  ['nothing', ''],
  ['rubbish', 'rubbish\n'],
  ['a line of another key', `${cosign(tree.note(5), testWitness(3).signer, 1_000)}\n`],
  [
    'an older cosignature, replayed',
    `${cosign(tree.note(3).split('\n\n')[0] ?? '', testWitness(2).signer, 1_000)}\n`,
  ],
  [
    'a cosignature from next year',
    `${cosign(`${tree.note(5).split('\n\n')[0]}\n`, testWitness(2).signer, 1_900_000_000)}\n`,
  ],
])('a witness that answers %s is not believed', async (_what, text) => {
  const s = await scene();
  (s.witnesses[1] as MemoryWitness).mood = () => ({ status: 200, text, size: undefined });
  await s.grow(5);
  await s.pass(3_000);
  expect(s.witnessing.checkpoint()).toBeUndefined();
  expect(s.states()).toEqual(['cosigned', 'wrong_answer']);
});

test.each([
  [500, undefined, 'wrong_answer'],
  [302, undefined, 'wrong_answer'],
  [409, undefined, 'wrong_answer'],
  [404, undefined, 'unknown_log'],
  [403, undefined, 'wrong_key'],
] as const)('status %i with size %s is %s', async (status, size, state) => {
  const s = await scene();
  (s.witnesses[1] as MemoryWitness).mood = () => ({ status, text: '', size });
  await s.grow(5);
  await s.pass(3_000);
  expect(s.states()).toEqual(['cosigned', state]);
  expect(s.disagreed).toEqual([]);
});

test('a witness that sends from size to size is not followed for ever', async () => {
  const s = await scene();
  let size = 0;
  (s.witnesses[1] as MemoryWitness).mood = () => ({ status: 409, text: '', size: (size = (size + 1) % 4) });
  await s.grow(5);
  await s.pass(900);
  expect(s.witnesses[1]?.asked).toBeLessThanOrEqual(3);
});

test('after a restart a witness says where it stands, and what is stored is served at once', async () => {
  const s = await scene();
  await s.grow(30);
  await s.pass(2_000);
  await s.witnessing.stop();
  await s.open();
  expect(s.served).toMatchObject({ ok: true, checkpoint: { size: 30 } });
  await s.grow(44);
  await s.pass(2_000);
  expect(s.served).toMatchObject({ ok: true, checkpoint: { size: 44 } });
  expect(s.disagreed).toEqual([]);
});

test('a split view is refused by the witnesses, and put on record once', async () => {
  const s = await scene();
  await s.grow(30);
  await s.pass(2_000);
  await s.witnessing.stop();
  await s.replace(fork, 40);
  await s.open();
  await s.pass(20_000);
  expect(s.states()).toEqual(['contradicts', 'contradicts']);
  expect(s.disagreed).toEqual(
    [1, 2].map((n) => ({ witness: `w${n}`, kind: 'contradicts', size: 40, witnessSize: 30 })),
  );
  expect(s.served, 'nothing of the fork is served as cosigned').toMatchObject({
    ok: true,
    checkpoint: { size: 30, root: tree.root(30) },
  });
});

test('another tree of the same size is refused too', async () => {
  const s = await scene();
  await s.grow(30);
  await s.pass(2_000);
  await s.witnessing.stop();
  s.store.files.delete(cosignedPath);
  await s.replace(fork, 30);
  await s.open();
  await s.pass(3_000);
  expect(s.states()).toEqual(['contradicts', 'contradicts']);
  expect(s.witnessing.checkpoint()).toBeUndefined();
});

test('a log that was rolled back hears that its witnesses remember more', async () => {
  const s = await scene();
  await s.grow(30);
  await s.pass(2_000);
  await s.witnessing.stop();
  s.store.files.delete(cosignedPath);
  await s.replace(tree, 12);
  await s.open();
  await s.pass(3_000);
  expect(s.states()).toEqual(['ahead', 'ahead']);
  expect(s.disagreed[0]).toEqual({ witness: 'w1', kind: 'ahead', size: 12, witnessSize: 30 });
});

test('a witness that was restored from an old state is told of, and goes on', async () => {
  const s = await scene();
  await s.grow(30);
  await s.pass(2_000);
  const [first] = s.witnesses as [MemoryWitness];
  first.head = { size: 12, root: tree.root(12) };
  await s.grow(40);
  await s.pass(2_000);
  expect(s.disagreed).toEqual([{ witness: 'w1', kind: 'forgot', size: 40, witnessSize: 12 }]);
  expect(s.served).toMatchObject({ ok: true, checkpoint: { size: 40 } });
  expect(s.states(), 'people still see it').toEqual(['forgot', 'cosigned']);
});

test('a witness that forgets again and again does not fill the log', async () => {
  const s = await scene();
  for (let size = 1; size < 60; size++) {
    await s.grow(size);
    await s.pass(1_000);
    (s.witnesses[0] as MemoryWitness).head = undefined;
  }
  expect(s.disagreed).toHaveLength(1);
});

test('a failing disk loses no cosignature: what could not be stored is stored later', async () => {
  const s = await scene();
  await s.grow(5);
  s.store.failAt = { operation: s.store.operations, effect: 'none' };
  await s.pass(500);
  expect(s.faults).toHaveLength(1);
  await s.pass(1_000);
  expect(s.served).toMatchObject({ ok: true, checkpoint: { size: 5 } });
});

test('a missing tile is a fault with pauses, not a storm', async () => {
  const s = await scene();
  await s.grow(5);
  await s.pass(2_000);
  s.note = tree.note(9);
  await s.pass(10_000);
  expect(s.faults.length).toBeGreaterThan(0);
  expect(s.faults.length).toBeLessThan(12);
});

test('the request is the text that the sequencer signed', async () => {
  const s = await scene();
  const bodies: string[] = [];
  (s.witnesses[0] as MemoryWitness).mood = (body) => {
    bodies.push(body);
    return { status: 500, text: '', size: undefined };
  };
  await s.grow(5);
  await s.pass(200);
  expect(bodies[0]).toBe(formatAddCheckpoint({ oldSize: 0, proof: [], note: tree.note(5) }));
  expect(logSigner.name).toBe(origin);
});
