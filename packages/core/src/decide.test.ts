import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JudgedFact } from './wire/judge.ts';
import {
  agentDoc,
  approvalFor,
  instanceDoc,
  permits,
  policyOf,
  receivedOf,
  serverDoc,
  toolDoc,
  uuid,
  worldOf,
} from './decide.fixture.ts';
import { decide } from './decide.ts';
import { sha256 } from './digest.ts';
import type { ContainmentDoc } from './wire/feed.ts';
import type { Scope } from './wire/words.ts';
import type { DetectorVerdict, PolicyAnswer, World } from './world.ts';

const stopped = (scope: Scope): ContainmentDoc => ({
  scope,
  state: 'killed',
  since: '2026-11-20T00:00:00.000Z',
  reason: 'drill',
  by: 'somebody',
});
const denies = (...reasons: string[]): PolicyAnswer => ({ decision: 'deny', reasons, errors: [] });
const onlyApproved = policyOf(({ context }) => (context.approved ? permits : denies()));

const table: [string, Partial<World>, string][] = [
  ['an unregistered agent', { agent: undefined }, 'identity.agent_unknown'],
  ['an unknown instance', { instance: undefined }, 'identity.instance_unknown'],
  [
    'an instance of another agent',
    { instance: { ...instanceDoc, agentId: uuid(9) } },
    'identity.instance_unknown',
  ],
  ['a revoked instance', { instance: { ...instanceDoc, state: 'revoked' } }, 'identity.instance_unknown'],
  ['an expired credential', { nowMs: 2_000_000 }, 'identity.credential_expired'],
  [
    'a credential of an earlier epoch',
    { agent: { ...agentDoc, credentialEpoch: 2 } },
    'identity.credential_revoked',
  ],
  ['a revoked session', { sessionRevoked: true }, 'identity.session_revoked'],
  [
    'a credential of another version',
    { agent: { ...agentDoc, manifestDigest: sha256('other') } },
    'identity.version_mismatch',
  ],
  ['a stale feed', { feedFresh: false }, 'containment.feed_stale'],
  [
    'a killed agent',
    { containments: [stopped({ kind: 'agent', id: uuid(1) })] },
    'containment.agent_stopped',
  ],
  [
    'a stopped owner',
    { containments: [stopped({ kind: 'owner', id: uuid(11) })] },
    'containment.owner_stopped',
  ],
  [
    'a stopped technical owner',
    { containments: [stopped({ kind: 'owner', id: uuid(12) })] },
    'containment.owner_stopped',
  ],
  [
    'a stopped tool',
    { containments: [stopped({ kind: 'tool', id: 'back-office/refund_order' })] },
    'containment.tool_stopped',
  ],
  [
    'a stopped server',
    { containments: [stopped({ kind: 'tool', id: 'back-office/*' })] },
    'containment.tool_stopped',
  ],
  ['a stopped fleet', { containments: [stopped({ kind: 'fleet', id: '*' })] }, 'containment.fleet_stopped'],
  ['an unknown server', { server: undefined }, 'segmentation.server_unknown'],
  ['an unknown tool', { tool: undefined }, 'segmentation.tool_unknown'],
  ['a quarantined tool', { tool: { ...toolDoc, state: 'quarantined' } }, 'segmentation.tool_quarantined'],
  ['a removed tool', { tool: { ...toolDoc, state: 'removed' } }, 'segmentation.tool_removed'],
  ['no policy', { policy: undefined }, 'policy.unavailable'],
  ['no permit', { policy: policyOf(() => denies()) }, 'policy.not_permitted'],
  ['a forbid', { policy: policyOf(() => denies('guardrail.x')) }, 'policy.forbidden'],
  [
    'a policy error beside a permit',
    { policy: policyOf(() => ({ ...permits, errors: [{ policyId: 'p', message: 'm' }] })) },
    'policy.evaluation_failed',
  ],
  [
    'a rate limit',
    { limits: [{ id: 'rate:agent', ok: false, max: 1, perSeconds: 1, retryAfterMs: 400 }] },
    'segmentation.rate_exceeded',
  ],
  [
    'a limit of which control said nothing',
    { limits: [{ id: 'rate:agent', ok: false, max: 1, perSeconds: 1, retryAfterMs: 400, unheard: true }] },
    'containment.feed_stale',
  ],
  [
    'arguments outside the schema',
    { schema: { verdict: 'invalid', problems: ['/amount type'] } },
    'data.schema_invalid',
  ],
  [
    'a schema that cannot be checked',
    { schema: { verdict: 'unusable', problems: [] } },
    'data.schema_unusable',
  ],
];

describe('decide', () => {
  it('allows what passes every check, with the obligations of the determining policies', () => {
    const decision = decide(receivedOf(), worldOf());
    expect(decision).toMatchObject({
      outcome: 'allow',
      effectiveLevel: 'senior',
      actionClass: 'write',
      policies: ['level.permit'],
      obligations: ['notify'],
    });
    expect(decision.checks.map(({ name }) => name)).toEqual([
      'authenticate',
      'contain',
      'resolve',
      'authorise',
      'limit_rate',
      'limit_transaction',
      'govern_data',
      'gate_maturity',
    ]);
  });

  it.each(table)('refuses %s', (_what, bend, code) => {
    const decision = decide(receivedOf(), worldOf(bend));
    expect(decision.outcome).toBe('refuse');
    expect(decision.refusal?.code).toBe(code);
    expect(decision.checks.at(-1)?.verdict).toBe('refuse');
    expect(decision.obligations).toEqual([]);
  });

  it('says that the agent was killed, not that the credential is void, when a kill voided it', () => {
    const containments = [stopped({ kind: 'agent', id: uuid(1) })];
    const agent = { ...agentDoc, credentialEpoch: 2 };
    expect(decide(receivedOf(), worldOf({ agent, containments })).refusal?.code).toBe(
      'containment.agent_stopped',
    );
    const instance: typeof instanceDoc = { ...instanceDoc, state: 'revoked' };
    expect(decide(receivedOf(), worldOf({ instance, containments })).refusal?.code).toBe(
      'containment.agent_stopped',
    );
    expect(decide(receivedOf(), worldOf({ instance: undefined, containments })).refusal?.code).toBe(
      'identity.instance_unknown',
    );
  });

  it('names the code that a forbid gives, and only codes of its own list', () => {
    const named = (refusal: string) => policyOf(() => denies('g'), { g: { refusal } });
    expect(decide(receivedOf(), worldOf({ policy: named('segmentation.out_of_domain') })).refusal?.code).toBe(
      'segmentation.out_of_domain',
    );
    expect(decide(receivedOf(), worldOf({ policy: named('internal.fault') })).refusal?.code).toBe(
      'policy.forbidden',
    );
  });

  it.each([
    [100, 'allow', undefined],
    [100.01, 'refuse', 'segmentation.transaction_exceeded'],
    ['99.99', 'refuse', 'segmentation.amount_unreadable'],
    ['1e2', 'refuse', 'segmentation.amount_unreadable'],
    [-1, 'refuse', 'segmentation.amount_unreadable'],
    [undefined, 'refuse', 'segmentation.amount_unreadable'],
    [[5], 'refuse', 'segmentation.amount_unreadable'],
  ])('limits the amount %j: %s', (amount, outcome, code) => {
    const args = amount === undefined ? { currency: 'EUR' } : { amount, currency: 'EUR' };
    const decision = decide(receivedOf({ args }), worldOf());
    expect([decision.outcome, decision.refusal?.code]).toEqual([outcome, code]);
  });

  it('an amount as text counts where the schema of the tool takes text', () => {
    const definition = { name: 'refund_order', inputSchema: { properties: { amount: { type: 'string' } } } };
    const outcome = (amount: string) =>
      decide(
        receivedOf({ args: { amount, currency: 'EUR' } }),
        worldOf({ tool: { ...toolDoc, definition } }),
      );
    expect(outcome('99.99').outcome).toBe('allow');
    expect(outcome('100.01').refusal?.code).toBe('segmentation.transaction_exceeded');
  });

  it.each([
    ['none', { amount: 5 }],
    ['null', { amount: 5, currency: null }],
    ['a list', { amount: 5, currency: ['EUR'] }],
    ['another case', { amount: 5, currency: 'eur' }],
  ])('refuses a limited amount whose currency is %s, where the tool takes one', (_name, args) => {
    expect(decide(receivedOf({ args }), worldOf()).refusal?.code).toBe('segmentation.amount_unreadable');
  });

  it('counts a tool that nobody has classified among those that a human checkpoint on administration means', () => {
    const { class: _, ...classification } = toolDoc.classification;
    const agent = { ...agentDoc, checkpoints: [{ class: 'admin' as const, reason: 'dangerous' }] };
    const asked: boolean[] = [];
    const policy = policyOf(({ context }) => {
      asked.push(context.humanCheckpoint);
      return permits;
    });
    decide(receivedOf(), worldOf({ agent, policy, tool: { ...toolDoc, classification } }));
    expect(asked).toEqual([true, true]);
  });

  it('refuses an amount in another currency than the limit', () => {
    const decision = decide(receivedOf({ args: { amount: 5, currency: 'JPY' } }), worldOf());
    expect(decision.refusal?.code).toBe('segmentation.amount_unreadable');
  });

  it('asks when only an approval makes it lawful, and is released by exactly that approval', () => {
    const received = receivedOf();
    expect(decide(received, worldOf({ policy: onlyApproved }))).toMatchObject({
      outcome: 'ask',
      refusal: { code: 'maturity.approval_required' },
    });
    expect(decide(received, worldOf({ policy: onlyApproved, approval: approvalFor(received) })).outcome).toBe(
      'allow',
    );
  });

  it.each([
    ['other arguments', { argsDigest: sha256('other') }],
    ['another tool', { tool: 'back-office/delete_customer' }],
    ['another agent', { agentId: uuid(9) }],
    ['another definition', { definitionDigest: sha256('changed') }],
    ['a waiting state', { state: 'waiting' as const }],
    ['a rejection', { state: 'rejected' as const }],
    ['an outcome already stored', { state: 'done' as const }],
    ['a void', { state: 'void' as const }],
    ['an expiry that has passed', { expiresAt: new Date(1_000_000).toISOString() }],
  ])('is not released by an approval with %s', (_what, bend) => {
    const received = receivedOf();
    const approval = approvalFor(received, bend);
    expect(decide(received, worldOf({ policy: onlyApproved, approval })).outcome).toBe('ask');
  });

  it('treats a plain bearer token as Intern at most, and an unclassified tool as admin', () => {
    const received = receivedOf();
    const bearer = { ...received, credential: { ...received.credential, proof: 'none' as const } };
    const seen: string[] = [];
    const policy = policyOf((question) => {
      seen.push(`${question.effectiveLevel} ${question.action}`);
      return permits;
    });
    const { class: _absent, ...classification } = toolDoc.classification;
    decide(bearer, worldOf({ policy, tool: { ...toolDoc, classification } }));
    expect(seen).toEqual(['intern admin', 'intern admin']);
  });

  it('asks at a human checkpoint only above its amount', () => {
    const agent: typeof agentDoc = {
      ...agentDoc,
      checkpoints: [{ tool: 'back-office/refund_order', amountAbove: 50, reason: 'large refund' }],
    };
    const policy = policyOf(({ context }) =>
      context.humanCheckpoint && !context.approved ? denies('guardrail.checkpoint') : permits,
    );
    const outcome = (amount: number) =>
      decide(receivedOf({ args: { amount, currency: 'EUR' } }), worldOf({ agent, policy }));
    expect(outcome(50).outcome).toBe('allow');
    expect(outcome(50.01)).toMatchObject({ outcome: 'ask', refusal: { detail: 'large refund' } });
    const inYen = decide(receivedOf({ args: { amount: 40, currency: 'JPY' } }), worldOf({ agent, policy }));
    expect(inYen.outcome).not.toBe('allow');
    const bare = { ...agent, limits: [] };
    const named: typeof agentDoc = {
      ...bare,
      checkpoints: [
        { tool: 'back-office/refund_order', amountAbove: 50, currency: 'EUR', reason: 'large refund' },
      ],
    };
    const other = (given: typeof agentDoc) =>
      decide(receivedOf({ args: { amount: 40, currency: 'JPY' } }), worldOf({ agent: given, policy }))
        .outcome;
    // Without any currency named the amount is in whatever the tool takes.
    expect(other(bare)).toBe('allow');
    expect(other(named)).toBe('ask');
  });

  it('is total and deterministic: whatever is missing or bent, no decision is an allow unless every check passed', () => {
    const maybe = <T>(value: T) => fc.constantFrom<T | undefined>(value, undefined);
    fc.assert(
      fc.property(
        maybe(agentDoc),
        maybe(instanceDoc),
        maybe(serverDoc),
        maybe(toolDoc),
        maybe(worldOf().policy),
        fc.boolean(),
        fc.boolean(),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (agent, instance, server, tool, policy, feedFresh, sessionRevoked, args) => {
          const world = worldOf({ agent, instance, server, tool, policy, feedFresh, sessionRevoked });
          const received = receivedOf({ args: args as never });
          const decision = decide(received, world);
          expect(decide(received, world)).toEqual(decision);
          if (decision.outcome === 'allow') {
            expect(decision.checks).toHaveLength(8);
            expect(decision.checks.every(({ verdict }) => verdict === 'pass')).toBe(true);
            expect(
              feedFresh && !sessionRevoked && agent && instance && server && tool && policy,
            ).toBeTruthy();
          } else {
            expect(decision.refusal).toBeDefined();
          }
        },
      ),
      { seed: 42, numRuns: 1_000 },
    );
  });
});

describe('a judge of intents', () => {
  const received = receivedOf();
  const decided = (
    verdict: JudgedFact['verdict'],
    unanswered: JudgedFact['unanswered'],
    more: Partial<World> = {},
  ) => decide(received, worldOf({ judged: { verdict, unanswered }, ...more }));

  it.each<[JudgedFact['verdict'], JudgedFact['unanswered'], string, string | undefined]>([
    ['agrees', 'refuse', 'allow', undefined],
    ['disagrees', 'ask', 'ask', 'maturity.approval_required'],
    ['disagrees', 'refuse', 'ask', 'maturity.approval_required'],
    ['doubted', 'refuse', 'ask', 'maturity.approval_required'],
    ['unanswered', 'ask', 'ask', 'maturity.approval_required'],
    ['unanswered', 'refuse', 'refuse', 'policy.judge_unanswered'],
  ])('that %s, where no answer means %s: %s', (verdict, unanswered, outcome, code) => {
    const decision = decided(verdict, unanswered);
    expect([decision.outcome, decision.refusal?.code]).toEqual([outcome, code]);
    // What policies owe is owed all the same.
    if (outcome === 'allow')
      expect(decision).toMatchObject({ policies: ['level.permit'], obligations: ['notify'] });
  });

  it('is outvoted by the approval of exactly this call, and by no other', () => {
    const approval = approvalFor(received);
    for (const verdict of ['disagrees', 'doubted', 'unanswered'] as const) {
      expect(decided(verdict, 'refuse', { approval }).outcome).toBe('allow');
      const other = { ...approval, argsDigest: sha256('others') };
      expect(decided(verdict, 'refuse', { approval: other }).outcome).not.toBe('allow');
    }
  });

  it('lets nothing pass that is not lawful without it', () => {
    const denies = policyOf(() => ({ decision: 'deny', reasons: [], errors: [] }));
    expect(decided('agrees', 'ask', { policy: denies }).outcome).toBe('refuse');
    expect(decided('agrees', 'ask', { feedFresh: false }).outcome).toBe('refuse');
  });
});

describe('what is said', () => {
  const received = receivedOf();
  const verdict = (detector: string, does: DetectorVerdict['verdict'], label: string): DetectorVerdict => ({
    detector,
    version: '1',
    verdict: does,
    labels: [label],
  });
  const toxic = verdict('output.toxicity', 'review', 'toxic');
  const decided = (detectors: readonly DetectorVerdict[], more: Partial<World> = {}) =>
    decide(received, worldOf({ detectors, ...more }));

  it('is looked at by a person first, where it is flagged', () => {
    const waits = decided([toxic]);
    expect(waits).toMatchObject({ outcome: 'ask', refusal: { code: 'maturity.approval_required' } });
    expect(waits.refusal?.detail).toBe('look at what it says: toxic (output.toxicity)');
    const approval = approvalFor(received);
    const released = decided([toxic], { approval });
    // What policies owe is owed all the same.
    expect(released).toMatchObject({ outcome: 'allow', policies: ['level.permit'], obligations: ['notify'] });
    const other = { ...approval, argsDigest: sha256('others') };
    expect(decided([toxic], { approval: other }).outcome).toBe('ask');
  });

  it('stands first in what a person is told, whatever else is asked', () => {
    const { refusal } = decided([toxic], { policy: onlyApproved });
    expect(refusal?.detail).toMatch(/^look at what it says: toxic \(output\.toxicity\); /);
  });

  it('is refused with a code of its own, unless something sensitive is refused as well', () => {
    const link = verdict('output.link', 'block', 'exfiltration');
    const secret = verdict('secret.token', 'block', 'secret');
    const approval = approvalFor(received);
    expect(decided([link, toxic], { approval }).refusal?.code).toBe('data.output_refused');
    expect(decided([link, secret], { approval }).refusal?.code).toBe('data.never_sent');
  });

  it('is told to policies by its labels, each once', () => {
    const seen: (readonly string[])[] = [];
    const policy = policyOf(({ context }) => {
      seen.push(context.dataLabels);
      return permits;
    });
    decided([verdict('pii.email', 'label', 'PII'), verdict('pii.ip', 'label', 'PII'), toxic], {
      policy,
    });
    expect(seen).toEqual([
      ['PII', 'toxic'],
      ['PII', 'toxic'],
    ]);
  });
});
