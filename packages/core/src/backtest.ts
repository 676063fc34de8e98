/**
 * What a recorded decision would have been under another policy set, or at another level (S-2). The same `decide()` over the facts that the record keeps; only
 * the set and the level are others. Pure. What a record does not say is not guessed: it is unreplayable. Not here: where records are found.
 */
import { decide } from './decide.ts';
import type { DecisionRecord } from './record.ts';
import type { MissingFact, OpenedRecord } from './replay.ts';
import type { Level } from './wire/words.ts';
import type { AgentDoc } from './wire/feed.ts';
import type { Decision, PolicyFacts } from './world.ts';

export interface Sides {
  /** What is in force: decisions that were made under it are taken as they are on record. */
  readonly before: PolicyFacts;
  readonly after: PolicyFacts;
  /** The agent as if it had this level, without a ceiling. Without proof of possession it stays an Intern. */
  readonly level?: Level | undefined;
}

export interface DecisionChange {
  readonly was: Decision['outcome'];
  readonly would: Decision['outcome'];
  /** Why not, after. */
  readonly code?: string;
  readonly because: string;
  /** Policies that determine one of the two and not the other; none: nothing permits it on either side. */
  readonly rules: readonly string[];
  /** Where both allow: what is owed. */
  readonly owed?: { readonly was: readonly string[]; readonly would: readonly string[] };
}

/** `rules`: the same set now decides otherwise than the record says, so another version of ATF made it. */
export type Unreplayable = MissingFact['what'] | 'rules';

export type Trial = { readonly under: 'before' | 'other' } & (
  | { readonly verdict: 'same' }
  | { readonly verdict: 'changed'; readonly change: DecisionChange }
  | { readonly verdict: 'unreplayable'; readonly what: Unreplayable }
);

/** What a decision says, as far as two are compared. */
export type Told = Pick<Decision, 'outcome' | 'policies'> & { readonly obligations: readonly string[] };

const sorted = (words: readonly string[]) => [...words].sort().join(' ');

function same(a: Told, b: Told): boolean {
  if (a.outcome !== b.outcome) return false;
  return a.outcome !== 'allow' || sorted(a.obligations) === sorted(b.obligations);
}

const rulesMax = 8;

/** Policies that stand on one side only; where they are the same, what was asked of them differs: then those. */
function rulesOf(was: readonly string[], would: readonly string[]): string[] {
  const apart = [...would.filter((id) => !was.includes(id)), ...was.filter((id) => !would.includes(id))];
  return [...new Set(apart.length > 0 ? apart : would)].slice(0, rulesMax);
}

/** Undefined: both say the same. */
export function changeBetween(was: Told, would: Decision): DecisionChange | undefined {
  if (same(was, would)) return undefined;
  return {
    was: was.outcome,
    would: would.outcome,
    ...(would.refusal === undefined ? {} : { code: would.refusal.code }),
    because: would.checks.at(-1)?.because ?? '',
    rules: rulesOf(was.policies, would.policies),
    ...(was.outcome === 'allow' && would.outcome === 'allow'
      ? { owed: { was: [...was.obligations], would: [...would.obligations] } }
      : {}),
  };
}

const recorded = ({ outcome, policies, obligations }: DecisionRecord): Told => ({
  outcome,
  policies,
  obligations,
});

const levelled = new WeakMap<AgentDoc, AgentDoc>();

/** The same document for the same one. */
function atLevel(agent: AgentDoc, level: Level): AgentDoc {
  const known = levelled.get(agent);
  if (known?.level === level) return known;
  const { ceiling: _, ...rest } = agent;
  const made = { ...rest, level };
  levelled.set(agent, made);
  return made;
}

/** `argsText`: canonical JSON of the arguments where the decision needs them and they are there. */
export function tryOut(
  opened: OpenedRecord,
  argsText: string | undefined,
  { before, after, level }: Sides,
): Trial {
  const under = opened.record.policyDigest === before.digest ? 'before' : 'other';
  const rebuilt = opened.world(argsText);
  if (!rebuilt.ok) return { verdict: 'unreplayable', under, what: rebuilt.missing.what };
  const { record, received, world } = rebuilt;
  // Where no set was there to ask, another one would not have been there either.
  // It is asked as if it had been in force then, so that what an agent had negotiated counts.
  const policyOr = (policy: PolicyFacts): PolicyFacts | undefined =>
    world.policy === undefined
      ? undefined
      : {
          digest: policy.digest,
          epoch: world.policy.epoch,
          ask: (question) => policy.ask(question),
          annotations: (id) => policy.annotations(id),
          reads: (ref) => policy.reads(ref),
        };
  const asBefore = () => decide(received, { ...world, policy: policyOr(before) });
  const agent = world.agent === undefined || level === undefined ? world.agent : atLevel(world.agent, level);
  const would = decide(received, { ...world, agent, policy: policyOr(after) });
  const was: Told = under === 'before' ? recorded(record) : asBefore();
  const change = changeBetween(was, would);
  if (change === undefined) return { verdict: 'same', under };
  if (under === 'before' && !same(was, asBefore())) return { verdict: 'unreplayable', under, what: 'rules' };
  return { verdict: 'changed', under, change };
}
