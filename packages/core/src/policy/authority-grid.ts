/**
 * Room: policy (S-2). What two sets answer to every question that levels, classes, properties of tools and facts of the context can make: the authority
 * grid, with the order of questions that `decide.ts` has ("could an approval make it lawful?", then "is it lawful alone?"). Agents and tools here are
 * nobody's: policies that name one are compared by their form (`loosening.ts`) and by the plan over those that are registered.
 */
import type { AgentDoc, ToolDoc } from '../wire/feed.ts';
import {
  type ActionClass,
  actionClasses,
  type Level,
  levels,
  outputTrusts,
  sensitivities,
} from '../wire/words.ts';
import { anyAgent, anyTimeIn, anyTool, type ToolTraits } from './anybody.ts';
import { obligationWords } from './obligations.ts';
import {
  noLabels,
  noChain,
  noData,
  noProvenance,
  noQuery,
  type PolicyAnswer,
  type PolicyContext,
  type PolicyFacts,
} from '../world.ts';

export type Effective = 'refuse' | 'ask' | 'allow';
const rank: Readonly<Record<Effective, number>> = { refuse: 0, ask: 1, allow: 2 };
export const isLooser = (before: Effective, after: Effective): boolean => rank[after] > rank[before];

type Provenance = Pick<PolicyContext, keyof typeof noProvenance>;
type Read = Pick<PolicyContext, keyof typeof noLabels>;

/** Every value of every fact of the context but the approval, about which the grid asks itself, and what {@link provenances} names. */
const contextValues: {
  readonly [K in Exclude<
    keyof PolicyContext,
    | 'approved'
    | keyof Provenance
    | keyof Read
    | keyof typeof noQuery
    | 'value'
    | 'valueCurrency'
    | 'time'
    | 'sourceTrust'
    | 'args'
    | keyof typeof noChain
    | keyof typeof noData
  >]: readonly PolicyContext[K][];
} = {
  granted: [true, false],
  inDomain: [true, false],
  humanCheckpoint: [false, true],
  limited: [true, false],
  proof: ['dpop', 'none'],
};

const asked: Provenance = {
  ...noProvenance,
  task: 'person',
  intent: 'stated',
  origin: 'task',
  reach: 'task',
};

/** Situations of a task and of where values come from that stand for the others: all of them would be some thousand times the grid. */
const provenances: readonly Provenance[] = [
  noProvenance,
  { ...noProvenance, origin: 'untrusted', reach: 'untrusted' },
  asked,
  { ...noProvenance, task: 'person', intent: 'silent', origin: 'task', reach: 'task' },
  { ...noProvenance, task: 'person', intent: 'stated', origin: 'untrusted', reach: 'untrusted' },
  { ...noProvenance, task: 'person', intent: 'stated', origin: 'unknown', reach: 'unknown' },
  { ...noProvenance, task: 'person', intent: 'stated', origin: 'task', amount: 'untrusted' },
];

/** The same of what the session has read before: content of others, something private, and both. */
const reads: readonly Read[] = [
  { ...noLabels, integrity: 'untrusted' },
  { ...noLabels, confidentiality: sensitivities },
  { confidentiality: ['public', 'internal', 'confidential'], integrity: 'untrusted' },
  { confidentiality: sensitivities, integrity: 'untrusted' },
];

const situations: readonly (Provenance & Read)[] = [
  ...provenances.map((each) => ({ ...each, ...noLabels })),
  ...reads.flatMap((read) => [noProvenance, asked].map((each) => ({ ...each, ...read }))),
];

/** What the grid found under one level and class. */
export interface GridChange {
  readonly level: Level;
  readonly action: ActionClass;
  readonly before: Effective;
  readonly after: Effective;
  /** `duty`: as lawful as before, but something that was owed is owed no more. */
  readonly kind: 'outcome' | 'duty';
  readonly count: number;
  /** The first situation in which it is so. */
  readonly example: string;
}

type Facts = Record<string, string | boolean | readonly string[]>;

function* product(values: Readonly<Record<string, readonly (string | boolean)[]>>): Generator<Facts> {
  const names = Object.keys(values);
  const at = names.map(() => 0);
  for (;;) {
    yield Object.fromEntries(names.map((name, n) => [name, values[name]?.[at[n] ?? 0] ?? false]));
    let n = names.length - 1;
    while (n >= 0 && (at[n] ?? 0) + 1 >= (values[names[n] ?? '']?.length ?? 0)) at[n--] = 0;
    if (n < 0) return;
    at[n] = (at[n] ?? 0) + 1;
  }
}

interface Cell {
  readonly agent: AgentDoc;
  readonly level: Level;
  readonly action: ActionClass;
  readonly tool: ToolDoc;
  readonly context: Facts;
}

interface Standing {
  readonly effective: Effective;
  readonly duties: ReadonlySet<string>;
}

function standingOf(policy: PolicyFacts, { agent, level, action, tool, context }: Cell): Standing {
  const ask = (approved: boolean): PolicyAnswer =>
    policy.ask({
      agent,
      effectiveLevel: level,
      action,
      tool,
      context: {
        ...context,
        ...noQuery,
        ...noChain,
        ...noData,
        time: anyTimeIn(policy.reads('').zones),
        approved,
      } as unknown as PolicyContext,
      anyArguments: true,
    });
  const lawful = (answer: PolicyAnswer) => answer.decision === 'allow' && answer.errors.length === 0;
  const withApproval = ask(true);
  if (!lawful(withApproval)) return { effective: 'refuse', duties: new Set() };
  const alone = ask(false);
  // Where a person releases the call, that person knows of it.
  if (!lawful(alone)) return { effective: 'ask', duties: new Set() };
  const duties = alone.reasons.flatMap((id) => obligationWords(policy.annotations(id)));
  return { effective: 'allow', duties: new Set(duties) };
}

/** What `after` loosens. Yields often, so that whoever runs it can do something else meanwhile. */
export function* gridLoosenings(before: PolicyFacts, after: PolicyFacts): Generator<void, GridChange[]> {
  const found = new Map<string, GridChange>();
  const traits = {
    sensitivity: sensitivities,
    outputTrust: outputTrusts,
    reversible: [true, false],
    idempotent: [true, false],
    writeSafe: [true, false],
  };
  const contexts = [...product(contextValues)].flatMap((facts) => {
    // Where nothing is granted anyway, tasks and origins are told apart by the form of the policies alone.
    const granted = facts['granted'] === true && facts['inDomain'] === true && facts['proof'] === 'dpop';
    return (granted ? situations : [{ ...noProvenance, ...noLabels }]).map(
      (each): Facts => ({ ...facts, ...each }),
    );
  });
  for (const level of levels) {
    const agent = anyAgent(level);
    for (const action of actionClasses) {
      for (const trait of product(traits)) {
        const tool = anyTool(action, trait as unknown as ToolTraits);
        for (const context of contexts) {
          yield;
          const cell: Cell = { agent, level, action, tool, context };
          const [was, is] = [standingOf(before, cell), standingOf(after, cell)];
          const lost = [...was.duties].filter((duty) => !is.duties.has(duty));
          const looser = isLooser(was.effective, is.effective);
          if (!looser && (was.effective !== is.effective || lost.length === 0)) continue;
          const kind = looser ? 'outcome' : 'duty';
          const key = `${level} ${action} ${kind} ${was.effective} ${is.effective}`;
          const known = found.get(key);
          found.set(key, {
            level,
            action,
            before: was.effective,
            after: is.effective,
            kind,
            count: (known?.count ?? 0) + 1,
            example: known?.example ?? exampleOf({ ...trait, ...context }, lost),
          });
        }
      }
    }
  }
  return [...found.values()];
}

const exampleOf = (facts: Facts, lost: readonly string[]): string =>
  [
    ...Object.entries(facts).map(([name, value]) =>
      typeof value === 'boolean'
        ? `${value ? '' : 'not '}${name}`
        : `${name} ${typeof value === 'string' ? value : value.at(-1)}`,
    ),
    ...lost.map((duty) => `without ${duty}`),
  ].join(', ');

/** One sentence for a person. */
export const gridWords = ({ level, action, before, after, kind, count, example }: GridChange): string =>
  kind === 'outcome'
    ? `${level}, ${action}: ${before} becomes ${after} in ${count} situations, as: ${example}`
    : `${level}, ${action}: ${after} as before, with less owed in ${count} situations, as: ${example}`;
