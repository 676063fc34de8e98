/** What can be stopped, and what a stop of it means, in words a person reads before pressing. */
import type { Agent, Tool } from '@atf/core/wire/api';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import type { Scope } from '@atf/core/wire/words';

export interface StopTarget {
  readonly scope: Scope;
  readonly kind: 'Agent' | 'Owner' | 'Tool' | 'Tool server' | 'Fleet';
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

export function stopTargets(
  agents: readonly Agent[],
  tools: readonly Tool[],
  containments: readonly ContainmentDoc[],
): StopTarget[] {
  const all = [
    fleetTarget(agents),
    ...agents.map(agentTarget),
    ...ownerTargets(agents),
    ...toolTargets(tools, agents),
  ];
  return all.map((target) => ({
    ...target,
    already: containments.find(({ scope }) => sameScope(scope, target.scope))?.state,
  }));
}

/** The name of a scope as people know it. */
export function scopeName(scope: Scope, agents: readonly Agent[]): string {
  if (scope.kind === 'fleet') return 'The whole fleet';
  if (scope.kind === 'tool')
    return scope.id.endsWith('/*') ? `All tools of ${scope.id.slice(0, -2)}` : scope.id;
  if (scope.kind === 'agent') return agents.find(({ id }) => id === scope.id)?.name ?? scope.id;
  for (const agent of agents) {
    for (const person of [agent.owner, agent.technicalOwner, agent.businessOwner]) {
      if (person.id === scope.id) return `Agents of ${person.name}`;
    }
  }
  return `Agents of ${scope.id}`;
}
