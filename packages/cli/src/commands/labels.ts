/** `atf agent labels`, `atf agent declassify` (S-4): what an agent has read. Lowering it needs a person's fresh presence, so it hands over to the browser. */
import { isWithin } from '@atf/core/segmentation/flow';
import type { LabelsView } from '@atf/core/wire/labels';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { openInBrowser } from '../open-browser.ts';
import { style } from '../output.ts';
import { checkHandOver, untilDecided } from '../wait.ts';

function say({ out }: Cli, { kind, holder, confidentiality, integrity, sources }: LabelsView): void {
  out.say`${kind} ${holder}: ${confidentiality}, ${integrity}`;
  for (const source of sources)
    out.say`  ${source.tool}: ${source.confidentiality}, ${source.integrity}, since ${source.since}`;
}

export const showLabels: Command = async (cli, [name = '']) => {
  const operator = await cli.operator();
  const { items } = await operator.call('labels.list', { params: { id: name } });
  for (const each of items) cli.out.document(each);
  for (const each of items) say(cli, each);
  if (items.length === 0) cli.out.say`${name} has read nothing that counts.`;
  return exitCodes.ok;
};

interface DeclassifyOptions {
  readonly open: boolean;
  readonly wait: string;
}

export const declassify: Command<DeclassifyOptions> = async (cli, [name = '', holder], options) => {
  checkHandOver(options);
  const operator = await cli.operator();
  const labels = async () =>
    (await operator.call('labels.list', { params: { id: name } })).items.filter(
      (each) => holder === undefined || each.holder === holder,
    );
  const before = new Map((await labels()).map((each) => [each.holder, each]));
  if (before.size === 0)
    throw new CliFailure(exitCodes.refused, `${name} has no such labels`, {
      help: `Look at them: atf agent labels ${name}`,
    });
  const address = `${cli.controlUrl}/agents/${name}`;
  cli.out
    .note`A person who answers for security, and not for ${name}, does it in the console, with passkey or passphrase: ${style('cyan', address)}`;
  if (options.open && process.stdout.isTTY === true) openInBrowser(address);
  cli.out.note`Waiting (Ctrl-C leaves it as it is) …`;
  const lowered = async () =>
    (await labels()).find((each) => {
      const was = before.get(each.holder);
      return was !== undefined && isWithin(each, was) && !isWithin(was, each);
    });
  const found = await untilDecided(cli, options.wait, lowered, 'the labels are as they were');
  cli.out.document(found);
  cli.out.say`${style('green', '✓')} lowered:`;
  say(cli, found);
  return exitCodes.ok;
};
