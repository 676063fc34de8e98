/** The columns of the activity: what, outcome, who, why, how long, when. Summaries may quote tools, so they are shown as untrusted text. */
import type { ActivityItem } from '@atf/core/wire/api';
import { Link } from '@tanstack/react-router';
import type { ListColumn } from './data-table.tsx';
import { LevelMark, levelNames } from './level.tsx';
import { OutcomeMark } from './outcome.tsx';
import { durationWords, Time } from './time.tsx';
import { UntrustedText } from './untrusted.tsx';

/** What a line is about: the tool of an action, or the event of control; where the reason has no room of its own, an event says it here. */
function What({ item }: { readonly item: ActivityItem }) {
  if (item.actionId === undefined) {
    return (
      <>
        <span className="max-lg:hidden">{item.type}</span>
        <span className="lg:hidden">
          <Why item={item} />
        </span>
      </>
    );
  }
  return (
    <Link to="/activity/$id" params={{ id: item.actionId }} className="font-medium hover:underline">
      {item.tool === undefined ? (
        item.type
      ) : (
        <code>
          <UntrustedText text={item.tool} />
        </code>
      )}
    </Link>
  );
}

/** The agent with its level, and the person; ATF itself where there is neither. */
function Who({ item }: { readonly item: ActivityItem }) {
  if (item.agent === undefined) return <span className="text-ink-2">{item.person ?? 'ATF'}</span>;
  return (
    <span className="inline-flex max-w-full min-w-0 flex-wrap items-center gap-x-1.5 align-bottom">
      {item.level !== undefined && (
        <span title={levelNames[item.level]}>
          <LevelMark level={item.level} />
          <span className="sr-only">{levelNames[item.level]}</span>
        </span>
      )}
      <Link to="/agents/$id" params={{ id: item.agent }} className="truncate hover:underline">
        {item.agent}
      </Link>
      {item.person !== undefined && <span className="text-xs text-ink-3">{item.person}</span>}
    </span>
  );
}

function Why({ item }: { readonly item: ActivityItem }) {
  const about = item.actionId === undefined ? item.tool : undefined;
  return (
    <span className="text-ink-2">
      {about !== undefined && (
        <>
          <code>
            <UntrustedText text={about} />
          </code>
          {': '}
        </>
      )}
      <UntrustedText text={item.summary} />
    </span>
  );
}

export const allColumns: readonly ListColumn<ActivityItem>[] = [
  { id: 'what', title: 'What', width: 'minmax(15.5rem,1.1fr)', cell: (item) => <What item={item} /> },
  {
    id: 'outcome',
    title: 'Outcome',
    width: '6rem',
    cell: (item) =>
      item.outcome === undefined ? (
        <span className="text-ink-3">event</span>
      ) : (
        <OutcomeMark outcome={item.outcome} />
      ),
  },
  {
    id: 'who',
    title: 'Who',
    width: 'minmax(9.5rem,0.9fr)',
    narrow: 'second',
    cell: (item) => <Who item={item} />,
  },
  {
    id: 'why',
    title: 'Why',
    width: 'minmax(0,2fr)',
    narrow: 'hide',
    cell: (item) => <Why item={item} />,
  },
  {
    id: 'took',
    title: 'Took',
    width: '4.5rem',
    narrow: 'hide',
    wideOnly: true,
    align: 'right',
    cell: (item) => (item.tookMs === undefined ? '' : durationWords(item.tookMs)),
  },
  {
    id: 'when',
    title: 'When',
    width: '5.5rem',
    narrow: 'second',
    align: 'right',
    cell: (item) => <Time at={item.at} className="text-ink-3" />,
  },
];
/** On the page of one agent the agent goes without saying; there the reason takes its place on narrow screens. */
export const ownColumns = allColumns
  .filter(({ id }) => id !== 'who')
  .map((column) => (column.id === 'why' ? { ...column, narrow: 'second' as const } : column));
