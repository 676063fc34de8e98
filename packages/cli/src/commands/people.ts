/** `atf people …` and `atf sign-in` (I-3). A sign-in link is as good as its person until it is used: it is printed, never logged. */
import type { ControlClient } from '@atf/sdk/client';
import type { Person } from '@atf/core/wire/api';
import { type Role, roleSchema } from '@atf/core/wire/words';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { type ClearingOptions, withClearance } from '../clearance.ts';
import { openInBrowser } from '../open-browser.ts';
import { style } from '../output.ts';

export const listPeople: Command = async (cli) => {
  const { items } = await (await cli.operator()).call('people.list');
  for (const person of items) cli.out.document(person);
  cli.out.table(
    [{ title: 'NAME' }, { title: 'E-MAIL' }, { title: 'ANSWERS AS' }, { title: '' }],
    items.map((person) => [
      person.name,
      person.email,
      person.roles.join(', ') || '–',
      person.bootstrap ? 'example' : '',
    ]),
  );
  return exitCodes.ok;
};

export const addPerson: Command<
  ClearingOptions & { readonly name: string; readonly role?: readonly string[] }
> = async (cli, [email = ''], options) => {
  const roles = (options.role ?? []).map((role) => {
    const parsed = roleSchema.safeParse(role);
    if (!parsed.success)
      throw new CliFailure(exitCodes.usage, `There is no role ${role}`, {
        help: `Roles: ${roleSchema.options.join(', ')}`,
      });
    return parsed.data satisfies Role;
  });
  const person = await withClearance(
    cli,
    await cli.operator(),
    'people.add',
    { body: { name: options.name, email, roles } },
    options,
  );
  cli.out.document(person);
  cli.out
    .say`${style('green', '✓')} ${person.name} is registered. Make a sign-in link: atf sign-in --as ${person.email}`;
  return exitCodes.ok;
};

export const signIn: Command<{
  readonly as?: string;
  readonly open?: boolean;
  readonly wait: string;
}> = async (cli, _, options) => {
  const operator = await cli.operator();
  const person =
    options.as === undefined
      ? (await operator.call('people.me')).person
      : await personOf(operator, options.as);
  const asked = { params: { id: person.id } };
  const link = await withClearance(cli, operator, 'people.link', asked, {
    open: options.open === true,
    wait: options.wait,
  });
  cli.out.document({ email: person.email, ...link });
  cli.out.say`Signs in ${person.name} once, until ${link.expiresAt}:`;
  cli.out.say`${style('cyan', link.url)}`;
  if (options.open === true) openInBrowser(link.url);
  return exitCodes.ok;
};

/** The registered person with this e-mail address. @throws CliFailure when there is none */
export async function personOf(operator: ControlClient, email: string): Promise<Person> {
  const { items } = await operator.call('people.list');
  const person = items.find((each) => each.email.toLowerCase() === email.toLowerCase());
  if (person === undefined) {
    throw new CliFailure(exitCodes.refused, `Nobody is registered as ${email}`, {
      code: 'people.person_not_found',
      help: 'List the people with "atf people list".',
    });
  }
  return person;
}
