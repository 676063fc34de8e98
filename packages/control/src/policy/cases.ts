/**
 * Room: policy (S-2). Cases: questions to a policy set with the answer that is wanted, in YAML beside the policies. Every case of a set has to hold before it
 * comes into force. Asked of the set alone: whether a tool is registered, a limit spent or an agent stopped is not a matter of policy.
 */
import { anyAgent, anyDomain, anyTime, anyTool } from '@atf/core/policy/anybody';
import { obligationWords } from '@atf/core/policy/obligations';
import { fromArguments } from '@atf/core/policy/values';
import { origins } from '@atf/core/segmentation/provenance/session-memory';
import { intents } from '@atf/core/segmentation/provenance/stated-intent';
import { tableOperations } from '@atf/core/wire/database';
import type { JsonObject } from '@atf/core/wire/json';
import { riskMax } from '@atf/core/segmentation/risk';
import { chainLengthMax } from '@atf/core/wire/token';
import { parseStrictYaml } from '@atf/core/wire/strict-yaml';
import {
  actionClassSchema,
  levelSchema,
  nameSchema,
  outputTrustSchema,
  sensitivitySchema,
  toolRefSchema,
  uuidSchema,
} from '@atf/core/wire/words';
import { casesMax } from '@atf/core/wire/policy';
import {
  noLabels,
  noProvenance,
  noChain,
  noData,
  noQuery,
  type PolicyContext,
  type PolicyFacts,
  type PolicyQuestion,
  type PolicyTime,
} from '@atf/core/world';
import { z } from 'zod';
import { describedTime } from '@atf/core/segmentation/zones';
import { isCaseFile, type PolicyFiles } from './files.ts';

const caseBytesMax = 1_048_576;

const origin = z.enum([...origins, 'none']);
const names = z.array(z.string().min(1).max(200)).max(100);
const contextSchema = z.strictObject({
  approved: z.boolean(),
  granted: z.boolean(),
  inDomain: z.boolean(),
  humanCheckpoint: z.boolean(),
  limited: z.boolean(),
  proof: z.enum(['dpop', 'none']),
  task: z.enum(['person', 'host', 'absent']),
  intent: z.enum(intents),
  origin,
  reach: origin,
  amount: origin,
  confidentiality: z.array(sensitivitySchema).max(4),
  integrity: outputTrustSchema,
  tables: names,
  columns: names,
  operations: z.array(z.enum(tableOperations)).max(tableOperations.length),
  value: z.int().min(0),
  valueCurrency: z.string().max(20),
  time: z
    .strictObject({
      weekday: z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']),
      hour: z.int().min(0).max(23),
      minute: z.int().min(0).max(59),
      date: z.iso.date(),
      /** Where it is that time; absent: in UTC. */
      zone: z.string().max(60),
    })
    .partial(),
  sourceTrust: z.int().min(0).max(100),
  /** As the tool is called. Without them the case is about a call that no policy about arguments stops. */
  args: z.custom<JsonObject>((given) => fromArguments(given).ok, 'not what policies can be asked about'),
  delegationDepth: z.int().min(0).max(chainLengthMax),
  dataLabels: names,
  risk: z.int().min(0).max(riskMax),
}) satisfies z.ZodType<Omit<PolicyContext, 'time'>>;
const toolSchema = z.strictObject({
  ref: toolRefSchema,
  sensitivity: sensitivitySchema,
  outputTrust: outputTrustSchema,
  domain: nameSchema,
  reversible: z.boolean(),
  idempotent: z.boolean(),
  writeSafe: z.boolean(),
});
const agentSchema = z.strictObject({
  id: uuidSchema,
  name: nameSchema,
  domains: z.array(nameSchema).max(50),
  /** In the words of a manifest. */
  purpose: z.string().max(2_000),
});
const questionShape = {
  level: levelSchema.optional(),
  action: actionClassSchema.optional(),
  agent: agentSchema.partial().optional(),
  tool: toolSchema.partial().optional(),
  context: contextSchema.partial().optional(),
};
const words = z.array(z.string().max(200)).max(100);
const wantSchema = z
  .strictObject({
    /** What the set answers to exactly this question. */
    decision: z.enum(['allow', 'deny']).optional(),
    /** What happens to the call: `ask` when only an approval would make it lawful. */
    outcome: z.enum(['allow', 'ask', 'refuse']).optional(),
    /** The policies that determine the answer, all of them. */
    policies: words.optional(),
    /** What is owed then, all of it. */
    obligations: words.optional(),
  })
  .refine(
    ({ decision, outcome }) => decision !== undefined || outcome !== undefined,
    'say the decision or the outcome that is wanted',
  );
const fileSchema = z.strictObject({
  defaults: z.strictObject(questionShape).optional(),
  cases: z
    .array(z.strictObject({ ...questionShape, name: z.string().min(1).max(300), want: wantSchema }))
    .min(1)
    .max(casesMax),
});

export interface PolicyCase {
  readonly file: string;
  readonly name: string;
  readonly question: PolicyQuestion;
  readonly want: z.output<typeof wantSchema>;
}

type CaseTime = NonNullable<z.output<typeof contextSchema>['time']>;
type Shape = z.output<z.ZodObject<typeof questionShape>>;

/** What a case does not say, and its file neither. */
const usual = {
  tool: {
    ref: 'any/any',
    sensitivity: 'internal',
    outputTrust: 'trusted',
    domain: anyDomain,
    reversible: false,
    idempotent: false,
    writeSafe: false,
  },
  context: {
    approved: false,
    granted: true,
    inDomain: true,
    humanCheckpoint: false,
    limited: true,
    proof: 'dpop',
    ...noProvenance,
    ...noLabels,
    ...noQuery,
    time: anyTime,
    ...noChain,
    ...noData,
  },
} as const satisfies { tool: z.output<typeof toolSchema>; context: PolicyContext };

function questionOf(defaults: Shape, given: Shape, zones: readonly string[] = []): PolicyQuestion {
  const level = given.level ?? defaults.level ?? 'intern';
  const action = given.action ?? defaults.action ?? 'read';
  const { ref, ...traits } = { ...usual.tool, ...defined(defaults.tool), ...defined(given.tool) };
  const { id, domains, ...known } = { ...defined(defaults.agent), ...defined(given.agent) };
  const context: PolicyContext = {
    ...usual.context,
    ...defined(defaults.context),
    ...defined(given.context),
    time: timeOf(given.context?.time ?? defaults.context?.time, zones),
  };
  return {
    effectiveLevel: level,
    action,
    agent: { ...anyAgent(level, id, domains), ...known },
    tool: anyTool(action, traits, ref),
    context,
    // As of a lawful ordinary call: none that a policy about arguments would stop.
    ...(context.args === undefined ? { anyArguments: true } : {}),
  };
}

/** The moment that a case is about, in UTC and in each zone of the settings. */
function timeOf(given: CaseTime | undefined, zones: readonly string[]): PolicyTime {
  const { zone, ...moment } = defined(given);
  return describedTime({ ...anyTime, ...moment }, zones, zone);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const defined = <T extends object>(given: T | undefined): Defined<T> =>
  Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined)) as Defined<T>;

export type CasesResult =
  | { readonly ok: true; readonly cases: readonly PolicyCase[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The cases of a set whose settings list these time zones (absent: nobody knows them). Refuses what is not a case, by file and place in it. */
export function readCases({ files }: PolicyFiles, zones: readonly string[] | undefined): CasesResult {
  const cases: PolicyCase[] = [];
  const problems: string[] = [];
  for (const { name: file, text } of files.filter(({ name }) => isCaseFile(name))) {
    const read = parseStrictYaml(text, caseBytesMax);
    const parsed = read.ok ? fileSchema.safeParse(read.value) : undefined;
    if (!read.ok) problems.push(`${file}: ${read.problem}`);
    else if (parsed?.success !== true)
      problems.push(
        ...(parsed?.error.issues ?? []).map(({ path, message }) => `${file}: ${path.join('.')}: ${message}`),
      );
    else {
      const { defaults = {} } = parsed.data;
      for (const { name, want, ...given } of parsed.data.cases) {
        const zone = (given.context?.time ?? defaults.context?.time)?.zone;
        if (zone !== undefined && zones?.includes(zone) === false)
          problems.push(
            `${file}: ${name}: ${JSON.stringify(zone)} is no time zone that settings.yaml lists under timeZones`,
          );
        else cases.push({ file, name, want, question: questionOf(defaults, given, zones) });
      }
    }
  }
  if (cases.length > casesMax) problems.push(`more than ${casesMax} cases`);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, cases };
}

const listed = (given: readonly string[]): string => [...given].sort().join(', ') || 'none';

/** What is not as it is wanted; empty: the case holds. */
export function caseProblems(policy: PolicyFacts, { question, want }: PolicyCase): string[] {
  const ask = (approved: boolean) => policy.ask({ ...question, context: { ...question.context, approved } });
  const answer = policy.ask(question);
  const lawful = ({ decision, errors }: typeof answer) => decision === 'allow' && errors.length === 0;
  const outcome = !lawful(ask(true)) ? 'refuse' : lawful(answer) ? 'allow' : 'ask';
  const obligations = lawful(answer)
    ? answer.reasons.flatMap((id) => obligationWords(policy.annotations(id)))
    : [];
  const differs = (what: string, wanted: string, got: string) =>
    wanted === got ? [] : [`${what}: wanted ${wanted}, got ${got}`];
  return [
    ...answer.errors.map(({ policyId }) => `${policyId} cannot be evaluated`),
    ...(want.decision === undefined ? [] : differs('decision', want.decision, answer.decision)),
    ...(want.outcome === undefined ? [] : differs('outcome', want.outcome, outcome)),
    ...(want.policies === undefined
      ? []
      : differs('policies', listed(want.policies), listed(answer.reasons))),
    ...(want.obligations === undefined
      ? []
      : differs('obligations', listed(want.obligations), listed([...new Set(obligations)]))),
  ];
}

export interface CaseReport {
  readonly cases: number;
  /** `file: name: what is not as wanted`. */
  readonly failed: readonly string[];
}

/** Asks every case; yields between them. */
export function* runCases(policy: PolicyFacts, cases: readonly PolicyCase[]): Generator<void, CaseReport> {
  const failed: string[] = [];
  for (const one of cases) {
    const problems = caseProblems(policy, one);
    if (problems.length > 0) failed.push(`${one.file}: ${one.name}: ${problems.join('; ')}`);
    yield;
  }
  return { cases: cases.length, failed };
}
