/** `atf agent rights` (S-1, B-1): what an agent may do tool by tool, now or at a moment that has passed, why, and what of it is not certain. */
import type { RightAt } from '@atf/core/wire/rights';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { type Styled, style } from '../output.ts';

/** UTC unless it names an offset; a day alone is its beginning. */
const timePattern = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

function momentOf(given: string): string {
  const hasZone = /(?:Z|[+-]\d{2}:\d{2})$/.test(given);
  const text = given.length > 10 && !hasZone ? `${given}Z` : given;
  const ms = timePattern.test(given) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  if (Number.isNaN(ms))
    throw new CliFailure(exitCodes.usage, `--at ${given} is no time`, {
      help: 'For example 2026-11-21T14:30:00Z, or 2026-11-21 (its beginning, UTC).',
    });
  return new Date(ms).toISOString();
}

const words = { allow: 'alone', ask: 'after a person', refuse: 'never' } as const;
const styles = { allow: 'green', ask: 'yellow', refuse: 'red' } as const;
const outcomeOf = ({ outcome }: RightAt): Styled => style(styles[outcome], words[outcome]);

export const agentRights: Command<{ readonly at?: string }> = async (cli, [name = ''], { at }) => {
  const query = at === undefined ? {} : { at: momentOf(at) };
  const operator = await cli.operator();
  const { id } = await operator.call('agents.show', { params: { id: name } });
  const rights = await operator.call('agents.rightsAt', { params: { id }, query });
  const { out } = cli;
  out.document(rights);
  const { agent, version, level, ceiling, policy } = rights;
  out.say`${style('bold', agent)} ${version}, ${rights.now ? 'now' : rights.at}: level ${level}${ceiling === undefined ? '' : `, ceiling ${ceiling}`}, policy version ${policy}`;
  if (rights.items.length === 0) out.say`It is granted no tool: every call is refused.`;
  else
    out.table(
      [{ title: 'TOOL' }, { title: 'CLASS' }, { title: 'MAY' }, { title: 'BECAUSE' }, { title: 'POLICIES' }],
      rights.items.map((right) => [
        right.tool,
        right.class,
        outcomeOf(right),
        right.uncertain === undefined ? right.because : `${right.because} (not certain: ${right.uncertain})`,
        right.policies.join(', '),
      ]),
    );
  out.say``;
  for (const { id: policyId, says, file } of rights.policies)
    out.say`${style('dim', policyId)} ${says === '' ? '(nothing is written over it)' : says} ${style('dim', file)}`;
  out.say``;
  for (const note of rights.notes) out.say`${style('dim', note)}`;
  return exitCodes.ok;
};
