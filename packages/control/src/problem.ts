/**
 * The edge where faults become answers: RFC 9457 problem documents with codes of the catalogue. Validation names fields, never values. What
 * nobody expected becomes `internal.fault` with an id; the log holds that id with the fault, and nothing of the request's content.
 */
import { type ErrorCode, problemOf, type Refusal, RefusalError, refusal } from '@atf/core/errors';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { ZodError } from 'zod';

export const problemMediaType = 'application/problem+json';
const fieldsNamedMax = 20;
const fieldBytesMax = 200;

/** Codes of Fastify's own faults (its reference, "Errors") that are the caller's doing. */
const fastifyFaults: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'request.too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'request.media_type_unsupported',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request.malformed',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'request.malformed',
  FST_ERR_BAD_URL: 'request.malformed',
  FST_ERR_MAX_PARAM_LENGTH: 'request.malformed',
};

/** `body.name: Too small` for each field; messages of zod speak of the expected, not of the found. */
function fieldsOf(issues: readonly { path: string; message: string }[], context: string): string {
  const named = issues
    .slice(0, fieldsNamedMax)
    .map(({ path, message }) => `${context}${path}: ${message}`.slice(0, fieldBytesMax));
  const rest = issues.length - named.length;
  return rest > 0 ? `${named.join('; ')}; and ${rest} more` : named.join('; ');
}

/** Names of unrecognised keys are the caller's text; only that there are some is said. */
function messageOf(issue: { code?: unknown; message: string }): string {
  return issue.code === 'unrecognized_keys' ? 'unknown keys' : issue.message;
}

function refusalOf(fault: unknown): Refusal | undefined {
  if (fault instanceof RefusalError) return fault.refusal;
  if (hasZodFastifySchemaValidationErrors(fault)) {
    const { validation, validationContext } = fault as unknown as FastifyError & {
      validationContext?: string;
    };
    const issues = (validation ?? []).map((issue) => ({
      path: issue.instancePath,
      message: issue.keyword === 'unrecognized_keys' ? 'unknown keys' : (issue.message ?? 'invalid'),
    }));
    return refusal('request.malformed', fieldsOf(issues, validationContext ?? ''));
  }
  const code = (fault as { code?: unknown } | null)?.code;
  const known = typeof code === 'string' ? fastifyFaults[code] : undefined;
  return known === undefined ? undefined : refusal(known);
}

/** A zod fault inside a handler is ours, not the caller's: the log may name the fields. */
function describe(fault: unknown): Record<string, unknown> {
  if (fault instanceof ZodError) {
    return {
      zod: fault.issues
        .slice(0, fieldsNamedMax)
        .map((issue) => `${issue.path.join('.')}: ${messageOf(issue)}`),
    };
  }
  if (!(fault instanceof Error)) return { kind: typeof fault };
  const { code, constraint } = fault as Error & { code?: unknown; constraint?: unknown };
  const stack = fault.stack?.split('\n').filter((line) => line.trimStart().startsWith('at '));
  // Messages of databases and parsers may quote values: name, code and place are enough to find the fault.
  return { name: fault.name, code, constraint, stack: stack?.slice(0, 12).join('\n') };
}

/** The refusal that the caller gets for any fault; the unexpected is logged under a fresh id. */
export function publicRefusal(fault: unknown, log: Logger, about: Record<string, unknown>): Refusal {
  const known = refusalOf(fault);
  if (known !== undefined) return known;
  const id = randomUUID();
  log.error({ faultId: id, ...about, fault: describe(fault) }, 'an unexpected fault');
  return refusal('internal.fault', `fault ${id}`);
}

export function sendRefusal(reply: FastifyReply, refused: Refusal): FastifyReply {
  const problem = problemOf(refused);
  if (refused.retryAfterMs !== undefined)
    reply.header('retry-after', String(Math.ceil(refused.retryAfterMs / 1_000)));
  return reply.code(problem.status).type(problemMediaType).serializer(JSON.stringify).send(problem);
}

/** Fastify's error handler. */
export function errorHandler(log: Logger) {
  return (fault: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const { bodyLimit, url = 'none' } = request.routeOptions;
    const refused = publicRefusal(fault, log, { method: request.method, route: url });
    const bounded = refused.code === 'request.too_large' && refused.detail === undefined;
    sendRefusal(reply, bounded ? { ...refused, detail: `A body may have ${bodyLimit} bytes.` } : refused);
  };
}
