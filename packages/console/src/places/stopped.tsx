/** What is stopped, by whom and why; a person resumes it with presence, and with a ceiling if wanted. */
import { containmentKey } from '@atf/core/incident/scope-id';
import { type Agent, type CeilingWord, type Containment, resumeShownText } from '@atf/core/wire/api';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { boundDigestOf } from '../control/digest.ts';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { CheckField, SelectField, TextField } from '../parts/field.tsx';
import { levelNames } from '../parts/level.tsx';
import { StateMark } from '../parts/outcome.tsx';
import { Empty, Facts, Page, Panel, Shown } from '../parts/panel.tsx';
import { Presence } from '../parts/presence.tsx';
import { ShortId } from '../parts/short-id.tsx';
import { ExactTime } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';
import { scopeName } from '../shell/stop-targets.ts';
import { ceilingChoices } from './ceiling-panel.tsx';

const everyMs = 5_000;

export function Stopped() {
  const containments = useAnswer('containment.list', {}, { everyMs });
  return (
    <Page title="Stopped">
      <Shown answer={containments} lines={5}>
        {({ items }) =>
          items.length === 0 ? (
            <Panel>
              <Empty>Nothing is stopped. The Stop button is on every page.</Empty>
            </Panel>
          ) : (
            <ul className="space-y-4">
              {items.map((item) => (
                <li key={`${containmentKey(item.scope)} ${item.gateway?.id ?? ''}`}>
                  <ContainmentPanel item={item} />
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
    </Page>
  );
}

function ContainmentPanel({ item }: { readonly item: Containment }) {
  const agents = useAnswer('agents.list', {});
  const [open, setOpen] = useState(false);
  const name = scopeName(item.scope, agents.data?.items ?? [], item.label);
  return (
    <Panel
      title={
        <span className="flex flex-wrap items-center gap-x-3">
          {name}{' '}
          <span className="font-normal">
            <StateMark state={item.state} />
          </span>
        </span>
      }
      aside={
        item.scope.kind === 'agent' && name !== item.scope.id ? (
          <Link to="/agents/$id" params={{ id: name }} className="text-accent underline">
            agent
          </Link>
        ) : (
          item.scope.kind
        )
      }
    >
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
        <Facts
          facts={[
            { name: 'Since', value: <ExactTime at={item.since} /> },
            ...(item.drainUntil === undefined
              ? []
              : [
                  {
                    name: 'Calls under way',
                    value: (
                      <>
                        may end until <ExactTime at={item.drainUntil} />; nothing begins
                      </>
                    ),
                  },
                ]),
            { name: 'By', value: item.by },
            { name: 'Reason', value: <UntrustedText text={item.reason} /> },
            {
              name: 'Scope',
              value: (
                <>
                  {item.scope.kind} {item.scope.id !== '*' && <ShortId id={item.scope.id} what="scope" />}
                </>
              ),
            },
          ]}
        />
        {item.gateway !== undefined ? (
          <LiftOnHost item={item} gateway={item.gateway} />
        ) : open ? (
          <Resume
            item={item}
            name={name}
            agent={agents.data?.items.find(({ id }) => item.scope.kind === 'agent' && id === item.scope.id)}
          />
        ) : (
          <div className="lg:text-right">
            <Button onClick={() => setOpen(true)}>Resume…</Button>
          </div>
        )}
      </div>
    </Panel>
  );
}

/** A stop that control did not give, and cannot lift. */
function LiftOnHost({
  item: { scope },
  gateway,
}: {
  readonly item: Containment;
  readonly gateway: NonNullable<Containment['gateway']>;
}) {
  return (
    <div className="space-y-2">
      <p>
        Stopped by the stop file of gateway <strong>{gateway.name}</strong>, at that gateway only. It cannot
        be resumed from here: somebody on that host takes it out of the file.
      </p>
      <code className="block overflow-x-auto rounded border border-line p-2 text-xs">
        {`atf resume ${scope.kind}${scope.kind === 'fleet' ? '' : ' NAME'} --offline`}
      </code>
      {gateway.more !== undefined && (
        <p className="text-ink-2">That file holds {gateway.more} more that are not listed here.</p>
      )}
    </div>
  );
}

/** At which level it goes on. */
function levelSaid(chosen: CeilingWord | undefined, agent: Agent | undefined): string {
  if (chosen === 'none') return agent === undefined ? '' : `, at its own level (${levelNames[agent.level]})`;
  const ceiling = chosen ?? agent?.ceiling;
  return ceiling === undefined ? '' : `, as ${levelNames[ceiling]} at most`;
}

interface ResumeProps {
  readonly item: Containment;
  readonly name: string;
  /** Where one agent is stopped. */
  readonly agent: Agent | undefined;
}

function Resume({ item, name, agent }: ResumeProps) {
  const me = useAnswer('people.me', {});
  const choices = agent === undefined ? [] : ceilingChoices(agent, me.data?.person);
  const [reason, setReason] = useState('');
  const [ceiling, setCeiling] = useState<CeilingWord>();
  const [asBackup, setAsBackup] = useState(false);
  const resume = useChange('containment.resume', [
    'containment.list',
    'agents.list',
    'agents.show',
    'agents.rights',
    'overview',
  ]);
  const request = {
    scope: item.scope,
    reason: reason.trim(),
    ...(ceiling === undefined ? {} : { ceiling }),
    ...(asBackup ? { totals: 'as_backup' as const } : {}),
  };
  return (
    <div className="space-y-3">
      <TextField
        label="Why it may run again"
        required
        maxLength={500}
        autoFocus
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      {agent !== undefined && (
        <SelectField
          label="Ceiling on its level"
          hint="With a ceiling it works at that level at most, until security lifts it."
          value={ceiling ?? ''}
          onChange={(event) => setCeiling(choices.find(({ value }) => value === event.target.value)?.value)}
          options={[
            {
              value: '',
              text:
                agent.ceiling === undefined
                  ? `No ceiling: back at its own level (${levelNames[agent.level]})`
                  : `Keep the ceiling it has (${levelNames[agent.ceiling]})`,
            },
            ...choices,
          ]}
        />
      )}
      {item.scope.kind === 'fleet' && (
        <CheckField
          label="After a restore: totals go on as of the backup"
          hint="Otherwise those that a restore has lost count as used up, until their hour or day is over. Without a restore it changes nothing."
          checked={asBackup}
          onChange={(event) => setAsBackup(event.target.checked)}
        />
      )}
      <Presence
        verb="Resume"
        disabled={reason.trim() === ''}
        says={`${name} may act again${levelSaid(ceiling, agent)}.${asBackup ? ' Totals go on as of the backup: what was spent after it does not count.' : ''}${item.state === 'killed' && item.scope.kind !== 'tool' && item.scope.kind !== 'session' ? ' Its credentials stay void: what ran before enrols anew.' : ''}`}
        subject={async () => ({
          kind: 'resume',
          id: containmentKey(item.scope),
          digest: await boundDigestOf(resumeShownText(request)),
        })}
        onToken={async (presence) => {
          await resume.mutateAsync({ body: { ...request, presence } });
        }}
      />
    </div>
  );
}
