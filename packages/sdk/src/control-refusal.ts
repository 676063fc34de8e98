/**
 * How a call to the control plane can end other than well, as values a caller can tell apart: control said no
 * (`ControlRefusal`, with the catalogue's code and help), control was not reached (`ControlUnreachable`), or what answered is not
 * the contract (`ControlAnswerInvalid`). None of them carries credentials or bodies.
 */
import { type ErrorCode, type ErrorEntry, errors, type Refusal } from '@atf/core/errors';

/** What a problem document says, as it was read. */
export interface ReadProblem {
  readonly code: ErrorCode;
  readonly status: number;
  readonly title: string;
  readonly help: string;
  readonly detail?: string | undefined;
  readonly requirement?: string | undefined;
  readonly policies?: readonly string[] | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** Control refused: the RFC 9457 problem document it sent, as an error. `code` is from the catalogue. */
export class ControlRefusal extends Error {
  readonly code: ErrorCode;
  /** HTTP status. */
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly help: string;
  readonly requirement: string | undefined;
  readonly policies: readonly string[];
  readonly retryAfterMs: number | undefined;

  constructor(problem: ReadProblem) {
    super(problem.detail === undefined ? problem.title : `${problem.title}: ${problem.detail}`);
    this.name = 'ControlRefusal';
    this.code = problem.code;
    this.status = problem.status;
    this.title = problem.title;
    this.detail = problem.detail;
    this.help = problem.help;
    this.requirement = problem.requirement;
    this.policies = problem.policies ?? [];
    this.retryAfterMs = problem.retryAfterMs;
  }

  /** The refusal as the value that the catalogue defines. */
  get refusal(): Refusal {
    return {
      code: this.code,
      ...(this.detail === undefined ? {} : { detail: this.detail }),
      ...(this.policies.length === 0 ? {} : { policies: this.policies }),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }
}

/** A refusal that was found before anything was sent. */
export function localRefusal(code: ErrorCode, detail: string): ControlRefusal {
  const { status, title, help, requirement } = errors[code] as ErrorEntry;
  return new ControlRefusal({ code, status, title, help, detail, requirement });
}

/** Nothing answered at that address, or not in time. `reason` is a short word of the runtime, never a body. */
export class ControlUnreachable extends Error {
  readonly address: string;
  readonly timedOut: boolean;

  constructor(address: string, timedOut: boolean, cause: unknown) {
    super(timedOut ? `No answer in time from ${address}` : `Cannot reach ${address} (${reasonOf(cause)})`, {
      cause,
    });
    this.name = 'ControlUnreachable';
    this.address = address;
    this.timedOut = timedOut;
  }
}

/** Something answered, but not in the words of the contract: another version, or not a control plane. */
export class ControlAnswerInvalid extends Error {
  readonly status: number;

  constructor(operation: string, status: number, why: string) {
    super(`${operation}: the answer (HTTP ${status}) is not what the contract says: ${why}`);
    this.name = 'ControlAnswerInvalid';
    this.status = status;
  }
}

function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  if (inner instanceof Error)
    return 'code' in inner && typeof inner.code === 'string' ? inner.code : inner.message;
  return 'network error';
}
