/** What people look at afterwards: calls of one agent, for one reason, in one hour; the oldest open first. */
import type { QueryIn } from '@atf/core/wire/api';
import { type ReviewLine, reviewStates } from '@atf/core/wire/review';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { call } from '../control/client.ts';
import { useAnswer, usePages } from '../control/queries.ts';
import { DataTable, type ListColumn } from '../parts/data-table.tsx';
import { SelectField } from '../parts/field.tsx';
import { MorePages, useNextPage } from '../parts/more-pages.tsx';
import { Empty, Page, Panel, Shown } from '../parts/panel.tsx';
import { Time } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';
import { becauseWords, Standing } from './review-words.tsx';

const everyMs = 5_000;
const pageItems = 100;
const countsOnly = { query: { limit: 1 } } as const;

export function Reviews() {
  const { state = 'open' } = useSearch({ from: '/shell/reviews' });
  const navigate = useNavigate({ from: '/reviews' });
  const reviews = usePages(
    ['reviews.list', state],
    (after, signal) => {
      const query: QueryIn<'reviews.list'> = {
        limit: pageItems,
        ...(state === 'all' ? {} : { state }),
        ...(after === undefined ? {} : { after }),
      };
      return call('reviews.list', { query }, signal);
    },
    { pageItems, cursorOf: ({ id }) => id, everyMs },
  );
  const onEnd = useNextPage(reviews);
  const rows = useMemo(
    () => [
      ...new Map(
        reviews.data?.pages.flatMap(({ items }) => items.map((item) => [item.id, item] as const)),
      ).values(),
    ],
    [reviews.data],
  );
  const counts = useAnswer('reviews.list', countsOnly, { everyMs }).data;
  return (
    <Page
      title="Reviews"
      sub={`Calls that have happened, and that a person looks at afterwards${counts === undefined ? '' : `: ${counts.open} open, ${counts.overdue} overdue`}`}
      actions={
        <div className="w-44">
          <SelectField
            label="State"
            bare
            value={state}
            onChange={(event) =>
              void navigate({ search: { state: event.target.value as typeof state }, replace: true })
            }
            options={[
              ...reviewStates.map((value) => ({
                value,
                text: value === 'open' ? 'To be looked at' : `Only ${value}`,
              })),
              { value: 'all', text: 'All of them' },
            ]}
          />
        </div>
      }
    >
      <Panel flush>
        <Shown answer={reviews} lines={8}>
          {() => (
            <DataTable
              label="Reviews"
              rows={rows}
              columns={columns}
              rowId={(item) => item.id}
              onOpen={(item) => void navigate({ to: '/reviews/$id', params: { id: item.id } })}
              onEnd={onEnd}
              foot={<MorePages pages={reviews} what="reviews" />}
              empty={
                <Empty>
                  {state === 'open' ? 'Nothing is to be looked at.' : 'No review is in this state.'}
                </Empty>
              }
            />
          )}
        </Shown>
      </Panel>
    </Page>
  );
}

const columns: readonly ListColumn<ReviewLine>[] = [
  {
    id: 'agent',
    title: 'Calls of',
    width: 'minmax(12rem,1.5fr)',
    cell: (item) => (
      <Link to="/reviews/$id" params={{ id: item.id }} className="font-medium hover:underline">
        {item.agent}
        <span className="block text-xs font-normal text-ink-2">
          {item.count} {item.count === 1 ? 'call' : 'calls'}
        </span>
      </Link>
    ),
  },
  { id: 'state', title: 'State', width: '7rem', cell: (item) => <Standing review={item} /> },
  {
    id: 'because',
    title: 'Why',
    width: 'minmax(8rem,1fr)',
    narrow: 'second',
    cell: (item) => becauseWords[item.because],
  },
  {
    id: 'tools',
    title: 'Tools',
    width: 'minmax(0,1.5fr)',
    narrow: 'hide',
    wideOnly: true,
    cell: (item) => <UntrustedText text={item.tools.join(', ')} />,
  },
  {
    id: 'labels',
    title: 'Found',
    width: 'minmax(0,1fr)',
    narrow: 'hide',
    wideOnly: true,
    cell: (item) => item.labels.join(', ') || '–',
  },
  {
    id: 'since',
    title: 'Since',
    width: '5.5rem',
    narrow: 'second',
    align: 'right',
    cell: (item) => <Time at={item.firstAt} />,
  },
];
