/**
 * Room: policy (S-1, S-2). All that has to hold before an application set may come into force: names and bounds, Cedar (with the set's own schema, where it has
 * one), what is known of its entities, our evaluator, and every case. A set is `*.cedar`, `cases/*.yaml` and, if it wants, `entities.yaml` and
 * `schema.cedarschema`.
 */
import { type Application, compileApplication } from '@atf/core/policy/application';
import { type Evaluation, evaluationSchema } from '@atf/core/wire/authzen';
import { type ApplicationDoc, entitiesMax } from '@atf/core/wire/enforcement';
import { casesMax, policiesMax } from '@atf/core/wire/policy';
import { parseStrictYaml } from '@atf/core/wire/strict-yaml';
import { z } from 'zod';
import type { Cedar } from './cedar.ts';
import { inSlices } from './in-slices.ts';
import { boundsProblems, isCaseFile, policyDigest, type PolicyFiles, schemaFile } from './files.ts';
import { said } from './said.ts';

export const entitiesFile = 'entities.yaml';
const fileBytesMax = 1_048_576;

export interface ApplicationSet extends Pick<ApplicationDoc, 'digest' | 'policies' | 'entities'> {
  readonly files: PolicyFiles['files'];
}

export type CheckedApplication =
  | {
      readonly ok: true;
      readonly set: ApplicationSet;
      readonly cases: number;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly because: 'parse' | 'cases'; readonly problems: readonly string[] };

const entity = z.strictObject({ type: z.string().min(1).max(200), id: z.string().min(1).max(1_000) });
const entitiesSchema = z
  .array(
    entity.extend({
      attributes: z.record(z.string(), z.unknown()).default({}),
      /** What it stands in: groups, folders. */
      in: z.array(entity).max(100).default([]),
    }),
  )
  .max(entitiesMax);

const part = evaluationSchema.partial();
const casesSchema = z.strictObject({
  defaults: part.optional(),
  cases: z
    .array(
      part.extend({
        name: z.string().min(1).max(300),
        want: z.strictObject({
          decision: z.boolean(),
          policies: z.array(z.string().max(200)).max(100).optional(),
        }),
      }),
    )
    .min(1)
    .max(casesMax),
});

interface Case {
  readonly place: string;
  readonly question: Evaluation;
  readonly want: { readonly decision: boolean; readonly policies?: readonly string[] | undefined };
}

type Read<T> = { readonly value: T } | { readonly problems: readonly string[] };

/** Issues by place; never what stands there. */
function readYaml<S extends z.ZodType>(schema: S, name: string, text: string): Read<z.output<S>> {
  const read = parseStrictYaml(text, fileBytesMax);
  if (!read.ok) return { problems: [`${name}: ${read.problem}`] };
  const parsed = schema.safeParse(read.value);
  return parsed.success
    ? { value: parsed.data }
    : {
        problems: parsed.error.issues
          .slice(0, 20)
          .map(({ path, message }) => `${name}: ${path.join('.')}: ${message}`),
      };
}

function readEntities({ files }: PolicyFiles): Read<unknown[]> {
  const text = files.find(({ name }) => name === entitiesFile)?.text;
  if (text === undefined) return { value: [] };
  const read = readYaml(entitiesSchema, entitiesFile, text);
  if ('problems' in read) return read;
  return {
    value: read.value.map(({ type, id, attributes, in: parents }) => ({
      uid: { type, id },
      attrs: attributes,
      parents,
    })),
  };
}

function readCases({ files }: PolicyFiles): Read<Case[]> {
  const cases: Case[] = [];
  const problems: string[] = [];
  for (const { name: file, text } of files.filter(({ name }) => isCaseFile(name))) {
    const read = readYaml(casesSchema, file, text);
    if ('problems' in read) {
      problems.push(...read.problems);
      continue;
    }
    const { defaults = {} } = read.value;
    for (const { name, want, ...given } of read.value.cases) {
      const question = evaluationSchema.safeParse({ ...defaults, ...given });
      if (question.success) cases.push({ place: `${file}: ${name}`, question: question.data, want });
      else problems.push(`${file}: ${name}: a case needs subject, action and resource`);
    }
  }
  if (cases.length > casesMax) problems.push(`more than ${casesMax} cases`);
  if (cases.length === 0 && problems.length === 0)
    problems.push('no cases: say in cases/*.yaml what it must answer');
  return problems.length > 0 ? { problems } : { value: cases };
}

const listed = (given: readonly string[]): string => [...given].sort().join(', ') || 'none';

function* failedCases(application: Application, cases: readonly Case[]): Generator<void, string[]> {
  const failed: string[] = [];
  for (const { place, question, want } of cases) {
    const answer = application.ask(question);
    if (!answer.ok) failed.push(`${place}: ${answer.problem}`);
    else {
      const decision = answer.decision === 'allow';
      for (const { policyId } of answer.errors) failed.push(`${place}: ${policyId} cannot be evaluated`);
      if (decision !== want.decision) failed.push(`${place}: wanted ${want.decision}, got ${decision}`);
      if (want.policies !== undefined && listed(want.policies) !== listed(answer.reasons))
        failed.push(`${place}: policies: wanted ${listed(want.policies)}, got ${listed(answer.reasons)}`);
    }
    yield;
  }
  return failed;
}

/** Checks a set whole. Problems name file and place. */
export async function checkApplication(
  cedar: Cedar,
  name: string,
  given: PolicyFiles,
): Promise<CheckedApplication> {
  const parse = (problems: readonly string[]): CheckedApplication => ({
    ok: false,
    because: 'parse',
    problems,
  });
  const bounds = boundsProblems(given, 'an application set', entitiesFile);
  if (bounds.length > 0) return parse(bounds);
  const sources = given.files.filter((file) => file.name.endsWith('.cedar'));
  if (sources.length === 0) return parse(['no policies: it needs a file *.cedar']);
  const schema = given.files.find((file) => file.name === schemaFile)?.text;
  const parsed = await cedar.compileText(sources, schema);
  const entities = readEntities(given);
  const cases = readCases(given);
  if (!parsed.ok || 'problems' in entities || 'problems' in cases)
    return parse([
      ...(parsed.ok ? [] : parsed.problems.map(said)),
      ...('problems' in entities ? entities.problems : []),
      ...('problems' in cases ? cases.problems : []),
    ]);
  if (parsed.policies.length > policiesMax) return parse([`more than ${policiesMax} policies`]);
  const policies = parsed.policies.map(({ id, annotations, json }) => ({
    id,
    annotations: { ...annotations },
    json,
  }));
  const digest = policyDigest(given);
  const compiled = compileApplication({ name, version: 1, digest, policies, entities: entities.value });
  if (!compiled.ok) return parse(compiled.problems);
  const failed = await inSlices(failedCases(compiled.application, cases.value));
  if (failed.length > 0) return { ok: false, because: 'cases', problems: failed };
  const asked = new Set(cases.value.flatMap(({ want }) => want.policies ?? []));
  const warnings = [
    ...parsed.warnings.map(said),
    ...policies.filter(({ id }) => !asked.has(id)).map(({ id }) => `${id}: no case wants it as a reason`),
  ];
  return {
    ok: true,
    set: { digest, policies, entities: entities.value, files: given.files },
    cases: cases.value.length,
    warnings,
  };
}
