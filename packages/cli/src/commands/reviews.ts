/**
 * `atf review …` (D-4): what people look at afterwards. A decision is a person's: a token on disk has looked at nothing, so the person is shown where in the console; only marked
 * people of the example workspace can be simulated, loudly.
 */
import type { Review, ReviewLine, ReviewState, ShownCall } from '@atf/core/wire/review';
import type { ControlClient } from '@atf/sdk/client';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Styled, style } from '../output.ts';
import { signInAs } from '../person-session.ts';
import { ago, duration, outcomeStyled, shortId } from '../words.ts';
import { personOf } from './people.ts';

const idBeginningMin = 4;
const listedMax = 200;

export const reviewBecause: Readonly<Record<Review['because'], string>> = {
  policy: 'policy wants it',
  flagged: 'something was found',
  unsure: 'doubtful input',
  sample: 'drawn for the audit',
};

const dueWords = ({ state, overdue, dueAt }: ReviewLine, nowMs: number): string | Styled => {
  if (state !== 'open') return '–';
  return overdue ? style('red', 'overdue') : duration(Math.max(0, Date.parse(dueAt) - nowMs));
};

export const listReviews: Command<{ readonly all?: boolean; readonly agent?: string }> = async (
  cli,
  _given,
  { all, agent },
) => {
  const operator = await cli.operator();
  const agentId =
    agent === undefined ? undefined : (await operator.call('agents.show', { params: { id: agent } })).id;
  const query = {
    ...(all === true ? {} : { state: 'open' as const }),
    ...(agentId === undefined ? {} : { agentId }),
  };
  const { items, open, overdue } = await operator.call('reviews.list', { query });
  for (const review of items) cli.out.document({ ...review });
  if (items.length === 0) {
    cli.out.say`Nothing is to be looked at.`;
    return exitCodes.ok;
  }
  const nowMs = Date.now();
  cli.out.table(
    [
      { title: 'REVIEW' },
      { title: 'STATE' },
      { title: 'AGENT' },
      { title: 'CALLS' },
      { title: 'BECAUSE' },
      { title: 'FOUND' },
      { title: 'SINCE' },
      { title: 'DUE IN' },
    ],
    items.map((review) => [
      shortId(review.id),
      outcomeStyled(review.state),
      review.agent,
      String(review.count),
      reviewBecause[review.because],
      review.labels.join(', ') || '–',
      ago(review.firstAt, nowMs),
      dueWords(review, nowMs),
    ]),
  );
  cli.out.say`${String(open)} open, ${String(overdue)} of them overdue.`;
  return exitCodes.ok;
};

/** The review with this id or unique beginning of one. */
async function find(operator: ControlClient, given: string): Promise<Review> {
  const { items } = await operator.call('reviews.list', { query: { limit: listedMax } });
  const matching = items.filter(({ id }) => id.startsWith(given.toLowerCase()));
  if (given.length < idBeginningMin || matching.length > 1)
    throw new CliFailure(exitCodes.refused, `More than one review may begin with ${given}`, {
      help: 'Name more of it; atf review list --json shows the whole ids.',
    });
  return operator.call('reviews.show', { params: { id: matching[0]?.id ?? given } });
}

export const showReview: Command = async (cli, [id = '']) => {
  const review = await find(await cli.operator(), id);
  cli.out.document({ ...review });
  cli.out
    .say`${outcomeStyled(review.state)}: ${String(review.count)} calls of ${review.agent}, because ${reviewBecause[review.because]}`;
  cli.out.table(
    [{ title: 'FACT' }, { title: '' }],
    [
      ['id', review.id],
      ['from', review.firstAt],
      ['to', review.lastAt],
      ['due', review.overdue ? `${review.dueAt} (overdue)` : review.dueAt],
      ...(review.decidedBy === undefined
        ? []
        : [['decided by', `${review.decidedBy}, ${review.decidedAt ?? ''}`]]),
      ...(review.note === undefined ? [] : [['note', review.note]]),
    ],
  );
  cli.out.table(
    [{ title: 'CALL' }, { title: 'TOOL' }, { title: 'FOUND' }, { title: 'AT' }],
    review.calls.map(({ actionId, tool, labels, at }) => [actionId, tool, labels.join(', ') || '–', at]),
  );
  return exitCodes.ok;
};

const cutWords = (words: ShownCall['args']): string =>
  words === undefined ? 'erased, or none' : `${words.text}${words.cut ? ' … (cut)' : ''}`;

function sayCalls(cli: Cli, calls: readonly ShownCall[]): void {
  for (const { actionId, tool, args, result } of calls) {
    cli.out.say`${actionId} ${tool}`;
    cli.out.say`  said: ${cutWords(args)}`;
    cli.out.say`  got:  ${cutWords(result)}`;
  }
}

interface DecideOptions {
  readonly as?: string;
  readonly note?: string;
}

async function decide(
  cli: Cli,
  given: string,
  state: Exclude<ReviewState, 'open'>,
  { as, note }: DecideOptions,
): Promise<ExitCode> {
  const operator = await cli.operator();
  const review = await find(operator, given);
  if (as === undefined)
    throw new CliFailure(exitCodes.refused, 'A person decides about it, who has signed in', {
      code: 'people.sign_in_required',
      help: `Open ${new URL(`/reviews/${review.id}`, operator.baseUrl).href} in the console.`,
    });
  const session = await signInAs(operator, await personOf(operator, as));
  const { client, person } = session;
  const params = { id: review.id };
  try {
    const { calls, shown = '' } = await client.call('reviews.look', { params });
    if (calls.length === 0)
      throw new CliFailure(exitCodes.refused, 'Its calls are not in the log yet', {
        help: 'Try again in a second.',
      });
    sayCalls(cli, calls);
    const actionIds = calls.map(({ actionId }) => actionId);
    const decided =
      state === 'confirmed'
        ? await client.call('reviews.confirm', {
            params,
            body: { actionIds, shown, ...(note === undefined ? {} : { note }) },
          })
        : await client.call('reviews.object', { params, body: { actionIds, note: note ?? '' } });
    cli.out.document({ ...decided });
    cli.out.say`${style('yellow', '!')} ${person.name} was SIMULATED.`;
    cli.out
      .say`${style('green', '✓')} ${String(decided.count)} of ${String(review.count)} calls of ${decided.agent} are ${decided.state}.`;
  } finally {
    await session.signOut();
  }
  return exitCodes.ok;
}

export const confirmReview: Command<DecideOptions> = (cli, [id = ''], options) =>
  decide(cli, id, 'confirmed', options);

export const objectToReview: Command<DecideOptions> = (cli, [id = '', ...words], options) =>
  decide(cli, id, 'objected', { ...options, note: words.join(' ').trim() || (options.note ?? '') });
