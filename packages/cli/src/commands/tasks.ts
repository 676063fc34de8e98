/** `atf task …` (S-4): what a person wants an agent to do, in that person's own words. */
import type { Task } from '@atf/core/wire/task-routes';
import type { ControlClient } from '@atf/sdk/client';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { ago, duration, outcomeStyled, shortId } from '../words.ts';

const wordsShown = 60;
const idBeginningMin = 4;

function wordsOf(given: readonly string[]): string {
  const words = given.join(' ').trim();
  if (words === '')
    throw new CliFailure(exitCodes.usage, 'What is to be done?', {
      help: 'Say it in your own words: atf task give support "Refund order O-5005 to the customer".',
    });
  return words;
}

const shortOf = ({ turns }: Task): string => {
  const words = turns.join(' ').replace(/\s+/g, ' ');
  return words.length <= wordsShown ? words : `${words.slice(0, wordsShown - 1)}…`;
};

const givenBy = ({ by, host, for: reference }: Task): string =>
  host === undefined ? by : `${host} for ${reference ?? 'somebody'} (${by} answers)`;

/** The id of the task with this id or unique beginning of one. What no list shows is asked of control as it is. */
async function idOf(operator: ControlClient, given: string): Promise<string> {
  const { items } = await operator.call('tasks.list', {});
  const matching = items.filter(({ id }) => id.startsWith(given.toLowerCase()));
  if (given.length < idBeginningMin || matching.length > 1)
    throw new CliFailure(exitCodes.refused, `More than one task may begin with ${given}`, {
      help: 'Name more of it; atf task list --json shows the whole ids.',
    });
  return matching[0]?.id ?? given;
}

export const giveTask: Command<{ readonly minutes?: string }> = async (
  cli,
  [name = '', ...words],
  { minutes },
) => {
  const operator = await cli.operator();
  const agent = await operator.call('agents.show', { params: { id: name } });
  const task = await operator.call('tasks.give', {
    params: { id: agent.id },
    body: { words: wordsOf(words), ...(minutes === undefined ? {} : { minutes: Number(minutes) }) },
  });
  cli.out.document({ ...task });
  cli.out
    .say`${style('green', '✓')} ${agent.name} may work on this until ${task.expiresAt}. One session takes it:`;
  cli.out.say`atf connect <server> --agent ${agent.name} --task ${task.id}`;
  return exitCodes.ok;
};

export const addToTask: Command = async (cli, [id = '', ...words]) => {
  const operator = await cli.operator();
  const params = { id: await idOf(operator, id) };
  const task = await operator.call('tasks.add', { params, body: { words: wordsOf(words) } });
  cli.out.document({ ...task });
  cli.out.say`${style('green', '✓')} ${task.agent} is told within seconds.`;
  return exitCodes.ok;
};

export const listTasks: Command<{ readonly agent?: string }> = async (cli, _given, { agent }) => {
  const operator = await cli.operator();
  const query =
    agent === undefined
      ? {}
      : { agentId: (await operator.call('agents.show', { params: { id: agent } })).id };
  const { items } = await operator.call('tasks.list', { query });
  for (const task of items) cli.out.document({ ...task });
  const nowMs = Date.now();
  cli.out.table(
    [
      { title: 'TASK' },
      { title: 'AGENT' },
      { title: 'STATE' },
      { title: 'GIVEN BY' },
      { title: 'GIVEN' },
      { title: 'LEFT' },
      { title: 'WORDS' },
    ],
    items.map((task) => [
      shortId(task.id),
      task.agent,
      outcomeStyled(task.state),
      givenBy(task),
      ago(task.givenAt, nowMs),
      task.state === 'over' ? '–' : duration(Math.max(0, Date.parse(task.expiresAt) - nowMs)),
      shortOf(task),
    ]),
  );
  return exitCodes.ok;
};

export const endTask: Command = async (cli, [id = '']) => {
  const operator = await cli.operator();
  await operator.call('tasks.end', { params: { id: await idOf(operator, id) } });
  cli.out.say`${style('green', '✓')} The task is over, and so is the session that worked on it.`;
  return exitCodes.ok;
};
