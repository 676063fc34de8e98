/** Room: policy (S-1). Reads the scope of a policy: which principals, actions and resources it is about. */
import { isObject, type EstReader, type JsonObject } from './est-reader.ts';
import { isEntityTypeName } from './names.ts';
import type { EntityUid } from './runtime-value.ts';
import { entityUidFromJson } from './values.ts';

/** Actions that one policy names. */
export const ACTIONS_MAX = 1_024;

/** `principal` or `resource`. `in` includes equality. */
export type EntityScope =
  | { readonly op: 'all' }
  | { readonly op: 'equals'; readonly entity: EntityUid }
  | { readonly op: 'in'; readonly entity: EntityUid }
  | { readonly op: 'is'; readonly entityType: string }
  | { readonly op: 'isIn'; readonly entityType: string; readonly entity: EntityUid };

/** `action`; `inAny` of nothing matches nothing. */
export type ActionScope =
  | { readonly op: 'all' }
  | { readonly op: 'equals'; readonly entity: EntityUid }
  | { readonly op: 'inAny'; readonly entities: readonly EntityUid[] };

const readEntity = (json: JsonObject, reader: EstReader): EntityUid | undefined => {
  if (Object.hasOwn(json, 'slot')) return reader.refuse('template_slot', 'the scope holds a template slot');
  return (
    entityUidFromJson(json.entity) ?? reader.refuse('malformed', 'the scope needs an entity of type and id')
  );
};

const readIs = (json: JsonObject, reader: EstReader): EntityScope | undefined => {
  const { entity_type: entityType } = json;
  if (!reader.hasExactly(json, ['op', 'entity_type'], ['in']))
    return reader.refuse('malformed', 'an `is` scope');
  if (typeof entityType !== 'string' || !isEntityTypeName(entityType)) {
    return reader.refuse('malformed', 'an `is` scope needs the name of an entity type');
  }
  if (json.in === undefined) return { op: 'is', entityType };
  if (!isObject(json.in) || Object.keys(json.in).length !== 1)
    return reader.refuse('malformed', 'an `is … in` scope');
  const entity = readEntity(json.in, reader);
  return entity && { op: 'isIn', entityType, entity };
};

export const readPrincipalOrResource = (json: unknown, reader: EstReader): EntityScope | undefined => {
  if (!isObject(json)) return reader.refuse('malformed', 'a scope is an object');
  switch (json.op) {
    case 'All':
      return Object.keys(json).length === 1
        ? { op: 'all' }
        : reader.refuse('malformed', 'an open scope has only op');
    case '==':
    case 'in': {
      if (Object.keys(json).length !== 2) return reader.refuse('malformed', 'a scope of op and entity');
      const entity = readEntity(json, reader);
      return entity && { op: json.op === 'in' ? 'in' : 'equals', entity };
    }
    case 'is':
      return readIs(json, reader);
    default:
      return reader.refuse('operator_unknown', 'the scope has an unknown operator');
  }
};

const isAction = (entity: EntityUid): boolean => entity.type === 'Action' || entity.type.endsWith('::Action');

export const readAction = (json: unknown, reader: EstReader): ActionScope | undefined => {
  if (!isObject(json)) return reader.refuse('malformed', 'a scope is an object');
  if (json.op === 'All') {
    return Object.keys(json).length === 1
      ? { op: 'all' }
      : reader.refuse('malformed', 'an open scope has only op');
  }
  if (json.op !== '==' && json.op !== 'in')
    return reader.refuse('operator_unknown', 'the action scope has an unknown operator');
  if (Object.keys(json).length !== 2)
    return reader.refuse('malformed', 'an action scope of op and entity or entities');
  const listed = json.op === 'in' && Array.isArray(json.entities);
  const items: readonly unknown[] = listed ? (json.entities as readonly unknown[]) : [undefined];
  if (items.length > ACTIONS_MAX) return reader.refuse('too_large', `more than ${ACTIONS_MAX} actions`);
  const entities: EntityUid[] = [];
  for (const item of items) {
    const entity = listed ? entityUidFromJson(item) : readEntity(json, reader);
    if (entity === undefined || !isAction(entity)) {
      return reader.refuse('malformed', 'the action scope needs entities of a type `Action`');
    }
    entities.push(entity);
  }
  const [only] = entities;
  return json.op === '==' && only !== undefined ? { op: 'equals', entity: only } : { op: 'inAny', entities };
};
