/**
 * Room: policy (S-1, S-2). What every registered agent may do, as far as combinations go: alone, with a person's task, with a person, never; by the decision that
 * gateways make; and whom they may start. Agents with equal rights are one group. Stops and what is spent are left out: they pass.
 */
import { sha256 } from '@atf/core/digest';
import { effectiveLevel, levelRank } from '@atf/core/maturity/levels';
import {
  type AgentGroup,
  composedTool,
  composedTable,
  type ComposedTool,
  composedWithoutTables,
  type Freedom,
  isAtLeast,
  moreFree,
  noTables,
  type Right,
  type Starts,
} from '@atf/core/segmentation/composition/rights';
import { rolesFrom } from '@atf/core/segmentation/provenance/argument-origins';
import { tableRightsOf } from '@atf/core/segmentation/sql/rights';
import type { QueryFact } from '@atf/core/wire/database';
import type { AgentDoc, ToolDoc } from '@atf/core/wire/feed';
import { isJsonObject } from '@atf/core/wire/json';
import type { Cascade, Manifest } from '@atf/core/wire/manifest';
import type { Level } from '@atf/core/wire/words';
import { type Decision, noTask, type ProvenanceFact, type TaskFact } from '@atf/core/world';
import type { Control } from '../context.ts';
import { agentDocOf } from '../identity/documents.ts';
import { agentRows, currentVersions } from '../identity/store.ts';
import { aboutTool } from './about-tool.ts';
import { type Known, knownTools, type Standing, wouldHappen } from './question.ts';

const pageAgents = 500;

/** An agent with what its version in force says of starting others. */
export interface FleetAgent {
  readonly doc: AgentDoc;
  readonly starting: Pick<Manifest, 'maySpawn' | 'mayStart' | 'cascade'>;
}

/** Every agent with its version in force, by name. */
export async function allAgents(control: Control): Promise<FleetAgent[]> {
  const { db, config } = control;
  const docs: FleetAgent[] = [];
  for (let after: string | undefined; ; ) {
    const rows = await agentRows(db, config.tenant, pageAgents, after);
    const versions = await currentVersions(db, config.tenant, rows);
    for (const row of rows) {
      const manifest = versions.get(row.id)?.manifest;
      if (manifest === undefined) continue;
      const { maySpawn, mayStart, cascade } = manifest;
      docs.push({ doc: agentDocOf(row, manifest), starting: { maySpawn, mayStart, cascade } });
    }
    after = rows.at(-1)?.name;
    if (rows.length < pageAgents) return docs;
  }
}

/** Whom an agent may start; undefined: nobody. As control decides it for a session that works for nobody and has proved its key. */
export function startsOf(
  agent: AgentDoc,
  starting: FleetAgent['starting'],
  cascade: Cascade,
): Starts | undefined {
  const { maySpawn, mayStart, cascade: own = {} } = starting;
  const least = (figure: 'depthMax' | 'fanOutMax') => Math.min(cascade[figure], own[figure] ?? Infinity);
  if (!maySpawn || levelRank(effectiveLevel(agent, 'dpop')) < levelRank('senior')) return undefined;
  if (least('depthMax') < 1 || least('fanOutMax') < 1) return undefined;
  if (mayStart === undefined) return 'any';
  const others = [...new Set(mayStart)].filter((name) => name !== agent.name).sort();
  return others.length === 0 ? undefined : others;
}

/** By name: the agents that name it as one that they may start. */
function startersOf(agents: readonly { readonly name: string; readonly starts: Starts | undefined }[]) {
  const starters = new Map<string, string[]>();
  for (const { name, starts } of agents)
    for (const other of starts === 'any' ? [] : (starts ?? []))
      starters.set(other, [...(starters.get(other) ?? []), name]);
  return starters;
}

/** Tasks that ask for exactly this: a person gave it, a host application declared it. */
const stated: readonly TaskFact[] = [
  { assurance: 'person', intent: 'stated' },
  { assurance: 'host', intent: 'stated' },
];

function argumentNames({ definition }: ToolDoc): string[] {
  const schema = definition['inputSchema'];
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  return isJsonObject(properties) ? Object.keys(properties) : [];
}

/** The right of one agent to one tool; undefined: it has none. */
function rightOf(
  control: Control,
  standing: Standing,
  docs: Known & { readonly tool: ToolDoc },
  tool: ComposedTool,
  query?: QueryFact,
): Right | undefined {
  const { classification } = docs.tool;
  const names = argumentNames(docs.tool);
  const from = (origin: 'trusted' | 'task' | 'untrusted') =>
    rolesFrom(origin, names, classification.arguments);
  const { server, name: toolName } = docs.tool;
  const asked = aboutTool(standing.agent, `${server}/${toolName}`, docs);
  const ask = (provenance: readonly ProvenanceFact[], task: TaskFact): Decision =>
    wouldHappen(control, standing, { ...asked, ...(query === undefined ? {} : { query }), provenance, task });
  /** Without a task, and only if that is not enough with one. */
  const most = (origins: readonly [alone: ProvenanceFact[], task: ProvenanceFact[]]) => {
    const alone = ask(origins[0], noTask);
    if (alone.outcome === 'allow') return { freedom: 'alone' as Freedom, decision: alone };
    const tasks: Decision[] = [];
    for (const task of stated) {
      const decision = ask(origins[1], task);
      if (decision.outcome === 'allow') return { freedom: 'task' as Freedom, decision };
      tasks.push(decision);
    }
    const person = [alone, ...tasks].find(({ outcome }) => outcome === 'ask');
    return { freedom: (person === undefined ? 'never' : 'person') as Freedom, decision: person ?? alone };
  };
  const { freedom, decision } = most([from('trusted'), from('task')]);
  if (freedom === 'never') return undefined;
  const untrusted = from('untrusted');
  // What only reads does no harm by what it is given; and of values that nobody looks at, nobody knows where they come from.
  const led =
    tool.class === 'read' || untrusted.length === 0 ? freedom : most([untrusted, untrusted]).freedom;
  return { tool, freedom, untrusted: led, policies: [...decision.policies].sort() };
}

/** The right as it is used by whichever of these statements may most. */
function freestOf(rights: readonly (Right | undefined)[]): Right | undefined {
  return rights.reduce((one, other) => {
    if (one === undefined || other === undefined) return one ?? other;
    const { freedom, policies } = isAtLeast(one.freedom, other.freedom) ? one : other;
    return { tool: one.tool, freedom, policies, untrusted: moreFree(one.untrusted, other.untrusted) };
  }, undefined);
}

/** The rights of one agent through one tool: one, or where statements are read one for each table and operation that its manifest lists. */
function* rightsThrough(
  control: Control,
  standing: Standing,
  docs: Known & { readonly tool: ToolDoc },
  composed: ComposedTool,
): Generator<void, Right[]> {
  const { tool } = docs;
  const tables = tableRightsOf(standing.agent, tool);
  const found: (Right | undefined)[] = [];
  if (tables === undefined) found.push(rightOf(control, standing, docs, composed));
  // What only reads and reads no table does nothing.
  else if (tool.classification.class !== 'read')
    found.push(rightOf(control, standing, docs, composedWithoutTables(tool), noTables));
  for (const each of tables ?? []) {
    yield;
    const one = composedTable(tool, each);
    found.push(freestOf(each.statements.map((query) => rightOf(control, standing, docs, one, query))));
  }
  return found.filter((right) => right !== undefined);
}

export interface FleetRights {
  readonly groups: readonly AgentGroup[];
  readonly agents: number;
  readonly rights: number;
}

const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Yields after each right. `level`: as if every agent had it. */
export function* fleetRights(
  control: Control,
  agents: readonly FleetAgent[],
  known: (ref: string) => Known,
  { policy, settings, level }: Pick<Standing, 'policy' | 'settings'> & { readonly level?: Level | undefined },
): Generator<void, FleetRights> {
  const tools = new Map<string, ComposedTool>();
  const groups = new Map<string, AgentGroup & { readonly agents: string[] }>();
  let looked = 0;
  const all = agents.map(({ doc, starting }) => {
    // A time at which a tool may be used comes again: it is no break.
    const { windows: _windows, ...always } = doc;
    const { ceiling: _ceiling, ...earned } = always;
    const agent: AgentDoc = level === undefined ? always : { ...earned, level };
    return { agent, name: agent.name, starts: startsOf(agent, starting, settings.cascade) };
  });
  const starters = startersOf(all);
  for (const { agent, starts } of all) {
    const standing: Standing = { agent, stops: [], policy, settings };
    const rights: Right[] = [];
    for (const ref of agent.tools) {
      yield;
      looked += 1;
      const { server, tool } = known(ref);
      if (tool === undefined) continue;
      const composed = tools.get(ref) ?? composedTool(tool);
      tools.set(ref, composed);
      rights.push(...(yield* rightsThrough(control, standing, { server, tool }, composed)));
    }
    rights.sort((a, b) => text(a.tool.ref, b.tool.ref));
    const form = rights.map(({ tool, freedom, untrusted, policies }) => [
      tool.ref,
      freedom,
      untrusted,
      policies,
    ]);
    const key = sha256(JSON.stringify([form, starts ?? [], starters.get(agent.name) ?? []]));
    const group = groups.get(key);
    if (group === undefined)
      groups.set(key, { agents: [agent.name], rights, ...(starts === undefined ? {} : { starts }) });
    else group.agents.push(agent.name);
  }
  return { groups: [...groups.values()], agents: agents.length, rights: looked };
}

/** Of all tools that any of them lists. */
export const toolsOfAgents = async (
  control: Control,
  agents: readonly FleetAgent[],
): Promise<(ref: string) => Known> =>
  knownTools(control, [...new Set(agents.flatMap(({ doc }) => doc.tools))]);
