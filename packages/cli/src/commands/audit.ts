/**
 * `atf audit verify` (B-1): the whole log, checked by the rules of core and nothing that control says about itself. Online it reads
 * the same static files over HTTP that lie in the log's directory. Not here: what a log must fulfil (core/audit).
 */
import { join, resolve } from 'node:path';
import type { LogReport } from '@atf/core/audit/verify-log';
import type { Cli, Command } from '../cli.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';

const problemsShownMax = 20;

export const verifyLog: Command<{ readonly offline?: string }> = async (cli, _, { offline }) => {
  const startMs = performance.now();
  const report =
    offline === undefined ? await verifyOnline(cli) : await verifyOffline(resolve(cli.cwd, offline));
  cli.out.document({ ...report, tookMs: Math.round(performance.now() - startMs) });
  return tellReport(cli, report);
};

async function verifyOffline(folder: string): Promise<LogReport> {
  const { verifyLogDirectory } = await import('../audit-dir.ts');
  return verifyLogDirectory(folder, { onProgress: progress() });
}

async function verifyOnline(cli: Cli): Promise<LogReport> {
  const { verifyServedLog } = await import('../audit-served.ts');
  return verifyServedLog(await cli.operator(), { dataDir: cli.dataDir, onProgress: progress() });
}

export const copy: Command = async (cli, [folder = '']) => {
  const { copyLog } = await import('../audit-copy.ts');
  const target = resolve(cli.cwd, folder);
  const size = copyLog(join(cli.dataDir, 'log'), target);
  cli.out.document({ copy: target, size });
  cli.out
    .say`${style('green', '✓')} ${size} entries are copied. Verify them: atf audit verify --offline ${target}`;
  return exitCodes.ok;
};

function progress(): (done: number, total: number) => void {
  const terminal = process.stderr.isTTY === true;
  return (done, total) => {
    if (terminal) process.stderr.write(`\r${done} of ${total} entries${done === total ? '\r\u001b[K' : ''}`);
  };
}

export function tellReport(cli: Pick<Cli, 'out'>, report: LogReport): ExitCode {
  const { out } = cli;
  if (report.ok) {
    out.say`${style('green', '✓ The log verifies:')} ${report.size} entries of ${report.origin}, root ${report.rootHash}`;
    out.say`${report.intents} intents, ${report.outcomes} outcomes, ${report.refusals} refusals, ${report.control} events of control, ${report.gateways} gateways, ${report.gaps} gaps on record`;
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
