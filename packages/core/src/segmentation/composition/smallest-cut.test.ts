import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ran } from './composition.fixture.ts';
import { smallestCut } from './smallest-cut.ts';

interface Drawn {
  readonly weights: readonly number[];
  readonly edges: readonly (readonly [from: number, to: number])[];
  readonly sources: readonly number[];
  readonly sinks: readonly number[];
}

function cutOf({ weights, edges, sources, sinks }: Drawn): number[] | undefined {
  const before = weights.map((): number[] => []);
  for (const [from, to] of edges) before[to]?.push(from);
  return ran(
    smallestCut({
      weight: (node) => weights[node] ?? 0,
      before: (node) => before[node] ?? [],
      isSource: (node) => sources.includes(node),
      sinks,
    }),
  );
}

/** Whether a source is joined with a sink by nodes that are left. */
function isOpen({ weights, edges, sources, sinks }: Drawn, gone: ReadonlySet<number>): boolean {
  const found = new Set(sources.filter((node) => node < weights.length && !gone.has(node)));
  for (const node of found) for (const [from, to] of edges) if (from === node && !gone.has(to)) found.add(to);
  return sinks.some((sink) => found.has(sink));
}

/** By trying every set of nodes. */
function cheapest(network: Drawn): number {
  let best = Infinity;
  for (let chosen = 0; chosen < 1 << network.weights.length; chosen++) {
    const gone = new Set(network.weights.flatMap((_, node) => (((chosen >> node) & 1) === 1 ? [node] : [])));
    const weight = [...gone].reduce((sum, node) => sum + (network.weights[node] ?? 0), 0);
    if (weight < best && !isOpen(network, gone)) best = weight;
  }
  return best;
}

const networks = fc.integer({ min: 1, max: 8 }).chain((nodes) => {
  const node = fc.integer({ min: 0, max: nodes - 1 });
  return fc.record({
    weights: fc.array(
      fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 5 }) }, fc.constant(Infinity)),
      {
        minLength: nodes,
        maxLength: nodes,
      },
    ),
    edges: fc.array(fc.tuple(node, node), { maxLength: 16 }),
    sources: fc.array(node, { maxLength: 3 }),
    sinks: fc.array(node, { maxLength: 3 }),
  });
});

describe('the smallest cut', () => {
  it('is as small as any that trying everything finds, and is a cut', () => {
    fc.assert(
      fc.property(networks, (network) => {
        const cut = cutOf(network);
        const best = cheapest(network);
        if (cut !== undefined) expect(isOpen(network, new Set(cut))).toBe(false);
        const weight = cut?.reduce((sum, node) => sum + (network.weights[node] ?? 0), 0);
        expect(weight ?? Infinity).toBe(best);
      }),
      { seed: 29, numRuns: 400 },
    );
  });

  it('is the one nearest to the sinks, the same every time', () => {
    const line = {
      weights: [1, 1, 1],
      edges: [
        [0, 1],
        [1, 2],
      ] as const,
      sources: [0],
      sinks: [2],
    };
    expect(cutOf(line)).toEqual([2]);
    expect(cutOf({ ...line, weights: [1, 1, 2] })).toEqual([1]);
    expect(cutOf({ ...line, weights: [1, Infinity, Infinity] })).toEqual([0]);
    expect(cutOf({ ...line, weights: [Infinity, Infinity, Infinity] })).toBeUndefined();
    expect(cutOf({ ...line, sinks: [] })).toEqual([]);
  });

  it('does a path as long as a fleet without recursion', () => {
    const nodes = 20_000;
    const edges = Array.from({ length: nodes - 1 }, (_, at) => [at, at + 1] as const);
    const weights = edges.map(() => 2);
    expect(cutOf({ weights: [...weights, 2], edges, sources: [0], sinks: [nodes - 1] })).toEqual([nodes - 1]);
  });
});
