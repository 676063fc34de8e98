/** What must hold of a run when everything is healed: everybody who may do something can do it, and every record comes to stand in the log. */
import type { SpoolPosition } from '@atf/core/audit/spool-frame';
import type { CallAnswer } from '@atf/gateway/answers';
import type { AgentActor, People } from './actors.ts';
import type { Checks } from './checks.ts';
import type { ControlNode } from './control-node.ts';
import type { CheckpointWatch } from './final-checks.ts';
import type { GatewayNode } from './gateway-node.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Whoever lost the lead, or could not take it, tries again within it. */
const wholeMsMax = 16_000;
const lookMs = 500;
/** Within it a call is answered, shipped, sequenced and signed. */
const settleMs = 2_200;

/** What a read that nothing stops may come to: the manifest, rates, totals and the definition still count, and clients hang up. */
const lawfulAtRest = new Set([
  'given',
  'segmentation.tool_not_granted',
  'segmentation.rate_exceeded',
  'segmentation.total_exceeded',
  'segmentation.tool_quarantined',
  'identity.instance_unknown',
  'upstream.aborted',
]);

const codeOf = (answer: CallAnswer): string =>
  answer.kind === 'result'
    ? 'given'
    : answer.kind === 'problem'
      ? answer.refusal.code
      : answer.facts.refusal.code;

export interface AtRestInput {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly checks: Checks;
  readonly control: ControlNode;
  readonly checkpoints: CheckpointWatch;
  readonly gateways: readonly GatewayNode[];
  readonly agents: readonly AgentActor[];
  readonly people: People;
  /** Lets virtual time pass. */
  readonly pass: (untilMs: number) => Promise<void>;
}

export class AtRest {
  readonly #input: AtRestInput;

  constructor(input: AtRestInput) {
    this.#input = input;
  }

  /** When everything is healed, every record comes to stand in the log under a signed checkpoint. */
  async whole(): Promise<void> {
    const rows = this.#input.control.database.committed;
    const untilMs = this.#input.time.nowMs + wholeMsMax;
    for (;;) {
      const pending = rows.values('audit_pending').length;
      const head = rows.get<{ size: number }>('audit_log', this.#input.control.signer.name);
      const signed = this.#input.checkpoints.seen.at(-1)?.size ?? 0;
      const behind = this.#input.gateways.filter((gateway) => {
        const [written, taken] = [gateway.head(), rows.get<SpoolPosition>('audit_gateway', gateway.id)];
        return written === undefined || (written.seq > 0 && written.seq !== taken?.seq);
      });
      if (behind.length === 0 && pending === 0 && head !== undefined && signed === head.size) return;
      if (this.#input.time.nowMs > untilMs)
        this.#input.checks.fail(
          'the system becomes whole again',
          `${behind.length} gateways are not shipped, ${pending} records wait, ${signed} are signed`,
          ...behind.map(({ id }) => id),
        );
      await this.#input.pass(this.#input.time.nowMs + lookMs);
    }
  }

  /** When everything is healed, everybody who may do something can do it: nothing is stuck. */
  async serves(): Promise<void> {
    for (const agent of this.#input.agents) agent.rest();
    let refused = await this.#probe();
    if (refused.some(({ code }) => code.startsWith('containment.'))) {
      // A stop that was heard ahead of a whole set, and was lifted before that set, holds until the same thing is stopped and resumed again.
      this.#input.checks.counts.stopsHeld++;
      void this.#input.people.stopAndResumeAgain();
      await this.#input.pass(this.#input.time.nowMs + 2 * settleMs);
      refused = await this.#probe();
    }
    for (const { agent, gateway, code } of refused)
      this.#input.checks.fail('when all is healed, all is served', code, agent.agentId, gateway.id);
  }

  /** Every agent reads once at every gateway. Returns who was not served. */
  async #probe(): Promise<
    { readonly agent: AgentActor; readonly gateway: GatewayNode; readonly code: string }[]
  > {
    const asked = this.#input.agents.flatMap((agent) =>
      this.#input.gateways.map((gateway) => {
        agent.renewAlone();
        const probe = { agent, gateway, code: 'no answer' };
        const args = { n: this.#input.random.int(1, 1_000_000) };
        void agent.call(gateway, { server: 'wiki', tool: 'search', args }).then((answer) => {
          probe.code = answer === undefined ? 'down' : codeOf(answer);
        });
        return probe;
      }),
    );
    await this.#input.pass(this.#input.time.nowMs + settleMs);
    return asked.filter(({ code }) => !lawfulAtRest.has(code));
  }
}
