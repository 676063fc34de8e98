/** `atf status`: is the fleet all right, now? */
import type { Containment, ResponseOf } from '@atf/core/wire/api';
import type { Scope } from '@atf/core/wire/words';
import type { ControlClient } from '@atf/sdk/client';
import type { Command } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { witnessesNow } from '../witness-words.ts';
import { counted, duration, measured } from '../words.ts';

export const status: Command = async (cli) => {
  const operator = await cli.operator();
  const now = await operator.call('overview');
  cli.out.document(now);
  const named = await scopeNames(operator, now);
  const { out } = cli;
  const levels = Object.entries(now.agents.byLevel).map(([level, count]) => `${count} ${level}`);
  const oldest =
    now.approvals.oldestSeconds === undefined
      ? ''
      : `, the oldest for ${duration(now.approvals.oldestSeconds * 1_000)}`;
  if (now.example) out.say`${style('yellow', 'This is the example workspace.')}`;
  out.table(
    [{ title: 'WHAT' }, { title: 'NOW' }],
    [
      ['console', cli.controlUrl],
      [
        'agents',
        `${now.agents.total}: ${levels.join(', ')}${now.agents.stopped === 0 ? '' : `; ${now.agents.stopped} stopped`}`,
      ],
      ['waiting for a person', `${now.approvals.waiting}${oldest}`],
      ['quarantined tools', now.toolsQuarantined],
      ['log', `${now.log.size} entries, checkpoint ${now.log.checkpointAt ?? 'not yet'}`],
      ...(now.log.witnessing === undefined ? [] : [['witnesses', witnessesNow(now.log.witnessing)]]),
      ...now.gateways.map((gateway) => [
        `gateway ${gateway.name}`,
        gateway.connected
          ? style('green', `connected, heard ${measured(gateway.lastBeatMsAgo ?? 0)} ago`)
          : style('red', 'not connected: its agents are refused'),
      ]),
      ...(now.lastKill === undefined
        ? []
        : [['last kill', `${named(now.lastKill.scope)}, in force after ${measured(now.lastKill.tookMs)}`]]),
    ],
  );
  for (const gateway of now.gateways)
    for (const { kind, name, questions } of gateway.silent ?? [])
      out.say`${style('yellow', '!')} ${kind} ${name} did not answer the last ${counted(questions, 'question')} of gateway ${gateway.name}: what it looks at counts as unchecked there`;
  for (const stop of now.containments)
    out.say`${style('red', `■ ${stop.state}`)} ${named(stop.scope)} since ${stop.since}: ${stop.reason}${byHost(stop)}`;
  return exitCodes.ok;
};

function byHost({ gateway }: Containment): string {
  if (gateway === undefined) return '';
  const more = gateway.more === undefined ? '' : ` (its file holds ${gateway.more} more)`;
  return ` (by the stop file of gateway ${gateway.name}${more}; lift it on that host: atf resume … --offline)`;
}

/** What is stopped, as people call it. An agent or person that is not there any more keeps its id. */
async function scopeNames(
  operator: ControlClient,
  { containments, lastKill }: ResponseOf<'overview'>,
): Promise<(scope: Scope) => string> {
  const scopes = [
    ...containments.map(({ scope }) => scope),
    ...(lastKill === undefined ? [] : [lastKill.scope]),
  ];
  const names = new Map<string, string>();
  const wants = (kind: Scope['kind']) => scopes.some((scope) => scope.kind === kind);
  if (wants('agent'))
    for (const { id, name } of (await operator.call('agents.list')).items) names.set(id, name);
  if (wants('owner'))
    for (const { id, name } of (await operator.call('people.list', {})).items) names.set(id, name);
  return ({ kind, id }) => (kind === 'fleet' ? 'the whole fleet' : `${kind} ${names.get(id) ?? id}`);
}
