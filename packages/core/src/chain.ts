/**
 * Chains of delegation (S-5): one agent works for another, which may work for a third. Rights never grow along a chain: what the agent does must be permitted to it
 * and to every agent above it, at the lowest of their levels, and whatever binds one of those binds its next call. What is not known of one of them refuses.
 */
import { type TouchedAbove, touchedAbove } from './incident/containment.ts';
import { effectiveLevel, lowerLevel } from './maturity/levels.ts';
import { dailyOf } from './segmentation/total-book.ts';
import { cascadeTotal, type WantedTotal, wantedTotals } from './segmentation/totals.ts';
import type { AgentDoc, ToolDoc } from './wire/feed.ts';
import type { JsonObject } from './wire/json.ts';
import type { Level } from './wire/words.ts';
import type { AboveFact, Chain, CredentialFacts, World } from './world.ts';

type Chained = Pick<CredentialFacts, 'chain'>;
type Above = Pick<World, 'above'>;

const nobody: readonly AgentDoc[] = Object.freeze([]);

/** The agents above, the root first, as far as they are known. */
export const agentsAbove = ({ above }: Above): readonly AgentDoc[] =>
  above === undefined ? nobody : above.flatMap(({ agent }) => (agent === undefined ? [] : [agent]));

/** Whoever stops one of these stops the call. */
export function aboveTouched(
  { chain }: Chained,
  { above = [] }: Above,
): Partial<Record<'above', TouchedAbove[]>> {
  if (chain === undefined) return {};
  const touched = chain.links.flatMap((link, at): TouchedAbove[] => {
    const agent = above[at]?.agent;
    return agent === undefined ? [] : [touchedAbove(agent, link)];
  });
  return { above: touched };
}

/** What of one link does not hold any more; undefined: all of it does. */
function brokenLink(link: Chain['links'][number], now: AboveFact | undefined): string | undefined {
  const { agent, instance, sessionRevoked } = now ?? {
    agent: undefined,
    instance: undefined,
    sessionRevoked: false,
  };
  if (agent === undefined || agent.id !== link.agentId) return 'an agent above is not registered';
  if (instance?.state !== 'active' || instance.agentId !== agent.id)
    return `the instance of ${agent.name} is gone`;
  if (agent.credentialEpoch !== link.credentialEpoch) return `the credentials of ${agent.name} were revoked`;
  if (sessionRevoked) return `the session of ${agent.name} has ended`;
  if (agent.manifestDigest !== link.manifestDigest) return `${agent.name} has another version`;
  return undefined;
}

/** Why the agent may not work for those above any more; undefined: it may, or works for nobody. */
export function brokenChain({ chain }: Chained, { above = [] }: Above): string | undefined {
  if (chain === undefined) return undefined;
  for (const [at, link] of chain.links.entries()) {
    const broken = brokenLink(link, above[at]);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

/** The lowest level of the chain. Who delegates has proved its key. */
export const levelInChain = (level: Level, world: Above): Level =>
  agentsAbove(world).reduce((lowest, agent) => lowerLevel(lowest, effectiveLevel(agent, 'dpop')), level);

/** Totals of one agent that a call reserves together. */
export interface TotalsOfOne {
  readonly agentId: string;
  /** Where totals of a task count. */
  readonly task: string | undefined;
  readonly totals: readonly WantedTotal[];
}

/** What everybody below the root may do together: for its task, or without one for its instance in a day. A session of its own begins neither anew. */
export function cascadeOf({ chain, task }: Pick<CredentialFacts, 'chain' | 'task'>): TotalsOfOne[] {
  const root = chain?.links[0];
  return chain === undefined || root === undefined
    ? []
    : [
        {
          agentId: root.agentId,
          task: task ?? dailyOf(root.instanceId),
          totals: [cascadeTotal(chain.callsMax)],
        },
      ];
}

/** What a call takes out of totals: of the agent's own, of those of each agent above, and of what everybody below the root may do together. */
export function totalsInChain(
  credential: Pick<CredentialFacts, 'chain' | 'task'>,
  agents: { readonly agent: AgentDoc; readonly above: readonly AgentDoc[] },
  tool: ToolDoc,
  args: JsonObject,
): TotalsOfOne[] {
  const { task } = credential;
  const everyone = [agents.agent, ...agents.above].map(
    (agent): TotalsOfOne => ({ agentId: agent.id, task, totals: wantedTotals(agent, tool, args) }),
  );
  return [...everyone, ...cascadeOf(credential)].filter(({ totals }) => totals.length > 0);
}

/** In words, for a record: `for senior-support, for principal-operations`. */
export function forWhom(world: Above): string {
  let words = '';
  for (const { name } of agentsAbove(world)) words = `, for ${name}${words}`;
  return words;
}
