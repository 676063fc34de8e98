/** Approvals through the front door (invariant 5). */
import { afterEach, describe, expect, it } from 'vitest';
import { uuid } from './testing/documents.fixture.ts';
import {
  cleanUp,
  killOf,
  refund,
  refunds,
  startWorld,
  until,
  type World,
} from './testing/running.fixture.ts';

afterEach(cleanUp);

describe('approvals (invariant 5)', () => {
  const asked = async (world: World, args: object = refund) => {
    const answer = await world.junior.call(world.mcp, 'create_refund', args);
    expect(answer.atf).toMatchObject({ outcome: 'waiting', code: 'maturity.approval_required' });
    return answer.atf.approvalId as string;
  };

  it('run the stored call once under 50 concurrent retries; later retries get the stored result', async () => {
    const world = await startWorld();
    const approvalId = await asked(world);
    expect(await asked(world, { reason: 'late', currency: 'EUR', amount: 5, order_id: 'O-5001' })).toBe(
      approvalId,
    );
    world.control.decideApproval(approvalId, 'approved');
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => world.junior.call(world.mcp, 'create_refund', refund)),
    );
    const results = answers.filter(({ isError }) => !isError);
    expect(refunds(world)).toBe(1);
    expect(world.control.approvals.get(approvalId)?.redeemed).toBe(1);
    expect(new Set(results.map(({ text }) => text)).size).toBe(1);
    const again = await world.junior.call(world.mcp, 'create_refund', refund);
    expect(again.text).toBe(results[0]?.text);
    const byTool = await world.junior.call(world.mcp, 'atf_approval_result', { approvalId });
    expect(byTool.text).toBe(results[0]?.text);
    expect(refunds(world)).toBe(1);
    const intents = () =>
      world.control.entries.filter(
        ({ type, body }) => type === 'action.intent' && body['approvalId'] === approvalId,
      );
    await until('exactly one intent is on record', () => intents().length === 1);
  });

  it('are redeemed by the built-in tool with the stored bytes, and are nobody else’s', async () => {
    const world = await startWorld();
    const approvalId = await asked(world);
    const waits = await world.junior.call(world.mcp, 'atf_approval_result', { approvalId });
    expect(waits.atf).toMatchObject({ outcome: 'waiting', approvalId });
    expect((await world.junior.call(world.mcp, 'atf_approval_result', {})).text).toContain(approvalId);
    world.control.decideApproval(approvalId, 'approved');
    await until(
      'the approval is known',
      async () =>
        (await world.senior.call(world.mcp, 'atf_approval_result', { approvalId })).atf.code ===
        'approvals.not_found',
    );
    const done = await world.junior.call(world.mcp, 'atf_approval_result', { approvalId });
    expect(done.isError).toBe(false);
    expect(refunds(world)).toBe(1);
    const finished = world.control.told.find(
      ({ path }) => path === `/v1/gateway/approvals/${approvalId}/outcome`,
    );
    expect(finished?.body).toMatchObject({ outcome: { status: 'done' } });
  });

  it('tell rejection, expiry and an unknown outcome readably, and never run then', async () => {
    const world = await startWorld();
    const rejected = await asked(world);
    world.control.decideApproval(rejected, 'rejected', 'not this customer');
    await until(
      'it is told',
      async () =>
        (await world.junior.call(world.mcp, 'create_refund', refund)).atf.code ===
        'maturity.approval_rejected',
    );
    expect((await world.junior.call(world.mcp, 'create_refund', refund)).text).toContain('not this customer');
    const other = { ...refund, amount: 6 };
    const expired = await asked(world, other);
    world.control.decideApproval(expired, 'expired');
    await until(
      'it is told',
      async () =>
        (await world.junior.call(world.mcp, 'atf_approval_result', { approvalId: expired })).atf.code ===
        'maturity.approval_expired',
    );
    const third = { ...refund, amount: 7 };
    const lost = await asked(world, third);
    world.control.decideApproval(lost, 'approved');
    world.control.loseRedemptions = true;
    await until(
      'it is told',
      async () =>
        (await world.junior.call(world.mcp, 'create_refund', third)).atf.code ===
        'maturity.approval_outcome_unknown',
    );
    world.control.loseRedemptions = false;
    // Control hears that nothing ran before it is asked for anything else.
    expect((await world.junior.call(world.mcp, 'create_refund', third)).atf.code).toBe(
      'maturity.approval_required',
    );
    expect(refunds(world)).toBe(0);
  });

  it('do not help an agent that was stopped meanwhile', async () => {
    const world = await startWorld();
    const approvalId = await asked(world);
    world.control.decideApproval(approvalId, 'approved');
    world.control.put('containment', `agent:${uuid(2)}`, killOf(uuid(2)));
    await until(
      'it is stopped',
      async () =>
        (await world.junior.call(world.mcp, 'create_refund', refund)).atf.code ===
        'containment.agent_stopped',
    );
    expect((await world.junior.call(world.mcp, 'atf_approval_result', { approvalId })).atf.code).toBe(
      'containment.agent_stopped',
    );
    expect(world.control.approvals.get(approvalId)?.redeemed).toBe(0);
  });

  it('never say that nothing happened to a call that another caller runs or ran', async () => {
    const world = await startWorld();
    const approvalId = await asked(world);
    // Another gateway has redeemed it and runs it.
    world.control.setApproval(approvalId, 'consumed');
    await until(
      'it is told',
      async () =>
        (await world.junior.call(world.mcp, 'atf_approval_result', { approvalId })).atf.outcome === 'running',
    );
    expect((await world.junior.call(world.mcp, 'create_refund', refund)).atf).toMatchObject({
      outcome: 'running',
      code: 'maturity.approval_running',
    });
    // The agent is stopped meanwhile: it gets nothing, and is not told that nothing happened.
    world.control.put('containment', `agent:${uuid(2)}`, killOf(uuid(2)));
    await until('it is stopped', async () => {
      const { atf } = await world.junior.call(world.mcp, 'atf_approval_result', { approvalId });
      return atf.code === 'containment.agent_stopped' && atf.outcome === 'unknown';
    });
    expect(refunds(world)).toBe(0);
  });

  it.each([
    ['when control is back', (world: World) => world.control.cut()],
    ['soon, where control was back before the answer was known to be lost', () => undefined],
  ])(
    'whose redemption was interrupted are put right %s: nothing ran, a person is asked anew',
    async (_, back) => {
      const world = await startWorld();
      const approvalId = await asked(world);
      world.control.decideApproval(approvalId, 'approved');
      world.control.loseRedemptions = true;
      await until('the answer of control is lost', async () => {
        const { atf } = await world.junior.call(world.mcp, 'create_refund', refund);
        return atf.code === 'maturity.approval_outcome_unknown' && atf.outcome === 'unknown';
      });
      // Whoever asks again meanwhile must not make the gateway forget which action it was released to.
      for (const name of ['create_refund', 'atf_approval_result']) {
        const args = name === 'create_refund' ? refund : { approvalId };
        const { atf } = await world.junior.call(world.mcp, name, args);
        expect(atf).toMatchObject({ code: 'maturity.approval_outcome_unknown', outcome: 'unknown' });
      }
      expect(world.control.approvals.get(approvalId)?.redeemed).toBe(1);
      world.control.loseRedemptions = false;
      back(world);
      await until(
        'control is told',
        () => world.control.approvals.get(approvalId)?.outcome?.status === 'not_executed',
      );
      await until('a person is asked anew', async () => {
        const { atf } = await world.junior.call(world.mcp, 'create_refund', refund);
        return atf.outcome === 'waiting' && atf.approvalId !== approvalId;
      });
      expect(refunds(world)).toBe(0);
    },
  );
});
