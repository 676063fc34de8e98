/**
 * Room: identity (I-1, I-3, I-4, I-5). Registering agents and their versions. An agent always starts as Intern; the only level that is ever
 * given here is the marked one of the example workspace.
 */
import { randomUUID } from 'node:crypto';
import { refuse, RefusalError } from '@atf/core/errors';
import { checkOffices, parseManifest } from '@atf/core/identity/manifest';
import { lowerLevel } from '@atf/core/maturity/levels';
import { versionChange } from '@atf/core/maturity/version-change';
import type { Agent } from '@atf/core/wire/api';
import type { Manifest } from '@atf/core/wire/manifest';
import type { Level } from '@atf/core/wire/words';
import type { Control, Db, Tx } from '../context.ts';
import { lastActionTimes } from '../audit/index-store.ts';
import { stopsInForce } from '../incident/stop-files.ts';
import { personByRef } from '../people/store.ts';
import { agentDocOf, agentViewOf } from './documents.ts';
import { activeInstanceCounts } from './credential-store.ts';
import {
  type AgentRow,
  agentById,
  agentCount,
  agentRows,
  currentVersions,
  insertAgent,
  insertVersion,
  lockAgentNamed,
  peopleByIds,
  type PersonRef,
  setLevel,
  updateAgent,
  versionByDigest,
  versionNamed,
} from './store.ts';

/** Agents of one tenant. */
export const agentsMax = 20_000;

interface Resolved {
  readonly owner: PersonRef;
  readonly technicalOwner: PersonRef;
  readonly businessOwner: PersonRef;
  readonly escalation: PersonRef;
  readonly mayStop: readonly PersonRef[];
}

async function resolvePeople(tx: Tx, tenant: string, manifest: Manifest): Promise<Resolved> {
  const person = async (field: string, ref: string): Promise<PersonRef> =>
    (await personByRef(tx, tenant, ref)) ??
    refuse('identity.manifest_invalid', `${field}: nobody is registered under that address or id`);
  const { owner, technicalOwner, businessOwner, sponsor, escalation, mayStop } = manifest;
  if (sponsor !== undefined) await person('sponsor', sponsor);
  const stoppers: PersonRef[] = [];
  for (const [index, ref] of mayStop.entries()) stoppers.push(await person(`mayStop.${index}`, ref));
  return {
    owner: await person('owner', owner),
    technicalOwner: await person('technicalOwner', technicalOwner),
    businessOwner: await person('businessOwner', businessOwner),
    escalation: await person('escalation', escalation),
    mayStop: stoppers,
  };
}

/** Who registers: a person of the registry, or the set-up of the example workspace. */
export interface Registrar {
  readonly id: string;
  readonly operator: boolean;
}

interface Registration {
  readonly text: string;
  readonly manifest: Manifest;
  readonly digest: string;
  readonly people: Resolved;
  readonly by: Registrar;
}

function officesOf({ owner, technicalOwner, businessOwner, escalation, mayStop }: Resolved) {
  return {
    owner_id: owner.id,
    technical_owner_id: technicalOwner.id,
    business_owner_id: businessOwner.id,
    escalation_id: escalation.id,
    may_stop: JSON.stringify([...new Set(mayStop.map(({ id }) => id))]),
  };
}

async function putVersion(
  control: Control,
  tx: Tx,
  agentId: string,
  { text, manifest, digest, by }: Registration,
): Promise<void> {
  await insertVersion(tx, {
    tenant: control.config.tenant,
    agent_id: agentId,
    digest,
    version: manifest.version,
    text,
    manifest: JSON.stringify(manifest),
    registered_at: control.clock.nowMs(),
    registered_by: by.id,
  });
}

export async function putAgentDoc(
  control: Control,
  tx: Tx,
  row: AgentRow,
  manifest: Manifest,
): Promise<void> {
  await control.feed.put(tx, 'agent', row.id, agentDocOf(row, manifest));
}

async function registerNew(control: Control, tx: Tx, given: Registration): Promise<string> {
  const { tenant } = control.config;
  const { manifest, digest, people, by } = given;
  if ((await agentCount(tx, tenant)) >= agentsMax)
    refuse('request.overloaded', `more than ${agentsMax} agents`);
  const id = randomUUID();
  const row = {
    tenant,
    id,
    name: manifest.name,
    version: manifest.version,
    manifest_digest: digest,
    level: 'intern' as const,
    ceiling: null,
    ...officesOf(people),
    bootstrap: false,
    epoch: 1,
    credential_epoch: 0,
    registered_at: control.clock.nowMs(),
  };
  if (!(await insertAgent(tx, row))) refuse('identity.name_taken');
  await putVersion(control, tx, id, given);
  const mayStop = people.mayStop.map((person) => person.id);
  await putAgentDoc(control, tx, { ...row, may_stop: mayStop, adapted: {} }, manifest);
  await control.audit.enqueue(tx, 'identity.agent_registered', {
    agentId: id,
    agent: manifest.name,
    version: manifest.version,
    manifestDigest: digest,
    level: 'intern',
    ownerId: people.owner.id,
    technicalOwnerId: people.technicalOwner.id,
    businessOwnerId: people.businessOwner.id,
    by: by.id,
  });
  return id;
}

async function registerVersion(
  control: Control,
  tx: Tx,
  before: AgentRow,
  given: Registration,
): Promise<void> {
  const { tenant } = control.config;
  const { manifest, digest, people, by } = given;
  if (before.owner_id !== by.id && !by.operator)
    refuse('identity.name_taken', 'It belongs to another owner.');
  if (people.owner.id !== before.owner_id && !by.operator)
    refuse('people.not_allowed', 'Only an operator hands an agent to another owner.');
  const named = await versionNamed(tx, tenant, before.id, manifest.version);
  if (named !== undefined && named.digest !== digest) {
    refuse(
      'identity.manifest_invalid',
      `version: ${manifest.version} is registered with other content; give the new content a new version`,
    );
  }
  const current = await versionByDigest(tx, tenant, before.id, before.manifest_digest);
  if (current === undefined) throw new Error('an agent without its version');
  const { ceiling, because } = versionChange(current.manifest, manifest);
  const capped =
    ceiling === undefined
      ? before.ceiling
      : before.ceiling === null
        ? ceiling
        : lowerLevel(ceiling, before.ceiling);
  await putVersion(control, tx, before.id, given);
  const row = await updateAgent(tx, tenant, before.id, {
    version: manifest.version,
    manifest_digest: digest,
    ceiling: capped,
    ...officesOf(people),
    epoch: before.epoch + 1,
  });
  if (row === undefined) throw new Error('a locked agent vanished');
  await putAgentDoc(control, tx, row, manifest);
  await control.audit.enqueue(tx, 'identity.agent_registered', {
    agentId: before.id,
    agent: manifest.name,
    version: manifest.version,
    manifestDigest: digest,
    previousDigest: before.manifest_digest,
    level: row.level,
    ...(row.ceiling === null ? {} : { ceiling: row.ceiling }),
    changed: because,
    by: by.id,
  });
  if (capped !== before.ceiling) {
    await control.audit.enqueue(tx, 'maturity.ceiling_set', {
      agentId: before.id,
      agent: manifest.name,
      ceiling: capped,
      because: 'version_changed',
      changed: because,
      by: by.id,
    });
  }
}

/**
 * Registers an agent, or a new version of it; the same bytes again change nothing. Gives the id. Refuses `identity.manifest_invalid`,
 * `identity.manifest_owners`, `identity.name_taken`, `people.not_allowed`.
 */
export async function registerAgent(
  control: Control,
  tx: Tx,
  text: string,
  format: 'yaml' | 'json',
  by: Registrar,
): Promise<string> {
  const parsed = parseManifest(text, format);
  if (!parsed.ok) throw new RefusalError(parsed.refusal);
  const { manifest, digest } = parsed;
  const { tenant } = control.config;
  const people = await resolvePeople(tx, tenant, manifest);
  const offices = checkOffices({
    ownerId: people.owner.id,
    technicalOwnerId: people.technicalOwner.id,
    businessOwnerId: people.businessOwner.id,
  });
  if (offices !== undefined) throw new RefusalError(offices);
  const given = { text, manifest, digest, people, by };
  const before = await lockAgentNamed(tx, tenant, manifest.name);
  if (before === undefined) {
    if (people.owner.id !== by.id && !by.operator)
      refuse('people.not_allowed', 'An agent owner registers agents of their own.');
    return registerNew(control, tx, given);
  }
  if (before.manifest_digest !== digest) await registerVersion(control, tx, before, given);
  return before.id;
}

/** Gives an example agent its level without evidence, and marks it. Nothing else in the product raises a level without its gates. */
export async function bootstrapLevel(control: Control, tx: Tx, agentId: string, level: Level): Promise<void> {
  const { tenant, example } = control.config;
  if (!example) throw new Error('levels are bootstrapped in example workspaces only');
  const row = await setLevel(tx, tenant, agentId, level, true);
  const version =
    row === undefined ? undefined : await versionByDigest(tx, tenant, row.id, row.manifest_digest);
  if (row === undefined || version === undefined) throw new Error('no such agent');
  await putAgentDoc(control, tx, row, version.manifest);
  await control.audit.enqueue(tx, 'maturity.level_bootstrapped', { agentId, agent: row.name, level });
}

const officeIds = (row: AgentRow) => [row.owner_id, row.technical_owner_id, row.business_owner_id];

export async function agentViews(
  control: Control,
  rows: readonly AgentRow[],
  db: Db | Tx = control.db,
): Promise<Agent[]> {
  const { tenant } = control.config;
  const versions = await currentVersions(db, tenant, rows);
  const people = await peopleByIds(db, tenant, rows.flatMap(officeIds));
  const stops = await stopsInForce(control, db);
  const ids = rows.map(({ id }) => id);
  const counts = await activeInstanceCounts(db, tenant, ids);
  const actedAt = await lastActionTimes(db, tenant, ids);
  return rows.flatMap((row) => {
    const version = versions.get(row.id);
    if (version === undefined) return [];
    const instances = counts.get(row.id) ?? 0;
    const lastActionMs = actedAt.get(row.id);
    return [agentViewOf(row, { manifest: version.manifest, people, stops, instances, lastActionMs })];
  });
}

export async function agentView(control: Control, id: string): Promise<Agent> {
  const row = (await agentById(control.db, control.config.tenant, id)) ?? refuse('identity.agent_not_found');
  const [view] = await agentViews(control, [row]);
  return view ?? refuse('identity.agent_not_found');
}

/** By name: all, or those of a page. */
export async function listAgents(
  control: Control,
  { after, limit = agentsMax }: { readonly after?: string | undefined; readonly limit?: number | undefined },
): Promise<Agent[]> {
  return agentViews(control, await agentRows(control.db, control.config.tenant, limit, after));
}
