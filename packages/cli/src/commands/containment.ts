/**
 * `atf kill` and `atf resume` (R-1, R-2). A kill says first what will stop and asks, then what did stop and how fast. A resume needs
 * a person's fresh presence, so it hands over to the browser.
 */
import { containmentApplies, purposeScopeId, stopsAgents, touchedBy } from '@atf/core/incident/containment';
import { versionScopeId } from '@atf/core/incident/scope-id';
import type { Agent, CeilingWord, StopReport } from '@atf/core/wire/api';
import { graceSecondsMax, type Scope, scopeKinds } from '@atf/core/wire/words';
import type { ControlClient } from '@atf/sdk/client';
import type { Cli, Command } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { openInBrowser } from '../open-browser.ts';
import { style } from '../output.ts';
import { toolOf } from '../tool-names.ts';
import { checkHandOver, untilDecided } from '../wait.ts';
import { counted, measured } from '../words.ts';
import { personOf } from './people.ts';

const graceSecondsDefault = 30;

interface KillOptions {
  readonly pause?: boolean;
  /** Seconds for what runs; `true` without a number. */
  readonly graceful?: string | true;
  readonly reason: string;
  readonly yes?: boolean;
  readonly offline?: boolean;
}

export const kill: Command<KillOptions> = async (cli, [kind = '', name], options) => {
  if (options.offline === true) return killOffline(cli, kind, name, options);
  const operator = await cli.operator();
  const scope = await scopeOf(operator, kind, name);
  const { items } = await operator.call('agents.list');
  const concerned = items.filter((agent) => concerns(scope, agent));
  const graceSeconds = graceOf(options.graceful);
  preview(cli, scope, concerned, name, { pause: options.pause === true, graceSeconds });
  const below = async () => {
    if (scope.kind === 'agent') await sayBelow(cli, operator, scope.id);
  };
  if (options.yes !== true) await below();
  if (options.yes !== true) await confirm(cli, options.pause === true ? 'Pause?' : 'Kill?');
  const state = options.pause === true ? 'paused' : 'killed';
  const report = await operator.call('containment.stop', {
    body: {
      scope,
      state,
      reason: options.reason,
      ...(graceSeconds === undefined ? {} : { graceSeconds }),
    },
  });
  cli.out.document(report);
  tell(cli, report);
  // What nobody was asked about first waits for nothing.
  if (options.yes === true) await below();
  return report.gateways.confirmed === report.gateways.connected ? exitCodes.ok : exitCodes.refused;
};

/** @throws CliFailure (usage) */
function graceOf(option: KillOptions['graceful']): number | undefined {
  if (option === undefined) return undefined;
  const seconds = option === true ? graceSecondsDefault : Number(option);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= graceSecondsMax) return seconds;
  throw new CliFailure(exitCodes.usage, `--graceful takes seconds, 1 to ${graceSecondsMax}`);
}

async function killOffline(cli: Cli, kind: string, name: string | undefined, options: KillOptions) {
  if (options.graceful !== undefined)
    throw new CliFailure(exitCodes.usage, 'The stop file stops at once; it cannot be graceful');
  const { writeStopFile } = await import('../stop-file.ts');
  if (options.yes !== true) await confirm(cli, 'Stop through the stop file of this host?');
  const file = writeStopFile(cli.dataDir, kind, name, options.reason);
  cli.out.document({ stopFile: file });
  cli.out
    .say`${style('red', '■')} ${file} is written. The gateway of this host looks ten times a second and stops what it names, with or without control.`;
  cli.out.say`To lift it, on this host: atf resume ${typed(kind, name)} --offline`;
  return exitCodes.ok;
}

/** Kind and name as a shell takes them. */
function typed(kind: string, name: string | undefined): string {
  if (name === undefined || kind === 'fleet') return kind;
  return /^[\w@./:-]+$/.test(name) ? `${kind} ${name}` : `${kind} '${name.replaceAll("'", `'\\''`)}'`;
}

/** What people type, as the scope that control knows. @throws CliFailure (usage) */
async function scopeOf(operator: ControlClient, kind: string, name: string | undefined): Promise<Scope> {
  if (kind === 'fleet') return { kind, id: '*' };
  if (name === undefined)
    throw new CliFailure(exitCodes.usage, `Which ${kind}?`, { help: 'For example: atf kill agent my-agent' });
  switch (kind) {
    case 'agent':
      return { kind, id: (await operator.call('agents.show', { params: { id: name } })).id };
    case 'owner':
      return { kind, id: (await personOf(operator, name)).id };
    case 'version': {
      const at = name.lastIndexOf('@');
      if (at < 1)
        throw new CliFailure(exitCodes.usage, 'A version is agent@version', {
          help: 'For example: atf kill version my-agent@1.2.0',
        });
      const { id } = await operator.call('agents.show', { params: { id: name.slice(0, at) } });
      return { kind, id: versionScopeId(id, name.slice(at + 1)) };
    }
    case 'purpose':
      return { kind, id: purposeScopeId(name) };
    case 'session':
      return { kind, id: name };
    case 'tool':
      if (!/^[a-z0-9_-]+\/\*$/.test(name)) toolOf(name);
      return { kind, id: name };
    default:
      throw new CliFailure(exitCodes.usage, `Nothing is stopped by ${kind}`, {
        help: `Say ${scopeKinds.join(', ')}.`,
      });
  }
}

function concerns(scope: Scope, agent: Agent): boolean {
  if (scope.kind === 'tool')
    return agent.manifest.tools.some(
      (tool) => tool === scope.id || (scope.id.endsWith('/*') && tool.startsWith(scope.id.slice(0, -1))),
    );
  const { id, owner, technicalOwner } = agent;
  const { version, purpose } = agent.manifest;
  const touched = touchedBy({ id, version, purpose, ownerId: owner.id, technicalOwnerId: technicalOwner.id });
  return containmentApplies(scope, touched);
}

/** Only a kill of those who hold credentials voids them. */
function credentialsAfter(scope: Scope, pause: boolean): string {
  if (pause || scope.kind === 'tool') return 'Credentials stay valid.';
  return scope.kind === 'session'
    ? 'The session is void; its instance may begin a new one.'
    : 'Credentials are void: after a resume each instance enrols anew.';
}

interface How {
  readonly pause: boolean;
  readonly graceSeconds: number | undefined;
}

function preview(
  cli: Cli,
  scope: Scope,
  agents: readonly Agent[],
  name: string | undefined,
  { pause, graceSeconds }: How,
): void {
  const running =
    graceSeconds === undefined
      ? 'calls under way are cut'
      : `calls under way may end within ${counted(graceSeconds, 'second')} and are cut then`;
  const what = scope.kind === 'fleet' ? 'the whole fleet' : `${scope.kind} ${name ?? scope.id}`;
  cli.out
    .say`This stops ${style('bold', what)}: ${running}, waiting approvals are void, the next call is refused. ${credentialsAfter(scope, pause)}`;
  const rows = agents.map((agent) => [agent.name, agent.effectiveLevel, agent.state, agent.instances]);
  if (rows.length > 0)
    cli.out.table(
      [{ title: 'AGENT' }, { title: 'LEVEL' }, { title: 'STATE' }, { title: 'RUNNING', align: 'right' }],
      rows,
    );
}

/** Who works for the agent stops with it. That this cannot be told keeps nobody from stopping. */
async function sayBelow(cli: Cli, operator: ControlClient, agentId: string): Promise<void> {
  const around = await operator
    .call('agents.delegations', { params: { id: agentId } })
    .catch(() => undefined);
  const below = around?.items.filter(({ aboveIds }) => aboveIds.includes(agentId)) ?? [];
  if (below.length === 0) return;
  const names = [...new Set(below.map(({ chain }) => chain.at(-1) ?? ''))].sort();
  cli.out
    .say`What others do for it stops, too: ${counted(below.length, 'delegation')}, to ${names.join(', ')}.`;
}

function tell(cli: Cli, report: StopReport): void {
  const { gateways, drainUntil, callsRunning = 0 } = report;
  const calls =
    drainUntil === undefined
      ? `${counted(report.callsAborted, 'call')} cut`
      : `${counted(callsRunning, 'call')} may end until ${drainUntil}`;
  cli.out
    .say`${style('red', `■ ${report.state}`)} in ${measured(report.tookMs)}: ${counted(report.agents.length, 'agent')}, ${calls}, ${counted(report.approvalsVoided, 'approval')} void.`;
  if (drainUntil !== undefined)
    cli.out
      .say`Nothing begins any more. When nothing runs, or then, what is left is cut${report.state === 'killed' ? ' and credentials are void' : ''}.`;
  if (gateways.confirmed === gateways.connected)
    cli.out.say`${gateways.confirmed} of ${counted(gateways.connected, 'connected gateway')} confirmed.`;
  else
    cli.out
      .say`${style('yellow', `Only ${gateways.confirmed} of ${gateways.connected} gateways confirmed;`)} the others refuse everything once their lease has run out (800 ms).`;
}

interface ResumeOptions {
  readonly as?: string;
  readonly simulatePresence?: boolean;
  readonly open: boolean;
  readonly wait: string;
  readonly ceiling?: CeilingWord;
  readonly totals?: 'as-backup';
  readonly reason: string;
  readonly offline?: boolean;
}

async function resumeOffline(cli: Cli, kind: string, name: string | undefined) {
  const { liftStop, scopeWords } = await import('../stop-file.ts');
  const { file, left } = liftStop(cli.dataDir, kind, name);
  cli.out.document({ stopFile: file, removed: left.length === 0, stillStopped: left });
  if (left.length === 0) cli.out.say`${style('green', '✓')} ${file} is removed: it stops nothing any more.`;
  else
    cli.out
      .say`${style('green', '✓')} ${typed(kind, name)} is taken out of ${file}. ${style('yellow', 'Still stopped by it:')} ${left.map(scopeWords).join(', ')}.`;
  return exitCodes.ok;
}

export const resume: Command<ResumeOptions> = async (cli, [kind = '', name], options) => {
  if (options.offline === true) return resumeOffline(cli, kind, name);
  checkHandOver(options);
  if (options.totals !== undefined && kind !== 'fleet')
    throw new CliFailure(exitCodes.usage, '--totals is for the fleet', {
      help: 'Only a restore loses totals, and it stops the fleet: atf resume fleet --totals as-backup',
    });
  const operator = await cli.operator();
  const scope = await scopeOf(operator, kind, name);
  const stopped = async (byHost = false) =>
    (await operator.call('containment.list')).items.find(
      (each) =>
        each.scope.kind === scope.kind &&
        each.scope.id === scope.id &&
        (each.gateway !== undefined) === byHost,
    );
  const containment = await stopped();
  if (containment === undefined) {
    const host = await stopped(true);
    if (host?.gateway !== undefined)
      throw new CliFailure(exitCodes.refused, `The stop file of gateway ${host.gateway.name} stops it`, {
        code: 'containment.not_stopped',
        help: `Control cannot lift it. On the host of that gateway: atf resume ${typed(kind, name)} --offline`,
      });
    throw new CliFailure(exitCodes.refused, `Nothing is stopped as ${kind} ${name ?? ''}`.trim(), {
      code: 'containment.not_stopped',
      help: 'List what is stopped with "atf status".',
    });
  }
  if (options.simulatePresence === true) await resumeSimulated(cli, operator, scope, options);
  else {
    const address = `${cli.controlUrl}/stopped`;
    cli.out.note`A person resumes it in the console, with passkey or passphrase: ${style('cyan', address)}`;
    if (options.open && process.stdout.isTTY === true) openInBrowser(address);
    if (options.ceiling !== undefined)
      cli.out.note`Choose the ceiling there: ${options.ceiling}. What is confirmed in the console counts.`;
    if (options.totals !== undefined)
      cli.out.note`Tick there: totals go on as of the backup. What is confirmed in the console counts.`;
    cli.out.note`Waiting (Ctrl-C leaves it stopped) …`;
    const lifted = async () => ((await stopped()) === undefined ? true : undefined);
    await untilDecided(cli, options.wait, lifted, 'it is still stopped');
  }
  cli.out.document({ resumed: scope });
  cli.out
    .say`${style('green', '✓')} ${[kind, name ?? ''].join(' ').trimEnd()} runs again.${containment.state === 'killed' && stopsAgents(scope) ? ' Its credentials stay void: atf agent enrol NAME lets an instance in.' : ''}`;
  return exitCodes.ok;
};

async function resumeSimulated(
  cli: Cli,
  operator: ControlClient,
  scope: Scope,
  options: ResumeOptions,
): Promise<void> {
  if (options.as === undefined) throw new CliFailure(exitCodes.usage, '--simulate-presence needs --as EMAIL');
  const { signInAs } = await import('../person-session.ts');
  const { resumeSubject } = await import('../resume-subject.ts');
  const session = await signInAs(operator, await personOf(operator, options.as));
  cli.out
    .note`${style('yellow', `SIMULATED: the presence of ${session.person.name} is simulated, as only the example workspace allows.`)}`;
  try {
    const { reason, ceiling, totals } = options;
    const request = {
      scope,
      reason,
      ...(ceiling === undefined ? {} : { ceiling }),
      ...(totals === undefined ? {} : { totals: 'as_backup' as const }),
    };
    const presence = await session.simulatePresence(resumeSubject(request));
    await session.client.call('containment.resume', { body: { ...request, presence } });
  } finally {
    await session.signOut();
  }
}
