/** For whom sessions work: for nobody, on a task that a person gave, or for another agent's session. What control keeps of it, and what it would mint. */
import type { AgentDoc } from '@atf/core/wire/feed';
import type { CredentialFacts } from '@atf/core/world';
import type { ControlAnswer } from '@atf/gateway/ports';
import { deskWords } from './desk.ts';
import { cascadeCalls, delegatedDesk, taskDesk } from './scene.ts';

const chainMax = 2;
/** They ask for everything that tools do, but for an edit of a page. */
const words = `Refund the orders of today, run the jobs and mail what you find to ${taskDesk}.`;

type Session = Pick<CredentialFacts, 'agentId' | 'sid'>;
/** Who gave it: a person, or a host application for somebody. */
export type GivenBy = 'person' | 'host';
/** `turns`: the words that it began with; none: an agent said all that is known. */
type Held = Session & {
  readonly turns: readonly string[];
  readonly by: GivenBy;
  readonly delegated: boolean;
};

export type WorkOf = Pick<CredentialFacts, 'task' | 'chain'>;

export class Work {
  readonly #held = new Map<string, Held>();

  /** A person gives this session a task, or a host application declares one. */
  given(id: string, { agentId, sid }: Session, by: GivenBy = 'person', said = words): WorkOf {
    this.#held.set(id, { agentId, sid, turns: [said], by, delegated: false });
    return { task: id };
  }

  /** A task for a clerk (desk.ts). */
  givenAtDesk(id: string, session: Session, by: GivenBy): WorkOf {
    return this.given(id, session, by, deskWords);
  }

  /** The session of `from` has another agent do a piece of its work; undefined: it stands in the chain already, or the chain is as long as it may be. */
  delegated(id: string, from: CredentialFacts, { agentId, sid }: Session): WorkOf | undefined {
    const links = from.chain?.links ?? [];
    const names = [...links.map((link) => link.agentId), from.agentId];
    if (names.includes(agentId) || links.length >= chainMax) return undefined;
    const { instanceId, manifestDigest, credentialEpoch } = from;
    const root = from.task === undefined ? undefined : this.#held.get(from.task);
    const { turns, by } = root ?? { turns: from.task === undefined ? [] : [words], by: 'person' as const };
    this.#held.set(id, { agentId, sid, turns, by, delegated: true });
    const above = { agentId: from.agentId, instanceId, sid: from.sid, manifestDigest, credentialEpoch };
    return {
      ...(from.task === undefined ? {} : { task: from.task }),
      chain: { delegationId: id, callsMax: cascadeCalls, links: [...links, above] },
    };
  }

  /** Whether control would mint a credential for it once more. */
  holds({ task, chain }: WorkOf, agent: (id: string) => AgentDoc | undefined): boolean {
    return (
      [task, chain?.delegationId].every((id) => id === undefined || this.#held.has(id)) &&
      (chain?.links ?? []).every((link) => agent(link.agentId)?.credentialEpoch === link.credentialEpoch)
    );
  }

  /** Tasks and delegations are in no backup. */
  restored(): void {
    this.#held.clear();
  }

  /** The words of a task or of a delegation, as a gateway asks for them. */
  answer(id: string): ControlAnswer<unknown> | undefined {
    const held = this.#held.get(id);
    if (held === undefined) return undefined;
    const { agentId, sid, turns, by, delegated } = held;
    return {
      ok: true,
      value: {
        ...{ agentId, sid, turns },
        ...(by === 'host' ? { host: 'desk-app' } : {}),
        ...(delegated ? { by: 'above', words: `mail it to ${delegatedDesk}` } : {}),
      },
    };
  }
}
