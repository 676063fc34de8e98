/** `atf agent unthrottle` (S-3): an agent that called far more than usual calls as its limits allow again. It needs a person's fresh presence, so it hands over to the browser. */
import type { Command } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { openInBrowser } from '../open-browser.ts';
import { style } from '../output.ts';
import { checkHandOver, untilDecided } from '../wait.ts';

interface UnthrottleOptions {
  readonly open: boolean;
  readonly wait: string;
}

export const unthrottle: Command<UnthrottleOptions> = async (cli, [name = ''], options) => {
  checkHandOver(options);
  const operator = await cli.operator();
  const agent = await operator.call('agents.show', { params: { id: name } });
  const lifted = async () => {
    const volume = await operator.call('agents.volume', { params: { id: agent.id } });
    return volume.throttle === undefined ? volume : undefined;
  };
  if ((await lifted()) === undefined) {
    const address = `${cli.controlUrl}/agents/${agent.name}`;
    cli.out.note`A person lifts it in the console, with passkey or passphrase: ${style('cyan', address)}`;
    if (options.open && process.stdout.isTTY === true) openInBrowser(address);
    cli.out.note`Waiting (Ctrl-C leaves it as it is) …`;
  }
  const volume = await untilDecided(cli, options.wait, lifted, 'it is still throttled');
  cli.out.document({ agent: agent.name, volume });
  cli.out.say`${style('green', '✓')} ${agent.name} is not throttled.`;
  return exitCodes.ok;
};
