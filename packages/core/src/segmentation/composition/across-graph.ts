/** Room: segmentation. Who keeps in which store and who reads it there, as a graph that is made once for a fleet: of groups and stores, and below it of rights. */
import type { Held } from './finding.ts';
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
}

/** A node of the graph of rights: a right, an agent (group), or a store. */
export interface Node {
  readonly held?: Held;
  readonly group: number;
}

/** The freest first. */
const freestFirst = (a: Right, b: Right): number => freedoms.indexOf(b.freedom) - freedoms.indexOf(a.freedom);

export class AcrossGraph {
  readonly places: Place[] = [];
  /** Groups that keep in a store. */
  readonly writers = new Map<string, number[]>();
  readonly nodes: Node[] = [];
  /** Nodes from which there is an edge to a node. */
  readonly before: number[][] = [];
  /** Node of a right, by group. */
  readonly #rights: ReadonlyMap<Right, number>[] = [];
  readonly #stores = new Map<string, number>();

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
      const place = { group, parts, keeps: at(keeps), reads: at(gives) };
      graph.places.push(place);
      graph.#add(n, place);
    }
    return graph;
  }

  #node(node: Node): number {
    this.before.push([]);
    return this.nodes.push(node) - 1;
  }

  #add(group: number, { group: { agents }, parts, keeps: into, reads }: Place): void {
    const hub = this.#node({ group });
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

  nodeOf(group: number, right: Right): number {
    return this.#rights[group]?.get(right) ?? -1;
  }

  /**
   * Groups whose data can come to this one, the nearest first, each with where it goes next and through which store. `usable`: rights that count.
   */
  behind(group: number, usable: (right: Right) => boolean = () => true): Map<number, Hop | undefined> {
    const found = new Map<number, Hop | undefined>([[group, undefined]]);
    const stores = new Set<string>();
    for (const [at] of found)
      for (const [store, readers] of this.places[at]?.reads ?? []) {
        const read = readers.find(usable);
        if (read === undefined || stores.has(store)) continue;
        stores.add(store);
        for (const writer of this.writers.get(store) ?? []) {
          if (found.has(writer)) continue;
          const keep = this.places[writer]?.keeps.get(store)?.find(usable);
          if (keep !== undefined) found.set(writer, { to: at, store, keep, read });
        }
      }
    return found;
  }
}

/** From one group to the next: it keeps, the next one reads. */
export interface Hop {
  readonly to: number;
  readonly store: string;
  readonly keep: Right;
  readonly read: Right;
}
