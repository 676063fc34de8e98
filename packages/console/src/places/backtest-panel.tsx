/** What would recorded decisions have been: asked for, followed while it runs, and shown with what it found. */
import { changeSentence, unreplayableSentence } from '@atf/core/backtest-words';
import type { BodyIn } from '@atf/core/wire/api';
import { type Backtest, type BacktestChange, backtestDaysDefault } from '@atf/core/wire/backtest';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useAnswer, useChange } from '../control/queries.ts';
import { Button } from '../parts/button.tsx';
import { ChangeBars, ChangeTables, whole } from '../parts/change-counts.tsx';
import { SelectField } from '../parts/field.tsx';
import { DecisionMark } from '../parts/outcome.tsx';
import { Empty, FaultNote, Panel, Shown } from '../parts/panel.tsx';
import { ExactTime } from '../parts/time.tsx';
import { UntrustedText } from '../parts/untrusted.tsx';

const everyMs = 1_000;
const changesShown = 50;
const days = [1, 7, backtestDaysDefault, 90, 366];

interface BacktestProps {
  readonly title: string;
  /** What is tried; without it nothing can be started. */
  readonly body: Omit<BodyIn<'backtests.start'>, 'days'> | undefined;
  /** Whether an earlier one is about the same. */
  readonly about: (backtest: Backtest) => boolean;
}

/** Whether the person who is signed in may propose, and so try. */
export function useMayTry(): boolean {
  const me = useAnswer('people.me', {});
  return me.data?.person.roles.some((role) => role === 'operator' || role === 'security') === true;
}

export function BacktestPanel({ title, body, about }: BacktestProps) {
  const may = useMayTry();
  const [span, setSpan] = useState(backtestDaysDefault);
  const listed = useAnswer('backtests.list', { query: queryOf(body) }, { everyMs });
  const start = useChange('backtests.start', ['backtests.list']);
  const newest = listed.data?.items.find(about);
  const running = newest?.state === 'running';
  return (
    <Panel title={title} aside="recorded decisions, made again; nothing runs">
      <div className="space-y-4">
        {may && (
          <div className="flex flex-wrap items-end gap-3">
            <SelectField
              label="Of the last"
              value={String(span)}
              onChange={(event) => setSpan(Number(event.target.value))}
              options={days.map((value) => ({
                value: String(value),
                text: value === 1 ? '1 day' : `${value} days`,
              }))}
            />
            <Button
              busy={start.isPending}
              disabled={body === undefined || running}
              onClick={() => start.mutate({ body: { ...body, days: span } })}
            >
              Backtest
            </Button>
          </div>
        )}
        {start.error !== null && <FaultNote error={start.error} />}
        <Shown answer={listed} lines={2}>
          {() => (newest === undefined ? <p>Not tried yet.</p> : <Report backtest={newest} may={may} />)}
        </Shown>
      </div>
    </Panel>
  );
}

function queryOf(body: BacktestProps['body']) {
  return {
    ...(body?.candidate === undefined ? {} : { candidate: body.candidate }),
    ...(body?.agent === undefined ? {} : { agent: body.agent }),
  };
}

const ended = {
  done: '',
  cancelled: 'It was ended; what it found until then is shown.',
  failed: 'It failed; what it found until then is shown.',
  lost: 'The process that ran it has ended; what it found until then is shown.',
} as const;

function Report({ backtest, may }: { readonly backtest: Backtest; readonly may: boolean }) {
  const {
    state,
    decisions,
    changed,
    days: span,
    startedAt,
    by,
    otherVersion,
    base,
    unreplayable,
    counts,
  } = backtest;
  return (
    <div className="space-y-4">
      {state === 'running' ? (
        <Progress backtest={backtest} may={may} />
      ) : (
        ended[state] !== '' && (
          <p role="status">
            {ended[state]} {backtest.code !== undefined && <code>{backtest.code}</code>}
          </p>
        )
      )}
      <p>
        <strong className="tabular-nums">{whole(changed)}</strong> of {whole(decisions)} decisions of the last{' '}
        {span === 1 ? 'day' : `${span} days`} would be others.{' '}
        <span className="text-ink-3">
          Tried <ExactTime at={startedAt} /> by <UntrustedText text={by} />, beside version {base}.
        </span>
      </p>
      {(otherVersion > 0 || unreplayable.length > 0) && (
        <ul className="list-disc space-y-1 pl-5 text-ink-2">
          {otherVersion > 0 && (
            <li>
              {whole(otherVersion)} were made under another version; compared is what version {base} says of
              them.
            </li>
          )}
          {unreplayable.map(({ what, count }) => (
            <li key={what}>
              {whole(count)} cannot be decided again: {unreplayableSentence[what]}.
            </li>
          ))}
        </ul>
      )}
      {counts.length > 0 && (
        <>
          <ChangeBars counts={counts} />
          <ChangeTables of="Backtest" {...backtest} />
          {state !== 'running' && <Changes backtest={backtest} />}
        </>
      )}
    </div>
  );
}

function Progress({ backtest, may }: { readonly backtest: Backtest; readonly may: boolean }) {
  const cancel = useChange('backtests.cancel', ['backtests.list']);
  const { looked, of, perSecond } = backtest.progress;
  return (
    <div className="flex flex-wrap items-center gap-3">
      <progress
        aria-label="Records looked at"
        className="h-2 w-48 accent-(--accent-fill)"
        max={Math.max(1, of)}
        value={looked}
      />
      <span className="tabular-nums">
        {whole(looked)} of {whole(of)} records, {whole(perSecond)} a second
      </span>
      {may && (
        <Button busy={cancel.isPending} onClick={() => cancel.mutate({ params: { id: backtest.id } })}>
          End it
        </Button>
      )}
    </div>
  );
}

function Changes({ backtest: { id, changed } }: { readonly backtest: Backtest }) {
  const changes = useAnswer('backtests.changes', { params: { id }, query: { limit: changesShown } });
  return (
    <Shown answer={changes}>
      {({ items }) => (
        <div>
          <h3 className="mb-1 font-medium">Decisions that would be others</h3>
          {items.length === 0 && <Empty>None is listed.</Empty>}
          <ol>
            {items.map((change) => (
              <ChangeRow key={change.record} change={change} />
            ))}
          </ol>
          {changed > items.length && (
            <p className="pt-2 text-xs text-ink-3">
              The first {items.length} of {whole(changed)}; the others: atf policy backtest, atf agent
              try-level
            </p>
          )}
        </div>
      )}
    </Shown>
  );
}

function ChangeRow({ change }: { readonly change: BacktestChange }) {
  const { actionId, at, agent, tool, was, would } = change;
  return (
    <li className="flex flex-wrap items-baseline gap-x-3 gap-y-1 border-b border-line py-2 last:border-b-0">
      <Link to="/activity/$id" params={{ id: actionId }} className="underline">
        <ExactTime at={at} />
      </Link>
      <span className="[overflow-wrap:anywhere]">
        <UntrustedText text={agent} />
      </span>
      <code className="[overflow-wrap:anywhere]">
        <UntrustedText text={tool} />
      </code>
      <span className="flex flex-wrap gap-x-2">
        <DecisionMark outcome={was} /> becomes <DecisionMark outcome={would} />
      </span>
      <span className="text-xs text-ink-2 [overflow-wrap:anywhere]">
        <UntrustedText text={changeSentence(change)} />
      </span>
    </li>
  );
}
