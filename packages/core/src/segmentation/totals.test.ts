import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../decide.ts';
import { agentDoc, receivedOf, toolDoc, uuid, worldOf } from '../decide.fixture.ts';
import { routes } from '../wire/api.ts';
import type { TotalFact } from '../world.ts';
import type { Limit } from '../wire/manifest.ts';
import { limitSchema } from '../wire/manifest.ts';
import { recordsIn } from './records.ts';
import { type TotalAsk, TotalBook, type TotalHold, totalKeysOf, type TotalState } from './total-book.ts';
import {
  lookAtTotal,
  settleTotal,
  type Slots,
  totalsOfAgent,
  unspentTotals,
  wantedTotals,
} from './totals.ts';

const hourMs = 3_600_000;
const refund = (total: Limit['total'], more: Partial<Limit> = {}): Limit => ({
  tool: 'back-office/refund_order',
  currency: 'EUR',
  ...(total === undefined ? {} : { total }),
  ...more,
});
const bound = (...limits: Limit[]) => ({ ...agentDoc, limits });
const args = { order: 'O-1', amount: 20, currency: 'EUR' };

describe('which totals bind a call (S-5)', () => {
  it('takes the amount in hundredths, one of calls and of records, and the smallest of two that are about the same', () => {
    const agent = bound(
      refund({ amount: 200, per: 'day' }),
      refund({ amount: 90.5, per: 'day' }),
      refund({ calls: 3, per: 'task' }),
      { total: { records: 10, per: 'hour' } },
      { concurrent: 2 },
      { tool: 'other/tool', total: { calls: 1, per: 'hour' } },
    );
    expect(wantedTotals(agent, toolDoc, args).map(({ id, max, wanted }) => [id, max, wanted])).toEqual([
      ['amount:EUR:day:back-office/refund_order', 9_050, 2_000],
      ['calls:task:back-office/refund_order', 3, 1],
      ['records:hour:*', 10, 1],
      ['concurrent:*', 2, 1],
    ]);
    expect(totalsOfAgent(agent.limits).length).toBe(5);
  });

  it('an amount above all of it never fits, whatever was spent', () => {
    const agent = bound(refund({ amount: 19.99, per: 'day' }));
    expect(unspentTotals(agent, toolDoc, args)).toMatchObject([{ ok: false }]);
  });

  it.each([
    ['no currency', { total: { amount: 5, per: 'day' } }],
    ['an unknown currency', { currency: 'ZZZ', amountMax: 5 }],
    ['a negative amount', { currency: 'EUR', total: { amount: -5, per: 'day' } }],
    ['an amount as text', { currency: 'EUR', total: { amount: '5', per: 'day' } }],
    ['NaN', { currency: 'EUR', total: { amount: Number.NaN, per: 'day' } }],
    ['beyond 2^53', { currency: 'EUR', total: { amount: 2 ** 60, per: 'day' } }],
    ['a third decimal place', { currency: 'EUR', total: { amount: 1.001, per: 'day' } }],
    ['two measures in one', { currency: 'EUR', total: { amount: 5, calls: 3, per: 'day' } }],
    ['no measure', { total: { per: 'day' } }],
    ['an unknown period', { total: { calls: 3, per: 'week' } }],
    ['nobody at one time', { concurrent: 0 }],
  ])('a limit with %s is refused', (_, limit) => {
    expect(limitSchema.safeParse(limit).success).toBe(false);
  });
});

describe('one total', () => {
  it('comes back when what was spent is a whole period old, and says when', () => {
    const at = 10 * hourMs + 5_000;
    const first = lookAtTotal({}, 'hour', at, { max: 10, wanted: 8 });
    const over = lookAtTotal(first.slots, 'hour', at + 1_000, { max: 10, wanted: 3 });
    expect([over.ok, over.left]).toEqual([false, 2]);
    const later = at + 1_000 + (over.retryAfterMs ?? 0);
    expect(lookAtTotal(first.slots, 'hour', later - 1, { max: 10, wanted: 3 }).ok).toBe(false);
    expect(lookAtTotal(first.slots, 'hour', later, { max: 10, wanted: 3 })).toMatchObject({
      ok: true,
      left: 10,
    });
    expect(lookAtTotal(first.slots, 'task', later, { max: 10, wanted: 3 })).toMatchObject({ ok: false });
  });

  it('says whole milliseconds, whatever clock it is asked by', () => {
    const { slots } = lookAtTotal({}, 'hour', 50.25 * hourMs + 0.123, { max: 5, wanted: 5 });
    const { retryAfterMs } = lookAtTotal(slots, 'hour', 50.5 * hourMs + 0.456, { max: 5, wanted: 1 });
    expect(Number.isInteger(retryAfterMs)).toBe(true);
  });

  it('a call that takes long counts from when it ended', () => {
    const begun = lookAtTotal({}, 'hour', 10 * hourMs, { max: 10, wanted: 1 });
    const endedMs = 10.5 * hourMs;
    const slots = settleTotal(begun.slots, 'hour', endedMs, { slot: begun.slot, reserved: 1, spent: 10 });
    expect(lookAtTotal(slots, 'hour', 11.2 * hourMs, { max: 10, wanted: 1 }).ok).toBe(false);
    expect(lookAtTotal(slots, 'hour', 11.6 * hourMs, { max: 10, wanted: 10 }).ok).toBe(true);
    const late = settleTotal({}, 'hour', 12 * hourMs, { slot: begun.slot, reserved: 1, spent: 4 });
    expect(lookAtTotal(late, 'hour', 12 * hourMs, { max: 10, wanted: 1 }).left).toBe(6);
  });

  it('a clock that is set back gives nothing back', () => {
    const { slots } = lookAtTotal({}, 'day', 50 * hourMs, { max: 5, wanted: 5 });
    expect(lookAtTotal(slots, 'day', 2 * hourMs, { max: 5, wanted: 1 }).ok).toBe(false);
  });

  it('never admits more than it in any stretch of its length (property)', () => {
    const steps = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: hourMs }), wanted: fc.nat(12) }), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 20 }), (all, max) => {
        let nowMs = 1_000 * hourMs;
        let slots: Slots = {};
        const admitted: { atMs: number; wanted: number }[] = [];
        for (const { afterMs, wanted } of all) {
          nowMs += afterMs;
          const look = lookAtTotal(slots, 'hour', nowMs, { max, wanted });
          slots = look.slots;
          if (look.ok) admitted.push({ atMs: nowMs, wanted });
          const inHour = admitted.filter(({ atMs }) => atMs > nowMs - hourMs);
          expect(inHour.reduce((sum, each) => sum + each.wanted, 0)).toBeLessThanOrEqual(max);
        }
      }),
      { seed: 4711 },
    );
  });
});

/** Everything that a control keeps, and calls that reserve, end and are lost in any order. */
class Kept {
  readonly states = new Map<string, TotalState>();
  readonly holds: TotalHold[] = [];
  at(nowMs: number, keys: readonly { agentId: string; key: string }[]): TotalBook {
    return new TotalBook(
      nowMs,
      keys.flatMap(({ agentId, key }) => this.states.get(`${agentId} ${key}`) ?? []),
    );
  }
  keep(book: TotalBook): void {
    for (const state of book.changed) this.states.set(`${state.agentId} ${state.key}`, state);
  }
}

describe('the book of totals (invariant 4)', () => {
  const ask = (n: number, wanted: number, task?: string) => ({
    holdId: uuid(n),
    agentId: uuid(1),
    ...(task === undefined ? {} : { task }),
    totals: [
      { id: 'amount:EUR:day:*', per: 'day' as const, max: 100, wanted },
      { id: 'concurrent:*', per: 'call' as const, max: 4, wanted: 1 },
      { id: 'calls:task:*', per: 'task' as const, max: 9, wanted: 1 },
    ],
  });

  it('admits N of a total of N, whatever is reserved, ended, given back and lost meanwhile (property)', () => {
    const step = fc.record({
      what: fc.constantFrom('reserve', 'reserve', 'done', 'back', 'lost'),
      wanted: fc.integer({ min: 1, max: 60 }),
      which: fc.nat(7),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const kept = new Kept();
        const running = new Map<string, number>();
        let spent = 0;
        let lost = 0;
        for (const [at, { what, wanted, which }] of steps.entries()) {
          const nowMs = hourMs * 100 + at;
          const [holdId, reserved = 0] = [...running][which % Math.max(1, running.size)] ?? [];
          if (what === 'reserve') {
            const asked = ask(at, wanted, uuid(9));
            const book = kept.at(nowMs, totalKeysOf([asked]));
            const { answer, holds } = book.reserve(asked);
            kept.keep(book);
            kept.holds.push(...holds);
            if (answer.reserved) running.set(asked.holdId, wanted);
          } else if (holdId !== undefined) {
            running.delete(holdId);
            if (what === 'lost') lost += reserved;
            else {
              const own = kept.holds.filter((hold) => hold.holdId === holdId);
              const book = kept.at(nowMs, own);
              const did = what === 'done' ? reserved : 0;
              const totals = ask(0, 0).totals.map(({ id, per, max }) => ({
                id,
                per,
                max,
                spent: id.startsWith('amount') ? did : 1,
              }));
              expect(book.settle({ holdId, agentId: uuid(1), totals }, own).within).toBe(true);
              kept.keep(book);
              for (const hold of own) kept.holds.splice(kept.holds.indexOf(hold), 1);
              spent += did;
            }
          }
          const reservedNow = [...running.values()].reduce((sum, each) => sum + each, 0);
          expect(spent + lost + reservedNow).toBeLessThanOrEqual(100);
          expect(running.size).toBeLessThanOrEqual(4);
        }
      }),
      { seed: 4712 },
    );
  });

  it('all of its totals have room, or nothing is taken', () => {
    const kept = new Kept();
    const reserve = (n: number, wanted: number) => {
      const asked = ask(n, wanted);
      const book = kept.at(hourMs, totalKeysOf([asked]));
      const { answer } = book.reserve(asked);
      kept.keep(book);
      return answer;
    };
    for (const n of [1, 2, 3, 4]) expect(reserve(n, 10).reserved).toBe(true);
    expect(reserve(5, 10)).toMatchObject({
      reserved: false,
      totals: [{ ok: true, left: 60 }, { ok: false, left: 0 }, { ok: true }],
    });
    expect(kept.states.get(`${uuid(1)} amount:EUR:day:*`)?.slots).toEqual({ 4: 40 });
  });

  it('what a restore has lost counts as all of it, until the period is over', () => {
    const day = 24 * hourMs;
    const reserve = (nowMs: number, more: { task?: string; totals: TotalAsk['totals'] }) =>
      new TotalBook(nowMs, [], 10 * day).reserve({ holdId: uuid(1), agentId: uuid(1), ...more }).answer;
    const of = (id: string, per: 'hour' | 'day' | 'task' | 'call') => ({
      totals: [{ id, per, max: 100, wanted: 1 }],
    });
    const daily = of('calls:day:*', 'day');
    expect(reserve(10 * day + 1, daily)).toMatchObject({
      reserved: false,
      totals: [{ ok: false, left: 0, unknown: true, retryAfterMs: day + 15 * 60_000 - 1 }],
    });
    expect(reserve(11 * day, daily).reserved).toBe(false);
    expect(reserve(11 * day + 15 * 60_000, daily).reserved).toBe(true);
    const hourly = of('calls:hour:*', 'hour');
    expect(reserve(10 * day + hourMs, hourly).reserved).toBe(false);
    expect(reserve(10 * day + hourMs + 60_000, hourly).reserved).toBe(true);
    // Without a task it is a day; a task, and an instance, of before the restore is void.
    const ofTask = of('calls:task:*', 'task');
    expect(reserve(10 * day, ofTask).reserved).toBe(false);
    expect(reserve(10 * day, { ...ofTask, task: uuid(7) }).reserved).toBe(true);
    expect(reserve(10 * day, { ...ofTask, task: `day:${uuid(8)}` }).reserved).toBe(true);
    expect(reserve(10 * day, of('concurrent:*', 'call')).reserved).toBe(true);
  });

  it('what a session without a task does is one task a day, whichever session it is', () => {
    expect(totalKeysOf([ask(1, 1), ask(2, 1), ask(3, 1, uuid(7))]).map(({ key }) => key)).toEqual([
      'amount:EUR:day:*',
      'concurrent:*',
      'calls:task:* none',
      `calls:task:* ${uuid(7)}`,
    ]);
  });

  it('what came to more than was reserved counts when it fits, and else what was reserved stays spent', () => {
    const records = (n: number) => ({
      holdId: uuid(n),
      agentId: uuid(1),
      totals: [{ id: 'records:day:*', per: 'day' as const, max: 10, wanted: 1 }],
    });
    const kept = new Kept();
    const settle = (n: number, spent: number) => {
      const first = kept.at(hourMs, totalKeysOf([records(n)]));
      const { holds } = first.reserve(records(n));
      kept.keep(first);
      const book = kept.at(hourMs, holds);
      const totals = [{ id: 'records:day:*', per: 'day' as const, max: 10, spent }];
      const answer = book.settle({ holdId: uuid(n), agentId: uuid(1), totals }, holds);
      kept.keep(book);
      return answer;
    };
    expect(settle(1, 6)).toEqual({ within: true, left: 0, held: true });
    expect(settle(2, 5)).toEqual({ within: false, left: 4, held: true });
    expect(settle(3, 3)).toEqual({ within: true, left: 0, held: true });
    // Nothing is left, so nothing was reserved, and whoever holds nothing hands out nothing.
    expect(settle(4, 1)).toMatchObject({ within: false, held: false });
    expect(settle(5, 0)).toMatchObject({ within: true, held: false });
  });
});

describe('what gateways say of totals', () => {
  const { body } = routes['gateway.reserveTotals'];
  const asks = (id: string, per: string) => ({
    asks: [{ holdId: uuid(1), agentId: uuid(2), totals: [{ id, per, max: 5, wanted: 1 }] }],
  });
  it.each([
    ['amount:EUR:day:erp/refund', 'call'],
    ['amount:EUR:day:erp/refund', 'hour'],
    ['records:day:*', 'task'],
    ['concurrent:*', 'day'],
    ['calls:week:*', 'day'],
    ['calls:day:a b', 'day'],
    ['anything', 'day'],
  ])('%s in one %s is no total', (id, per) => {
    expect(body.safeParse(asks(id, per)).success).toBe(false);
  });
  it('the names that manifests make are', () => {
    expect(body.safeParse(asks('amount:EUR:day:erp/refund', 'day')).success).toBe(true);
    expect(body.safeParse(asks('concurrent:*', 'call')).success).toBe(true);
  });
});

describe('the decision', () => {
  it('refuses what was decided on without the totals that bind now, or with larger ones', () => {
    const agent = bound(refund({ amount: 50, per: 'day' }));
    const [total] = unspentTotals(agent, toolDoc, args);
    const code = (totals: readonly TotalFact[]) =>
      decide(receivedOf(), worldOf({ agent, totals })).refusal?.code;
    if (total === undefined) throw new Error('no total');
    expect(code([])).toBe('containment.feed_stale');
    expect(code([{ ...total, max: total.max + 1 }])).toBe('containment.feed_stale');
    expect(code([{ ...total, id: 'calls:day:*' }])).toBe('containment.feed_stale');
    expect(code([{ ...total, ok: false, left: 100 }])).toBe('segmentation.total_exceeded');
    expect(code([total])).toBeUndefined();
  });
});

describe('records of a result', () => {
  const text = (value: unknown) => ({
    content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }],
  });
  it.each([
    [text([1, 2, 3]), 3],
    [text({ orders: [{}, {}], next: 'x' }), 2],
    [text('a sentence'), 1],
    [text([]), 0],
    [{ content: [], structuredContent: { result: { rows: [1, 2, 3, 4] } } }, 4],
    [
      {
        content: [
          { type: 'text', text: 'x' },
          { type: 'image', data: '' },
        ],
      },
      2,
    ],
    [{ contents: [{ uri: 'a:b', text: '[1,2]' }] }, 2],
    [{ structuredContent: { rows: [] } }, 0],
    [{ structuredContent: { name: 'one' } }, 1],
    [{ structuredContent: { ok: true }, content: [{ type: 'text', text: '[1,2,3]' }] }, 3],
    [{ structuredContent: { a: [1, 2], b: [3] } }, 3],
    [{ structuredContent: { pages: [{ rows: [1, 2, 3] }, { rows: [4] }] } }, 4],
    [{ structuredContent: { status: 200, body: '{"a":1}\n{"a":2}\n{"a":3}\n' } }, 3],
    [{ structuredContent: { status: 200, body: [{}, {}] } }, 2],
    [{ structuredContent: { status: 200, body: 'a word' } }, 1],
  ])('%j holds %i', (result, count) => {
    expect(recordsIn(result)).toBe(count);
  });
});
