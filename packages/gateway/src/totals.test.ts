/** Totals in the real pipeline under virtual time, with a control that is away, answers late, or loses answers. */
import { refusal } from '@atf/core/errors';
import type { ToolDoc } from '@atf/core/wire/feed';
import type { Limit } from '@atf/core/wire/manifest';
import { describe, expect, it } from 'vitest';
import type { CallAnswer } from './answers.ts';
import { agentDoc, uuid } from './testing/documents.fixture.ts';
import { type Bench, bench, senior, tools } from './testing/ports.fixture.ts';
import { Totals } from './totals.ts';

const codeOf = (answer: CallAnswer): string =>
  answer.kind === 'refused'
    ? answer.facts.refusal.code
    : answer.kind === 'problem'
      ? answer.refusal.code
      : 'result';
/** Lets everything that can run without time passing run. */
const rest = async () => {
  for (let i = 0; i < 80; i++) await Promise.resolve();
};

/** The Senior's own limits in place of those of the fixture. */
function bounded(...limits: Limit[]): Bench {
  const on = bench();
  on.snapshot.apply('agent', uuid(3), { ...agentDoc(3, 'senior', ['office/pay', 'office/look']), limits });
  return on;
}
const atOnce: Limit = { tool: 'office/pay', concurrent: 1 };
const calls = (max: number): Limit => ({ tool: 'office/pay', total: { calls: max, per: 'day' } });
const records = (max: number): Limit => ({ tool: 'office/look', total: { records: max, per: 'hour' } });

const settlements = (on: Bench) =>
  on.control.requests.filter(({ operation }) => operation === 'gateway.settleTotals').length;

describe('totals (S-5)', () => {
  it('agents without them ask nothing of control', async () => {
    const on = bounded({ tool: 'office/pay', calls: { max: 100, perSeconds: 60 } });
    expect(codeOf(await on.call(senior, 'pay', { amount: 1 }))).toBe('result');
    expect(on.control.requests.filter(({ operation }) => operation.includes('Totals'))).toEqual([]);
  });

  it('nothing runs above one, also of many calls in one tick, and the record says what was left', async () => {
    const on = bounded(calls(3));
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => on.call(senior, 'pay', { amount: 1 })),
    );
    expect(answers.map(codeOf).filter((code) => code === 'result').length).toBe(3);
    expect(on.upstream.effects.length).toBe(3);
    const refused = on.spool.drafts.find(({ type }) => type === 'action.refused');
    expect(refused?.body).toMatchObject({
      code: 'segmentation.total_exceeded',
      facts: { totals: [{ id: 'calls:day:office/pay', ok: false, max: 3, left: 0 }] },
    });
    await rest();
    expect(on.control.budgets.held).toBe(0);
  });

  it('without control nothing of it runs, and a reservation whose answer was lost is given back', async () => {
    const on = bounded(calls(1));
    on.control.away = true;
    expect(codeOf(await on.call(senior, 'pay', { amount: 1 }))).toBe('containment.feed_stale');
    on.control.away = false;
    on.clock.advance(300);
    on.control.lose = true;
    expect(codeOf(await on.call(senior, 'pay', { amount: 1 }))).toBe('containment.feed_stale');
    on.control.lose = false;
    await rest();
    expect(on.upstream.effects).toEqual([]);
    expect(codeOf(await on.call(senior, 'pay', { amount: 1 }))).toBe('result');
  });

  it('a place at one time is taken until the call has ended, and a call that waits for nobody is told', async () => {
    const on = bounded(atOnce);
    on.upstream.gate.closed = true;
    const first = on.call(senior, 'pay', { amount: 1 });
    await rest();
    expect(codeOf(await on.call(senior, 'pay', { amount: 2 }))).toBe('segmentation.too_many_at_once');
    on.upstream.gate.open();
    expect(codeOf(await first)).toBe('result');
    await rest();
    expect(codeOf(await on.call(senior, 'pay', { amount: 3 }))).toBe('result');
  });

  it.each([
    ['cannot be recorded', (on: Bench) => (on.spool.failsFrom = 0), true],
    ['does not pass the last look', (on: Bench) => on.upstream.offers.set('pay', 'x'.repeat(43)), true],
    [
      'says that it failed',
      (on: Bench) =>
        (on.upstream.outcome = {
          kind: 'result',
          result: { content: [], isError: true },
          resultBytes: 2,
        }),
      false,
    ],
    [
      'may have happened',
      (on: Bench) =>
        (on.upstream.outcome = {
          kind: 'fault',
          fault: { code: 'upstream.unavailable', dispatched: true, detail: 'gone' },
        }),
      false,
    ],
  ])('a call that %s counts only when it was one', async (_, spoil, back) => {
    const on = bounded(calls(1));
    const { outcome } = on.upstream;
    const offered = on.upstream.offers.get('pay') as string;
    spoil(on);
    await on.call(senior, 'pay', { amount: 1 });
    await rest();
    expect(on.control.budgets.held).toBe(0);
    on.upstream.outcome = outcome;
    on.upstream.offers.set('pay', offered);
    on.spool.failsFrom = Number.POSITIVE_INFINITY;
    expect(codeOf(await on.call(senior, 'pay', { amount: 1 }))).toBe(
      back ? 'result' : 'segmentation.total_exceeded',
    );
  });

  it('what control does not hear of an end is told again, and then once', async () => {
    const on = bounded(calls(5));
    const real = on.control.request.bind(on.control);
    let deaf = 2;
    on.control.request = async (operation, request) =>
      operation === 'gateway.settleTotals' && deaf-- > 0
        ? { ok: false, refusal: refusal('containment.feed_stale'), sent: true }
        : real(operation, request);
    expect(codeOf(await on.call(senior, 'pay', { amount: 1 }))).toBe('result');
    await rest();
    expect(on.control.budgets.held).toBe(1);
    on.pauses.open();
    await rest();
    expect([on.control.budgets.held, deaf]).toEqual([0, -1]);
    const told = settlements(on);
    await rest();
    expect(settlements(on)).toBe(told);
  });

  it('a result with more records than are left is on record and not given; without control neither', async () => {
    const on = bounded(records(3));
    const rows = (n: number) => {
      on.upstream.outcome = {
        kind: 'result',
        result: {
          content: [{ type: 'text', text: JSON.stringify(Array.from({ length: n }, (_, at) => ({ at }))) }],
        },
        resultBytes: 40,
      };
    };
    rows(2);
    expect(codeOf(await on.call(senior, 'look'))).toBe('result');
    rows(3);
    const over = await on.call(senior, 'look');
    expect(codeOf(over)).toBe('segmentation.total_exceeded');
    expect(JSON.stringify(over)).not.toContain('\\"at\\"');
    expect(on.spool.types().slice(-1)).toEqual(['action.outcome done']);
    const away = on.call(senior, 'look');
    on.upstream.gate.closed = true;
    await rest();
    on.control.away = true;
    on.upstream.gate.open();
    expect(['containment.feed_stale', 'segmentation.total_exceeded']).toContain(codeOf(await away));
  });
});

describe('what gives nothing back', () => {
  const hold = async (limit: Limit) => {
    const on = bounded(limit);
    const input = {
      control: on.control,
      newId: () => uuid(4_000),
      pause: async () => undefined,
      monotonicMs: () => 0,
    };
    const totals = new Totals(input);
    const paid = { ...tools.pay.classification, arguments: { amount: 'amount', currency: 'currency' } };
    const tool = { ...tools.pay, classification: paid };
    const of = {
      agent: on.snapshot.agent(uuid(3)),
      tool,
      args: { amount: 1, currency: 'EUR' },
      credential: {},
      above: [],
    };
    return { on, totals, of, got: await totals.reserve('a', of) };
  };
  const ended = { result: undefined, resultText: undefined, refusal: undefined };

  it.each([
    [
      'a program that was permitted and says that it did not run',
      { ...ended, status: 'not_executed' },
      true,
      4,
    ],
    ['a program that was permitted and says that it failed', { ...ended, status: 'failed' }, true, 4],
    [
      'a call that failed because its caller cannot be asked',
      { ...ended, status: 'failed', missing: ['elicitation'] },
      false,
      4,
    ],
    ['a call whose tool says that it failed', { ...ended, status: 'failed' }, false, 5],
  ] as const)('%s', async (_, ran, byCaller, left) => {
    const money: Limit = { tool: 'office/pay', currency: 'EUR', total: { amount: 5, per: 'day' } };
    const { totals, of, got } = await hold(money);
    expect(got.held).toBe(true);
    await totals.settle('a', ran as never, byCaller);
    await rest();
    const again = await totals.reserve('b', { ...of, args: { amount: 5.01, currency: 'EUR' } });
    expect(again.facts[0]?.left).toBe(left * 100);
  });

  it('a flood of calls that cannot run asks control once in a while', async () => {
    const on = bounded(calls(1));
    expect(codeOf(await on.call(senior, 'pay', { amount: 1 }))).toBe('result');
    for (let n = 0; n < 40; n++)
      expect(codeOf(await on.call(senior, 'pay', { amount: 1 }))).toBe('segmentation.total_exceeded');
    const asked = on.control.requests.filter(({ operation }) => operation === 'gateway.reserveTotals').length;
    expect(asked).toBe(2);
  });

  it('a first total that arrives while a call is on its way is not passed by', async () => {
    const on = bounded({ tool: 'office/pay', calls: { max: 5, perSeconds: 60 } });
    const call = on.call(senior, 'pay', { amount: 1 });
    const more = [{ tool: 'office/pay', total: { calls: 0, per: 'day' as const } }];
    on.snapshot.apply('agent', uuid(3), { ...agentDoc(3, 'senior', ['office/pay']), limits: more });
    expect(codeOf(await call)).not.toBe('result');
    expect(on.upstream.effects).toEqual([]);
  });
});

describe('amounts that hide', () => {
  const paying: Limit = { tool: 'office/pay', amountMax: 100, currency: 'EUR' };
  it.each([
    [{ amount: 1, details: { amount: 900 } }],
    [{ amount: 1, AMOUNT: 900 }],
    [{ amount: 1, lines: [{ 'a-m-o-u-n-t': 900 }] }],
    [{ amount: '1' }],
    [{ amount: -1 }],
    [{ amount: 1.001 }],
    [{ amount: 1e21 }],
    [{ amount: null }],
    [{}],
  ])('%j is refused', async (args) => {
    const on = bounded(paying);
    const open: ToolDoc = { ...tools.pay, definition: { name: 'pay', inputSchema: { type: 'object' } } };
    on.snapshot.apply('tool', 'office/pay', open);
    expect(codeOf(await on.call(senior, 'pay', args))).toBe('segmentation.amount_unreadable');
    expect(on.upstream.effects).toEqual([]);
  });
});
