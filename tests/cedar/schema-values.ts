/**
 * Cedar's integration tests write entities and contexts without escapes and leave it to the schema to say what is an entity
 * or an extension value. This puts the escapes in, as Cedar's schema-based parsing does, so that both sides read the same.
 */
import { schemaToJsonWithResolvedTypes } from '@cedar-policy/cedar-wasm/nodejs';

type Json = unknown;
type JsonObject = Record<string, Json>;
interface SchemaType {
  readonly type: string;
  readonly name?: string;
  readonly element?: SchemaType;
  readonly attributes?: Record<string, SchemaType>;
}
interface Namespace {
  readonly commonTypes?: Record<string, SchemaType>;
  readonly entityTypes: Record<string, { shape?: SchemaType; tags?: SchemaType }>;
  readonly actions: Record<
    string,
    { appliesTo?: { context?: SchemaType }; memberOf?: { type?: string; id: string }[] }
  >;
}
export interface EntityJson {
  readonly uid: { type: string; id: string };
  readonly attrs: JsonObject;
  readonly parents: { type: string; id: string }[];
  readonly tags?: JsonObject;
}

const CONSTRUCTORS: Readonly<Record<string, string>> = { ipaddr: 'ip' };
const isObject = (json: Json): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);
const qualified = (namespace: string, name: string): string =>
  namespace === '' ? name : `${namespace}::${name}`;

export class SchemaReading {
  readonly #namespaces: Record<string, Namespace>;

  constructor(schemaText: string) {
    const answer = schemaToJsonWithResolvedTypes(schemaText);
    if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('; '));
    this.#namespaces = answer.json as unknown as Record<string, Namespace>;
  }

  #common(name: string): SchemaType | undefined {
    for (const [namespace, { commonTypes = {} }] of Object.entries(this.#namespaces)) {
      for (const [short, type] of Object.entries(commonTypes))
        if (name === short || name === qualified(namespace, short)) return type;
    }
    return undefined;
  }

  escape(json: Json, type: SchemaType | undefined): Json {
    if (type === undefined) return json;
    if (type.type === 'Set' && Array.isArray(json))
      return json.map((item) => this.escape(item, type.element));
    if (isObject(json) && ('__entity' in json || '__extn' in json)) return json;
    if (type.type === 'Record' && isObject(json)) {
      return Object.fromEntries(
        Object.entries(json).map(([name, item]) => [name, this.escape(item, type.attributes?.[name])]),
      );
    }
    if (type.type === 'Entity' && isObject(json)) return { __entity: json };
    if (type.type === 'Extension' && typeof json === 'string') {
      return { __extn: { fn: CONSTRUCTORS[type.name ?? ''] ?? type.name, arg: json } };
    }
    const common = this.#common(type.name ?? type.type);
    return common === undefined ? json : this.escape(json, common);
  }

  entity(json: EntityJson): EntityJson {
    for (const [namespace, { entityTypes }] of Object.entries(this.#namespaces)) {
      for (const [name, declared] of Object.entries(entityTypes)) {
        if (qualified(namespace, name) !== json.uid.type) continue;
        const tags = Object.entries(json.tags ?? {}).map(([tag, value]) => [
          tag,
          this.escape(value, declared.tags),
        ]);
        return {
          ...json,
          attrs: this.escape(json.attrs, declared.shape) as JsonObject,
          tags: Object.fromEntries(tags),
        };
      }
    }
    return json;
  }

  context(json: JsonObject, action: { type: string; id: string }): JsonObject {
    for (const [namespace, { actions }] of Object.entries(this.#namespaces)) {
      if (qualified(namespace, 'Action') !== action.type) continue;
      return this.escape(json, actions[action.id]?.appliesTo?.context) as JsonObject;
    }
    return json;
  }

  /** The action entities that the schema declares, with their groups. */
  actions(): EntityJson[] {
    return Object.entries(this.#namespaces).flatMap(([namespace, { actions }]) =>
      Object.entries(actions).map(([id, { memberOf = [] }]) => ({
        uid: { type: qualified(namespace, 'Action'), id },
        attrs: {},
        parents: memberOf.map((group) => ({
          type: group.type ?? qualified(namespace, 'Action'),
          id: group.id,
        })),
      })),
    );
  }
}
