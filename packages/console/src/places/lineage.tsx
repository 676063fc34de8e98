/** Where a call came from, or what came of it: drawn, and the same in words. */
import type { LineageEdge, LineageGraph, LineageNode } from '@atf/core/wire/lineage';
import { lineageWords } from '@atf/core/wire/lineage-words';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import type { MouseEvent, ReactNode } from 'react';
import { useAnswer } from '../control/queries.ts';
import { Empty, Page, Panel, Shown } from '../parts/panel.tsx';
import { ToolLink } from '../parts/rights-table.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';
import { fitting } from './combination-layout.ts';
import { type LineageLine, lineageDrawing, nodePx, type PlacedNode } from './lineage-layout.ts';

const padPx = 12;
const characterPx = { name: 7.3, sub: 6.2 } as const;
const titles = { from: 'Where it came from', to: 'What it has touched' } as const;

export function LineagePage() {
  const { id } = useParams({ from: '/shell/activity/$id/lineage' });
  const { direction = 'from' } = useSearch({ from: '/shell/activity/$id/lineage' });
  const body = { roots: [{ kind: 'action' as const, id }], direction };
  const answer = useAnswer('lineage.graph', { body }, { once: true });
  return (
    <Page
      title={titles[direction]}
      above={
        <Link to="/activity/$id" params={{ id }} className="hover:underline">
          Action
        </Link>
      }
      sub={
        <span className="flex flex-wrap items-center gap-x-4">
          Action <ShortId id={id} what="action id" />
          <OtherWay id={id} direction={direction} />
          <span className="text-ink-3">That you asked is on record.</span>
        </span>
      }
    >
      <Shown answer={answer} lines={10}>
        {(graph) => <Found graph={graph} />}
      </Shown>
    </Page>
  );
}

function OtherWay({ id, direction }: { readonly id: string; readonly direction: LineageGraph['direction'] }) {
  const other = direction === 'from' ? 'to' : 'from';
  return (
    <Link to="/activity/$id/lineage" params={{ id }} search={{ direction: other }} className="underline">
      {titles[other]}
    </Link>
  );
}

function Found({ graph }: { readonly graph: LineageGraph }) {
  const { edges, cut, behind, direction } = graph;
  if (edges.length === 0)
    return (
      <Panel>
        <Empty>Nothing on record leads {direction === 'from' ? 'there' : 'on from there'}.</Empty>
      </Panel>
    );
  return (
    <div className="space-y-4">
      {(cut || behind > 0) && (
        <p className="text-ink-2">
          {cut && 'There is more than this page shows: ask with more steps on the command line. '}
          {behind > 0 && `${behind.toLocaleString('en')} newer records are not looked through yet.`}
        </p>
      )}
      <Panel title="Drawn" aside="solid: on record · dashed: may have had a part" flush>
        <Drawn graph={graph} />
      </Panel>
      <Panel title="Each step in words" flush>
        <Steps graph={graph} />
      </Panel>
    </div>
  );
}

function Drawn({ graph }: { readonly graph: LineageGraph }) {
  const { nodes, lines, widthPx, heightPx, more } = lineageDrawing(graph);
  const [width, height] = [widthPx + 2 * padPx, heightPx + 2 * padPx];
  return (
    <>
      <ScrollBox label="The drawing">
        <svg
          role="group"
          aria-label="Lineage as a drawing; the table below says the same"
          width={width}
          height={height}
          viewBox={`${-padPx} ${-padPx} ${width} ${height}`}
          className="block"
        >
          {lines.map((line) => (
            <Joined key={edgeKey(line.edge)} line={line} />
          ))}
          {nodes.map((placed) => (
            <Placed key={placed.node.key} placed={placed} isRoot={graph.roots.includes(placed.node.key)} />
          ))}
        </svg>
      </ScrollBox>
      {more > 0 && (
        <p className="px-4 pb-2 text-xs text-ink-3">{more} more are in the table, not in the drawing.</p>
      )}
    </>
  );
}

const edgeKey = ({ from, to, join, argument }: LineageEdge): string =>
  `${from} ${to} ${join} ${argument ?? ''}`;

function Joined({ line: { edge, from, to } }: { readonly line: LineageLine }) {
  const half = nodePx.height / 2;
  const forward = from.x < to.x;
  const start = { x: forward ? from.x + nodePx.width : from.x, y: from.y + half };
  const end = { x: forward ? to.x : to.x + nodePx.width, y: to.y + half };
  const middle = (start.x + end.x) / 2;
  const back = forward ? -8 : 8;
  return (
    <path
      aria-hidden="true"
      d={`M${start.x},${start.y} C${middle},${start.y} ${middle},${end.y} ${end.x},${end.y} M${end.x + back},${end.y - 5} L${end.x},${end.y} L${end.x + back},${end.y + 5}`}
      fill="none"
      strokeWidth={edge.join === 'value' ? 2.5 : 1.25}
      strokeDasharray={edge.sure ? undefined : '5 4'}
      className={edge.join === 'value' ? 'stroke-accent' : 'stroke-line-strong'}
    />
  );
}

const subOf = ({ kind, agent, outcome }: LineageNode): string =>
  kind === 'action' ? `${agent ?? 'action'} · ${outcome ?? ''}` : kind === 'session' ? (agent ?? '') : kind;

function Placed({ placed, isRoot }: { readonly placed: PlacedNode; readonly isRoot: boolean }) {
  const { node, x, y } = placed;
  const { kind, name } = node;
  const inner = (
    <>
      <rect
        x={x}
        y={y}
        width={nodePx.width}
        height={nodePx.height}
        rx={kind === 'session' ? nodePx.height / 2 : kind === 'source' ? 2 : 8}
        strokeWidth={isRoot ? 2 : 1.25}
        strokeDasharray={kind === 'source' ? '2 3' : undefined}
        className={isRoot ? 'fill-accent-soft stroke-accent' : 'fill-panel stroke-line-strong'}
      />
      <text x={x + nodePx.width / 2} y={y + 19} textAnchor="middle" className="fill-ink font-mono text-xs">
        {fitting(name, nodePx.width - 16, characterPx.name)}
      </text>
      <text x={x + nodePx.width / 2} y={y + 35} textAnchor="middle" className="fill-ink-2 text-[11px]">
        {fitting(subOf(node), nodePx.width - 16, characterPx.sub)}
      </text>
    </>
  );
  return kind === 'action' ? <Reached node={node}>{inner}</Reached> : <g>{inner}</g>;
}

/** A link by the router; whoever opens it in another tab gets the address. */
function Reached({ node, children }: { readonly node: LineageNode; readonly children: ReactNode }) {
  const navigate = useNavigate();
  const href = `/activity/${node.id}/lineage`;
  const go = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    void navigate({ to: '/activity/$id/lineage', params: { id: node.id } });
  };
  return (
    <a href={href} onClick={go}>
      {children}
    </a>
  );
}

function Steps({ graph: { nodes, edges } }: { readonly graph: LineageGraph }) {
  const known = new Map(nodes.map((node) => [node.key, node]));
  return (
    <ScrollBox label="The steps as a table">
      <table className="w-full text-left">
        <thead className="text-xs text-ink-3">
          <tr className="border-b border-line">
            <th className="px-4 py-2 font-medium">Of</th>
            <th className="px-4 py-2 font-medium">What joins them</th>
            <th className="px-4 py-2 font-medium">To</th>
          </tr>
        </thead>
        <tbody>
          {edges.map((edge) => (
            <tr key={edgeKey(edge)} className="border-b border-line align-top last:border-b-0">
              <td className="px-4 py-2">
                <Named node={known.get(edge.from)} />
              </td>
              <td className="px-4 py-2 text-ink-2">
                <UntrustedText text={lineageWords(edge)} />
                {!edge.sure && <span className="block text-xs text-ink-3">may have had a part</span>}
              </td>
              <td className="px-4 py-2">
                <Named node={known.get(edge.to)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}

function Named({ node }: { readonly node: LineageNode | undefined }) {
  if (node === undefined) return null;
  const { kind, id, name, agent, outcome, at, labels, sensitivity, trust } = node;
  if (kind === 'source') return <ToolLink tool={name} />;
  if (kind !== 'action')
    return (
      <span>
        {kind} <ShortId id={id} what={`${kind} id`} />
        {agent !== undefined && <span className="block text-ink-2">{agent}</span>}
      </span>
    );
  const holds = [
    ...(labels ?? []),
    ...(sensitivity === undefined ? [] : [sensitivity]),
    ...(trust === 'untrusted' ? [trust] : []),
  ];
  return (
    <span>
      <Link to="/activity/$id" params={{ id }} className="hover:underline">
        <code>
          <UntrustedText text={name} />
        </code>
      </Link>
      <span className="block text-xs text-ink-2">
        {agent ?? 'an agent'} · {outcome ?? ''} {at !== undefined && <ExactTime at={at} />}
      </span>
      {holds.length > 0 && <span className="block text-xs text-ink-3">holds: {holds.join(', ')}</span>}
    </span>
  );
}
