/** Chains of delegation (S-5) in the decision: the least of everybody, whatever binds one binds the call, and the record is enough to decide it again. */
import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import {
  agentDoc,
  definitionDigest,
  manifestDigest,
  permits,
  policyOf,
  receivedOf,
  recordOf,
  uuid,
  worldOf,
} from './decide.fixture.ts';
import { sha256 } from './digest.ts';
import { replay } from './replay.ts';
import type { AgentDoc } from './wire/feed.ts';
import { canonicalJson } from './wire/json.ts';
import type { AboveFact, ChainLink, PolicyQuestion, Received, TotalFact, World } from './world.ts';

const aboveDigest = sha256('manifest above');
const above: AgentDoc = {
  ...agentDoc,
  id: uuid(30),
  name: 'lead',
  manifestDigest: aboveDigest,
  level: 'principal',
  ownerId: uuid(31),
  technicalOwnerId: uuid(32),
  epoch: 7,
  credentialEpoch: 3,
};
const link: ChainLink = {
  agentId: above.id,
  instanceId: uuid(33),
  sid: uuid(34),
  manifestDigest: aboveDigest,
  credentialEpoch: 3,
};
const standing: AboveFact = {
  agent: above,
  instance: { agentId: above.id, state: 'active' },
  sessionRevoked: false,
};
const cascade: TotalFact = {
  id: 'calls:task:cascade',
  agentId: above.id,
  of: 'calls',
  per: 'task',
  max: 10,
  ok: true,
  left: 4,
};

const args = { order: 'O-1', amount: 20, currency: 'EUR' };
const argsText = canonicalJson(args);
const received = (more: Partial<ChainLink> = {}): Received => {
  const plain = receivedOf({ args, argsDigest: sha256(argsText) });
  const chain = { delegationId: uuid(40), links: [{ ...link, ...more }], callsMax: 10 };
  return { ...plain, credential: { ...plain.credential, chain } };
};
const world = (of: Partial<AgentDoc> = {}, more: Partial<World> = {}): World =>
  worldOf({ above: [{ ...standing, agent: { ...above, ...of } }], totals: [cascade], ...more });

const code = (got: Received, now: World) => decide(got, now).refusal?.code;

describe('the least of everybody', () => {
  it('is allowed where everybody may', () => {
    const decision = decide(received(), world());
    expect([decision.outcome, decision.effectiveLevel]).toEqual(['allow', 'senior']);
    expect(decision.checks[0]?.because).toContain('for lead');
  });

  it.each([
    ['a tool that the agent above was not granted', { tools: [] }, 'refuse'],
    ['a domain of which it is not', { dataDomains: ['elsewhere'] }, 'refuse'],
    [
      'an amount above its limit',
      { limits: [{ tool: 'back-office/refund_order', amountMax: 10, currency: 'EUR' }] },
      'refuse',
    ],
    ['a time at which it may not', { windows: [{ until: '1969-01-01', timeZone: 'UTC' }] }, 'refuse'],
    ['its checkpoint', { checkpoints: [{ class: 'write', reason: 'mine' }] }, 'ask'],
  ] as [string, Partial<AgentDoc>, string][])('%s', (_, of, outcome) => {
    const policy = policyOf(({ context }: PolicyQuestion) =>
      context.granted && context.inDomain && (context.approved || !context.humanCheckpoint)
        ? permits
        : { decision: 'deny', reasons: [], errors: [] },
    );
    const decision = decide(received(), world(of, { policy }));
    expect(decision.outcome).toBe(outcome);
    expect(decision.refusal?.detail).toMatch(/^of lead, for which it works/);
  });

  it.each([
    ['its level', { level: 'junior' as const }],
    ['its ceiling', { ceiling: 'junior' as const }],
  ])('%s', (_, of) => {
    const levels: string[] = [];
    const policy = policyOf(({ effectiveLevel }) => {
      levels.push(effectiveLevel);
      return permits;
    });
    expect(decide(received(), world(of, { policy })).effectiveLevel).toBe('junior');
    expect(new Set(levels)).toEqual(new Set(['junior']));
  });
});

describe('whatever binds an agent above binds the call', () => {
  const since = new Date(500_000).toISOString();
  const stop = (kind: 'agent' | 'owner' | 'session' | 'purpose', id: string) => [
    { scope: { kind, id }, state: 'killed' as const, since, reason: '', by: '' },
  ];
  it.each([
    ['unknown', { above: [{ ...standing, agent: undefined }] }, 'identity.delegation_over'],
    ['missing', { above: [] }, 'identity.delegation_over'],
    ['session over', { above: [{ ...standing, sessionRevoked: true }] }, 'identity.delegation_over'],
    ['instance gone', { above: [{ ...standing, instance: undefined }] }, 'identity.delegation_over'],
    [
      'instance of another agent',
      { above: [{ ...standing, instance: { agentId: uuid(1), state: 'active' } }] },
      'identity.delegation_over',
    ],
    ['killed', { containments: stop('agent', above.id) }, 'containment.agent_stopped'],
    ['its owner stopped', { containments: stop('owner', uuid(31)) }, 'containment.owner_stopped'],
    ['its session stopped', { containments: stop('session', link.sid) }, 'containment.session_stopped'],
  ] as [string, Partial<World>, string][])('%s', (_, more, wanted) => {
    expect(code(received(), world({}, more))).toBe(wanted);
  });

  it.each([
    ['revoked since', { credentialEpoch: 2 }],
    ['another version', { manifestDigest: sha256('older') }],
  ] as [string, Partial<ChainLink>][])('%s', (_, more) => {
    expect(code(received(more), world())).toBe('identity.delegation_over');
  });
});

describe('all calls below the root', () => {
  it('are refused when they are used up, and when nothing was reserved of them', () => {
    expect(code(received(), world({}, { totals: [{ ...cascade, ok: false, left: 0 }] }))).toBe(
      'segmentation.cascade_exhausted',
    );
    expect(code(received(), world({}, { totals: [] }))).toBe('containment.feed_stale');
    expect(code(received(), world({}, { totals: [{ ...cascade, agentId: uuid(1) }] }))).toBe(
      'containment.feed_stale',
    );
    expect(code(received(), world({}, { totals: [{ ...cascade, max: 11 }] }))).toBe('containment.feed_stale');
  });

  it('take from the totals of the agents above as well', () => {
    const limits = [{ tool: 'back-office/refund_order', total: { calls: 3, per: 'day' as const } }];
    expect(code(received(), world({ limits }))).toBe('containment.feed_stale');
    const own: TotalFact = {
      id: 'calls:day:back-office/refund_order',
      agentId: above.id,
      of: 'calls',
      per: 'day',
      max: 3,
      ok: true,
    };
    expect(code(received(), world({ limits }, { totals: [cascade, own] }))).toBeUndefined();
    const { agentId: _, ...ofTheAgent } = own;
    expect(code(received(), world({ limits }, { totals: [cascade, ofTheAgent] }))).toBe(
      'containment.feed_stale',
    );
  });
});

describe('the record', () => {
  const sources = {
    policy: () => policyOf(() => permits, { 'level.permit': { obligation: 'notify' } }),
    definition: (digest: string) => (digest === definitionDigest ? { name: 'refund_order' } : undefined),
    manifest: (digest: string) =>
      digest === manifestDigest ? agentDoc : digest === aboveDigest ? above : undefined,
  };
  it.each([
    ['allowed', world()],
    ['killed above', world({}, { above: [{ ...standing, sessionRevoked: true }] })],
    ['unknown above', world({}, { above: [{ ...standing, agent: undefined }] })],
    ['too much above', world({ level: 'junior' })],
  ])('decides again: %s', (_, now) => {
    expect(replay(recordOf(received(), now), argsText, sources)).toMatchObject({ verdict: 'agrees' });
  });

  it('says which manifest above is not there any more', () => {
    const without = { ...sources, manifest: (d: string) => (d === manifestDigest ? agentDoc : undefined) };
    expect(replay(recordOf(received(), world()), argsText, without)).toMatchObject({
      verdict: 'unreplayable',
      missing: { what: 'manifest', digest: aboveDigest },
    });
  });
});
