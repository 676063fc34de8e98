/**
 * `atf audit verify` (B-1): the whole log, checked by the rules of core and nothing that control says about itself. Online it reads
 * the same static files over HTTP that lie in the log's directory. Not here: what a log must fulfil (core/audit).
 */
import { join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import type { LogPolicy } from '@atf/core/audit/log-policy';
import type { LogReport } from '@atf/core/audit/verify-log';
import { readPolicy, type Witnessed } from '../audit-policy.ts';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, type ExitCode, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { counted } from '../words.ts';

const problemsShownMax = 20;

interface VerifyOptions {
  readonly offline?: string | true;
  readonly policy?: string;
  readonly cosignedWithin?: string;
}

export const verifyLog: Command<VerifyOptions> = async (
  cli,
  _,
  { offline, policy: file, cosignedWithin },
) => {
  const withinMs = minutesOf(cosignedWithin, file);
  const startMs = performance.now();
  const policy = file === undefined ? undefined : await readPolicy(resolve(cli.cwd, file));
  const found =
    offline === undefined
      ? await verifyOnline(cli, policy)
      : await verifyOffline(logFolder(cli, offline), policy);
  const report = withinMs === undefined ? found : freshOnly(found, Date.now() - withinMs);
  cli.out.document({ ...report, tookMs: Math.round(performance.now() - startMs) });
  return tellReport(cli, report);
};

/** @throws CliFailure (usage) for what is not a number of minutes, or without a policy */
function minutesOf(text: string | undefined, policy: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9][0-9]{0,6}$/.test(text) && policy !== undefined) return Number(text) * 60_000;
  throw new CliFailure(exitCodes.usage, '--cosigned-within takes minutes, and a --policy beside it');
}

/** A quorum of long ago vouches for an old log: somebody may be hiding what came after. */
function freshOnly(report: Report, sinceMs: number): Report {
  const at = report.witnessed?.at;
  if (!report.ok || (at !== undefined && Date.parse(at) >= sinceMs)) return report;
  const message = `the newest cosignature is too old: ${at ?? 'there is none'}`;
  return { ...report, ok: false, problems: [...report.problems, { kind: 'no_quorum', message }] };
}

const logDirName = 'log';

/** A folder with a log, or a data directory that has one in it. @throws CliFailure (usage) when there is none */
function logFolder(cli: Cli, named: string | true): string {
  const folder = named === true ? cli.dataDir : resolve(cli.cwd, named);
  const found = [folder, join(folder, logDirName)].find((each) => existsSync(join(each, 'checkpoint')));
  if (found !== undefined) return found;
  // A folder that is there and has lost its checkpoint is for the verifier to judge.
  if (named !== true && existsSync(folder)) return folder;
  throw new CliFailure(exitCodes.usage, `There is no log in ${folder}`, {
    help: 'Name the folder of a copy (atf audit copy DIR makes one) or a data directory with --offline.',
  });
}

type Report = LogReport & { readonly witnessed?: Witnessed };

async function verifyOffline(folder: string, policy: LogPolicy | undefined): Promise<Report> {
  const { verifyLogDirectory } = await import('../audit-dir.ts');
  return verifyLogDirectory(folder, { onProgress: progress(), ...(policy === undefined ? {} : { policy }) });
}

async function verifyOnline(cli: Cli, policy: LogPolicy | undefined): Promise<Report> {
  const { verifyServedLog } = await import('../audit-served.ts');
  return verifyServedLog(await cli.operator(), {
    dataDir: cli.dataDir,
    onProgress: progress(),
    ...(policy === undefined ? {} : { policy }),
  });
}

export const copy: Command = async (cli, [folder = '']) => {
  const target = resolve(cli.cwd, folder);
  const size = await copied(cli, target);
  cli.out.document({ copy: target, size });
  cli.out
    .say`${style('green', '✓')} ${size} entries are copied. Verify them: atf audit verify --offline ${target}`;
  return exitCodes.ok;
};

/** Of the directory where there is one, else of what control serves. */
async function copied(cli: Cli, target: string): Promise<number> {
  const source = join(cli.dataDir, logDirName);
  if (existsSync(join(source, 'checkpoint')))
    return (await import('../audit-copy.ts')).copyLog(source, target);
  return (await import('../audit-copy-served.ts')).copyServedLog(await cli.operator(), target);
}

function progress(): (done: number, total: number) => void {
  const terminal = process.stderr.isTTY === true;
  return (done, total) => {
    if (terminal) process.stderr.write(`\r${done} of ${total} entries${done === total ? '\r\u001b[K' : ''}`);
  };
}

function tellWitnessed(
  { out }: Pick<Cli, 'out'>,
  size: number,
  { size: covered, at, cosigned }: Witnessed,
): void {
  out.say`${covered} entries are cosigned by ${cosigned.length === 0 ? 'nobody, as the policy allows' : cosigned.join(', ')}${at === undefined ? '' : `, last at ${at}`}.`;
  if (covered < size)
    out.say`${style('yellow', `The newest ${size - covered} are not`)} (yet): for them there is only the word of the log.`;
}

export function tellReport(cli: Pick<Cli, 'out'>, report: Report): ExitCode {
  const { out } = cli;
  if (report.ok) {
    out.say`${style('green', '✓ The log verifies:')} ${report.size} entries of ${report.origin}, root ${report.rootHash}`;
    out.say`${counted(report.intents, 'intent')}, ${counted(report.outcomes, 'outcome')}, ${counted(report.refusals, 'refusal')}, ${counted(report.control, 'event')} of control, ${counted(report.gateways, 'gateway')}, ${counted(report.gaps, 'gap')} on record`;
    for (const { origin, size, backupAt } of report.continues)
      out.say`Its first ${size} entries are those of ${origin}, restored from the backup of ${backupAt}; what that log held beyond is not here.`;
    if (report.witnessed !== undefined) tellWitnessed(cli, report.size, report.witnessed);
    if (report.unreported > 0)
      out.say`${report.unreported} intents have no outcome yet: the action may have happened.`;
    return exitCodes.ok;
  }
  out.say`${style('red', '✗ The log does NOT verify:')} ${report.problems.length + report.problemsOmitted} problems in ${report.size} entries of ${report.origin || 'an unknown log'}`;
  for (const problem of report.problems.slice(0, problemsShownMax))
    out.say`  ${problem.kind}: ${problem.message}`;
  const more = report.problems.length + report.problemsOmitted - problemsShownMax;
  if (more > 0) out.say`  and ${more} more (all with --json)`;
  return exitCodes.unverified;
}
