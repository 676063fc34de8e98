/** Is my fleet all right, now? */
import type { Overview as OverviewAnswer } from '@atf/core/wire/api';
import { levels } from '@atf/core/wire/words';
import { Link } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { useAnswer } from '../control/queries.ts';
import { Icon } from '../parts/icons.tsx';
import { LevelMark, levelNames } from '../parts/level.tsx';
import { Empty, Loading, Page, Panel, Shown } from '../parts/panel.tsx';
import { durationWords, Time } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';
import { scopeName } from '../shell/stop-targets.ts';

import { MeasuresPanel } from './measures-panel.tsx';

const DecisionsPlot = lazy(() => import('../parts/decisions-plot.tsx'));
const everyMs = 5_000;
const waitingShown = 5;
const toldShown = 5;

export function Overview() {
  const overview = useAnswer('overview', {}, { everyMs });
  return (
    <Page title="Overview">
      <Shown answer={overview} lines={10}>
        {(data) => (
          <div className="space-y-4">
            <Verdict data={data} />
            <div className="grid grid-cols-1 gap-4 lg:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
              <Panel title="Decisions per minute" aside="last hour, UTC" flush>
                <Suspense fallback={<Loading lines={6} />}>
                  <DecisionsPlot minutes={data.decisions} />
                </Suspense>
              </Panel>
              <WaitingPanel waiting={data.approvals.waiting} />
            </div>
            <div className="grid grid-cols-1 gap-4 sm:grid-cols-2 lg:grid-cols-4">
              <LevelsPanel agents={data.agents} />
              <StoppedPanel data={data} />
              <FeedPanel gateways={data.gateways} />
              <LogPanel data={data} />
            </div>
            <MeasuresPanel />
            <ToldPanel />
          </div>
        )}
      </Shown>
    </Page>
  );
}

interface Concern {
  readonly grave: boolean;
  readonly text: ReactNode;
}

/** The facts that make a fleet not all right, gravest first; none of them is a matter of taste. */
function concernsOf(data: OverviewAnswer): Concern[] {
  const away = data.gateways.filter(({ connected }) => !connected);
  const concerns: (Concern | false)[] = [
    data.gateways.length > 0 &&
      away.length === data.gateways.length && {
        grave: true,
        text: 'No gateway is in touch: every call is refused.',
      },
    data.containments.length > 0 && {
      grave: true,
      text: (
        <>
          <Link to="/stopped" className="underline">
            {data.containments.length} {data.containments.length === 1 ? 'stop' : 'stops'} in force
          </Link>
          {data.containments.some(({ gateway }) => gateway !== undefined)
            ? ', until a person resumes or takes it out of the stop file of the host.'
            : ', until a person resumes.'}
        </>
      ),
    },
    away.length > 0 &&
      away.length < data.gateways.length && {
        grave: true,
        text: `${away.length} of ${data.gateways.length} gateways out of touch.`,
      },
    ...data.gateways.flatMap((gateway) =>
      (gateway.silent ?? []).map(({ kind, name, questions }) => ({
        grave: false,
        text: `The ${kind} ${name} did not answer the last ${questions === 1 ? 'question' : `${questions} questions`} of ${gateway.name}: what it looks at counts as unchecked there.`,
      })),
    ),
    data.toolsQuarantined > 0 && {
      grave: false,
      text: (
        <>
          <Link to="/tools" search={{ state: 'quarantined' }} className="underline">
            {data.toolsQuarantined} {data.toolsQuarantined === 1 ? 'tool' : 'tools'} in quarantine
          </Link>
          , waiting for a person.
        </>
      ),
    },
    data.approvals.waiting > 0 && {
      grave: false,
      text: (
        <>
          <Link to="/approvals" className="underline">
            {data.approvals.waiting} {data.approvals.waiting === 1 ? 'call waits' : 'calls wait'} for a person
          </Link>
          {data.approvals.oldestSeconds !== undefined && (
            <>, the oldest for {durationWords(data.approvals.oldestSeconds * 1_000)}</>
          )}
          .
        </>
      ),
    },
  ];
  return concerns.filter((concern) => concern !== false);
}

function Verdict({ data }: { readonly data: OverviewAnswer }) {
  const concerns = concernsOf(data);
  const grave = concerns.some((concern) => concern.grave);
  const look = grave
    ? 'border-danger/50 bg-danger-soft'
    : concerns.length > 0
      ? 'border-(--outcome-waiting)/50 bg-warn-soft'
      : 'border-(--outcome-allowed)/50 bg-good-soft';
  if (concerns.length === 0) {
    return (
      <p className={`flex items-center gap-2.5 rounded-lg border px-4 py-3 font-medium ${look}`}>
        <Icon name="allowed" className="text-(--outcome-allowed)" />
        All right: nothing is stopped, nothing waits, every gateway is in touch.
      </p>
    );
  }
  return (
    <ul className={`space-y-1 rounded-lg border px-4 py-3 ${look}`}>
      {concerns.map((concern, index) => (
        <li key={index} className={`flex items-start gap-2.5 ${concern.grave ? 'font-medium' : ''}`}>
          <Icon
            name={concern.grave ? 'stopped' : 'waiting'}
            className={`mt-0.5 ${concern.grave ? 'text-(--outcome-stopped)' : 'text-(--outcome-waiting)'}`}
          />
          <span>{concern.text}</span>
        </li>
      ))}
    </ul>
  );
}

function WaitingPanel({ waiting }: { readonly waiting: number }) {
  const approvals = useAnswer(
    'approvals.list',
    { query: { state: 'waiting', limit: waitingShown } },
    { everyMs },
  );
  return (
    <Panel
      title="Waiting for a person"
      aside={
        waiting > waitingShown ? (
          <Link to="/approvals" className="text-accent underline">
            all {waiting}
          </Link>
        ) : undefined
      }
      flush
    >
      <Shown answer={approvals} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>Nothing waits.</Empty>
          ) : (
            <ul>
              {items.map((item) => (
                <li key={item.id} className="border-b border-line last:border-b-0">
                  <Link
                    to="/approvals/$id"
                    params={{ id: item.id }}
                    className="block px-4 py-2 hover:bg-sunken"
                  >
                    <span className="flex items-center justify-between gap-2">
                      <code className="truncate font-medium">{item.tool}</code>
                      <Time at={item.requestedAt} className="text-xs text-ink-3" />
                    </span>
                    <span className="flex items-center gap-1.5 text-xs text-ink-2">
                      <LevelMark level={item.agent.level} className="size-3.5" /> {item.agent.name}
                    </span>
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
    </Panel>
  );
}

function LevelsPanel({ agents }: { readonly agents: OverviewAnswer['agents'] }) {
  return (
    <Panel
      title="Agents by level"
      aside={
        <Link to="/agents" className="text-accent underline">
          {agents.total} in all
        </Link>
      }
    >
      <ul className="space-y-1.5">
        {[...levels].reverse().map((level) => (
          <li key={level} className="flex items-center gap-2">
            <LevelMark level={level} />
            <span className="flex-1">{levelNames[level]}</span>
            <span className="font-medium tabular-nums">{agents.byLevel[level] ?? 0}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function StoppedPanel({ data }: { readonly data: OverviewAnswer }) {
  const { lastKill, containments, agents } = data;
  const known = useAnswer('agents.list', {});
  return (
    <Panel
      title="Stopped"
      aside={
        containments.length > 0 ? (
          <Link to="/stopped" className="text-accent underline">
            resume
          </Link>
        ) : undefined
      }
    >
      <p>
        <span className="text-xl font-semibold tabular-nums">{agents.stopped}</span>{' '}
        <span className="text-ink-2">of {agents.total} agents</span>
      </p>
      <p className="mt-2 text-xs text-ink-3">
        {lastKill === undefined ? (
          'No stop has been measured here yet.'
        ) : (
          <>
            Last kill: {scopeName(lastKill.scope, known.data?.items ?? [])} in{' '}
            <strong className="text-ink">{durationWords(lastKill.tookMs)}</strong>, <Time at={lastKill.at} />
          </>
        )}
      </p>
    </Panel>
  );
}

function FeedPanel({ gateways }: { readonly gateways: OverviewAnswer['gateways'] }) {
  return (
    <Panel title="Gateways">
      {gateways.length === 0 ? (
        <p className="text-ink-2">None is enrolled: no agent can act.</p>
      ) : (
        <ul className="space-y-1.5">
          {gateways.map((gateway) => (
            <li key={gateway.id}>
              <span className="flex items-center gap-1.5">
                <Icon
                  name={gateway.connected ? 'allowed' : 'failed'}
                  className={gateway.connected ? 'text-(--outcome-allowed)' : 'text-(--outcome-stopped)'}
                />
                <span className="min-w-0 flex-1 truncate">{gateway.name}</span>
                <span className="text-xs text-ink-2">{gateway.connected ? 'in touch' : 'out of touch'}</span>
              </span>
              <span className="ml-5.5 block text-xs text-ink-3">
                {gateway.lastBeatMsAgo === undefined
                  ? 'never heard'
                  : `beat ${durationWords(gateway.lastBeatMsAgo)} ago`}
                , {gateway.spoolBehind} records to come
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function LogPanel({ data }: { readonly data: OverviewAnswer }) {
  return (
    <Panel
      title="Log"
      aside={
        <Link to="/evidence" className="text-accent underline">
          evidence
        </Link>
      }
    >
      <p>
        <span className="text-xl font-semibold tabular-nums">{data.log.size.toLocaleString('en')}</span>{' '}
        <span className="text-ink-2">records</span>
      </p>
      <p className="mt-2 text-xs text-ink-3">
        {data.log.checkpointAt === undefined ? (
          'No checkpoint is signed yet.'
        ) : (
          <>
            Checkpoint signed <Time at={data.log.checkpointAt} />
          </>
        )}
      </p>
    </Panel>
  );
}

/** The newest notifications: what agents did by themselves and why, what waits, what was stopped. */
function ToldPanel() {
  const told = useAnswer('notifications.list', { query: { limit: toldShown } }, { everyMs });
  return (
    <Panel
      title="What people were told"
      aside={
        <Link to="/notifications" className="text-accent underline">
          all, and where to
        </Link>
      }
      flush
    >
      <Shown answer={told} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>Nobody was told anything yet. A Senior tells people whenever it acts by itself.</Empty>
          ) : (
            <ul>
              {items.map((item) => (
                <li key={item.id} className="border-b border-line px-4 py-2 last:border-b-0">
                  <p className="flex flex-wrap justify-between gap-x-4">
                    <Link
                      to="/notifications/$id"
                      params={{ id: item.id }}
                      className="font-medium [overflow-wrap:anywhere] hover:underline"
                    >
                      <UntrustedText text={item.summary} />
                    </Link>
                    <Time at={item.at} className="text-xs text-ink-3" />
                  </p>
                  <p className="text-ink-2">
                    <UntrustedText text={item.because} />
                  </p>
                  <p className="text-xs text-ink-3">told {item.to.join(', ') || 'nobody in particular'}</p>
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
    </Panel>
  );
}
