/**
 * Room: policy (S-1). Where an agent may connect to, from what it may do now: to gateways that carry a server of which it may use a tool, to control for its
 * credentials, and itself to services that a mesh guards. A gateway: to control and to the tool servers that it carries. What is stopped: to nothing.
 */
import { refuse } from '@atf/core/errors';
import type { Egress } from '@atf/core/wire/egress';
import type { Control, Handlers } from '../context.ts';
import { carriedOf, carries } from '../gateways/carried.ts';
import { gatewayById, gatewayRows } from '../gateways/store.ts';
import { actingPerson } from '../identity/acting.ts';
import { agentStateOf } from '../identity/documents.ts';
import { pointRows } from '../identity/point-store.ts';
import { type AgentRow, agentByRef } from '../identity/store.ts';
import { serverByName, serverRows } from '../segmentation/store.ts';
import { aboutTool } from './about-tool.ts';
import { knownTools, standingOf, wouldHappen } from './question.ts';

const gatewaysMax = 1_000;
const pointsMax = 1_000;

type Reach = Egress['reach'];

const sorted = (reach: Reach): Reach => {
  const byAddress = new Map(reach.map((each) => [`${each.kind} ${each.url} ${each.name}`, each]));
  return [...byAddress.keys()].sort().flatMap((key) => byAddress.get(key) ?? []);
};

/** Servers with a tool that the agent may use now, alone or after a person approved it. */
async function usableServers(
  control: Control,
  row: AgentRow,
): Promise<{ servers: string[]; stopped: boolean }> {
  const standing = await standingOf(control, row);
  const { agent, stops } = standing;
  const { version, purpose, tools } = agent;
  if (agentStateOf(row, { version, purpose }, stops) !== 'active') return { servers: [], stopped: true };
  const known = await knownTools(control, tools);
  const usable = tools.filter(
    (ref) => wouldHappen(control, standing, aboutTool(agent, ref, known(ref))).outcome !== 'refuse',
  );
  return { servers: [...new Set(usable.map((ref) => ref.split('/', 1)[0] ?? ''))].sort(), stopped: false };
}

async function gatewaysFor(control: Control, servers: readonly string[]): Promise<Reach> {
  const rows = await gatewayRows(control.db, control.config.tenant, gatewaysMax);
  return rows.flatMap((row) => {
    const carried = carriedOf(row.servers);
    const serves = row.state === 'active' && servers.some((server) => carries(carried, server));
    return serves && row.public_url !== null
      ? [{ kind: 'gateway' as const, name: row.name, url: row.public_url }]
      : [];
  });
}

/** Services of which it may use a tool, under the addresses at which proxies guard them. */
async function guarded(control: Control, servers: readonly string[]): Promise<Reach> {
  const rows = await pointRows(control.db, control.config.tenant, pointsMax);
  return rows.flatMap(({ services, revoked_at: revoked }) =>
    Object.entries(revoked === null ? (JSON.parse(services) as Record<string, string>) : {}).flatMap(
      ([name, url]) => (servers.includes(name) ? [{ kind: 'mesh' as const, name, url }] : []),
    ),
  );
}

async function ofAgent(control: Control, row: AgentRow): Promise<Egress> {
  const { servers, stopped } = await usableServers(control, row);
  if (stopped) return { of: 'agent', name: row.name, stopped, reach: [], own: [] };
  const own: string[] = [];
  for (const name of servers) {
    const server = await serverByName(control.db, control.config.tenant, name);
    if (server?.transport.kind === 'cooperative') own.push(name);
  }
  const reach: Reach = [
    { kind: 'control', name: 'control', url: control.config.controlUrl },
    ...(await gatewaysFor(control, servers)),
    ...(await guarded(control, servers)),
  ];
  return { of: 'agent', name: row.name, stopped, reach: sorted(reach), own };
}

export const egressHandlers: Handlers<'agents.egress' | 'gateways.egress'> = {
  async 'agents.egress'(control, { actor, params }) {
    actingPerson(actor);
    const row = await agentByRef(control.db, control.config.tenant, params.id);
    return ofAgent(control, row ?? refuse('identity.agent_not_found'));
  },

  async 'gateways.egress'(control, { actor, params }) {
    actingPerson(actor);
    const { tenant, controlUrl } = control.config;
    const row = await gatewayById(control.db, tenant, params.id);
    if (row === undefined) return refuse('request.not_found', 'there is no such gateway');
    if (row.state !== 'active') return { of: 'gateway', name: row.name, stopped: true, reach: [], own: [] };
    const carried = carriedOf(row.servers);
    const servers = (await serverRows(control.db, tenant)).flatMap(({ name, transport }) =>
      'url' in transport && carries(carried, name)
        ? [{ kind: 'server' as const, name, url: transport.url }]
        : [],
    );
    const reach: Reach = [{ kind: 'control', name: 'control', url: controlUrl }, ...servers];
    return { of: 'gateway', name: row.name, stopped: false, reach: sorted(reach), own: [] };
  },
};
