/** Requests about tasks: utilities/tasks of 2025-11-25, the extension `io.modelcontextprotocol/tasks` of 2026-07-28. Form only. */
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import { badParams } from './mcp-refuse.ts';
import { handshakeVersion, lengthsMax, modernVersion } from './mcp-wire.ts';
import type { Asked, Era, InputAnswers, ProtocolRefusal, TaskRequest } from './protocol.ts';

const operations: ReadonlyMap<string, { readonly of: TaskRequest['operation']; readonly era?: Era }> =
  new Map<string, { readonly of: TaskRequest['operation']; readonly era?: Era }>([
    ['tasks/get', { of: 'get' }],
    ['tasks/cancel', { of: 'cancel' }],
    ['tasks/result', { of: 'result', era: handshakeVersion }],
    ['tasks/update', { of: 'update', era: modernVersion }],
  ]);

/** Undefined: the method is not about tasks, or not of this revision. */
export function parseTask(
  method: string,
  params: JsonObject,
  asked: Asked,
): TaskRequest | ProtocolRefusal | undefined {
  const operation = operations.get(method);
  if (operation === undefined || (operation.era ?? asked.era) !== asked.era) return undefined;
  const { taskId } = params;
  if (typeof taskId !== 'string' || taskId === '' || taskId.length > lengthsMax.taskId)
    return badParams(asked.id, `The taskId must be a string of 1 to ${lengthsMax.taskId} characters.`);
  const answers = answersOf(params.inputResponses);
  return answers === undefined
    ? badParams(asked.id, 'The inputResponses must be an object of objects.')
    : { ...asked, kind: 'task', operation: operation.of, taskId, answers };
}

/** What a client answers to questions by their keys; undefined: it has no such form. */
export function answersOf(value: Json | undefined = {}): InputAnswers | undefined {
  return isJsonObject(value) && Object.values(value).every(isJsonObject)
    ? (value as InputAnswers)
    : undefined;
}
