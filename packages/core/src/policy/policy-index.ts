/**
 * Room: policy (S-1, S-2). Finds, among many policies, the few whose scope can fit a request.
 *
 * A tree of tables: each node files a policy under the one constraint (principal, action or resource) that shares its table
 * entry with the fewest others, and splits again below while there is something left to split by. A policy whose scope does
 * not fit is never found, and `fits` settles the rest; so the index is a filter and cannot change a decision.
 */
import type { Entity, EntityStore } from './entities.ts';
import type { ActionScope, EntityScope } from './est.ts';
import type { EntityUid } from './runtime-value.ts';

export interface Scoped {
  readonly ordinal: number;
  readonly principal: EntityScope;
  readonly action: ActionScope;
  readonly resource: EntityScope;
}

/** One side of a request with everything that a scope can ask of it. */
export interface Side {
  readonly uid: EntityUid;
  /** Undefined when the store does not know it. */
  readonly entity: Entity | undefined;
  readonly ancestors: ReadonlySet<string>;
}

export interface RequestScope {
  readonly principal: Side;
  readonly action: Side;
  readonly resource: Side;
}

const NO_ANCESTORS: ReadonlySet<string> = new Set();

export const sideOf = (uid: EntityUid, entities: EntityStore): Side => {
  const entity = entities.get(uid.key);
  return { uid, entity, ancestors: entity === undefined ? NO_ANCESTORS : entity.ancestors };
};

type Dimension = 'principal' | 'action' | 'resource';
const DIMENSIONS: readonly Dimension[] = ['resource', 'principal', 'action'];

/** Fewer policies than this are looked through one by one. */
const SPLIT_POLICIES_MIN = 8;

type Table<P extends Scoped> = ReadonlyMap<string, Node<P>>;

interface Node<P extends Scoped> {
  /** Policies that no table of this node can narrow. */
  readonly rest: readonly P[];
  readonly principal: Table<P> | undefined;
  readonly action: Table<P> | undefined;
  readonly resource: Table<P> | undefined;
}

/** Keys under which a constraint can be filed: entity keys and type names never coincide, keys hold a quote. */
const keysOf = (scope: EntityScope | ActionScope): readonly string[] | undefined => {
  switch (scope.op) {
    case 'all':
      return undefined;
    case 'equals':
    case 'in':
    case 'isIn':
      return [scope.entity.key];
    case 'is':
      return [scope.entityType];
    case 'inAny':
      return [...new Set(scope.entities.map((entity) => entity.key))];
  }
};

const build = <P extends Scoped>(policies: readonly P[], dimensions: readonly Dimension[]): Node<P> => {
  if (policies.length < SPLIT_POLICIES_MIN || dimensions.length === 0) {
    return { rest: policies, principal: undefined, action: undefined, resource: undefined };
  }
  const counts = new Map(dimensions.map((dimension) => [dimension, new Map<string, number>()]));
  for (const policy of policies) {
    for (const dimension of dimensions) {
      const count = counts.get(dimension);
      for (const key of keysOf(policy[dimension]) ?? []) count?.set(key, (count.get(key) ?? 0) + 1);
    }
  }
  const crowd = (policy: P, dimension: Dimension): number => {
    const keys = keysOf(policy[dimension]);
    if (keys === undefined) return Number.POSITIVE_INFINITY;
    return keys.reduce((sum, key) => sum + (counts.get(dimension)?.get(key) ?? 0), 0);
  };
  const rest: P[] = [];
  const filed = new Map<Dimension, Map<string, P[]>>();
  for (const policy of policies) {
    const best = dimensions.reduce((a, b) => (crowd(policy, b) < crowd(policy, a) ? b : a));
    const keys = keysOf(policy[best]);
    if (keys === undefined) rest.push(policy);
    if (keys === undefined) continue;
    const table = filed.get(best) ?? new Map<string, P[]>();
    filed.set(best, table);
    for (const key of keys) {
      const below = table.get(key);
      if (below === undefined) table.set(key, [policy]);
      else below.push(policy);
    }
  }
  const tableOf = (dimension: Dimension): Table<P> | undefined => {
    const table = filed.get(dimension);
    const others = dimensions.filter((other) => other !== dimension);
    return table && new Map([...table].map(([key, below]) => [key, build(below, others)]));
  };
  return { rest, principal: tableOf('principal'), action: tableOf('action'), resource: tableOf('resource') };
};

const fitsEntity = (scope: EntityScope, side: Side): boolean => {
  switch (scope.op) {
    case 'all':
      return true;
    case 'equals':
      return side.uid.key === scope.entity.key;
    case 'in':
      return side.uid.key === scope.entity.key || side.ancestors.has(scope.entity.key);
    case 'is':
      return side.uid.type === scope.entityType;
    case 'isIn':
      return (
        side.uid.type === scope.entityType &&
        (side.uid.key === scope.entity.key || side.ancestors.has(scope.entity.key))
      );
  }
};

const fitsAction = (scope: ActionScope, side: Side): boolean => {
  if (scope.op === 'all') return true;
  if (scope.op === 'equals') return side.uid.key === scope.entity.key;
  return scope.entities.some((entity) => side.uid.key === entity.key || side.ancestors.has(entity.key));
};

/** Whether the scope of a policy holds for a request; a scope has no way to fail. */
const fits = (policy: Scoped, request: RequestScope): boolean =>
  fitsAction(policy.action, request.action) &&
  fitsEntity(policy.principal, request.principal) &&
  fitsEntity(policy.resource, request.resource);

export class PolicyIndex<P extends Scoped> {
  readonly #root: Node<P>;

  constructor(policies: readonly P[]) {
    this.#root = build(policies, DIMENSIONS);
  }

  /** Every policy whose scope holds, in no certain order; one of them twice when several actions led to it. */
  fitting(request: RequestScope): readonly P[] {
    const found: P[] = [];
    this.#search(this.#root, request, (policy) => found.push(policy));
    return found;
  }

  #search(node: Node<P>, request: RequestScope, visit: (policy: P) => void): void {
    for (const policy of node.rest) if (fits(policy, request)) visit(policy);
    if (node.resource !== undefined) this.#searchTable(node.resource, request.resource, request, visit);
    if (node.principal !== undefined) this.#searchTable(node.principal, request.principal, request, visit);
    if (node.action !== undefined) this.#searchTable(node.action, request.action, request, visit);
  }

  #searchTable(table: Table<P>, side: Side, request: RequestScope, visit: (policy: P) => void): void {
    const equal = table.get(side.uid.key);
    if (equal !== undefined) this.#search(equal, request, visit);
    const typed = table.get(side.uid.type);
    if (typed !== undefined) this.#search(typed, request, visit);
    if (side.ancestors.size === 0) return;
    for (const key of side.ancestors) {
      const below = table.get(key);
      if (below !== undefined) this.#search(below, request, visit);
    }
  }
}
