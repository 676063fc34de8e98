/** What a person reads when asking control did not go well: the reason, its code, what would help. */
import type { ErrorCode } from '@atf/core/errors';
import { ControlRefusal, ControlUnreachable } from '@atf/sdk/control-refusal';

export interface FaultWords {
  readonly title: string;
  readonly code: string;
  readonly detail: string | undefined;
  readonly help: string;
  readonly requirement: string | undefined;
}

export function isRefusal(error: unknown, code: ErrorCode): error is ControlRefusal {
  return error instanceof ControlRefusal && error.code === code;
}

export function wordsOf(error: unknown): FaultWords {
  if (error instanceof ControlRefusal) {
    const { title, code, detail, help, requirement } = error;
    return { title, code, detail, help, requirement };
  }
  if (error instanceof ControlUnreachable) {
    return {
      title: 'The control plane does not answer',
      code: 'unreachable',
      detail: error.message,
      help: 'Check that `atf up` still runs. Agents are refused meanwhile; nothing runs ungoverned.',
      requirement: undefined,
    };
  }
  return {
    title: 'This page met something it did not expect',
    code: 'unexpected',
    detail: error instanceof Error ? error.message : undefined,
    help: 'Load the page again. If it stays, look at the log of control.',
    requirement: undefined,
  };
}
