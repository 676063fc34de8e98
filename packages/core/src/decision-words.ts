/**
 * A recorded decision in plain words (B-5): who asked for what, at which level, what was known of it, which check decided, and by which policy, limit or label. Pure; from
 * the body of the record alone, so nothing is said that the log does not hold, and no value of an argument. What would have changed it: `what-if.ts`.
 */
import { totalWords } from './decide.ts';
import { type ErrorCode, errors } from './errors.ts';
import { levelRank, effectiveLevel } from './maturity/levels.ts';
import type { DecisionFacts, DecisionRecord } from './record.ts';
import { flowSentences } from './segmentation/flow.ts';
import { originSentences } from './segmentation/provenance/origin-sentences.ts';
import { queryWords } from './segmentation/sql/rights.ts';
import type { ActionClass } from './wire/words.ts';
import type { CheckName, Protocol } from './world.ts';

/** Characters of one sentence. */
export const sentenceMax = 1_000;
const listedMax = 5;

const doorWords: Readonly<Record<Protocol, string>> = {
  mcp: 'over MCP',
  action: 'through the action API',
  http: 'over HTTP',
  authzen: 'through an AuthZEN point',
  ext_authz: 'through an Envoy point',
};

const does: Readonly<Record<ActionClass, string>> = {
  read: 'reads',
  write: 'changes something',
  send: 'sends something out',
  execute: 'runs something',
  admin: 'administers',
};

export const checkWords: Readonly<Record<CheckName, string>> = {
  authenticate: 'who it is',
  contain: 'stops',
  resolve: 'the tool',
  authorise: 'what policy permits',
  govern_query: 'tables',
  govern_retrieval: 'indexes',
  limit_time: 'times',
  limit_rate: 'rates',
  limit_transaction: 'limits of one action',
  limit_total: 'totals',
  govern_data: 'the arguments',
  gate_maturity: 'level and approval',
  review_output: 'what it says',
  judge_intent: 'the judge of intents',
};

/** Records of earlier versions lack some facts. */
type Known = Partial<DecisionFacts>;

const some = (words: readonly string[]): string =>
  words.length <= listedMax
    ? words.join(', ')
    : `${words.slice(0, listedMax).join(', ')} and ${words.length - listedMax} more`;

function asked({ agent, agentVersion, server, tool, protocol, class: action }: DecisionRecord, facts: Known) {
  const known = facts.tool?.classification.class;
  const what =
    facts.tool === undefined
      ? ''
      : known === undefined
        ? ', which nobody has classified, so it counts as the worst'
        : `, which ${does[action ?? known]}`;
  const when = facts.nowMs === undefined ? '' : ` at ${new Date(facts.nowMs).toISOString()}`;
  return `${agent} ${agentVersion} asked for ${server}/${tool}${what}, ${doorWords[protocol]}${when}.`;
}

const namesAbove = ({ chain }: Known): string[] =>
  (chain?.links ?? []).map(({ agent, agentId }) => agent?.name ?? agentId).reverse();

function worksFor(facts: Known): string[] {
  const names = namesAbove(facts);
  return names.length === 0
    ? []
    : [`It worked for ${names.join(', which worked for ')}: what it does must be permitted to each of them.`];
}

/** Why it was decided at this level. */
function atLevel({ level, proof }: DecisionRecord, { agent }: Known): string[] {
  if (level === undefined || agent === undefined) return [];
  const own = effectiveLevel(agent, proof);
  if (levelRank(level) < levelRank(own))
    return [`It was decided at level ${level}: its own is ${own}, and one of those above it has less.`];
  if (level === agent.level) return [`It was decided at level ${level}, its own.`];
  const why =
    agent.ceiling !== undefined && effectiveLevel(agent, 'dpop') === level
      ? `it is held down to ${agent.ceiling} for now`
      : 'it did not prove that it holds its key';
  return [`It was decided at level ${level}: its own is ${agent.level}, and ${why}.`];
}

function task({ task: known }: Known): string[] {
  if (known === undefined) return [];
  if (known.assurance === 'absent') return ['Nobody gave its session a task.'];
  return [
    known.intent === 'stated'
      ? 'A person gave its session a task, whose words ask for what the tool does.'
      : known.intent === 'silent'
        ? 'A person gave its session a task, whose words do not ask for what the tool does.'
        : 'A person gave its session a task; whether its words ask for what the tool does is not clear.',
  ];
}

function values({ provenance = [] }: Known): string[] {
  if (provenance.length === 0) return [];
  const doubtful = originSentences(provenance);
  return [
    doubtful.length === 0
      ? 'Every value that says where, to what or how much came from the task or a trusted source.'
      : `Where its values came from: ${doubtful.join('; ')}.`,
  ];
}

function read({ flow }: Known): string[] {
  const sentences = flow === undefined ? [] : flowSentences(flow);
  return sentences.length === 0 ? [] : [`Of its session: ${sentences.join('; ')}.`];
}

function statement({ query }: Known): string[] {
  return query?.verdict === 'read' ? [`Its statement: ${queryWords(query.uses)}.`] : [];
}

function content({ detectors = [] }: Known): string[] {
  const labels = [
    ...new Set(detectors.flatMap(({ verdict, labels }) => (verdict === 'clear' ? [] : labels))),
  ];
  return labels.length === 0 ? [] : [`Found in what it wanted to send: ${some(labels)}.`];
}

function totals({ totals: bound = [] }: Known): string[] {
  const words = bound.flatMap((fact) => (fact.ok ? [`${fact.id}, ${totalWords(fact)}`] : []));
  return words.length === 0 ? [] : [`Before this call, of its totals: ${some(words)}.`];
}

const titleOf = (code: string): string =>
  Object.hasOwn(errors, code) ? errors[code as ErrorCode].title : code;

/** How it ended, and by which check. */
function ended({ outcome, code, checks }: DecisionRecord, { approval }: Known): string[] {
  const last = checks.at(-1);
  const passed = checks
    .filter(({ verdict }) => verdict === 'pass')
    .map(({ name }) => checkWords[name] ?? name);
  const so = passed.length === 0 ? [] : [`It passed the checks of ${passed.join(', ')}.`];
  if (last === undefined) return so;
  if (outcome === 'allow')
    return [
      ...so,
      approval === undefined
        ? `It was allowed: ${last.because}.`
        : `It was allowed, with the approval of a person: ${last.because}.`,
    ];
  const by = checkWords[last.name] ?? last.name;
  if (outcome === 'ask') return [...so, `At ${by} it had to wait for a person: ${last.because}.`];
  const title = code === undefined ? '' : `${titleOf(code)}`;
  const because = last.because === code ? '' : ` (${last.because})`;
  return [...so, `At ${by} it was refused: ${title}${because}.`];
}

function decided({ policies, checks, outcome }: DecisionRecord): string[] {
  if (policies.length > 0) return [`Determined by policy ${some(policies)}.`];
  const last = checks.at(-1)?.name;
  if (outcome === 'allow' || last === undefined) return [];
  if (last === 'authorise') return ['No policy permits it.'];
  return last === 'gate_maturity'
    ? ['No policy permits it without a person.']
    : ['No policy determined it: this check comes of what is registered, limited, sent or stopped.'];
}

const owed: Readonly<Record<string, string>> = {
  notify: 'people are told of it',
  review_output: 'a person is to review what came back',
};

/** Sentences, in the order in which a person asks. */
export function decisionSentences(record: DecisionRecord): string[] {
  const facts: Known = (record.facts as DecisionFacts | undefined) ?? {};
  const obligations = record.obligations.map((word) => owed[word] ?? word);
  return [
    asked(record, facts),
    ...worksFor(facts),
    ...atLevel(record, facts),
    ...task(facts),
    ...values(facts),
    ...read(facts),
    ...statement(facts),
    ...content(facts),
    ...totals(facts),
    ...ended(record, facts),
    ...decided(record),
    ...(obligations.length === 0 ? [] : [`Because of that, ${obligations.join(', and ')}.`]),
  ].map((sentence) => (sentence.length <= sentenceMax ? sentence : `${sentence.slice(0, sentenceMax - 1)}…`));
}
