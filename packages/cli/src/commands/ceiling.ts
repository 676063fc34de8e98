/**
 * `atf agent ceiling` (M-1): the temporary ceiling on an agent's level, for example after a new version. It needs a person's fresh presence, so it hands
 * over to the browser.
 */
import { ceilingWordSchema } from '@atf/core/wire/api';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { openInBrowser } from '../open-browser.ts';
import { style } from '../output.ts';
import { checkHandOver, untilDecided } from '../wait.ts';

interface CeilingOptions {
  readonly open: boolean;
  readonly wait: string;
}

export const ceiling: Command<CeilingOptions> = async (cli, [name = '', level = ''], options) => {
  checkHandOver(options);
  const to = ceilingWordSchema.safeParse(level);
  if (!to.success)
    throw new CliFailure(exitCodes.usage, `There is no ceiling ${level}`, {
      help: 'Say intern, junior, senior, principal, or none to lift it.',
    });
  const operator = await cli.operator();
  const found = () => operator.call('agents.show', { params: { id: name } });
  const agent = await found();
  const set = async () => {
    const now = await found();
    return (now.ceiling ?? 'none') === to.data ? now : undefined;
  };
  if ((agent.ceiling ?? 'none') !== to.data) {
    const address = `${cli.controlUrl}/agents/${agent.name}`;
    cli.out.note`A person sets it in the console, with passkey or passphrase: ${style('cyan', address)}`;
    if (options.open && process.stdout.isTTY === true) openInBrowser(address);
    cli.out.note`Waiting (Ctrl-C leaves it as it is) …`;
  }
  const now = await untilDecided(cli, options.wait, set, 'the ceiling is as it was');
  cli.out.document({ agent: now.name, ceiling: now.ceiling ?? null, effectiveLevel: now.effectiveLevel });
  cli.out
    .say`${style('green', '✓')} ${now.name} works as ${now.effectiveLevel}${now.ceiling === undefined ? ', without a ceiling' : `, with the ceiling ${now.ceiling}`}.`;
  return exitCodes.ok;
};
