/** What waits for a person, and what was decided. */
import { briefWords } from '@atf/core/approval-words';
import type { Approval, QueryIn } from '@atf/core/wire/api';
import { approvalStates } from '@atf/core/wire/words';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { call } from '../control/client.ts';
import { usePages } from '../control/queries.ts';
import { DataTable, type ListColumn } from '../parts/data-table.tsx';
import { SelectField } from '../parts/field.tsx';
import { LevelMark, levelNames } from '../parts/level.tsx';
import { MorePages, useNextPage } from '../parts/more-pages.tsx';
import { ApprovalMark } from '../parts/outcome.tsx';
import { Empty, Page, Panel, Shown } from '../parts/panel.tsx';
import { Time } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';

const everyMs = 5_000;
const pageItems = 100;

export function Approvals() {
  const { state = 'waiting' } = useSearch({ from: '/shell/approvals' });
  const navigate = useNavigate({ from: '/approvals' });
  const approvals = usePages(
    ['approvals.list', state],
    (after, signal) => {
      const query: QueryIn<'approvals.list'> = {
        limit: pageItems,
        ...(state === 'all' ? {} : { state }),
        ...(after === undefined ? {} : { after }),
      };
      return call('approvals.list', { query }, signal);
    },
    { pageItems, cursorOf: ({ id }) => id, everyMs },
  );
  const onEnd = useNextPage(approvals);
  // A call that was decided between two pages can stand in both.
  const rows = useMemo(
    () => [
      ...new Map(
        approvals.data?.pages.flatMap(({ items }) => items.map((item) => [item.id, item] as const)),
      ).values(),
    ],
    [approvals.data],
  );
  return (
    <Page
      title="Approvals"
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
              ...approvalStates.map((value) => ({
                value,
                text: value === 'waiting' ? 'Waiting for a person' : `Only ${value}`,
              })),
              { value: 'all', text: 'All of them' },
            ]}
          />
        </div>
      }
    >
      <Panel flush>
        <Shown answer={approvals} lines={8}>
          {() => (
            <DataTable
              label="Approvals"
              rows={rows}
              columns={columns}
              rowId={(item) => item.id}
              onOpen={(item) => void navigate({ to: '/approvals/$id', params: { id: item.id } })}
              onEnd={onEnd}
              foot={<MorePages pages={approvals} what="calls" />}
              empty={
                state === 'waiting' ? (
                  <Empty command="npm run demo -- --by-hand">
                    Nothing waits. In the demo a Junior asks for a refund, and you decide about it.
                  </Empty>
                ) : (
                  <Empty>No approval is in this state.</Empty>
                )
              }
            />
          )}
        </Shown>
      </Panel>
    </Page>
  );
}

const columns: readonly ListColumn<Approval>[] = [
  {
    id: 'tool',
    title: 'Call',
    width: 'minmax(15rem,2fr)',
    cell: (item) => (
      <Link to="/approvals/$id" params={{ id: item.id }} className="font-medium hover:underline">
        <code className="whitespace-normal break-words">{item.tool}</code>
        <span className="block whitespace-normal break-words text-xs font-normal text-ink-2">
          <UntrustedText text={briefWords(item.brief)} />
        </span>
      </Link>
    ),
  },
  { id: 'state', title: 'State', width: '6.5rem', cell: (item) => <ApprovalMark state={item.state} /> },
  {
    id: 'agent',
    title: 'Agent',
    width: 'minmax(9rem,1fr)',
    narrow: 'second',
    cell: (item) => (
      <span className="inline-flex items-center gap-1.5 align-bottom">
        <span title={levelNames[item.agent.level]}>
          <LevelMark level={item.agent.level} />
          <span className="sr-only">{levelNames[item.agent.level]}</span>
        </span>
        {item.agent.name}
      </span>
    ),
  },
  { id: 'class', title: 'Class', width: '5rem', narrow: 'hide', wideOnly: true, cell: (item) => item.class },
  {
    id: 'because',
    title: 'Why a person is asked',
    width: 'minmax(0,1.6fr)',
    narrow: 'hide',
    wideOnly: true,
    cell: (item) => (
      <span className="text-ink-2">
        <UntrustedText text={item.because} />
      </span>
    ),
  },
  {
    id: 'asked',
    title: 'Asked',
    width: '5.5rem',
    narrow: 'second',
    align: 'right',
    cell: (item) => <Time at={item.requestedAt} />,
  },
  {
    id: 'expires',
    title: 'Expires',
    width: '6rem',
    narrow: 'hide',
    align: 'right',
    cell: (item) =>
      item.state === 'waiting' || item.state === 'approved' ? (
        <Time at={item.expiresAt} />
      ) : (
        <span className="text-ink-3">by {item.decidedBy ?? 'nobody'}</span>
      ),
  },
];
