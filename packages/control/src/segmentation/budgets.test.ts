import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestControl, testControl } from '../workspace/control.fixture.ts';
import { dropWholeBudgets } from './budget-store.ts';
import { leaseCalls } from './budgets.ts';

let control: TestControl;
beforeAll(async () => {
  control = await testControl({ policies: false });
});
afterAll(() => control.close());

const agentId = '7d5b6c1e-8a8e-4b43-9d10-7c1f6a1f0001';
const ask = (wanted: number, limit = 'rate:agent', max = 12) => ({
  agentId,
  limit,
  max,
  perSeconds: 86_400,
  wanted,
});
const granted = async (asks: Parameters<typeof leaseCalls>[1]) =>
  (await leaseCalls(control, asks)).grants.map((grant) => grant.granted);

it('all gateways together get what the limit says, whoever asks first, and another limit is another budget', async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => granted([ask(3)])));
  expect(all.flat().reduce((sum, calls) => sum + calls, 0)).toBe(12);
  expect(await granted([ask(1), ask(5, 'rate:a/b'), ask(1, 'rate:agent', 13)])).toEqual([0, 5, 1]);
  expect((await leaseCalls(control, [ask(1)])).grants[0]?.retryAfterMs).toBeGreaterThan(7_000_000);
});

it('asks of one request for one limit come out of one budget', async () => {
  expect(await granted([ask(8, 'rate:c/d'), ask(8, 'rate:c/d'), ask(8, 'rate:c/d')])).toEqual([8, 4, 0]);
});

it('a budget that is whole again is forgotten, and one that is not is kept', async () => {
  await control.change(async (tx) => {
    await tx
      .updateTable('call_budget')
      .set({ arrival: 1 })
      .where('limit_key', '=', 'rate:a/b 12 86400')
      .execute();
  });
  await dropWholeBudgets(control.db, 'default');
  const keys = await control.db.selectFrom('call_budget').select('limit_key').orderBy('limit_key').execute();
  expect(keys.map(({ limit_key: key }) => key)).toEqual([
    'rate:agent 12 86400',
    'rate:agent 13 86400',
    'rate:c/d 12 86400',
  ]);
});
