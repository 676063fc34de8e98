/** `atf point …` (I-2, S-1): gateways, meshes and applications of others that may ask for decisions. */
import type { BodyIn } from '@atf/core/wire/api';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';

interface AddOptions {
  readonly agent?: readonly string[];
  readonly application?: string;
  readonly service?: readonly string[];
  readonly proves?: boolean;
  readonly perMinute?: string;
}

function servicesOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name, url] = /^([^=]+)=(https?:\/\/.+)$/.exec(text) ?? [];
      if (name === undefined || url === undefined)
        throw new CliFailure(
          exitCodes.usage,
          '--service takes a service and the address that agents use for it',
          {
            help: 'Like --service orders=https://orders.example.com',
          },
        );
      return [name, url];
    }),
  );
}

export const addPoint: Command<AddOptions> = async (
  cli,
  [name = ''],
  { agent = [], application, service = [], proves, perMinute },
) => {
  const body: BodyIn<'points.register'> = {
    name,
    agents: [...agent],
    services: servicesOf(service),
    ...(application === undefined ? {} : { application }),
    ...(proves === true ? { proves } : {}),
    ...(perMinute === undefined ? {} : { questionsPerMinute: Number(perMinute) }),
  };
  const made = await (await cli.operator()).call('points.register', { body });
  cli.out.document({ ...made });
  cli.out.say`${style('green', '✓')} ${name} may ask. Its credential, shown this once:`;
  cli.out.say`${made.credential}`;
  return exitCodes.ok;
};

export const listPoints: Command = async (cli) => {
  const { items } = await (await cli.operator()).call('points.list');
  for (const point of items) cli.out.document({ ...point });
  cli.out.table(
    [
      { title: 'POINT' },
      { title: 'STATE' },
      { title: 'AGENTS' },
      { title: 'APPLICATION' },
      { title: 'SERVICES' },
      { title: 'AGENTS PROVE' },
      { title: 'A MINUTE', align: 'right' },
    ],
    items.map(({ name, revokedAt, agents, application, services, proves, questionsPerMinute }) => [
      name,
      revokedAt === undefined ? 'active' : 'revoked',
      agents.join(', ') || '–',
      application ?? '–',
      Object.keys(services).join(', ') || '–',
      proves ? 'yes' : 'no',
      questionsPerMinute,
    ]),
  );
  return exitCodes.ok;
};

export const revokePoint: Command<{ readonly reason: string }> = async (cli, [named = ''], { reason }) => {
  const operator = await cli.operator();
  const { items } = await operator.call('points.list');
  const found = items.find(
    ({ id, name, revokedAt }) => id === named || (name === named && revokedAt === undefined),
  );
  if (found === undefined)
    throw new CliFailure(exitCodes.refused, `No enforcement point is called ${named}`, {
      help: 'List them with "atf point list".',
    });
  await operator.call('points.revoke', { params: { id: found.id }, body: { reason } });
  cli.out.document({ revoked: found.id });
  cli.out
    .say`${style('green', '✓')} ${found.name} may ask nothing any more, within two seconds at every gateway.`;
  return exitCodes.ok;
};
