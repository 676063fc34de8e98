/** Who is it, what may it do, how far is it trusted? */
import {
  assuranceWords,
  checkpointWords,
  limitWords,
  tableRightsWords,
  otherDomainWords,
  spentWords,
  slaWords,
  spawnWords,
  windowWords,
} from '@atf/core/identity/manifest-words';
import type { Agent } from '@atf/core/wire/api';
import { type Level, levels } from '@atf/core/wire/words';
import { Link, useParams } from '@tanstack/react-router';
import { useAnswer } from '../control/queries.ts';
import { ActivityList } from '../parts/activity-list.tsx';
import { Button } from '../parts/button.tsx';
import { Icon } from '../parts/icons.tsx';
import { LevelBadge, LevelMark, levelNames } from '../parts/level.tsx';
import { StateMark } from '../parts/outcome.tsx';
import { Empty, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { RightsTable, ToolLink } from '../parts/rights-table.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime, Time } from '../parts/time.tsx';
import { Untrusted, UntrustedText } from '../parts/untrusted.tsx';
import { BoundariesPanel } from './boundaries-panel.tsx';
import { LabelsPanel } from './labels-panel.tsx';
import { TasksPanel } from './tasks-panel.tsx';
import { VolumePanel } from './volume-panel.tsx';
import { CeilingPanel } from './ceiling-panel.tsx';
import { useStop } from '../shell/stop-dialog.tsx';

const everyMs = 10_000;

export function AgentPage() {
  const { id } = useParams({ from: '/shell/agents/$id' });
  const agent = useAnswer('agents.show', { params: { id } }, { everyMs });
  const stop = useStop();
  const data = agent.data;
  return (
    <Page
      title={data?.name ?? id}
      above={
        <Link to="/agents" className="hover:underline">
          Agents
        </Link>
      }
      sub={data === undefined ? undefined : <Standing agent={data} />}
      actions={
        data !== undefined && (
          <>
            {data.state !== 'active' && (
              <Link
                to="/stopped"
                className="inline-flex h-8 items-center px-2 text-accent underline max-md:h-10"
              >
                Resume
              </Link>
            )}
            <Button look="danger" onClick={() => stop.open({ kind: 'agent', id: data.id })}>
              <Icon name="stopped" /> Stop this agent…
            </Button>
          </>
        )
      }
    >
      <Shown answer={agent} lines={12}>
        {(found) => (
          <div className="space-y-4">
            <Ladder agent={found} />
            <CeilingPanel agent={found} />
            <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
              <IdentityPanel agent={found} />
              <PurposePanel agent={found} />
            </div>
            <RightsPanel agent={found} />
            <TasksPanel agent={found} />
            <LimitsPanel agent={found} />
            <BoundariesPanel agent={found} />
            <VolumePanel agent={found} />
            <LabelsPanel agent={found} />
            <TablesPanel agent={found} />
            <Panel title="Activity of this agent" flush>
              <ActivityList filter={{ agent: found.name }} label={`Activity of ${found.name}`} />
            </Panel>
          </div>
        )}
      </Shown>
    </Page>
  );
}

function Standing({ agent }: { readonly agent: Agent }) {
  return (
    <span className="flex flex-wrap items-center gap-x-4 gap-y-1">
      <LevelBadge level={agent.level} effective={agent.effectiveLevel} />
      <StateMark state={agent.state} />
      <span>version {agent.version}</span>
      {agent.bootstrap && (
        <span className="rounded border border-line px-1.5 text-xs text-ink-2">
          level set by the example workspace, not earned
        </span>
      )}
    </span>
  );
}

/** What each level may, in the words of the specification's maturity model. */
const autonomy: Record<Level, string> = {
  intern: 'Observes and reports. Changes nothing.',
  junior: 'Recommends; a person approves each change.',
  senior: 'Acts within limits and tells people at once.',
  principal: 'Works by itself within its domain.',
};

function Ladder({ agent }: { readonly agent: Agent }) {
  const now = levels.indexOf(agent.effectiveLevel);
  return (
    <Panel
      title="Level"
      aside={
        <>
          {agent.ceiling !== undefined && <>ceiling: {levelNames[agent.ceiling]} · </>}
          <Link to="/agents/$id/try-level" params={{ id: agent.name }} className="underline">
            What would it have done at another level?
          </Link>
        </>
      }
      flush
    >
      <ol className="grid grid-cols-1 sm:grid-cols-4">
        {levels.map((level, index) => {
          const here = index === now;
          return (
            <li
              key={level}
              aria-current={here ? 'step' : undefined}
              className={`border-b border-line px-4 py-3 last:border-b-0 sm:border-r sm:border-b-0 sm:last:border-r-0 ${here ? 'bg-accent-soft' : ''}`}
            >
              <p className="flex items-center gap-1.5 font-medium">
                <LevelMark level={level} /> {levelNames[level]}
                {here && <span className="text-xs text-accent">now</span>}
                {level === agent.level && !here && <span className="text-xs text-ink-3">earned</span>}
              </p>
              <p className="mt-0.5 text-xs text-ink-2">{autonomy[level]}</p>
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}

function PersonName({ person }: { readonly person: { readonly name: string; readonly email: string } }) {
  return (
    <>
      {person.name} <span className="text-ink-3">{person.email}</span>
    </>
  );
}

function IdentityPanel({ agent }: { readonly agent: Agent }) {
  return (
    <Panel title="Identity and people">
      <Facts
        facts={[
          { name: 'Agent id', value: <ShortId id={agent.id} what="agent id" /> },
          { name: 'Manifest', value: <ShortId id={agent.manifestDigest} what="digest of the manifest" /> },
          { name: 'Owner', value: <PersonName person={agent.owner} /> },
          { name: 'Technical owner', value: <PersonName person={agent.technicalOwner} /> },
          { name: 'Business owner', value: <PersonName person={agent.businessOwner} /> },
          {
            name: 'May also stop it',
            value:
              agent.manifest.mayStop.length === 0 ? 'nobody else named' : agent.manifest.mayStop.join(', '),
          },
          ...(agent.manifest.sponsor === undefined
            ? []
            : [{ name: 'Sponsor', value: agent.manifest.sponsor }]),
          { name: 'Escalation', value: agent.manifest.escalation },
          { name: 'Instances', value: `${agent.instances} enrolled` },
          { name: 'Registered', value: <ExactTime at={agent.registeredAt} /> },
          {
            name: 'Last action',
            value: agent.lastActionAt === undefined ? 'never' : <Time at={agent.lastActionAt} />,
          },
        ]}
      />
    </Panel>
  );
}

function PurposePanel({ agent }: { readonly agent: Agent }) {
  const { manifest } = agent;
  return (
    <Panel title="Purpose and claims" aside="from the manifest">
      <div className="space-y-3">
        <Untrusted text={manifest.purpose} by="the manifest" />
        <Facts
          facts={[
            { name: 'Domain', value: manifest.domain },
            {
              name: 'Data domains',
              value: [...manifest.dataDomains, ...(manifest.otherDomains ?? []).map(otherDomainWords)].join(
                ', ',
              ),
            },
            {
              name: 'Model',
              value: (
                <UntrustedText
                  text={[manifest.model.provider, manifest.model.name, manifest.model.version]
                    .filter((word) => word !== undefined)
                    .join(' · ')}
                />
              ),
            },
            { name: 'Assurance', value: assuranceWords(manifest) },
            { name: 'May start others', value: spawnWords(manifest) },
            { name: 'Service level', value: slaWords(manifest) },
            {
              name: 'Service hours',
              value:
                manifest.serviceHours === undefined ? (
                  'not declared'
                ) : (
                  <>
                    <UntrustedText text={manifest.serviceHours} /> (shown, not enforced)
                  </>
                ),
            },
            {
              name: 'Capabilities',
              value: (
                <ul className="list-disc pl-4">
                  {manifest.capabilities.map((capability) => (
                    <li key={capability}>
                      <UntrustedText text={capability} />
                    </li>
                  ))}
                </ul>
              ),
            },
          ]}
        />
      </div>
    </Panel>
  );
}

function RightsPanel({ agent }: { readonly agent: Agent }) {
  const rights = useAnswer('agents.rights', { params: { id: agent.id } }, { everyMs });
  return (
    <Panel
      title="What it may do now"
      aside={
        <span className="flex flex-wrap gap-x-3">
          <Link to="/agents/$id/rights" params={{ id: agent.name }} className="py-1 underline">
            At another moment
          </Link>
          <Link to="/policy/combinations" search={{ agent: agent.name }} className="py-1 underline">
            What of it is dangerous together
          </Link>
        </span>
      }
      flush
    >
      <Shown answer={rights}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>It is granted no tool: every call is refused.</Empty>
          ) : (
            <RightsTable items={items} />
          )
        }
      </Shown>
    </Panel>
  );
}

function TablesPanel({ agent }: { readonly agent: Agent }) {
  const { databases = [] } = agent.manifest;
  if (databases.length === 0) return null;
  return (
    <Panel title="Tables" aside="from the manifest; what is not listed is refused" flush>
      <ul>
        {databases.flatMap(({ tool, tables }) =>
          Object.entries(tables).map(([table, rights]) => (
            <li
              key={`${tool} ${table}`}
              className="grid grid-cols-1 gap-x-4 border-b border-line px-4 py-2 last:border-b-0 md:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]"
            >
              <ToolLink tool={tool} />
              <span className="text-ink-2">
                <UntrustedText text={`${table}: ${tableRightsWords(rights)}`} />
              </span>
            </li>
          )),
        )}
      </ul>
    </Panel>
  );
}

/** What is spent of its totals, as bars. */
function Spent({ agent }: { readonly agent: Agent }) {
  const bound = agent.manifest.limits.some(({ total, concurrent }) => (total ?? concurrent) !== undefined);
  const totals = useAnswer('agents.totals', { params: { id: agent.id } }, { everyMs, enabled: bound });
  if (!bound) return null;
  return (
    <li className="border-b border-line px-4 py-2 last:border-b-0">
      <Shown answer={totals}>
        {({ items }) => (
          <ul className="grid gap-2">
            {items.map((total) => (
              <li
                key={`${total.id} ${total.task ?? ''}`}
                className="grid grid-cols-1 gap-x-4 md:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]"
              >
                {total.tool === undefined ? (
                  <span>All its tools together</span>
                ) : (
                  <ToolLink tool={total.tool} />
                )}
                <span className="text-ink-2">
                  {spentWords(total)}
                  <meter
                    className="block h-2 w-full max-w-sm"
                    aria-label={`spent: ${spentWords(total)}`}
                    min={0}
                    max={Math.max(total.max, 1)}
                    high={total.max * 0.8}
                    value={Math.min(total.spent, Math.max(total.max, 1))}
                  />
                </span>
              </li>
            ))}
          </ul>
        )}
      </Shown>
    </li>
  );
}

function LimitsPanel({ agent }: { readonly agent: Agent }) {
  const { limits, checkpoints, windows = [] } = agent.manifest;
  return (
    <Panel
      title="Limits and human checkpoints"
      aside="from the manifest; defaults of the level apply where none is set"
      flush
    >
      {limits.length + checkpoints.length + windows.length === 0 ? (
        <Empty>None of its own.</Empty>
      ) : (
        <ul>
          {limits.map((limit, index) => (
            <li
              key={`limit ${index}`}
              className="grid grid-cols-1 gap-x-4 border-b border-line px-4 py-2 last:border-b-0 md:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]"
            >
              {limit.tool === undefined ? (
                <span>All its tools together</span>
              ) : (
                <ToolLink tool={limit.tool} />
              )}
              <span className="text-ink-2">{limitWords(limit)}</span>
            </li>
          ))}
          {windows.map((window, index) => (
            <li
              key={`window ${index}`}
              className="grid grid-cols-1 gap-x-4 border-b border-line px-4 py-2 last:border-b-0 md:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]"
            >
              {window.tool === undefined ? (
                <span>Its tools without hours of their own</span>
              ) : (
                <ToolLink tool={window.tool} />
              )}
              <span className="text-ink-2">only {windowWords(window)}</span>
            </li>
          ))}
          <Spent agent={agent} />
          {checkpoints.map((point, index) => (
            <li
              key={`point ${index}`}
              className="grid grid-cols-1 gap-x-4 border-b border-line px-4 py-2 last:border-b-0 md:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]"
            >
              {point.tool === undefined ? (
                <span>Every {point.class} action</span>
              ) : (
                <ToolLink tool={point.tool} />
              )}
              <span className="text-ink-2">
                {checkpointWords(point)}: <UntrustedText text={point.reason} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
