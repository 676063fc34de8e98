/**
 * Room: segmentation (S-1). One operation of an HTTP service, as it stands in the definition of its tool (member `http`): which request a call becomes, and
 * which arguments a request has. It is part of what a person accepted, so that nothing but the accepted request is ever sent.
 */
import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../wire/json.ts';
import type { ActionClass } from '../wire/words.ts';

export const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type HttpMethod = (typeof httpMethods)[number];

/** Static segments of a path: what needs no encoding and cannot be read in two ways. */
const segment = /^(?:[A-Za-z0-9_~!$'()*+,=:@-][A-Za-z0-9._~!$'()*+,=:@-]*|\{[A-Za-z0-9._-]{1,128}\})$/;
export const pathLengthMax = 1_024;
export const segmentsMax = 40;
export const parametersMax = 100;
export const uploadBytesMax = 64 * 1_048_576;

/** Segments of a template, or undefined when it is none that can be matched and written without a second reading. */
export function templateSegments(path: string): string[] | undefined {
  if (!path.startsWith('/') || path.length > pathLengthMax) return undefined;
  const segments = path.slice(1).split('/');
  if (segments.length > segmentsMax) return undefined;
  // A trailing slash is a segment of its own, because services tell the two paths apart.
  const bodies = segments.at(-1) === '' ? segments.slice(0, -1) : segments;
  return bodies.every((each) => segment.test(each)) ? segments : undefined;
}

/** Name of the parameter that a segment stands for. */
export function parameterOf(part: string): string | undefined {
  return part.startsWith('{') ? part.slice(1, -1) : undefined;
}

/**
 * Names of headers that never are a parameter: what frames or routes the message, says who asks, or makes another request of it. The gateway sets those
 * that are needed.
 */
export function isReservedHeader(name: string): boolean {
  return reserved.has(name) || /^(?:x-forwarded-|proxy-|sec-|x-amz-|x-atf-|cf-)/.test(name);
}
/** Of those, what some services take for another request, or for who asks, and what no proxy sets for its own ends. */
export const changingHeaders: readonly string[] =
  'cookie x-http-method x-http-method-override x-method-override x-original-url x-original-uri x-rewrite-url x-original-host x-host'.split(
    ' ',
  );

const reserved: ReadonlySet<string> = new Set(
  [
    'host connection keep-alive te trailer transfer-encoding upgrade expect content-length content-type content-encoding accept',
    'accept-encoding authorization cookie set-cookie dpop forwarded via x-real-ip x-client-ip true-client-ip x-http-method origin referer',
    'x-http-method-override x-method-override x-original-url x-original-uri x-rewrite-url x-original-host x-host http2-settings',
  ].flatMap((line) => line.split(' ')),
);

const word = z.string().min(1).max(128);
const mediaType = z.string().regex(/^[a-z0-9!#$&^_.+*-]{1,60}\/[a-z0-9!#$&^_.+*-]{1,100}$/);

export const httpOperationSchema = z.strictObject({
  method: z.enum(httpMethods),
  path: z.string().refine((path) => templateSegments(path) !== undefined),
  parameters: z
    .array(
      z.strictObject({
        argument: word,
        in: z.enum(['path', 'query', 'header']),
        name: word,
        /** What its text stands for. */
        type: z.enum(['string', 'number', 'boolean']),
        /** A list: the name once for each value, or values with commas between. */
        list: z.enum(['repeated', 'commas']).optional(),
      }),
    )
    .max(parametersMax),
  body: z
    .strictObject({
      type: mediaType,
      form: z.enum(['json', 'fields', 'text', 'bytes']),
      /** Arguments that are its members; absent: the argument `body` is the whole of it. */
      members: z.array(word).max(500).optional(),
      /** Of fields: those whose text stands for something else. */
      types: z.record(word, z.enum(['number', 'boolean'])).optional(),
      required: z.boolean(),
    })
    .optional(),
  /** Media types of its answers. */
  answers: z.array(mediaType).max(20),
  /** Its answer may be given on as it comes (http door): events, or bytes that are not inspected. */
  streams: z.boolean(),
});
export type HttpOperation = z.infer<typeof httpOperationSchema>;
export type HttpParameter = HttpOperation['parameters'][number];

/** The operation in a tool's definition. */
export function operationOf(definition: Readonly<Record<string, unknown>>): HttpOperation | undefined {
  const parsed = httpOperationSchema.safeParse(definition['http']);
  return parsed.success ? parsed.data : undefined;
}

/** The least that an operation does, by its method (RFC 9110 §9.2.1, §9.3): a person may say that a POST only reads, a name cannot. */
export function leastClassOf({ method }: HttpOperation): ActionClass {
  if (method === 'GET' || method === 'HEAD') return 'read';
  return method === 'DELETE' ? 'admin' : 'write';
}

/** Characters that no value in a path has: they end, split or leave the segment for some server. */
export const pathValuePattern = '^[^/\\\\;%?#\\x00-\\x1f\\x7f]+$';
const pathValue = new RegExp(pathValuePattern);

/** A value that stays one segment, however often it is decoded. */
export function fitsSegment(value: string): boolean {
  return pathValue.test(value) && value !== '.' && value !== '..' && value.length <= pathLengthMax;
}

const headerValue = /^(?:[\x21-\x7e](?:[\x20-\x7e]{0,998}[\x21-\x7e])?)?$/;
export const fitsHeader = (value: string): boolean => headerValue.test(value);

/** The name of the argument that is the whole body. */
export const bodyArgument = 'body';

/** Bytes that are not in the arguments: they come with the request, and are held to this while they pass (RFC 9530). */
export const uploadSchema = z.strictObject({
  /** SHA-256 in base64url. */
  sha256: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  bytes: z.int().min(1).max(uploadBytesMax),
});
export type Upload = z.infer<typeof uploadSchema>;

/** The body of a call, or undefined when it has none. */
export function bodyOf({ body }: HttpOperation, args: JsonObject): JsonObject[string] | undefined {
  if (body === undefined) return undefined;
  if (body.members === undefined) return args[bodyArgument];
  const given = body.members.flatMap((name) =>
    Object.hasOwn(args, name) && args[name] !== undefined ? [[name, args[name]] as const] : [],
  );
  return given.length === 0 && !body.required ? undefined : Object.fromEntries(given);
}

export const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

export const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});
