import { payloadRandomBytes, sealPayload } from '@atf/core/audit/payload';
import { openPayload } from '@atf/core/audit/payload';
import { sealSigner } from '@atf/core/audit/gateway-key';
import { splitFrames } from '@atf/core/audit/spool-frame';
import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type TestDb, testDb } from '../db/test-db.ts';
import { Intake, type IntakeResult, type Shipper } from './intake.ts';
import {
  drain,
  FakeGateway,
  FaultyStore,
  faultyChange,
  gatewayKey,
  open,
  tenant,
  TestClock,
  verifyStore,
} from './log.fixture.ts';
import { auditOf } from './outbox.ts';
import { erasePayload, readPayload } from './payloads.ts';
import { pendingRows } from './store.ts';

let db: TestDb;
let intake: Intake;
let gateway: FakeGateway;
const clock = new TestClock();
const shipper: Shipper = { gateway: 'g1', keys: [gatewayKey], servers: '*' };
beforeAll(async () => {
  db = await testDb();
});
afterAll(() => db.close());
const fresh = (): Intake => new Intake({ db: db.db, change: db.change, clock, tenant });
beforeEach(() => {
  intake = fresh();
  gateway = new FakeGateway('g1');
});
afterEach(async () => {
  for (const table of ['audit_pending', 'audit_gateway', 'audit_log', 'audit_index', 'audit_payload']) {
    await sql`delete from ${sql.table(table)}`.execute(db.db);
  }
});

const said = (result: IntakeResult): string =>
  result.ok
    ? `${result.fresh} to ${result.position.epoch}/${result.position.seq}`
    : `${result.refusal.code} at ${result.position.epoch}/${result.position.seq}`;
const ship = async (frame: Uint8Array, gap = false): Promise<string> =>
  said(await intake.accept(frame, shipper, gap));
const drafts = (n: number): object[] => Array.from({ length: n }, () => ({}));

interface Event {
  source: object;
  type: string;
  body: Record<string, unknown>;
}
async function events(): Promise<Event[]> {
  const rows = await pendingRows(db.db, tenant, 5_000);
  const all = rows.map((row) => JSON.parse(Buffer.from(row.entry).toString()) as Event);
  return all.filter(({ source }) => 'control' in source);
}

/** Everything that was taken in stands in a log that verifies. */
async function verified(): Promise<Awaited<ReturnType<typeof verifyStore>>> {
  const store = new FaultyStore();
  const sequencer = await open({ db, store, clock });
  await drain(sequencer, db);
  await sequencer.step();
  const report = await verifyStore(store);
  expect(report.problems).toEqual([]);
  return report;
}

test('calls of a tool server that the gateway does not carry are refused whole; refusals may name any', async () => {
  const bound: Shipper = { ...shipper, servers: ['files'] };
  const calls = ['action.intent', 'action.asked', 'action.outcome'] as const;
  for (const type of calls) {
    const rogue = gateway.clone();
    const frame = rogue.batch([{ type, body: { server: 'back-office' } }]);
    expect(said(await intake.accept(frame, bound))).toBe('audit.batch_invalid at 0/0');
    const unnamed = gateway.clone().batch([{ type, body: {} }]);
    expect(said(await intake.accept(unnamed, bound))).toBe('audit.batch_invalid at 0/0');
  }
  const honest = gateway.batch([
    { type: 'action.intent', body: { server: 'files' } },
    { type: 'action.refused', body: { server: 'nowhere' } },
  ]);
  expect(said(await intake.accept(honest, bound))).toBe('2 to 1/2');
});

describe('several frames in one shipment', () => {
  const shipAll = async (...frames: Uint8Array[]): Promise<string> =>
    said(await intake.acceptAll(frames, shipper));

  test('are taken in together, and again without effect', async () => {
    const frames = [gateway.batch(drafts(2)), gateway.batch(drafts(1)), gateway.batch(drafts(3))];
    expect(splitFrames(Buffer.concat(frames), 3)).toEqual(frames.map((frame) => Buffer.from(frame)));
    expect(await shipAll(...frames)).toBe('6 to 1/6');
    expect(await shipAll(...frames)).toBe('0 to 1/6');
    // With the event that the log was opened.
    expect((await verified()).size).toBe(7);
  });

  test('wait in few rows, in order, and are known there by every place', async () => {
    const frames = Array.from({ length: 30 }, (_, n) => gateway.batch(drafts(1 + (n % 20))));
    const records = frames.reduce((sum, _, n) => sum + 1 + (n % 20), 0);
    expect(await shipAll(...frames)).toBe(`${records} to 1/${records}`);
    const { rows } = await sql<{ leaves: number }>`select leaves from audit_pending`.execute(db.db);
    expect(rows.length).toBeLessThan(5);
    expect(rows.reduce((sum, { leaves }) => sum + leaves, 0)).toBe(records);
    const seqs = (await pendingRows(db.db, tenant, 1_000)).map(
      ({ entry }) => (JSON.parse(Buffer.from(entry).toString()) as { source: { seq: number } }).source.seq,
    );
    expect(seqs).toEqual(Array.from({ length: records }, (_, n) => n + 1));
    // Rows are taken whole: never more than asked for, and always at least one.
    expect((await pendingRows(db.db, tenant, 200)).length).toBeLessThanOrEqual(200);
    expect((await pendingRows(db.db, tenant, 1)).length).toBe(128);
    for (const frame of [frames[3], frames[17], frames[29]] as Uint8Array[])
      expect(await shipAll(frame)).toMatch(/^0 to 1\//);
    expect((await verified()).size).toBe(records + 1);
  });

  test('count up to the first that is refused: torn, out of order, or of another chain', async () => {
    const [first, second] = [gateway.batch(drafts(1)), gateway.batch(drafts(1))];
    const torn = Uint8Array.from(second, (byte, at) => (at === 40 ? byte ^ 1 : byte));
    expect(await shipAll(first, torn)).toBe('audit.batch_invalid at 1/1');
    gateway.batch(drafts(1));
    expect(await shipAll(second, gateway.batch(drafts(1)))).toBe('audit.batch_out_of_order at 1/2');
    expect((await verified()).size).toBe(3);
  });

  test('a payload that was used before takes back its own frame only', async () => {
    const sealed = sealPayload(
      'p1',
      { kid: 'k', key: createSecretKey(randomBytes(32)) },
      Buffer.from('{}'),
      randomBytes(payloadRandomBytes),
    );
    const [first, second] = [gateway.batch([{}], [sealed]), gateway.batch([{}], [sealed])];
    expect(await shipAll(first, second)).toBe('1 to 1/1');
    expect(await shipAll(second)).toBe('audit.batch_invalid at 1/1');
  });

  test('are whole frames and not too many, or nothing', () => {
    const frame = gateway.batch(drafts(1));
    expect(splitFrames(frame.subarray(0, frame.length - 1), 9)).toBeUndefined();
    expect(splitFrames(Buffer.concat([frame, frame]), 1)).toBeUndefined();
    expect(splitFrames(Buffer.concat([frame, Buffer.from('x')]), 9)).toBeUndefined();
  });
});

test('batches count once, whole or in part, before and after they were sequenced', async () => {
  const first = gateway.batch(drafts(3));
  const second = gateway.batch(drafts(2));
  expect(await ship(first)).toBe('3 to 1/3');
  expect(await ship(first)).toBe('0 to 1/3');
  expect(await ship(second)).toBe('2 to 1/5');
  const report = await verified();
  expect(report).toMatchObject({ size: 6, intents: 5, gateways: 1, unsealed: 2 });
  intake = fresh();
  expect(await ship(first)).toBe('0 to 1/3');
  expect(await ship(second)).toBe('0 to 1/5');
  expect(await intake.position('g1')).toEqual({ epoch: 1, seq: 5 });
  expect(await ship(gateway.batch(drafts(1)))).toBe('1 to 1/6');
});

test('a batch that overlaps what is known adds only what is new', async () => {
  const other = gateway.clone();
  expect(await ship(gateway.batch(drafts(2)))).toBe('2 to 1/2');
  expect(await ship(other.batch(drafts(4)))).toBe('2 to 1/4');
  expect(await verified()).toMatchObject({ intents: 4 });
});

test('a jump within an epoch waits, unless the gateway declares the loss', async () => {
  await ship(gateway.batch(drafts(1)));
  gateway.batch(drafts(2));
  const third = gateway.batch(drafts(1));
  expect(await ship(third)).toBe('audit.batch_out_of_order at 1/1');
  expect(await ship(third, true)).toBe('1 to 1/4');
  expect(await events()).toMatchObject([
    { type: 'audit.gap_recorded', body: { gateway: 'g1', reason: 'records_skipped', from: 2, to: 3 } },
  ]);
  expect(await verified()).toMatchObject({ gaps: 1, ok: true });
});

describe('a new epoch', () => {
  test('continues the chain without a gap', async () => {
    await ship(gateway.batch(drafts(2)));
    await intake.reported('g1', { epoch: 1, seq: 2 });
    gateway.epoch = 2;
    await intake.reported('g1', { epoch: 2, seq: 2 });
    expect(await ship(gateway.batch(drafts(2)))).toBe('2 to 2/4');
    expect(await verified()).toMatchObject({ gaps: 0, intents: 4 });
  });

  test.each([false, true])(
    'after a lost tail that heartbeats had reported is a recorded gap (control restarted: %s)',
    async (restarted) => {
      await ship(gateway.batch(drafts(2)));
      const survivor = gateway.clone();
      gateway.batch(drafts(3));
      await intake.reported('g1', { epoch: 1, seq: 2 });
      clock.now += 2_000;
      await intake.reported('g1', { epoch: 1, seq: 5 });
      if (restarted) intake = fresh();
      survivor.epoch = 2;
      await intake.reported('g1', { epoch: 2, seq: 2 });
      expect(await ship(survivor.batch(drafts(1)))).toBe('1 to 2/3');
      expect(await events()).toMatchObject([
        {
          type: 'audit.gap_recorded',
          body: { reason: 'tail_lost', from: 3, to: 5, resume: { epoch: 2, seq: 3 } },
        },
      ]);
      survivor.epoch = 3;
      expect(await ship(survivor.batch(drafts(1)))).toBe('1 to 3/4');
      expect(await verified()).toMatchObject({ gaps: 1 });
    },
  );

  test('of a replaced spool is a recorded gap, once', async () => {
    await ship(gateway.batch(drafts(4)));
    await intake.reported('g1', { epoch: 1, seq: 6 });
    const replaced = new FakeGateway('g1');
    replaced.epoch = 1 + (await intake.epochMax('g1'));
    expect(await ship(replaced.batch(drafts(1)))).toBe('1 to 2/1');
    expect(await ship(replaced.batch(drafts(1)))).toBe('1 to 2/2');
    replaced.epoch = 3;
    expect(await ship(replaced.batch(drafts(1)))).toBe('1 to 3/3');
    expect(await events()).toMatchObject([
      { body: { reason: 'spool_replaced', from: 5, to: 6, resume: { epoch: 2, seq: 1 } } },
    ]);
    expect(await verified()).toMatchObject({ gaps: 1 });
  });

  test('cannot jump over records that are still to be shipped', async () => {
    await ship(gateway.batch(drafts(1)));
    const between = gateway.batch(drafts(1));
    gateway.epoch = 2;
    const after = gateway.batch(drafts(1));
    expect(await ship(after)).toBe('audit.batch_out_of_order at 1/1');
    expect(await ship(between)).toBe('1 to 1/2');
    expect(await ship(after)).toBe('1 to 2/3');
    expect(await ship(between)).toBe('0 to 1/2');
    expect(await verified()).toMatchObject({ gaps: 0 });
  });
});

describe('two different records for one place', () => {
  test('are refused and put on record once', async () => {
    const twin = gateway.clone();
    await ship(gateway.batch([{ body: { a: 1 } }, {}]));
    const forged = twin.batch([{ body: { a: 2 } }, {}]);
    expect(await ship(forged)).toBe('audit.gateway_forked at 1/2');
    expect(await ship(forged)).toBe('audit.gateway_forked at 1/2');
    expect(await ship(twin.batch(drafts(1)))).toBe('audit.gateway_forked at 1/2');
    expect(await events()).toEqual([
      expect.objectContaining({ type: 'audit.gateway_forked', body: { gateway: 'g1', epoch: 1, seq: 2 } }),
    ]);
    expect(await verified()).toMatchObject({ forks: 1, intents: 2 });
    expect(await ship(forged)).toBe('audit.gateway_forked at 1/2');
    expect(await ship(gateway.batch(drafts(1)))).toBe('1 to 1/3');
  });
});

test('what is torn, of another gateway, unsealed or of another tenant is refused', async () => {
  const frame = gateway.clone().batch(drafts(1));
  expect(await ship(frame.subarray(0, -1))).toBe('audit.batch_invalid at 0/0');
  expect(said(await intake.accept(frame, { ...shipper, gateway: 'g2' }))).toBe('audit.batch_invalid at 0/0');
  expect(said(await intake.accept(frame, { ...shipper, keys: [] }))).toBe('audit.batch_invalid at 0/0');
  const stranger = sealSigner('gk1', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  expect(await ship(new FakeGateway('g1', stranger).batch(drafts(1)))).toBe('audit.batch_invalid at 0/0');
  expect(await ship(gateway.batch([{ tenant: 'other' }]))).toBe('audit.batch_invalid at 0/0');
  expect(await pendingRows(db.db, tenant, 10)).toEqual([]);
});

test('a lost answer to the commit makes the next shipment a duplicate', async () => {
  const transactions = faultyChange(db);
  intake = new Intake({ db: db.db, change: transactions.change, clock, tenant });
  const frame = gateway.batch(drafts(2));
  transactions.failAt(0, true);
  await expect(intake.accept(frame, shipper)).rejects.toThrow('connection lost');
  expect(await ship(frame)).toBe('0 to 1/2');
  expect(await verified()).toMatchObject({ intents: 2 });
});

test('two shipments at once of one gateway count once', async () => {
  const frame = gateway.batch(drafts(5));
  const results = await Promise.all([ship(frame), ship(frame), ship(frame)]);
  expect(results.sort()).toEqual(['0 to 1/5', '0 to 1/5', '5 to 1/5']);
});

describe('payloads', () => {
  const wrapping = { kid: 'pk1', key: createSecretKey(Buffer.alloc(32, 5)) };
  const sealed = (id: string, text: string): ReturnType<typeof sealPayload> =>
    sealPayload(id, wrapping, Buffer.from(text), Buffer.alloc(payloadRandomBytes, 7));

  test('are stored with their records, open with their key, and are gone once erased', async () => {
    const payload = sealed('p1', '{"args":{"to":"somebody@example.com"}}');
    expect(await ship(gateway.batch([{}], [payload]))).toBe('1 to 1/1');
    const stored = await readPayload(db.db, tenant, 'p1');
    if (stored.state !== 'present') throw new Error(stored.state);
    expect({ ...stored.sealed, ciphertext: Buffer.from(stored.sealed.ciphertext) }).toEqual(payload);
    expect(openPayload(stored.sealed, wrapping.key)?.toString()).toContain('somebody');
    const erase = (): Promise<boolean> =>
      db.change((tx) =>
        erasePayload(tx, auditOf(tenant, clock), {
          tenant,
          id: 'p1',
          nowMs: clock.now,
          by: 'person-1',
          reason: 'request',
        }),
      );
    expect(await erase()).toBe(true);
    expect(await erase()).toBe(false);
    expect(await readPayload(db.db, tenant, 'p1')).toEqual({ state: 'erased', erasedAt: clock.now });
    expect(await readPayload(db.db, tenant, 'p2')).toEqual({ state: 'absent' });
    const row = await sql`select * from audit_payload`.execute(db.db);
    expect(row.rows).toEqual([
      {
        tenant,
        id: 'p1',
        kid: null,
        wrapped_key: null,
        salt: null,
        ciphertext: null,
        stored_at: clock.now,
        erased_at: clock.now,
      },
    ]);
    expect(await events()).toMatchObject([
      { type: 'audit.payload_erased', body: { payloadId: 'p1', by: 'person-1' } },
    ]);
    expect(await verified()).toMatchObject({ intents: 1 });
  });

  test('cannot take the id of another record', async () => {
    await ship(gateway.batch([{}], [sealed('p1', 'a')]));
    expect(await ship(gateway.batch([{}], [sealed('p1', 'b')]))).toBe('audit.batch_invalid at 1/1');
    expect(await pendingRows(db.db, tenant, 10)).toHaveLength(1);
  });
});
