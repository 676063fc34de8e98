import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type IndexRow, insertIndexRows } from '../audit/index-store.ts';
import { type TestDb, testDb } from '../db/test-db.ts';
import { MinuteTally, minutesKept } from './minute-tally.ts';
import { intentCounts } from './store.ts';

const tenant = 'default';
const minuteMs = 60_000;
const nowMs = 1_000_000 * minuteMs + 30_000;
const thisMinute = 1_000_000;

let test: TestDb;
beforeAll(async () => {
  test = await testDb();
});
afterAll(() => test.close());

let next = 0;
function row(given: Partial<IndexRow>): IndexRow {
  const log_index = next++;
  return {
    tenant,
    log_index,
    leaf_hash: new Uint8Array(32),
    type: 'action.intent',
    at: nowMs,
    agent: null,
    session: null,
    action: null,
    outcome: 'allowed',
    gateway: 'gateway-1',
    epoch: 1,
    seq: log_index + 1,
    payload: null,
    ...given,
  };
}
const add = (...rows: IndexRow[]) => test.change((tx) => insertIndexRows(tx, rows));

describe('on the index of the log', () => {
  beforeEach(async () => {
    next = 0;
    await test.change((tx) => tx.deleteFrom('audit_index').execute());
  });

  it('counts each row once, by the minute in which it was made, however late it came', async () => {
    const tally = new MinuteTally(test.db, tenant);
    expect((await tally.counts(nowMs)).size).toBe(0);
    await add(row({}), row({}), row({ outcome: 'refused', at: nowMs - minuteMs }), row({ outcome: null }));
    const counts = await tally.counts(nowMs);
    expect(counts.get(thisMinute)).toEqual(new Map([['allowed', 2]]));
    expect(counts.get(thisMinute - 1)).toEqual(new Map([['refused', 1]]));
    await add(row({ outcome: 'refused', at: nowMs - minuteMs }), row({ outcome: 'aborted' }));
    expect((await tally.counts(nowMs)).get(thisMinute - 1)).toEqual(new Map([['refused', 2]]));
    expect((await tally.counts(nowMs)).get(thisMinute)).toEqual(
      new Map([
        ['allowed', 2],
        ['aborted', 1],
      ]),
    );
  });

  it('counts more rows than one statement takes, and those who look at once share the work', async () => {
    const many = Array.from({ length: 25_000 }, () => row({}));
    for (let at = 0; at < many.length; at += 5_000) await add(...many.slice(at, at + 5_000));
    const tally = new MinuteTally(test.db, tenant);
    const [first, second] = await Promise.all([tally.counts(nowMs), tally.counts(nowMs)]);
    expect(first.get(thisMinute)?.get('allowed')).toBe(25_000);
    expect(second.get(thisMinute)?.get('allowed')).toBe(25_000);
  });

  it('forgets what lies before the hour, and begins there when nobody looked before', async () => {
    const tally = new MinuteTally(test.db, tenant);
    await add(row({ at: nowMs - 2 * minutesKept * minuteMs }), row({}));
    expect([...(await tally.counts(nowMs)).keys()]).toEqual([thisMinute]);
    const later = nowMs + minutesKept * minuteMs;
    expect([...(await tally.counts(later)).keys()]).toEqual([]);
    await add(row({ at: later }));
    expect([...(await tally.counts(later)).keys()]).toEqual([thisMinute + minutesKept]);
  });

  it('tells intents without an outcome: under way while a call may last, missing after', async () => {
    const intent = (action: string, at: number) => row({ action, at });
    const outcome = (action: string) => row({ action, type: 'action.outcome', outcome: 'done' });
    await add(
      intent('ended', nowMs - 60 * minuteMs),
      outcome('ended'),
      intent('lost', nowMs - 60 * minuteMs),
      intent('running', nowMs),
      row({ action: 'refused', type: 'action.refused', outcome: 'refused' }),
    );
    expect(await intentCounts(test.db, tenant, nowMs - 15 * minuteMs)).toEqual({
      intents: 3,
      underWay: 1,
      missing: 1,
    });
  });
});
