/** What can be reached, and has it changed? */
import type { Server, Tool } from '@atf/core/wire/api';
import { actionClasses } from '@atf/core/wire/words';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useAnswer } from '../control/queries.ts';
import { DataTable, type ListColumn, valueColumn } from '../parts/data-table.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { StateMark } from '../parts/outcome.tsx';
import { Empty, FaultNote, Page, Panel, Shown } from '../parts/panel.tsx';
import { Icon } from '../parts/icons.tsx';
import { Time } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';
import { ServerAsks } from './server-asks.tsx';

const everyMs = 15_000;

export function Tools() {
  const { find = '', state } = useSearch({ from: '/shell/tools' });
  const navigate = useNavigate({ from: '/tools' });
  const tools = useAnswer('tools.list', {}, { everyMs });
  const rows = useMemo(() => {
    const words = find.toLowerCase();
    return (tools.data?.items ?? []).filter(
      (tool) =>
        (state === undefined || tool.state === state) &&
        `${tool.server}/${tool.name} ${tool.effectiveClass} ${tool.classification.domain}`
          .toLowerCase()
          .includes(words),
    );
  }, [tools.data, find, state]);
  const set = (part: { find?: string | undefined; state?: string | undefined }) =>
    void navigate({ search: (old) => ({ ...old, ...part }) as { find?: string }, replace: true });
  return (
    <Page title="Tools">
      <div className="space-y-4">
        <ServersPanel />
        <div className="grid grid-cols-2 gap-2 sm:flex">
          <div className="sm:w-48">
            <SelectField
              label="State"
              bare
              value={state ?? ''}
              onChange={(event) => set({ state: event.target.value || undefined })}
              options={[
                { value: '', text: 'All states' },
                { value: 'active', text: 'Only active' },
                { value: 'quarantined', text: 'Only quarantined' },
                { value: 'removed', text: 'Only removed' },
              ]}
            />
          </div>
          <div className="sm:w-72">
            <TextField
              label="Find a tool"
              bare
              placeholder="Name, class, domain"
              value={find}
              onChange={(event) => set({ find: event.target.value || undefined })}
            />
          </div>
        </div>
        <Panel flush>
          <Shown answer={tools} lines={8}>
            {({ items }) => (
              <DataTable
                label="Tools"
                rows={rows}
                columns={columns}
                rowId={(tool) => `${tool.server}/${tool.name}`}
                onOpen={(tool) =>
                  void navigate({
                    to: '/tools/$server/$name',
                    params: { server: tool.server, name: tool.name },
                  })
                }
                empty={
                  items.length === 0 ? (
                    <Empty command="atf tool add">No tool is registered; agents can reach nothing.</Empty>
                  ) : (
                    <Empty>No tool fits these filters.</Empty>
                  )
                }
              />
            )}
          </Shown>
        </Panel>
      </div>
    </Page>
  );
}

function ServersPanel() {
  const servers = useAnswer('servers.list', {}, { everyMs });
  if (servers.data === undefined)
    return servers.error === null ? null : (
      <FaultNote error={servers.error} retry={() => void servers.refetch()} />
    );
  return (
    <ul className="grid grid-cols-1 items-start gap-3 sm:grid-cols-2 lg:grid-cols-3">
      {servers.data.items.map((server) => (
        <ServerCard key={server.name} server={server} />
      ))}
    </ul>
  );
}

function ServerCard({ server }: { readonly server: Server }) {
  return (
    <li className="rounded-lg border border-line bg-panel px-4 py-3">
      <p className="flex items-center gap-2">
        <Icon
          name={server.fault === undefined ? 'allowed' : 'failed'}
          className={server.fault === undefined ? 'text-(--outcome-allowed)' : 'text-(--outcome-stopped)'}
        />
        <span className="flex-1 font-medium">{server.name}</span>
        <span className="text-xs text-ink-3">{server.transport.kind}</span>
      </p>
      <p className="mt-1 text-xs text-ink-2">
        domain {server.domain}, output {server.outputTrust}
        {server.discoveredAt !== undefined && (
          <>
            , read <Time at={server.discoveredAt} />
          </>
        )}
      </p>
      {server.fault !== undefined && (
        <p className="mt-1 text-xs text-danger">
          <UntrustedText text={server.fault} />
        </p>
      )}
      <ServerAsks server={server} />
    </li>
  );
}

const columns: readonly ListColumn<Tool>[] = [
  {
    id: 'tool',
    title: 'Tool',
    width: 'minmax(14rem,1.5fr)',
    sort: (tool) => `${tool.server}/${tool.name}`,
    cell: (tool) => (
      <Link
        to="/tools/$server/$name"
        params={{ server: tool.server, name: tool.name }}
        className="font-medium hover:underline"
      >
        <code>
          <UntrustedText text={`${tool.server}/${tool.name}`} />
        </code>
      </Link>
    ),
  },
  {
    id: 'state',
    title: 'State',
    width: '6.75rem',
    sort: (tool) => tool.state,
    cell: (tool) => <StateMark state={tool.state} />,
  },
  {
    id: 'class',
    title: 'Class',
    width: '5.5rem',
    narrow: 'second',
    sort: (tool) => actionClasses.indexOf(tool.effectiveClass),
    cell: (tool) =>
      tool.classification.class === undefined ? (
        <span className="text-danger">unclassified</span>
      ) : (
        tool.effectiveClass
      ),
  },
  {
    id: 'by',
    title: 'Classified by',
    width: '6.5rem',
    narrow: 'hide',
    sort: (tool) => tool.classification.by,
    cell: (tool) =>
      tool.classification.by === 'person' ? (
        'a person'
      ) : tool.reviewed ? (
        'automatic'
      ) : (
        <span className="text-danger">never reviewed</span>
      ),
  },
  valueColumn(
    { id: 'sensitivity', title: 'Sensitivity', width: '5.5rem', wideOnly: true },
    (tool) => tool.classification.sensitivity,
  ),
  valueColumn(
    { id: 'domain', title: 'Domain', width: 'minmax(6.25rem,0.7fr)', narrow: 'second' },
    (tool) => tool.classification.domain,
  ),
  valueColumn(
    { id: 'output', title: 'Output', width: '4.75rem', wideOnly: true },
    (tool) => tool.classification.outputTrust,
  ),
  valueColumn({ id: 'undo', title: 'Undo', width: '3.5rem', wideOnly: true }, (tool) =>
    tool.classification.reversible ? 'yes' : 'no',
  ),
];
