/** `atf drift` (D-2): how far the inputs of agents are from what they were, by source. */
import { type DriftItem, type InputDimension, inputDimensions, inputWords } from '@atf/core/wire/drift';
import type { Command } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';

function figures({ divergence, results, reference }: DriftItem): string {
  if (divergence === undefined) return `${results} new results beside ${reference}: too few to compare`;
  const each = inputDimensions.map((of) => `${inputWords[of]} ${divergence[of].toFixed(2)}`);
  return `${each.join(', ')} (${results} new results beside ${reference})`;
}

export const drift: Command = async (cli) => {
  const { items, threshold, more } = await (await cli.operator()).call('drift.list');
  cli.out.document({ items, threshold, more });
  for (const item of items) {
    const mark = item.drifted === undefined ? style('green', '✓') : style('yellow', '!');
    const since =
      item.drifted === undefined
        ? ''
        : ` has drifted since ${item.drifted.since} in ${item.drifted.in.map((of) => inputWords[of as InputDimension] ?? of).join(', ')}`;
    cli.out.say`${mark} ${style('bold', item.agent)} from ${item.tool}${since}`;
    cli.out.say`  ${figures(item)}`;
  }
  if (items.length === 0) cli.out.say`No agent has read anything in the last seven days.`;
  else cli.out.say`0 is alike, 1 has nothing in common; above ${threshold} people are told, once.`;
  if (more) cli.out.say`${style('yellow', 'There are more sources')} than are shown.`;
  return exitCodes.ok;
};
