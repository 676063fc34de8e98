import type { LineageGraph, LineageNode } from '@atf/core/wire/lineage';
import { expect, it } from 'vitest';
import { lineageDrawing, nodePx } from './lineage-layout.ts';

const node = (key: string, depth: number): LineageNode => ({
  key,
  kind: 'source',
  id: key,
  name: key,
  depth,
});
const graph = (nodes: LineageNode[], direction: LineageGraph['direction']): LineageGraph => ({
  roots: ['a'],
  direction,
  nodes,
  edges: [
    { from: 'b', to: 'a', join: 'read', sure: true },
    { from: 'gone', to: 'a', join: 'read', sure: true },
  ],
  cut: false,
  behind: 0,
});

it('stands what was before on the left, whichever way was asked', () => {
  const back = lineageDrawing(graph([node('a', 0), node('b', 1)], 'from'));
  expect(back.lines.map(({ from, to }) => from.x < to.x)).toEqual([true]);
  const forward = lineageDrawing(graph([node('a', 0), node('b', 1)], 'to'));
  expect(forward.nodes.map(({ x }) => x)).toEqual([0, nodePx.width + 64]);
});

it('draws no two nodes over each other, and counts what it leaves out', () => {
  const many = Array.from({ length: 30 }, (_, n) => node(`n${n}`, 1 + (n % 2)));
  const { nodes, more, heightPx } = lineageDrawing(graph([node('a', 0), ...many], 'from'));
  expect(new Set(nodes.map(({ x, y }) => `${x} ${y}`)).size).toBe(nodes.length);
  expect(more).toBe(31 - nodes.length);
  expect(Math.max(...nodes.map(({ y }) => y)) + nodePx.height).toBeLessThanOrEqual(heightPx);
});
