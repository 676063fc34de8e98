/** Room: segmentation (S-1). One operation of an OpenAPI document as the definition of a tool. Throws {@link Unusable} for what cannot be governed. */
import { isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import {
  bodyArgument,
  type HttpMethod,
  type HttpOperation,
  type HttpParameter,
  isReservedHeader,
  objectOf,
  parameterOf,
  pathLengthMax,
  pathValuePattern,
  templateSegments,
  uploadBytesMax,
} from './http-operation.ts';
import { Schemas, typeOf, unusable } from './openapi-schema.ts';

export interface OperationSource {
  readonly document: JsonObject;
  readonly path: string;
  readonly item: JsonObject;
  readonly method: HttpMethod;
  readonly operation: JsonObject;
  /** OpenAPI 3.0. */
  readonly elder: boolean;
}

const nameLengthMax = 120;
const descriptionLengthMax = 8_000;

export function definitionOfOperation(source: OperationSource): JsonObject {
  const { document, operation, elder, method, path } = source;
  const components = objectOf(document['components']);
  const schemas = objectOf(components['schemas']);
  const requests = new Schemas(schemas, 'request', elder);
  const answers = new Schemas(schemas, 'answer', elder);
  const parameters = parametersOf(source, requests);
  const body = method === 'GET' || method === 'HEAD' ? undefined : bodyOf(source, requests, parameters);
  const { outputSchema, types, streams } = answersOf(source, answers);
  const http: HttpOperation = {
    method,
    path,
    parameters: parameters.map(({ parameter }) => parameter),
    ...(body === undefined ? {} : { body: body.body }),
    answers: types,
    streams,
  };
  const properties = [
    ...parameters.map(({ parameter, schema }) => [parameter.argument, schema] as const),
    ...(body?.properties ?? []),
  ];
  const required = [
    ...parameters.flatMap((each) => (each.required ? [each.parameter.argument] : [])),
    ...(body?.required ?? []),
  ];
  const defs = requests.defs();
  const { summary, description } = operation;
  const said = [summary, description].filter((each) => typeof each === 'string').join('\n\n');
  return {
    name: nameOf(source),
    ...(typeof summary === 'string' ? { title: summary.slice(0, 200) } : {}),
    ...(said === '' ? {} : { description: said.slice(0, descriptionLengthMax) }),
    inputSchema: {
      type: 'object',
      properties: Object.fromEntries(properties),
      ...(required.length === 0 ? {} : { required }),
      additionalProperties: false,
      ...(defs === undefined ? {} : { $defs: defs }),
    },
    outputSchema,
    annotations: annotationsOf(method),
    http: http as unknown as JsonObject,
  };
}

/** `operationId` in the letters that names of tools have, else method and path. */
function nameOf({ operation, method, path }: OperationSource): string {
  const { operationId } = operation;
  const given =
    typeof operationId === 'string' && operationId !== '' ? operationId : `${method.toLowerCase()}_${path}`;
  const name = given
    .replace(/[^A-Za-z0-9_.-]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, nameLengthMax);
  return name === '' ? unusable('it has no usable name') : name;
}

/** RFC 9110 §9.2: what the methods promise. */
function annotationsOf(method: HttpMethod): JsonObject {
  const reads = method === 'GET' || method === 'HEAD';
  return {
    readOnlyHint: reads,
    ...(reads
      ? {}
      : { destructiveHint: method !== 'POST', idempotentHint: method === 'PUT' || method === 'DELETE' }),
    openWorldHint: true,
  };
}

/** A part of the document that may be a reference to `#/components/<kind>/<name>`; references lead to no further reference. */
function part({ document }: OperationSource, kind: string, value: Json | undefined): JsonObject {
  if (!isJsonObject(value)) return unusable(`one of its ${kind} is none`);
  const reference = value['$ref'];
  if (reference === undefined) return value;
  const name =
    typeof reference === 'string'
      ? new RegExp(`^#/components/${kind}/([A-Za-z0-9._-]{1,128})$`).exec(reference)?.[1]
      : undefined;
  const all = objectOf(objectOf(document['components'])[kind]);
  const found = name !== undefined && Object.hasOwn(all, name) ? all[name] : undefined;
  return isJsonObject(found) && found['$ref'] === undefined
    ? found
    : unusable(`one of its ${kind} leads nowhere`);
}

interface Parameter {
  readonly parameter: HttpParameter;
  readonly schema: Json;
  readonly required: boolean;
}

function parametersOf(source: OperationSource, schemas: Schemas): Parameter[] {
  const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
  const given = new Map<string, JsonObject>();
  // Those of the operation take the place of those of its path.
  for (const each of [...list(source.item['parameters']), ...list(source.operation['parameters'])]) {
    const one = part(source, 'parameters', each);
    given.set(`${String(one['in'])} ${String(one['name'])}`, one);
  }
  const made = [...given.values()].flatMap((each) => {
    const parameter = parameterFrom(each, schemas);
    if (typeof parameter !== 'string') return [parameter];
    return each['required'] === true || each['in'] === 'path' ? unusable(parameter) : [];
  });
  const names = made.map(({ parameter }) => parameter.argument);
  if (new Set(names).size !== names.length) return unusable('two of its parameters have the same name');
  const wanted = (templateSegments(source.path) ?? []).flatMap((each) => parameterOf(each) ?? []);
  const declared = made.flatMap(({ parameter }) => (parameter.in === 'path' ? [parameter.name] : []));
  if (
    new Set(wanted).size !== wanted.length ||
    wanted.length !== declared.length ||
    !wanted.every((each) => declared.includes(each))
  )
    return unusable('its path and its parameters do not fit each other');
  return made;
}

const places = ['path', 'query', 'header'] as const;

/** The parameter, or why there is none: then it is left out unless it is required. */
function parameterFrom(given: JsonObject, schemas: Schemas): Parameter | string {
  const { name, in: place, schema, style, explode, description } = given;
  const where = places.find((each) => each === place);
  if (typeof name !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(name) || name === '__proto__')
    return 'a required parameter has no usable name';
  if (where === undefined)
    return `it needs a parameter in ${String(place).slice(0, 20)}, which is not served`;
  if (where === 'header' && (!/^[A-Za-z0-9-]+$/.test(name) || isReservedHeader(name.toLowerCase())))
    return `it needs the header ${name}, which agents do not set`;
  if (schema === undefined) return 'a required parameter has no schema';
  const usual = where === 'query' ? 'form' : 'simple';
  if (style !== undefined && style !== usual)
    return `it needs a parameter of style ${String(style).slice(0, 20)}, which is not served`;
  const shape = schemas.resolved(schema);
  const isList = typeOf(shape) === 'array';
  const type = scalarType(isList ? schemas.resolved(shape['items']) : shape);
  if (type === undefined) return 'it needs a parameter that is neither a single value nor a list of them';
  const repeated = where === 'query' && explode !== false;
  const own = schemas.convert(schema);
  const checked = where === 'path' ? inPath(own, type, isList) : own;
  return {
    parameter: {
      argument: name,
      in: where,
      name,
      type,
      ...(isList ? { list: repeated ? ('repeated' as const) : ('commas' as const) } : {}),
    },
    schema:
      typeof description === 'string' && isJsonObject(checked)
        ? { ...checked, description: description.slice(0, 2_000) }
        : checked,
    required: where === 'path' || given['required'] === true,
  };
}

function scalarType(schema: JsonObject): HttpParameter['type'] | undefined {
  const type = typeOf(schema);
  if (type === 'integer' || type === 'number') return 'number';
  return type === 'string' || type === 'boolean' ? type : undefined;
}

/** What stands in a path stays one segment: said in the schema, so that it is refused before anything is recorded as allowed. */
function inPath(schema: Json, type: HttpParameter['type'], isList: boolean): Json {
  if (isList) return unusable('it needs a list in its path, which is not served');
  if (type !== 'string') return schema;
  const one = {
    type: 'string',
    minLength: 1,
    maxLength: pathLengthMax,
    pattern: pathValuePattern,
    not: { enum: ['.', '..'] },
  };
  return { allOf: [schema, one] };
}

interface Body {
  readonly body: NonNullable<HttpOperation['body']>;
  readonly properties: readonly (readonly [string, Json])[];
  readonly required: readonly string[];
}

const isJsonType = (type: string): boolean => /^application\/(?:[a-z0-9.+-]+\+)?json$/.test(type);
const fieldsType = 'application/x-www-form-urlencoded';

function bodyOf(
  source: OperationSource,
  schemas: Schemas,
  parameters: readonly Parameter[],
): Body | undefined {
  const given = source.operation['requestBody'];
  if (given === undefined) return undefined;
  const requestBody = part(source, 'requestBodies', given);
  const content = objectOf(requestBody['content']);
  const types = Object.keys(content).map((each) => ({
    key: each,
    type: (each.split(';')[0] ?? '').trim().toLowerCase(),
  }));
  const required = requestBody['required'] === true;
  const best =
    types.find(({ type }) => isJsonType(type)) ??
    types.find(({ type }) => type === fieldsType) ??
    types.find(({ type }) => /^text\/[a-z0-9.+-]+$/.test(type)) ??
    types.find(({ type }) => /^(?:application|image|audio|video)\/[a-z0-9.+-]+$/.test(type));
  if (best === undefined)
    return required ? unusable('its body has a media type that is not served') : undefined;
  const { type } = best;
  const schema = objectOf(content[best.key])['schema'];
  if (isJsonType(type) || type === fieldsType) return structured(type, schema, required, schemas, parameters);
  const isText = type.startsWith('text/');
  const own: JsonObject = isText
    ? { type: 'string' }
    : { anyOf: [{ type: 'string', contentEncoding: 'base64' }, uploaded] };
  return whole({ type, form: isText ? 'text' : 'bytes', required }, own, parameters);
}

/** Of larger ones only what they are stands in the arguments. */
const uploaded: JsonObject = {
  type: 'object',
  properties: {
    sha256: { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$' },
    bytes: { type: 'integer', minimum: 1, maximum: uploadBytesMax },
  },
  required: ['sha256', 'bytes'],
  additionalProperties: false,
};

function whole(body: Body['body'], schema: Json, parameters: readonly Parameter[]): Body {
  if (parameters.some(({ parameter }) => parameter.argument === bodyArgument))
    return unusable('a parameter is called body');
  return { body, properties: [[bodyArgument, schema]], required: body.required ? [bodyArgument] : [] };
}

/** Members of a plain object are arguments of their own, so that limits and checkpoints can name them; any other body is one argument. */
function structured(
  type: string,
  schema: Json | undefined,
  required: boolean,
  schemas: Schemas,
  parameters: readonly Parameter[],
): Body {
  const form = isJsonType(type) ? ('json' as const) : ('fields' as const);
  const shape = schemas.resolved(schema);
  const names = isJsonObject(shape['properties']) ? Object.keys(shape['properties']) : [];
  const plain =
    typeOf(shape) === 'object' &&
    Object.keys(shape).every((keyword) => flat.has(keyword) || keyword.startsWith('x-')) &&
    (shape['additionalProperties'] === undefined || shape['additionalProperties'] === false) &&
    names.length > 0 &&
    names.every(
      (name) =>
        /^[\x21-\x7e]{1,128}$/.test(name) && !parameters.some((each) => each.parameter.argument === name),
    );
  if (!plain)
    return form === 'json'
      ? whole({ type, form, required }, schemas.convert(schema), parameters)
      : unusable('its form is no plain set of fields');
  const own = objectOf(schemas.plain(shape));
  const properties = Object.entries(objectOf(own['properties']));
  const wanted = Array.isArray(own['required'])
    ? own['required'].filter((each) => typeof each === 'string')
    : [];
  const types = fieldTypes(
    form,
    properties.map(([name]) => [name, schemas.resolved(objectOf(shape['properties'])[name])]),
  );
  const body = {
    type,
    form,
    members: properties.map(([name]) => name),
    ...(types === undefined ? {} : { types }),
    required,
  };
  // A body that may be left out has no members that must be there.
  return { body, properties, required: required ? wanted : [] };
}

const flat: ReadonlySet<string> = new Set(
  'type properties required additionalProperties title description example examples xml externalDocs deprecated'.split(
    ' ',
  ),
);

function fieldTypes(
  form: 'json' | 'fields',
  fields: readonly (readonly [string, JsonObject])[],
): Record<string, 'number' | 'boolean'> | undefined {
  if (form === 'json') return undefined;
  const typed = fields.flatMap(([name, schema]) => {
    const type = scalarType(schema);
    if (type === undefined) return unusable('its form has a field that is no single value');
    return type === 'string' ? [] : [[name, type] as const];
  });
  return Object.fromEntries(typed);
}

const streamed =
  /^(?:text\/event-stream|application\/(?:octet-stream|x-ndjson|jsonl|json-seq|zip|gzip|pdf)|(?:audio|video|image)\/[a-z0-9.+-]+)$/;

/** What its successful answers look like, as the gateway gives them on: status, media type, body. */
function answersOf(
  source: OperationSource,
  schemas: Schemas,
): { readonly outputSchema: JsonObject; readonly types: string[]; readonly streams: boolean } {
  const responses = Object.entries(objectOf(source.operation['responses'])).filter(([status]) =>
    /^2(?:\d\d|XX)$/i.test(status),
  );
  const contents = responses.map(([, response]) => objectOf(part(source, 'responses', response)['content']));
  const media = contents.flatMap((content) =>
    Object.entries(content).map(([key, value]) => ({
      type: (key.split(';')[0] ?? '').trim().toLowerCase(),
      schema: objectOf(value)['schema'],
    })),
  );
  const types = [...new Set(media.map(({ type }) => type))];
  if (types.length > 20 || types.some((type) => !/^[a-z0-9.+-]{1,60}\/[a-z0-9.+-]{1,100}$/.test(type)))
    return unusable('its answers have media types that are not served');
  const bodies = media.flatMap(({ type, schema }) => (isJsonType(type) ? [schemas.convert(schema)] : []));
  const [only] = bodies;
  const others = types.some((type) => !isJsonType(type));
  const body =
    bodies.length === 0 || others || only === undefined ? {} : bodies.length === 1 ? only : { anyOf: bodies };
  const always =
    contents.length > 0 && contents.every((content) => Object.keys(content).length > 0) && !others;
  const defs = schemas.defs();
  return {
    outputSchema: {
      type: 'object',
      properties: {
        status: { type: 'integer' },
        ...(types.length === 0 ? {} : { type: { enum: types } }),
        body,
      },
      required: ['status', ...(always && source.method !== 'HEAD' ? ['body'] : [])],
      ...(defs === undefined ? {} : { $defs: defs }),
    },
    types,
    streams: types.some((type) => streamed.test(type)),
  };
}
