/**
 * Room: policy (S-2). Whether one set of policies permits more than another, read from the policies themselves, so that it holds for every agent and tool,
 * also for those that nobody has registered yet. A request can only be allowed anew when a permit that allows it is new or wider, or a forbid
 * that refused it is gone or narrower; what cannot be shown to be no wider counts as wider. Not here: what the change does to whom (`authority-grid.ts`,
 * and the plan of control).
 */
import { canonicalJson, type Json } from '../wire/json.ts';
import { levels } from '../wire/words.ts';
import { type Clause, clausesOf } from './clauses.ts';
import { obligationWords } from './obligations.ts';

/** A policy as the feed document holds it: Cedar's JSON form, checked and compiled before. */
export interface StatedPolicy {
  readonly id: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly json: unknown;
}

export interface PolicyDifference {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** One plain sentence each. */
  readonly loosens: readonly string[];
}

/** Comparisons of one policy with all others; beyond them a policy counts as wider. */
const comparisonsMax = 2_000_000;

interface Read {
  readonly id: string;
  readonly effect: string;
  readonly principal: Scope;
  readonly resource: Scope;
  readonly action: Scope;
  /** Things that all have to hold. */
  readonly clauses: readonly Clause[];
  readonly duties: ReadonlySet<string>;
  /** All of the above in one text. */
  readonly text: string;
}

type Scope = Readonly<Record<string, unknown>>;

const canonical = (json: unknown): string => canonicalJson(json as Json);

function read({ id, annotations, json }: StatedPolicy): Read {
  const { effect, principal, resource, action, conditions } = json as {
    effect: string;
    principal: Scope;
    resource: Scope;
    action: Scope;
    conditions: readonly { kind: 'when' | 'unless'; body: unknown }[];
  };
  const clauses = clausesOf(conditions);
  const duties = new Set(obligationWords(annotations));
  const text = canonical({
    effect,
    principal,
    resource,
    action,
    clauses: [...new Set(clauses.map((clause) => [...clause].sort().join(' or ')))].sort(),
    duties: [...duties].sort(),
  });
  return { id, effect, principal, resource, action, clauses, duties, text };
}

interface Uid {
  readonly type: string;
  readonly id: string;
}
const uidOf = (entity: unknown): Uid => {
  const given = entity as { __entity?: Uid } & Uid;
  return given.__entity ?? given;
};

/** Each level stands in the one below it. */
function stands(inner: Uid, outer: Uid): boolean {
  if (inner.type !== outer.type) return false;
  if (inner.id === outer.id) return true;
  const rank = ({ id }: Uid) => levels.findIndex((level) => level === id);
  return inner.type === 'ATF::Level' && rank(outer) >= 0 && rank(inner) > rank(outer);
}

function scopeCovers(wide: Scope, narrow: Scope): boolean {
  if (wide['op'] === 'All' || canonical(wide) === canonical(narrow)) return true;
  const [outer, inner] = [wide['entity'], narrow['entity']];
  if (wide['op'] === 'in' && outer !== undefined && inner !== undefined)
    return (narrow['op'] === 'in' || narrow['op'] === '==') && stands(uidOf(inner), uidOf(outer));
  if (wide['op'] === 'is' && wide['in'] === undefined) {
    if (narrow['op'] === 'is') return narrow['entity_type'] === wide['entity_type'];
    return narrow['op'] === '==' && uidOf(inner).type === wide['entity_type'];
  }
  return false;
}

const actionsOf = (scope: Scope): readonly string[] | undefined => {
  if (scope['op'] === 'All') return undefined;
  const listed = (scope['entities'] ?? [scope['entity']]) as readonly unknown[];
  return listed.map((entity) => canonical(uidOf(entity)));
};

function actionCovers(wide: Scope, narrow: Scope): boolean {
  const [outer, inner] = [actionsOf(wide), actionsOf(narrow)];
  if (outer === undefined) return true;
  return inner !== undefined && inner.every((action) => outer.includes(action));
}

const entails = (narrow: Clause, wide: Clause): boolean => [...narrow].every((one) => wide.has(one));

/** Whether whatever satisfies `narrow` satisfies `wide`. False also when that cannot be seen from their form. */
const covers = (wide: Read, narrow: Read): boolean =>
  wide.effect === narrow.effect &&
  wide.clauses.every((clause) => narrow.clauses.some((other) => entails(other, clause))) &&
  scopeCovers(wide.principal, narrow.principal) &&
  scopeCovers(wide.resource, narrow.resource) &&
  actionCovers(wide.action, narrow.action);

function* readAll(policies: readonly StatedPolicy[]): Generator<void, Read[]> {
  const all: Read[] = [];
  for (const policy of policies) {
    all.push(read(policy));
    yield;
  }
  return all;
}

/** Permits that a forbid without further conditions always overrules: they can never apply. Yields between policies, as all that is long here. */
export function* overruledPermits(
  policies: readonly StatedPolicy[],
): Generator<void, { readonly permit: string; readonly forbid: string }[]> {
  const all = yield* readAll(policies);
  const forbids = all
    .filter(({ effect }) => effect === 'forbid')
    .map((one) => ({ ...one, effect: 'permit' }));
  const found: { permit: string; forbid: string }[] = [];
  if (all.length * forbids.length > comparisonsMax) return found;
  for (const permit of all) {
    yield;
    const forbid = permit.effect === 'permit' ? forbids.find((one) => covers(one, permit)) : undefined;
    if (forbid !== undefined) found.push({ permit: permit.id, forbid: forbid.id });
  }
  return found;
}

const fulfils = (duties: ReadonlySet<string>, wanted: ReadonlySet<string>): boolean =>
  [...wanted].every((duty) => duties.has(duty));

/** Looks among many for one that satisfies `test`: first the one of the same id, then the others while the budget lasts. */
class Among {
  private readonly byId: ReadonlyMap<string, Read>;
  private readonly all: readonly Read[];
  private left = comparisonsMax;

  constructor(all: readonly Read[]) {
    this.all = all;
    this.byId = new Map(all.map((policy) => [policy.id, policy]));
  }

  some(id: string, test: (policy: Read) => boolean): boolean {
    const same = this.byId.get(id);
    if (same !== undefined && test(same)) return true;
    this.left -= this.all.length;
    return this.left >= 0 && this.all.some(test);
  }
}

function* loosened(before: readonly Read[], after: readonly Read[]): Generator<void, string[]> {
  const texts = (policies: readonly Read[]) => new Set(policies.map(({ text }) => text));
  const [beforeTexts, afterTexts] = [texts(before), texts(after)];
  const ids = (policies: readonly Read[]) => new Set(policies.map(({ id }) => id));
  const [beforeIds, afterIds] = [ids(before), ids(after)];
  const [old, fresh] = [new Among(before), new Among(after)];
  const says: string[] = [];
  for (const permit of after) {
    yield;
    if (permit.effect !== 'permit' || beforeTexts.has(permit.text)) continue;
    if (old.some(permit.id, (other) => covers(other, permit) && fulfils(permit.duties, other.duties)))
      continue;
    says.push(
      beforeIds.has(permit.id)
        ? `permit ${permit.id} is wider, asks for less, or cannot be shown to be narrower`
        : `permit ${permit.id} is new`,
    );
  }
  for (const policy of before) {
    yield;
    if (afterTexts.has(policy.text)) continue;
    if (policy.effect === 'forbid' && !fresh.some(policy.id, (other) => covers(other, policy))) {
      says.push(
        afterIds.has(policy.id)
          ? `forbid ${policy.id} is narrower, or cannot be shown to be wider`
          : `forbid ${policy.id} is gone`,
      );
    }
    // What a permit asked for is lost where another permit allows the same without it.
    if (
      policy.effect === 'permit' &&
      policy.duties.size > 0 &&
      fresh.some(policy.id, (other) => covers(other, policy) && !fulfils(other.duties, policy.duties)) &&
      !fresh.some(policy.id, (other) => covers(other, policy) && fulfils(other.duties, policy.duties))
    )
      says.push(`what permit ${policy.id} allowed is allowed without ${[...policy.duties].join(' and ')}`);
  }
  return [...new Set(says)];
}

/** Compares by id and by form; annotations count only where they oblige to something. */
export function* comparePolicies(
  before: readonly StatedPolicy[],
  after: readonly StatedPolicy[],
): Generator<void, PolicyDifference> {
  const old = yield* readAll(before);
  const fresh = yield* readAll(after);
  const oldTexts = new Map(old.map(({ id, text }) => [id, text]));
  const freshIds = new Set(fresh.map(({ id }) => id));
  return {
    added: fresh.filter(({ id }) => !oldTexts.has(id)).map(({ id }) => id),
    changed: fresh
      .filter(({ id, text }) => oldTexts.has(id) && oldTexts.get(id) !== text)
      .map(({ id }) => id),
    removed: old.filter(({ id }) => !freshIds.has(id)).map(({ id }) => id),
    loosens: yield* loosened(old, fresh),
  };
}
