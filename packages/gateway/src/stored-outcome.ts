/** What control keeps of a released call, as whoever asks for it again is told. */
import { refusal } from '@atf/core/errors';
import type { ResponseOf } from '@atf/core/wire/api';
import { isJsonObject, type JsonObject, parseStrictText } from '@atf/core/wire/json';
import { type AnswerIds, type CallAnswer, given, refused } from './answers.ts';
import type { ToolResult } from './protocols/protocol.ts';

export type StoredOutcome = NonNullable<ResponseOf<'gateway.redeemApproval'>['outcome']>;

const bounds = { bytesMax: 16_777_216, depthMax: 68, valuesMax: 400_000 };

/** Undefined: nothing is given. */
export function storedResult({ status, resultText }: StoredOutcome): JsonObject | undefined {
  if (status === 'not_executed' || resultText === undefined) return undefined;
  const parsed = parseStrictText(resultText, bounds);
  return parsed.ok && isJsonObject(parsed.value) && Array.isArray(parsed.value['content'])
    ? parsed.value
    : undefined;
}

export function answerOfStored(outcome: StoredOutcome, ids: AnswerIds): CallAnswer {
  if (outcome.status === 'not_executed') {
    return refused(
      refusal('execution.not_executed', 'The approval was spent without a call; ask a person again.'),
      ids,
    );
  }
  const result = storedResult(outcome);
  if (result !== undefined) return given(result as unknown as ToolResult, ids);
  return refused(refusal('maturity.approval_outcome_unknown'), ids, 'unknown');
}
