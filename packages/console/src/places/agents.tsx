/** Who works here: every agent with its level, state and the person who owns it. */
import type { Agent } from '@atf/core/wire/api';
import { levels } from '@atf/core/wire/words';
import { Link, useNavigate } from '@tanstack/react-router';
import { useAnswer } from '../control/queries.ts';
import { DataTable, type ListColumn } from '../parts/data-table.tsx';
import { LevelBadge } from '../parts/level.tsx';
import { StateMark } from '../parts/outcome.tsx';
import { Empty, Page, Panel, Shown } from '../parts/panel.tsx';
import { Time } from '../parts/time.tsx';

const everyMs = 15_000;

export function Agents() {
  const agents = useAnswer('agents.list', {}, { everyMs });
  const navigate = useNavigate();
  return (
    <Page title="Agents">
      <Panel flush>
        <Shown answer={agents} lines={8}>
          {({ items }) => (
            <DataTable
              label="Agents"
              rows={items}
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
    width: 'minmax(11rem,1.4fr)',
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
    width: 'minmax(8rem,1fr)',
    sort: (agent) => levels.indexOf(agent.effectiveLevel),
    cell: (agent) => <LevelBadge level={agent.level} effective={agent.effectiveLevel} />,
  },
  {
    id: 'state',
    title: 'State',
    width: '7.5rem',
    narrow: 'second',
    sort: (agent) => agent.state,
    cell: (agent) => <StateMark state={agent.state} />,
  },
  {
    id: 'owner',
    title: 'Owner',
    width: 'minmax(8rem,1fr)',
    narrow: 'hide',
    sort: (agent) => agent.owner.name,
    cell: (agent) => agent.owner.name,
  },
  {
    id: 'domain',
    title: 'Domain',
    width: 'minmax(6rem,0.7fr)',
    narrow: 'hide',
    sort: (agent) => agent.manifest.domain,
    cell: (agent) => agent.manifest.domain,
  },
  {
    id: 'version',
    title: 'Version',
    width: '5rem',
    narrow: 'hide',
    cell: (agent) => <span className="tabular-nums">{agent.version}</span>,
  },
  {
    id: 'instances',
    title: 'Instances',
    width: '5.5rem',
    narrow: 'hide',
    align: 'right',
    sort: (agent) => agent.instances,
    cell: (agent) => agent.instances,
  },
  {
    id: 'last',
    title: 'Last action',
    width: '6.5rem',
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
