/**
 * Room: approvals (invariant 5). What came of released calls, on its way to control: each outcome is sent until control has answered, because until then
 * everybody who asks is told that the call still runs. That this process is a new one is told the same way: what was released to the one before,
 * and not reported, is over. A round of attempts belongs to each new connection, and to what is held after that.
 */
import type { BodyOut } from '@atf/core/wire/api';
import type { ControlPort } from './ports.ts';

type Outcome = BodyOut<'gateway.finishApproval'>['outcome'];

const attemptsMax = 8;
const heldMax = 1_024;

export interface OutcomeReportsInput {
  readonly control: ControlPort;
  /** Milliseconds since this process could have been given anything. */
  readonly upMs: () => number;
  /** Pause before the attempt with this number. */
  readonly pause: (attempt: number) => Promise<void>;
}

interface Report {
  readonly actionId: string;
  readonly outcome: Outcome;
}

export class OutcomeReports {
  readonly #input: OutcomeReportsInput;
  /** Approval → what control does not know yet. */
  readonly #held = new Map<string, Report>();
  #startTold = false;
  #round: Promise<void> | undefined;

  constructor(input: OutcomeReportsInput) {
    this.#input = input;
  }

  /** Sends what is held about one approval now. False: control does not know it yet, and must not be asked to release it again. */
  async settle(approvalId: string): Promise<boolean> {
    const report = this.#held.get(approvalId);
    if (report === undefined) return true;
    if (!(await this.#send(approvalId, report))) return false;
    // Another report cannot have come meanwhile: nothing is released while one is held.
    this.#held.delete(approvalId);
    return true;
  }

  /** One attempt belongs to the call; further ones go on beside it. */
  async tell(approvalId: string, actionId: string, outcome: Outcome): Promise<void> {
    if (!(await this.#send(approvalId, { actionId, outcome }))) this.hold(approvalId, actionId, outcome);
  }

  /** Sent beside everything else, from the next attempt or connection on. */
  hold(approvalId: string, actionId: string, outcome: Outcome): void {
    if (this.#held.size >= heldMax) return;
    this.#held.set(approvalId, { actionId, outcome });
    this.#start();
  }

  /** Control is connected: what is held goes at once, and again if need be. */
  async connected(): Promise<void> {
    await this.#sendAll();
    this.#start();
  }

  #done(): boolean {
    return this.#startTold && this.#held.size === 0;
  }

  #start(): void {
    if (this.#round !== undefined || this.#done()) return;
    this.#round = this.#attempts().finally(() => {
      this.#round = undefined;
    });
  }

  async #attempts(): Promise<void> {
    for (let attempt = 1; attempt <= attemptsMax && !this.#done(); attempt++) {
      await this.#input.pause(attempt);
      await this.#sendAll();
    }
  }

  async #sendAll(): Promise<void> {
    const { control, upMs } = this.#input;
    if (!this.#startTold) {
      const { ok } = await control.request('gateway.started', { body: { upMs: upMs() } });
      this.#startTold ||= ok;
    }
    for (const [approvalId, report] of [...this.#held])
      if (await this.#send(approvalId, report)) this.#held.delete(approvalId);
  }

  /**
   * A refusal that is about the approval is an answer too: control knows better, or never released it to that action. Any other says nothing about it: a
   * control plane that has just started refuses the proof of a moment before.
   */
  async #send(id: string, body: Report): Promise<boolean> {
    const answer = await this.#input.control.request('gateway.finishApproval', { params: { id }, body });
    return answer.ok || answer.refusal.code.startsWith('approvals.');
  }
}
