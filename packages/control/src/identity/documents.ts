/** Room: identity. What gateways and people are told about an agent, from its rows. */
import { lowerLevel } from '@atf/core/maturity/levels';
import { containmentOf, stopsAgents, touchedBy } from '@atf/core/incident/containment';
import type { Agent } from '@atf/core/wire/api';
import type { AgentDoc, ContainmentDoc } from '@atf/core/wire/feed';
import type { Manifest } from '@atf/core/wire/manifest';
import type { AgentRow, PersonRef } from './store.ts';

/** What is bound to times. Manifests of before have none of it. */
function timed({
  windows = [],
  otherDomains = [],
}: Partial<Manifest>): Pick<AgentDoc, 'windows' | 'otherDomains'> {
  return {
    ...(windows.length === 0 ? {} : { windows }),
    ...(otherDomains.length === 0 ? {} : { otherDomains }),
  };
}

export function agentDocOf(row: AgentRow, manifest: Manifest): AgentDoc {
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    manifestDigest: row.manifest_digest,
    level: row.level,
    ...(row.ceiling === null ? {} : { ceiling: row.ceiling }),
    ownerId: row.owner_id,
    technicalOwnerId: row.technical_owner_id,
    purpose: manifest.purpose,
    domain: manifest.domain,
    dataDomains: manifest.dataDomains,
    tools: manifest.tools,
    limits: manifest.limits,
    checkpoints: manifest.checkpoints,
    ...(manifest.databases === undefined ? {} : { databases: manifest.databases }),
    ...timed(manifest),
    assurance: manifest.assurance,
    ...row.adapted,
    epoch: row.epoch,
    credentialEpoch: row.credential_epoch,
  };
}

/** Whether the agent as a whole is stopped, by itself, its owners or the fleet. Stops of single tools do not count here. */
export function agentStateOf(
  row: Pick<AgentRow, 'id' | 'owner_id' | 'technical_owner_id'>,
  manifest: Pick<Manifest, 'version' | 'purpose'>,
  stops: readonly ContainmentDoc[],
): Agent['state'] {
  return stopOfAgent(row, manifest, stops)?.containment.state ?? 'active';
}

/** The stop that concerns the agent as a whole. */
export function stopOfAgent(
  row: Pick<AgentRow, 'id' | 'owner_id' | 'technical_owner_id'>,
  { version, purpose }: Pick<Manifest, 'version' | 'purpose'>,
  stops: readonly ContainmentDoc[],
): ReturnType<typeof containmentOf> {
  const { id, owner_id: ownerId, technical_owner_id: technicalOwnerId } = row;
  return containmentOf(
    stops.filter(({ scope }) => stopsAgents(scope)),
    touchedBy({ id, version, purpose, ownerId, technicalOwnerId }),
  );
}

const gone: Omit<PersonRef, 'id'> = { name: 'unknown person', email: 'unknown@invalid.example' };

export interface AgentSurroundings {
  readonly manifest: Manifest;
  readonly people: ReadonlyMap<string, PersonRef>;
  readonly stops: readonly ContainmentDoc[];
  readonly instances: number;
  /** When its newest record in the log was made. */
  readonly lastActionMs: number | undefined;
}

export function agentViewOf(
  row: AgentRow,
  { manifest, people, stops, instances, lastActionMs }: AgentSurroundings,
): Agent {
  const person = (id: string) => people.get(id) ?? { id, ...gone };
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    manifestDigest: row.manifest_digest,
    manifest,
    level: row.level,
    ...(row.ceiling === null ? {} : { ceiling: row.ceiling }),
    effectiveLevel: row.ceiling === null ? row.level : lowerLevel(row.level, row.ceiling),
    owner: person(row.owner_id),
    technicalOwner: person(row.technical_owner_id),
    businessOwner: person(row.business_owner_id),
    bootstrap: row.bootstrap,
    state: agentStateOf(row, manifest, stops),
    instances,
    registeredAt: new Date(row.registered_at).toISOString(),
    ...(lastActionMs === undefined ? {} : { lastActionAt: new Date(lastActionMs).toISOString() }),
  };
}
