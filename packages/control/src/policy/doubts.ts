/** Room: policy (S-1, S-2). What is doubtful about the policies of a set, each with file, line and column. */
import { type Accepted, type Doubt, doubtsAbout, strayAnnotations } from '@atf/core/policy/doubts';
import { overruledPermits, type StatedPolicy } from '@atf/core/policy/loosening';
import type { PolicyDocument } from './cedar.ts';
import type { KnownTypes, ToolTypes } from './cedar-messages.ts';
import type { PolicyFiles } from './files.ts';
import { saidOf } from './said.ts';

/** What refuses a set before its policies are asked anything. */
export function notesOf(files: PolicyFiles, { id, annotations }: PolicyDocument): string[] {
  const notes: Doubt[] = [
    ...(annotations['requirement'] === undefined ? [{ message: 'it has no @requirement' }] : []),
    ...(/^(?:[A-Za-z0-9_.-]){1,100}$/.test(id) ? [] : [{ message: 'the id is not a plain word' }]),
    ...strayAnnotations(annotations),
  ];
  return notes.map((note) => saidOf(files, id, note));
}

/** Levels that a policy names and that do not exist: such a policy never applies, and Cedar's validator does not know. */
export function unknownLevels(files: PolicyFiles, policies: readonly StatedPolicy[]): string[] {
  return policies.flatMap(({ id, json }) => {
    const named = JSON.stringify(json).matchAll(/"type":"ATF::Level","id":"([^"]*)"/g);
    return [...named]
      .map(([, level = '']) => level)
      .filter((level) => !['intern', 'junior', 'senior', 'principal'].includes(level))
      .map((word) => ({ message: `there is no level ${JSON.stringify(word)}, so this never applies`, word }))
      .map((doubt) => saidOf(files, id, doubt));
  });
}

/** Of each server that a policy names, some tool is among the types where one was accepted. */
function acceptedOf(types: ToolTypes): Accepted {
  const servers = new Set(Object.keys(types).map((ref) => ref.slice(0, ref.indexOf('/'))));
  return {
    tool: (ref) => Object.hasOwn(types, ref),
    server: (name) => servers.has(name),
    classOf: (ref) => (Object.hasOwn(types, ref) ? types[ref]?.class : undefined),
  };
}

/** What is registered of what the policies name. */
export interface KnownHere {
  readonly types: KnownTypes;
  /** undefined: what agents there are is not known here. */
  readonly agents: ReadonlySet<string> | undefined;
}

/** Warnings about a valid set. Yields between policies. */
export function* doubtsOf(
  files: PolicyFiles,
  policies: readonly StatedPolicy[],
  { types, agents }: KnownHere,
): Generator<void, string[]> {
  const registered = { accepted: types === 'unknown' ? undefined : acceptedOf(types), agents };
  const warnings: string[] = [];
  for (const policy of policies) {
    yield;
    warnings.push(...doubtsAbout(policy, registered).map((doubt) => saidOf(files, policy.id, doubt)));
  }
  for (const { permit, forbid } of yield* overruledPermits(policies)) {
    const message = `can never apply, ${forbid} forbids all that it permits`;
    warnings.push(saidOf(files, permit, { message }));
  }
  return warnings;
}
