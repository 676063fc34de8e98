/** `atf gateways …` (I-2, R-3): which gateways there are, tokens with which new ones enrol, and their revocation. */
import type { ControlClient } from '@atf/sdk/client';
import { carriedServersSchema } from '@atf/core/wire/gateway-routes';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';

const carried = (servers: '*' | readonly string[]): string => (servers === '*' ? 'all' : servers.join(', '));

export const listGateways: Command = async (cli) => {
  const { items } = await (await cli.operator()).call('gateways.list');
  for (const gateway of items) cli.out.document(gateway);
  cli.out.table(
    [
      { title: 'NAME' },
      { title: 'STATE' },
      { title: 'CONNECTED' },
      { title: 'ADDRESS' },
      { title: 'SERVERS' },
    ],
    items.map(({ name, state, connected, url, servers }) => [
      name,
      state,
      connected ? 'yes' : 'no',
      url ?? '–',
      carried(servers),
    ]),
  );
  return exitCodes.ok;
};

export const gatewayJoinToken: Command<{ readonly server?: readonly string[] }> = async (
  cli,
  [name = ''],
  { server = [] },
) => {
  const servers = carriedServersSchema.safeParse(server.length === 0 ? '*' : server);
  if (!servers.success)
    throw new CliFailure(
      exitCodes.usage,
      '--server takes the names of tool servers as `atf tool` lists them',
    );
  const issued = await (await cli.operator()).call('gateways.joinToken', {
    body: { name, servers: servers.data },
  });
  cli.out.document({ ...issued });
  cli.out
    .say`${style('green', '✓')} One gateway may enrol as ${name} until ${issued.expiresAt}, for ${carried(servers.data)} tool servers. Give it this in ATF_GATEWAY_JOIN_TOKEN:`;
  cli.out.say`${issued.joinToken}`;
  return exitCodes.ok;
};

/** Of the one gateway of this id or name. */
export async function gatewayIdOf(operator: ControlClient, named: string): Promise<string> {
  const { items } = await operator.call('gateways.list');
  const found = items.filter(({ id, name, state }) => id === named || (name === named && state === 'active'));
  if (found.length > 1)
    throw new CliFailure(exitCodes.usage, `${found.length} active gateways are called ${named}`, {
      help: 'Name the one with its id (atf gateways list --json).',
    });
  return found[0]?.id ?? named;
}

export const revokeGateway: Command<{ readonly reason: string }> = async (cli, [named = ''], { reason }) => {
  const operator = await cli.operator();
  const id = await gatewayIdOf(operator, named);
  await operator.call('gateways.revoke', { params: { id }, body: { reason } });
  cli.out.document({ revoked: id });
  cli.out.say`${style('green', '✓')} ${named} is revoked: it serves nobody, and its key does not come back.`;
  return exitCodes.ok;
};
