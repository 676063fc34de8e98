/** `atf policy shadow start`, `status`, `stop` (S-2): a candidate that gateways ask beside the set in force, for every decision, and that decides nothing. */
import { type Shadow, shadowHoursMax } from '@atf/core/wire/shadow';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { ago } from '../words.ts';
import { candidateIdOf, tellKinds, tellTables, whole } from './backtest.ts';

const stateWords: Readonly<Record<Shadow['state'], string>> = {
  running: 'runs',
  stopped: 'was stopped',
  over: 'is over',
  overtaken: 'has ended, because another version came into force',
};

function tell(cli: Cli, shadow: Shadow): void {
  const { state, candidate, base, startedAt, endsAt, by, compared, changed, skipped, failed } = shadow;
  cli.out
    .say`${style('bold', `The shadow ${stateWords[state]}`)}: candidate ${candidate} beside version ${base}, since ${startedAt}, by ${by}${state === 'running' ? `, until ${endsAt}` : ''}.`;
  const heard = shadow.heardAt === undefined ? '' : `, heard ${ago(shadow.heardAt, Date.now())}`;
  cli.out
    .say`${style('bold', whole(changed))} of ${whole(compared)} decisions would have been others (${shadow.gateways} gateway process${shadow.gateways === 1 ? '' : 'es'}${heard}).`;
  tellKinds(cli, shadow.counts);
  if (skipped > 0)
    cli.out
      .say`${style('yellow', '!')} ${whole(skipped)} were not compared, so that calls did not wait for it.`;
  if (failed > 0) cli.out.say`${style('yellow', '!')} ${whole(failed)} could not be compared.`;
  tellTables(cli, shadow);
}

export const startShadow: Command<{ readonly hours: string }> = async (cli, [target], { hours: text }) => {
  const hours = Number(text);
  if (!Number.isInteger(hours) || hours < 1 || hours > shadowHoursMax)
    throw new CliFailure(exitCodes.usage, `--hours takes 1 to ${shadowHoursMax}`);
  const operator = await cli.operator();
  const candidate = await candidateIdOf(cli, operator, target);
  const shadow = await operator.call('shadow.start', { body: { candidate, hours } });
  cli.out.document(shadow);
  cli.out
    .say`${style('green', '✓')} Gateways ask it beside version ${shadow.base} from now on, until ${shadow.endsAt}. It decides nothing.`;
  cli.out.say`What it finds: atf policy shadow status`;
  return exitCodes.ok;
};

export const shadowStatus: Command = async (cli) => {
  const { shadow } = await (await cli.operator()).call('shadow.show');
  if (shadow === undefined) {
    cli.out.document({});
    cli.out.say`No candidate is in the shadow. Put one there: atf policy shadow start DIR`;
    return exitCodes.ok;
  }
  cli.out.document(shadow);
  tell(cli, shadow);
  return exitCodes.ok;
};

export const stopShadow: Command = async (cli) => {
  const shadow = await (await cli.operator()).call('shadow.stop');
  cli.out.document(shadow);
  tell(cli, shadow);
  return exitCodes.ok;
};
