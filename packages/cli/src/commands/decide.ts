/** `atf decide`: what would happen to a call, and why. Nothing runs, nothing is recorded as an action. */
import { isJsonObject, parseStrictText } from '@atf/core/wire/json';
import { checksTable } from '../checks-table.ts';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { toolOf } from '../tool-names.ts';
import { outcomeStyled } from '../words.ts';

export const decide: Command<{ readonly args: string }> = async (cli, [agent = '', tool = ''], options) => {
  toolOf(tool);
  const args = parseStrictText(options.args);
  if (!args.ok || !isJsonObject(args.value)) {
    throw new CliFailure(exitCodes.usage, '--args is not a JSON object', {
      help: `For example: --args '{"order_id":"O-5001"}'`,
    });
  }
  const decision = await (await cli.operator()).call('decide', { body: { agent, tool, args: args.value } });
  cli.out.document(decision);
  const { out } = cli;
  const as = decision.effectiveLevel === undefined ? '' : ` as ${decision.effectiveLevel}`;
  out.say`${outcomeStyled(decision.outcome)}: ${tool} by ${agent}${as}${decision.actionClass === undefined ? '' : `, class ${decision.actionClass}`}`;
  if (decision.detail !== undefined) out.say`${decision.detail}`;
  if (decision.code !== undefined)
    out.say`${style('dim', decision.code)}${decision.requirement === undefined ? '' : ` (requirement ${decision.requirement})`}`;
  if (decision.help !== undefined) out.say`What would help: ${decision.help}`;
  checksTable(out, decision.checks);
  if (decision.obligations.length > 0) out.say`Then also: ${decision.obligations.join(', ')}`;
  return exitCodes.ok;
};
