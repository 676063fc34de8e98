/** Who works here: every agent with its level, state and the person who owns it. */
import type { Agent } from '@atf/core/wire/api';
import { levels } from '@atf/core/wire/words';
import { Link, useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { call } from '../control/client.ts';
import { usePages } from '../control/queries.ts';
import { DataTable, type ListColumn, valueColumn } from '../parts/data-table.tsx';
import { LevelBadge } from '../parts/level.tsx';
import { StateMark } from '../parts/outcome.tsx';
import { MorePages, useNextPage } from '../parts/more-pages.tsx';
import { Empty, Page, Panel, Shown } from '../parts/panel.tsx';
import { Time } from '../parts/time.tsx';

const everyMs = 15_000;
const pageItems = 200;

export function Agents() {
  const agents = usePages(
    ['agents.list', 'pages'],
    (after, signal) =>
      call('agents.list', { query: { limit: pageItems, ...(after === undefined ? {} : { after }) } }, signal),
    { pageItems, cursorOf: ({ name }) => name, everyMs },
  );
  const onEnd = useNextPage(agents);
  const rows = useMemo(() => agents.data?.pages.flatMap(({ items }) => items) ?? [], [agents.data]);
  const navigate = useNavigate();
  return (
    <Page title="Agents">
      <Panel flush>
        <Shown answer={agents} lines={8}>
          {() => (
            <DataTable
              label="Agents"
              rows={rows}
              onEnd={onEnd}
              foot={<MorePages pages={agents} what="agents" />}
              columns={columns}
              rowId={(agent) => agent.id}
              onOpen={(agent) => void navigate({ to: '/agents/$id', params: { id: agent.name } })}
              empty={<Empty command="atf agent register manifest.yaml">No agent is registered.</Empty>}
            />
          )}
        </Shown>
      </Panel>
    </Page>
  );
}

const columns: readonly ListColumn<Agent>[] = [
  {
    id: 'name',
    title: 'Agent',
    width: 'minmax(10rem,1.4fr)',
    sort: (agent) => agent.name,
    cell: (agent) => (
      <Link to="/agents/$id" params={{ id: agent.name }} className="font-medium hover:underline">
        {agent.name}
      </Link>
    ),
  },
  {
    id: 'level',
    title: 'Level',
    width: 'minmax(7.5rem,1fr)',
    sort: (agent) => levels.indexOf(agent.effectiveLevel),
    cell: (agent) => <LevelBadge level={agent.level} effective={agent.effectiveLevel} />,
  },
  {
    id: 'state',
    title: 'State',
    width: '6.75rem',
    narrow: 'second',
    sort: (agent) => agent.state,
    cell: (agent) => <StateMark state={agent.state} />,
  },
  valueColumn({ id: 'owner', title: 'Owner', width: 'minmax(7.5rem,1fr)' }, (agent) => agent.owner.name),
  valueColumn(
    { id: 'domain', title: 'Domain', width: 'minmax(5.5rem,0.7fr)', wideOnly: true },
    (agent) => agent.manifest.domain,
  ),
  valueColumn({ id: 'version', title: 'Version', width: '4.5rem', wideOnly: true }, (agent) => agent.version),
  valueColumn(
    { id: 'instances', title: 'Instances', width: '5rem', wideOnly: true, align: 'right' },
    (agent) => agent.instances,
  ),
  {
    id: 'last',
    title: 'Last action',
    width: '6rem',
    narrow: 'second',
    align: 'right',
    sort: (agent) => (agent.lastActionAt === undefined ? 0 : Date.parse(agent.lastActionAt)),
    cell: (agent) =>
      agent.lastActionAt === undefined ? (
        <span className="text-ink-3">never</span>
      ) : (
        <Time at={agent.lastActionAt} />
      ),
  },
];
