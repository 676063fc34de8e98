/**
 * Room: policy (S-1, S-2). All that has to hold before a set may come into force, whoever brings it: bounds, names, Cedar's schema, our evaluator, settings, and
 * every case. The same for the folder of a first start, for a candidate over the API, and for files on somebody's disk.
 */
import { policyFacts } from '@atf/core/policy/question';
import { feedFrameBytesMax } from '@atf/core/wire/feed';
import { policiesMax } from '@atf/core/wire/policy';
import { readCases, runCases } from './cases.ts';
import type { Cedar } from './cedar.ts';
import { doubtsOf, unknownLevels } from './doubts.ts';
import { inSlices } from './in-slices.ts';
import {
  boundsProblems,
  compileFiles,
  type PolicyFiles,
  type PolicySet,
  settingsFile,
  type Register,
} from './files.ts';

/** Policies reach gateways in one frame of the feed, with room for what is around them. */
const documentBytesMax = feedFrameBytesMax - 65_536;

export type CheckedSet =
  | {
      readonly ok: true;
      readonly set: PolicySet;
      readonly cases: number;
      readonly warnings: readonly string[];
    }
  | {
      readonly ok: false;
      /** `parse`: it is no valid set. `cases`: it is one, and does not do what its cases want. */
      readonly because: 'parse' | 'cases';
      readonly problems: readonly string[];
    };

/** Checks a set whole. `register`: as of `compileFiles`. */
export async function checkSet(cedar: Cedar, given: PolicyFiles, register?: Register): Promise<CheckedSet> {
  const bounds = boundsProblems(given, 'a policy set', settingsFile);
  if (bounds.length > 0) return { ok: false, because: 'parse', problems: bounds };
  const compiled = await compileFiles(cedar, given, register);
  const cases = readCases(given, compiled.ok ? compiled.set.settings.timeZones : undefined);
  if (!compiled.ok || !cases.ok) {
    const problems = [...(compiled.ok ? [] : compiled.problems), ...(cases.ok ? [] : cases.problems)];
    return { ok: false, because: 'parse', problems };
  }
  const { set } = compiled;
  const levels = unknownLevels(given, set.policies);
  if (levels.length > 0) return { ok: false, because: 'parse', problems: levels };
  if (set.policies.length > policiesMax)
    return { ok: false, because: 'parse', problems: [`more than ${policiesMax} policies`] };
  const bytes = Buffer.byteLength(JSON.stringify(set.policies));
  if (bytes > documentBytesMax)
    return {
      ok: false,
      because: 'parse',
      problems: [`the policies are ${bytes} bytes in JSON, and gateways take ${documentBytesMax}`],
    };
  const facts = policyFacts(set.compiled, set.digest, 0);
  const { failed } = await inSlices(runCases(facts, cases.cases));
  if (failed.length > 0) return { ok: false, because: 'cases', problems: failed };
  const doubts = await inSlices(doubtsOf(given, set.policies, compiled.known));
  return { ok: true, set, cases: cases.cases.length, warnings: [...set.warnings, ...doubts] };
}
