/** What were people told, where does it go, and did it arrive? */
import type { Delivery, Notification, Target } from '@atf/core/wire/notifications';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { ClearedFault } from '../parts/cleared.tsx';
import { DataTable, type ListColumn } from '../parts/data-table.tsx';
import { SelectField } from '../parts/field.tsx';
import { DeliveryMark, SeverityMark } from '../parts/outcome.tsx';
import { Empty, FaultNote, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { durationWords, Time } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';
import { noticeWords } from './notice-words.ts';

const everyMs = 5_000;
const noticesShown = 100;
const deliveriesShown = 100;

export function Notifications() {
  const { show = 'open' } = useSearch({ from: '/shell/notifications' });
  const navigate = useNavigate({ from: '/notifications' });
  const told = useAnswer(
    'notifications.list',
    { query: { limit: noticesShown, ...(show === 'open' ? { open: 'true' as const } : {}) } },
    { everyMs },
  );
  return (
    <Page
      title="What people were told"
      sub="News of what agents did alone, of what waits, of stops and faults; where it goes, and whether it arrived."
      actions={
        <div className="w-52">
          <SelectField
            label="Which"
            bare
            value={show}
            onChange={(event) =>
              void navigate({ search: { show: event.target.value as typeof show }, replace: true })
            }
            options={[
              { value: 'open', text: 'Nobody has taken note' },
              { value: 'all', text: `The newest ${noticesShown}` },
            ]}
          />
        </div>
      }
    >
      <div className="space-y-4">
        <Panel title="News" flush>
          <Shown answer={told} lines={6}>
            {({ items }) => (
              <DataTable
                label="News"
                rows={items}
                columns={newsColumns}
                rowId={(item) => item.id}
                onOpen={(item) => void navigate({ to: '/notifications/$id', params: { id: item.id } })}
                empty={
                  <Empty>
                    {show === 'open'
                      ? 'Somebody has taken note of everything.'
                      : 'Nobody was told anything yet. A Senior tells people whenever it acts by itself.'}
                  </Empty>
                }
              />
            )}
          </Shown>
        </Panel>
        <Targets />
        <Deliveries />
      </div>
    </Page>
  );
}

const newsColumns: readonly ListColumn<Notification>[] = [
  {
    id: 'summary',
    title: 'What',
    width: 'minmax(0,2.2fr)',
    cell: (item) => (
      <Link to="/notifications/$id" params={{ id: item.id }} className="font-medium hover:underline">
        <UntrustedText text={item.summary} />
      </Link>
    ),
  },
  {
    id: 'severity',
    title: 'Severity',
    width: '6.5rem',
    cell: (item) => <SeverityMark severity={item.severity} />,
  },
  {
    id: 'kind',
    title: 'Kind',
    width: 'minmax(8rem,0.8fr)',
    narrow: 'second',
    cell: (item) => noticeWords[item.kind],
  },
  {
    id: 'note',
    title: 'Taken note',
    width: 'minmax(7rem,0.7fr)',
    narrow: 'hide',
    cell: (item) => item.acknowledged?.by ?? <span className="text-ink-3">nobody</span>,
  },
  {
    id: 'at',
    title: 'When',
    width: '5.5rem',
    narrow: 'second',
    align: 'right',
    cell: (item) => <Time at={item.at} />,
  },
];

function Targets() {
  const targets = useAnswer('targets.list', {}, { everyMs });
  return (
    <Panel title="Where it goes" flush>
      <Shown answer={targets} lines={4}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty command="npx atf notify target add ops --webhook https://ops.example.com/atf">
              It stays here: no mail, no webhook, no chat is told. Targets are added on the command line,
              where their secrets are.
            </Empty>
          ) : (
            <ul>
              {items.map((target) => (
                <li key={target.id} className="border-b border-line p-4 last:border-b-0">
                  <TargetItem target={target} />
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
    </Panel>
  );
}

function rulesOf({ kinds, severity, agents, people }: Target): string {
  const parts = [
    kinds.length === 0 ? 'every kind' : kinds.map((kind) => noticeWords[kind]).join(', '),
    severity === 'info' ? 'any severity' : `${severity} and graver`,
    ...(agents.length === 0 ? [] : [`agents ${agents.join(', ')}`]),
    ...(people.length === 0 ? [] : [`what concerns ${people.join(', ')}`]),
  ];
  return parts.join('; ');
}

function TargetItem({ target }: { readonly target: Target }) {
  const test = useChange('targets.test', ['deliveries.list', 'targets.list']);
  const [removing, setRemoving] = useState(false);
  const params = { id: target.id };
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <h3 className="font-medium">
          {target.name} <span className="font-normal text-ink-3">{target.channel}</span>
        </h3>
        <div className="flex flex-wrap gap-2">
          <Button busy={test.isPending} onClick={() => test.mutate({ params })}>
            Send a test
          </Button>
          <Button look="danger-outline" onClick={() => setRemoving(!removing)} aria-expanded={removing}>
            Remove…
          </Button>
        </div>
      </div>
      {test.error !== null && <FaultNote error={test.error} />}
      {test.data !== undefined && <p role="status">A test is on its way; it shows below when it arrived.</p>}
      {removing && <Removal target={target} />}
      <Facts
        facts={[
          { name: 'To', value: <UntrustedText text={target.destination} /> },
          { name: 'Told of', value: rulesOf(target) },
          {
            name: 'Batched',
            value: `the first at once, then one digest in ${durationWords(target.windowSeconds * 1_000)}`,
          },
          {
            name: 'Messages',
            value: (
              <>
                {target.waiting} waiting, {target.dead} given up
                {target.deliveredAt !== undefined && (
                  <>
                    , the last one arrived <Time at={target.deliveredAt} />
                  </>
                )}
              </>
            ),
          },
          {
            name: 'Added',
            value: (
              <>
                by {target.addedBy}, <Time at={target.addedAt} />
              </>
            ),
          },
        ]}
      />
    </div>
  );
}

function Removal({ target }: { readonly target: Target }) {
  const remove = useChange('targets.remove', ['targets.list', 'deliveries.list', 'notifications.list']);
  const input = { params: { id: target.id } };
  return (
    <div className="space-y-3 rounded-md border border-line-strong bg-sunken p-3">
      <p>
        Nobody is told at {target.name} any more, and {target.waiting} waiting{' '}
        {target.waiting === 1 ? 'message is' : 'messages are'} dropped. It can be added again, with a new
        secret.
      </p>
      {remove.error !== null && (
        <ClearedFault
          error={remove.error}
          operation="targets.remove"
          input={remove.variables}
          verb="Remove"
          again={(again) => remove.mutateAsync(again)}
        />
      )}
      <Button look="danger" busy={remove.isPending} onClick={() => remove.mutate(input)}>
        Remove {target.name}
      </Button>
    </div>
  );
}

function Deliveries() {
  const deliveries = useAnswer('deliveries.list', { query: { limit: deliveriesShown } }, { everyMs });
  return (
    <Panel title="Messages" aside={`the newest ${deliveriesShown}`} flush>
      <Shown answer={deliveries} lines={4}>
        {({ items }) => (
          <DataTable
            label="Messages"
            rows={items}
            columns={deliveryColumns}
            rowId={(item) => item.id}
            empty={<Empty>No message was sent anywhere yet.</Empty>}
          />
        )}
      </Shown>
    </Panel>
  );
}

const deliveryColumns: readonly ListColumn<Delivery>[] = [
  {
    id: 'target',
    title: 'To',
    width: 'minmax(9rem,1fr)',
    cell: (item) => (
      <>
        <span className="font-medium">{item.target}</span>
        {item.person !== undefined && <span className="text-ink-2"> · {item.person}</span>}
      </>
    ),
  },
  { id: 'state', title: 'State', width: '7rem', cell: (item) => <DeliveryMark state={item.state} /> },
  {
    id: 'what',
    title: 'What',
    width: 'minmax(0,1.4fr)',
    narrow: 'second',
    cell: (item) =>
      Object.entries(item.counts)
        .map(([kind, count]) => `${count} × ${noticeWords[kind as Notification['kind']]}`)
        .join(', '),
  },
  {
    id: 'attempts',
    title: 'Attempts',
    width: 'minmax(7rem,0.8fr)',
    narrow: 'hide',
    cell: (item) => (
      <>
        {item.attempts} of {item.attemptsMax}
        {item.problem !== undefined && (
          <span className="text-ink-2"> · {item.problem.replaceAll('_', ' ')}</span>
        )}
      </>
    ),
  },
  {
    id: 'at',
    title: 'Written',
    width: '5.5rem',
    narrow: 'second',
    align: 'right',
    cell: (item) => <Time at={item.createdAt} />,
  },
  {
    id: 'again',
    title: 'Again',
    width: '6.5rem',
    narrow: 'hide',
    align: 'right',
    cell: (item) => (item.state === 'dead' ? <Again id={item.id} /> : null),
  },
];

function Again({ id }: { readonly id: string }) {
  const retry = useChange('deliveries.retry', ['deliveries.list', 'targets.list']);
  return (
    <Button busy={retry.isPending} onClick={() => retry.mutate({ params: { id } })}>
      Try again
    </Button>
  );
}
