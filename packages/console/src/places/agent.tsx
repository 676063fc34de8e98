/** Who is it, what may it do, how far is it trusted? */
import {
  assuranceWords,
  checkpointWords,
  limitWords,
  slaWords,
  spawnWords,
} from '@atf/core/identity/manifest-words';
import type { Agent } from '@atf/core/wire/api';
import { type Level, levels } from '@atf/core/wire/words';
import { Link, useParams } from '@tanstack/react-router';
import { useAnswer } from '../control/queries.ts';
import { ActivityList } from '../parts/activity-list.tsx';
import { Button } from '../parts/button.tsx';
import { Icon } from '../parts/icons.tsx';
import { LevelBadge, LevelMark, levelNames } from '../parts/level.tsx';
import { DecisionMark, StateMark } from '../parts/outcome.tsx';
import { Empty, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime, Time } from '../parts/time.tsx';
import { Untrusted, UntrustedText } from '../parts/untrusted.tsx';
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
            <LimitsPanel agent={found} />
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
      aside={agent.ceiling === undefined ? undefined : <>ceiling: {levelNames[agent.ceiling]}</>}
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
            { name: 'Data domains', value: manifest.dataDomains.join(', ') },
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

const th = 'px-4 py-2 text-left text-xs font-medium text-ink-3';
const td = 'px-4 py-2 align-top';

function RightsPanel({ agent }: { readonly agent: Agent }) {
  const rights = useAnswer('agents.rights', { params: { id: agent.id } }, { everyMs });
  return (
    <Panel title="What it may do now" aside="by the policies in force, its level and what is stopped" flush>
      <Shown answer={rights}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>It is granted no tool: every call is refused.</Empty>
          ) : (
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
                    Now
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
                    <th
                      scope="row"
                      className={`${td} text-left font-normal [overflow-wrap:anywhere] max-lg:py-0.5`}
                    >
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
                      <span className="block text-xs text-ink-3">
                        {[right.code, ...right.policies].filter((word) => word !== undefined).join(' · ')}
                      </span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Shown>
    </Panel>
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

function LimitsPanel({ agent }: { readonly agent: Agent }) {
  const { limits, checkpoints } = agent.manifest;
  return (
    <Panel
      title="Limits and human checkpoints"
      aside="from the manifest; defaults of the level apply where none is set"
      flush
    >
      {limits.length + checkpoints.length === 0 ? (
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
