/**
 * Room: segmentation (S-1, S-2). What agents make possible together that none of them could alone: one keeps something in a store, or says it to an agent with
 * which it shares work; another reads or hears it, and has the right that the first one lacks. In a session that works for others nobody can do more than both;
 * but the agent that was told something has its own rights in a session of its own. What agents say to each other in any other way is not seen.
 */
import { AcrossGraph, type Hop, rightsIn } from './across-graph.ts';
import {
  betweenOf,
  type Delegating,
  type Finding,
  findingId,
  freedomOf,
  type Held,
  severityOf,
  type Step,
  type Weighed,
} from './finding.ts';
import { type AgentGroup, type Freedom, freedoms, isAtLeast, type Right } from './rights.ts';
import { smallestCut } from './smallest-cut.ts';
import { type Parts, worse } from './within.ts';

/** Groups for which paths and cuts are computed, of each kind; further ones that something reaches are counted. */
export const acrossGroupsMax = 150;
/** The same times the groups of the fleet, and times who is told something by whom: each may have to do with each. */
const acrossWorkMax = 300_000;

type Kind = 'leak_across' | 'hijack_across';
const sourcesOf = (kind: Kind, parts: Parts | undefined): readonly Right[] =>
  (kind === 'leak_across' ? parts?.private : parts?.untrusted) ?? [];
const sinksOf = (kind: Kind, parts: Parts | undefined): readonly Right[] =>
  (kind === 'leak_across' ? parts?.outward : parts?.dangerous) ?? [];

interface Arrivals {
  /** Source tools that reach a group through others and that it does not hold itself, as bits. */
  readonly masks: readonly bigint[];
  readonly refs: readonly string[];
}

/** A fixed point: what a group has and gets, its stores get, and whoever it talks to. */
function* arrivals({ places }: AcrossGraph, kind: Kind): Generator<void, Arrivals> {
  const refs = [
    ...new Set(places.flatMap(({ parts }) => sourcesOf(kind, parts).map(({ tool }) => tool.ref))),
  ].sort();
  const bit = new Map(refs.map((ref, at) => [ref, 1n << BigInt(at)]));
  const own = places.map(({ parts }) =>
    sourcesOf(kind, parts).reduce((mask, { tool }) => mask | (bit.get(tool.ref) ?? 0n), 0n),
  );
  const kept = new Map<string | number, bigint>();
  const masks = own.map(() => 0n);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [group, { keeps, reads, tells, hears }] of places.entries()) {
      yield;
      let arrived = 0n;
      for (const way of [...reads.keys(), ...hears]) arrived |= kept.get(way) ?? 0n;
      masks[group] = arrived;
      for (const way of [...keeps.keys(), ...tells]) {
        const before = kept.get(way) ?? 0n;
        const after = before | arrived | (own[group] ?? 0n);
        if (after === before) continue;
        kept.set(way, after);
        changed = true;
      }
    }
  }
  return { masks: masks.map((mask, group) => mask & ~(own[group] ?? 0n)), refs };
}

interface Reached {
  readonly graph: AcrossGraph;
  readonly kind: Kind;
  readonly group: number;
  /** Tools of other groups that reach this one; what it holds of them itself is found within it. */
  readonly refs: ReadonlySet<string>;
}

const arriving = ({ graph, kind, refs }: Reached, group: number): Right[] =>
  sourcesOf(kind, graph.places[group]?.parts).filter(({ tool }) => refs.has(tool.ref));

/** From a source to the group, hop by hop. A right that does two things in a row is one step. */
function stepsOf(
  { graph, group }: Reached,
  from: number,
  source: Right,
  sink: Right,
  hops: ReadonlyMap<number, Hop | undefined>,
): Step[] {
  const agentsOf = (at: number) => graph.places[at]?.group.agents ?? [];
  const steps: Step[] = [{ kind: 'right', part: 'source', agents: agentsOf(from), right: source }];
  let last = source;
  const add = (part: 'keep' | 'read' | 'sink', at: number, right: Right) => {
    if (right !== last) steps.push({ kind: 'right', part, agents: agentsOf(at), right });
    last = right;
  };
  let at = from;
  for (let hop = hops.get(at); hop !== undefined; hop = hops.get(at)) {
    if ('way' in hop) {
      steps.push({ kind: 'delegation', way: hop.way, from: agentsOf(at), to: agentsOf(hop.to) });
      at = hop.to;
      continue;
    }
    add('keep', at, hop.keep);
    steps.push({ kind: 'store', server: hop.store });
    at = hop.to;
    add('read', at, hop.read);
  }
  add('sink', group, sink);
  return steps;
}

interface Worst {
  readonly weighed: Weighed;
  readonly path: readonly Step[];
}

/** The worst path, the shortest of those that are as bad. */
function* worstPath(reached: Reached): Generator<void, Worst | undefined> {
  const { graph, kind, group } = reached;
  let worst: Worst | undefined;
  const searches = freedoms
    .toReversed()
    .flatMap((tier) => (['store', 'talk'] as const).map((last) => ({ tier, last })));
  for (const { tier, last } of searches) {
    const usable = ({ freedom }: Right) => isAtLeast(freedom, tier);
    const hops = graph.behind(group, usable, last);
    yield;
    for (const restricted of [true, false]) {
      const is = (right: Right) => usable(right) && (right.tool.sensitivity === 'restricted') === restricted;
      const from = [...hops.keys()].find((at) => at !== group && arriving(reached, at).some(is));
      const source = from === undefined ? undefined : arriving(reached, from).find(is);
      if (from === undefined || source === undefined) continue;
      for (const sink of sinksOf(kind, graph.places[group]?.parts).filter(usable)) {
        const path = stepsOf(reached, from, source, sink, hops);
        const rights = path.flatMap((step) => (step.kind === 'right' ? [step.right] : []));
        const unseen = last === 'talk';
        const weighed: Weighed = { kind, source, sink, freedom: freedomOf(rights), unseen };
        const isShorter =
          worst !== undefined && !worse(worst.weighed, weighed) && path.length < worst.path.length;
        if (worst === undefined || worse(weighed, worst.weighed) || isShorter) worst = { weighed, path };
      }
    }
  }
  return worst;
}

/** Ends with the rights without which nothing arrives that could be sent on. */
function* cutOf(
  reached: Reached,
): Generator<void, { readonly cut: Held[]; readonly cutStarts: Delegating[] }> {
  const { graph, kind, group } = reached;
  const cut = yield* smallestCut({
    weight: (node) => rightsIn(graph.nodes[node] ?? { group: -1 }),
    before: (node) => graph.before[node] ?? [],
    isSource: (node) => {
      const { held, group: at } = graph.nodes[node] ?? {};
      return (
        held !== undefined &&
        at !== group &&
        reached.refs.has(held.right.tool.ref) &&
        sourcesOf(kind, graph.places[at ?? -1]?.parts).includes(held.right)
      );
    },
    sinks: sinksOf(kind, graph.places[group]?.parts).map((right) => graph.nodeOf(group, right)),
  });
  const nodes = (cut ?? []).map((node) => graph.nodes[node]);
  return {
    cut: nodes.flatMap((node) => node?.held ?? []),
    cutStarts: nodes.flatMap((node) => node?.delegating ?? []),
  };
}

/** Who takes part: whoever something of it comes to, or begins at, and goes on from to the group. */
function* involvedIn(reached: Reached, masks: readonly bigint[], mask: bigint): Generator<void, number[]> {
  const { graph, group } = reached;
  const groups: number[] = [group];
  for (const at of graph.behind(group).keys()) {
    if (at === group) continue;
    yield;
    if (((masks[at] ?? 0n) & mask) !== 0n || arriving(reached, at).length > 0) groups.push(at);
  }
  return groups;
}

function* findingOf(reached: Reached, masks: readonly bigint[]): Generator<void, Finding | undefined> {
  const { graph, kind, group } = reached;
  const worst = yield* worstPath(reached);
  const place = graph.places[group];
  if (worst === undefined || place === undefined) return undefined;
  const groups = yield* involvedIn(reached, masks, masks[group] ?? 0n);
  const held = (at: number, rights: readonly Right[]): Held[] =>
    rights.map((right) => ({ agents: graph.places[at]?.group.agents ?? [], right }));
  const sources = groups.flatMap((at) => (at === group ? [] : held(at, arriving(reached, at))));
  const sinks = held(group, sinksOf(kind, place.parts));
  const ways = worst.path.flatMap((step) =>
    step.kind === 'store' ? [step.server] : step.kind === 'delegation' ? [step.way] : [],
  );
  const rights = place.parts.kept.map(({ tool, freedom, untrusted, policies }) =>
    [tool.ref, freedom, untrusted, ...policies].join(' '),
  );
  return {
    id: findingId(kind, [sources, sinks], [...ways, ...rights]),
    kind,
    severity: severityOf(worst.weighed),
    agents: place.group.agents,
    involved: groups.flatMap((at) => graph.places[at]?.group.agents ?? []).sort(),
    sources,
    untrusted: [],
    sinks,
    path: worst.path,
    between: betweenOf(worst.weighed),
    ...(yield* cutOf(reached)),
  };
}

/** All that is found between groups. Yields often. `more`: groups that something reaches and that were not looked into any more. */
export function* findingsAcross(
  groups: readonly AgentGroup[],
  through: Freedom,
): Generator<void, { readonly findings: Finding[]; readonly more: number }> {
  const graph = yield* AcrossGraph.of(groups, through);
  const told = graph.places.reduce((sum, { hears }) => sum + hears.length, 0);
  const lookedMax = Math.min(acrossGroupsMax, Math.ceil(acrossWorkMax / (groups.length + told)));
  const findings: Finding[] = [];
  let more = 0;
  for (const kind of ['leak_across', 'hijack_across'] as const) {
    const { masks, refs } = yield* arrivals(graph, kind);
    let looked = 0;
    for (const [group, mask] of masks.entries()) {
      yield;
      if (mask === 0n || sinksOf(kind, graph.places[group]?.parts).length === 0) continue;
      looked += 1;
      if (looked > lookedMax) {
        more += 1;
        continue;
      }
      const arrived = new Set(refs.filter((_, at) => (mask & (1n << BigInt(at))) !== 0n));
      const finding = yield* findingOf({ graph, kind, group, refs: arrived }, masks);
      if (finding !== undefined) findings.push(finding);
    }
  }
  return { findings, more };
}
