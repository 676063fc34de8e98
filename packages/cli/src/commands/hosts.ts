/** `atf host …` (S-4): applications in which people work, and which may say what a session of an agent is for. */
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';

export const addHost: Command<{ readonly agent: readonly string[]; readonly answers?: string }> = async (
  cli,
  [name = ''],
  { agent, answers },
) => {
  const body = { name, agents: [...agent], ...(answers === undefined ? {} : { answers }) };
  const made = await (await cli.operator()).call('hosts.register', { body });
  cli.out.document({ ...made });
  cli.out
    .say`${style('green', '✓')} ${name} may declare tasks; ${made.host.answers} answers for them. Its credential, shown this once:`;
  cli.out.say`${made.credential}`;
  return exitCodes.ok;
};

export const listHosts: Command = async (cli) => {
  const { items } = await (await cli.operator()).call('hosts.list');
  for (const host of items) cli.out.document({ ...host });
  cli.out.table(
    [{ title: 'HOST' }, { title: 'STATE' }, { title: 'AGENTS' }, { title: 'ANSWERS' }],
    items.map(({ name, revokedAt, agents, answers }) => [
      name,
      revokedAt === undefined ? 'active' : 'revoked',
      agents.join(', '),
      answers,
    ]),
  );
  return exitCodes.ok;
};

export const revokeHost: Command<{ readonly reason: string }> = async (cli, [named = ''], { reason }) => {
  const operator = await cli.operator();
  const { items } = await operator.call('hosts.list');
  const found = items.find(
    ({ id, name, revokedAt }) => id === named || (name === named && revokedAt === undefined),
  );
  if (found === undefined)
    throw new CliFailure(exitCodes.refused, `No host application is called ${named}`, {
      help: 'List them with "atf host list".',
    });
  await operator.call('hosts.revoke', { params: { id: found.id }, body: { reason } });
  cli.out.document({ revoked: found.id });
  cli.out.say`${style('green', '✓')} ${found.name} declares nothing any more, and what it declared is over.`;
  return exitCodes.ok;
};
