/** Labels in the real pipeline under virtual time: what control has not taken is not read, through whichever way it would come. */
import { refusal } from '@atf/core/errors';
import { sensitiveDefault } from '@atf/core/data/sensitive';
import { worst } from '@atf/core/segmentation/flow';
import { describe, expect, it } from 'vitest';
import type { CallAnswer } from './answers.ts';
import { uuid } from './testing/documents.fixture.ts';
import { type Bench, bench, credentialOf, junior, senior, tools } from './testing/ports.fixture.ts';

const codeOf = (answer: CallAnswer): string =>
  answer.kind === 'refused'
    ? answer.facts.refusal.code
    : answer.kind === 'problem'
      ? answer.refusal.code
      : 'result';

const instance = (n: number) => uuid(100 + n);
const docOf = (on: Bench, n: number) => on.control.labels.docs.get(instance(n));
const flowsOn = (on: Bench) =>
  on.spool.drafts
    .map(({ body }) => (body as { facts?: { flow?: object } }).facts?.flow)
    .filter((flow) => flow !== undefined);

/** What control is asked about reads, and whether it takes them. */
function readsOf(on: Bench): { asked: number; taken: boolean } {
  const reads = { asked: 0, taken: true };
  const request = on.control.request.bind(on.control);
  on.control.request = async (operation, call) => {
    if (operation !== 'gateway.read') return await request(operation, call);
    reads.asked++;
    return reads.taken
      ? await request(operation, call)
      : { ok: false, refusal: refusal('containment.feed_stale'), sent: true };
  };
  return reads;
}

function reclassified(on: Bench, more: object): void {
  const { look } = tools;
  const classification = { ...look.classification, ...more };
  on.snapshot.apply('tool', 'office/look', { ...look, classification, epoch: 2 });
}

describe('labels of a session (S-4)', () => {
  it('join before the call is dispatched, and the next decision knows them before any document came', async () => {
    const on = bench();
    reclassified(on, { sensitivity: 'confidential', outputTrust: 'untrusted' });
    on.upstream.gate.closed = true;
    const read = on.call(senior, 'look');
    for (let i = 0; i < 80; i++) await Promise.resolve();
    expect(on.upstream.effects.length).toBe(1);
    expect(docOf(on, 3)).toMatchObject({ confidentiality: 'confidential', integrity: 'untrusted' });
    // Not one byte of the answer is there yet.
    await on.call(senior, 'look', { other: 1 }, AbortSignal.abort());
    expect(flowsOn(on).at(-1)).toEqual({
      confidentiality: 'confidential',
      integrity: 'untrusted',
      private: ['office/look'],
      untrusted: ['office/look'],
    });
    on.upstream.gate.open();
    expect(codeOf(await read)).toBe('result');
  });

  it('that control does not take: nothing is dispatched, and the record says so', async () => {
    const on = bench();
    const reads = readsOf(on);
    reads.taken = false;
    expect(codeOf(await on.call(senior, 'look'))).toBe('containment.feed_stale');
    expect(on.upstream.effects).toEqual([]);
    expect(on.spool.types().at(-1)).toBe('action.outcome not_executed');
    reads.taken = true;
    expect(codeOf(await on.call(senior, 'look'))).toBe('result');
  });

  it('rise by what was found before it is given, and what control does not take is not given', async () => {
    const on = bench();
    const settings = on.snapshot.settings();
    if (settings === undefined) throw new Error('settings of the bench');
    const sensitive = { ...sensitiveDefault, raises: { PII: 'restricted' as const } };
    on.snapshot.apply('settings', '*', { ...settings, sensitive });
    const text = 'Write to nobody.in.particular@example.com about it.';
    on.upstream.outcome = { kind: 'result', result: { content: [{ type: 'text', text }] }, resultBytes: 80 };
    const reads = readsOf(on);
    // What the tool itself hands out is taken; what is found in it is asked about afterwards.
    on.upstream.gate.closed = true;
    const read = on.call(senior, 'look');
    for (let i = 0; i < 80; i++) await Promise.resolve();
    expect(on.upstream.effects.length).toBe(1);
    reads.taken = false;
    on.upstream.gate.open();
    expect(codeOf(await read)).toBe('containment.feed_stale');
    expect(codeOf(await on.call(senior, 'look'))).toBe('containment.feed_stale');
    expect(on.upstream.effects.length).toBe(2);
    expect(on.spool.types().at(-1)).toBe('action.outcome done');
    reads.taken = true;
    expect(codeOf(await on.call(senior, 'look', { again: 1 }))).toBe('result');
    expect(docOf(on, 3)).toMatchObject({ confidentiality: 'restricted', integrity: 'trusted' });
  });

  it('of a tool that nobody has classified are the worst', async () => {
    const on = bench();
    const { class: _, ...classification } = tools.pay.classification;
    on.snapshot.apply('tool', 'office/pay', { ...tools.pay, classification, epoch: 2 });
    await on.call(senior, 'pay', { amount: 1 });
    expect(docOf(on, 3)).toBeUndefined();
    reclassified(on, { sensitivity: 'public', outputTrust: 'untrusted' });
    expect(codeOf(await on.call(senior, 'look'))).toBe('result');
    expect(docOf(on, 3)).toMatchObject({ confidentiality: 'public', integrity: 'untrusted' });
  });

  it('join also whoever collects what another copy of the agent had released', async () => {
    const on = bench();
    const asked = await on.call(junior, 'pay', { amount: 5 });
    const approvalId = asked.kind === 'refused' ? (asked.facts.approvalId ?? '') : '';
    on.control.approve(approvalId);
    expect(codeOf(await on.call(junior, 'pay', { amount: 5 }))).toBe('result');
    const other = { ...credentialOf(2), instanceId: uuid(150), sid: uuid(250) };
    on.snapshot.apply('instance', uuid(150), { id: uuid(150), agentId: uuid(2), state: 'active' });
    expect(codeOf(await on.call(other, 'atf_approval_result', { approvalId }))).toBe('result');
    expect(on.upstream.effects.length).toBe(1);
    expect(on.control.labels.docs.get(uuid(150))).toMatchObject({ confidentiality: 'internal' });
  });

  it('join what is found in it as well, whether it ran for another copy just now or is kept', async () => {
    const on = bench();
    const settings = on.snapshot.settings();
    if (settings === undefined) throw new Error('settings of the bench');
    const sensitive = { ...sensitiveDefault, raises: { PII: 'restricted' as const } };
    on.snapshot.apply('settings', '*', { ...settings, sensitive });
    const text = 'Paid to nobody.in.particular@example.com.';
    on.upstream.outcome = { kind: 'result', result: { content: [{ type: 'text', text }] }, resultBytes: 80 };
    const asked = await on.call(junior, 'pay', { amount: 5 });
    const approvalId = asked.kind === 'refused' ? (asked.facts.approvalId ?? '') : '';
    on.control.approve(approvalId);
    const copies = [150, 151].map((n) => ({ ...credentialOf(2), instanceId: uuid(n), sid: uuid(n + 100) }));
    for (const { instanceId } of copies)
      on.snapshot.apply('instance', instanceId, { id: instanceId, agentId: uuid(2), state: 'active' });
    for (const copy of copies) {
      expect(codeOf(await on.call(copy, 'atf_approval_result', { approvalId }))).toBe('result');
      expect(on.control.labels.docs.get(copy.instanceId)).toMatchObject({ confidentiality: 'restricted' });
    }
    expect(on.upstream.effects.length).toBe(1);
  });

  it('of a task begin with nothing, and what is read for it is the instance’s too', async () => {
    const on = bench();
    on.snapshot.apply('labels', instance(3), { holder: instance(3), revision: 1, ...worst, sources: [] });
    const task = uuid(900);
    on.control.tasks.set(task, { agentId: senior.agentId, sid: senior.sid, turns: ['look'] });
    expect(codeOf(await on.call({ ...senior, task }, 'look'))).toBe('result');
    expect(flowsOn(on).at(-1)).toMatchObject({ confidentiality: 'public', integrity: 'trusted' });
    expect(codeOf(await on.call(senior, 'look', { alone: 1 }))).toBe('result');
    expect(flowsOn(on).at(-1)).toMatchObject({ confidentiality: 'restricted', integrity: 'untrusted' });
    expect(on.control.labels.docs.get(task)).toMatchObject({ confidentiality: 'internal' });
    expect(docOf(on, 3)).toMatchObject({ sources: [{ tool: 'office/look' }] });
  });

  it('are asked for once a source, and a document alone is no answer: another gateway may not have it yet', async () => {
    const on = bench();
    const reads = readsOf(on);
    const since = new Date(on.clock.nowMs()).toISOString();
    const sources = [{ tool: 'office/look', ...worst, since }];
    const doc = { holder: instance(3), revision: 1, ...worst, sources };
    on.control.labels.docs.set(instance(3), doc);
    on.snapshot.apply('labels', instance(3), doc);
    for (let n = 0; n < 5; n++) await on.call(senior, 'look', { n });
    expect(reads.asked).toBe(1);
  });

  it('that a person lowered are joined anew by the next call', async () => {
    const on = bench();
    reclassified(on, { sensitivity: 'confidential' });
    await on.call(senior, 'look');
    const before = docOf(on, 3);
    const lowered = { holder: instance(3), revision: (before?.revision ?? 0) + 1, sources: [] };
    const doc = { ...lowered, confidentiality: 'public' as const, integrity: 'trusted' as const };
    on.control.labels.docs.set(instance(3), doc);
    on.snapshot.apply('labels', instance(3), doc);
    await on.call(senior, 'look', { again: 1 });
    expect(flowsOn(on).at(-1)).toMatchObject({ confidentiality: 'public' });
    expect(docOf(on, 3)).toMatchObject({ confidentiality: 'confidential' });
  });

  it('that fall while a call is under way are joined anew before its answer leaves, and it is told no more meanwhile', async () => {
    const on = bench();
    reclassified(on, { sensitivity: 'confidential' });
    const reads = readsOf(on);
    on.upstream.gate.closed = true;
    const read = on.call(senior, 'look');
    for (let i = 0; i < 80; i++) await Promise.resolve();
    const lowered = {
      holder: instance(3),
      revision: (docOf(on, 3)?.revision ?? 0) + 1,
      confidentiality: 'public' as const,
      integrity: 'trusted' as const,
      sources: [],
    };
    on.control.labels.docs.set(instance(3), lowered);
    on.snapshot.apply('labels', instance(3), lowered);
    on.upstream.gate.open();
    expect(codeOf(await read)).toBe('result');
    expect([reads.asked, docOf(on, 3)?.confidentiality]).toEqual([2, 'confidential']);
    // Where control does not take it, the answer is kept back.
    on.upstream.gate.closed = true;
    const again = on.call(senior, 'look', { again: 1 });
    for (let i = 0; i < 80; i++) await Promise.resolve();
    const fell = { ...lowered, revision: (docOf(on, 3)?.revision ?? 0) + 1 };
    on.snapshot.apply('labels', instance(3), fell);
    reads.taken = false;
    on.upstream.gate.open();
    expect(codeOf(await again)).toBe('containment.feed_stale');
  });

  it('at which a person looks are told of each reading, before and after it', async () => {
    const on = bench();
    reclassified(on, { sensitivity: 'confidential' });
    const reads = readsOf(on);
    await on.call(senior, 'look');
    await on.call(senior, 'look', { n: 1 });
    expect(reads.asked).toBe(1);
    const doc = docOf(on, 3);
    if (doc === undefined) throw new Error('no labels');
    const looked = { ...doc, revision: doc.revision + 1, underReview: true as const };
    on.control.labels.docs.set(instance(3), looked);
    on.snapshot.apply('labels', instance(3), looked);
    await on.call(senior, 'look', { n: 2 });
    expect(reads.asked).toBe(3);
    // What nobody has to keep secret, and nobody else has written, is no reading.
    reclassified(on, { sensitivity: 'public', outputTrust: 'trusted' });
    await on.call(senior, 'look', { n: 3 });
    expect(reads.asked).toBe(3);
  });
});
