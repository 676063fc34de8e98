/** What sessions were given, in the real pipeline under virtual time: of what is given without a call of one's own, too, it is known where it comes from. */
import type { CredentialFacts } from '@atf/core/world';
import { describe, expect, it } from 'vitest';
import { uuid } from './testing/documents.fixture.ts';
import { type Bench, bench, junior } from './testing/ports.fixture.ts';

const order = 'O-90210';

/** Another running copy of the same agent. */
function anotherCopy(on: Bench): CredentialFacts {
  const other = { ...junior, instanceId: uuid(150), sid: uuid(250), jti: uuid(350) };
  on.snapshot.apply('instance', uuid(150), { id: uuid(150), agentId: junior.agentId, state: 'active' });
  return other;
}

/** A call that a person has released, and that its own copy of the agent may or may not have run. */
async function released(on: Bench): Promise<string> {
  on.upstream.outcome = {
    kind: 'result',
    resultBytes: 60,
    result: { content: [{ type: 'text', text: `paid, and ${order} is to be paid next` }] },
  };
  const asked = await on.call(junior, 'pay', { amount: 1 });
  const approvalId = asked.kind === 'refused' ? (asked.facts.approvalId ?? '') : '';
  on.control.approve(approvalId);
  return approvalId;
}

/** Where the order comes from, as the record of the next call says. */
async function originFor(on: Bench, credential: CredentialFacts): Promise<unknown> {
  await on.call(credential, 'pay', { order_id: order });
  const body = on.spool.drafts.at(-1)?.body as { facts?: { provenance?: { origin: string }[] } };
  return body.facts?.provenance?.[0]?.origin;
}

describe('what was given of a released call (S-4)', () => {
  it('is known to come from there also by whoever collects what another copy of the agent ran', async () => {
    const on = bench();
    const other = anotherCopy(on);
    const approvalId = await released(on);
    expect((await on.call(junior, 'atf_approval_result', { approvalId })).kind).toBe('result');
    expect(await originFor(on, other)).toBe('unknown');
    for (let i = 0; i < 3; i++)
      expect((await on.call(other, 'atf_approval_result', { approvalId })).kind).toBe('result');
    expect(await originFor(on, other)).toBe('untrusted');
  });

  it('is known by everybody who waits for the one run of it', async () => {
    const on = bench();
    const other = anotherCopy(on);
    const approvalId = await released(on);
    on.upstream.gate.closed = true;
    const both = [junior, other].map((each) => on.call(each, 'atf_approval_result', { approvalId }));
    for (let i = 0; i < 200; i++) await Promise.resolve();
    on.upstream.gate.open();
    for (const answer of await Promise.all(both)) expect(answer.kind).toBe('result');
    expect(on.upstream.effects.length).toBe(1);
    expect(await originFor(on, other)).toBe('untrusted');
  });

  it('comes from a trusted tool for the copy that ran it', async () => {
    const on = bench();
    const approvalId = await released(on);
    for (let i = 0; i < 3; i++) await on.call(junior, 'atf_approval_result', { approvalId });
    expect(await originFor(on, junior)).toBe('trusted');
  });
});
