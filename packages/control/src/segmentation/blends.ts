/**
 * Room: segmentation (S-4). A person who answers for security, and not for the agent, lets it bring indexes together until a day. It stands with the agent, so that each
 * decision and its record know it; ending it raises the agent's epoch, so that what was decided by it and has not begun is decided again.
 */
import { randomUUID } from 'node:crypto';
import { refuse } from '@atf/core/errors';
import type { BodyOut, Person } from '@atf/core/wire/api';
import { dayMs } from '@atf/core/hours';
import { type BlendGrant, blendDaysMax, blendsMax, type BlendView } from '@atf/core/wire/retrieval';
import type { Control, Tx } from '../context.ts';
import { answersFor } from '../identity/acting.ts';
import { setAdapted } from '../identity/adapted.ts';
import { agentById, agentByRef, type AgentRow, lockAgent } from '../identity/store.ts';
import { keepReason } from '../incident/reasons.ts';
import { indexNames } from './retrieval-store.ts';
import { adaptedAgents } from './volume-store.ts';

const agentsShownMax = 20_000;

const isOver = ({ until }: BlendGrant, nowMs: number): boolean => nowMs >= Date.parse(until);

/** Refuses `segmentation.source_unknown` for an index from which nothing answers, `request.malformed` for an end that is none. */
async function checkBlend(
  { config, clock }: Control,
  tx: Tx,
  { indexes, until }: BodyOut<'sources.blend'>,
): Promise<void> {
  const known = new Set(await indexNames(tx, config.tenant));
  const strange = indexes.find((index) => !known.has(index));
  if (strange !== undefined) refuse('segmentation.source_unknown', `the index ${strange}`);
  const leftMs = Date.parse(until) - clock.nowMs();
  if (leftMs <= 0) refuse('request.malformed', 'until: it is over');
  if (leftMs > blendDaysMax * dayMs)
    refuse('request.malformed', `until: at most ${blendDaysMax} days from now`);
}

/** Refuses `identity.agent_not_found`, `people.not_allowed`, `segmentation.source_unknown`, `request.malformed`, `request.overloaded`. */
export async function grantBlend(
  control: Control,
  tx: Tx,
  ref: string,
  given: BodyOut<'sources.blend'>,
  person: Person,
): Promise<BlendView> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const found = (await agentByRef(tx, tenant, ref)) ?? refuse('identity.agent_not_found');
  const agent = (await lockAgent(tx, tenant, found.id)) ?? refuse('identity.agent_not_found');
  if (answersFor(person, agent) || agent.business_owner_id === person.id)
    refuse('people.not_allowed', 'Who answers for an agent does not let it bring indexes together.');
  await checkBlend(control, tx, given);
  const held = (agent.adapted.blends ?? []).filter((grant) => !isOver(grant, nowMs));
  if (held.length >= blendsMax) refuse('request.overloaded', `more than ${blendsMax} grants of one agent`);
  const grant: BlendGrant = {
    id: randomUUID(),
    indexes: given.indexes,
    manifestDigest: agent.manifest_digest,
    since: new Date(nowMs).toISOString(),
    until: given.until,
  };
  await setAdapted(control, tx, agent, { ...agent.adapted, blends: [...held, grant] });
  const reasonId = await keepReason(control, tx, person.id, {
    kind: 'blended',
    key: `agent:${agent.id}`,
    reason: given.reason,
  });
  await control.audit.enqueue(tx, 'segmentation.blend_granted', {
    agentId: agent.id,
    agent: agent.name,
    grant,
    reasonId,
    by: person.id,
  });
  return { ...grant, agentId: agent.id, agent: agent.name };
}

/** Refuses `identity.agent_not_found`, `people.not_allowed`, `segmentation.source_unknown`. */
export async function endBlend(
  control: Control,
  tx: Tx,
  agentId: string,
  grantId: string,
  person: Person,
): Promise<void> {
  const agent = (await lockAgent(tx, control.config.tenant, agentId)) ?? refuse('identity.agent_not_found');
  const everywhere = person.roles.includes('operator') || person.roles.includes('security');
  if (!everywhere && !answersFor(person, agent)) refuse('people.not_allowed', 'This agent has other owners.');
  const { blends = [], ...rest } = agent.adapted;
  if (!blends.some(({ id }) => id === grantId)) refuse('segmentation.source_unknown', 'the grant');
  const stay = blends.filter(({ id }) => id !== grantId);
  await setAdapted(control, tx, agent, raised(agent, stay.length === 0 ? rest : { ...rest, blends: stay }), {
    narrower: true,
  });
  await control.audit.enqueue(tx, 'segmentation.blend_ended', {
    agentId: agent.id,
    agent: agent.name,
    grantId,
    by: person.id,
  });
}

/** After a restore nobody knows which were ended since the backup. */
export async function forgetBlends(control: Control, tx: Tx): Promise<void> {
  for (const { id } of await adaptedAgents(tx, control.config.tenant, agentsShownMax)) {
    const agent = await lockAgent(tx, control.config.tenant, id);
    if (agent?.adapted.blends === undefined) continue;
    const { blends: _, ...rest } = agent.adapted;
    await setAdapted(control, tx, agent, raised(agent, rest), { narrower: true });
  }
}

/** Boundaries that the agent has widened go on under the epoch that this raises. */
function raised({ epoch }: AgentRow, adapted: AgentRow['adapted']): AgentRow['adapted'] {
  const { grants, ...rest } = adapted;
  if (grants === undefined) return rest;
  return {
    ...rest,
    grants: grants.map((grant) =>
      grant.epochs.agent === epoch ? { ...grant, epochs: { ...grant.epochs, agent: epoch + 1 } } : grant,
    ),
  };
}

export async function listBlends({ db, config, clock }: Control): Promise<BlendView[]> {
  const nowMs = clock.nowMs();
  const views: BlendView[] = [];
  for (const { id, adapted } of await adaptedAgents(db, config.tenant, agentsShownMax)) {
    if ((adapted.blends ?? []).length === 0) continue;
    const agent = await agentById(db, config.tenant, id);
    if (agent === undefined) continue;
    for (const grant of adapted.blends ?? [])
      views.push({
        ...grant,
        agentId: id,
        agent: agent.name,
        ...(isOver(grant, nowMs) ? { over: true } : {}),
      });
  }
  return views;
}
