/**
 * Room: segmentation (S-1). From the arguments of a call to the one request that it stands for. It is written anew from decided values: nothing of an agent's
 * own request line, headers or body is passed on as bytes. Pure; a value that cannot be written without a second reading is refused.
 */
import { isJsonObject, type Json, type JsonObject } from '../wire/json.ts';
import {
  bodyOf,
  fitsHeader,
  fitsSegment,
  type HttpOperation,
  type HttpParameter,
  isScalar,
  parameterOf,
  templateSegments,
  type Upload,
  uploadSchema,
} from './http-operation.ts';

export interface WrittenRequest {
  readonly method: HttpOperation['method'];
  /** Path below the service's base address, with its query. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: { readonly type: string; readonly content: string | Uint8Array | Upload } | undefined;
}

export type Written =
  | { readonly ok: true; readonly request: WrittenRequest }
  | { readonly ok: false; readonly problem: string };

class Unwritable extends Error {}
const unwritable = (problem: string): never => {
  throw new Unwritable(problem);
};

/** The request of a call. The arguments were checked against the tool's schema before; what that cannot say is checked here. */
export function writeRequest(operation: HttpOperation, args: JsonObject): Written {
  try {
    return {
      ok: true,
      request: {
        method: operation.method,
        target: `${pathOf(operation, args)}${queryOf(operation, args)}`,
        headers: headersOf(operation, args),
        body: contentOf(operation, args),
      },
    };
  } catch (error) {
    if (error instanceof Unwritable) return { ok: false, problem: error.message };
    throw error;
  }
}

/** `encodeURIComponent` throws for lone surrogates. */
function encoded(text: string, where: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : unwritable(`${where} is not text`);
}

function scalarText(value: Json | undefined, { name }: HttpParameter): string {
  return isScalar(value) ? String(value) : unwritable(`${name} is not a single value`);
}

function valuesOf(parameter: HttpParameter, args: JsonObject): string[] | undefined {
  const { argument, list } = parameter;
  const value = Object.hasOwn(args, argument) ? args[argument] : undefined;
  if (value === undefined || value === null) return undefined;
  if (list === undefined) return [scalarText(value, parameter)];
  const each = Array.isArray(value)
    ? value.map((one) => scalarText(one, parameter))
    : unwritable(`${parameter.name} is not a list`);
  if (list === 'commas' && (each.length === 0 || each.some((one) => one === '' || one.includes(','))))
    return unwritable(`${parameter.name} has a value that a list with commas cannot hold`);
  return each;
}

function pathOf({ path, parameters }: HttpOperation, args: JsonObject): string {
  const parts = (templateSegments(path) ?? []).map((part) => {
    const name = parameterOf(part);
    if (name === undefined) return part;
    const parameter = parameters.find((each) => each.in === 'path' && each.name === name);
    const values = parameter === undefined ? undefined : valuesOf(parameter, args);
    const [value] = values ?? [];
    return value !== undefined && values?.length === 1 && fitsSegment(value)
      ? encoded(value, name)
      : unwritable(`${name} does not fit a path`);
  });
  return `/${parts.join('/')}`;
}

function queryOf({ parameters }: HttpOperation, args: JsonObject): string {
  const pairs = parameters.flatMap((parameter) => {
    if (parameter.in !== 'query') return [];
    const { name, list } = parameter;
    const values = (valuesOf(parameter, args) ?? []).map((value) => encoded(value, name));
    const written = list === 'commas' && values.length > 0 ? [values.join(',')] : values;
    return written.map((value) => `${encoded(name, 'a name')}=${value}`);
  });
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function headersOf({ parameters }: HttpOperation, args: JsonObject): (readonly [string, string])[] {
  return parameters.flatMap((parameter) => {
    const values = parameter.in === 'header' ? valuesOf(parameter, args) : undefined;
    if (values === undefined) return [];
    const value = values.join(',');
    return fitsHeader(value)
      ? [[parameter.name.toLowerCase(), value] as const]
      : unwritable(`${parameter.name} does not fit a header`);
  });
}

function contentOf(operation: HttpOperation, args: JsonObject): WrittenRequest['body'] {
  const { body } = operation;
  const value = bodyOf(operation, args);
  if (body === undefined || value === undefined) return undefined;
  const { type } = body;
  if (body.form === 'json') return { type, content: JSON.stringify(value) };
  if (body.form === 'fields') return { type, content: fieldsOf(value) };
  if (body.form === 'bytes' && isJsonObject(value)) {
    const upload = uploadSchema.safeParse(value);
    return upload.success ? { type, content: upload.data } : unwritable('body is not what stands for bytes');
  }
  if (typeof value !== 'string') return unwritable('body is not text');
  if (body.form === 'text')
    return {
      type: `${type}; charset=utf-8`,
      content: value.isWellFormed() ? value : unwritable('body is not text'),
    };
  return { type, content: bytesOf(value) };
}

function fieldsOf(value: Json): string {
  if (!isJsonObject(value)) return unwritable('body is not a set of fields');
  return Object.entries(value)
    .map(([name, each]) => {
      const text = isScalar(each) ? String(each) : unwritable(`${name} is not a single value`);
      return `${encoded(name, 'a name')}=${encoded(text, name)}`;
    })
    .join('&');
}

/** Base64 that says the same when it is written again. */
function bytesOf(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : unwritable('body is not base64');
}
