/**
 * Room: incident. What people say is to be stopped, in its one spelling; whom it concerns; who may say so. A stop must not need the
 * database, so that a look into it is bounded, and ids are taken without it.
 */
import { refuse } from '@atf/core/errors';
import { containmentApplies, purposeScopeId, stopsAgents, touchedBy } from '@atf/core/incident/containment';
import { canName, versionScopeId } from '@atf/core/incident/scope-id';
import type { Person } from '@atf/core/wire/api';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import { type Scope, uuidSchema } from '@atf/core/wire/words';
import type { Control, Db, Tx } from '../context.ts';
import { agentsMax } from '../identity/agents.ts';
import { sessionById } from '../identity/credential-store.ts';
import { serverByName, toolByName } from '../segmentation/store.ts';
import {
  type AgentRow,
  agentByRef,
  agentRows,
  agentsListing,
  currentVersions,
  versionNamed,
} from '../identity/store.ts';

/** A look into the database before a stop must not delay it. */
const lookupBoundMs = 200;
const labelLengthMax = 200;

/** Resolves with `undefined` when `work` fails or takes longer than `boundMs`. */
export async function within<T>(boundMs: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), boundMs);
  });
  try {
    return await Promise.race([work.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface ResolvedScope {
  readonly scope: Scope;
  /** The one agent that it is about, where it is about one and the database knows it. */
  readonly agent?: AgentRow | undefined;
  /** What people call it, where the id does not say. */
  readonly label?: string;
}

type AgentOf = (control: Control, ref: string) => Promise<AgentRow | undefined>;
const agentOf: AgentOf = (control, ref) =>
  within(lookupBoundMs, agentByRef(control.db, control.config.tenant, ref));

/** The agent of a name or an id. With an id a stop needs no database; with a name it does. */
async function agentNamed(
  control: Control,
  ref: string,
): Promise<{ readonly id: string; readonly agent: AgentRow | undefined }> {
  const agent = await agentOf(control, ref);
  if (agent === undefined && !uuidSchema.safeParse(ref).success) refuse('identity.agent_not_found');
  return { id: agent?.id ?? ref, agent };
}

async function version(control: Control, id: string, mustExist: boolean): Promise<ResolvedScope> {
  const at = id.indexOf('@');
  const [ref, named] = [id.slice(0, at), id.slice(at + 1)];
  if (at < 1 || named === '' || named.length > 100)
    refuse('request.malformed', 'scope.id: agent@version, for example support-bot@1.2.0');
  const { id: agentId, agent } = await agentNamed(control, ref);
  const scope: Scope = { kind: 'version', id: versionScopeId(agentId, named) };
  if (agent === undefined) return { scope };
  const { tenant } = control.config;
  const known = await within(
    lookupBoundMs,
    versionNamed(control.db, tenant, agentId, named).then((row) => row !== undefined),
  );
  // A stop of a version that never was would stop nothing, and somebody would believe that it did.
  if (known === false && mustExist)
    refuse('containment.nothing_such', `${agent.name} has no version ${named}.`);
  return { scope, agent, label: `${agent.name}@${named}` };
}

async function session(control: Control, id: string, mustExist: boolean): Promise<ResolvedScope> {
  if (!uuidSchema.safeParse(id).success) refuse('request.malformed', 'scope.id: the id of a session');
  const scope: Scope = { kind: 'session', id };
  const { tenant } = control.config;
  const found = await within(
    lookupBoundMs,
    sessionById(control.db, tenant, id).then((row) => row ?? 'none'),
  );
  if (found === 'none' && mustExist) refuse('containment.nothing_such', 'No session has this id.');
  const agent = found === undefined || found === 'none' ? undefined : await agentOf(control, found.agent_id);
  return agent === undefined ? { scope } : { scope, agent, label: `a session of ${agent.name}` };
}

/** A purpose in its own words, or its digest. */
async function purpose(control: Control, id: string, mustExist: boolean): Promise<ResolvedScope> {
  const digest = purposeScopeId(id);
  const scope: Scope = { kind: 'purpose', id: digest };
  const words = await within(
    lookupBoundMs,
    agentsTouched(control, control.db, scope).then(([first]) => first?.purpose ?? ''),
  );
  if (words === '' && mustExist) refuse('containment.nothing_such', 'No registered agent has this purpose.');
  const label = words === undefined || words === '' ? (digest === id ? undefined : id) : words;
  return label === undefined ? { scope } : { scope, label: label.slice(0, labelLengthMax) };
}

/**
 * The scope in its one spelling. What is resumed need not exist any more (`mustExist`). Refuses what could never stop anything: `request.malformed`, `identity.agent_not_found`, `containment.nothing_such`.
 */
export async function resolveScope(
  control: Control,
  { kind, id }: Scope,
  mustExist: boolean,
): Promise<ResolvedScope> {
  switch (kind) {
    case 'fleet':
      return { scope: { kind, id: '*' } };
    case 'tool':
      return canName({ kind, id })
        ? { scope: { kind, id } }
        : refuse('request.malformed', 'scope.id: server/tool or server/*');
    case 'owner':
      return canName({ kind, id })
        ? { scope: { kind, id } }
        : refuse('request.malformed', 'scope.id: the id of a person');
    case 'agent': {
      const found = await agentNamed(control, id);
      return { scope: { kind, id: found.id }, agent: found.agent };
    }
    case 'version':
      return version(control, id, mustExist);
    case 'session':
      return session(control, id, mustExist);
    case 'purpose':
      return purpose(control, id, mustExist);
  }
}

interface TouchedAgent {
  readonly row: AgentRow;
  readonly purpose: string;
}

/** Agents whose whole work a scope stops. */
async function agentsTouched(control: Control, db: Db | Tx, scope: Scope): Promise<TouchedAgent[]> {
  const { tenant } = control.config;
  const rows = await agentRows(db, tenant, agentsMax);
  const versions = await currentVersions(db, tenant, rows);
  return rows.flatMap((row) => {
    const manifest = versions.get(row.id)?.manifest;
    if (manifest === undefined) return [];
    const { version, purpose } = manifest;
    const touched = touchedBy({
      id: row.id,
      version,
      purpose,
      ownerId: row.owner_id,
      technicalOwnerId: row.technical_owner_id,
    });
    return containmentApplies(scope, touched) ? [{ row, purpose }] : [];
  });
}

/** Agents that a scope concerns: those that it stops; of a tool, those that may use it; of a session, the one whose it is. */
export async function agentsOf(control: Control, tx: Tx, scope: Scope): Promise<AgentRow[]> {
  const { tenant } = control.config;
  if (scope.kind === 'agent') {
    const agent = await agentByRef(tx, tenant, scope.id);
    return agent === undefined ? [] : [agent];
  }
  if (scope.kind === 'session') {
    const found = await sessionById(tx, tenant, scope.id);
    const agent = found === undefined ? undefined : await agentByRef(tx, tenant, found.agent_id);
    return agent === undefined ? [] : [agent];
  }
  if (stopsAgents(scope)) return (await agentsTouched(control, tx, scope)).map(({ row }) => row);
  return await agentsListing(tx, tenant, scope.id);
}

/**
 * Refuses a stop that would stop nothing (`containment.nothing_such`): a tool or server that is not registered, a person who is owner or technical owner
 * of no agent. A database that cannot be asked in time holds no stop up.
 */
export async function refuseNothing(control: Control, scope: Scope): Promise<void> {
  const { tenant } = control.config;
  if (scope.kind === 'owner') {
    const agents = await within(lookupBoundMs, agentsTouched(control, control.db, scope));
    if (agents?.length === 0)
      refuse('containment.nothing_such', 'This person is owner or technical owner of no agent.');
  }
  if (scope.kind !== 'tool') return;
  const slash = scope.id.indexOf('/');
  const [server, tool] = [scope.id.slice(0, slash), scope.id.slice(slash + 1)];
  const found = await within(
    lookupBoundMs,
    tool === '*'
      ? serverByName(control.db, tenant, server).then((row) => row !== undefined)
      : toolByName(control.db, tenant, server, tool).then((row) => row !== undefined),
  );
  if (found === false)
    refuse(
      'containment.nothing_such',
      tool === '*' ? `No tool server ${server} is registered.` : `No tool ${scope.id} is registered.`,
    );
}

const runsAtf = (person: Person) => person.roles.includes('operator') || person.roles.includes('security');

/** Who may stop: operators and security everything; people who answer for an agent, and those its manifest names, that agent; owners their own. */
export function mayStop(person: Person, { scope, agent }: ResolvedScope): boolean {
  if (runsAtf(person)) return true;
  if (scope.kind === 'owner') return scope.id === person.id;
  if (agent === undefined) return false;
  return [agent.owner_id, agent.technical_owner_id, agent.business_owner_id, ...agent.may_stop].includes(
    person.id,
  );
}

/** Operators and security resume everything; people who answer for an agent resume it from a pause. */
export function mayResume(person: Person, { agent }: ResolvedScope, state: ContainmentDoc['state']): boolean {
  if (runsAtf(person)) return true;
  if (agent === undefined || state !== 'paused') return false;
  return agent.owner_id === person.id || agent.technical_owner_id === person.id;
}
