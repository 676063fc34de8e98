/** What can be stopped, and what a stop of it means, in words a person reads before pressing. */
import type { Agent, Tool } from '@atf/core/wire/api';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import type { Scope } from '@atf/core/wire/words';
import { versionScopeId } from '@atf/core/incident/scope-id';

export interface StopTarget {
  readonly scope: Scope;
  readonly kind: 'Agent' | 'Version' | 'Session' | 'Purpose' | 'Owner' | 'Tool' | 'Tool server' | 'Fleet';
  readonly name: string;
  /** What will stop. */
  readonly says: string;
  /** The state it is in already. */
  readonly already: ContainmentDoc['state'] | undefined;
}

const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

export const sameScope = (a: Scope, b: Scope): boolean => a.kind === b.kind && a.id === b.id;

function fleetTarget(agents: readonly Agent[]): Omit<StopTarget, 'already'> {
  const instances = agents.reduce((sum, agent) => sum + agent.instances, 0);
  return {
    scope: { kind: 'fleet', id: '*' },
    kind: 'Fleet',
    name: 'The whole fleet',
    says: `All ${plural(agents.length, 'agent')} with ${plural(instances, 'instance')}; no call of any agent runs.`,
  };
}

function agentTarget(agent: Agent): Omit<StopTarget, 'already'> {
  return {
    scope: { kind: 'agent', id: agent.id },
    kind: 'Agent',
    name: agent.name,
    says: `This agent with ${plural(agent.instances, 'instance')}, its running calls and its waiting approvals.`,
  };
}

function versionTarget(agent: Agent): Omit<StopTarget, 'already'> {
  const { version } = agent.manifest;
  return {
    scope: { kind: 'version', id: versionScopeId(agent.id, version) },
    kind: 'Version',
    name: `${agent.name}@${version}`,
    says: 'This version of the agent and no other; another may run once it is registered.',
  };
}

/** Sessions are many and short: one is offered only where somebody came from it. */
function sessionTarget(id: string): Omit<StopTarget, 'already'> {
  return {
    scope: { kind: 'session', id },
    kind: 'Session',
    name: 'This session',
    says: 'One stretch of work of one instance. After a kill the instance begins a new session with its next token: stop the agent if you do not trust it.',
  };
}

/** A purpose is said in its own words; control knows it by its digest. */
function purposeTargets(agents: readonly Agent[]): Omit<StopTarget, 'already'>[] {
  const purposes = new Map<string, string[]>();
  for (const { name, manifest } of agents)
    purposes.set(manifest.purpose, [...(purposes.get(manifest.purpose) ?? []), name]);
  return [...purposes].map(([purpose, names]) => ({
    scope: { kind: 'purpose', id: purpose },
    kind: 'Purpose',
    name: purpose,
    says: `All agents registered for this purpose: ${names.join(', ')}.`,
  }));
}

function ownerTargets(agents: readonly Agent[]): Omit<StopTarget, 'already'>[] {
  const owned = new Map<string, Agent[]>();
  const names = new Map<string, string>();
  for (const agent of agents) {
    for (const person of [agent.owner, agent.technicalOwner]) {
      names.set(person.id, person.name);
      const list = owned.get(person.id) ?? [];
      if (!list.includes(agent)) list.push(agent);
      owned.set(person.id, list);
    }
  }
  return [...owned].map(([id, list]) => ({
    scope: { kind: 'owner', id },
    kind: 'Owner',
    name: names.get(id) ?? id,
    says: `All agents of this person: ${list.map(({ name }) => name).join(', ')}.`,
  }));
}

function toolTargets(tools: readonly Tool[], agents: readonly Agent[]): Omit<StopTarget, 'already'>[] {
  const servers = [...new Set(tools.map(({ server }) => server))];
  const users = (match: (tool: string) => boolean) =>
    agents.filter((agent) => agent.manifest.tools.some(match)).length;
  return [
    ...servers.map((server) => ({
      scope: { kind: 'tool' as const, id: `${server}/*` },
      kind: 'Tool server' as const,
      name: server,
      says: `All ${plural(tools.filter((tool) => tool.server === server).length, 'tool')} of this server; ${plural(
        users((tool) => tool.startsWith(`${server}/`)),
        'agent',
      )} may use them.`,
    })),
    ...tools.map((tool) => ({
      scope: { kind: 'tool' as const, id: `${tool.server}/${tool.name}` },
      kind: 'Tool' as const,
      name: `${tool.server}/${tool.name}`,
      says: `This tool for every agent; ${plural(
        users((name) => name === `${tool.server}/${tool.name}`),
        'agent',
      )} may use it.`,
    })),
  ];
}

const stops = ({ scope, label }: ContainmentDoc, target: Omit<StopTarget, 'already'>): boolean =>
  sameScope(scope, target.scope) ||
  (scope.kind === 'purpose' && target.kind === 'Purpose' && label === target.name.slice(0, 200));

export function stopTargets(
  agents: readonly Agent[],
  tools: readonly Tool[],
  containments: readonly ContainmentDoc[],
  asked: Scope | undefined,
): StopTarget[] {
  const all = [
    ...(asked?.kind === 'session' ? [sessionTarget(asked.id)] : []),
    fleetTarget(agents),
    ...agents.map(agentTarget),
    ...agents.map(versionTarget),
    ...purposeTargets(agents),
    ...ownerTargets(agents),
    ...toolTargets(tools, agents),
  ];
  return all.map((target) => ({
    ...target,
    already: containments.find((containment) => stops(containment, target))?.state,
  }));
}

/** The name of a scope as people know it. */
export function scopeName(scope: Scope, agents: readonly Agent[], label?: string): string {
  if (label !== undefined) return label;
  if (scope.kind === 'fleet') return 'The whole fleet';
  if (scope.kind === 'tool')
    return scope.id.endsWith('/*') ? `All tools of ${scope.id.slice(0, -2)}` : scope.id;
  if (scope.kind === 'agent') return agents.find(({ id }) => id === scope.id)?.name ?? scope.id;
  for (const agent of agents) {
    for (const person of [agent.owner, agent.technicalOwner, agent.businessOwner]) {
      if (person.id === scope.id) return `Agents of ${person.name}`;
    }
  }
  return scope.kind === 'owner' ? `Agents of ${scope.id}` : scope.id;
}
