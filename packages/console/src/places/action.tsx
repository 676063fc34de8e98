/** What happened to one action, and why: the story with its checks, its words and its place in the log. */
import type { ActionStory } from '@atf/core/wire/api';
import { Link, useParams } from '@tanstack/react-router';
import { useAnswer } from '../control/queries.ts';
import { Arguments } from '../parts/arguments.tsx';
import { Button } from '../parts/button.tsx';
import { LevelBadge } from '../parts/level.tsx';
import { DecisionMark, OutcomeMark, VerdictMark } from '../parts/outcome.tsx';
import { Empty, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import { Copy, ShortId } from '../parts/short-id.tsx';
import { durationWords, ExactTime, Time } from '../parts/time.tsx';
import { Untrusted, UntrustedText } from '../parts/untrusted.tsx';
import { useStop } from '../shell/stop-dialog.tsx';
import { ToolLink } from '../parts/rights-table.tsx';

export function ActionPage() {
  const { id } = useParams({ from: '/shell/activity/$id' });
  const story = useAnswer('actions.show', { params: { id } });
  const first = story.data?.items.find(({ tool }) => tool !== undefined) ?? story.data?.items[0];
  return (
    <Page
      title={first === undefined ? 'Action' : `${first.agent ?? 'An agent'}: ${first.tool ?? first.type}`}
      above={
        <Link to="/activity" className="hover:underline">
          Activity
        </Link>
      }
      sub={
        <span className="flex flex-wrap items-center gap-x-4">
          Action <ShortId id={id} what="action id" />
          {story.data?.sid !== undefined && <SessionMark sid={story.data.sid} />}
          {first !== undefined && <ExactTime at={first.at} />}
          <Link to="/activity/$id/lineage" params={{ id }} className="underline">
            Where it came from
          </Link>
        </span>
      }
    >
      <Shown answer={story} lines={12}>
        {(found) => (
          <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1.6fr)_minmax(0,1fr)]">
            <div className="space-y-4">
              {found.told !== undefined && <ToldPanel told={found.told} />}
              <DecisionPanel story={found} />
              <WordsPanel story={found} />
            </div>
            <div className="space-y-4">
              <TimelinePanel story={found} />
              <RecordsPanel story={found} />
            </div>
          </div>
        )}
      </Shown>
    </Page>
  );
}

function SessionMark({ sid }: { readonly sid: string }) {
  const stop = useStop();
  return (
    <span className="flex flex-wrap items-center gap-x-2">
      Session <ShortId id={sid} what="session id" />
      <Button look="quiet" onClick={() => stop.open({ kind: 'session', id: sid })}>
        Stop this session…
      </Button>
    </span>
  );
}

function ToldPanel({ told }: { readonly told: NonNullable<ActionStory['told']> }) {
  return (
    <Panel title="In plain words">
      <div className="space-y-2">
        {told.decision.map((sentence) => (
          <p key={sentence}>
            <UntrustedText text={sentence} />
          </p>
        ))}
        <h3 className="pt-2 font-medium">What would have changed it</h3>
        {told.otherwise.map((sentence) => (
          <p key={sentence} className="text-ink-2">
            <UntrustedText text={sentence} />
          </p>
        ))}
      </div>
    </Panel>
  );
}

function DecisionPanel({ story }: { readonly story: ActionStory }) {
  const { decision } = story;
  if (decision === undefined) {
    return (
      <Panel title="Decision">
        <p className="text-ink-2">No decision is on record for this action yet.</p>
      </Panel>
    );
  }
  return (
    <Panel title="Decision" aside="checks in the order they ran" flush>
      <div className="space-y-2 border-b border-line px-4 py-3">
        <p className="flex flex-wrap items-center gap-x-4 gap-y-1 font-medium">
          <DecisionMark outcome={decision.outcome} />
          {decision.effectiveLevel !== undefined && <LevelBadge level={decision.effectiveLevel} />}
          {decision.actionClass !== undefined && (
            <span className="font-normal text-ink-2">class {decision.actionClass}</span>
          )}
        </p>
        {decision.code !== undefined && (
          <p>
            <code>{decision.code}</code>
            {decision.requirement !== undefined && (
              <span className="text-ink-3"> · {decision.requirement}</span>
            )}
            {decision.detail !== undefined && (
              <span className="block text-ink-2">
                <UntrustedText text={decision.detail} />
              </span>
            )}
            {decision.help !== undefined && <span className="block text-ink-2">{decision.help}</span>}
          </p>
        )}
      </div>
      <ol>
        {decision.checks.map((check, index) => (
          <li
            key={check.name}
            className="grid grid-cols-[1.5rem_minmax(0,1fr)_auto] items-start gap-x-2 border-b border-line px-4 py-2 last:border-b-0"
          >
            <span className="text-ink-3 tabular-nums">{index + 1}</span>
            <span>
              <span className="font-medium">{check.name}</span>
              <span className="block text-ink-2">
                <UntrustedText text={check.because} />
              </span>
              {check.policies !== undefined && check.policies.length > 0 && (
                <code className="text-xs text-ink-3">{check.policies.join(' · ')}</code>
              )}
            </span>
            <VerdictMark verdict={check.verdict} />
          </li>
        ))}
      </ol>
      {decision.obligations.length > 0 && (
        <p className="border-t border-line px-4 py-2 text-ink-2">
          With obligations: {decision.obligations.join(', ')}
        </p>
      )}
    </Panel>
  );
}

function WordsPanel({ story }: { readonly story: ActionStory }) {
  const agent = story.items.find((item) => item.agent !== undefined)?.agent ?? 'the agent';
  const tool = story.items.find((item) => item.tool !== undefined)?.tool;
  return (
    <Panel title="Arguments and result" aside={tool === undefined ? undefined : <ToolLink tool={tool} />}>
      <div className="space-y-3">
        {story.argsText === undefined ? (
          <p className="text-ink-2">The arguments are not readable here: erased, or not for your roles.</p>
        ) : (
          <Arguments text={story.argsText} by={`the agent ${agent}`} />
        )}
        {story.resultText !== undefined && (
          <Untrusted
            text={pretty(story.resultText)}
            by={tool === undefined ? 'the tool' : `the tool ${tool}`}
            mono
          />
        )}
      </div>
    </Panel>
  );
}

/** Indented for reading; the stored text stays what the digest covers. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function TimelinePanel({ story }: { readonly story: ActionStory }) {
  const items = [...story.items].sort((a, b) => a.at.localeCompare(b.at));
  return (
    <Panel title="What happened" flush>
      {items.length === 0 && <Empty>Nothing is on record.</Empty>}
      <ol>
        {items.map((item) => (
          <li key={item.cursor} className="border-b border-line px-4 py-2 last:border-b-0">
            <p className="flex items-center justify-between gap-2">
              {item.outcome === undefined ? (
                <span className="font-medium">{item.type}</span>
              ) : (
                <OutcomeMark outcome={item.outcome} />
              )}
              <Time at={item.at} className="text-xs text-ink-3" />
            </p>
            <p className="text-ink-2">
              <UntrustedText text={item.summary} />
            </p>
            <p className="text-xs text-ink-3">
              {item.type}
              {item.person !== undefined && ` · ${item.person}`}
              {item.tookMs !== undefined && ` · took ${durationWords(item.tookMs)}`}
            </p>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function RecordsPanel({ story }: { readonly story: ActionStory }) {
  return (
    <Panel title="Records" aside="position in the log" flush>
      {story.records.length === 0 && (
        <p className="p-4 text-ink-2">Not in the signed log yet; records arrive within a second.</p>
      )}
      <ul>
        {story.records.map((record) => (
          <li key={record.index} className="border-b border-line px-4 py-2 last:border-b-0">
            <Facts
              facts={[
                {
                  name: 'Position',
                  value: <span className="tabular-nums">{record.index.toLocaleString('en')}</span>,
                },
                { name: 'Leaf hash', value: <ShortId id={record.leafHash} what="leaf hash" /> },
              ]}
            />
            <details className="mt-2">
              <summary className="text-xs text-ink-2">The entry as it is hashed</summary>
              <ScrollBox
                label={`Entry ${record.index}`}
                className="mt-1 max-h-72 rounded bg-sunken p-2 font-mono text-xs"
              >
                <UntrustedText text={record.entry} />
              </ScrollBox>
              <Copy text={record.entry} what="entry" />
            </details>
          </li>
        ))}
      </ul>
      <p className="border-t border-line px-4 py-2 text-xs text-ink-3">
        Check it yourself: <code>atf audit verify</code>
      </p>
    </Panel>
  );
}
