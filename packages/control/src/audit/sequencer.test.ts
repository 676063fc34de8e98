import {
  parseVkey,
  signCheckpoint,
  verifyCheckpoint,
  type Checkpoint,
  type VerifierKey,
} from '@atf/core/audit/checkpoint';
import {
  verifyConsistency,
  verifyInclusion,
  proveConsistency,
  proveInclusion,
  leafHash,
} from '@atf/core/audit/merkle';
import { decodeBundle, tileWidth } from '@atf/core/audit/tiles';
import { encodeEntry } from '@atf/core/audit/entry';
import { RefusalError } from '@atf/core/errors';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type TestDb, testDb } from '../db/test-db.ts';
import { activityRows } from './index-store.ts';
import {
  drain,
  type Effect,
  FaultyStore,
  faultyChange,
  logSigner,
  open,
  tenant,
  TestClock,
  verifyStore,
  vkey,
} from './log.fixture.ts';
import { bundleEntries, nodeReader, readEntry, rootAt } from './log-files.ts';
import { rebuildIndex } from './log-index.ts';
import { enqueue } from './outbox.ts';
import { insertPending } from './store.ts';
import type { Sequencer } from './sequencer.ts';

let db: TestDb;
const clock = new TestClock();
const key = parseVkey(vkey) as VerifierKey;
beforeAll(async () => {
  db = await testDb();
});
afterAll(() => db.close());
afterEach(async () => {
  for (const table of ['audit_pending', 'audit_gateway', 'audit_log', 'audit_index', 'audit_payload']) {
    await sql`delete from ${sql.table(table)}`.execute(db.db);
  }
});

/** Many events of control in one transaction, and one statement, so that the tests take their time for crashes. */
async function put(...numbers: number[]): Promise<void> {
  const at = new Date(clock.nowMs()).toISOString();
  const leaves = numbers.map((n) => {
    const draft = {
      type: 'identity.agent_registered',
      at,
      tenant,
      agent: `agent-${n % 3}`,
      body: { n },
    } as const;
    const entry = encodeEntry(draft, { control: `event-${n}` }) as Uint8Array;
    return { entry, place: undefined };
  });
  await db.change((tx) => insertPending(tx, tenant, leaves));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** The numbers that stand in the log, in its order. */
async function logged(store: FaultyStore): Promise<number[]> {
  const { size } = signedIn(store);
  const numbers: number[] = [];
  for (let n = 0; n * tileWidth < size; n++) {
    for (const entry of (await bundleEntries(store, n, size)) as Uint8Array[]) {
      const { body } = JSON.parse(Buffer.from(entry).toString()) as { body: { n?: number } };
      if (body.n !== undefined) numbers.push(body.n);
    }
  }
  return numbers;
}

function signedIn(store: FaultyStore): Checkpoint {
  const verified = verifyCheckpoint(Buffer.from(store.files.get('checkpoint') as Uint8Array).toString(), key);
  if (!verified.ok) throw new Error(verified.problem);
  return verified.checkpoint;
}

test('control events go into the log in order, and every checkpoint is consistent with the ones before', async () => {
  const store = new FaultyStore();
  const sequencer = await open({ db, store, clock });
  const remembered: Checkpoint[] = [signedIn(store)];
  for (let i = 0; i < 12; i++) {
    await put(...range(i * 97, (i + 1) * 97));
    await drain(sequencer, db);
    remembered.push(signedIn(store));
  }
  expect(await logged(store)).toEqual(range(0, 12 * 97));
  expect(await verifyStore(store, { remembered })).toMatchObject({
    ok: true,
    size: 12 * 97 + 1,
    control: 12 * 97 + 1,
  });
  const newest = remembered.at(-1) as Checkpoint;
  for (const older of remembered.slice(1)) {
    expect(await rootAt(store, older.size, newest.size)).toEqual(Buffer.from(older.root));
    const proof = await proveConsistency(nodeReader(store, newest.size), older.size, newest.size);
    expect(
      verifyConsistency({
        olderSize: older.size,
        newerSize: newest.size,
        olderRoot: older.root,
        newerRoot: newest.root,
        proof,
      }),
    ).toBe(true);
  }
  const entry = (await readEntry(store, 700, newest.size)) as Uint8Array;
  const proof = await proveInclusion(nodeReader(store, newest.size), 700, newest.size);
  expect(
    verifyInclusion({ index: 700, size: newest.size, leaf: leafHash(entry), root: newest.root, proof }),
  ).toBe(true);
  expect(
    [...store.files.keys()].filter((path) => path.startsWith('staging/') || path.startsWith('tile/0/000.p/')),
  ).toEqual([]);
});

test('a rolled back transaction leaves nothing, an oversized event rolls it back', async () => {
  const store = new FaultyStore();
  const sequencer = await open({ db, store, clock });
  const big = db.change(async (tx) => {
    await enqueue(tx, {
      type: 'people.signed_in',
      at: new Date(clock.nowMs()).toISOString(),
      tenant,
      body: { x: 'x'.repeat(70_000) },
    });
  });
  await expect(big).rejects.toThrow(RefusalError);
  await drain(sequencer, db);
  expect(sequencer.status()).toMatchObject({ size: 1, signedSize: 1, fenced: false });
});

/** One crash at a chosen point of a workload, then a restart over the same database and store, then everything is verified again. */
async function crashAt(
  arm: (store: FaultyStore, transactions: ReturnType<typeof faultyChange>) => void,
  retry: boolean,
): Promise<boolean> {
  const store = new FaultyStore();
  const transactions = faultyChange(db);
  let sequencer = await open({ db, store, clock, change: transactions.change });
  await put(...range(0, 250));
  await drain(sequencer, db);
  const before = signedIn(store);
  arm(store, transactions);
  await put(...range(250, 520));
  let failed = false;
  const attempt = async (): Promise<void> => {
    await sequencer.step().catch(() => {
      failed = true;
    });
  };
  await attempt();
  const seen = signedIn(store);
  await put(...range(520, 530));
  if (retry) {
    await attempt();
  } else {
    store.failAt = undefined;
    sequencer = await open({ db, store, clock });
  }
  await drain(sequencer, db);
  await sequencer.step();
  expect(await logged(store)).toEqual(range(0, 530));
  const report = await verifyStore(store, { remembered: [before, seen, signedIn(store)] });
  expect(report.problems).toEqual([]);
  expect((await activityRows(db.db, { tenant, limit: 500 })).length).toBe(500);
  expect(sequencer.status()).toMatchObject({ size: report.size, signedSize: report.size });
  return failed;
}

describe('a crash at any point loses nothing and contradicts nothing', () => {
  const effects: Effect[] = ['none', 'half', 'all'];
  const storeFaults = range(0, 4).flatMap((step) =>
    effects.flatMap((effect) => [false, true].map((retry) => ({ step, effect, retry }))),
  );
  // Operations of a step: staging, tiles, checkpoint, tidying. The last may fail without failing the step.
  test.each(storeFaults)(
    'store operation $step, persisted: $effect, same process goes on: $retry',
    async ({ step, effect, retry }) => {
      const failed = await crashAt((store) => {
        store.failAt = { operation: store.operations + step, effect };
      }, retry);
      expect(failed).toBe(step < 3);
    },
  );
  test.each([
    { committed: false, retry: false },
    { committed: true, retry: false },
    { committed: false, retry: true },
    { committed: true, retry: true },
  ])('transaction committed: $committed, same process goes on: $retry', async ({ committed, retry }) => {
    const failed = await crashAt(
      (_store, transactions) => transactions.failAt(transactions.calls(), committed),
      retry,
    );
    expect(failed).toBe(true);
  });
});

test('a second sequencer takes over; the first can no longer write', async () => {
  const store = new FaultyStore();
  const first = await open({ db, store, clock });
  await put(1, 2);
  const second = await open({ db, store, clock });
  await put(3);
  await expect(first.step()).rejects.toThrow('audit.sequencer_fenced');
  expect(first.status().fenced).toBe(true);
  await drain(second, db);
  await expect(first.step()).rejects.toThrow('audit.sequencer_fenced');
  expect(await logged(store)).toEqual([1, 2, 3]);
  expect(await verifyStore(store)).toMatchObject({ ok: true });
});

test('takeover while the first sequencer is between commit and publication', async () => {
  const store = new FaultyStore();
  const first = await open({ db, store, clock });
  await put(...range(0, 300));
  store.failAt = { operation: store.operations + 1, effect: 'half' };
  await expect(first.step()).rejects.toThrow('EIO');
  store.failAt = undefined;
  const second = await open({ db, store, clock });
  await put(300);
  await drain(second, db);
  const newest = signedIn(store);
  await expect(first.step()).rejects.toThrow('audit.sequencer_fenced');
  expect(signedIn(store)).toEqual(newest);
  expect(await logged(store)).toEqual(range(0, 301));
  expect(await verifyStore(store)).toMatchObject({ ok: true });
});

describe('opening refuses a log that is not what was signed', () => {
  async function grown(): Promise<{ store: FaultyStore; sequencer: Sequencer }> {
    const store = new FaultyStore();
    const sequencer = await open({ db, store, clock });
    await put(...range(0, 299));
    await drain(sequencer, db);
    return { store, sequencer };
  }
  const refusalOf = async (store: FaultyStore): Promise<string> => {
    try {
      await open({ db, store, clock });
      return 'opened';
    } catch (fault) {
      if (!(fault instanceof RefusalError)) throw fault;
      expect(fault.refusal.detail).toMatch(/entries|checkpoint/);
      return fault.refusal.code;
    }
  };

  test('intact, it opens', async () => {
    expect(await refusalOf((await grown()).store)).toBe('opened');
  });

  test('the database was restored from an older copy', async () => {
    const { store, sequencer } = await grown();
    const old = await sql<{ size: number; root: Uint8Array }>`select size, root from audit_log`.execute(
      db.db,
    );
    await put(1000);
    await drain(sequencer, db);
    await sql`update audit_log set size = ${old.rows[0]?.size}, root = ${old.rows[0]?.root}`.execute(db.db);
    expect(await refusalOf(store)).toBe('audit.log_shorter');
    await sql`delete from audit_log`.execute(db.db);
    expect(await refusalOf(store)).toBe('audit.log_shorter');
  });

  test.each([
    ['tile/entries/001.p/44', 'audit.log_shorter'],
    ['tile/0/001.p/44', 'audit.log_shorter'],
    ['tile/1/000.p/1', 'audit.log_shorter'],
    ['checkpoint', 'audit.log_shorter'],
  ])('without %s', async (path, code) => {
    const { store } = await grown();
    expect(store.files.delete(path)).toBe(true);
    expect(await refusalOf(store)).toBe(code);
  });

  test('a refused start does not disturb the sequencer that runs', async () => {
    const { store, sequencer } = await grown();
    const other = new FaultyStore();
    expect(await refusalOf(other)).toBe('audit.log_shorter');
    await put(1000);
    await drain(sequencer, db);
    expect(await verifyStore(store)).toMatchObject({ ok: true });
  });

  test('what witnesses cosigned binds it also where its own checkpoint was put back with the database', async () => {
    const { store, sequencer } = await grown();
    const old = await sql<{ size: number; root: Uint8Array }>`select size, root from audit_log`.execute(
      db.db,
    );
    const checkpoint = store.files.get('checkpoint') as Uint8Array;
    await put(1000);
    await drain(sequencer, db);
    store.files.set('checkpoint.cosigned', store.files.get('checkpoint') as Uint8Array);
    expect(await refusalOf(store)).toBe('opened');
    store.files.set('checkpoint', checkpoint);
    await sql`update audit_log set size = ${old.rows[0]?.size}, root = ${old.rows[0]?.root}`.execute(db.db);
    expect(await refusalOf(store)).toBe('audit.log_shorter');
  });

  test('a cosigned checkpoint of another log says nothing about this one', async () => {
    const { store } = await grown();
    const name = 'other.example/log';
    const other = { origin: name, size: 9_999, root: leafHash(Buffer.from('x')), extensions: [] };
    store.files.set('checkpoint.cosigned', Buffer.from(signCheckpoint(other, { ...logSigner, name })));
    expect(await refusalOf(store)).toBe('opened');
  });

  test('a changed tile, an older root, a foreign checkpoint', async () => {
    const { store } = await grown();
    const tile = Buffer.from(store.files.get('tile/1/000.p/1') as Uint8Array);
    store.files.set('tile/1/000.p/1', Buffer.from(tile.map((byte) => byte ^ 1)));
    expect(await refusalOf(store)).toBe('audit.log_damaged');
    store.files.set('tile/1/000.p/1', tile);
    expect(await refusalOf(store)).toBe('opened');
    const note = Buffer.from(store.files.get('checkpoint') as Uint8Array).toString();
    store.files.set('checkpoint', Buffer.from(note.replace(/^(.*\n)\d+/, '$1999')));
    expect(await refusalOf(store)).toBe('audit.log_damaged');
  });
});

test('the index can be rebuilt from the log and answers the same', async () => {
  const store = new FaultyStore();
  const sequencer = await open({ db, store, clock });
  await put(...range(0, 600));
  await drain(sequencer, db);
  const rows = await activityRows(db.db, { tenant, limit: 500 });
  expect(rows[0]).toMatchObject({
    log_index: 600,
    type: 'identity.agent_registered',
    agent: 'agent-2',
    at: clock.now,
  });
  await sql`delete from audit_index where log_index > 100 and log_index < 550`.execute(db.db);
  await rebuildIndex(db.change, store, { tenant, size: sequencer.status().size, from: 0 });
  expect(await activityRows(db.db, { tenant, limit: 500 })).toEqual(rows);
  const ofAgent = await activityRows(db.db, { tenant, agent: 'agent-1', before: 300, limit: 10 });
  expect(ofAgent.map((row) => row.log_index)).toEqual(range(0, 10).map((i) => 299 - 3 * i));
  expect(await activityRows(db.db, { tenant, types: ['people.signed_in'], limit: 10 })).toEqual([]);
  await sql`delete from audit_index where log_index >= 400`.execute(db.db);
  await open({ db, store, clock });
  expect((await activityRows(db.db, { tenant, after: 399, before: 601, limit: 500 })).length).toBe(201);
});

test('the loop signs by itself what is enqueued, and stops clean', async () => {
  const store = new FaultyStore();
  const sequencer = await open({ db, store, clock });
  const wake = (): void => sequencer.wake();
  db.onCommitted.add(wake);
  sequencer.start();
  await put(1);
  await vi.waitFor(() => expect(sequencer.status().signedSize).toBe(2), { timeout: 30_000, interval: 10 });
  await put(2);
  await sequencer.stop();
  db.onCommitted.delete(wake);
  expect(await logged(store)).toEqual([1, 2]);
  const bundle = store.files.get('tile/entries/000.p/3') as Uint8Array;
  expect(decodeBundle(bundle, 3).complete).toBe(true);
});
