/** How often decisions would be others: bars from what was to what would be, and tables by agent, tool and policy. */
import type { ChangeCount, ChangeCounts } from '@atf/core/wire/change-counts';
import { DecisionMark } from './outcome.tsx';
import { ScrollBox } from './scroll-box.tsx';
import { UntrustedText } from './untrusted.tsx';

const rowsShown = 10;

export const whole = (count: number): string => count.toLocaleString('en');

/** A bar for each kind of change, its length the share of all of them; the number stands beside it. */
export function ChangeBars({ counts }: { readonly counts: ChangeCounts['counts'] }) {
  const most = Math.max(1, ...counts.map(({ count }) => count));
  return (
    <ul className="space-y-2">
      {counts.map(({ was, would, count }) => (
        <li
          key={`${was} ${would}`}
          className="grid grid-cols-1 items-center gap-x-3 gap-y-1 sm:grid-cols-[18rem_minmax(0,1fr)]"
        >
          <span className="flex flex-wrap gap-x-2">
            <DecisionMark outcome={was} /> becomes <DecisionMark outcome={would} />
          </span>
          <span className="flex items-center gap-2">
            <span
              aria-hidden
              className="h-3 min-w-1 rounded-sm bg-accent-fill"
              style={{ width: `${(count / most) * 80}%` }}
            />
            <span className="tabular-nums">{whole(count)}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

interface CountTableProps {
  readonly of: string;
  readonly title: string;
  readonly rows: readonly ChangeCount[];
}

function CountTable({ of: whose, title, rows }: CountTableProps) {
  return (
    <ScrollBox label={`${whose}: changes by ${title.toLowerCase()}`}>
      <table className="w-full text-left">
        <thead className="text-xs text-ink-2">
          <tr>
            <th className="py-1 pr-3 font-medium">{title}</th>
            <th className="py-1 pr-3 font-medium">Was</th>
            <th className="py-1 pr-3 font-medium">Would be</th>
            <th className="py-1 text-right font-medium">Decisions</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, rowsShown).map(({ of, was, would, count }) => (
            <tr key={`${of} ${was} ${would}`} className="border-t border-line">
              <td className="py-1 pr-3 [overflow-wrap:anywhere]">
                <UntrustedText text={of} />
              </td>
              <td className="py-1 pr-3">
                <DecisionMark outcome={was} />
              </td>
              <td className="py-1 pr-3">
                <DecisionMark outcome={would} />
              </td>
              <td className="py-1 text-right tabular-nums">{whole(count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > rowsShown && <p className="text-xs text-ink-3">and {rows.length - rowsShown} more</p>}
    </ScrollBox>
  );
}

interface ChangeTablesProps extends Omit<ChangeCounts, 'counts'> {
  /** What was counted: names of regions have to differ on one page. */
  readonly of: string;
}

export function ChangeTables({ of, agents, tools, rules }: ChangeTablesProps) {
  return (
    <div className="space-y-4">
      <CountTable of={of} title="Agent" rows={agents} />
      <CountTable of={of} title="Tool" rows={tools} />
      <CountTable of={of} title="Policy" rows={rules} />
    </div>
  );
}
