/**
 * `atf policy backtest` and `atf agent try-level` (S-2): the recorded decisions of the last days, made again under a candidate or at another level. Nothing runs;
 * control does it beside its work, and here is told how far it is.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { changeSentence, unreplayableSentence } from '@atf/core/backtest-words';
import {
  type Backtest,
  type BacktestChange,
  backtestDaysMax,
  backtestPageMax,
} from '@atf/core/wire/backtest';
import type { ChangeCount, ChangeCounts } from '@atf/core/wire/change-counts';
import type { BodyIn } from '@atf/core/wire/api';
import type { Level } from '@atf/core/wire/words';
import type { ControlClient } from '@atf/sdk/client';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, type ExitCode, exitCodes } from '../exit-codes.ts';
import { style, type Value } from '../output.ts';
import { counted, outcomeStyled } from '../words.ts';
import { filesOf, proposePlan } from './policy.ts';

const pollMs = 300;
const progressEveryMs = 2_000;
/** Changes that people are shown; programs get all that control lists. */
const changesShown = 1_000;
const countsShown = 20;

export interface BacktestOptions {
  readonly days: string;
}

function daysOf(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > backtestDaysMax)
    throw new CliFailure(exitCodes.usage, `--days takes 1 to ${backtestDaysMax}`);
  return days;
}

export const whole = (n: number) => n.toLocaleString('en');

function tellProgress(cli: Cli, { progress: { looked, of, perSecond }, changed }: Backtest): void {
  cli.out
    .note`${whole(looked)} of ${whole(of)} records, ${whole(perSecond)} a second; ${counted(changed, 'change')} so far …`;
}

/** Until it has ended; Ctrl-C ends it. */
async function followed(cli: Cli, operator: ControlClient, id: string): Promise<Backtest> {
  let toldMs = performance.now();
  try {
    for (;;) {
      const now = await operator.call('backtests.show', { params: { id } });
      if (now.state !== 'running') return now;
      if (performance.now() - toldMs >= progressEveryMs) {
        tellProgress(cli, now);
        toldMs = performance.now();
      }
      await pause(pollMs, undefined, { signal: cli.interrupted });
    }
  } catch (fault) {
    if (cli.interrupted.aborted) await operator.call('backtests.cancel', { params: { id } });
    throw fault;
  }
}

async function* changesOf(operator: ControlClient, id: string): AsyncGenerator<BacktestChange> {
  for (let after: number | undefined; ; ) {
    const { items } = await operator.call('backtests.changes', {
      params: { id },
      query: { limit: backtestPageMax, ...(after === undefined ? {} : { after }) },
    });
    yield* items;
    after = items.at(-1)?.record;
    if (after === undefined || items.length < backtestPageMax) return;
  }
}

const between = ({ was, would }: Pick<ChangeCount, 'was' | 'would'>): [Value, Value] => [
  outcomeStyled(was),
  outcomeStyled(would),
];

export function tellKinds(cli: Cli, counts: ChangeCounts['counts']): void {
  for (const row of counts)
    cli.out.say`  ${outcomeStyled(row.was)} → ${outcomeStyled(row.would)}: ${whole(row.count)}`;
}

export function tellTables(cli: Cli, { agents, tools, rules }: Omit<ChangeCounts, 'counts'>): void {
  tellCounts(cli, 'AGENT', agents);
  tellCounts(cli, 'TOOL', tools);
  tellCounts(cli, 'POLICY', rules);
}

function tellCounts(cli: Cli, title: string, rows: readonly ChangeCount[]): void {
  if (rows.length === 0) return;
  cli.out.table(
    [{ title }, { title: 'WAS' }, { title: 'WOULD BE' }, { title: 'DECISIONS', align: 'right' }],
    rows.slice(0, countsShown).map((row) => [row.of, ...between(row), whole(row.count)]),
  );
  if (rows.length > countsShown) cli.out.say`and ${rows.length - countsShown} more rows (--json)`;
}

function tellReport(cli: Cli, report: Backtest): void {
  const { decisions, changed, otherVersion, days, unreplayable, counts, agents, tools, rules } = report;
  const what = report.level === undefined ? '' : ` as ${report.level}`;
  const who = report.agent === undefined ? '' : ` about ${report.agent}${what}`;
  cli.out
    .say`${style('bold', whole(changed))} of ${whole(decisions)} recorded decisions${who} of the last ${counted(days, 'day')} would be others.`;
  for (const row of counts)
    cli.out.say`  ${outcomeStyled(row.was)} → ${outcomeStyled(row.would)}: ${whole(row.count)}`;
  if (otherVersion > 0)
    cli.out
      .say`${whole(otherVersion)} were made under another version: compared is what version ${report.base} says of them.`;
  for (const row of unreplayable)
    cli.out
      .say`${style('yellow', '!')} ${whole(row.count)} cannot be decided again: ${unreplayableSentence[row.what]}.`;
  tellTables(cli, { agents, tools, rules });
}

async function tellChanges(cli: Cli, operator: ControlClient, { id, changed }: Backtest): Promise<void> {
  if (changed === 0) return;
  const rows: Value[][] = [];
  for await (const change of changesOf(operator, id)) {
    if (cli.out.json) cli.out.document(change);
    else if (rows.length === changesShown) break;
    else
      rows.push([
        change.record,
        change.at,
        change.agent,
        change.tool,
        ...between(change),
        changeSentence(change),
      ]);
  }
  cli.out.table(
    [
      { title: 'RECORD', align: 'right' },
      { title: 'WHEN' },
      { title: 'AGENT' },
      { title: 'TOOL' },
      { title: 'WAS' },
      { title: 'WOULD BE' },
      { title: 'WHY' },
    ],
    rows,
  );
  if (rows.length < changed)
    cli.out.say`and ${whole(changed - rows.length)} more (--json lists what control keeps)`;
}

async function runBacktest(
  cli: Cli,
  operator: ControlClient,
  body: BodyIn<'backtests.start'>,
): Promise<ExitCode> {
  const { id } = await operator.call('backtests.start', { body });
  const report = await followed(cli, operator, id);
  tellProgress(cli, report);
  cli.out.document(report);
  if (report.state !== 'done')
    throw new CliFailure(exitCodes.refused, `The backtest is ${report.state}`, {
      ...(report.code === undefined ? {} : { code: report.code }),
      help: 'What it found until then is counted; start it again.',
    });
  tellReport(cli, report);
  await tellChanges(cli, operator, report);
  return report.changed > 0 ? exitCodes.changes : exitCodes.ok;
}

const candidateId = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Of a candidate by its id, or of a folder, which is proposed to be looked at. */
export async function candidateIdOf(
  cli: Cli,
  operator: ControlClient,
  target: string | undefined,
): Promise<string> {
  if (target !== undefined && candidateId.test(target)) return target;
  return (await proposePlan(operator, await filesOf(cli, target))).id;
}

export const backtestPolicy: Command<BacktestOptions & { readonly agent?: string }> = async (
  cli,
  [target],
  { days, agent },
) => {
  const body = { days: daysOf(days), ...(agent === undefined ? {} : { agent }) };
  const operator = await cli.operator();
  return runBacktest(cli, operator, { ...body, candidate: await candidateIdOf(cli, operator, target) });
};

export const tryLevel: Command<BacktestOptions> = async (cli, [agent = '', level = ''], { days }) => {
  const body = { agent, level: level as Level, days: daysOf(days) };
  return runBacktest(cli, await cli.operator(), body);
};
