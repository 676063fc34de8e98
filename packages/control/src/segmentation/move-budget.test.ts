import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestControl, testControl } from '../workspace/control.fixture.ts';
import { leaseCalls } from './budgets.ts';
import { moveBudget } from './move-budget.ts';

let control: TestControl;
beforeAll(async () => {
  control = await testControl({ policies: false });
});
afterAll(() => control.close());

const agentId = '7d5b6c1e-8a8e-4b43-9d10-7c1f6a1f0001';
const own = { max: 10, perSeconds: 86_400 };
const wide = { max: 15, perSeconds: 86_400 };
const lease = async (rate: typeof own, wanted: number) => {
  const asks = [{ agentId, limit: 'rate:a/b', ...rate, wanted }];
  return (await leaseCalls(control, asks)).grants[0]?.granted;
};
const move = (from: typeof own, to: typeof own) =>
  control.change((tx) => moveBudget(control, tx, agentId, 'rate:a/b', { from, to }));

it('a wider figure begins nothing anew, and neither does the way back', async () => {
  expect(await lease(own, 8)).toBe(8);
  await move(own, wide);
  expect(await lease(wide, 15)).toBe(7);
  expect(await lease(wide, 1)).toBe(0);
  await move(wide, own);
  expect(await lease(own, 10)).toBe(0);
  // Once more: still spent.
  await move(own, wide);
  expect(await lease(wide, 15)).toBe(0);
});

it('nor does one figure after another', async () => {
  const other = '7d5b6c1e-8a8e-4b43-9d10-7c1f6a1f0002';
  const rate = (max: number) => ({ max, perSeconds: 86_400 });
  const take = async (max: number, wanted: number) =>
    (await leaseCalls(control, [{ agentId: other, limit: 'rate:a/b', ...rate(max), wanted }])).grants[0]
      ?.granted;
  const turn = (from: number, to: number) =>
    control.change((tx) => moveBudget(control, tx, other, 'rate:a/b', { from: rate(from), to: rate(to) }));
  await turn(10, 100);
  expect(await take(100, 100)).toBe(100);
  await turn(100, 10);
  await turn(10, 99);
  expect(await take(99, 99)).toBe(0);
  await turn(99, 10);
  await turn(10, 120);
  expect(await take(120, 120)).toBe(20);
});
