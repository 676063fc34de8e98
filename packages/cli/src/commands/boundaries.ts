/** `atf agent revoke` (S-4): ends boundaries that a Principal has widened for itself. Narrowing needs no presence. */
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';

export const revokeGrants: Command = async (cli, [name = '', grant]) => {
  const operator = await cli.operator();
  const agent = await operator.call('agents.show', { params: { id: name } });
  const { grants } = await operator.call('agents.boundaries', { params: { id: agent.id } });
  const ended = grants.filter(({ id }) => grant === undefined || id === grant);
  if (grant !== undefined && ended.length === 0)
    throw new CliFailure(exitCodes.refused, `${agent.name} has no such boundary in force`, {
      help: `Look at them: atf agent show ${agent.name}`,
    });
  for (const { id } of ended)
    await operator.call('agents.revokeGrant', { params: { id: agent.id, grant: id } });
  cli.out.document({ agent: agent.name, ended });
  for (const { offer, says } of ended) cli.out.say`${style('green', '✓')} ended: ${offer}, ${says}`;
  if (ended.length === 0) cli.out.say`${agent.name} has widened nothing.`;
  return exitCodes.ok;
};
