/**
 * Room: segmentation (S-1), data (D-1). Schemas of an OpenAPI document as JSON Schema 2020-12, as tools have them: what the two versions say differently is
 * brought into one form, what only describes is left out, and what is not understood makes the schema unusable. References stay references, into `$defs`
 * of the tool, so that recursive schemas stay finite.
 */
import { isJsonObject, type Json, type JsonObject } from '../wire/json.ts';

export class Unusable extends Error {}
export const unusable = (problem: string): never => {
  throw new Unusable(problem);
};

/** What goes to the service leaves out what only answers have, and the other way round. */
export type Direction = 'request' | 'answer';

const schemasMax = 500;
const depthMax = 32;

/** Formats that are checked; others only describe. */
const formats: ReadonlySet<string> = new Set(
  'date time date-time duration uri uri-reference email hostname ipv4 ipv6 uuid int32 int64 float double byte'.split(
    ' ',
  ),
);
const kept: ReadonlySet<string> = new Set(
  'type enum const required minItems maxItems uniqueItems minLength maxLength pattern multipleOf minProperties maxProperties minContains maxContains dependentRequired title description'.split(
    ' ',
  ),
);
const one: ReadonlySet<string> = new Set(
  'items not if then else contains propertyNames unevaluatedItems unevaluatedProperties additionalProperties'.split(
    ' ',
  ),
);
const many: ReadonlySet<string> = new Set('allOf anyOf oneOf prefixItems'.split(' '));
const byName: ReadonlySet<string> = new Set('properties patternProperties dependentSchemas'.split(' '));
const described: ReadonlySet<string> = new Set(
  '$comment default example examples discriminator xml externalDocs deprecated readOnly writeOnly nullable contentMediaType contentEncoding contentSchema'.split(
    ' ',
  ),
);
const schemaReference = /^#\/components\/schemas\/([A-Za-z0-9._-]{1,128})$/;

/** The schema that a reference names. @throws Unusable for any other reference */
function nameIn(reference: Json): string {
  const name = typeof reference === 'string' ? schemaReference.exec(reference)?.[1] : undefined;
  return name ?? unusable('a reference leads outside the schemas of the document');
}

/** The schemas of one tool in one direction; collects what they refer to. */
export class Schemas {
  readonly #components: JsonObject;
  readonly #direction: Direction;
  /** OpenAPI 3.0, whose schemas are a dialect of their own. */
  readonly #elder: boolean;
  readonly #defs = new Map<string, Json>();

  constructor(components: JsonObject, direction: Direction, elder: boolean) {
    this.#components = components;
    this.#direction = direction;
    this.#elder = elder;
  }

  /** `$defs` of everything that was converted so far. */
  defs(): JsonObject | undefined {
    return this.#defs.size === 0 ? undefined : Object.fromEntries(this.#defs);
  }

  /** The schema behind references, as the document has it: to look at, not to use. */
  resolved(schema: Json | undefined): JsonObject {
    let found = schema;
    for (let hops = 0; isJsonObject(found) && typeof found['$ref'] === 'string'; hops++) {
      if (hops > depthMax) return unusable('a reference leads nowhere');
      found = this.#component(nameIn(found['$ref']));
    }
    return isJsonObject(found) ? found : {};
  }

  /** @throws Unusable */
  convert(schema: Json | undefined, depth = 0): Json {
    if (schema === undefined) return {};
    if (typeof schema === 'boolean' && (depth > 0 || !this.#elder)) return schema;
    if (!isJsonObject(schema)) return unusable('a schema is no schema');
    if (depth > depthMax) return unusable('a schema is nested too deep');
    const reference = schema['$ref'];
    if (reference === undefined) return this.#keywords(schema, depth);
    const { $ref: _, ...beside } = schema;
    const own = this.#refer(reference);
    // What stands beside a reference counts in 3.1 only.
    const rest = this.#elder ? {} : this.#keywords(beside, depth);
    return { ...rest, ...own };
  }

  /** A schema that was resolved, converted in place. */
  plain(schema: JsonObject): Json {
    return this.#keywords(schema, 0);
  }

  #refer(reference: Json): JsonObject {
    const name = nameIn(reference);
    if (!this.#defs.has(name)) {
      if (this.#defs.size >= schemasMax) return unusable('too many schemas');
      // Stands there first, so that a schema may refer to itself.
      this.#defs.set(name, {});
      this.#defs.set(name, this.convert(this.#component(name), 1));
    }
    return { $ref: `#/$defs/${name}` };
  }

  #component(name: string): Json {
    return Object.hasOwn(this.#components, name)
      ? (this.#components[name] as Json)
      : unusable('a reference leads nowhere');
  }

  #keywords(schema: JsonObject, depth: number): JsonObject {
    const made: JsonObject = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (kept.has(keyword)) made[keyword] = value;
      else if (one.has(keyword)) made[keyword] = this.convert(value, depth + 1);
      else if (many.has(keyword)) made[keyword] = this.#list(value, depth);
      else if (byName.has(keyword)) made[keyword] = this.#named(keyword, value, depth);
      else if (bounds.has(keyword)) this.#bound(made, schema, keyword);
      else if (keyword === 'format') this.#format(made, value);
      else if (!described.has(keyword) && !keyword.startsWith('x-'))
        unusable(`a schema uses ${keyword.slice(0, 40)}, which is not understood`);
    }
    this.#required(made, schema);
    return this.#elder && schema['nullable'] === true ? orNull(made) : made;
  }

  #list(value: Json, depth: number): Json {
    return Array.isArray(value)
      ? value.map((each) => this.convert(each, depth + 1))
      : unusable('a list of schemas is none');
  }

  #named(keyword: string, value: Json, depth: number): JsonObject {
    if (!isJsonObject(value)) return unusable('a set of schemas is none');
    const members = Object.entries(value).filter(
      ([, each]) => keyword !== 'properties' || !this.#hidden(each),
    );
    return Object.fromEntries(members.map(([name, each]) => [name, this.convert(each, depth + 1)]));
  }

  /** `readOnly` is only in answers, `writeOnly` only in requests. */
  #hidden(schema: Json): boolean {
    const mark = this.#direction === 'request' ? 'readOnly' : 'writeOnly';
    return isJsonObject(schema) && schema[mark] === true;
  }

  #required(made: JsonObject, { properties, required }: JsonObject): void {
    if (!Array.isArray(required) || !isJsonObject(properties)) return;
    made['required'] = required.filter(
      (name) =>
        typeof name !== 'string' ||
        !Object.hasOwn(properties, name) ||
        !this.#hidden(properties[name] as Json),
    );
  }

  /** In 3.0 the exclusive bounds are marks at the others. */
  #bound(made: JsonObject, schema: JsonObject, keyword: string): void {
    const value = schema[keyword] as Json;
    const exclusive = keyword === 'minimum' ? 'exclusiveMinimum' : 'exclusiveMaximum';
    if (typeof value === 'boolean') return;
    if ((keyword === 'minimum' || keyword === 'maximum') && schema[exclusive] === true)
      made[exclusive] = value;
    else made[keyword] = value;
  }

  #format(made: JsonObject, value: Json): void {
    if (typeof value === 'string' && formats.has(value)) made['format'] = value;
  }
}

const bounds: ReadonlySet<string> = new Set(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum']);

function orNull(schema: JsonObject): JsonObject {
  const { type, ...rest } = schema;
  if (typeof type === 'string' && rest['enum'] === undefined) return { ...rest, type: [type, 'null'] };
  return { anyOf: [schema, { type: 'null' }] };
}

/** The one type that a schema says beside null. */
export function typeOf({ type, const: fixed, enum: values }: JsonObject): string | undefined {
  const said = Array.isArray(type) ? type.filter((each) => each !== 'null') : [type];
  if (said.length === 1 && typeof said[0] === 'string') return said[0];
  const examples = fixed !== undefined ? [fixed] : Array.isArray(values) ? values : [];
  const types = new Set(examples.map((each) => typeof each));
  return types.size === 1 ? [...types][0] : undefined;
}
