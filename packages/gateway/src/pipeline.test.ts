/** The pipeline under virtual time, with ports that fail: what may happen between its steps. */
import { leaseMs, type PolicyDoc } from '@atf/core/wire/feed';
import { describe, expect, it } from 'vitest';
import type { CallAnswer } from './answers.ts';
import { agentDoc, policyDoc, serverDoc, toolDoc, uuid } from './testing/documents.fixture.ts';
import { type Bench, bench, junior, senior, tools } from './testing/ports.fixture.ts';

const codeOf = (answer: CallAnswer) =>
  answer.kind === 'refused'
    ? answer.facts.refusal.code
    : answer.kind === 'problem'
      ? answer.refusal.code
      : 'result';
const outcomeOf = (answer: CallAnswer) => (answer.kind === 'refused' ? answer.facts.outcome : answer.kind);
/** Lets everything that can run without time passing run. */
const settle = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

describe('no record, no action (invariant 1)', () => {
  it('records the intent before the effect and the outcome before the result', async () => {
    const on = bench();
    on.spool.gate.closed = true;
    const call = on.call(senior, 'pay', { amount: 1 });
    await settle();
    expect([on.upstream.effects.length, on.spool.gate.waiting]).toEqual([0, 1]);
    on.upstream.gate.closed = true;
    on.spool.gate.open();
    await settle();
    expect(on.upstream.effects.length).toBe(1);
    on.spool.gate.closed = true;
    on.upstream.gate.open();
    let answered = false;
    void call.then(() => {
      answered = true;
    });
    await settle();
    expect(answered).toBe(false);
    on.spool.gate.open();
    expect(codeOf(await call)).toBe('result');
    expect(on.spool.types()).toEqual(['action.intent allowed', 'action.outcome done']);
  });

  it.each([
    ['an intent', senior, 'pay'],
    ['a refusal', senior, 'nothing'],
    ['a question', junior, 'pay'],
  ] as const)('refuses when %s cannot be recorded', async (_, credential, tool) => {
    const on = bench();
    on.spool.failsFrom = 0;
    const answer = await on.call(credential, tool);
    expect(codeOf(answer)).toBe('audit.record_unavailable');
    expect(on.upstream.effects).toEqual([]);
    expect(on.control.requests).toEqual([]);
  });

  it('withholds a result whose outcome cannot be recorded, and does not call it refused', async () => {
    const on = bench();
    on.spool.failsFrom = 1;
    on.spool.urgentFails = true;
    const answer = await on.call(senior, 'pay');
    expect([codeOf(answer), outcomeOf(answer)]).toEqual(['audit.record_unavailable', 'unknown']);
    expect(on.upstream.effects.length).toBe(1);
  });

  it('records an outcome in reserved space when the spool is full', async () => {
    const on = bench();
    on.spool.failsFrom = 1;
    expect(codeOf(await on.call(senior, 'pay'))).toBe('result');
    expect(on.spool.types()).toEqual(['action.intent allowed', 'action.outcome done']);
  });

  it('refuses while control has given no key for payloads', async () => {
    const on = bench();
    Object.assign(on.ports, { wrappingKey: () => undefined });
    expect(codeOf(await on.call(senior, 'look'))).toBe('audit.record_unavailable');
    expect(on.upstream.effects).toEqual([]);
  });
});

describe('the last look (invariants 2, 3 and 7)', () => {
  const changes: [string, string, (on: Bench) => unknown][] = [
    [
      'the level',
      'execution.not_executed',
      ({ snapshot }) => snapshot.apply('agent', uuid(3), agentDoc(3, 'intern', ['office/pay'], { epoch: 2 })),
    ],
    [
      'the credential epoch',
      'identity.credential_revoked',
      ({ snapshot }) =>
        snapshot.apply('agent', uuid(3), agentDoc(3, 'senior', ['office/pay'], { credentialEpoch: 2 })),
    ],
    [
      'the session',
      'identity.session_revoked',
      ({ snapshot }) =>
        snapshot.apply('revoked_session', senior.sid, {
          sid: senior.sid,
          until: new Date(Date.UTC(2027, 0)).toISOString(),
        }),
    ],
    [
      'the instance',
      'identity.instance_unknown',
      ({ snapshot }) => snapshot.apply('instance', senior.instanceId, null),
    ],
    [
      'the tool',
      'execution.not_executed',
      ({ snapshot }) => snapshot.apply('tool', 'office/pay', { ...tools.pay, epoch: 2 }),
    ],
    [
      'the live definition',
      'segmentation.tool_quarantined',
      ({ upstream }) => upstream.offers.set('pay', 'x'.repeat(43)),
    ],
    [
      'the list of a server that cannot be asked again',
      'upstream.unavailable',
      ({ upstream }) => {
        const fault = { code: 'upstream.unavailable', dispatched: false, detail: 'gone' } as const;
        Object.assign(upstream, { listed: false, prepared: { ok: false, fault } });
      },
    ],
    [
      'the list of the server, and with it the definition',
      'segmentation.tool_quarantined',
      ({ upstream }) => {
        upstream.offers.set('pay', 'x'.repeat(43));
        upstream.listed = false;
      },
    ],
    [
      'the list of the server, without this tool',
      'segmentation.tool_removed',
      ({ upstream }) => {
        upstream.offers.delete('pay');
        upstream.listed = false;
      },
    ],
    [
      'the server',
      'execution.not_executed',
      ({ snapshot }) => snapshot.apply('server', 'office', serverDoc('office', { epoch: 2 })),
    ],
    [
      'the policy',
      'execution.not_executed',
      ({ snapshot }) => snapshot.apply('policy', '*', { ...policyDoc, epoch: 2 }),
    ],
    ['the lease', 'containment.feed_stale', ({ clock }) => clock.advance(leaseMs)],
    [
      'a stop',
      'containment.call_aborted',
      ({ snapshot }) =>
        snapshot.apply('containment', 'fleet:*', {
          scope: { kind: 'fleet', id: '*' },
          state: 'killed',
          since: '2026-11-20T00:00:00Z',
          reason: 'drill',
          by: 'operator',
        }),
    ],
  ];

  it.each(changes)(
    'does not execute when %s changes between decision and dispatch',
    async (_, code, change) => {
      const on = bench();
      on.spool.gate.closed = true;
      const call = on.call(senior, 'pay');
      await settle();
      change(on);
      on.spool.gate.open();
      const answer = await call;
      expect([codeOf(answer), outcomeOf(answer)]).toEqual([code, 'refused']);
      expect(on.upstream.effects).toEqual([]);
      expect(on.spool.types()).toEqual(['action.intent allowed', 'action.outcome not_executed']);
    },
  );

  it('reads a list that changed between decision and dispatch once more, and executes what is as it was', async () => {
    const on = bench();
    on.spool.gate.closed = true;
    const call = on.call(senior, 'pay');
    await settle();
    on.upstream.listed = false;
    on.spool.gate.open();
    expect(codeOf(await call)).toBe('result');
    expect(on.upstream.effects.length).toBe(1);
  });

  it('reads it no second time, and a stop does not wait for it', async () => {
    const on = bench();
    let prepared = 0;
    const listing = Promise.withResolvers<void>();
    on.upstream.prepare = async () => {
      prepared++;
      await listing.promise;
      return { ok: true };
    };
    on.spool.gate.closed = true;
    const [first, second] = [on.call(senior, 'pay'), on.call(junior, 'look')];
    await settle();
    on.upstream.listed = false;
    on.spool.gate.open();
    await settle();
    on.pipeline.stopper.contain({
      scope: { kind: 'agent', id: senior.agentId },
      state: 'killed',
      since: '2026-11-20T00:00:00Z',
      reason: 'drill',
      by: 'operator',
    });
    expect([codeOf(await first), outcomeOf(await first)]).toEqual(['containment.call_aborted', 'refused']);
    // It changes again while it is read.
    listing.resolve();
    expect(codeOf(await second)).toBe('upstream.unavailable');
    expect([prepared, on.upstream.effects.length]).toEqual([2, 0]);
  });

  it('does not execute for a client that hung up before the call was sent', async () => {
    const on = bench();
    const gone = new AbortController();
    on.spool.gate.closed = true;
    const call = on.call(senior, 'pay', {}, gone.signal);
    await settle();
    gone.abort();
    on.spool.gate.open();
    expect(codeOf(await call)).toBe('upstream.aborted');
    expect(on.upstream.effects).toEqual([]);
  });

  it('lets a write go on when the client hangs up after it was sent, and cuts a read', async () => {
    const on = bench();
    on.upstream.gate.closed = true;
    const [writing, reading] = [new AbortController(), new AbortController()];
    const write = on.call(senior, 'pay', {}, writing.signal);
    const read = on.call(senior, 'look', {}, reading.signal);
    await settle();
    writing.abort();
    reading.abort();
    expect(outcomeOf(await read)).toBe('unknown');
    on.upstream.gate.open();
    expect(codeOf(await write)).toBe('result');
  });
});

describe('decision and limits in one tick (invariant 4)', () => {
  it('admits N of any number of calls at once', async () => {
    const on = bench();
    const limits = [{ tool: 'office/pay', calls: { max: 3, perSeconds: 60 } }];
    on.snapshot.apply('agent', uuid(3), agentDoc(3, 'senior', ['office/pay'], { limits }));
    const answers = await Promise.all(Array.from({ length: 20 }, () => on.call(senior, 'pay')));
    expect(on.upstream.effects.length).toBe(3);
    expect(answers.filter((answer) => codeOf(answer) === 'segmentation.rate_exceeded').length).toBe(17);
  });

  it('says that control was not heard, not that a limit is reached, and hides no tool meanwhile', async () => {
    const on = bench();
    const offered = () => on.pipeline.list(senior, 'office', 'tool');
    const before = offered();
    expect(before).toMatchObject({
      offers: expect.arrayContaining([expect.objectContaining({ name: 'look' })]),
    });
    on.control.away = true;
    expect(codeOf(await on.call(senior, 'look'))).toBe('containment.feed_stale');
    expect(on.upstream.effects.length).toBe(0);
    expect(offered()).toEqual(before);
  });

  it('refuses everything under a policy set that does not compile', async () => {
    const on = bench();
    const broken: PolicyDoc = {
      ...policyDoc,
      epoch: 2,
      policies: [...policyDoc.policies, { id: 'broken', annotations: {}, json: { effect: 'maybe' } }],
    };
    on.snapshot.apply('policy', '*', broken);
    expect(codeOf(await on.call(senior, 'look'))).toBe('policy.unavailable');
  });

  it('sends exactly the text that was decided on', async () => {
    const on = bench();
    await on.call(senior, 'pay', { z: 1, a: { d: 2, c: [3] } });
    expect(JSON.stringify(on.upstream.effects[0]?.args)).toBe('{"a":{"c":[3],"d":2},"z":1}');
  });

  it('counts repeats of refusals instead of recording each', async () => {
    const on = bench();
    for (let i = 0; i < 100; i++) await on.call(senior, 'nothing');
    expect(on.spool.types().filter((type) => type.startsWith('action.refused')).length).toBe(60);
    on.clock.advance(60_000);
    await on.pipeline.refusals.flush();
    expect(on.spool.drafts.at(-1)).toMatchObject({
      type: 'action.refusals_counted',
      body: { code: 'segmentation.tool_unknown', count: 40 },
    });
  });
});

describe('output (D-4)', () => {
  const withOutput = toolDoc(
    'office',
    {
      name: 'look',
      inputSchema: { type: 'object' },
      outputSchema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
    },
    'read',
    { epoch: 2 },
  );
  const looking = () => {
    const on = bench();
    on.snapshot.apply('tool', 'office/look', withOutput);
    on.upstream.offers.set('look', withOutput.definitionDigest);
    return on;
  };

  it('is withheld when it does not fit the schema of its own tool, and on record as done', async () => {
    const on = looking();
    on.upstream.outcome = {
      kind: 'result',
      result: { content: [], structuredContent: { n: 'secret' } },
      resultBytes: 30,
    };
    const answer = await on.call(senior, 'look');
    expect([codeOf(answer), outcomeOf(answer)]).toEqual(['data.output_invalid', 'withheld']);
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(on.spool.drafts.at(-1)).toMatchObject({ outcome: 'done', body: { code: 'data.output_invalid' } });
  });

  it.each([
    ['upstream.unavailable', false, 'not_executed', 'refused'],
    ['upstream.unavailable', true, 'unknown', 'unknown'],
    ['upstream.timeout', true, 'unknown', 'unknown'],
    ['upstream.call_refused', true, 'failed', 'withheld'],
  ] as const)('is %s (dispatched %s): recorded as %s', async (code, dispatched, status, told) => {
    const on = bench();
    on.upstream.outcome = { kind: 'fault', fault: { code, dispatched, detail: 'in our words' } };
    const answer = await on.call(senior, 'pay');
    expect([codeOf(answer), outcomeOf(answer)]).toEqual([code, told]);
    expect(on.spool.drafts.at(-1)).toMatchObject({ type: 'action.outcome', outcome: status });
    expect(on.upstream.effects.length).toBe(1);
  });
});

describe('approvals (invariant 5)', () => {
  const asked = async (on: Bench, args = { amount: 5 }) => {
    const answer = await on.call(junior, 'pay', args);
    expect(outcomeOf(answer)).toBe('waiting');
    return answer.kind === 'refused' ? (answer.facts.approvalId ?? '') : '';
  };

  it('ask once for equal calls at the same time', async () => {
    const on = bench();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => on.call(junior, 'pay', { amount: 5 })),
    );
    expect(
      new Set(answers.map((answer) => (answer.kind === 'refused' ? answer.facts.approvalId : ''))).size,
    ).toBe(1);
    expect(on.control.stored.size).toBe(1);
  });

  it('release once, whatever the order of retries and built-in tool', async () => {
    const on = bench();
    const approvalId = await asked(on);
    on.control.approve(approvalId);
    on.upstream.gate.closed = true;
    const retries = Array.from({ length: 50 }, (_, i) =>
      i % 2 === 0
        ? on.call(junior, 'pay', { amount: 5 })
        : on.call(junior, 'atf_approval_result', { approvalId }),
    );
    await settle();
    on.upstream.gate.open();
    const answers = await Promise.all(retries);
    expect(answers.map(codeOf)).toEqual(Array.from({ length: 50 }, () => 'result'));
    expect(on.upstream.effects).toEqual([{ tool: 'pay', args: { amount: 5 }, key: approvalId }]);
    expect(on.control.stored.get(approvalId)?.releases).toBe(1);
    const later = await on.call(junior, 'pay', { amount: 5 });
    expect(codeOf(later)).toBe('result');
    expect(on.upstream.effects.length).toBe(1);
    expect(on.spool.types().filter((type) => type === 'action.intent allowed').length).toBe(1);
  });

  it('are decided again: a policy that forbids meanwhile wins, and a person may be asked anew', async () => {
    const on = bench();
    const approvalId = await asked(on);
    on.control.approve(approvalId);
    on.snapshot.apply('agent', uuid(2), agentDoc(2, 'junior', ['office/look'], { epoch: 2 }));
    const answer = await on.call(junior, 'atf_approval_result', { approvalId });
    expect(codeOf(answer)).toBe('policy.not_permitted');
    expect(on.upstream.effects).toEqual([]);
    expect(on.control.stored.get(approvalId)?.outcome).toMatchObject({ status: 'not_executed' });
    on.snapshot.apply('agent', uuid(2), agentDoc(2, 'junior', ['office/pay'], { epoch: 3 }));
    expect(await asked(on)).not.toBe(approvalId);
  });

  describe('while control is not heard', () => {
    const released = async () => {
      const on = bench();
      const approvalId = await asked(on);
      on.control.approve(approvalId);
      const ask = on.control.request.bind(on.control);
      /** The lease runs out just before, or just after, control is asked to release it. */
      const runsOut = (when: 'before' | 'after') => {
        on.control.request = async (operation, call) => {
          const answer = await ask(operation, call);
          if (operation === 'gateway.redeemApproval' && when === 'after') on.clock.advance(leaseMs);
          return answer;
        };
        if (when === 'before')
          on.upstream.prepare = async () => {
            on.clock.advance(leaseMs);
            return { ok: true };
          };
      };
      const pay = () => on.call(junior, 'pay', { amount: 5 });
      return { on, approvalId, stored: on.control.stored.get(approvalId), runsOut, pay };
    };
    /** Control is heard again while the third pause goes on. */
    const hearAgain = (on: Bench, also = () => undefined as unknown) => {
      let pauses = 0;
      on.during.waiting = () => {
        if (++pauses !== 3) return;
        also();
        on.hear();
      };
    };

    it.each(['before', 'after'] as const)(
      'wait until it is heard again (%s control released it), and run once',
      async (when) => {
        const { on, stored, runsOut, pay } = await released();
        runsOut(when);
        hearAgain(on);
        expect(codeOf(await pay())).toBe('result');
        expect([stored?.releases, on.upstream.effects.length]).toEqual([1, 1]);
      },
    );

    it('stay as they are where it is not heard in time, and are released later', async () => {
      const { on, stored, runsOut, pay } = await released();
      const { prepare } = on.upstream;
      runsOut('before');
      const answer = await pay();
      expect([codeOf(answer), outcomeOf(answer)]).toEqual(['containment.feed_stale', 'refused']);
      expect(JSON.stringify(answer)).toContain('not spent');
      expect([stored?.releases, stored?.doc.state, on.upstream.effects.length]).toEqual([0, 'approved', 0]);
      on.upstream.prepare = prepare;
      on.hear();
      expect(codeOf(await pay())).toBe('result');
      expect([stored?.releases, on.control.stored.size]).toEqual([1, 1]);
    });

    it('wait also behind their record; a stop that is heard meanwhile wins', async () => {
      const stop = {
        scope: { kind: 'agent' as const, id: junior.agentId },
        state: 'killed' as const,
        since: '2026-11-20T00:00:00Z',
        reason: 'drill',
        by: 'operator',
      };
      for (const stops of [false, true]) {
        const { on, stored, pay } = await released();
        on.spool.gate.closed = true;
        const call = pay();
        await settle();
        expect(on.spool.gate.waiting).toBe(1);
        on.clock.advance(leaseMs);
        expect(on.pipeline.stopper.leaseLost()).toBe(0);
        hearAgain(on, () => stops && on.snapshot.apply('containment', `agent:${junior.agentId}`, stop));
        on.spool.gate.open();
        expect(codeOf(await call)).toBe(stops ? 'containment.call_aborted' : 'result');
        expect([stored?.releases, on.upstream.effects.length]).toEqual([1, stops ? 0 : 1]);
      }
    });
  });

  it('are not spent, and not shown, by a caller that may not have them now', async () => {
    const on = bench();
    const proof = { '.': { left: { Var: 'context' }, attr: 'proof' } };
    const bearerReads = {
      effect: 'forbid',
      principal: { op: 'All' },
      action: { op: '==', entity: { type: 'ATF::Action', id: 'write' } },
      resource: { op: 'All' },
      conditions: [{ kind: 'when', body: { '==': { left: proof, right: { Value: 'none' } } } }],
    };
    const policies = [...policyDoc.policies, { id: 'bearer-reads', annotations: {}, json: bearerReads }];
    on.snapshot.apply('policy', '*', { ...policyDoc, epoch: 2, policies });
    const approvalId = await asked(on);
    on.control.approve(approvalId);
    const spent = () => on.control.stored.get(approvalId)?.releases;
    const bearer = { ...junior, proof: 'none' as const };
    expect(codeOf(await on.call(bearer, 'atf_approval_result', { approvalId }))).toBe('policy.forbidden');
    const stop = {
      scope: { kind: 'tool' as const, id: 'office/pay' },
      state: 'killed' as const,
      since: new Date(on.clock.nowMs()).toISOString(),
      reason: 'wrong',
      by: 'Somebody',
    };
    on.snapshot.apply('containment', 'tool:office/pay', stop);
    const stopped = () => on.call(junior, 'atf_approval_result', { approvalId });
    expect(codeOf(await stopped())).toBe('containment.tool_stopped');
    expect(spent()).toBe(0);
    on.snapshot.apply('containment', 'tool:office/pay', null);
    on.clock.advance(3_000);
    on.hear();
    expect(codeOf(await stopped())).toBe('result');
    expect(spent()).toBe(1);
    // The stored result is no way around either.
    expect(codeOf(await on.call(bearer, 'atf_approval_result', { approvalId }))).toBe('policy.forbidden');
    on.snapshot.apply('containment', 'tool:office/pay', stop);
    expect(codeOf(await stopped())).toBe('containment.tool_stopped');
    expect(on.upstream.effects.length).toBe(1);
  });

  it('are not asked for without end: people and the log are spared', async () => {
    const on = bench();
    const answers: string[] = [];
    for (let amount = 1; amount <= 200; amount++)
      answers.push(codeOf(await on.call(junior, 'pay', { amount })));
    expect(answers.filter((code) => code === 'approvals.queue_full').length).toBe(140);
    expect(on.spool.drafts.length).toBe(60);
    // Nobody waits out a minute: one more is heard each second.
    on.clock.advance(1_000);
    on.hear();
    expect(codeOf(await on.call(junior, 'pay', { amount: 400 }))).toBe('maturity.approval_required');
    expect(codeOf(await on.call(junior, 'pay', { amount: 401 }))).toBe('approvals.queue_full');
    on.clock.advance(61_000);
    on.hear();
    await on.pipeline.refusals.flush();
    expect(on.spool.drafts.at(-1)?.body).toMatchObject({ code: 'approvals.queue_full', count: 141 });
    expect(codeOf(await on.call(junior, 'pay', { amount: 500 }))).toBe('maturity.approval_required');
  });

  it('are not spent on a tool server that cannot be reached', async () => {
    const on = bench();
    const approvalId = await asked(on);
    on.control.approve(approvalId);
    on.upstream.prepared = {
      ok: false,
      fault: { code: 'upstream.unavailable', dispatched: false, detail: 'gone' },
    };
    expect(codeOf(await on.call(junior, 'pay', { amount: 5 }))).toBe('upstream.unavailable');
    expect(on.control.stored.get(approvalId)?.releases).toBe(0);
  });

  it('whose release was lost on the way are unknown, never run again; a person is asked anew once control has heard so', async () => {
    const on = bench();
    const approvalId = await asked(on);
    on.control.approve(approvalId);
    on.control.lose = true;
    expect(codeOf(await on.call(junior, 'pay', { amount: 5 }))).toBe('maturity.approval_outcome_unknown');
    on.control.lose = false;
    expect(codeOf(await on.call(junior, 'pay', { amount: 5 }))).toBe('maturity.approval_required');
    expect(on.upstream.effects).toEqual([]);
  });

  it('that were altered where they are stored do not run', async () => {
    const on = bench();
    const approvalId = await asked(on);
    const stored = on.control.stored.get(approvalId);
    if (stored !== undefined) stored.argsText = '{"amount":5000}';
    on.control.approve(approvalId);
    expect(codeOf(await on.call(junior, 'pay', { amount: 5 }))).toBe('approvals.digest_mismatch');
    expect(on.upstream.effects).toEqual([]);
  });

  it('of other arguments or another definition do not count', async () => {
    const on = bench();
    on.control.approve(await asked(on));
    await asked(on, { amount: 6 });
    const changed = toolDoc(
      'office',
      { name: 'pay', inputSchema: { type: 'object' }, title: 'other' },
      'write',
      { epoch: 2 },
    );
    on.snapshot.apply('tool', 'office/pay', changed);
    on.upstream.offers.set('pay', changed.definitionDigest);
    await asked(on);
    expect(on.upstream.effects).toEqual([]);
  });

  it('end with their time', async () => {
    const on = bench();
    const approvalId = await asked(on);
    on.control.approve(approvalId);
    on.clock.advance(601_000);
    on.hear();
    expect(await asked(on)).not.toBe(approvalId);
    expect(on.upstream.effects).toEqual([]);
  });
});
