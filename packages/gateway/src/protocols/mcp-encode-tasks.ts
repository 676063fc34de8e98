/**
 * Tasks as agents see them (behavior B-5): utilities/tasks of 2025-11-25, and the extension `io.modelcontextprotocol/tasks` of 2026-07-28. The two differ in
 * names, and in where the result stands: of its own (`tasks/result`), or within the task.
 */
import { problemOf, type Refusal } from '@atf/core/errors';
import type { JsonObject } from '@atf/core/wire/json';
import { answer, type Answered, asJson, failure, present } from './mcp-encode.ts';
import { metaKeys, modernVersion, rpcCodes, tasksExtension } from './mcp-wire.ts';
import type { EncodedResponse, TaskRequest } from './protocol.ts';

/** How often a client should ask, in milliseconds. */
const pollIntervalMs = 2_000;

export interface TaskView {
  readonly taskId: string;
  readonly status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  /** The gateway's own words. */
  readonly message: string | undefined;
  readonly createdAt: string;
  readonly changedAt: string;
  /** From its creation, for how long it can be asked about at least. */
  readonly ttlMs: number;
}

/** What a call came to, or what a task still needs: in the form of the extension, beside the members of the task. */
export interface TaskDetail {
  readonly result?: JsonObject;
  readonly error?: JsonObject;
  readonly inputRequests?: JsonObject;
}

function members({ era }: Answered, task: TaskView): JsonObject {
  const { taskId, status, message: statusMessage, createdAt, changedAt: lastUpdatedAt, ttlMs } = task;
  const times =
    era === modernVersion ? { ttlMs, pollIntervalMs } : { ttl: ttlMs, pollInterval: pollIntervalMs };
  return present({ taskId, status, statusMessage, createdAt, lastUpdatedAt, ...times });
}

/** Instead of the result of a call. `words` are for the model; `atf` are facts for programs. */
export function encodeTaskCreated(
  request: Answered,
  task: TaskView,
  words: string,
  atf: JsonObject,
): EncodedResponse {
  const _meta = { atf, [metaKeys.modelImmediateResponse]: words };
  return request.era === modernVersion
    ? answer(request, { ...members(request, task), _meta }, 'task')
    : answer(request, { task: members(request, task), _meta });
}

export function encodeTask(request: Answered, task: TaskView, detail: TaskDetail = {}): EncodedResponse {
  return answer(request, {
    ...members(request, task),
    ...(request.era === modernVersion ? detail : {}),
  });
}

/** What the call would have been answered with (2025-11-25). */
export function encodeTaskResult(request: TaskRequest, result: JsonObject): EncodedResponse {
  const _meta = {
    ...(result._meta as JsonObject | undefined),
    [metaKeys.relatedTask]: { taskId: request.taskId },
  };
  return answer(request, { ...result, _meta });
}

/** Nothing of it is passed on or done; clients read errors only from a 200. */
export function encodeTaskRefusal({ id }: Answered, refusal: Refusal): EncodedResponse {
  const problem = problemOf(refusal);
  const words = [problem.title, refusal.detail].filter((each) => each !== undefined).join(': ');
  return failure(id, 200, rpcCodes.invalidParams, words, asJson(problem));
}

/** There is no result yet, and nobody waits any longer here (2025-11-25). */
export function encodeTaskPending({ id }: Answered, words: string, atf: JsonObject): EncodedResponse {
  return failure(id, 200, rpcCodes.refused, words, { atf });
}

/** Who asks about tasks has to declare them (2026-07-28). */
export function encodeTasksMissing({ id }: Answered): EncodedResponse {
  const requiredCapabilities = { extensions: { [tasksExtension]: {} } };
  const words = `Declare the extension ${tasksExtension}.`;
  return failure(id, 400, rpcCodes.capabilityMissing, words, { requiredCapabilities });
}
