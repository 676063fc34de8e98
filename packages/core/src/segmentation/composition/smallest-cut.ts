/**
 * The smallest set of nodes through which every path from a source to a sink leads (Menger; Ford and Fulkerson; shortest paths first: Edmonds and Karp).
 * Exact. Of several smallest sets, the one nearest to the sinks. It searches from the sinks and looks no further than the nearest source that has room, so
 * what it costs is the part of the network that lies behind the cut, not the network.
 */

/** Nodes are numbers. What is joined with what may be larger than what a search ever sees. */
export interface Network {
  /** What it costs to take a node away, whole and positive; Infinity: it cannot be taken away. */
  weight(node: number): number;
  /** Nodes from which there is an edge to this one. */
  before(node: number): readonly number[];
  isSource(node: number): boolean;
  readonly sinks: readonly number[];
}

/** Where something enters a node, or leaves it: a node is an edge of its weight between the two. */
const enter = (node: number): number => 2 * node;
const leave = (node: number): number => 2 * node + 1;
const nodeOf = (place: number): number => Math.floor(place / 2);
const isLeave = (place: number): boolean => place % 2 === 1;

/** Nodes that a search visits between two pauses. */
const visitsBetween = 1_000;

class Search {
  readonly #network: Network;
  /** What flows through a node, and over an edge. */
  readonly #through = new Map<number, number>();
  readonly #over = new Map<number, Map<number, number>>();

  constructor(network: Network) {
    this.#network = network;
  }

  #edge(from: number, to: number): number {
    return this.#over.get(from)?.get(to) ?? 0;
  }

  /** Places from which this one can still be reached in one step. */
  #behind(place: number): number[] {
    const node = nodeOf(place);
    const through = this.#through.get(node) ?? 0;
    if (isLeave(place)) {
      const sent = this.#over.get(node);
      const back = sent === undefined ? [] : [...sent].flatMap(([to, flow]) => (flow > 0 ? [enter(to)] : []));
      return through < this.#network.weight(node) ? [enter(node), ...back] : back;
    }
    const from = this.#network.before(node).map(leave);
    return through > 0 ? [leave(node), ...from] : from;
  }

  /** Every place from which a sink can be reached, with the next one on the way; ends at the first source. */
  *reaching(): Generator<
    void,
    { readonly found: ReadonlyMap<number, number>; readonly source: number | undefined }
  > {
    const found = new Map<number, number>();
    for (const sink of new Set(this.#network.sinks)) found.set(leave(sink), -1);
    let visits = 0;
    for (const [place] of found) {
      visits += 1;
      if (visits % visitsBetween === 0) yield;
      if (!isLeave(place) && this.#network.isSource(nodeOf(place))) return { found, source: place };
      for (const behind of this.#behind(place)) if (!found.has(behind)) found.set(behind, place);
    }
    return { found, source: undefined };
  }

  /** Sends as much as fits on the way from a source; Infinity: nothing on it can be taken away. */
  send(found: ReadonlyMap<number, number>, source: number): number {
    const steps: (readonly [from: number, to: number])[] = [];
    for (let at = source, to = found.get(at) ?? -1; to !== -1; at = to, to = found.get(at) ?? -1)
      steps.push([at, to]);
    const most = Math.min(Infinity, ...steps.map(([from, to]) => this.#room(from, to)));
    if (most === Infinity) return most;
    for (const [from, to] of steps) this.#add(from, to, most);
    return most;
  }

  #room(from: number, to: number): number {
    const [node, other] = [nodeOf(from), nodeOf(to)];
    if (node === other)
      return isLeave(to)
        ? this.#network.weight(node) - (this.#through.get(node) ?? 0)
        : (this.#through.get(node) ?? 0);
    return isLeave(from) ? Infinity : this.#edge(other, node);
  }

  #add(from: number, to: number, amount: number): void {
    const [node, other] = [nodeOf(from), nodeOf(to)];
    if (node === other)
      this.#through.set(node, (this.#through.get(node) ?? 0) + (isLeave(to) ? amount : -amount));
    else if (isLeave(from)) this.#flow(node, other, amount);
    else this.#flow(other, node, -amount);
  }

  #flow(from: number, to: number, amount: number): void {
    const sent = this.#over.get(from) ?? new Map<number, number>();
    this.#over.set(from, sent);
    sent.set(to, (sent.get(to) ?? 0) + amount);
  }
}

/** Nodes of the smallest cut, ascending; undefined when some path has only nodes that cannot be taken away. Yields often. */
export function* smallestCut(network: Network): Generator<void, number[] | undefined> {
  const search = new Search(network);
  for (;;) {
    yield;
    const { found, source } = yield* search.reaching();
    if (source === undefined)
      return [...found.keys()]
        .flatMap((place) => (isLeave(place) && !found.has(enter(nodeOf(place))) ? [nodeOf(place)] : []))
        .sort((a, b) => a - b);
    if (search.send(found, source) === Infinity) return undefined;
  }
}
