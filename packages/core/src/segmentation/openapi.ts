/**
 * Room: segmentation (S-1). An OpenAPI document (3.0, 3.1) as definitions of tools, one for each operation: name, description, schemas, annotations, and the
 * request that it stands for (`http`). A person hands the document in; nothing in it is fetched, and only references within it are followed.
 *
 * An operation that cannot be governed as a whole is left out, with the reason: it then does not exist for agents. Credentials that the document
 * asks for are no arguments; the gateway has them. Servers that it names do not count, because a person says where the service is.
 */
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import { httpMethods, templateSegments } from './http-operation.ts';
import { sameShape } from './http-match.ts';
import { definitionOfOperation, type OperationSource } from './openapi-operation.ts';
import { Unusable } from './openapi-schema.ts';

export const documentBytesMax = 2 * 1_048_576;
export const operationsMax = 1_000;
/** As control takes them (its bound on one definition). */
const definitionLengthMax = 120_000;

export interface LeftOut {
  /** `POST /orders`. */
  readonly operation: string;
  readonly why: string;
}

export type Described =
  | { readonly ok: true; readonly definitions: readonly JsonObject[]; readonly leftOut: readonly LeftOut[] }
  | { readonly ok: false; readonly problem: string };

/** The definitions of a document. Total: what is wrong with the whole of it is a problem. */
export function describeService(document: Json): Described {
  if (!isJsonObject(document)) return { ok: false, problem: 'it is not an OpenAPI document' };
  const { openapi, paths } = document;
  if (typeof openapi !== 'string' || !/^3\.[01]\.\d{1,3}$/.test(openapi))
    return { ok: false, problem: 'it is not of OpenAPI 3.0 or 3.1' };
  if (!isJsonObject(paths)) return { ok: false, problem: 'it has no paths' };
  const sources = sourcesOf(document, paths, openapi.startsWith('3.0'));
  if (sources.length > operationsMax)
    return { ok: false, problem: `it has more than ${operationsMax} operations` };
  const definitions: JsonObject[] = [];
  const leftOut: LeftOut[] = [];
  const taken = new Set<string>();
  const shapes: { readonly method: string; readonly parts: string[] }[] = [];
  for (const source of sources) {
    const made = definitionOf(source, taken, shapes);
    if (typeof made === 'string')
      leftOut.push({ operation: `${source.method} ${source.path}`.slice(0, 200), why: made });
    else definitions.push(made);
  }
  return definitions.length === 0
    ? {
        ok: false,
        problem: `none of its operations can be governed${leftOut[0] === undefined ? '' : `: ${leftOut[0].why}`}`,
      }
    : { ok: true, definitions, leftOut };
}

function sourcesOf(document: JsonObject, paths: JsonObject, elder: boolean): OperationSource[] {
  return Object.entries(paths).flatMap(([path, item]) => {
    if (!isJsonObject(item) || path.startsWith('x-')) return [];
    return Object.entries(item).flatMap(([key, operation]) => {
      const method = httpMethods.find((each) => each.toLowerCase() === key);
      return method === undefined || !isJsonObject(operation)
        ? []
        : [{ document, path, item, method, operation, elder }];
    });
  });
}

/** The definition, or why it is left out. */
function definitionOf(
  source: OperationSource,
  taken: Set<string>,
  shapes: { readonly method: string; readonly parts: string[] }[],
): JsonObject | string {
  const parts = templateSegments(source.path);
  if (parts === undefined) return 'its path has a form that is not served (whole segments only)';
  if (source.item['$ref'] !== undefined) return 'its path stands in another place of the document';
  if (shapes.some((each) => each.method === source.method && sameShape(each.parts, parts)))
    return 'another operation has the same path';
  try {
    const definition = definitionOfOperation(source);
    const name = String(definition['name']);
    if (taken.has(name)) return `another operation is called ${name}`;
    if (canonicalJson(definition).length > definitionLengthMax) return 'its schemas are too large';
    taken.add(name);
    shapes.push({ method: source.method, parts });
    return definition;
  } catch (error) {
    if (error instanceof Unusable) return error.message;
    throw error;
  }
}
