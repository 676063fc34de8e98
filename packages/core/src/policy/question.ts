/**
 * Room: policy (S-1, S-2). From a question in ATF's words to a Cedar request with its entities, as `policies/schema.cedarschema`
 * describes them, and from the evaluator's answer back. It decides nothing; which questions are asked in which order is `decide.ts`.
 */
import { type ActionClass, type Level, levels, outputTrusts, sensitivities } from '../wire/words.ts';
import type { AgentDoc, PolicyDoc, ToolDoc } from '../wire/feed.ts';
import type { JsonObject } from '../wire/json.ts';
import type { PolicyAnswer, PolicyContext, PolicyFacts, PolicyQuestion, PolicyTime } from '../world.ts';
import { type CompiledPolicySet, compilePolicySet, type PolicyProblem } from './compile.ts';
import { buildEntityStore, type Entity, type EntityStore } from './entities.ts';
import { decideStrictIn } from './evaluate.ts';
import { KeptScopes, type Part, partOf } from './kept-scopes.ts';
import { isLowRisk, RecentMap, type RememberedAnswers } from './remembered-answers.ts';
import { EMPTY_RECORD, EntityUid, RecordValue, SetValue, type Value } from './runtime-value.ts';
import { fromArguments } from './values.ts';

const levelUids: Record<Level, EntityUid> = {
  intern: new EntityUid('ATF::Level', 'intern'),
  junior: new EntityUid('ATF::Level', 'junior'),
  senior: new EntityUid('ATF::Level', 'senior'),
  principal: new EntityUid('ATF::Level', 'principal'),
};

const actionUids: Record<ActionClass, EntityUid> = {
  read: new EntityUid('ATF::Action', 'read'),
  write: new EntityUid('ATF::Action', 'write'),
  send: new EntityUid('ATF::Action', 'send'),
  execute: new EntityUid('ATF::Action', 'execute'),
  admin: new EntityUid('ATF::Action', 'admin'),
};

/** Every level stands in the one below it. */
function levelStore(): EntityStore {
  const built = buildEntityStore(
    levels.map((level, rank) => {
      const below = rank === 0 ? undefined : levels[rank - 1];
      return { uid: levelUids[level], parents: below === undefined ? [] : [levelUids[below]] };
    }),
  );
  if (!built.ok) throw new Error(built.problem.message);
  return built.store;
}
const base = levelStore();

const record = (attributes: Record<string, Value>) => new RecordValue(new Map(Object.entries(attributes)));

// Documents of the feed are never changed in place, so what follows from one can be kept as long as it lives.
const agentEntities = new WeakMap<AgentDoc, Map<Level, Part<Entity>>>();
const toolEntities = new WeakMap<ToolDoc, Map<ActionClass, Part<Entity>>>();

function agentEntity(agent: AgentDoc, level: Level): Part<Entity> {
  const byLevel = agentEntities.get(agent);
  const known = byLevel?.get(level);
  if (known !== undefined) return known;
  const parent = levelUids[level];
  const entity = partOf<Entity>({
    uid: new EntityUid('ATF::Agent', agent.id),
    attrs: record({
      name: agent.name,
      level,
      domains: new SetValue(agent.dataDomains),
      purpose: agent.purpose,
    }),
    tags: EMPTY_RECORD,
    parents: [parent],
    ancestors: new Set([parent.key, ...base.ancestorsOf(parent)]),
  });
  if (byLevel === undefined) agentEntities.set(agent, new Map([[level, entity]]));
  else byLevel.set(level, entity);
  return entity;
}

function toolEntity(tool: ToolDoc, action: ActionClass): Part<Entity> {
  const byClass = toolEntities.get(tool);
  const known = byClass?.get(action);
  if (known !== undefined) return known;
  const { sensitivity, domain, outputTrust, reversible, idempotent, writeSafe } = tool.classification;
  const server = new EntityUid('ATF::Server', tool.server);
  const entity = partOf<Entity>({
    uid: new EntityUid('ATF::Tool', `${tool.server}/${tool.name}`),
    attrs: record({ class: action, sensitivity, domain, outputTrust, reversible, idempotent, writeSafe }),
    tags: EMPTY_RECORD,
    parents: [server],
    ancestors: new Set([server.key]),
  });
  if (byClass === undefined) toolEntities.set(tool, new Map([[action, entity]]));
  else byClass.set(action, entity);
  return entity;
}

/** Every name that each context has, in one order. A name that is missing here does not pass the type check. */
const contextNames = Object.keys({
  approved: true,
  granted: true,
  inDomain: true,
  humanCheckpoint: true,
  limited: true,
  proof: true,
  task: true,
  intent: true,
  origin: true,
  reach: true,
  amount: true,
  confidentiality: true,
  integrity: true,
  tables: true,
  columns: true,
  operations: true,
  delegationDepth: true,
  dataLabels: true,
  risk: true,
} satisfies Record<PlainName, true>) as readonly PlainName[];

/** What is in a context only where a policy asks about it. */
type StatedName = 'value' | 'valueCurrency' | 'time' | 'sourceTrust' | 'args';
type PlainName = Exclude<keyof PolicyContext, StatedName>;

const asValue = (value: PolicyContext[PlainName]): Value =>
  typeof value === 'object' ? new SetValue(value) : value;

// A word that is missing here costs time and nothing else.
const proofs: readonly PolicyContext['proof'][] = ['none', 'dpop'];
const tasks: readonly PolicyContext['task'][] = ['absent', 'host', 'person'];
const intents: readonly PolicyContext['intent'][] = ['stated', 'silent', 'unclear'];
const origins: readonly PolicyContext['origin'][] = [
  'none',
  'task',
  'trusted',
  'listed',
  'named',
  'unknown',
  'untrusted',
];
/** More than there are words of one kind, delegations of a chain that are usual, figures of risk. */
const [wordsMax, depthMax, figuresMax] = [8, 16, 128];

const flag = (value: boolean): number => (value ? 1 : 0);
const place = (at: number, below: number): number =>
  Number.isInteger(at) && at >= 0 && at < below ? at : Number.NaN;

/** How many words up to the most confidential one, where it is such a list. */
function wordsUpTo(words: PolicyContext['confidentiality']): number {
  for (let at = 0; at < words.length; at++) if (words[at] !== sensitivities[at]) return Number.NaN;
  return words.length;
}

/** A number that equal contexts of plain words share and no two different ones do; undefined: it lists something, as SQL does, or says what is seldom said. */
function contextKey(context: PolicyContext): number | undefined {
  const { tables, columns, operations, dataLabels } = context;
  if (tables.length + columns.length + operations.length + dataLabels.length > 0) return undefined;
  let key = flag(context.approved);
  key = key * 2 + flag(context.granted);
  key = key * 2 + flag(context.inDomain);
  key = key * 2 + flag(context.humanCheckpoint);
  key = key * 2 + flag(context.limited);
  key = key * 2 + place(proofs.indexOf(context.proof), 2);
  key = key * 2 + place(outputTrusts.indexOf(context.integrity), 2);
  key = key * wordsMax + place(tasks.indexOf(context.task), wordsMax);
  key = key * wordsMax + place(intents.indexOf(context.intent), wordsMax);
  key = key * wordsMax + place(origins.indexOf(context.origin), wordsMax);
  key = key * wordsMax + place(origins.indexOf(context.reach), wordsMax);
  key = key * wordsMax + place(origins.indexOf(context.amount), wordsMax);
  key = key * wordsMax + place(wordsUpTo(context.confidentiality), wordsMax);
  key = key * depthMax + place(context.delegationDepth, depthMax);
  key = key * figuresMax + place(context.risk, figuresMax);
  return Number.isNaN(key) ? undefined : key;
}

/** Contexts are few, because their words are: each is built once, as long as it is met again. */
const contextsMax = 4_096;
const contexts = new RecentMap<number, Part<RecordValue>>(contextsMax);

function plainPart(context: PolicyContext): Part<RecordValue> {
  const key = contextKey(context);
  const known = key === undefined ? undefined : contexts.get(key);
  if (known !== undefined) return known;
  const built = partOf(new RecordValue(new Map(contextNames.map((name) => [name, asValue(context[name])]))));
  if (key !== undefined) contexts.set(key, built);
  return built;
}

const argumentRecords = new WeakMap<JsonObject, RecordValue>();

/** Undefined: too much, so that what asks about arguments fails. The two questions of one decision are about the same arguments. */
function argumentRecord(args: JsonObject): RecordValue | undefined {
  const known = argumentRecords.get(args);
  if (known !== undefined) return known;
  const read = fromArguments(args, { nulls: 'absent' });
  if (!read.ok) return undefined;
  argumentRecords.set(args, read.value);
  return read.value;
}

/** Whether it says more than every context does: then it is of one call alone. */
const isStated = ({ value, time, sourceTrust, args }: PolicyContext): boolean =>
  value !== undefined || time !== undefined || sourceTrust !== undefined || args !== undefined;

/** Zones stand beside what is said in UTC, each under its name. */
function timeRecord({ zones = {}, ...utc }: PolicyTime): RecordValue {
  const local = Object.entries(zones).map(([zone, moment]): [string, Value] => [zone, record({ ...moment })]);
  return record({ ...utc, ...Object.fromEntries(local) });
}

function statedRecord(context: PolicyContext): RecordValue {
  const { value, valueCurrency, time, sourceTrust, args } = context;
  const attributes = new Map(plainPart(context).seen.attributes);
  if (value !== undefined) attributes.set('value', value);
  if (valueCurrency !== undefined) attributes.set('valueCurrency', valueCurrency);
  if (time !== undefined) attributes.set('time', timeRecord(time));
  if (sourceTrust !== undefined) attributes.set('sourceTrust', sourceTrust);
  const asked = args === undefined ? undefined : argumentRecord(args);
  if (asked !== undefined) attributes.set('args', asked);
  return new RecordValue(attributes);
}

/** A request and its entities in Cedar's JSON form: what Cedar's own library is asked when both are compared. */
export interface CedarCall {
  readonly principal: { type: string; id: string };
  readonly action: { type: string; id: string };
  readonly resource: { type: string; id: string };
  readonly context: JsonObject;
  readonly entities: {
    uid: { type: string; id: string };
    attrs: Record<string, string | boolean | string[]>;
    parents: { type: string; id: string }[];
  }[];
}

const inOneRecord = ({ time, ...context }: PolicyContext): object => {
  if (time === undefined) return context;
  const { zones, ...utc } = time;
  return { ...context, time: { ...utc, ...zones } };
};

/** The same question for Cedar's own library. */
export function cedarCallOf({ agent, effectiveLevel, action, tool, context }: PolicyQuestion): CedarCall {
  const { sensitivity, domain, outputTrust, reversible, idempotent, writeSafe } = tool.classification;
  const principal = { type: 'ATF::Agent', id: agent.id };
  const resource = { type: 'ATF::Tool', id: `${tool.server}/${tool.name}` };
  const server = { type: 'ATF::Server', id: tool.server };
  const level = (id: Level) => ({ type: 'ATF::Level', id });
  return {
    principal,
    action: { type: 'ATF::Action', id: action },
    resource,
    context: JSON.parse(JSON.stringify(inOneRecord(context))) as JsonObject,
    entities: [
      ...levels.map((id, rank) => ({
        uid: level(id),
        attrs: {},
        parents: levels.slice(Math.max(0, rank - 1), rank).map(level),
      })),
      {
        uid: principal,
        attrs: {
          name: agent.name,
          level: effectiveLevel,
          domains: [...agent.dataDomains],
          purpose: agent.purpose,
        },
        parents: [level(effectiveLevel)],
      },
      {
        uid: resource,
        attrs: { class: action, sensitivity, domain, outputTrust, reversible, idempotent, writeSafe },
        parents: [server],
      },
      { uid: server, attrs: {}, parents: [] },
    ],
  };
}

/** Of a question about any arguments: what failed only because there are none is no error; such a permit may hold, such a forbid need not. */
function atBest(set: CompiledPolicySet, answer: PolicyAnswer): PolicyAnswer {
  const depends = answer.errors.map(({ policyId }) => policyId).filter((id) => set.reads.byArguments.has(id));
  if (depends.length === 0) return answer;
  const errors = answer.errors.filter(({ policyId }) => !depends.includes(policyId));
  const effects = new Map(set.policies.map(({ id, effect }) => [id, effect]));
  const forbidden = answer.reasons.some((id) => effects.get(id) === 'forbid');
  const permits = forbidden ? [] : depends.filter((id) => effects.get(id) === 'permit');
  const reasons = [...answer.reasons, ...permits];
  const allowed = !forbidden && reasons.length > 0 && errors.length === 0;
  return { decision: allowed ? 'allow' : 'deny', reasons, errors, byArguments: depends };
}

/** Asks a compiled set one question, strictly: an error in any policy denies. */
function askSet(
  set: CompiledPolicySet,
  scopes: KeptScopes,
  question: PolicyQuestion,
  remembered?: RememberedAnswers,
): PolicyAnswer {
  const { agent, effectiveLevel, action, tool, anyArguments } = question;
  const principal = agentEntity(agent, effectiveLevel);
  const resource = toolEntity(tool, action);
  const ask = (context: RecordValue) =>
    decideStrictIn(scopes.of(principal, actionUids[action], resource), context);
  if (isStated(question.context) || anyArguments === true) {
    const answer = ask(
      isStated(question.context) ? statedRecord(question.context) : plainPart(question.context).seen,
    );
    return anyArguments === true && answer.errors.length > 0 ? atBest(set, answer) : answer;
  }
  const context = plainPart(question.context);
  if (remembered === undefined || !isLowRisk(question)) return ask(context.seen);
  // Only reads are remembered, so the action is always the same one.
  return remembered.answer(`${principal.number} ${resource.number} ${context.number}`, () =>
    ask(context.seen),
  );
}

const noAnnotations: Readonly<Record<string, string>> = Object.freeze({});

/** A compiled set as `decide()` knows it. `remembered` is of this set and no other. */
export function policyFacts(
  set: CompiledPolicySet,
  digest: string,
  epoch: number,
  remembered?: RememberedAnswers,
): PolicyFacts {
  const notes = new Map(
    set.policies.map(({ id, annotations }) => [id, Object.freeze(Object.fromEntries(annotations))]),
  );
  const scopes = new KeptScopes(set, base);
  const { value, time, sourceTrust, zones, args, bound } = set.reads;
  const plain = {
    value,
    time,
    ...(sourceTrust ? { sourceTrust } : {}),
    ...(zones.length === 0 ? {} : { zones }),
  };
  return {
    digest,
    epoch,
    ask: (question) => askSet(set, scopes, question, remembered),
    annotations: (policyId) => notes.get(policyId) ?? noAnnotations,
    reads: (ref) => (args.has(ref) ? { ...plain, args: args.get(ref), bound: bound.get(ref) } : plain),
  };
}

/** Compiles the policy document of the feed. All or nothing: what cannot be evaluated refuses the whole set. */
export function policyFactsOf(
  doc: PolicyDoc,
  remembered?: RememberedAnswers,
):
  | { readonly ok: true; readonly facts: PolicyFacts }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] } {
  const compiled = compilePolicySet(doc.policies);
  return compiled.ok
    ? { ok: true, facts: policyFacts(compiled.set, doc.digest, doc.epoch, remembered) }
    : compiled;
}
