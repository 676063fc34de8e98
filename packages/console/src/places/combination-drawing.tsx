/** A combination as a drawing. The list beside it says the same in words; here each tool and agent can be reached by keyboard and leads to its page. */
import type { CompositionGraph, PolicyFinding } from '@atf/core/wire/policy-analysis';
import { useNavigate } from '@tanstack/react-router';
import { type MouseEvent, useEffect, useRef, useState } from 'react';
import { type Box, boxHeightPx, type Drawing, drawingOf, fitting, type Line } from './combination-layout.ts';

const padPx = 12;
const characterPx = { label: 7.3, sub: 6.2 } as const;

function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [widthPx, setWidth] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { box, widthPx };
}

export function CombinationDrawing({
  finding,
  graph,
}: {
  readonly finding: PolicyFinding;
  readonly graph: CompositionGraph | undefined;
}) {
  const { box, widthPx } = useWidth();
  const drawing = widthPx === 0 ? undefined : drawingOf(finding, graph, widthPx - 2 * padPx);
  return (
    <div ref={box} className="min-h-24">
      {drawing !== undefined && <Drawn drawing={drawing} />}
      {drawing !== undefined && drawing.more > 0 && (
        <p className="px-4 pb-2 text-xs text-ink-3">
          {drawing.more} more tools are in the list, not in the drawing.
        </p>
      )}
    </div>
  );
}

function Drawn({ drawing }: { readonly drawing: Drawing }) {
  const { boxes, lines, widthPx, heightPx } = drawing;
  const width = widthPx + 2 * padPx;
  const height = heightPx + 2 * padPx;
  return (
    <svg
      role="group"
      aria-label="The combination as a drawing; the list below says the same"
      width={width}
      height={height}
      viewBox={`${-padPx} ${-padPx} ${width} ${height}`}
      className="block"
    >
      {lines.map((line) => (
        <Joined key={`${line.from.key} ${line.to.key}`} line={line} drawing={drawing} />
      ))}
      {boxes.map((each) => (
        <Placed key={each.key} box={each} widthPx={drawing.boxWidthPx} />
      ))}
    </svg>
  );
}

function Joined({ line, drawing }: { readonly line: Line; readonly drawing: Drawing }) {
  const { from, to, onPath } = line;
  const half = boxHeightPx / 2;
  const start = drawing.chained
    ? { x: from.x + drawing.boxWidthPx / 2, y: from.y + boxHeightPx }
    : { x: from.x + drawing.boxWidthPx, y: from.y + half };
  const end = drawing.chained ? { x: to.x + drawing.boxWidthPx / 2, y: to.y } : { x: to.x, y: to.y + half };
  const middle = (start.x + end.x) / 2;
  const head = drawing.chained
    ? `M${end.x - 5},${end.y - 8} L${end.x},${end.y - 1} L${end.x + 5},${end.y - 8}`
    : `M${end.x - 8},${end.y - 5} L${end.x - 1},${end.y} L${end.x - 8},${end.y + 5}`;
  const curve = drawing.chained
    ? `M${start.x},${start.y} L${end.x},${end.y}`
    : `M${start.x},${start.y} C${middle},${start.y} ${middle},${end.y} ${end.x},${end.y}`;
  return (
    <path
      aria-hidden="true"
      d={`${curve} ${head}`}
      fill="none"
      strokeWidth={onPath ? 2.5 : 1.25}
      className={onPath ? 'stroke-accent' : 'stroke-line-strong'}
    />
  );
}

const shapeClass = (box: Box): string =>
  box.cut
    ? 'fill-danger-soft stroke-danger'
    : box.onPath
      ? 'fill-accent-soft stroke-accent'
      : 'fill-panel stroke-line-strong';

function Placed({ box, widthPx }: { readonly box: Box; readonly widthPx: number }) {
  const { kind, label, sub, x, y, cut } = box;
  const words = cut ? `${sub} · cut here` : sub;
  const inner = (
    <>
      <rect
        x={x}
        y={y}
        width={widthPx}
        height={boxHeightPx}
        rx={kind === 'agent' ? boxHeightPx / 2 : kind === 'store' ? 2 : 8}
        strokeWidth={cut ? 2 : 1.25}
        strokeDasharray={cut ? '6 4' : kind === 'store' || kind === 'talk' ? '2 3' : undefined}
        className={shapeClass(box)}
      />
      <text x={x + widthPx / 2} y={y + 19} textAnchor="middle" className="fill-ink font-mono text-xs">
        {fitting(label, widthPx - 20, characterPx.label)}
      </text>
      <text x={x + widthPx / 2} y={y + 35} textAnchor="middle" className="fill-ink-2 text-[11px]">
        {fitting(words, widthPx - 20, characterPx.sub)}
      </text>
    </>
  );
  if (kind === 'store' || kind === 'talk') return <g>{inner}</g>;
  return <Reached box={box}>{inner}</Reached>;
}

/** A link by the router; whoever opens it in another tab gets the address. */
function Reached({ box, children }: { readonly box: Box; readonly children: React.ReactNode }) {
  const navigate = useNavigate();
  const name = box.label.split(' ')[0] ?? '';
  const slash = name.indexOf('/');
  const href =
    box.kind === 'agent'
      ? `/agents/${encodeURIComponent(name)}`
      : `/tools/${name.slice(0, slash)}/${encodeURIComponent(name.slice(slash + 1))}`;
  const go = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    void navigate({ to: href });
  };
  return (
    <a href={href} onClick={go}>
      {children}
    </a>
  );
}
