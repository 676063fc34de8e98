import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestControl, testControl } from '../workspace/control.fixture.ts';
import { forgetInterrupted, forgetTotals, reserveTotals, settleTotals } from './totals.ts';

let control: TestControl;
beforeAll(async () => {
  control = await testControl({ policies: false });
});
afterAll(() => control.close());

const gateways = [randomUUID(), randomUUID(), randomUUID()] as const;
const day = (id: string, max: number, wanted: number) => ({ id, per: 'day' as const, max, wanted });

/** One call of an agent: what it holds, or undefined. */
async function reserve(agentId: string, gateway: string, ...totals: (ReturnType<typeof day> | object)[]) {
  const holdId = randomUUID();
  const { answers } = await reserveTotals(control, gateway, [{ holdId, agentId, totals: totals as never }]);
  return answers[0]?.reserved === true ? holdId : undefined;
}
async function settle(
  agentId: string,
  gateway: string,
  holdId: string,
  id: string,
  max: number,
  spent: number,
) {
  const totals = [{ id, per: 'day' as const, max, spent }];
  return (await settleTotals(control, gateway, [{ holdId, agentId, totals }])).answers[0];
}

it('a total of N admits N of any number of calls at once through any number of gateways, and what is given back is there again', async () => {
  const agentId = randomUUID();
  const calls = Array.from({ length: 60 }, (_, at) =>
    reserve(agentId, gateways[at % 3] as string, day('amount:EUR:day:*', 100, 7)).then((holdId) => ({
      holdId,
      gateway: gateways[at % 3] as string,
    })),
  );
  const held = (await Promise.all(calls)).filter(({ holdId }) => holdId !== undefined);
  expect(held.length).toBe(14);
  const back = held.slice(0, 4);
  await Promise.all(
    back.flatMap(({ holdId = '', gateway }) =>
      // Said twice, as after an answer that was lost.
      [1, 2].map(() => settle(agentId, gateway, holdId, 'amount:EUR:day:*', 100, 0)),
    ),
  );
  const again = await Promise.all(
    Array.from({ length: 20 }, () => reserve(agentId, gateways[0], day('amount:EUR:day:*', 100, 7))),
  );
  expect(again.filter((holdId) => holdId !== undefined).length).toBe(4);
});

it('only the gateway that reserved gives back', async () => {
  const agentId = randomUUID();
  const holdId = (await reserve(agentId, gateways[0], day('calls:day:*', 1, 1))) as string;
  await settle(agentId, gateways[1], holdId, 'calls:day:*', 1, 0);
  expect(await reserve(agentId, gateways[0], day('calls:day:*', 1, 1))).toBeUndefined();
  await settle(agentId, gateways[0], holdId, 'calls:day:*', 1, 0);
  expect(await reserve(agentId, gateways[0], day('calls:day:*', 1, 1))).toBeDefined();
});

it('a gateway that began anew runs nothing of before: its places are free, and what it reserved stays spent', async () => {
  const agentId = randomUUID();
  const both = [day('amount:EUR:day:*', 10, 4), { id: 'concurrent:*', per: 'call', max: 1, wanted: 1 }];
  expect(await reserve(agentId, gateways[0], ...both)).toBeDefined();
  expect(await reserve(agentId, gateways[0], ...both)).toBeUndefined();
  await forgetInterrupted(control, gateways[1], -60_000);
  expect(await reserve(agentId, gateways[0], ...both)).toBeUndefined();
  await forgetInterrupted(control, gateways[0], -60_000);
  expect(await reserve(agentId, gateways[0], ...both)).toBeDefined();
  await forgetInterrupted(control, gateways[0], -60_000);
  expect(await reserve(agentId, gateways[0], ...both)).toBeUndefined();
  expect(await reserve(agentId, gateways[0], day('amount:EUR:day:*', 10, 2))).toBeDefined();
});

it('what counts no more is forgotten, and what counts is kept', async () => {
  await control.db.deleteFrom('total_hold').execute();
  await control.db.deleteFrom('total_budget').execute();
  const [old, young] = [randomUUID(), randomUUID()];
  for (const agentId of [old, young]) {
    const holdId = (await reserve(agentId, gateways[0], day('calls:day:*', 1, 1))) as string;
    await settle(agentId, gateways[0], holdId, 'calls:day:*', 1, 1);
  }
  await control.db.updateTable('total_budget').set({ drop_after: 1 }).where('agent_id', '=', old).execute();
  await forgetTotals(control);
  const rows = await control.db.selectFrom('total_budget').select('agent_id').execute();
  expect(rows).toEqual([{ agent_id: young }]);
});
