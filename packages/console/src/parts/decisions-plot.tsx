/** Decisions per minute by outcome: stacked bars with axes (uPlot), and the same numbers as a table behind them. */
import type { Overview } from '@atf/core/wire/api';
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

type Minutes = Overview['decisions'];

const series = [
  { key: 'allowed', name: 'Allowed' },
  { key: 'waiting', name: 'Waiting' },
  { key: 'refused', name: 'Refused' },
  { key: 'stopped', name: 'Stopped' },
] as const;
const minutesShown = 60;
const minuteS = 60;
const heightPx = 208;
/** The axis never ends below this, so that one call does not look like a storm. */
const axisMin = 5;

/** Every minute of the last hour, quiet ones too. */
function hourOf(minutes: Minutes) {
  const byMinute = new Map(
    minutes.map((item) => [Math.floor(Date.parse(item.minute) / 1_000 / minuteS), item]),
  );
  const newest = Math.max(Math.floor(Date.now() / 1_000 / minuteS), ...byMinute.keys());
  return Array.from({ length: minutesShown }, (_, index) => {
    const minute = newest - minutesShown + 1 + index;
    const item = byMinute.get(minute);
    return {
      atS: minute * minuteS,
      allowed: item?.allowed ?? 0,
      waiting: item?.waiting ?? 0,
      refused: item?.refused ?? 0,
      stopped: item?.stopped ?? 0,
    };
  });
}

/** Cumulated from the bottom; drawn from the top, so that each bar covers the ones below it. */
function stacked(hour: ReturnType<typeof hourOf>): uPlot.AlignedData {
  const sums = [...series]
    .reverse()
    .map((_, from) =>
      hour.map((minute) =>
        series.slice(0, series.length - from).reduce((sum, { key }) => sum + minute[key], 0),
      ),
    );
  return [hour.map(({ atS }) => atS), ...sums];
}

function useScheme(): string {
  const [scheme, setScheme] = useState(() =>
    matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
  );
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => setScheme(query.matches ? 'dark' : 'light');
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return scheme;
}

function optionsOf(widthPx: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = {
    stroke: color('--ink-3'),
    font,
    grid: { stroke: color('--line'), width: 1 },
    ticks: { stroke: color('--line'), width: 1, size: 4 },
  };
  const paths = uPlot.paths.bars?.({ size: [0.72, 14], align: 1 });
  return {
    width: widthPx,
    height: heightPx,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 18, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(axisMin, Math.ceil(max * 1.1))] } },
    axes: [
      {
        ...axis,
        size: 26,
        grid: { show: false },
        space: 64,
        values: (_, splits) => splits.map((seconds) => new Date(seconds * 1_000).toISOString().slice(11, 16)),
      },
      { ...axis, size: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] },
    ],
    series: [
      {},
      ...[...series].reverse().map(({ key, name }) => ({
        label: name,
        fill: color(`--outcome-${key}`),
        width: 0,
        points: { show: false },
        ...(paths === undefined ? {} : { paths }),
      })),
    ],
  };
}

export default function DecisionsPlot({ minutes }: { readonly minutes: Minutes }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const scheme = useScheme();
  const hour = useMemo(() => hourOf(minutes), [minutes]);
  const newest = useRef(hour);
  newest.current = hour;
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const made = new uPlot(optionsOf(element.clientWidth), stacked(newest.current), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: heightPx }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [scheme]);
  useEffect(() => plot.current?.setData(stacked(hour)), [hour]);
  const total = (key: (typeof series)[number]['key']) => hour.reduce((sum, minute) => sum + minute[key], 0);
  return (
    <div className="p-4 pt-3">
      <ul className="mb-2 flex flex-wrap gap-x-4 gap-y-1 text-xs text-ink-2">
        {series.map(({ key, name }) => (
          <li key={key} className="flex items-center gap-1.5">
            <span aria-hidden="true" className={`size-2.5 rounded-sm ${swatches[key]}`} />
            {name} <span className="font-medium text-ink tabular-nums">{total(key)}</span>
          </li>
        ))}
      </ul>
      <div ref={box} aria-hidden="true" className="h-52 overflow-hidden" />
      <details className="mt-2 text-xs">
        <summary className="text-ink-2">The same as a table</summary>
        <table className="mt-2 w-full tabular-nums">
          <thead>
            <tr className="border-b border-line text-left text-ink-3">
              <th scope="col" className="py-1 font-medium">
                Minute, UTC
              </th>
              {series.map(({ key, name }) => (
                <th key={key} scope="col" className="py-1 text-right font-medium">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {hour
              .filter((minute) => series.some(({ key }) => minute[key] > 0))
              .reverse()
              .map((minute) => (
                <tr key={minute.atS} className="border-b border-line last:border-b-0">
                  <th scope="row" className="py-1 text-left font-normal">
                    {new Date(minute.atS * 1_000).toISOString().slice(11, 16)}
                  </th>
                  {series.map(({ key }) => (
                    <td key={key} className="py-1 text-right">
                      {minute[key]}
                    </td>
                  ))}
                </tr>
              ))}
          </tbody>
        </table>
        <p className="mt-1 text-ink-3">Minutes without a decision are left out.</p>
      </details>
    </div>
  );
}

const swatches = {
  allowed: 'bg-(--outcome-allowed)',
  waiting: 'bg-(--outcome-waiting)',
  refused: 'bg-(--outcome-refused)',
  stopped: 'bg-(--outcome-stopped)',
} as const;
