/**
 * Room: policy (S-1, S-2). The entities that a decision may look at: attributes, tags, and the hierarchy for `in`.
 *
 * Ancestors are computed when a store is built, so that `in` is one lookup. A store is immutable; a request lays its own
 * few entities over a shared base with `overlayEntities`, which copies nothing of the base.
 */
import { EMPTY_RECORD, EntityUid, type RecordValue } from './runtime-value.ts';
import { entityUidFromJson, recordFromCedarJson } from './values.ts';

/** Entities of one store. */
export const ENTITIES_MAX = 1_000_000;
/** Direct parents of one entity. */
export const PARENTS_MAX = 10_000;
/** All ancestors of one entity. They are kept for each, so a long chain would take memory with the square of its length. */
export const ANCESTORS_MAX = 10_000;

/** One entity as a caller describes it. */
export interface EntityData {
  readonly uid: EntityUid;
  readonly attrs?: RecordValue;
  readonly parents?: readonly EntityUid[];
  readonly tags?: RecordValue;
}

/** One entity as policies see it. `ancestors` holds the keys of all of them, without its own. */
export interface Entity {
  readonly uid: EntityUid;
  readonly attrs: RecordValue;
  readonly tags: RecordValue;
  readonly parents: readonly EntityUid[];
  readonly ancestors: ReadonlySet<string>;
}

export type EntityProblemReason =
  | 'malformed'
  | 'duplicate'
  | 'cycle'
  | 'too_many_entities'
  | 'too_many_parents'
  | 'too_many_ancestors'
  /** An overlay gives other parents to an entity of the base below which others stand. */
  | 'hierarchy_redefined';

export interface EntityProblem {
  readonly reason: EntityProblemReason;
  /** Key of the entity, where one is known, and what is wrong with it; never attribute values. */
  readonly message: string;
}

export type EntityStoreResult =
  | { readonly ok: true; readonly store: EntityStore }
  | { readonly ok: false; readonly problem: EntityProblem };

const NO_ANCESTORS: ReadonlySet<string> = new Set();

export class EntityStore {
  readonly #own: ReadonlyMap<string, Entity>;
  readonly #base: EntityStore | undefined;
  /** Own entities that entities of the base have as an ancestor: those of the base then gain ancestors. */
  readonly #grafted: readonly Entity[];
  /** Keys that are the parent of some own entity; gathered when first asked for, which most overlays never are. */
  #parentKeys: ReadonlySet<string> | undefined;

  constructor(own: ReadonlyMap<string, Entity>, base?: EntityStore) {
    this.#own = own;
    this.#base = base;
    const grafted: Entity[] = [];
    if (base !== undefined)
      for (const entity of own.values()) if (base.isParent(entity.uid.key)) grafted.push(entity);
    this.#grafted = grafted;
  }

  get(key: string): Entity | undefined {
    const own = this.#own.get(key);
    if (own !== undefined || this.#base === undefined) return own;
    const entity = this.#base.get(key);
    return entity === undefined || this.#grafted.length === 0 ? entity : this.#withGrafts(entity);
  }

  /** Keys of all ancestors of `uid`; empty when the entity is not here. */
  ancestorsOf(uid: EntityUid): ReadonlySet<string> {
    return this.get(uid.key)?.ancestors ?? NO_ANCESTORS;
  }

  isParent(key: string): boolean {
    this.#parentKeys ??= this.#gatherParents();
    return this.#parentKeys.has(key) || (this.#base?.isParent(key) ?? false);
  }

  /** Entities, those of the base included. */
  get size(): number {
    let shadowed = 0;
    if (this.#base !== undefined)
      for (const key of this.#own.keys()) if (this.#base.get(key) !== undefined) shadowed += 1;
    return this.#own.size + (this.#base?.size ?? 0) - shadowed;
  }

  #gatherParents(): ReadonlySet<string> {
    const keys = new Set<string>();
    for (const entity of this.#own.values()) for (const parent of entity.parents) keys.add(parent.key);
    return keys;
  }

  #withGrafts(entity: Entity): Entity {
    const above = this.#grafted.filter((graft) => entity.ancestors.has(graft.uid.key));
    if (above.length === 0) return entity;
    const ancestors = new Set(entity.ancestors);
    for (const graft of above) for (const key of graft.ancestors) ancestors.add(key);
    return { ...entity, ancestors };
  }
}

export const EMPTY_STORE = new EntityStore(new Map());

const problem = (reason: EntityProblemReason, message: string): { ok: false; problem: EntityProblem } => ({
  ok: false,
  problem: { reason, message },
});

interface Visit {
  readonly data: EntityData;
  readonly steps: readonly EntityUid[];
  readonly ancestors: Set<string>;
  next: number;
}

/**
 * Entities with their ancestors, parents first, without recursion so that a deep hierarchy cannot exhaust the stack.
 * Refuses an entity that stands below itself, and one with too many ancestors.
 */
const closeHierarchy = (
  data: ReadonlyMap<string, EntityData>,
  base: EntityStore,
): Map<string, Entity> | EntityProblem => {
  const grafts = [...data.values()].map((entity) => entity.uid).filter((uid) => base.isParent(uid.key));
  /** Where to climb from an entity: its parents, and new entities that stand above a parent in the base. */
  const stepsFrom = (entity: EntityData): readonly EntityUid[] => {
    const parents = entity.parents ?? [];
    if (grafts.length === 0) return parents;
    const inBase = parents.filter((parent) => !data.has(parent.key));
    const above = inBase.map((parent) => base.ancestorsOf(parent));
    return [...parents, ...grafts.filter((graft) => above.some((ancestors) => ancestors.has(graft.key)))];
  };
  const visitOf = (entity: EntityData): Visit => ({
    data: entity,
    steps: stepsFrom(entity),
    ancestors: new Set(),
    next: 0,
  });
  const closed = new Map<string, Entity>();
  const open = new Set<string>();
  for (const root of data.values()) {
    if (closed.has(root.uid.key)) continue;
    const path: Visit[] = [visitOf(root)];
    open.add(root.uid.key);
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const parent = visit.steps[visit.next];
      if (parent === undefined) {
        const { uid, attrs = EMPTY_RECORD, tags = EMPTY_RECORD, parents = [] } = visit.data;
        closed.set(uid.key, { uid, attrs, tags, parents, ancestors: visit.ancestors });
        open.delete(uid.key);
        path.pop();
        continue;
      }
      if (open.has(parent.key)) return { reason: 'cycle', message: `${parent.key} stands below itself` };
      const above = data.get(parent.key);
      const done = closed.get(parent.key);
      if (above !== undefined && done === undefined) {
        open.add(parent.key);
        path.push(visitOf(above));
        continue;
      }
      visit.ancestors.add(parent.key);
      for (const key of done?.ancestors ?? base.ancestorsOf(parent)) visit.ancestors.add(key);
      if (visit.ancestors.size > ANCESTORS_MAX) {
        const message = `${visit.data.uid.key} has more than ${ANCESTORS_MAX} ancestors`;
        return { reason: 'too_many_ancestors', message };
      }
      visit.next += 1;
    }
  }
  return closed;
};

const sameParents = (left: readonly EntityUid[], right: readonly EntityUid[]): boolean => {
  const keys = new Set(left.map((uid) => uid.key));
  return right.every((uid) => keys.has(uid.key)) && keys.size === new Set(right.map((uid) => uid.key)).size;
};

const buildStore = (entities: readonly EntityData[], base: EntityStore | undefined): EntityStoreResult => {
  if (entities.length > ENTITIES_MAX)
    return problem('too_many_entities', `more than ${ENTITIES_MAX} entities`);
  const data = new Map<string, EntityData>();
  for (const entity of entities) {
    const { key } = entity.uid;
    const parents = entity.parents ?? [];
    if (data.has(key)) return problem('duplicate', `${key} is described twice`);
    if (parents.length > PARENTS_MAX)
      return problem('too_many_parents', `${key} has more than ${PARENTS_MAX} parents`);
    if (base?.isParent(key) === true && !sameParents(base.get(key)?.parents ?? parents, parents)) {
      return problem(
        'hierarchy_redefined',
        `${key} stands above entities of the base and cannot change its parents`,
      );
    }
    data.set(key, entity);
  }
  const closed = closeHierarchy(data, base ?? EMPTY_STORE);
  if (!(closed instanceof Map)) return { ok: false, problem: closed };
  return { ok: true, store: new EntityStore(closed, base) };
};

/** A store of its own. Refuses duplicates, cycles (as Cedar does) and more than the bounds. */
export const buildEntityStore = (entities: readonly EntityData[]): EntityStoreResult =>
  buildStore(entities, undefined);

/**
 * A store that sees `entities` over `base`. An entity of the base may be described anew; its parents may change only while
 * nothing of the base stands below it, so that the ancestors computed for the base stay true.
 */
export const overlayEntities = (base: EntityStore, entities: readonly EntityData[]): EntityStoreResult =>
  buildStore(entities, base);

const ENTITY_MEMBERS: ReadonlySet<string> = new Set(['uid', 'attrs', 'parents', 'tags']);

const entityFromJson = (json: unknown): EntityData | EntityProblem => {
  const malformed = (message: string): EntityProblem => ({ reason: 'malformed', message });
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return malformed('an entity is an object');
  const {
    uid: uidJson,
    attrs: attrsJson,
    parents: parentsJson,
    tags: tagsJson,
  } = json as Record<string, unknown>;
  const uid = entityUidFromJson(uidJson);
  if (uid === undefined) return malformed('the uid of an entity has a type and an id');
  if (!Object.keys(json).every((key) => ENTITY_MEMBERS.has(key)))
    return malformed(`${uid.key} has an unknown member`);
  if (!Array.isArray(parentsJson)) return malformed(`${uid.key} needs a list of parents`);
  const parents = (parentsJson as readonly unknown[]).map(entityUidFromJson);
  if (!parents.every((parent) => parent !== undefined))
    return malformed(`a parent of ${uid.key} is not an entity`);
  const attrs = recordFromCedarJson(attrsJson);
  if (!attrs.ok)
    return malformed(`attributes of ${uid.key}: ${attrs.refusal.reason} at ${attrs.refusal.path}`);
  const tags = recordFromCedarJson(tagsJson ?? {});
  if (!tags.ok) return malformed(`tags of ${uid.key}: ${tags.refusal.reason} at ${tags.refusal.path}`);
  return { uid, attrs: attrs.value, parents, tags: tags.value };
};

/** Entities in Cedar's JSON form: `[{uid, attrs, parents, tags?}]` (Cedar reference, "Entities JSON"), without schema. */
export const entitiesFromCedarJson = (json: unknown): EntityStoreResult => {
  if (!Array.isArray(json)) return problem('malformed', 'entities are a list');
  const entities: EntityData[] = [];
  for (const item of json as readonly unknown[]) {
    const entity = entityFromJson(item);
    if ('reason' in entity) return { ok: false, problem: entity };
    entities.push(entity);
  }
  return buildEntityStore(entities);
};
