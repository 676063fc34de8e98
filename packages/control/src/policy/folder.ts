/**
 * Room: policy (S-1, S-2). What can be said about a folder of policies without a running product: whether it is valid, formatted, and does what its cases
 * want. For the command line; a set that comes over the API is checked by the same functions.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { policyFacts } from '@atf/core/policy/question';
import { checkApplication } from './application-check.ts';
import { caseProblems, readCases } from './cases.ts';
import { Cedar } from './cedar.ts';
import { checkSet } from './check.ts';
import { doubtsOf } from './doubts.ts';
import { compileFiles, readPolicyFiles, type Register } from './files.ts';
import { inSlices } from './in-slices.ts';
import { saidOf } from './said.ts';

export { readPolicyFiles } from './files.ts';

async function withCedar<T>(work: (cedar: Cedar) => Promise<T>): Promise<T> {
  const cedar = new Cedar();
  try {
    return await work(cedar);
  } finally {
    await cedar.close();
  }
}

export interface LintReport {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly policies: number;
  readonly cases: number;
}

/** Everything but whether the cases hold. `register`: whom to ask what there is of what policies name; absent: that is not checked. @throws when the folder cannot be read */
export function lintFolder(dir: string, register?: Register): Promise<LintReport> {
  return withCedar(async (cedar) => {
    const files = await readPolicyFiles(dir);
    const result = await checkSet(cedar, files, register);
    if (!result.ok && result.because === 'parse')
      return { problems: result.problems, warnings: [], policies: 0, cases: 0 };
    const compiled = await compileFiles(cedar, files, register);
    const cases = readCases(files, compiled.ok ? compiled.set.settings.timeZones : undefined);
    if (!compiled.ok || !cases.ok)
      return { problems: ['the folder changed meanwhile'], warnings: [], policies: 0, cases: 0 };
    const asked = new Set(cases.cases.flatMap(({ want }) => want.policies ?? []));
    const unasked = compiled.set.policies
      .filter(({ id }) => !asked.has(id))
      .map(({ id }) => saidOf(files, id, { message: 'no case wants it as a reason' }));
    const doubts = await inSlices(doubtsOf(files, compiled.set.policies, compiled.known));
    return {
      problems: [],
      warnings: [...compiled.set.warnings, ...doubts, ...unasked],
      policies: compiled.set.policies.length,
      cases: cases.cases.length,
    };
  });
}

/** The same for the folder of an application set, with its cases. @throws when the folder cannot be read */
export function lintApplicationFolder(dir: string): Promise<LintReport> {
  return withCedar(async (cedar) => {
    const checked = await checkApplication(cedar, 'application', await readPolicyFiles(dir));
    return checked.ok
      ? {
          problems: [],
          warnings: checked.warnings,
          policies: checked.set.policies.length,
          cases: checked.cases,
        }
      : { problems: checked.problems, warnings: [], policies: 0, cases: 0 };
  });
}

export interface CaseOutcome {
  readonly file: string;
  readonly name: string;
  /** Empty: it holds. */
  readonly problems: readonly string[];
}

export type TestReport =
  | { readonly ok: true; readonly cases: readonly CaseOutcome[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Runs the cases of a folder. @throws when the folder cannot be read */
export function testFolder(dir: string): Promise<TestReport> {
  return withCedar(async (cedar) => {
    const files = await readPolicyFiles(dir);
    const compiled = await compileFiles(cedar, files);
    const cases = readCases(files, compiled.ok ? compiled.set.settings.timeZones : undefined);
    if (!compiled.ok || !cases.ok) {
      const problems = [...(compiled.ok ? [] : compiled.problems), ...(cases.ok ? [] : cases.problems)];
      return { ok: false, problems };
    }
    const { set } = compiled;
    const facts = policyFacts(set.compiled, set.digest, 0);
    return {
      ok: true,
      cases: cases.cases.map((one) => ({
        file: one.file,
        name: one.name,
        problems: caseProblems(facts, one),
      })),
    };
  });
}

export type FormatReport =
  | { readonly ok: true; readonly changed: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Formats the `.cedar` files of a folder; writes only when all of them parse. @throws when it cannot read or write */
export function formatFolder(dir: string, { write }: { readonly write: boolean }): Promise<FormatReport> {
  return withCedar(async (cedar) => {
    const { files } = await readPolicyFiles(dir);
    const changed: { name: string; text: string }[] = [];
    const problems: string[] = [];
    for (const { name, text } of files.filter((file) => file.name.endsWith('.cedar'))) {
      const result = await cedar.formatText(text);
      if (!result.ok)
        problems.push(
          ...result.problems.map(({ line, column, message }) =>
            [[name, line, column].filter((part) => part !== undefined).join(':'), message].join(': '),
          ),
        );
      else if (`${result.text.trimEnd()}\n` !== text)
        changed.push({ name, text: `${result.text.trimEnd()}\n` });
    }
    if (problems.length > 0) return { ok: false, problems };
    if (write) for (const { name, text } of changed) await writeFile(join(dir, name), text);
    return { ok: true, changed: changed.map(({ name }) => name) };
  });
}
