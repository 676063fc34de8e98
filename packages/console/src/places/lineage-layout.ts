/** Where the nodes of lineage stand in their drawing: what was before on the left, what came of it on the right, a column a step. */
import type { LineageEdge, LineageGraph, LineageNode } from '@atf/core/wire/lineage';

export interface PlacedNode {
  readonly node: LineageNode;
  readonly x: number;
  readonly y: number;
}
export interface LineageLine {
  readonly edge: LineageEdge;
  readonly from: PlacedNode;
  readonly to: PlacedNode;
}
export interface LineageDrawing {
  readonly nodes: readonly PlacedNode[];
  readonly lines: readonly LineageLine[];
  readonly widthPx: number;
  readonly heightPx: number;
  /** Nodes that the drawing leaves out; the table says them. */
  readonly more: number;
}

export const nodePx = { width: 208, height: 44 } as const;
const gapPx = { x: 64, y: 14 } as const;
/** Nodes of one column. */
const columnMax = 12;

export function lineageDrawing({ nodes, edges, direction }: LineageGraph): LineageDrawing {
  const columns = new Map<number, LineageNode[]>();
  let more = 0;
  for (const node of nodes) {
    const column = columns.get(node.depth) ?? [];
    if (column.length < columnMax) column.push(node);
    else more += 1;
    columns.set(node.depth, column);
  }
  const deepest = Math.max(0, ...columns.keys());
  const most = Math.max(1, ...[...columns.values()].map(({ length }) => length));
  const heightOf = (rows: number): number => rows * (nodePx.height + gapPx.y) - gapPx.y;
  const heightPx = heightOf(most);
  const placed = new Map<string, PlacedNode>();
  for (const [depth, column] of columns) {
    const at = direction === 'from' ? deepest - depth : depth;
    const top = (heightPx - heightOf(column.length)) / 2;
    for (const [row, node] of column.entries())
      placed.set(node.key, {
        node,
        x: at * (nodePx.width + gapPx.x),
        y: top + row * (nodePx.height + gapPx.y),
      });
  }
  const lines = edges.flatMap((edge): LineageLine[] => {
    const [from, to] = [placed.get(edge.from), placed.get(edge.to)];
    return from === undefined || to === undefined ? [] : [{ edge, from, to }];
  });
  const widthPx = (deepest + 1) * (nodePx.width + gapPx.x) - gapPx.x;
  return { nodes: [...placed.values()], lines, widthPx, heightPx, more };
}
