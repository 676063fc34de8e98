import { describe, expect, it } from 'vitest';
import { type Sides, tryOut } from './backtest.ts';
import {
  agentDoc,
  approvalFor,
  definitionDigest,
  manifestDigest,
  permits,
  policyOf,
  receivedOf,
  recordOf,
  toolDoc,
  worldOf,
} from './decide.fixture.ts';
import { sha256 } from './digest.ts';
import { openRecord, type ReplaySources } from './replay.ts';
import { canonicalJson, type JsonObject } from './wire/json.ts';
import type { PolicyAnswer, PolicyFacts, PolicyQuestion } from './world.ts';

const deny: PolicyAnswer = { decision: 'deny', reasons: ['guard.frozen'], errors: [] };
const nothing: PolicyAnswer = { decision: 'deny', reasons: [], errors: [] };
const set = (
  name: string,
  answer: (question: PolicyQuestion) => PolicyAnswer,
  duty?: string,
): PolicyFacts => ({
  ...policyOf(answer, duty === undefined ? {} : { 'level.permit': { obligation: duty } }),
  digest: sha256(name),
});

/** A Senior and above acts alone, a Junior with an approval. */
const live = set('live', ({ effectiveLevel, context }) =>
  context.approved || effectiveLevel === 'senior' ? permits : nothing,
);
const frozen = set('frozen', () => deny);
const owing = set('owing', (question) => live.ask(question), 'notify');

const received = receivedOf();
const argsText = canonicalJson(received.args);
const plain = {
  ...agentDoc,
  limits: [{ tool: 'back-office/refund_order', calls: { max: 5, perSeconds: 60 } }],
};
const sourcesFor = (manifest: typeof agentDoc): ReplaySources => ({
  policy: () => frozen,
  definition: (digest) => (digest === definitionDigest ? {} : undefined),
  manifest: (digest) => (digest === manifestDigest ? manifest : undefined),
});

function trial(
  body: JsonObject,
  sides: Partial<Sides>,
  { args = argsText, agent = agentDoc }: { args?: string | undefined; agent?: typeof agentDoc } = {},
) {
  const opened = openRecord(body, sourcesFor(agent));
  if ('missing' in opened) throw new Error(JSON.stringify(opened.missing));
  return tryOut(opened, args === '' ? undefined : args, { before: live, after: live, ...sides });
}

const allowed = recordOf(received, worldOf({ policy: live }));

describe('a recorded decision, tried out', () => {
  it('is the same under the set that made it', () => {
    for (const world of [worldOf({ policy: live }), worldOf({ policy: live, feedFresh: false })])
      expect(trial(recordOf(received, world), {})).toEqual({ verdict: 'same', under: 'before' });
  });

  it('changes under another, which is named', () => {
    expect(trial(allowed, { after: frozen })).toEqual({
      verdict: 'changed',
      under: 'before',
      change: {
        was: 'allow',
        would: 'refuse',
        code: 'policy.forbidden',
        because: 'policy.forbidden',
        rules: ['guard.frozen', 'level.permit'],
      },
    });
  });

  it('stays refused where something else refused it before policy was asked', () => {
    const stale = recordOf(received, worldOf({ policy: live, feedFresh: false }));
    expect(trial(stale, { after: frozen }).verdict).toBe('same');
  });

  it('says what is owed where only that changes', () => {
    expect(trial(allowed, { after: owing })).toMatchObject({
      verdict: 'changed',
      change: { was: 'allow', would: 'allow', owed: { was: [], would: ['notify'] } },
    });
  });

  it('is compared with what the set in force says where another made it', () => {
    const other = recordOf(received, worldOf({ policy: frozen }));
    expect(trial(other, {})).toEqual({ verdict: 'same', under: 'other' });
    expect(trial(other, { after: frozen })).toMatchObject({
      under: 'other',
      change: { was: 'allow', would: 'refuse' },
    });
  });

  it('is not made again where the record disagrees with the rules of today', () => {
    expect(trial({ ...allowed, outcome: 'ask' }, {})).toEqual({
      verdict: 'unreplayable',
      under: 'before',
      what: 'rules',
    });
  });

  it('has no policy where there was none', () => {
    expect(trial(recordOf(received, worldOf({ policy: undefined })), { after: frozen }).verdict).toBe('same');
  });
});

describe('arguments', () => {
  it('are needed where an amount is limited, and not guessed when they were erased', () => {
    expect(trial(allowed, { after: frozen }, { args: '' })).toEqual({
      verdict: 'unreplayable',
      under: 'before',
      what: 'arguments',
    });
    const much = canonicalJson({ ...received.args, amount: 1_000 });
    // Other arguments than those that were decided on: the record does not agree with them.
    expect(trial(allowed, { after: frozen }, { args: much })).toMatchObject({ what: 'rules' });
  });

  it('are not needed where nothing that is decided depends on them', () => {
    const body = recordOf(received, worldOf({ policy: live, agent: plain }));
    expect(trial(body, { after: frozen }, { args: '', agent: plain }).verdict).toBe('changed');
    const read = { ...toolDoc, classification: { ...toolDoc.classification, arguments: {} } };
    const noAmount = recordOf(received, worldOf({ policy: live, tool: read }));
    // It is refused, whatever it says: the limit names a tool that says no amount.
    expect(trial(noAmount, {}, { args: '' }).verdict).toBe('same');
    const approved = recordOf(
      received,
      worldOf({ policy: live, agent: { ...plain, level: 'junior' }, approval: approvalFor(received) }),
    );
    expect(trial(approved, {}, { args: '', agent: plain }).verdict).toBe('same');
  });
});

describe('another level', () => {
  it('is tried without a ceiling, and never lifts who proves no key above Intern', () => {
    const under = recordOf(received, worldOf({ policy: live, agent: { ...agentDoc, ceiling: 'junior' } }));
    expect(trial(under, { level: 'senior' })).toMatchObject({ change: { was: 'ask', would: 'allow' } });
    expect(trial(allowed, { level: 'junior' })).toMatchObject({
      change: { was: 'allow', would: 'ask', code: 'maturity.approval_required', rules: ['level.permit'] },
    });
    const bearer = receivedOf({ credential: { ...received.credential, proof: 'none' } });
    expect(trial(recordOf(bearer, worldOf({ policy: live })), { level: 'senior' }).verdict).toBe('same');
  });
});
