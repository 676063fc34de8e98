/** What an agent may do, tool by tool: the same table for now and for any moment. */
import type { RightAt } from '@atf/core/wire/rights';
import { Link } from '@tanstack/react-router';
import { DecisionMark } from './outcome.tsx';
import { UntrustedText } from './untrusted.tsx';

const th = 'px-4 py-2 text-left text-xs font-medium text-ink-3';
const td = 'px-4 py-2 align-top';

type Row = Omit<RightAt, 'limits' | 'uncertain'> & Pick<Partial<RightAt>, 'uncertain'>;

export function RightsTable({ items }: { readonly items: readonly Row[] }) {
  return (
    <table className="w-full">
      <thead className="border-b border-line max-lg:sr-only">
        <tr>
          <th scope="col" className={th}>
            Tool
          </th>
          <th scope="col" className={th}>
            Class
          </th>
          <th scope="col" className={th}>
            May
          </th>
          <th scope="col" className={th}>
            Because
          </th>
        </tr>
      </thead>
      <tbody>
        {items.map((right) => (
          <tr
            key={right.tool}
            className="border-b border-line last:border-b-0 max-lg:grid max-lg:grid-cols-[minmax(0,1fr)_auto] max-lg:py-1.5"
          >
            <th scope="row" className={`${td} text-left font-normal [overflow-wrap:anywhere] max-lg:py-0.5`}>
              <ToolLink tool={right.tool} />
            </th>
            <td className={`${td} max-lg:hidden`}>{right.class}</td>
            <td className={`${td} max-lg:py-0.5`}>
              <DecisionMark outcome={right.outcome} />
            </td>
            <td
              className={`${td} text-ink-2 [overflow-wrap:anywhere] max-lg:col-span-2 max-lg:py-0.5 max-lg:text-xs`}
            >
              {right.because}
              {right.uncertain !== undefined && (
                <strong className="block text-xs text-ink">Not certain: {right.uncertain}.</strong>
              )}
              <span className="block text-xs text-ink-3">
                {[right.code, ...right.policies].filter((word) => word !== undefined).join(' · ')}
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function ToolLink({ tool }: { readonly tool: string }) {
  const slash = tool.indexOf('/');
  return (
    <Link
      to="/tools/$server/$name"
      params={{ server: tool.slice(0, slash), name: tool.slice(slash + 1) }}
      className="hover:underline"
    >
      <code>
        <UntrustedText text={tool} />
      </code>
    </Link>
  );
}
