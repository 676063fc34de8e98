import { describe, expect, it } from 'vitest';
import {
  buildEntityStore,
  type EntityData,
  type EntityStore,
  entitiesFromCedarJson,
  overlayEntities,
} from './entities.ts';
import { EntityUid, RecordValue } from './runtime-value.ts';

const uid = (id: string): EntityUid => new EntityUid('G', id);
const entity = (id: string, ...parents: readonly string[]): EntityData => ({
  uid: uid(id),
  parents: parents.map(uid),
});
const store = (...entities: readonly EntityData[]): EntityStore => {
  const result = buildEntityStore(entities);
  if (!result.ok) throw new Error(result.problem.message);
  return result.store;
};
const over = (base: EntityStore, ...entities: readonly EntityData[]): EntityStore => {
  const result = overlayEntities(base, entities);
  if (!result.ok) throw new Error(result.problem.message);
  return result.store;
};
const above = (entities: EntityStore, id: string): readonly string[] =>
  [...entities.ancestorsOf(uid(id))].map((key) => key.slice(4, -1)).sort();

describe('a store of entities', () => {
  it('knows all ancestors, also those that are only named', () => {
    const entities = store(entity('a', 'b', 'x'), entity('b', 'c'), entity('c', 'd'));
    expect(above(entities, 'a')).toEqual(['b', 'c', 'd', 'x']);
    expect(above(entities, 'c')).toEqual(['d']);
    expect(above(entities, 'd')).toEqual([]);
    expect(entities.get(uid('d').key)).toBeUndefined();
  });

  it('closes a hierarchy that is too deep for recursion', () => {
    const levels = 2_000;
    const entities = store(
      ...Array.from({ length: levels }, (_, index) => entity(String(index), String(index + 1))),
    );
    expect(entities.ancestorsOf(uid('0')).size).toBe(levels);
  });

  it.each([
    ['itself', [entity('a', 'a')], 'cycle'],
    ['a ring', [entity('a', 'b'), entity('b', 'c'), entity('c', 'a')], 'cycle'],
    ['two descriptions', [entity('a'), entity('a')], 'duplicate'],
  ])('refuses %s', (_name, entities, reason) => {
    expect(buildEntityStore(entities)).toMatchObject({ ok: false, problem: { reason } });
  });

  it('refuses more ancestors than it wants to keep', () => {
    const groups = (from: string, count: number): EntityData =>
      entity(from, ...Array.from({ length: count }, (_, index) => `${from}/${index}`));
    expect(buildEntityStore([groups('a', 9_000), groups('b', 9_000)])).toMatchObject({ ok: true });
    const joined = buildEntityStore([groups('a', 9_000), groups('b', 9_000), entity('c', 'a', 'b')]);
    expect(joined).toMatchObject({ ok: false, problem: { reason: 'too_many_ancestors' } });
  });

  it('accepts a diamond', () => {
    expect(above(store(entity('a', 'b', 'c'), entity('b', 'd'), entity('c', 'd'), entity('d')), 'a')).toEqual(
      ['b', 'c', 'd'],
    );
  });
});

describe('an overlay', () => {
  const base = store(entity('a', 'b'), entity('b', 'gap'), entity('leaf', 'a'));

  it('adds entities below the base and leaves the base as it is', () => {
    const entities = over(base, entity('new', 'a'));
    expect(above(entities, 'new')).toEqual(['a', 'b', 'gap']);
    expect(above(entities, 'leaf')).toEqual(['a', 'b', 'gap']);
    expect(base.get(uid('new').key)).toBeUndefined();
    expect(entities.size).toBe(4);
  });

  it('fills a gap above entities of the base', () => {
    const entities = over(base, entity('gap', 'top'));
    expect(above(entities, 'leaf')).toEqual(['a', 'b', 'gap', 'top']);
    expect(above(entities, 'b')).toEqual(['gap', 'top']);
    expect(above(base, 'b')).toEqual(['gap']);
  });

  it('climbs through the base into gaps that it fills itself', () => {
    const two = store(entity('p', 'gap1'), entity('q', 'gap2'));
    const entities = over(two, entity('start', 'p'), entity('gap1', 'q'), entity('gap2', 'top'));
    expect(above(entities, 'start')).toEqual(['gap1', 'gap2', 'p', 'q', 'top']);
    expect(above(entities, 'p')).toEqual(['gap1', 'gap2', 'q', 'top']);
  });

  it('may be laid over another overlay', () => {
    const entities = over(over(base, entity('gap', 'top')), entity('top', 'roof'), entity('x', 'leaf'));
    expect(above(entities, 'x')).toEqual(['a', 'b', 'gap', 'leaf', 'roof', 'top']);
    expect(above(entities, 'b')).toEqual(['gap', 'roof', 'top']);
  });

  it('may describe an entity anew, with other parents only when nothing stands below it', () => {
    const attrs = new RecordValue(new Map([['n', 1]]));
    expect(over(base, { ...entity('b', 'gap'), attrs }).get(uid('b').key)?.attrs).toBe(attrs);
    expect(above(over(base, entity('leaf', 'other')), 'leaf')).toEqual(['other']);
    expect(overlayEntities(base, [entity('b', 'other')])).toMatchObject({
      problem: { reason: 'hierarchy_redefined' },
    });
    expect(overlayEntities(base, [entity('b')])).toMatchObject({
      problem: { reason: 'hierarchy_redefined' },
    });
  });

  it('cannot close a ring through the base', () => {
    expect(overlayEntities(base, [entity('gap', 'leaf')])).toMatchObject({ problem: { reason: 'cycle' } });
  });
});

describe('entities in JSON', () => {
  const valid = {
    uid: { type: 'User', id: 'a' },
    attrs: { n: 1 },
    parents: [{ __entity: { type: 'G', id: 'x' } }],
    tags: { t: 'v' },
  };

  it('reads uid, attributes, parents and tags', () => {
    const result = entitiesFromCedarJson([valid]);
    const found = result.ok ? result.store.get('User::"a"') : undefined;
    expect(found?.attrs.attributes.get('n')).toBe(1);
    expect(found?.tags.attributes.get('t')).toBe('v');
    expect([...(found?.ancestors ?? [])]).toEqual(['G::"x"']);
  });

  it.each([
    [{}],
    [[null]],
    [[{ ...valid, uid: 'User::"a"' }]],
    [[{ ...valid, attrs: undefined }]],
    [[{ ...valid, parents: ['x'] }]],
    [[{ ...valid, parents: undefined }]],
    [[{ ...valid, attrs: { n: null } }]],
    [[{ ...valid, tags: [] }]],
    [[{ ...valid, extra: 1 }]],
  ])('refuses %j', (json) => {
    expect(entitiesFromCedarJson(json)).toMatchObject({ ok: false, problem: { reason: 'malformed' } });
  });
});
