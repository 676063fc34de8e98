/** `atf action show`: what was decided about one action, in plain words, and what would have changed it (B-5). */
import { uuidSchema } from '@atf/core/wire/words';
import type { ControlClient } from '@atf/sdk/client';
import { checksTable } from '../checks-table.ts';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { limitMax } from '../list-limit.ts';
import { style } from '../output.ts';
import { outcomeStyled } from '../words.ts';

/** The action with this id, or among the newest the one with this beginning. */
async function actionOf(operator: ControlClient, given: string): Promise<string> {
  if (uuidSchema.safeParse(given).success) return given;
  const { items } = await operator.call('activity.list', { query: { limit: limitMax } });
  const found = new Set(items.flatMap(({ actionId }) => (actionId?.startsWith(given) ? actionId : [])));
  const [only] = found;
  if (found.size === 1 && only !== undefined && given !== '') return only;
  throw new CliFailure(
    exitCodes.refused,
    found.size > 1
      ? `${found.size} of the newest actions begin with ${given}`
      : `None of the newest actions begins with ${given}`,
    { help: 'Name the whole id; atf activity --json shows it as actionId.' },
  );
}

export const showAction: Command<{ readonly checks?: boolean }> = async (cli, [id = ''], { checks }) => {
  const operator = await cli.operator();
  const story = await operator.call('actions.show', { params: { id: await actionOf(operator, id) } });
  const { out } = cli;
  out.document(story);
  const { decision, told } = story;
  if (decision === undefined) out.say`No decision is on record for this action yet.`;
  else out.say`${outcomeStyled(decision.outcome)} ${style('dim', story.actionId)}`;
  for (const sentence of told?.decision ?? []) out.say`${sentence}`;
  if (told !== undefined) out.say``;
  for (const sentence of told?.otherwise ?? []) out.say`${sentence}`;
  if (decision?.help !== undefined) out.say`What would help: ${decision.help}`;
  if (checks === true && decision !== undefined) {
    out.say``;
    checksTable(out, decision.checks);
  }
  out.say``;
  for (const item of [...story.items].sort((a, b) => (a.at < b.at ? -1 : 1)))
    out.say`${style('dim', item.at)} ${outcomeStyled(item.outcome ?? item.type)} ${item.summary}`;
  return exitCodes.ok;
};
