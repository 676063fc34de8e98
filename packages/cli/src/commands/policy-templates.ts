/** `atf policy templates`, `atf policy template NAME` (S-2): policies for the usual, without a running product. */
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { load } from './planes.ts';

interface Template {
  readonly name: string;
  readonly says: string;
  readonly text: string;
  readonly cases?: string;
}
const all = async (): Promise<readonly Template[]> =>
  (await load<{ templates(): Promise<readonly Template[]> }>('@atf/control/policy/templates')).templates();

export const listTemplates: Command = async (cli) => {
  const items = await all();
  for (const { name, says } of items) cli.out.document({ name, says });
  cli.out.table(
    [{ title: 'TEMPLATE' }, { title: 'WHAT IT DOES' }],
    items.map(({ name, says }) => [name, says]),
  );
  cli.out
    .note`Put one beside your policies: atf policy template NAME > DIR/NAME.cedar, its cases: atf policy template NAME --cases > DIR/cases/NAME.yaml`;
  return exitCodes.ok;
};

export const showTemplate: Command<{ readonly cases?: boolean }> = async (cli, [name = ''], { cases }) => {
  const found = (await all()).find((each) => each.name === name);
  const text = cases === true ? found?.cases : found?.text;
  if (text === undefined)
    throw new CliFailure(
      exitCodes.usage,
      found === undefined ? `There is no template ${name}` : `The template ${name} comes without cases`,
      { help: 'List them with "atf policy templates".' },
    );
  cli.out.document(found);
  cli.out.file(text);
  return exitCodes.ok;
};
