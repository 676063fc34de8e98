/** `atf status`: is the fleet all right, now? */
import type { Command } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { duration, measured } from '../words.ts';

export const status: Command = async (cli) => {
  const now = await (await cli.operator()).call('overview');
  cli.out.document(now);
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
      ...now.gateways.map((gateway) => [
        `gateway ${gateway.name}`,
        gateway.connected
          ? style('green', `connected, heard ${measured(gateway.lastBeatMsAgo ?? 0)} ago`)
          : style('red', 'not connected: its agents are refused'),
      ]),
      ...(now.lastKill === undefined
        ? []
        : [
            [
              'last kill',
              `${now.lastKill.scope.kind} ${now.lastKill.scope.id}, in force after ${measured(now.lastKill.tookMs)}`,
            ],
          ]),
    ],
  );
  for (const stop of now.containments)
    out.say`${style('red', `■ ${stop.state}`)} ${stop.scope.kind} ${stop.scope.id} since ${stop.since}: ${stop.reason}`;
  return exitCodes.ok;
};
