/**
 * Obligation `notify` (maturity model, Senior: act and notify): people are told what an agent did and why, after the outcome. Queued and
 * bounded; it never delays a call, and is told again while control is away. The record of the action stands in any case: this is news, not evidence.
 */
import type { Decided } from './record.ts';
import type { Ran } from './execute.ts';
import type { ControlPort } from './ports.ts';

export const notificationsWaitingMax = 1_000;
/** With their pauses longer than control takes to start again. */
const attemptsMax = 8;
const summaryLengthMax = 1_000;
const purposeLengthMax = 2_000;

interface Notification {
  readonly actionId: string;
  readonly agentId: string;
  readonly tool: string;
  readonly summary: string;
  readonly because: string;
  readonly purpose: string;
}

export class Notifier {
  readonly #control: ControlPort;
  readonly #pause: (attempt: number) => Promise<void>;
  readonly #waiting: Notification[] = [];
  #sending: Promise<void> | undefined;
  /** Given up because too many waited or control did not take them. */
  dropped = 0;

  /** `pause`: before the attempt with this number. */
  constructor(control: ControlPort, pause: (attempt: number) => Promise<void>) {
    this.#control = control;
    this.#pause = pause;
  }

  /** Queues the notification that the decision asks for, if it does. */
  after(decided: Decided, ran: Ran): void {
    const { decision, received, world } = decided;
    if (
      !decision.obligations.includes('notify') ||
      ran.status === 'not_executed' ||
      world.agent === undefined
    )
      return;
    const tool = `${received.server}/${received.tool}`;
    const because = decision.checks.findLast(({ verdict }) => verdict === 'pass')?.because ?? '';
    this.#add({
      actionId: received.actionId,
      agentId: world.agent.id,
      tool,
      summary: `${world.agent.name} called ${tool}: ${ran.status}`.slice(0, summaryLengthMax),
      because: because.slice(0, summaryLengthMax),
      purpose: world.agent.purpose.slice(0, purposeLengthMax),
    });
  }

  #add(notification: Notification): void {
    if (this.#waiting.length >= notificationsWaitingMax) {
      this.dropped++;
      return;
    }
    this.#waiting.push(notification);
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  /** Tells that the judge of intents does not see what a read was for. */
  doubted({ received, world: { agent } }: Decided): void {
    if (agent === undefined) return;
    const tool = `${received.server}/${received.tool}`;
    this.#add({
      actionId: received.actionId,
      agentId: agent.id,
      tool,
      summary: `${agent.name} called ${tool}, and the judge of intents does not see what for`.slice(
        0,
        summaryLengthMax,
      ),
      because: 'A person decides about what this instance changes next.',
      purpose: agent.purpose.slice(0, purposeLengthMax),
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  async #send(): Promise<void> {
    for (let body = this.#waiting.shift(); body !== undefined; body = this.#waiting.shift()) {
      if (!(await this.#tell(body))) this.dropped++;
    }
  }

  /** Told twice, people hear it once: control knows the action. A refusal is an answer, and final. */
  async #tell(body: Notification): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#control.request('gateway.notify', { body });
      if (answer.ok || !answer.sent || attempt >= attemptsMax) return answer.ok;
      await this.#pause(attempt);
    }
  }
}
