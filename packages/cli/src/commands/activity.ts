/** `atf activity`: what happened, oldest first, and with --follow what happens, until Ctrl-C. */
import type { ActivityItem } from '@atf/core/wire/api';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { limitMax, listLimit } from '../list-limit.ts';
import { style } from '../output.ts';
import { measured, outcomeStyled, shortId } from '../words.ts';

interface ActivityOptions {
  readonly follow?: boolean;
  readonly agent?: string;
  readonly outcome?: string;
  readonly limit: string;
}

export const activity: Command<ActivityOptions> = async (cli, _, options) => {
  const limit = listLimit(options.limit);
  const operator = await cli.operator();
  const filter = {
    ...(options.agent === undefined ? {} : { agent: options.agent }),
    ...(options.outcome === undefined ? {} : { outcome: options.outcome }),
  };
  // The place before the list is made: what happens from here on is listed or streamed, or both.
  const [newest] =
    options.follow === true ? (await operator.call('activity.list', { query: { limit: 1 } })).items : [];
  const { items } = await operator.call('activity.list', { query: { limit, ...filter } });
  const seen = new Set<string>();
  for (const item of items.toReversed()) {
    seen.add(item.cursor);
    print(cli, item);
  }
  if (options.follow === true) await follow(cli, options, seen, newest?.cursor);
  else if (items.length === 0) cli.out.say`Nothing has happened yet.`;
  return exitCodes.ok;
};

async function follow(
  cli: Cli,
  options: ActivityOptions,
  seen: ReadonlySet<string>,
  after: string | undefined,
): Promise<void> {
  const { activityStream } = await import('@atf/sdk/activity-stream');
  try {
    for await (const item of activityStream({
      baseUrl: cli.controlUrl,
      headers: cli.operatorHeaders(),
      after,
      signal: cli.interrupted,
      onSkipped: ({ cursor }) => {
        cli.out.document({ skipped: { cursor } });
        cli.out
          .note`${style('yellow', '… Records were passed over:')} more happened at once than this connection could take. They are on record: atf activity --limit ${limitMax}`;
      },
    })) {
      if (seen.has(item.cursor) || !matches(item, options)) continue;
      print(cli, item);
    }
  } catch (error) {
    if (!cli.interrupted.aborted) throw error;
    return;
  }
  throw new CliFailure(exitCodes.unreachable, 'The connection to control has ended');
}

const matches = (item: ActivityItem, { agent, outcome }: ActivityOptions): boolean =>
  (agent === undefined || item.agent === agent || item.agentId === agent) &&
  (outcome === undefined || item.outcome === outcome);

function print(cli: Cli, item: ActivityItem): void {
  cli.out.document(item);
  const time = item.at.slice(11, 19);
  const outcome = item.outcome === undefined ? style('dim', item.type) : outcomeStyled(item.outcome);
  const took = item.tookMs === undefined ? '' : ` (${measured(item.tookMs)})`;
  const who = item.agent ?? item.person ?? 'ATF';
  const by = item.agent === undefined || item.person === undefined ? '' : ` (${item.person})`;
  // A decision reads on from its subject: who may call what.
  const between = item.outcome === undefined || item.type === 'action.outcome' ? ':' : '';
  const id = item.actionId === undefined ? '' : style('dim', ` ${shortId(item.actionId)}`);
  cli.out
    .say`${style('dim', time)} ${outcome} ${style('bold', who)}${by}${between} ${item.summary}${took}${item.code === undefined ? '' : ` [${item.code}]`}${id}`;
}
