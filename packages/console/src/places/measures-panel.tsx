/** Does governance itself work? Shares, completeness and times of the last hours, each with what it means. */
import type { Measures } from '@atf/core/wire/api';
import type { ReactNode } from 'react';
import { useAnswer } from '../control/queries.ts';
import { Panel, Shown } from '../parts/panel.tsx';
import { durationWords, Time } from '../parts/time.tsx';

const everyMs = 15_000;

interface Figure {
  readonly name: string;
  readonly value: string;
  readonly says: ReactNode;
  /** Something is wrong, whatever the rest says. */
  readonly bad?: boolean;
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
const count = (of: number): string => of.toLocaleString('en');
const short = (ms: number): string => (ms < 1 ? `${Math.round(ms * 1000)} µs` : durationWords(ms));

function figuresOf({ decisions, records, decide, approvals, lastKill }: Measures): Figure[] {
  const { authorizationRate, allowed, waiting, refused } = decisions;
  return [
    {
      name: 'Authorised',
      value: authorizationRate === undefined ? '–' : percent(authorizationRate),
      says: `${count(allowed)} allowed, ${count(waiting)} asked a person, ${count(refused)} refused`,
    },
    {
      name: 'Outcomes on record',
      value: records.intents === 0 ? '–' : percent(1 - records.missing / records.intents),
      says: `of the newest ${count(records.intents)} intents ${count(records.missing)} without outcome, ${count(records.underWay)} under way, ${count(records.behind)} records to come`,
      bad: records.missing > 0,
    },
    {
      name: 'Time to decide',
      value: decide === undefined ? '–' : short(decide.p50Ms),
      says:
        decide === undefined
          ? 'nothing was decided since the gateway started'
          : `99 % within ${short(decide.p99Ms)}`,
    },
    {
      name: 'People decided after',
      value: approvals.p50Seconds === undefined ? '–' : durationWords(approvals.p50Seconds * 1000),
      says:
        approvals.p90Seconds === undefined
          ? 'no person had to decide'
          : `median of ${approvals.decided}; 90 % within ${durationWords(approvals.p90Seconds * 1000)}`,
    },
    {
      name: 'Last stop took',
      value: lastKill === undefined ? '–' : durationWords(lastKill.tookMs),
      says: lastKill === undefined ? 'no stop was measured here yet' : <Time at={lastKill.at} />,
    },
  ];
}

export function MeasuresPanel() {
  const measures = useAnswer('measures', {}, { everyMs });
  return (
    <Panel title="Governance" aside="decisions of the last hour">
      <Shown answer={measures} lines={3}>
        {(data) => (
          <dl className="grid grid-cols-1 gap-x-6 gap-y-4 sm:grid-cols-2 lg:grid-cols-5">
            {figuresOf(data).map(({ name, value, says, bad = false }) => (
              <div key={name}>
                <dt className="text-xs text-ink-2">{name}</dt>
                <dd>
                  <span className={`block text-xl font-semibold tabular-nums ${bad ? 'text-danger' : ''}`}>
                    {value}
                  </span>
                  <span className="text-xs text-ink-3">{says}</span>
                </dd>
              </div>
            ))}
          </dl>
        )}
      </Shown>
    </Panel>
  );
}
