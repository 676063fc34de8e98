/** What exactly would come into force, what would it loosen, and do I confirm it? */
import type { PolicyCandidate } from '@atf/core/wire/policy';
import { useParams } from '@tanstack/react-router';
import { useAnswer, useChange } from '../control/queries.ts';
import { LevelMark } from '../parts/level.tsx';
import { DecisionMark } from '../parts/outcome.tsx';
import { Empty, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { PolicyFile } from '../parts/policy-file.tsx';
import { Presence } from '../parts/presence.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';
import { BacktestPanel } from './backtest-panel.tsx';
import { changedLines } from './changed-lines.ts';
import { ShadowPanel } from './shadow-panel.tsx';

const everyMs = 5_000;
const planAgents = 200;

export function PolicyCandidatePage() {
  const { id } = useParams({ from: '/shell/policy/$id' });
  const candidate = useAnswer('policy.candidate', { params: { id } }, { everyMs });
  return (
    <Page title="Policy: the next version?">
      <Shown answer={candidate} lines={8}>
        {(found) => (
          <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1.7fr)_minmax(0,1fr)]">
            <div className="grid min-w-0 grid-cols-1 gap-4">
              <What candidate={found} />
              <Loosenings candidate={found} />
              <Doubts warnings={found.warnings} />
              <Texts id={found.id} />
              <Plan id={found.id} />
              <BacktestPanel
                title="What it would have decided"
                body={{ candidate: found.id }}
                about={({ level }) => level === undefined}
              />
              <ShadowPanel
                candidate={found.id}
                startable={found.state === 'waiting' || found.state === 'plan'}
              />
            </div>
            <DecisionPanel key={found.shownDigest} candidate={found} />
          </div>
        )}
      </Shown>
    </Page>
  );
}

function What({ candidate }: { readonly candidate: PolicyCandidate }) {
  const { application, base, reason, restores, files, policies, proposedBy, proposedAt, expiresAt, digest } =
    candidate;
  const changed = Object.entries(policies).flatMap(([what, ids]) =>
    ids.map((policy) => `${policy} (${what})`),
  );
  return (
    <Panel title="What is proposed">
      <Facts
        facts={[
          {
            name: 'Why',
            value: <UntrustedText text={reason ?? 'Only planned with: nobody asked to put it into force.'} />,
          },
          ...(application === undefined
            ? []
            : [
                { name: 'Application', value: `${application}: it answers its questions, none about agents` },
              ]),
          {
            name: 'Made from',
            value: `version ${base}${restores === undefined ? '' : `, with the content of version ${restores} again`}`,
          },
          {
            name: 'Files',
            value: (
              <UntrustedText
                text={files.map(({ name, change }) => `${name} (${change})`).join(', ') || 'the same'}
              />
            ),
          },
          { name: 'Policies', value: <UntrustedText text={changed.join(', ') || 'the same'} /> },
          { name: 'Proposed by', value: <UntrustedText text={proposedBy} /> },
          { name: 'Proposed', value: <ExactTime at={proposedAt} /> },
          { name: 'Expires', value: <ExactTime at={expiresAt} /> },
          { name: 'Content', value: <ShortId id={digest} what="digest of all files" /> },
        ]}
      />
    </Panel>
  );
}

function Loosenings({ candidate }: { readonly candidate: PolicyCandidate }) {
  const { loosens, loosenings } = candidate;
  return (
    <Panel title={loosenings === 0 ? 'It loosens nothing' : 'It loosens'}>
      {loosenings === 0 ? (
        <p>Compared policy by policy, figure by figure, and over all levels, classes and contexts.</p>
      ) : (
        <ul className="list-disc space-y-1 pl-5">
          {loosens.map((sentence) => (
            <li key={sentence}>
              <UntrustedText text={sentence} />
            </li>
          ))}
          {loosenings > loosens.length && <li>and {loosenings - loosens.length} more</li>}
        </ul>
      )}
    </Panel>
  );
}

/** What is valid, and probably not what its author means. */
function Doubts({ warnings }: { readonly warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <Panel title="It may not mean what it says">
      <ul className="list-disc space-y-1 pl-5">
        {warnings.map((sentence) => (
          <li key={sentence} className="[overflow-wrap:anywhere]">
            <UntrustedText text={sentence} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Texts({ id }: { readonly id: string }) {
  const texts = useAnswer('policy.candidateFiles', { params: { id } });
  return (
    <Panel title="Changed files">
      <Shown answer={texts}>
        {({ items }) =>
          items.length === 0 ? (
            <p>Every file is as it is in force.</p>
          ) : (
            <div className="space-y-3">
              {items.map(({ name, before = '', after: text = '' }) => (
                <PolicyFile
                  key={name}
                  name={name}
                  text={changedLines(before, text)}
                  by="whoever proposed it"
                />
              ))}
            </div>
          )
        }
      </Shown>
    </Panel>
  );
}

function Plan({ id }: { readonly id: string }) {
  const plan = useAnswer('policy.plan', { params: { id }, query: { limit: planAgents } });
  return (
    <Panel title="Which rights would change" aside="of the agents that are registered" flush>
      <Shown answer={plan}>
        {({ items, agents, agentsAll, next }) => (
          <>
            {items.length === 0 ? (
              <Empty>No right of these {agents} agents would change.</Empty>
            ) : (
              <ul>
                {items.flatMap(({ agent, level, changes }) =>
                  changes.map(({ tool, before, after, byArguments = [] }) => (
                    <li
                      key={`${agent} ${tool}`}
                      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 last:border-b-0"
                    >
                      <span className="[overflow-wrap:anywhere]">
                        <UntrustedText text={agent} /> <LevelMark level={level} />
                      </span>
                      <code className="[overflow-wrap:anywhere]">
                        <UntrustedText text={tool} />
                      </code>
                      <span className="flex flex-wrap gap-x-2">
                        <DecisionMark outcome={before} /> becomes <DecisionMark outcome={after} />
                        {byArguments.length > 0 && (
                          <span>
                            at most, by the arguments of each call:{' '}
                            <UntrustedText text={byArguments.join(', ')} />
                          </span>
                        )}
                      </span>
                    </li>
                  )),
                )}
              </ul>
            )}
            {next !== undefined && (
              <p className="px-4 py-2 text-xs text-ink-3">
                The first {agents} of {agentsAll} agents; all of them: atf policy plan
              </p>
            )}
          </>
        )}
      </Shown>
    </Panel>
  );
}

const after = {
  plan: 'It was only planned with: nobody can put it into force.',
  applied: 'It is in force, or was.',
  overtaken: 'Another version came into force meanwhile: this one counts no more. It can be proposed again.',
  expired: 'It has expired. It can be proposed again.',
} as const;

function DecisionPanel({ candidate }: { readonly candidate: PolicyCandidate }) {
  const confirm = useChange('policy.confirm', [
    'policy.candidate',
    'policy.candidates',
    'policy.show',
    'policy.history',
  ]);
  const { id, shownDigest, state, confirmations } = candidate;
  if (state !== 'waiting')
    return (
      <Panel title="Decided">
        <p role="status">{after[state]}</p>
      </Panel>
    );
  const left = confirmations.needed - confirmations.by.length;
  return (
    <Panel title="Your decision">
      <div className="space-y-3">
        {confirmations.by.length > 0 && (
          <p role="status">
            <UntrustedText text={confirmations.by.join(', ')} /> confirmed it; one more person has to.
          </p>
        )}
        <p className="text-ink-2">
          {confirmations.needed === 1
            ? 'It loosens nothing, so one person is enough.'
            : 'It loosens something, so two different people confirm it, one of whom answers for security.'}{' '}
          Leaving this page is the same as no.
        </p>
        <Presence
          verb="Confirm"
          says={
            left > 1
              ? 'This is the first of two confirmations; nothing is in force by it.'
              : 'This puts it into force: the next call of every agent is decided under it.'
          }
          subject={() => ({ kind: 'policy', id, digest: shownDigest })}
          onToken={async (presence) => {
            await confirm.mutateAsync({ params: { id }, body: { shownDigest, presence } });
          }}
        />
      </div>
    </Panel>
  );
}
