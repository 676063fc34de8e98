/** Where the parts of a combination stand in its drawing: what comes in on the left, who holds it, what goes out on the right; one below the other where it is narrow. */
import { rightName } from '@atf/core/segmentation/composition/right-name';
import type { CompositionGraph, CompositionStep, PolicyFinding } from '@atf/core/wire/policy-analysis';

export interface Box {
  readonly key: string;
  readonly kind: 'tool' | 'agent' | 'store' | 'talk';
  readonly label: string;
  /** Second line. */
  readonly sub: string;
  /** On the worst path of the finding. */
  readonly onPath: boolean;
  /** Of the smallest set without which nothing of it is left. */
  readonly cut: boolean;
  readonly x: number;
  readonly y: number;
}
export interface Line {
  readonly from: Box;
  readonly to: Box;
  readonly onPath: boolean;
}
export interface Drawing {
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
  readonly boxWidthPx: number;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Below the other, or beside. */
  readonly chained: boolean;
  /** Tools that the drawing leaves out; the list beside it names them. */
  readonly more: number;
}

export const boxHeightPx = 44;
const gapPx = { x: 56, y: 12, chain: 28 } as const;
const wideFromPx = 560;
const boxWidthMaxPx = 300;
/** Boxes of one column. */
const columnMax = 10;

type Unplaced = Omit<Box, 'x' | 'y'>;
type Right = PolicyFinding['cut'][number];

const subWords = {
  source: 'private data',
  untrusted: 'untrusted text',
  keep: 'keeps',
  read: 'reads',
  sink: 'out',
} as const;

const agentsWords = ({ names, count }: Right['agents']): string =>
  count > 1 ? `${names[0] ?? ''} and ${count - 1} more` : (names[0] ?? '');

const agentBox = (key: string, label: string): Unplaced => ({
  key,
  kind: 'agent',
  label,
  sub: 'agent',
  onPath: true,
  cut: false,
});

const talkWords = {
  words: { label: 'gives work to', sub: 'delegation' },
  answer: { label: 'answers', sub: 'what came of the work' },
} as const;

/** Whether the cut has one start the other no more: who tells it what to do starts it, who answers was started. */
function isTalkCut(finding: PolicyFinding, step: Extract<CompositionStep, { kind: 'delegation' }>): boolean {
  const [by, started] = step.way === 'words' ? [step.from, step.to] : [step.to, step.from];
  return finding.cutStarts.some(
    ({ agents, starts }) =>
      agents.names[0] === by.names[0] && (starts === 'any' || starts.names[0] === started.names[0]),
  );
}

/** The worst path: each right below whoever holds it, and the stores and talks between them. */
function chainOf(finding: PolicyFinding, isCut: (tool: string, agent: string) => boolean): Unplaced[] {
  const boxes: Unplaced[] = [];
  let last = '';
  for (const [at, step] of finding.path.entries()) {
    if (step.kind === 'store') {
      boxes.push({
        key: `${at}`,
        kind: 'store',
        label: step.server,
        sub: 'shared store',
        onPath: true,
        cut: false,
      });
      continue;
    }
    if (step.kind === 'delegation') {
      const [from, to] = [agentsWords(step.from), agentsWords(step.to)];
      if (last !== from) boxes.push(agentBox(`${at} from`, from));
      const cut = isTalkCut(finding, step);
      boxes.push({ key: `${at}`, kind: 'talk', ...talkWords[step.way], onPath: true, cut });
      boxes.push(agentBox(`${at} to`, to));
      last = to;
      continue;
    }
    const agent = agentsWords(step.agents);
    const tool: Unplaced = {
      key: `${at}`,
      kind: 'tool',
      label: rightName(step),
      sub:
        step.part === 'source' && finding.kind.startsWith('hijack')
          ? subWords.untrusted
          : step.part === 'sink'
            ? step.does
            : subWords[step.part],
      onPath: true,
      cut: isCut(rightName(step), step.agents.names[0] ?? ''),
    };
    // What comes in stands before who takes it in, what goes out behind.
    const holder = agentBox(`${at} agent`, agent);
    const comesIn = step.part === 'source' || step.part === 'read' || step.part === 'untrusted';
    const after = finding.path[at + 1];
    const holderNext = after?.kind !== 'right' || !['source', 'untrusted'].includes(after.part);
    if (!comesIn && last !== agent) boxes.push(holder);
    boxes.push(tool);
    if (comesIn && holderNext && after !== undefined && after.kind === 'right') boxes.push(holder);
    last = comesIn && holderNext && after?.kind === 'right' ? agent : comesIn ? last : agent;
  }
  return boxes;
}

function chained(
  finding: PolicyFinding,
  widthPx: number,
  isCut: (tool: string, agent: string) => boolean,
): Drawing {
  const boxWidthPx = Math.min(boxWidthMaxPx, widthPx);
  const x = Math.max(0, (widthPx - boxWidthPx) / 2);
  const boxes = chainOf(finding, isCut).map(
    (box, at): Box => ({ ...box, x, y: at * (boxHeightPx + gapPx.chain) }),
  );
  const lines = boxes.slice(1).flatMap((to, at): Line[] => {
    const from = boxes[at];
    return from === undefined ? [] : [{ from, to, onPath: true }];
  });
  const heightPx = Math.max(0, boxes.length * (boxHeightPx + gapPx.chain) - gapPx.chain);
  return { boxes, lines, boxWidthPx, widthPx, heightPx, chained: true, more: 0 };
}

interface Side {
  readonly boxes: readonly Unplaced[];
  readonly more: number;
}

/** What the finding combines first, then what else the agent holds of the kind. */
function sideOf(
  rights: readonly { readonly tool: string; readonly sub: string }[],
  onPath: ReadonlySet<string>,
  cut: ReadonlySet<string>,
): Side {
  const unique = new Map<string, string>();
  for (const { tool, sub } of rights) {
    const known = unique.get(tool);
    unique.set(tool, known === undefined || known === sub ? sub : `${known}, ${sub}`);
  }
  const all = [...unique].map(
    ([tool, sub]): Unplaced => ({
      key: tool,
      kind: 'tool',
      label: tool,
      sub,
      onPath: onPath.has(tool),
      cut: cut.has(tool),
    }),
  );
  const sorted = all.toSorted((a, b) => Number(b.onPath) - Number(a.onPath));
  return { boxes: sorted.slice(0, columnMax), more: Math.max(0, sorted.length - columnMax) };
}

function beside(finding: PolicyFinding, graph: CompositionGraph | undefined, widthPx: number): Drawing {
  const { sources, untrusted, sinks, agents, kind } = finding;
  const cut = new Set(finding.cut.map(rightName));
  const path = new Set(finding.path.flatMap((step) => (step.kind === 'right' ? [rightName(step)] : [])));
  const held = (is: (parts: CompositionGraph['rights'][number]['parts']) => boolean) =>
    (graph?.rights ?? [])
      .filter(({ parts }) => is(parts))
      .map(({ parts, does, ...right }) => ({ tool: rightName(right), parts, does }));
  const comes = [
    ...untrusted.map((right) => ({ tool: rightName(right), sub: subWords.untrusted })),
    ...sources.map((right) => ({
      tool: rightName(right),
      sub: kind === 'hijack' ? subWords.untrusted : subWords.source,
    })),
  ];
  const goes = sinks.map((right) => ({ tool: rightName(right), sub: right.does }));
  const of = (list: readonly { readonly tool: string }[]) => new Set(list.map(({ tool }) => tool));
  const [known, gone] = [of(comes), of(goes)];
  const left = sideOf(
    [
      ...comes,
      ...held((parts) => parts.includes('private') || parts.includes('untrusted'))
        .filter(({ tool }) => !known.has(tool))
        .map(({ tool, parts }) => ({
          tool,
          sub: parts.includes('private') ? subWords.source : subWords.untrusted,
        })),
    ],
    path,
    cut,
  );
  const right = sideOf(
    [
      ...goes,
      ...held((parts) => parts.includes('dangerous'))
        .filter(({ tool }) => !gone.has(tool))
        .map(({ tool, does }) => ({ tool, sub: does })),
    ],
    path,
    cut,
  );
  const boxWidthPx = Math.min(boxWidthMaxPx, (widthPx - 2 * gapPx.x) / 3);
  const rows = Math.max(left.boxes.length, right.boxes.length, 1);
  const heightPx = rows * (boxHeightPx + gapPx.y) - gapPx.y;
  const columnX = (column: number) => (column * (widthPx - boxWidthPx)) / 2;
  const placed = (side: Side, column: number): Box[] => {
    const own = side.boxes.length * (boxHeightPx + gapPx.y) - gapPx.y;
    return side.boxes.map((box, at) => ({
      ...box,
      key: `${column} ${box.key}`,
      x: columnX(column),
      y: (heightPx - own) / 2 + at * (boxHeightPx + gapPx.y),
    }));
  };
  const [ins, outs] = [placed(left, 0), placed(right, 2)];
  const agent: Box = {
    key: 'agent',
    kind: 'agent',
    label: graph?.agent ?? agentsWords(agents),
    sub: agents.count > 1 ? `${agents.count} agents` : 'agent',
    onPath: true,
    cut: false,
    x: columnX(1),
    y: (heightPx - boxHeightPx) / 2,
  };
  return {
    boxes: [...ins, agent, ...outs],
    lines: [
      ...ins.map((from): Line => ({ from, to: agent, onPath: from.onPath })),
      ...outs.map((to): Line => ({ from: agent, to, onPath: to.onPath })),
    ],
    boxWidthPx,
    widthPx,
    heightPx,
    chained: false,
    more: left.more + right.more,
  };
}

export function drawingOf(
  finding: PolicyFinding,
  graph: CompositionGraph | undefined,
  widthPx: number,
): Drawing {
  const isCut = (tool: string, agent: string) =>
    finding.cut.some((held) => rightName(held) === tool && held.agents.names.includes(agent));
  const isAcross = finding.kind.endsWith('_across');
  return isAcross || widthPx < wideFromPx
    ? chained(finding, widthPx, isCut)
    : beside(
        finding,
        graph?.agent !== undefined && finding.agents.names.includes(graph.agent) ? graph : undefined,
        widthPx,
      );
}

/** As much of a label as fits a box, in a monospaced face of this many pixels a character. */
export function fitting(label: string, widthPx: number, characterPx: number): string {
  const room = Math.max(4, Math.floor(widthPx / characterPx));
  return label.length <= room ? label : `…${label.slice(label.length - room + 1)}`;
}
