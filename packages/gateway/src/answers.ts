/**
 * What the pipeline answers to an agent, before a protocol encodes it (B-5: readable by model and person). Words are the gateway's own;
 * nothing that a tool server sent stands in them.
 */
import type { Refusal } from '@atf/core/errors';
import type { JsonObject } from '@atf/core/wire/json';
import type { Ran } from './execute.ts';
import type { RefusalFacts, ResultFacts, ToolResult } from './protocols/protocol.ts';

export type CallAnswer =
  | { readonly kind: 'result'; readonly result: ToolResult; readonly facts: ResultFacts }
  | { readonly kind: 'refused'; readonly facts: RefusalFacts }
  /** Not about one call: the HTTP status says it. */
  | {
      readonly kind: 'problem';
      readonly refusal: Refusal;
      /** The same agent could do it with a credential that is bound to a key. */
      readonly stepUp?: boolean;
    };

export interface AnswerIds {
  readonly actionId: string;
  readonly approvalId?: string | undefined;
}

const idsOf = ({ actionId, approvalId }: AnswerIds) =>
  approvalId === undefined ? { actionId } : { actionId, approvalId };

/** Nothing happened, unless `outcome` says otherwise. */
export function refused(
  refusal: Refusal,
  ids: AnswerIds,
  outcome: 'refused' | 'unknown' | 'withheld' | 'running' = 'refused',
): CallAnswer {
  return { kind: 'refused', facts: { outcome, refusal, ...idsOf(ids) } };
}

export function waiting(refusal: Refusal, ids: AnswerIds, approvalExpiresAt?: string): CallAnswer {
  const until = approvalExpiresAt === undefined ? {} : { approvalExpiresAt };
  return { kind: 'refused', facts: { outcome: 'waiting', refusal, ...until, ...idsOf(ids) } };
}

export function given(
  result: ToolResult,
  ids: AnswerIds,
  beside: Pick<ResultFacts, 'log' | 'labels'> = {},
): CallAnswer {
  return { kind: 'result', result, facts: { ...idsOf(ids), ...beside } };
}

const outcomeOf = {
  not_executed: 'refused',
  aborted: 'unknown',
  unknown: 'unknown',
  failed: 'withheld',
  done: 'withheld',
} as const;

const besideOf = ({ log = [], data }: Ran) => ({
  ...(log.length === 0 ? {} : { log }),
  ...(data === undefined || data.labels.length === 0 ? {} : { labels: data.labels }),
});

/** The answer to a call that was allowed. */
export function answerOf(ran: Ran, ids: AnswerIds): CallAnswer {
  if (ran.refusal === undefined && ran.result !== undefined) return given(ran.result, ids, besideOf(ran));
  const answer = refused(ran.refusal ?? { code: 'internal.fault' }, ids, outcomeOf[ran.status]);
  return answer.kind === 'refused' && ran.missing !== undefined
    ? { ...answer, facts: { ...answer.facts, missing: ran.missing } }
    : answer;
}

/** Plain words of the gateway as a tool result. */
export function said(text: string, atf: JsonObject, ids: AnswerIds): CallAnswer {
  return given({ content: [{ type: 'text', text }], structuredContent: { atf } }, ids);
}
