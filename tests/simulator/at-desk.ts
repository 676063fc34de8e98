/**
 * When all is healed, clerks work at a desk (desk.ts), each at one gateway, on a task that a person gave or a host application declared: what a task of a host is
 * worth, values out of lists, addresses that the task names, and a source whose trust has fallen before it is read.
 */
import type { CallAnswer } from '@atf/gateway/answers';
import { AgentActor, type Cast } from './actors.ts';
import {
  type Clerk,
  deskReads,
  deskSends,
  deskServer,
  deskTools,
  newClerks,
  source,
  sourceTrusted,
} from './desk.ts';
import type { GatewayNode } from './gateway-node.ts';
import type { Random } from './random.ts';
import { heardIn, mailsIn, taskDesk } from './scene.ts';

/** Of virtual time. A first reading is known everywhere after a second of it. */
export const atDeskMs = 2_600;
const openMs = 150;
const readMs = 350;
const sendMs = 1_950;
/** Trust of the source when it is read: enough, or not. */
const trusts = [10, 10, 70] as const;

interface AtWork {
  readonly actor: AgentActor;
  readonly gateway: GatewayNode;
  readonly level: string;
  readonly by: Clerk['by'];
  readonly heard: Set<string>;
}

const textOf = (answer: CallAnswer | undefined): string =>
  answer?.kind === 'result' ? JSON.stringify(answer.result) : '';

export class AtDesk {
  readonly #cast: Cast;
  readonly #random: Random;

  /** Clerks draw from what is this part's own, and know no other agent. */
  constructor(cast: Cast, random: Random) {
    this.#cast = { ...cast, random: random.fork(), agents: [] };
    this.#random = random;
  }

  async play(): Promise<void> {
    const { state, time } = this.#cast;
    const clerks = newClerks(this.#random);
    await state.setPolicy(0);
    await state.register({ server: deskServer, tools: deskTools(), agents: clerks });
    const trust = this.#random.pick(trusts);
    await state.setSources(`${deskServer.name}/${source}`, [sourceTrusted(trust)]);
    const atWork: AtWork[] = [];
    for (const clerk of clerks) atWork.push(await this.#begin(clerk));
    time.after(openMs, () => atWork.forEach(({ actor, by }) => actor.renewAtDesk(by)));
    for (const each of atWork) {
      time.after(readMs, () => void this.#read(each));
      time.after(sendMs, () => void this.#send(each));
    }
  }

  async #begin({ doc, by }: Clerk): Promise<AtWork> {
    const actor = new AgentActor(doc.id, this.#cast);
    actor.rest();
    await actor.enrol();
    return { actor, gateway: this.#random.pick(this.#cast.gateways), level: doc.level, by, heard: new Set() };
  }

  /** Seniors read nothing: of them it is only asked whose word they have. */
  async #read({ actor, gateway, level, heard }: AtWork): Promise<void> {
    if (level === 'senior') return;
    // Whoever reads the source alone has read nothing that is not trusted, unless the source is not.
    const tools = deskReads.slice(this.#random.int(0, 2));
    for (const tool of tools)
      void this.#call(actor, gateway, tool).then((answer) => {
        const text = textOf(answer);
        for (const value of [...heardIn(text).desks, ...mailsIn(text)]) heard.add(value);
      });
  }

  async #send({ actor, gateway, heard }: AtWork): Promise<void> {
    for (const to of [taskDesk, ...heard]) void this.#call(actor, gateway, deskSends, to);
  }

  async #call(actor: AgentActor, gateway: GatewayNode, tool: string, to?: string) {
    const args = { n: this.#random.int(1, 1_000_000), ...(to === undefined ? {} : { to }) };
    return await actor.call(gateway, { server: deskServer.name, tool, args });
  }
}
