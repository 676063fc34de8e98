/**
 * The decision: the order of the checks, and the only file that joins the rooms. Synchronous, deterministic, total.
 * It answers `allow`, `ask` (a person must release this exact call) or `refuse`; the first check that does not pass ends it.
 * It reserves nothing and records nothing: the caller does both in the same tick.
 */
import { aboveTouched, agentsAbove, brokenChain, cascadeOf, forWhom, levelInChain } from './chain.ts';
import { type ErrorCode, type Refusal, refusal } from './errors.ts';
import { windowWords } from './identity/manifest-words.ts';
import { containmentOf, touchedBy } from './incident/containment.ts';
import { effectiveLevel, lowerLevel } from './maturity/levels.ts';
import { obligationWords } from './policy/obligations.ts';
import { withGrants } from './segmentation/grants.ts';
import { flowContext, flowSentences } from './segmentation/flow.ts';
import { worstOrigins } from './segmentation/provenance/argument-origins.ts';
import { originSentences } from './segmentation/provenance/origin-sentences.ts';
import type { CalledTool } from './segmentation/chosen-index.ts';
import { checkRetrieval, sourceTrusted, trustedWords } from './segmentation/retrieval.ts';
import { checkQuery, isQuery, queryContext, queryWords, raisedBy } from './segmentation/sql/rights.ts';
import { riskOf } from './segmentation/risk.ts';
import { takeArguments } from './segmentation/argument-types.ts';
import { attributesOf, isBoundTo } from './segmentation/bound-types.ts';
import { bindingTotals, cascadeTotal, standingOf } from './segmentation/totals.ts';
import {
  type Amount,
  amountOf,
  checkTransaction,
  humanCheckpointOf,
  valueOf,
} from './segmentation/transaction.ts';
import { followedId } from './segmentation/followed.ts';
import type { Rate } from './segmentation/rate.ts';
import { throttleId, throttleWords } from './segmentation/volume.ts';
import { closedWindows } from './segmentation/windows.ts';
import { policyTime } from './segmentation/zones.ts';
import type { AgentDoc, ServerDoc, ToolDoc } from './wire/feed.ts';
import type { JudgedFact } from './wire/judge.ts';
import type { HumanCheckpoint } from './wire/manifest.ts';
import type { ActionClass, Level } from './wire/words.ts';
import type {
  Check,
  CheckName,
  Decision,
  Obligation,
  PolicyAnswer,
  PolicyContext,
  PolicyFacts,
  Protocol,
  Received,
  ToolReads,
  TotalFact,
  World,
} from './world.ts';
import { noData } from './world.ts';

/** Characters of a reason, as approvals store it. */
export const becauseLengthMax = 500;

type Step =
  | { readonly pass: string; readonly policies?: readonly string[] }
  | { readonly ask: Refusal }
  | { readonly refuse: Refusal };

const no = (code: ErrorCode, detail?: string): Step => ({ refuse: refusal(code, detail) });

/** R-2: what is stopped of what this action touches. */
function stopOf({ server, tool, credential }: Received, world: World, agent: AgentDoc): Step | undefined {
  if (world.containments.length === 0) return undefined;
  const touched = touchedBy(agent, { server, tool, sid: credential.sid, ...aboveTouched(credential, world) });
  const stop = containmentOf(world.containments, touched);
  return stop === undefined
    ? undefined
    : no(stop.code, `${stop.containment.state} since ${stop.containment.since}`);
}

/** I-1, I-2, R-3: who is this, and does the credential still count? */
function authenticate(received: Received, world: World): Step {
  const { credential } = received;
  const { agent, instance } = world;
  if (agent === undefined) return no('identity.agent_unknown');
  if (instance === undefined || instance.agentId !== agent.id || instance.id !== credential.instanceId)
    return no('identity.instance_unknown');
  // A kill voids credentials too; whoever held one is told of the kill, which is what a person must lift.
  const voided = (code: ErrorCode, detail?: string) => stopOf(received, world, agent) ?? no(code, detail);
  if (instance.state !== 'active') return voided('identity.instance_unknown', 'The instance was revoked.');
  if (world.nowMs >= credential.expiresAtMs) return no('identity.credential_expired');
  if (credential.credentialEpoch !== agent.credentialEpoch) return voided('identity.credential_revoked');
  if (world.sessionRevoked) return voided('identity.session_revoked');
  if (credential.manifestDigest !== agent.manifestDigest) return no('identity.version_mismatch');
  const broken = brokenChain(credential, world);
  if (broken !== undefined) return voided('identity.delegation_over', broken);
  const who = `${agent.name} ${agent.version}, instance ${instance.id.slice(0, 8)}, proof ${credential.proof}`;
  return { pass: `${who}${forWhom(world)}` };
}

/** R-1, R-2: is anything stopped, or is the gateway out of touch? */
function contain(received: Received, world: World, agent: AgentDoc): Step {
  if (!world.feedFresh) return no('containment.feed_stale');
  return (
    stopOf(received, world, agent) ?? {
      pass: 'nothing that it touches is stopped, and the control plane was heard in time',
    }
  );
}

const doors: Readonly<Record<ServerDoc['transport']['kind'], readonly [Protocol, ...Protocol[]]>> = {
  stdio: ['mcp', 'authzen'],
  http: ['mcp', 'authzen'],
  cooperative: ['action', 'authzen'],
  openapi: ['mcp', 'http', 'authzen', 'ext_authz'],
};

/**
 * The doors through which the tools of a server are asked for, the usual one first. Who runs a tool decides it: nobody may have the gateway wait for a
 * program, or call what the gateway must call.
 */
export const doorsOf = ({ transport }: Pick<ServerDoc, 'transport'>): readonly [Protocol, ...Protocol[]] =>
  doors[transport.kind];

/** S-1: does the tool exist, unchanged since a person accepted it? */
function resolve({ protocol }: Received, world: World): Step {
  if (world.server === undefined) return no('segmentation.server_unknown');
  if (!doorsOf(world.server).includes(protocol)) return no('segmentation.wrong_door');
  if (world.tool === undefined) return no('segmentation.tool_unknown');
  if (world.tool.state === 'quarantined') return no('segmentation.tool_quarantined');
  if (world.tool.state === 'removed') return no('segmentation.tool_removed');
  return { pass: `${world.tool.server}/${world.tool.name} is registered and unchanged` };
}

/** Unclassified counts as the most dangerous class. */
export function actionClassOf(tool: ToolDoc): ActionClass {
  return tool.classification.class ?? 'admin';
}

/** Who asks for what, with what more than one check needs to know of it: worked out once. */
interface Asked {
  readonly policy: PolicyFacts;
  readonly agent: AgentDoc;
  readonly tool: CalledTool;
  /** The lowest of the chain. */
  readonly level: Level;
  readonly world: World;
  readonly amount: Amount;
  readonly point: HumanCheckpoint | undefined;
  readonly reads: ToolReads;
  /** As if a person had approved it. */
  readonly context: PolicyContext;
  /** What of the arguments cannot be told to policies that ask about them. */
  readonly problem: string | undefined;
  /** Of a question about any arguments: the policies whose answer depends on them. */
  readonly byArguments: Set<string>;
}

/**
 * The same check of the agent and of every agent above it. The first that does not pass is the answer; a refusal goes before a question. Undefined: there
 * is nothing to check of any of them.
 */
function ofEveryone(
  [first, ...others]: readonly Asked[],
  check: (asked: Asked) => Step | undefined,
): Step | undefined {
  const own = first === undefined ? undefined : check(first);
  if (others.length === 0) return own;
  const above = others.flatMap((asked) => {
    const step = check(asked);
    return step === undefined ? [] : [named(step, asked.agent)];
  });
  const steps = own === undefined ? above : [own, ...above];
  const stopped = steps.find((step) => 'refuse' in step) ?? steps.find((step) => 'ask' in step);
  if (stopped !== undefined) return stopped;
  const policies = [...new Set(steps.flatMap((step) => ('pass' in step ? (step.policies ?? []) : [])))];
  const pass = steps.find((step) => 'pass' in step)?.pass;
  return pass === undefined ? undefined : { pass, ...(policies.length === 0 ? {} : { policies }) };
}

/** Whose right it is that is missing. */
function named(step: Step, { name }: AgentDoc): Step {
  const of = (why: Refusal): Refusal => ({
    ...why,
    detail: `of ${name}, for which it works: ${why.detail ?? why.code}`.slice(0, becauseLengthMax),
  });
  if ('refuse' in step) return { refuse: of(step.refuse) };
  return 'ask' in step ? { ask: of(step.ask) } : step;
}

/** S-1: one of its data domains, or another one that it was given for a time, from Senior on. */
function isInDomain(agent: AgentDoc, tool: ToolDoc, level: Level, nowMs: number): boolean {
  const { domain } = tool.classification;
  if (agent.dataDomains.includes(domain)) return true;
  if (agent.otherDomains === undefined) return false;
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const given = agent.otherDomains.some((other) => other.domain === domain && today <= other.until);
  return given && lowerLevel(level, 'senior') === 'senior';
}

/** A statement that changes through a tool for reading is held to what was declared of either. */
function checkpointOf(
  agent: AgentDoc,
  tool: ToolDoc,
  { tool: known }: World,
  amount: Amount,
): HumanCheckpoint | undefined {
  const point = humanCheckpointOf(agent, tool, amount);
  return (
    point ?? (known === undefined || known === tool ? undefined : humanCheckpointOf(agent, known, amount))
  );
}

const trustedSource = (tool: CalledTool, { flow, anyArguments }: World) =>
  sourceTrusted(tool, flow, anyArguments === true);

type Stated = Pick<PolicyContext, 'value' | 'valueCurrency' | 'time' | 'sourceTrust' | 'args'>;

/** S-4: the amount, the time, the trust of sources and the arguments of the call, where a policy asks about them. */
function statedOf(
  { tool, world, reads, amount }: Pick<Asked, 'tool' | 'world' | 'reads' | 'amount'>,
  args: Received['args'],
): { readonly stated: Stated | undefined; readonly problem?: string } {
  if (!reads.value && !reads.time && reads.sourceTrust === undefined && reads.args === undefined)
    return { stated: undefined };
  const source = reads.sourceTrust === undefined ? undefined : trustedSource(tool, world);
  const stated = {
    ...(reads.value ? valueOf(amount) : {}),
    ...(reads.time ? { time: policyTime(world.nowMs, reads.zones ?? [], world.zones) } : {}),
    ...(source === undefined ? {} : { sourceTrust: source.trust }),
  };
  // Only arguments that fit the schema have the types that policies count on.
  if (reads.args === undefined || world.anyArguments === true || world.schema.verdict !== 'valid')
    return { stated };
  const taken = takeArguments(tool.definition, args, reads.args);
  return 'problem' in taken
    ? { stated, problem: taken.problem }
    : { stated: { ...stated, args: taken.args } };
}

const dataLabelsOf = (detectors: World['detectors']): readonly string[] =>
  detectors.length === 0 ? noData.dataLabels : [...new Set(detectors.flatMap(({ labels }) => labels))];

function askedOf(
  who: Pick<Asked, 'policy' | 'agent' | 'tool' | 'level' | 'world' | 'byArguments'>,
  { args, credential }: Received,
): Asked {
  const { policy, agent, tool, level, world } = who;
  const { ref, granted, limited } = standingOf(agent, tool);
  const reads = policy.reads(ref);
  const amount = amountOf(tool, args);
  const point = checkpointOf(agent, tool, world, amount);
  const { stated, problem } = statedOf({ tool, world, reads, amount }, args);
  const { task, provenance, flow, query, detectors } = world;
  const { origin, reach, amount: amountFrom } = worstOrigins(provenance);
  const { confidentiality, integrity } = flowContext(flow);
  const { tables, columns, operations } = queryContext(query);
  // One literal, and nothing spread into it: this is on the way of every call.
  const facts = {
    approved: true,
    granted,
    inDomain: isInDomain(agent, tool, level, world.nowMs),
    humanCheckpoint: point !== undefined,
    limited,
    proof: credential.proof,
    task: task.assurance,
    intent: task.intent,
    origin,
    reach,
    amount: amountFrom,
    confidentiality,
    integrity,
    tables,
    columns,
    operations,
    delegationDepth: credential.chain?.links.length ?? 0,
    dataLabels: dataLabelsOf(detectors),
    risk: 0,
  };
  facts.risk = riskOf(actionClassOf(tool), tool.classification, facts);
  const context = stated === undefined ? facts : { ...facts, ...stated };
  const { byArguments } = who;
  return { policy, agent, tool, level, world, byArguments, amount, point, reads, context, problem };
}

function askPolicy(asked: Asked, approved: boolean): PolicyAnswer {
  const { policy, agent, tool, level, world, context } = asked;
  const answer = policy.ask({
    agent,
    effectiveLevel: level,
    action: actionClassOf(tool),
    tool,
    context: approved ? context : { ...context, approved },
    anyArguments: world.anyArguments === true,
  });
  if (answer.byArguments !== undefined) for (const id of answer.byArguments) asked.byArguments.add(id);
  return answer;
}

/** The refusal for a denied question. A forbid may name the code that says it best (`@refusal`). */
function denied(answer: PolicyAnswer, { policy, level, tool, problem }: Asked): Step {
  if (answer.errors.length > 0) {
    return {
      refuse: refusal('policy.evaluation_failed', problem, {
        policies: answer.errors.map(({ policyId }) => policyId),
      }),
    };
  }
  if (answer.reasons.length === 0)
    return no('policy.not_permitted', `${level} may not ${actionClassOf(tool)}`);
  const named = answer.reasons
    .map((id) => policy.annotations(id)['refusal'])
    .find((code) => code !== undefined);
  const known: readonly ErrorCode[] = ['segmentation.tool_not_granted', 'segmentation.out_of_domain'];
  return {
    refuse: refusal(known.find((code) => code === named) ?? 'policy.forbidden', undefined, {
      policies: answer.reasons,
    }),
  };
}

const byArgumentsWords = ({ byArguments = [] }: PolicyAnswer): string =>
  byArguments.length === 0 ? '' : `; its arguments decide (${byArguments.slice(0, 5).join(', ')})`;

/** S-4: were the policies about its arguments checked against the types that it has? Else a comparison may be false for no reason but that. */
function unlikeTypes({ reads, tool }: Asked): Step | undefined {
  if (reads.bound === undefined) return undefined;
  const unlike = reads.bound.filter((each) => !isBoundTo(each, attributesOf(tool.definition)));
  if (unlike.length === 0) return undefined;
  const ids = unlike.map(({ id }) => id);
  const detail = `${ids.slice(0, 5).join(', ')}: not checked against the arguments of ${tool.server}/${tool.name} as they are`;
  return {
    refuse: refusal('policy.arguments_unlike', detail.slice(0, becauseLengthMax), { policies: ids }),
  };
}

/** S-1, S-2: could any approval make this lawful? */
function authorise(asked: Asked): Step {
  const unlike = unlikeTypes(asked);
  if (unlike !== undefined) return unlike;
  const answer = askPolicy(asked, true);
  if (answer.decision === 'deny' || answer.errors.length > 0) return denied(answer, asked);
  return {
    pass: `policy permits it at level ${asked.level}, at least with an approval${byArgumentsWords(answer)}`,
    policies: answer.reasons,
  };
}

/** S-1: does the manifest list what the SQL of the call does to which tables? Undefined: the tool takes none. */
function governQuery({ agent, tool }: Asked, { query }: World): Step | undefined {
  if (!isQuery(agent, tool)) return undefined;
  const over = checkQuery(agent, tool, query);
  if (over !== undefined) return { refuse: over };
  const does = query?.verdict === 'read' ? queryWords(query.uses) : 'tables are looked at in each call';
  return { pass: does };
}

/** S-4: what is retrieved from different indexes stays apart. Where arguments are not looked at nobody knows which index it would be. */
function governRetrieval({ agent, tool, world }: Asked): Step | undefined {
  const answer =
    world.anyArguments === true ? undefined : checkRetrieval(tool, agent, world.flow, world.nowMs);
  if (answer === undefined || 'pass' in answer) return answer;
  return no(answer.code, answer.detail.slice(0, becauseLengthMax));
}

/** S-2: is it a time at which this agent may use this tool? */
function limitTime({ agent, tool, world }: Asked): Step | undefined {
  const { windows } = agent;
  if (windows === undefined || windows.length === 0) return undefined;
  const closed = closedWindows(windows, `${tool.server}/${tool.name}`, world.nowMs);
  return closed === undefined
    ? { pass: 'at a time at which it may be used' }
    : no('segmentation.outside_window', closed.map(windowWords).join('; ').slice(0, becauseLengthMax));
}

/** Whose throttle it is: its own, or that of somebody for whom it works. */
const throttledOf = (agents: readonly AgentDoc[], { max, perSeconds }: Rate): AgentDoc | undefined =>
  agents.find(({ throttle }) => throttle?.max === max && throttle.perSeconds === perSeconds);

/** S-3. */
function limitRate(world: World, agent: AgentDoc): Step {
  const over = world.limits.find(({ ok }) => !ok);
  if (over !== undefined) {
    const later = { retryAfterMs: over.retryAfterMs };
    const unheard = `${over.id}: control has not said whether a call is left`;
    if (over.unheard === true) return { refuse: refusal('containment.feed_stale', unheard, later) };
    const whose = over.id === throttleId ? throttledOf([agent, ...agentsAbove(world)], over) : undefined;
    if (whose?.throttle !== undefined) {
      const throttled = refusal('segmentation.throttled', throttleWords(whose.throttle), later);
      return whose === agent ? { refuse: throttled } : named({ refuse: throttled }, whose);
    }
    const usual =
      over.id === followedId ? `, which follows the ${agent.followed?.baseline} an hour that were usual` : '';
    const detail = `${over.id}: ${over.max} calls per ${over.perSeconds} s${usual}`;
    return { refuse: refusal('segmentation.rate_exceeded', detail, later) };
  }
  return { pass: `within ${world.limits.length} rate limits` };
}

/** S-4. */
function limitTransaction({ agent, tool, amount }: Asked): Step {
  const over = checkTransaction(agent, tool, amount);
  return over === undefined ? { pass: 'within the limits of one action' } : { refuse: over };
}

/** `at most 10 calls in one hour, 3 left`. */
export const totalWords = ({ of, per, max, currency, left, unknown }: TotalFact): string => {
  const figure = (count: number) =>
    of === 'amount' ? `${count / 100} ${currency ?? ''}`.trimEnd() : String(count);
  if (of === 'concurrent') return `at most ${max} at one time`;
  const rest =
    unknown === true
      ? '; a restore has lost what was spent of it, which counts as all of it until the period is over or a person who resumes the fleet says otherwise'
      : left === undefined
        ? ''
        : `, ${figure(left)} left`;
  return `at most ${figure(max)}${of === 'amount' ? '' : ` ${of}`} in one ${per}${rest}`;
};

/** S-5: every total that binds now must have been reserved, or looked at, by no larger a figure. */
function limitTotal(everyone: readonly Asked[], { credential }: Received): Step | undefined {
  const [own] = everyone;
  const totals = own?.world.totals ?? [];
  const over = totals.find(({ ok }) => !ok);
  if (over !== undefined) {
    const later = over.retryAfterMs === undefined ? {} : { retryAfterMs: over.retryAfterMs };
    if (over.unheard === true)
      return {
        refuse: refusal('containment.feed_stale', `${over.id}: control has not said what is left`, later),
      };
    return { refuse: refusal(totalCode(over), `${over.id}: ${totalWords(over)}`, later) };
  }
  const unasked = (binding: readonly Pick<TotalFact, 'id' | 'max'>[], agentId: string) =>
    binding.find(
      ({ id, max }) =>
        !totals.some(
          (fact) => fact.id === id && (fact.agentId ?? own?.agent.id) === agentId && fact.max <= max,
        ),
    );
  const changed = ({ id }: Pick<TotalFact, 'id'>): Step =>
    no('containment.feed_stale', `${id}: it changed while the call was on its way`);
  let isBound = totals.length > 0;
  for (const { agent, tool, amount } of everyone) {
    const binding = bindingTotals(agent, tool, amount);
    isBound ||= binding.length > 0;
    const missed = unasked(binding, agent.id);
    if (missed !== undefined) return changed(missed);
  }
  for (const { agentId, totals: together } of cascadeOf(credential)) {
    isBound ||= together.length > 0;
    const missed = unasked(together, agentId);
    if (missed !== undefined) return changed(missed);
  }
  return isBound ? { pass: `within ${totals.length} totals` } : undefined;
}

const totalCode = ({ id, of }: TotalFact): ErrorCode =>
  id === cascadeTotal(1).id
    ? 'segmentation.cascade_exhausted'
    : of === 'concurrent'
      ? 'segmentation.too_many_at_once'
      : 'segmentation.total_exceeded';

const findWords = (verdicts: World['detectors']): string =>
  verdicts.map(({ detector, labels }) => `${labels.join(', ')} (${detector})`).join('; ');

/** Of what is looked at because it leaves (D-4), not because it is sensitive. */
const isOfOutput = ({ detector }: World['detectors'][number]): boolean => detector.startsWith('output.');
/** Of what is looked at because agents read it later (D-2). */
const isOfMemory = ({ detector }: World['detectors'][number]): boolean => detector.startsWith('memory.');
const blockedCode = (blocks: World['detectors']): ErrorCode =>
  blocks.every(isOfOutput)
    ? 'data.output_refused'
    : blocks.every(isOfMemory)
      ? 'data.memory_refused'
      : 'data.never_sent';

/** D-1; detectors block here as well. */
function governData(world: World): Step {
  if (world.schema.verdict === 'unusable') return no('data.schema_unusable');
  if (world.schema.verdict === 'invalid')
    return no('data.schema_invalid', world.schema.problems.slice(0, 10).join('; '));
  const blocks = world.detectors.filter(({ verdict }) => verdict === 'block');
  if (blocks.length > 0) return no(blockedCode(blocks), findWords(blocks));
  return { pass: 'the arguments fit the schema of the tool' };
}

/** Is it lawful with the approval that is held now? If not, a person is asked. */
function gateMaturity(asked: Asked, received: Received, world: World): Step {
  const { approval } = world;
  const held = approval !== undefined && approvalReleases(approval, received, world, asked.tool);
  const answer = askPolicy(asked, held);
  if (answer.decision === 'allow' && answer.errors.length === 0) {
    const how = held
      ? `approved by a person (${approval.id.slice(0, 8)})`
      : `level ${asked.level} may do this alone${byArgumentsWords(answer)}`;
    return { pass: how, policies: answer.reasons };
  }
  const why =
    asked.point?.reason ??
    provenanceReason(answer, asked) ??
    titlesOf(answer, asked) ??
    `${statementWords(world)}level ${asked.level} may ${actionClassOf(asked.tool)} only after a person approves`;
  // A release of this call ends the doubt, so whoever releases it is told of it, whatever else asks.
  const doubt = world.judged?.verdict === 'doubted' ? `${judgedWords.doubted}; ` : '';
  const flagged = heldWords(world);
  const told = `${flagged === undefined ? '' : `${flagged}; `}${doubt}${why}`.slice(0, becauseLengthMax);
  return { ask: refusal('maturity.approval_required', told, { policies: answer.reasons }) };
}

/** What the SQL of a call would do, before the reason why a person is asked. */
function statementWords({ query }: World): string {
  if (query?.verdict !== 'read') return '';
  const words = queryWords(query.uses);
  return `${words.length <= becauseLengthMax / 2 ? words : `${words.slice(0, becauseLengthMax / 2)}…`}: `;
}

/** What a person is told when it is about where a value came from, what the task asks for, what the session has read, or from which sources: the policy says of which (`@because`). */
function provenanceReason(
  { reasons }: PolicyAnswer,
  { policy, world, tool, level }: Asked,
): string | undefined {
  const about = new Set(reasons.map((id) => policy.annotations(id)['because']));
  const told: string[] = [];
  if (about.has('task')) told.push('nobody gave this session a task');
  if (about.has('intent')) told.push(`the task does not ask for what ${tool.name} does`);
  if (about.has('origin')) told.push(...originSentences(world.provenance));
  if (about.has('flow')) told.push(...flowSentences(world.flow));
  const source = about.has('source') ? trustedSource(tool, world) : undefined;
  if (source !== undefined) told.push(trustedWords(source));
  return told.length === 0
    ? undefined
    : `${told.join('; ')}. At level ${level} a person decides about this`.slice(0, becauseLengthMax);
}

/** What the policies that have a person asked say of themselves (`@title`). */
function titlesOf({ reasons }: PolicyAnswer, { policy, level }: Asked): string | undefined {
  const titles = new Set(reasons.flatMap((id) => policy.annotations(id)['title'] ?? []));
  return titles.size === 0
    ? undefined
    : `${[...titles].join('; ')}. At level ${level} a person decides about this`.slice(0, becauseLengthMax);
}

const judgedWords: Readonly<Record<JudgedFact['verdict'], string>> = {
  agrees: 'the judge of intents sees what it is for',
  disagrees: 'the judge of intents does not see what it is for',
  unanswered: 'the judge of intents did not answer',
  doubted: 'the judge of intents does not see what this instance read before',
};

/** S-2: does a judge of the company's own see what the call is for? Its doubt goes to a person, and never past one. `policies`: those that let the call pass before. */
function judgeIntent(
  world: World,
  tool: ToolDoc,
  received: Received,
  policies: readonly string[] = [],
): Step | undefined {
  const { judged, approval } = world;
  if (judged === undefined) return undefined;
  const { verdict, unanswered } = judged;
  const because = judgedWords[verdict];
  if (verdict === 'agrees') return { pass: because, policies };
  if (approval !== undefined && approvalReleases(approval, received, world, tool))
    return { pass: `${because}; approved by a person (${approval.id.slice(0, 8)})`, policies };
  return verdict === 'unanswered' && unanswered === 'refuse'
    ? no('policy.judge_unanswered')
    : { ask: refusal('maturity.approval_required', because) };
}

/** What a person is told that stands in a call which nobody sends unseen; undefined: nothing. */
function heldWords({ detectors }: World): string | undefined {
  const held = detectors.filter(({ verdict }) => verdict === 'review');
  return held.length === 0 ? undefined : `look at what it says: ${findWords(held)}`;
}

/** D-4: does a person look at it before it leaves? `policies`: those that let the call pass before. */
function reviewOutput(
  world: World,
  tool: ToolDoc,
  received: Received,
  policies: readonly string[] = [],
): Step | undefined {
  const words = heldWords(world);
  if (words === undefined) return undefined;
  const { approval } = world;
  return approval !== undefined && approvalReleases(approval, received, world, tool)
    ? { pass: `a person has looked at it (${approval.id.slice(0, 8)})`, policies }
    : { ask: refusal('maturity.approval_required', words.slice(0, becauseLengthMax)) };
}

/** Invariant 5: the approval of exactly this call, consumed for it, unexpired, under the accepted definition. */
function approvalReleases(
  approval: NonNullable<World['approval']>,
  received: Received,
  world: World,
  tool: ToolDoc,
): boolean {
  return (
    (approval.state === 'approved' || approval.state === 'consumed') &&
    approval.agentId === received.credential.agentId &&
    approval.tool === `${received.server}/${received.tool}` &&
    approval.argsDigest === received.argsDigest &&
    approval.definitionDigest === tool.definitionDigest &&
    world.nowMs < Date.parse(approval.expiresAt)
  );
}

function obligationsOf(policy: PolicyFacts, policies: readonly string[]): Obligation[] {
  const found: Obligation[] = [];
  for (const id of policies) {
    for (const word of obligationWords(policy.annotations(id))) {
      if ((word === 'notify' || word === 'review_output') && !found.includes(word)) found.push(word);
    }
  }
  return found;
}

/** The check with which a decision ended: the last one that was made. */
export const endedBy = ({ checks }: Decision): CheckName | undefined => checks.at(-1)?.name;

/** Decides one received action in a world of projected facts. Never throws for any input of these types. */
export function decide(received: Received, world: World): Decision {
  const checks: Check[] = [];
  const byArguments = new Set<string>();
  const { agent, policy, server } = world;
  const tool = world.tool === undefined ? undefined : raisedBy(world.tool, world.query);
  const level =
    agent === undefined ? undefined : levelInChain(effectiveLevel(agent, received.credential.proof), world);
  const actionClass = tool === undefined ? undefined : actionClassOf(tool);
  const epochs = {
    agent: agent?.epoch ?? -1,
    credential: agent?.credentialEpoch ?? -1,
    tool: tool?.epoch ?? -1,
    server: server?.epoch ?? -1,
    policy: policy?.epoch ?? -1,
  };
  const withArguments = (decision: Decision): Decision =>
    byArguments.size === 0 ? decision : { ...decision, byArguments: [...byArguments] };
  const stop = (outcome: 'ask' | 'refuse', refused: Refusal): Decision => {
    const policies = refused.policies ?? checks.at(-1)?.policies ?? [];
    const obligations: Obligation[] = [];
    return withArguments({
      outcome,
      refusal: refused,
      checks,
      effectiveLevel: level,
      actionClass,
      policies,
      obligations,
      epochs,
    });
  };
  const allow = (facts: PolicyFacts): Decision => {
    const policies = checks.at(-1)?.policies ?? [];
    const obligations = obligationsOf(facts, policies);
    return withArguments({
      outcome: 'allow',
      checks,
      effectiveLevel: level,
      actionClass,
      policies,
      obligations,
      epochs,
    });
  };
  const take = (name: CheckName, step: Step): Decision | undefined => {
    if ('pass' in step) {
      const { pass: because, policies } = step;
      checks.push(
        policies === undefined
          ? { name, verdict: 'pass', because }
          : { name, verdict: 'pass', because, policies },
      );
      return undefined;
    }
    const asks = 'ask' in step;
    const refused = asks ? step.ask : step.refuse;
    const { policies, detail: because = refused.code } = refused;
    const verdict = asks ? 'ask' : 'refuse';
    checks.push(policies === undefined ? { name, verdict, because } : { name, verdict, because, policies });
    return stop(asks ? 'ask' : 'refuse', refused);
  };

  const stopped = take('authenticate', authenticate(received, world));
  if (stopped !== undefined || agent === undefined || level === undefined)
    return stopped ?? stop('refuse', refusal('identity.agent_unknown'));
  const early = take('contain', contain(received, world, agent)) ?? take('resolve', resolve(received, world));
  if (early !== undefined || tool === undefined)
    return early ?? stop('refuse', refusal('segmentation.tool_unknown'));
  if (policy === undefined) return take('authorise', no('policy.unavailable')) as Decision;
  // What an agent has negotiated is its own: nobody above it has it.
  const bound = withGrants(agent, { nowMs: world.nowMs, level, policyEpoch: policy.epoch });
  const everyone = [bound, ...agentsAbove(world)].map((each) =>
    askedOf({ policy, agent: each, tool, level, world, byArguments }, received),
  );
  const maybe = (name: CheckName, step: Step | undefined) =>
    step === undefined ? undefined : take(name, step);
  const all = (name: CheckName, check: (each: Asked) => Step | undefined) =>
    maybe(name, ofEveryone(everyone, check));
  // Policies that ask about arguments count on the schema, so it comes first.
  const unfit = everyone[0]?.reads.args !== undefined && world.schema.verdict !== 'valid';
  return (
    maybe('govern_data', unfit ? governData(world) : undefined) ??
    all('authorise', authorise) ??
    all('govern_query', (each) => governQuery(each, world)) ??
    all('govern_retrieval', governRetrieval) ??
    all('limit_time', limitTime) ??
    take('limit_rate', limitRate(world, agent)) ??
    all('limit_transaction', limitTransaction) ??
    maybe('limit_total', limitTotal(everyone, received)) ??
    take('govern_data', governData(world)) ??
    all('gate_maturity', (each) => gateMaturity(each, received, world)) ??
    maybe('review_output', reviewOutput(world, tool, received, checks.at(-1)?.policies)) ??
    maybe('judge_intent', judgeIntent(world, tool, received, checks.at(-1)?.policies)) ??
    allow(policy)
  );
}
