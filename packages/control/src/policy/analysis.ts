/**
 * Room: policy (S-1, S-2). `GET /v1/policy/analysis`: dangerous combinations of the rights that agents have now, or would have under a candidate or at a level.
 * One at a time: it is a decision for every right of the fleet. Nothing is recorded.
 */
import { refuse } from '@atf/core/errors';
import { type Analysis, analyze } from '@atf/core/segmentation/composition/analysis';
import { rightsIn } from '@atf/core/segmentation/composition/across-graph';
import {
  type Delegating,
  type Finding,
  type Held,
  saysOf,
  severities,
  standsBetween,
  type Step,
  suggestionOf,
} from '@atf/core/segmentation/composition/finding';
import {
  type AgentGroup,
  doesWords,
  gives,
  givesPrivate,
  givesUntrusted,
  isAtLeast,
  isDangerous,
  isOutward,
  keeps,
  type Right,
  type Starts,
  storesOf,
} from '@atf/core/segmentation/composition/rights';
import type { QueryOut } from '@atf/core/wire/api';
import {
  type ComposedRight,
  type CompositionGraph,
  type CompositionStep,
  findingAgentsShownMax,
  findingsShownMax,
  type HeldRight,
  type PolicyAnalysis,
  type PolicyFinding,
  rightsShownMax,
} from '@atf/core/wire/policy-analysis';
import type { Control, Handlers } from '../context.ts';
import { actingPerson } from '../identity/acting.ts';
import { agentByRef } from '../identity/store.ts';
import { candidateContent, candidateOf, factsOfContent } from './candidates.ts';
import { allAgents, fleetRights, toolsOfAgents } from './fleet-rights.ts';
import { inSlices } from './in-slices.ts';
import { Lane } from './lane.ts';
import { policyInForce, settingsInForce } from './load.ts';
import type { Standing } from './question.ts';
import { newestVersion } from './version-store.ts';

const analysesWaitingMax = 4;
const wordsMax = 4_000;

type Through = PolicyAnalysis['through'];

const shownAgents = (agents: readonly string[], max: number) => ({
  names: agents.slice(0, max),
  count: agents.length,
});

const rightView = ({ tool, freedom, untrusted, policies }: Right): ComposedRight => ({
  tool: tool.table?.tool ?? tool.ref,
  ...(tool.table === undefined ? {} : { table: { name: tool.table.name, operation: tool.table.operation } }),
  class: tool.class,
  classified: tool.classified,
  sensitivity: tool.sensitivity,
  outputTrust: tool.outputTrust,
  domain: tool.domain,
  does: doesWords(tool),
  freedom,
  untrusted,
  policies: [...policies],
});
const heldView = ({ agents, right }: Held): HeldRight => ({
  ...rightView(right),
  agents: shownAgents(agents, 3),
});
const listView = (held: readonly Held[]): HeldRight[] => held.slice(0, rightsShownMax).map(heldView);

const startsView = (starts: Starts) => (starts === 'any' ? starts : shownAgents(starts, 5));
const delegatingView = ({ agents, starts }: Delegating) => ({
  agents: shownAgents(agents, 3),
  starts: startsView(starts),
});

function stepView(step: Step): CompositionStep {
  if (step.kind === 'store') return step;
  if (step.kind === 'right') return { kind: 'right', part: step.part, ...heldView(step) };
  const { kind, way, from, to } = step;
  return { kind, way, from: shownAgents(from, 3), to: shownAgents(to, 3) };
}

/** Of each agent one, and of each that it may start. */
const rightsOfCut = ({ cut, cutStarts }: Finding): number =>
  [...cut.map((held) => ({ held, group: -1 })), ...cutStarts.map((delegating) => ({ delegating, group: -1 }))]
    .map(rightsIn)
    .reduce((sum, rights) => sum + rights, 0);

function findingView(finding: Finding): PolicyFinding {
  const { id, kind, severity, agents, between, sources, untrusted, sinks, path, cut, cutStarts } = finding;
  return {
    id,
    kind,
    severity,
    agents: shownAgents(agents, findingAgentsShownMax),
    says: saysOf(finding).slice(0, wordsMax),
    between: [...between],
    stands: standsBetween(between),
    suggestion: suggestionOf(finding).slice(0, wordsMax),
    sources: listView(sources),
    untrusted: listView(untrusted),
    sinks: listView(sinks),
    path: path.map(stepView),
    cut: listView(cut),
    cutStarts: cutStarts.slice(0, rightsShownMax).map(delegatingView),
    counts: {
      sources: sources.length,
      untrusted: untrusted.length,
      sinks: sinks.length,
      cut: cut.length + cutStarts.length,
      cutRights: rightsOfCut(finding),
    },
  };
}

/** What one agent holds, who else is at the stores that it touches, whom it may start and who may start it. */
function graphOf(groups: readonly AgentGroup[], agent: string, through: Through): CompositionGraph {
  const usable = ({ freedom }: Right) => isAtLeast(freedom, through);
  const domains = new Map<string, Set<string>>();
  for (const { rights } of groups)
    for (const { tool } of rights.filter(usable))
      domains.set(tool.server, (domains.get(tool.server) ?? new Set()).add(tool.domain));
  const at = ({ tool }: Right) => storesOf(tool, [...(domains.get(tool.server) ?? [])].sort());
  const own = groups.find(({ agents }) => agents.includes(agent));
  const rights = (own?.rights ?? []).filter(usable).map((right) => {
    const { tool } = right;
    const parts = [
      givesPrivate(tool) ? ('private' as const) : undefined,
      givesUntrusted(tool) ? ('untrusted' as const) : undefined,
      isOutward(tool) ? ('outward' as const) : undefined,
      isDangerous(tool) ? ('dangerous' as const) : undefined,
    ].filter((part) => part !== undefined);
    const stores = [...at(right)];
    return {
      ...rightView(right),
      parts,
      keeps: keeps(tool) ? stores : [],
      reads: gives(tool) ? stores : [],
    };
  });
  const touched = [...new Set(rights.flatMap(({ keeps: into, reads }) => [...into, ...reads]))].sort();
  const who = (store: string, is: typeof gives) =>
    groups
      .flatMap(({ agents, rights: all }) =>
        all.some((right) => usable(right) && is(right.tool) && at(right).includes(store)) ? agents : [],
      )
      .filter((name) => name !== agent)
      .sort();
  const stores = touched.flatMap((server) => {
    const [writers, readers] = [who(server, keeps), who(server, gives)];
    return writers.length + readers.length === 0
      ? []
      : [{ server, writers: shownAgents(writers, 5), readers: shownAgents(readers, 5) }];
  });
  const startedBy = groups
    .flatMap(({ agents, starts }) => (starts === 'any' || starts?.includes(agent) === true ? agents : []))
    .filter((name) => name !== agent)
    .sort();
  return {
    agent,
    rights,
    stores,
    ...(own?.starts === undefined ? {} : { starts: startsView(own.starts) }),
    startedBy: shownAgents(startedBy, 5),
  };
}

/** What decides: the set in force, or a candidate. */
async function decidingSet(
  control: Control,
  candidate: string | undefined,
): Promise<Pick<Standing, 'policy' | 'settings'> & { readonly version: number }> {
  if (candidate !== undefined) {
    const row = await candidateOf(control, candidate);
    const content = candidateContent(row);
    return { policy: factsOfContent(content), settings: content.settings, version: row.base };
  }
  const newest = await newestVersion(control.db, control.config.tenant);
  const policy = await policyInForce(control);
  if (policy === undefined || newest === undefined) return refuse('policy.unavailable');
  return { policy, settings: await settingsInForce(control), version: newest.version };
}

function pageOf({ findings, more }: Analysis, agent: string | undefined) {
  const concerned =
    agent === undefined ? findings : findings.filter(({ involved }) => involved.includes(agent));
  const shown = concerned.slice(0, findingsShownMax);
  const count = (word: Finding['severity']) => concerned.filter(({ severity }) => severity === word).length;
  const [low = 0, medium = 0, high = 0] = severities.map(count);
  return {
    findings: shown.map(findingView),
    counts: { high, medium, low },
    more: concerned.length - shown.length + more,
  };
}

async function analysisOf(
  control: Control,
  { agent, level, through = 'task', candidate }: QueryOut<'policy.analysis'>,
): Promise<PolicyAnalysis> {
  const { version, ...set } = await decidingSet(control, candidate);
  if (agent !== undefined && (await agentByRef(control.db, control.config.tenant, agent)) === undefined)
    refuse('identity.agent_not_found');
  const docs = await allAgents(control);
  const known = await toolsOfAgents(control, docs);
  const fleet = await inSlices(fleetRights(control, docs, known, { ...set, level }));
  const analysis = await inSlices(analyze(fleet.groups, through));
  return {
    at: new Date(control.clock.nowMs()).toISOString(),
    version,
    ...(candidate === undefined ? {} : { candidate }),
    through,
    ...(level === undefined ? {} : { level }),
    agents: fleet.agents,
    rights: fleet.rights,
    ...pageOf(analysis, agent),
    ...(agent === undefined ? {} : { graph: graphOf(fleet.groups, agent, through) }),
  };
}

export function analysisRoutes(): Handlers<'policy.analysis'> {
  const lane = new Lane(analysesWaitingMax, 'too many analyses are being made');
  return {
    async 'policy.analysis'(control, { actor, query }) {
      actingPerson(actor);
      return lane.run(() => analysisOf(control, query));
    },
  };
}
