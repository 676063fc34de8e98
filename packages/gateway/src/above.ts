/** Room: identity (S-5). What the snapshot says now of the agents for which a credential works, the root first. */
import type { CredentialFacts, World } from '@atf/core/world';
import type { SnapshotPort } from './ports.ts';

export function aboveOf(
  snapshot: Pick<SnapshotPort, 'agent' | 'instance' | 'sessionRevoked'>,
  { chain }: Pick<CredentialFacts, 'chain'>,
): Pick<World, 'above'> {
  if (chain === undefined) return {};
  const above = chain.links.map(({ agentId, instanceId, sid }) => ({
    agent: snapshot.agent(agentId),
    instance: snapshot.instance(instanceId),
    sessionRevoked: snapshot.sessionRevoked(sid),
  }));
  return { above };
}
