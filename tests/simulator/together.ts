/**
 * When all is healed, agents work together for a while, so that each run comes upon what chance seldom leaves room for: several below one root, at every gateway, more
 * calls than the cascade has; what one reads before another acts; a throttle of somebody for whom another works; a boundary that ends while it is used;
 * values that were heard of before they are acted on.
 */
import type { JsonObject } from '@atf/core/wire/json';
import type { AgentActor, Cast, People } from './actors.ts';
import type { Adapting } from './adapting.ts';
import type { Random } from './random.ts';
import { refundMax, refundWidened } from './scene.ts';

/** Of virtual time. A first reading is known everywhere after a second of it. */
export const togetherMs = 2_400;
const roundMs = 280;
const rounds = 7;
const changedMs = 5.5 * roundMs;
/** It ends soon, or would last beyond all rounds. */
const grantsMs = [roundMs, 2 * rounds * roundMs];
/** A refund leaves no room for another: it is tried while the boundary is wide, after it has ended by time, or only when the agent is another. */
const refundsFrom = [0, 2, 6];

/** A tool that Seniors may use alone as long as a person says so. They use it when everybody knows that, and again when it is otherwise and its rate lets them. */
const reclassified = ['wiki', 'run_job'] as const;
const usedMs = 200;
const usedAgainMs = 1_350;

/** What hands out values, and what acts on them. */
const sources = [
  ['office', 'read_order'],
  ['wiki', 'search'],
  ['wiki', 'run_job'],
] as const;
const actions = [
  ['office', 'send_mail'],
  ['wiki', 'run_job'],
  ['wiki', 'run_job'],
  ['office', 'refund_order'],
  ['wiki', 'edit_page'],
] as const;

export class Together {
  readonly #cast: Cast;
  readonly #random: Random;
  readonly #adapting: Adapting;

  constructor(cast: Cast, random: Random, adapting: Adapting) {
    this.#cast = cast;
    this.#random = random;
    this.#adapting = adapting;
  }

  async play(): Promise<void> {
    const { state, agents, time } = this.#cast;
    const [root, principal] = [agents.at(-1), agents.at(-2)];
    if (root === undefined || principal === undefined) return;
    for (const agent of agents) {
      const level = agent === root || agent === principal ? 'principal' : 'senior';
      await state.setLevel(agent.agentId, level, undefined);
    }
    await this.#adapting.grant(principal.agentId, this.#random.pick(grantsMs));
    const [throttled] = agents;
    if (throttled !== undefined) await this.#adapting.throttle(throttled.agentId);
    if (this.#random.chance(0.5)) root.renewAlone();
    else root.renewOnTask();
    principal.renewAlone();
    const below = agents.filter((agent) => agent !== root && agent !== principal);
    for (const [at, agent] of below.entries()) agent.renewFor(at === 1 ? (throttled ?? root) : root);
    // It is another agent then, and nothing that it has negotiated counts.
    time.after(changedMs, () => void state.setLevel(principal.agentId, 'principal', undefined));
    const refundFrom = this.#random.pick(refundsFrom);
    for (let round = 0; round < rounds; round++)
      time.after(round * roundMs, () => {
        for (const agent of agents)
          if (agent === root) this.#tell(agent);
          else if (agent !== principal) this.#act(agent);
          else if (round >= refundFrom) this.#refund(agent);
      });
  }

  /** Then a tool that Seniors used alone is theirs alone no more: what was decided of it before, for somebody who had read as little, says nothing now. */
  async reclassify(people: People): Promise<void> {
    const { state, agents } = this.#cast;
    const key = reclassified.join('/');
    const users = agents.filter(({ agentId }) => state.doc('agent', agentId)?.level === 'senior');
    const use = async () => {
      for (const user of users) await user.renewAnew();
      for (const user of users) this.#call(user, ...reclassified);
    };
    await people.accept(key);
    await people.classify(key, true);
    this.#cast.time.after(usedMs, () => void use());
    this.#cast.time.after(usedAgainMs, () => void people.classify(key, false).then(use));
  }

  #act(agent: AgentActor): void {
    if (this.#random.chance(0.5)) this.#call(agent, 'office', 'read_order');
    else this.#call(agent, 'wiki', 'run_job', this.#random.chance(0.3) ? agent.about('run_job') : {});
  }

  /** Asks tools, and acts on what they said. */
  #tell(agent: AgentActor): void {
    const [from, source] = this.#random.pick(sources);
    this.#call(agent, from, source);
    const [server, tool] = this.#random.pick(actions);
    this.#call(agent, server, tool, agent.about(tool));
  }

  #refund(agent: AgentActor): void {
    const amount = this.#random.int(refundMax + 1, refundWidened);
    this.#call(agent, 'office', 'refund_order', { amount, currency: 'EUR' });
  }

  #call(agent: AgentActor, server: string, tool: string, more: JsonObject = {}): void {
    const args = { n: this.#random.int(1, 1_000_000), ...more };
    void agent.call(this.#random.pick(this.#cast.gateways), { server, tool, args });
  }
}
