/** `atf data reveal`, `atf data forget` (D-3): what is behind a token. Looking needs a person's fresh presence, so it hands over to the browser. */
import { tokenIn } from '@atf/core/data/tokens';
import { tokenIdSchema } from '@atf/core/wire/tokens';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { openInBrowser } from '../open-browser.ts';
import { style } from '../output.ts';

/** As it stands in a text, or alone. */
function tokenNamed(given: string): string {
  const token = tokenIn(given) ?? given;
  if (!tokenIdSchema.safeParse(token).success)
    throw new CliFailure(exitCodes.usage, `${given} is no token`, { help: 'One begins with tok_.' });
  return token;
}

export const revealToken: Command<{ readonly open: boolean }> = async (cli, [given = ''], { open }) => {
  const address = `${cli.controlUrl}/tokens/${tokenNamed(given)}`;
  cli.out.document({ url: address });
  cli.out
    .say`A person who answers for security looks at it in the console, with passkey or passphrase and a reason: ${style('cyan', address)}`;
  if (open && process.stdout.isTTY === true) openInBrowser(address);
  return exitCodes.ok;
};

export const forgetToken: Command<{ readonly reason: string }> = async (cli, [given = ''], { reason }) => {
  const operator = await cli.operator();
  const token = tokenNamed(given);
  await operator.call('tokens.forget', { params: { token }, body: { reason } });
  cli.out.document({ forgotten: token });
  cli.out.say`${style('green', '✓')} erased: nobody can tell any more what ${token} was.`;
  return exitCodes.ok;
};
