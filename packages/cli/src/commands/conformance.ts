/** `atf conformance`: the 25 requirements of the framework, honestly. */
import type { Command } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Output, style } from '../output.ts';
import { outcomeStyled } from '../words.ts';
import type { ResponseOf } from '@atf/core/wire/api';

export const conformance: Command = async (cli) => {
  const table = await (await cli.operator()).call('conformance');
  cli.out.document(table);
  printConformance(cli.out, table);
  return exitCodes.ok;
};

export function printConformance(
  out: Output,
  { items, counts, loosens = [] }: ResponseOf<'conformance'>,
): void {
  out.table(
    [{ title: 'ID' }, { title: 'REQUIREMENT' }, { title: 'STATUS' }, { title: 'WHAT IS THERE' }],
    items.map((row) => [
      row.id,
      row.name,
      outcomeStyled(row.status === 'not_yet' ? 'not yet' : row.status),
      row.says,
    ]),
  );
  out.say`${counts.proved} proved, ${counts.partly} partly, ${counts.not_yet} not yet, of ${items.length}`;
  for (const sentence of loosens)
    out.say`${style('yellow', 'Looser than the policies that ATF ships:')} ${sentence}`;
}
