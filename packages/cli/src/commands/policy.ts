/**
 * `atf policy show`, `history`, `plan`, `apply`, `rollback` (S-2). The command line proposes; people who are present confirm in the console, because a token on
 * disk proves nobody's presence. Not here: folders on disk alone (`policy-files.ts`).
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { PlanPage, PolicyCandidate } from '@atf/core/wire/policy';
import type { ControlClient } from '@atf/sdk/client';
import type { ClearingOptions } from '../clearance.ts';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { listLimit } from '../list-limit.ts';
import { openInBrowser } from '../open-browser.ts';
import { style } from '../output.ts';
import { notePolicyFolder } from '../policy-folder-note.ts';
import { untilDecided } from '../wait.ts';
import { ago, counted, outcomeStyled } from '../words.ts';
import { onFolder, policyFolder } from './policy-files.ts';

/** A set is compiled, its cases run, and the authority grid compared before control answers. */
const proposeWithinMs = 120_000;
const agentsShown = 50;
const pageAgents = 200;

function numbered(text: string, option: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new CliFailure(exitCodes.usage, `${option} takes the number of a version`, {
      help: 'List them with "atf policy history".',
    });
  return number;
}

async function writeSet(dir: string, files: readonly { name: string; text: string }[]): Promise<void> {
  await mkdir(dir, { recursive: true });
  if ((await readdir(dir)).length > 0)
    throw new CliFailure(exitCodes.usage, `${dir} is not empty`, { help: 'Name an empty or a new folder.' });
  for (const { name, text } of files) {
    // Control checked the names before it stored them; a file is written below the folder all the same, or not at all.
    if (!/^(?:cases\/)?[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
      throw new CliFailure(exitCodes.refused, `The set has a file that cannot be written here: ${name}`);
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
}

export const showPolicy: Command<{ readonly out?: string; readonly version?: string }> = async (
  cli,
  _,
  { out, version },
) => {
  const operator = await cli.operator();
  const live = await operator.call('policy.show');
  const shown =
    version === undefined
      ? live
      : await operator.call('policy.version', { params: { version: numbered(version, '--version') } });
  cli.out.document(shown);
  const says = shown.restores === undefined ? '' : `, the content of version ${shown.restores} again`;
  cli.out
    .say`${style('bold', `Version ${shown.version}`)}${shown.version === live.version ? ` is in force (epoch ${live.epoch})` : ''}${says}`;
  cli.out.say`by ${shown.by.join(' and ')}, ${ago(shown.at, Date.now())}: ${shown.reason}`;
  for (const sentence of shown.loosens) cli.out.say`${style('yellow', 'loosened')} ${sentence}`;
  cli.out.table(
    [{ title: 'FILE' }, { title: 'LINES', align: 'right' }],
    shown.files.map(({ name, text }) => [name, text.split('\n').length - 1]),
  );
  notePolicyFolder(cli.out, live);
  if (out !== undefined) {
    const dir = resolve(cli.cwd, out);
    await writeSet(dir, shown.files);
    cli.out.say`${style('green', '✓')} ${counted(shown.files.length, 'file')} written to ${dir}`;
  }
  return exitCodes.ok;
};

export const policyHistory: Command<{ readonly limit: string }> = async (cli, _, { limit }) => {
  const { items } = await (await cli.operator()).call('policy.history', {
    query: { limit: Math.min(200, listLimit(limit)) },
  });
  for (const item of items) cli.out.document(item);
  cli.out.table(
    [
      { title: 'VERSION', align: 'right' },
      { title: 'WHEN' },
      { title: 'BY' },
      { title: 'WHY' },
      { title: 'LOOSENED' },
    ],
    items.map(({ version, at, by, reason, restores, loosens }) => [
      version,
      ago(at, Date.now()),
      by.join(', '),
      restores === undefined ? reason : `${reason} (version ${restores} again)`,
      loosens.length === 0 ? '' : String(loosens.length),
    ]),
  );
  return exitCodes.ok;
};

export async function filesOf(cli: Cli, dir: string | undefined) {
  const folder = policyFolder(cli, dir);
  const { files } = await onFolder(folder, ({ readPolicyFiles }) => readPolicyFiles(folder));
  return files.map(({ name, text }) => ({ name, text }));
}

/** Of the set about agents, or of an application; 0: it has none yet. */
async function versionInForce(operator: ControlClient, application: string | undefined): Promise<number> {
  if (application === undefined) return (await operator.call('policy.show')).version;
  const { items } = await operator.call('applications.list');
  return items.find(({ name }) => name === application)?.version ?? 0;
}

type Given = { readonly files: { name: string; text: string }[] } | { readonly restores: number };

export async function propose(
  operator: ControlClient,
  given: Given,
  more: { readonly base?: number; readonly reason?: string; readonly application?: string | undefined } = {},
): Promise<PolicyCandidate> {
  const base = more.base ?? (await versionInForce(operator, more.application));
  const reason = more.reason === undefined ? {} : { reason: more.reason };
  const application = more.application === undefined ? {} : { application: more.application };
  return operator.call(
    'policy.propose',
    { body: { ...given, ...reason, ...application, base } },
    { timeoutMs: proposeWithinMs },
  );
}

/** A candidate to look at only: nobody can put it into force. */
export const proposePlan = (operator: ControlClient, files: { name: string; text: string }[]) =>
  propose(operator, { files });

interface Plan {
  readonly items: PlanPage['items'];
  readonly agents: number;
  readonly rights: number;
}

/** Page by page, with a line of progress where there is more than one. */
async function planOf(cli: Cli, operator: ControlClient, id: string): Promise<Plan> {
  const items: PlanPage['items'] = [];
  let [agents, rights] = [0, 0];
  for (let after: string | undefined, more = true; more; ) {
    const page = await operator.call('policy.plan', {
      params: { id },
      query: { limit: pageAgents, ...(after === undefined ? {} : { after }) },
    });
    items.push(...page.items);
    agents += page.agents;
    rights += page.rights;
    after = page.next;
    more = after !== undefined;
    if (more) cli.out.note`${agents} of ${page.agentsAll} agents …`;
  }
  return { items, agents, rights };
}

function tellCandidate(cli: Cli, candidate: PolicyCandidate): void {
  const { files, policies, loosens, loosenings, warnings } = candidate;
  for (const { name, change } of files) cli.out.say`${change}: ${name}`;
  for (const [what, ids] of Object.entries(policies))
    if (ids.length > 0) cli.out.say`policies ${what}: ${ids.join(', ')}`;
  for (const warning of warnings) cli.out.say`${style('yellow', '!')} ${warning}`;
  for (const sentence of loosens) cli.out.say`${style('yellow', 'loosens')} ${sentence}`;
  if (loosenings > loosens.length) cli.out.say`and ${loosenings - loosens.length} more loosenings`;
  if (loosenings === 0) cli.out.say`It loosens nothing.`;
}

function tellPlan(cli: Cli, { items, agents, rights }: Plan, all: boolean): void {
  const shown = all ? items : items.slice(0, agentsShown);
  const rows = shown.flatMap(({ agent, level, changes, more }) => [
    ...changes.map(({ tool, before, after, byArguments = [] }) => [
      agent,
      level,
      tool,
      outcomeStyled(before),
      byArguments.length === 0
        ? outcomeStyled(after)
        : `${after} at most, by its arguments (${byArguments.join(', ')})`,
    ]),
    ...(more === undefined ? [] : [[agent, level, `and ${more} more tools`, '', '']]),
  ]);
  if (rows.length > 0)
    cli.out.table(
      [{ title: 'AGENT' }, { title: 'LEVEL' }, { title: 'TOOL' }, { title: 'BEFORE' }, { title: 'AFTER' }],
      rows,
    );
  if (shown.length < items.length) cli.out.say`and ${items.length - shown.length} more agents (--all)`;
  cli.out
    .say`${counted(items.length, 'agent')} of ${agents} would have other rights; ${counted(rights, 'right')} looked at.`;
}

export const planPolicy: Command<{
  readonly version?: string;
  readonly all?: boolean;
  readonly application?: string;
}> = async (cli, [dir], { version, all, application }) => {
  const operator = await cli.operator();
  const given =
    version === undefined ? { files: await filesOf(cli, dir) } : { restores: numbered(version, '--version') };
  if (!cli.out.json) cli.out.note`Checking the set, and what it loosens …`;
  const candidate = await propose(operator, given, { application });
  const plan = await planOf(cli, operator, candidate.id);
  cli.out.document({ candidate, ...plan });
  tellCandidate(cli, candidate);
  if (application === undefined) tellPlan(cli, plan, all === true);
  const changes = candidate.loosenings > 0 || plan.items.length > 0 || candidate.files.length > 0;
  return changes ? exitCodes.changes : exitCodes.ok;
};

async function bring(
  cli: Cli,
  operator: ControlClient,
  candidate: PolicyCandidate,
  options: ClearingOptions,
) {
  const { id, application, confirmations } = candidate;
  tellCandidate(cli, candidate);
  if (application === undefined) tellPlan(cli, await planOf(cli, operator, id), false);
  const address = `${cli.controlUrl}/policy/${id}`;
  const who =
    confirmations.needed === 1
      ? 'A person confirms it in the console, with passkey or passphrase'
      : 'Two different people confirm it in the console, one of whom answers for security';
  cli.out.note`${who}: ${style('cyan', address)}`;
  if (options.open && process.stdout.isTTY === true) openInBrowser(address);
  cli.out.note`Waiting (Ctrl-C leaves it waiting) …`;
  let confirmed = 0;
  const done = await untilDecided(
    cli,
    options.wait,
    async () => {
      const now = await operator.call('policy.candidate', { params: { id } });
      for (const name of now.confirmations.by.slice(confirmed)) cli.out.note`${name} has confirmed it.`;
      confirmed = now.confirmations.by.length;
      return now.state === 'waiting' ? undefined : now;
    },
    'what is in force stays in force',
  );
  if (done.state !== 'applied')
    throw new CliFailure(
      exitCodes.refused,
      `The candidate is ${done.state}: another version came into force`,
      {
        code: 'policy.version_conflict',
        help: 'Look at what changed with "atf policy show", then plan and apply again.',
      },
    );
  cli.out.document(done);
  const next =
    application === undefined
      ? 'the next call of every agent is decided under it'
      : `the next questions of ${application} are answered under it`;
  cli.out.say`${style('green', '✓')} Version ${done.version ?? 0} is in force: ${next}.`;
  return exitCodes.ok;
}

export const applyPolicy: Command<
  ClearingOptions & { readonly reason: string; readonly base?: string; readonly application?: string }
> = async (cli, [dir], options) => {
  const operator = await cli.operator();
  const files = await filesOf(cli, dir);
  const { reason, base, application } = options;
  const candidate = await propose(
    operator,
    { files },
    { reason, application, ...(base === undefined ? {} : { base: numbered(base, '--base') }) },
  );
  return bring(cli, operator, candidate, options);
};

export const rollbackPolicy: Command<ClearingOptions & { readonly reason: string }> = async (
  cli,
  [version = ''],
  options,
) => {
  const operator = await cli.operator();
  const candidate = await propose(
    operator,
    { restores: numbered(version, 'rollback') },
    { reason: options.reason },
  );
  return bring(cli, operator, candidate, options);
};
