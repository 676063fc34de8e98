/**
 * Room: policy (S-1, S-2). What in a valid policy cannot be what its author meant. Cedar's schema knows types and no lists of words, so a word that is never there, a tool that
 * nobody has and a duty that nobody knows are no errors to it; and a forbid that never applies looks like one that does.
 */
import {
  type ActionClass,
  actionClasses,
  levels,
  outputTrusts,
  sensitivities,
  uuidSchema,
} from '../wire/words.ts';
import { clausesOf, isContradiction } from './clauses.ts';
import type { StatedPolicy } from './loosening.ts';
import { obligationWords } from './obligations.ts';
import { toolOf } from './reads.ts';

export interface Doubt {
  readonly message: string;
  /** What it is about, as it stands in the text of the policy; absent: the policy as a whole. */
  readonly word?: string;
}

const origins = ['none', 'task', 'trusted', 'listed', 'named', 'unknown', 'untrusted'];
const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** What each may be; by its name behind `principal`, `resource` or `context`. What is not here may be any text. */
const vocabulary: Readonly<Record<string, readonly string[]>> = {
  'principal.level': levels,
  'resource.class': actionClasses,
  'resource.sensitivity': sensitivities,
  'resource.outputTrust': outputTrusts,
  'context.proof': ['dpop', 'none'],
  'context.task': ['person', 'host', 'absent'],
  'context.intent': ['stated', 'silent', 'unclear'],
  'context.origin': origins,
  'context.reach': origins,
  'context.amount': origins,
  'context.confidentiality': sensitivities,
  'context.integrity': ['trusted', 'untrusted'],
  'context.operations': ['read', 'insert', 'update', 'delete'],
  'context.time.weekday': weekdays,
  'context.valueCurrency': [...Intl.supportedValuesOf('currency'), 'none'],
};

type Node = Readonly<Record<string, unknown>>;
const isNode = (json: unknown): json is Node =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

function* nodesOf(json: unknown): Generator<Node> {
  const rest: unknown[] = [json];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (Array.isArray(next)) rest.push(...(next as unknown[]));
    else if (isNode(next)) {
      yield next;
      rest.push(...Object.values(next));
    }
  }
}

/** `context.time.weekday`, also where a zone stands between. */
function nameOf(json: unknown): string | undefined {
  const names: string[] = [];
  let node = json;
  for (let access = isNode(node) ? node['.'] : undefined; isNode(access); ) {
    names.unshift(String(access['attr']));
    node = access['left'];
    access = isNode(node) ? node['.'] : undefined;
  }
  const root = isNode(node) ? node['Var'] : undefined;
  if (typeof root !== 'string') return undefined;
  const zoned = root === 'context' && names[0] === 'time' && names.length === 3;
  return [root, ...(zoned ? ['time', names[2]] : names)].join('.');
}

function textsOf(json: unknown): readonly string[] {
  if (!isNode(json)) return [];
  if (typeof json['Value'] === 'string') return [json['Value']];
  return Array.isArray(json['Set']) ? json['Set'].flatMap(textsOf) : [];
}

interface Comparison {
  readonly name: string;
  /** What it is compared with. */
  readonly words: readonly string[];
}

const comparisons = (json: unknown): Comparison[] =>
  [...nodesOf(json)].flatMap((node) =>
    ['==', '!=', 'contains', 'containsAny', 'containsAll'].flatMap((operator) => {
      const compared = node[operator];
      if (!isNode(compared)) return [];
      const { left, right } = compared;
      const name = nameOf(left) ?? nameOf(right);
      return name === undefined ? [] : [{ name, words: [...textsOf(left), ...textsOf(right)] }];
    }),
  );

/** Words that something is compared with and never is. */
function* strayWords(json: unknown): Generator<Doubt> {
  for (const { name, words } of comparisons(json)) {
    const known = Object.hasOwn(vocabulary, name) ? vocabulary[name] : undefined;
    for (const word of words) {
      if (known?.includes(word) !== false) continue;
      const all = known.length > 20 ? 'a code of ISO 4217, or none' : `one of ${known.join(', ')}`;
      yield { message: `${name} is never ${JSON.stringify(word)}; it is ${all}`, word };
    }
  }
}

const idsIn = (json: unknown, of: string): Set<string> =>
  new Set([...nodesOf(json)].flatMap(({ type, id }) => (type === of && typeof id === 'string' ? [id] : [])));

/** What a person has accepted. */
export interface Accepted {
  /** `server/tool`. */
  tool(ref: string): boolean;
  /** Some tool of it. */
  server(name: string): boolean;
  /** Of every call of the tool; undefined: not known, or each call has its own. */
  classOf(ref: string): ActionClass | undefined;
}

interface Scoped {
  readonly entity?: { readonly id?: string };
  readonly entities?: readonly { readonly id?: string }[];
}

/** It is about one tool, and about classes of which no call of that tool is. */
function strayClass(policy: Pick<StatedPolicy, 'json'>, { classOf }: Accepted): Doubt[] {
  const tool = toolOf(policy.json);
  const is = tool === undefined ? undefined : classOf(tool);
  const { action } = policy.json as { action?: Scoped };
  const about = [...(action?.entity === undefined ? [] : [action.entity]), ...(action?.entities ?? [])].map(
    ({ id = '' }) => id,
  );
  // What is no class may be a group of them.
  const all = about.every((id) => (actionClasses as readonly string[]).includes(id));
  if (tool === undefined || is === undefined || about.length === 0 || !all || about.includes(is)) return [];
  const message = `${JSON.stringify(tool)} is ${is}, so this about ${about.join(', ')} never applies: see "atf tool show"`;
  return [{ message, word: tool }];
}

const agentType = 'ATF::Agent';
const isAgentId = (id: string): boolean => uuidSchema.safeParse(id).success;

/** Names of agents that it compares with, and ids of agents that it names. */
export function agentsNamed({ json }: Pick<StatedPolicy, 'json'>): ReadonlySet<string> {
  const names = comparisons(json).flatMap(({ name, words }) => (name === 'principal.name' ? words : []));
  return new Set([...names, ...[...idsIn(json, agentType)].filter(isAgentId)]);
}

/** Agents that are nobody's, and agents that are named where only an id is ever found. */
function strayAgents(policy: Pick<StatedPolicy, 'json'>, agents: ReadonlySet<string> | undefined): Doubt[] {
  const names = [...idsIn(policy.json, agentType)].filter((id) => !isAgentId(id));
  const nobody = [...agentsNamed(policy)].filter((ref) => agents?.has(ref) === false);
  return [
    ...names.map((word) => ({
      message: `${agentType} has ids that ATF gives, so this is about none: write principal.name == ${JSON.stringify(word)}`,
      word,
    })),
    ...nobody.map((word) => ({
      message: `no agent is called ${JSON.stringify(word)}: see "atf agent list"`,
      word,
    })),
  ];
}

/** What is registered. Absent: nobody knows here. */
export interface Registered {
  readonly accepted?: Accepted | undefined;
  /** Of the agents that policies name (`agentsNamed`), those that there are. */
  readonly agents?: ReadonlySet<string> | undefined;
}

export function doubtsAbout(
  policy: Pick<StatedPolicy, 'json'>,
  { accepted, agents }: Registered = {},
): readonly Doubt[] {
  const { json } = policy;
  const { conditions } = json as { conditions: Parameters<typeof clausesOf>[0] };
  const unknown = (of: string, what: string, isKnown: (id: string) => boolean) =>
    [...idsIn(json, of)]
      .filter((id) => !isKnown(id))
      .map((word) => ({
        message: `${what} ${JSON.stringify(word)} was accepted, so this is about none: see "atf tool list"`,
        word,
      }));
  return [
    ...(accepted === undefined
      ? []
      : [
          ...unknown('ATF::Tool', 'no tool', (ref) => accepted.tool(ref)),
          ...unknown('ATF::Server', 'no tool of server', (name) => accepted.server(name)),
          ...strayClass(policy, accepted),
        ]),
    ...strayAgents(policy, agents),
    ...strayWords(conditions),
    ...(isContradiction(clausesOf(conditions))
      ? [{ message: 'can never apply: not all of what it asks for can hold at once' }]
      : []),
  ];
}

const [duties, subjects] = [
  ['notify', 'review_output'],
  ['origin', 'intent', 'task', 'flow', 'source'],
];
const refusals = ['segmentation.tool_not_granted', 'segmentation.out_of_domain'];

/** Annotations with words that nobody goes by: what they ask for would silently not be done. */
export function strayAnnotations(annotations: StatedPolicy['annotations']): readonly Doubt[] {
  const { because, refusal } = annotations;
  const unlike = (name: string, words: readonly string[], known: readonly string[] = []) =>
    words
      .filter((word) => !known.includes(word))
      .map((word) => ({
        message: `@${name} knows ${known.join(', ')}, and not ${JSON.stringify(word)}`,
        word,
      }));
  return [
    ...unlike('obligation', obligationWords(annotations), duties),
    ...unlike('because', because === undefined ? [] : [because], subjects),
    ...unlike('refusal', refusal === undefined ? [] : [refusal], refusals),
  ];
}
