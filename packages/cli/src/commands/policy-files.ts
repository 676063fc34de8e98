/** `atf policy lint`, `format`, `test`: a folder of policies on disk, without a running product. For people at their editor, and for CI. */
import { resolve } from 'node:path';
import type { Cli, Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { style } from '../output.ts';
import { counted } from '../words.ts';
import { load } from './planes.ts';
import { type Register, registerFrom } from './policy-schema.ts';

interface Lint {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly policies: number;
  readonly cases: number;
}
type Tested =
  | {
      readonly ok: true;
      readonly cases: readonly { file: string; name: string; problems: readonly string[] }[];
    }
  | { readonly ok: false; readonly problems: readonly string[] };
type Formatted =
  | { readonly ok: true; readonly changed: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };
interface Folder {
  lintFolder(dir: string, register: Register): Promise<Lint>;
  lintApplicationFolder(dir: string): Promise<Lint>;
  testFolder(dir: string): Promise<Tested>;
  formatFolder(dir: string, options: { readonly write: boolean }): Promise<Formatted>;
  readPolicyFiles(dir: string): Promise<{ readonly files: readonly { name: string; text: string }[] }>;
}

const folderDefault = 'policies';

export const policyFolder = (cli: Cli, given: string | undefined): string =>
  resolve(cli.cwd, given ?? folderDefault);

/** @throws CliFailure when the folder cannot be read */
export async function onFolder<T>(dir: string, work: (folder: Folder) => Promise<T>): Promise<T> {
  const folder = await load<Folder>('@atf/control/policy/folder');
  try {
    return await work(folder);
  } catch (fault) {
    if (fault instanceof CliFailure) throw fault;
    throw new CliFailure(
      exitCodes.usage,
      `${dir}: ${fault instanceof Error ? fault.message : 'unreadable'}`,
      {
        help: 'Name a folder with schema.cedarschema, settings.yaml, *.cedar and cases/*.yaml.',
      },
    );
  }
}

function tellProblems(cli: Cli, problems: readonly string[]): void {
  for (const problem of problems) cli.out.say`${style('red', '✗')} ${problem}`;
}

interface OfApplication {
  readonly application?: boolean;
  readonly types?: string;
}

export const lintPolicies: Command<OfApplication> = async (cli, [given], { application = false, types }) => {
  const dir = policyFolder(cli, given);
  const register = registerFrom(cli, types);
  const report = await onFolder(dir, (folder) =>
    application ? folder.lintApplicationFolder(dir) : folder.lintFolder(dir, register),
  );
  cli.out.document(report);
  tellProblems(cli, report.problems);
  for (const warning of report.warnings) cli.out.say`${style('yellow', '!')} ${warning}`;
  if (report.problems.length > 0) {
    cli.out.say`${counted(report.problems.length, 'problem')} in ${dir}`;
    return exitCodes.refused;
  }
  const next = application ? 'valid, and the cases hold' : 'valid. Whether the cases hold: atf policy test';
  cli.out.say`${style('green', '✓')} ${report.policies} policies, ${counted(report.cases, 'case')}: ${next}`;
  return exitCodes.ok;
};

export const testPolicies: Command = async (cli, [given]) => {
  const dir = policyFolder(cli, given);
  const report = await onFolder(dir, (folder) => folder.testFolder(dir));
  cli.out.document(report);
  if (!report.ok) {
    tellProblems(cli, report.problems);
    return exitCodes.refused;
  }
  const failed = report.cases.filter(({ problems }) => problems.length > 0);
  for (const { file, name, problems } of failed) {
    cli.out.say`${style('red', '✗')} ${file}: ${name}`;
    for (const problem of problems) cli.out.say`    ${problem}`;
  }
  if (failed.length > 0) {
    cli.out.say`${counted(failed.length, 'case')} of ${report.cases.length} not as wanted`;
    return exitCodes.refused;
  }
  cli.out.say`${style('green', '✓')} ${counted(report.cases.length, 'case')}: all as wanted`;
  return exitCodes.ok;
};

export const formatPolicies: Command<{ readonly check?: boolean }> = async (cli, [given], options) => {
  const dir = policyFolder(cli, given);
  const check = options.check === true;
  const report = await onFolder(dir, (folder) => folder.formatFolder(dir, { write: !check }));
  cli.out.document(report);
  if (!report.ok) {
    tellProblems(cli, report.problems);
    return exitCodes.refused;
  }
  for (const name of report.changed) cli.out.say`${name}${check ? ' is not formatted' : ' formatted'}`;
  if (report.changed.length === 0) cli.out.say`${style('green', '✓')} nothing to format`;
  return check && report.changed.length > 0 ? exitCodes.refused : exitCodes.ok;
};
