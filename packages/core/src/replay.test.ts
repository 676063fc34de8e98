import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import {
  agentDoc,
  approvalFor,
  definitionDigest,
  instanceDoc,
  manifestDigest,
  permits,
  policyOf,
  receivedOf,
  recordOf,
  toolDoc,
  uuid,
  worldOf,
} from './decide.fixture.ts';
import { sha256 } from './digest.ts';
import { rebuild, replay, type ReplaySources } from './replay.ts';
import { ReplayedDocuments } from './replayed-documents.ts';
import { canonicalJson, type JsonObject } from './wire/json.ts';
import type { PolicyQuestion, Received, World } from './world.ts';

/** Like the level table: a Senior reads; everything else needs an approval; `mayRead` is what a changed policy would say. */
const policyThat = (mayRead: boolean) =>
  policyOf(
    ({ action, context }: PolicyQuestion) =>
      context.approved || (mayRead && action === 'read')
        ? permits
        : { decision: 'deny', reasons: [], errors: [] },
    { 'level.permit': { obligation: 'notify' } },
  );

const args: JsonObject = { order: 'O-1', amount: 20, currency: 'EUR' };
const argsText = canonicalJson(args);

function receive(more: Partial<Received> = {}): Received {
  return receivedOf({ args, argsDigest: sha256(argsText), ...more });
}

const sources: ReplaySources = {
  policy: (digest) => (digest === sha256('policy') ? policyThat(true) : undefined),
  definition: (digest) => (digest === definitionDigest ? { name: 'refund_order' } : undefined),
  manifest: (digest) => (digest === manifestDigest ? agentDoc : undefined),
};

const since = new Date(500_000).toISOString();
const stop = (kind: 'agent' | 'owner' | 'tool' | 'fleet', id: string) => ({
  scope: { kind, id },
  state: 'killed' as const,
  since,
  reason: 'the words of a person',
  by: 'a person',
});
const readTool = {
  ...toolDoc,
  classification: { ...toolDoc.classification, class: 'read' as const },
};
const received = receive();
const approval = approvalFor(received);
const policy = policyThat(true);
const limit = { id: 'rate:agent', ok: true, max: 5, perSeconds: 60, retryAfterMs: 0 };

const throttle = { since, until: since, calls: 121, baseline: 60, max: 1, perSeconds: 60 };

const widened = {
  id: uuid(70),
  offer: 'more',
  limit: { tool: 'back-office/refund_order', amountMax: 30 },
  since,
  until: new Date(9_000_000_000_000).toISOString(),
  epochs: { agent: agentDoc.epoch, credential: agentDoc.credentialEpoch, policy: policy.epoch },
};

const cases: readonly (readonly [string, Partial<World>, Partial<Received>?])[] = [
  ['a read that the level allows', { tool: readTool }],
  ['a write that waits for a person', {}],
  ['an approved write', { approval }],
  ['an approval of other arguments', { approval: { ...approval, argsDigest: sha256('{}') } }],
  ['an approval that expired', { approval: { ...approval, expiresAt: since } }],
  ['an approval of another definition', { approval: { ...approval, definitionDigest: sha256('another') } }],
  ['what the judge agrees to', { judged: { verdict: 'agrees', unanswered: 'ask' }, tool: readTool }],
  ['what the judge does not see', { judged: { verdict: 'disagrees', unanswered: 'ask' }, tool: readTool }],
  ['a judge that is away', { judged: { verdict: 'unanswered', unanswered: 'refuse' }, tool: readTool }],
  ['a person over the judge', { judged: { verdict: 'doubted', unanswered: 'refuse' }, approval }],
  ['an unknown instance', { instance: undefined }],
  ['a revoked instance', { instance: { ...instanceDoc, state: 'revoked' } }],
  ['a revoked session', { sessionRevoked: true }],
  ['an expired credential', { nowMs: 3_000_000 }],
  ['a revoked credential', { agent: { ...agentDoc, credentialEpoch: 2 } }],
  ['another version', {}, { credential: { ...received.credential, manifestDigest: sha256('older') } }],
  ['a stale feed', { feedFresh: false }],
  [
    'stops of others, and one of the technical owner',
    { containments: [stop('agent', uuid(99)), stop('owner', uuid(12)), stop('owner', uuid(11))] },
  ],
  ['a stopped tool', { containments: [stop('tool', 'back-office/*')] }],
  ['an unknown server', { server: undefined, tool: undefined }],
  ['an unknown tool', { tool: undefined }],
  ['a quarantined tool', { tool: { ...toolDoc, state: 'quarantined' } }],
  ['no policy', { policy: undefined }],
  ['an agent under a ceiling', { agent: { ...agentDoc, ceiling: 'junior' }, tool: readTool }],
  ['no proof of possession', { tool: readTool }, { credential: { ...received.credential, proof: 'none' } }],
  [
    'a rate limit that is spent',
    { limits: [limit, { ...limit, id: 'rate:back-office/refund_order', ok: false, retryAfterMs: 7 }] },
  ],
  [
    'a boundary that is negotiated, and one that is over',
    {
      agent: {
        ...agentDoc,
        level: 'principal',
        limits: [{ tool: 'back-office/refund_order', amountMax: 10 }],
        grants: [widened, { ...widened, until: since }],
      },
      approval,
    },
  ],
  [
    'an agent that is throttled',
    {
      agent: { ...agentDoc, throttle },
      limits: [limit, { ...limit, id: 'rate:throttle', ok: false, retryAfterMs: 7 }],
    },
  ],
  [
    'a Principal whose rate follows what is usual',
    {
      agent: {
        ...agentDoc,
        level: 'principal',
        followed: { baseline: 20, max: 30, perSeconds: 60, notBefore: '2026-01-08T00:00:00.000Z' },
      },
      limits: [{ ...limit, id: 'rate:followed', max: 30, ok: false, retryAfterMs: 7 }],
    },
  ],
  [
    'an amount above the limit of the manifest',
    { agent: { ...agentDoc, limits: [{ tool: 'back-office/refund_order', amountMax: 10 }] } },
  ],
  ['arguments that do not fit', { schema: { verdict: 'invalid', problems: ['/amount: type'] } }],
];

describe('replay', () => {
  it.each(cases.map(([name, world, more]) => ({ name, world, more })))(
    'gives the recorded decision: $name',
    ({ world, more }) => {
      const call = receive(more);
      const known = worldOf({ policy, ...world });
      const manifest = known.agent ?? agentDoc;
      const answer = replay(recordOf(call, known), argsText, { ...sources, manifest: () => manifest });
      expect(answer).toEqual({ verdict: 'agrees', decision: decide(call, known) });
    },
  );

  it('takes no document for another where many records share one memory', () => {
    const documents = new ReplayedDocuments();
    const records = cases.map(([, world, more]) => {
      const call = receive(more);
      const known = worldOf({ policy, ...world });
      return {
        body: recordOf(call, known),
        manifest: known.agent ?? agentDoc,
        decision: decide(call, known),
      };
    });
    // Twice and backwards, so that each comes after every other; the manifests of one digest differ here, as those of different ones do.
    for (const { body, manifest, decision } of [...records, ...records, ...records.toReversed()])
      expect(replay(body, argsText, { ...sources, manifest: () => manifest, documents })).toEqual({
        verdict: 'agrees',
        decision,
      });
    const definition = { name: 'refund_order' };
    const shared = { ...sources, definition: () => definition, documents };
    const first = rebuild(recordOf(received, worldOf({ policy })), argsText, shared);
    const later = rebuild(recordOf(received, worldOf({ policy, nowMs: 1_234 })), argsText, shared);
    if (!first.ok || !later.ok) throw new Error('nothing is missing');
    expect(later.world.agent).toBe(first.world.agent);
    expect(later.world.tool).toBe(first.world.tool);
  });

  it('reaches every outcome in these cases', () => {
    const outcomes = cases.map(
      ([, world, more]) => decide(receive(more), worldOf({ policy, ...world })).outcome,
    );
    expect(new Set(outcomes)).toEqual(new Set(['allow', 'ask', 'refuse']));
  });

  it('keeps words of people and digests of arguments out of the record', () => {
    const text = JSON.stringify(
      recordOf(received, worldOf({ approval, containments: [stop('fleet', '*')] })),
    );
    expect(text).not.toContain('a person');
    expect(text).not.toContain(received.argsDigest);
  });

  it('names what a changed record or a changed policy would have decided', () => {
    const record = recordOf(received, worldOf({ policy, tool: readTool })) as {
      facts: Record<string, unknown>;
    };
    const altered = replay({ ...record, facts: { ...record.facts, feedFresh: false } }, argsText, sources);
    expect(altered).toMatchObject({
      verdict: 'differs',
      differences: expect.arrayContaining([{ member: 'outcome', recorded: '"allow"', replayed: '"refuse"' }]),
    });
    const stricter = replay(record, argsText, { ...sources, policy: () => policyThat(false) });
    expect(stricter).toMatchObject({ verdict: 'differs', decision: { outcome: 'ask' } });
    expect(replay({ ...record, outcome: 'refuse' }, argsText, sources)).toMatchObject({
      verdict: 'differs',
      differences: [{ member: 'outcome', recorded: '"refuse"', replayed: '"allow"' }],
    });
  });

  it('compares the arguments with those that were approved', () => {
    const record = recordOf(received, worldOf({ policy, approval }));
    const other = canonicalJson({ ...args, amount: 2_000 });
    expect(replay(record, argsText, sources).verdict).toBe('agrees');
    expect(replay(record, other, sources)).toMatchObject({
      verdict: 'differs',
      decision: { refusal: { code: 'segmentation.transaction_exceeded' } },
    });
  });

  it('says which fact is missing', () => {
    const record = recordOf(received, worldOf({ policy })) as { facts: Record<string, unknown> };
    const { sessionRevoked: _, ...facts } = record.facts;
    const of = (body: unknown, text: string | undefined, more: Partial<ReplaySources> = {}) =>
      replay(body, text, { ...sources, ...more });
    expect(of(record, undefined)).toEqual({ verdict: 'unreplayable', missing: { what: 'arguments' } });
    expect(of(record, '{"a":1,"a":2}')).toEqual({ verdict: 'unreplayable', missing: { what: 'arguments' } });
    expect(of({ ...record, facts }, argsText)).toEqual({
      verdict: 'unreplayable',
      missing: { what: 'record', path: 'facts.sessionRevoked' },
    });
    expect(of(record, argsText, { policy: () => undefined })).toEqual({
      verdict: 'unreplayable',
      missing: { what: 'policy', digest: sha256('policy') },
    });
    expect(of(record, argsText, { definition: () => undefined })).toEqual({
      verdict: 'unreplayable',
      missing: { what: 'definition', digest: definitionDigest },
    });
    expect(of(record, argsText, { manifest: () => undefined })).toEqual({
      verdict: 'unreplayable',
      missing: { what: 'manifest', digest: manifestDigest },
    });
    expect(of('nothing', argsText)).toMatchObject({ verdict: 'unreplayable', missing: { what: 'record' } });
  });

  it('rebuilds a world in which another policy can be tried', () => {
    const rebuilt = rebuild(recordOf(received, worldOf({ policy, tool: readTool })), argsText, sources);
    if (!rebuilt.ok) throw new Error('it could not be rebuilt');
    expect(decide(rebuilt.received, { ...rebuilt.world, policy: policyThat(false) }).outcome).toBe('ask');
  });
});
