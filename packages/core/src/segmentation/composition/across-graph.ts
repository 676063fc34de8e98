/**
 * Room: segmentation. Who keeps in which store and who reads it there, and who may start whom, as a graph that is made once for a fleet: of groups, stores and
 * talks, and below it of rights.
 */
import type { Delegating, Held, TalkWay } from './finding.ts';
import {
  type AgentGroup,
  type Freedom,
  freedoms,
  gives,
  isAtLeast,
  keeps,
  type Right,
  storesOf,
} from './rights.ts';
import { type Parts, partsOf } from './within.ts';

/** The rights with which a group keeps in a store, or reads from it. */
export type AtStores = ReadonlyMap<string, readonly Right[]>;

export interface Place {
  readonly group: AgentGroup;
  readonly parts: Parts;
  readonly keeps: AtStores;
  readonly reads: AtStores;
  /** Talks in which it says something, and in which it is told. */
  readonly tells: number[];
  readonly hears: number[];
}

/** What agents say to each other because one may start the other. */
interface Talk {
  readonly way: TalkWay;
  readonly from: readonly number[];
}

/** A node of the graph of rights: a right, an agent (group), a store, that one may start another, or everybody. */
export interface Node {
  readonly held?: Held;
  readonly delegating?: Delegating;
  readonly group: number;
}

/** Rights that go with a node: one of each agent, and of each that it may start; Infinity: it is nothing that can be taken away. */
export function rightsIn({ held, delegating }: Node): number {
  if (held !== undefined) return held.agents.length;
  if (delegating === undefined) return Infinity;
  const { agents, starts } = delegating;
  return agents.length * (starts === 'any' ? 1 : starts.length);
}

/** The freest first. */
const freestFirst = (a: Right, b: Right): number => freedoms.indexOf(b.freedom) - freedoms.indexOf(a.freedom);

export class AcrossGraph {
  readonly places: Place[] = [];
  /** Groups that keep in a store. */
  readonly writers = new Map<string, number[]>();
  readonly talks: Talk[] = [];
  readonly nodes: Node[] = [];
  /** Nodes from which there is an edge to a node. */
  readonly before: number[][] = [];
  /** Node of a right, by group. */
  readonly #rights: ReadonlyMap<Right, number>[] = [];
  readonly #stores = new Map<string, number>();
  /** Node of a group. */
  readonly #hubs: number[] = [];

  private constructor() {}

  /** Yields after each group. */
  static *of(groups: readonly AgentGroup[], through: Freedom): Generator<void, AcrossGraph> {
    const graph = new AcrossGraph();
    const domains = new Map<string, Set<string>>();
    for (const { rights } of groups) {
      yield;
      for (const { tool, freedom } of rights)
        if (isAtLeast(freedom, through))
          domains.set(tool.server, (domains.get(tool.server) ?? new Set()).add(tool.domain));
    }
    const lists = new Map([...domains].map(([server, names]) => [server, [...names].sort()]));
    for (const [n, group] of groups.entries()) {
      yield;
      const parts = partsOf(group, through);
      const at = (is: typeof gives): AtStores => {
        const found = new Map<string, Right[]>();
        for (const right of parts.kept) {
          if (!is(right.tool)) continue;
          for (const name of storesOf(right.tool, lists.get(right.tool.server) ?? [])) {
            const rights = found.get(name) ?? [];
            found.set(name, rights);
            rights.push(right);
          }
        }
        for (const rights of found.values()) rights.sort(freestFirst);
        return found;
      };
      const place = { group, parts, keeps: at(keeps), reads: at(gives), tells: [], hears: [] };
      graph.places.push(place);
      graph.#add(n, place);
    }
    yield* graph.#addTalks();
    return graph;
  }

  #node(node: Node): number {
    this.before.push([]);
    return this.nodes.push(node) - 1;
  }

  #add(group: number, { group: { agents }, parts, keeps: into, reads }: Place): void {
    const hub = this.#node({ group });
    this.#hubs.push(hub);
    const own = new Map<Right, number>();
    for (const right of parts.kept) {
      const node = this.#node({ held: { agents, right }, group });
      own.set(right, node);
      if (gives(right.tool)) this.before[hub]?.push(node);
      if (keeps(right.tool)) this.before[node]?.push(hub);
    }
    this.#rights.push(own);
    const storeOf = (name: string): number => {
      const known = this.#stores.get(name) ?? this.#node({ group: -1 });
      this.#stores.set(name, known);
      return known;
    };
    for (const [name, rights] of into) {
      const writers = this.writers.get(name) ?? [];
      writers.push(group);
      this.writers.set(name, writers);
      for (const right of rights) this.before[storeOf(name)]?.push(own.get(right) ?? hub);
    }
    for (const [name, rights] of reads)
      for (const right of rights) this.before[own.get(right) ?? hub]?.push(storeOf(name));
  }

  #edge(from: number, to: number): void {
    this.before[to]?.push(from);
  }

  #talk(way: TalkWay, from: readonly number[], to: readonly number[]): void {
    const talk = this.talks.push({ way, from }) - 1;
    for (const group of from) this.places[group]?.tells.push(talk);
    for (const group of to) this.places[group]?.hears.push(talk);
  }

  /** Who may start another tells it what to do, and is told what came of it. Both end when it may not any more: they are one node. */
  *#addTalks(): Generator<void, void> {
    const groupOf = new Map(
      this.places.flatMap(({ group: { agents } }, at) => agents.map((name) => [name, at] as const)),
    );
    const ofAny: number[] = [];
    for (const [at, { group }] of this.places.entries()) {
      yield;
      const { agents, starts = [] } = group;
      if (starts === 'any') {
        ofAny.push(at);
        continue;
      }
      for (const other of new Set(starts.flatMap((name) => groupOf.get(name) ?? []))) {
        if (other === at) continue;
        const node = this.#node({
          delegating: { agents, starts: this.places[other]?.group.agents ?? [] },
          group: -1,
        });
        for (const hub of [this.#hubs[at] ?? -1, this.#hubs[other] ?? -1]) {
          this.#edge(hub, node);
          this.#edge(node, hub);
        }
        this.#talk('words', [at], [other]);
        this.#talk('answer', [other], [at]);
      }
    }
    if (ofAny.length > 0) this.#addAny(ofAny);
  }

  /** Of those that may start anybody there may be as many as agents: what all say, and what all are told, is one node each. */
  #addAny(ofAny: readonly number[]): void {
    const [said, told] = [this.#node({ group: -1 }), this.#node({ group: -1 })];
    for (const hub of this.#hubs) {
      this.#edge(hub, said);
      this.#edge(told, hub);
    }
    for (const at of ofAny) {
      const agents = this.places[at]?.group.agents ?? [];
      const node = this.#node({ delegating: { agents, starts: 'any' }, group: -1 });
      const hub = this.#hubs[at] ?? -1;
      this.#edge(hub, node);
      this.#edge(node, hub);
      this.#edge(said, node);
      this.#edge(node, told);
    }
    const all = [...this.places.keys()];
    this.#talk('words', ofAny, all);
    this.#talk('answer', all, ofAny);
  }

  nodeOf(group: number, right: Right): number {
    return this.#rights[group]?.get(right) ?? -1;
  }

  /**
   * Groups whose data can come to this one, the nearest first, each with where it goes next and how. `usable`: rights that count. `last`: how the last step to
   * the group is made; absent: in any way.
   */
  behind(
    group: number,
    usable: (right: Right) => boolean = () => true,
    last?: 'store' | 'talk',
  ): Map<number, Hop | undefined> {
    const found = new Map<number, Hop | undefined>([[group, undefined]]);
    const stores = new Set<string>();
    const talks = new Set<number>();
    for (const [at] of found) {
      const only = at === group ? last : undefined;
      if (only !== 'talk') this.#behindStores(at, { found, seen: stores, usable });
      if (only !== 'store') this.#behindTalks(at, { found, seen: talks });
    }
    return found;
  }

  #behindStores(at: number, { found, seen, usable }: Walk<string> & { usable: (right: Right) => boolean }) {
    for (const [store, readers] of this.places[at]?.reads ?? []) {
      const read = readers.find(usable);
      if (read === undefined || seen.has(store)) continue;
      seen.add(store);
      for (const writer of this.writers.get(store) ?? []) {
        if (found.has(writer)) continue;
        const keep = this.places[writer]?.keeps.get(store)?.find(usable);
        if (keep !== undefined) found.set(writer, { to: at, store, keep, read });
      }
    }
  }

  #behindTalks(at: number, { found, seen }: Walk<number>) {
    for (const heard of this.places[at]?.hears ?? []) {
      const talk = this.talks[heard];
      if (talk === undefined || seen.has(heard)) continue;
      seen.add(heard);
      for (const from of talk.from) if (!found.has(from)) found.set(from, { to: at, way: talk.way });
    }
  }
}

interface Walk<Way> {
  readonly found: Map<number, Hop | undefined>;
  readonly seen: Set<Way>;
}

/** From one group to the next: it keeps and the next one reads; or it says something to it. */
export type Hop =
  | { readonly to: number; readonly store: string; readonly keep: Right; readonly read: Right }
  | { readonly to: number; readonly way: TalkWay };
