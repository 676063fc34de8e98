/**
 * Room: identity (M-1). The temporary ceiling on an agent's level, as people set and lift it. Anybody who may resume lowers it; only security raises or
 * lifts it, because it holds back what nobody has reviewed.
 */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { levelRank } from '@atf/core/maturity/levels';
import { type BodyOut, ceilingShownText, type CeilingWord, type Person } from '@atf/core/wire/api';
import type { Level } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { keepReason } from '../incident/reasons.ts';
import { putAgentDoc } from './agents.ts';
import { type AgentRow, lockAgent, updateAgent, versionByDigest } from './store.ts';

interface Change {
  readonly to: CeilingWord;
  readonly by: Person;
  readonly because: 'resumed_with_restrictions' | 'set_by_person';
  /** Beside the fact, in its record. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

const rank = (ceiling: Level | null): number =>
  ceiling === null ? Number.POSITIVE_INFINITY : levelRank(ceiling);

/** Sets or lifts the ceiling of an agent that this transaction has locked. Refuses `people.not_allowed`. */
export async function changeCeiling(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  change: Change,
): Promise<void> {
  const { tenant } = control.config;
  const { by, because, facts = {} } = change;
  const ceiling = change.to === 'none' ? null : change.to;
  if (agent.ceiling === ceiling) return;
  if (rank(ceiling) > rank(agent.ceiling) && !by.roles.includes('security'))
    refuse('people.not_allowed', `Security ${ceiling === null ? 'lifts' : 'raises'} a ceiling.`);
  const row = await updateAgent(tx, tenant, agent.id, { ceiling, epoch: agent.epoch + 1 });
  const version =
    row === undefined ? undefined : await versionByDigest(tx, tenant, agent.id, row.manifest_digest);
  if (row === undefined || version === undefined) throw new Error('an agent without its version');
  await putAgentDoc(control, tx, row, version.manifest);
  await control.audit.enqueue(tx, 'maturity.ceiling_set', {
    agentId: agent.id,
    agent: row.name,
    ceiling,
    ...(agent.ceiling === null ? {} : { previous: agent.ceiling }),
    because,
    ...facts,
    by: by.id,
  });
}

/**
 * Sets or lifts a ceiling without a stop. What was confirmed names the version and the ceiling that were shown: a new version, or another ceiling
 * meanwhile, was not. Refuses `identity.agent_not_found`, `people.not_allowed`, `people.presence_invalid`.
 */
export async function setCeiling(
  control: Control,
  person: Person,
  agentId: string,
  given: BodyOut<'agents.ceiling'>,
): Promise<void> {
  const { tenant } = control.config;
  await control.change(async (tx) => {
    const agent = (await lockAgent(tx, tenant, agentId)) ?? refuse('identity.agent_not_found');
    const shown = ceilingShownText({
      agentId: agent.id,
      manifestDigest: agent.manifest_digest,
      from: agent.ceiling ?? 'none',
      to: given.ceiling,
      reason: given.reason,
    });
    const subject = { kind: 'level' as const, id: agent.id, digest: sha256(shown) };
    const { method } = await control.presence.consume(tx, person, given.presence, subject);
    const { reason } = given;
    const reasonId = await keepReason(control, tx, person.id, {
      kind: 'ceiling',
      key: `agent:${agent.id}`,
      reason,
    });
    await changeCeiling(control, tx, agent, {
      to: given.ceiling,
      by: person,
      because: 'set_by_person',
      facts: { presence: method, reasonId },
    });
  });
}
