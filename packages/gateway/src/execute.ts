/**
 * Steps 6 to 8 of the pipeline for a call that was allowed: record the intent, look a last time, execute, inspect the output, record
 * the outcome. Nothing runs before its intent is durable, and nothing of a result leaves before its outcome is.
 *
 * The gateway never repeats a call. A call whose connection failed after it was sent is `unknown`: it may have happened.
 */
import { type Refusal, refusal } from '@atf/core/errors';
import { isOrderWithheld } from '@atf/core/data/injection';
import { readerOf } from '@atf/core/data/readers';
import type { DataRecord, OutcomeStatus } from '@atf/core/record';
import { agentsAbove } from '@atf/core/chain';
import { levelClaimed } from '@atf/core/data/claimed-level';
import { clean, isWithin } from '@atf/core/segmentation/flow';
import { kindOf } from '@atf/core/segmentation/offer';
import { indexesOf, isAbove, mayMeet } from '@atf/core/segmentation/retrieval';
import type { SettingsDoc } from '@atf/core/wire/feed';
import type { ToolDoc } from '@atf/core/wire/feed';
import { reviewReasons } from '@atf/core/data/output/review';
import { canonicalJson, type Json, type JsonObject } from '@atf/core/wire/json';
import type { AskKind } from '@atf/core/wire/words';
import type { SchemaFact, World } from '@atf/core/world';
import { type Hear, inputOf } from './agent-input.ts';
import type { CallUnderWay } from './calls.ts';
import { bothRecords, inspectResult, ownOf, reportLabels, withSaid } from './data-inspection.ts';
import { labelsFound } from './found-labels.ts';
import { heard } from './heard.ts';
import { lastLook } from './last-look.ts';
import type { DispatchedAction, Ports } from './ports.ts';
import { logOfCall } from './protocols/mcp-log.ts';
import type { ToolResult, UpstreamCallOutcome } from './protocols/protocol.ts';
import { type Decided, type Outcome, recordDecision, recordOutcome } from './record.ts';
import { withoutResultLinks } from './result-links.ts';
import type { SchemaCheck } from './schema-check.ts';
import { asksServices } from './service-detectors.ts';
import { labelsRead, type SessionLabels } from './session-labels.ts';
import { argumentsWithValues, keepValuesOf } from './tokens.ts';
import type { Totals } from './totals.ts';

/** Characters of a result as canonical JSON; control stores no longer outcome (wire/api.ts, `storedOutcomeSchema`). */
export const resultLengthMax = 4_194_304;
const upstreamTimeoutMsDefault = 60_000;
/** How long a call waits for control to hold its record; a gateway that control does not hear refuses by then anyway. */
const replicatedWithinMs = 1_000;

/** What came of one call. `refusal` says why there is no result, or why the result is not given. */
export interface Ran {
  readonly status: OutcomeStatus;
  readonly result: ToolResult | undefined;
  readonly resultText: string | undefined;
  readonly refusal: Refusal | undefined;
  /** What detectors found in the result. */
  readonly data?: DataRecord | undefined;
  /** What was found in the report of a program that runs its own tools. */
  readonly said?: readonly string[] | undefined;
  /** What the server logged meanwhile, as far as its caller wants it. */
  readonly log?: readonly JsonObject[] | undefined;
  /** What the client would have to declare for it. */
  readonly missing?: readonly AskKind[] | undefined;
}

/** What beside the ports a call is carried out with. */
export interface Beside {
  readonly schemas: SchemaCheck;
  readonly totals: Totals;
  readonly labels: SessionLabels;
  /** What the server said while it worked. */
  readonly hear: Hear;
}

/** Step 6 and following. */
export async function execute(
  ports: Ports,
  { schemas, totals, labels, hear }: Beside,
  decided: Decided,
  call: CallUnderWay,
): Promise<Ran> {
  const unrecorded = await recordDecision(ports, 'action.intent', decided);
  if (unrecorded !== undefined)
    return { status: 'not_executed', result: undefined, resultText: undefined, refusal: unrecorded };
  const startedMs = ports.clock.nowMs();
  const startedMonotonicMs = ports.clock.monotonicMs();
  const untold = (await notReplicated(ports, decided)) ?? (await joinLabels(labels, decided));
  const came =
    untold === undefined
      ? await readAnew(
          labels,
          decided,
          await lookAndDispatch(ports, { schemas, labels, hear }, decided, call),
        )
      : without('not_executed', untold);
  const { actionId, protocol } = decided.received;
  const ran = await totals.settle(actionId, came, protocol === 'action' && call.dispatched);
  const outcome: Outcome = {
    status: ran.status,
    code: ran.refusal?.code,
    resultText: ran.resultText,
    data: ran.data,
    indexes: indexesOf(decided.world.tool ?? {}).map(({ index }) => index),
    review: ran.status === 'not_executed' ? [] : reviewOf(ports, decided, ran),
    startedMs,
    durationMs: Math.round((ports.clock.monotonicMs() - startedMonotonicMs) * 1000) / 1000,
  };
  const lost = await recordOutcome(ports, decided, outcome);
  // What is not on record does not leave. It may have happened, so nobody may take this for a refusal.
  return lost === undefined
    ? ran
    : {
        status: ran.status === 'not_executed' ? 'not_executed' : 'unknown',
        result: undefined,
        resultText: undefined,
        refusal: lost,
      };
}

/** Why a person looks at it afterwards (D-4). */
const reviewOf = (
  { snapshot }: Ports,
  { received, decision, world, approvalId }: Decided,
  { said = [], data }: Ran,
) =>
  reviewReasons({
    actionId: received.actionId,
    decision,
    level: decision.effectiveLevel ?? 'intern',
    detectors: world.detectors,
    said,
    read: data?.labels ?? [],
    released: approvalId !== undefined,
    output: snapshot.settings()?.output,
  });

/** Step 6 for classes that settings name: durable here is not enough (B-1). */
async function notReplicated(ports: Ports, { decision }: Decided): Promise<Refusal | undefined> {
  const classes = ports.snapshot.settings()?.replicated ?? [];
  return !classes.includes(decision.actionClass ?? 'admin') || (await ports.replicated(replicatedWithinMs))
    ? undefined
    : refusal('audit.record_unavailable', 'Control did not take the record in time.');
}

/** What the call brings back belongs to the session before anything of it can come (S-4). */
const joinLabels = async (
  labels: SessionLabels,
  { received: { credential, server, tool }, world }: Decided,
): Promise<Refusal | undefined> =>
  await labels.join(credential, `${server}/${tool}`, labelsRead(world.tool), besideOf(world));

/** Indexes that this session may have read from when its reading is joined. */
const besideOf = (world: World): string[] =>
  world.tool === undefined || world.agent === undefined
    ? []
    : mayMeet(world.tool, [world.agent, ...agentsAbove(world)], world.flow, world.nowMs);

const isInLabels = (labels: SessionLabels, { received, world }: Decided): boolean =>
  labels.has(received.credential, `${received.server}/${received.tool}`, labelsRead(world.tool));

/** Labels that a person lowered meanwhile did not fall for what comes only now. */
async function readAnew(labels: SessionLabels, decided: Decided, ran: Ran): Promise<Ran> {
  const unjoined = ran.result === undefined ? undefined : await joinLabels(labels, decided);
  return unjoined === undefined ? ran : { ...ran, result: undefined, log: undefined, refusal: unjoined };
}

/**
 * A server may say that its list changed after the call was prepared. Then the list is read once more, so that the last look compares with what is offered now; what
 * changes again meanwhile is refused there. Ends with the call when that is cut.
 */
async function listAgain(
  { snapshot, upstream }: Ports,
  { received }: Decided,
  { signal }: CallUnderWay,
): Promise<void> {
  const { server, tool, credential } = received;
  const { instanceId } = credential;
  const doc = snapshot.server(server);
  if (doc === undefined || signal.aborted || upstream.live(doc, instanceId, tool).state !== 'unknown') return;
  const cut = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await Promise.race([upstream.prepare(doc, instanceId), cut]);
}

/** Step 7 in one tick, then step 8. */
async function lookAndDispatch(
  ports: Ports,
  { schemas, labels, hear }: Omit<Beside, 'totals'>,
  decided: Decided,
  call: CallUnderWay,
): Promise<Ran> {
  await listAgain(ports, decided, call);
  const { received, world } = decided;
  const given = await argumentsWithValues(ports, schemas, decided);
  if ('refusal' in given) return without('not_executed', given.refusal);
  // A person released it, and is not asked anew because of a moment.
  if (decided.approvalId !== undefined) await heard(ports, call.signal);
  const refused = lastLook(ports, decided, call);
  const server = world.server;
  if (refused !== undefined || server === undefined) {
    return without('not_executed', refused ?? refusal('segmentation.server_unknown'));
  }
  call.dispatched = true;
  const { instanceId } = received.credential;
  const { onProgress } = call;
  const target = {
    action: dispatched(decided, ports.snapshot.settings()),
    server,
    tool: received.tool,
    instanceId,
  };
  const input = inputOf(ports, labels, decided, call, hear);
  const level = call.side?.logLevel;
  const log = level === undefined ? undefined : logOfCall();
  const outcome = await ports.upstream.call(target, given.args, {
    signal: call.signal,
    timeoutMs: ports.snapshot.settings()?.upstreamTimeoutMs ?? upstreamTimeoutMsDefault,
    idempotencyKey: decided.approvalId ?? received.actionId,
    tokens: keepValuesOf(ports, decided, decided.decision.effectiveLevel ?? 'intern'),
    onFound: async (data) => (await joinData({ ports, labels }, decided, data)) === undefined,
    ...(onProgress === undefined
      ? {}
      : { onProgress: (said) => call.cut ?? (isInLabels(labels, decided) ? onProgress(said) : undefined) }),
    ...(input === undefined ? {} : { input }),
    ...(level === undefined || log === undefined ? {} : { log: { level, onLog: log.add } }),
  });
  const ran = await inspectOutput(ports, schemas, decided, outcome, call, log?.all ?? []);
  const streamed = outcome.kind === 'fault' ? outcome.fault.data : outcome.data;
  return await joinFound({ ports, labels }, decided, ran, streamed !== undefined);
}

function dispatched(
  { received, decision, world, approvalId }: Decided,
  settings: SettingsDoc | undefined,
): DispatchedAction {
  // A service is asked about an answer as a whole, and a source is listened to for what it says of its level.
  const always =
    world.tool?.sources !== undefined ||
    (world.totals?.some(({ of }) => of === 'records') ?? false) ||
    asksServices(ownOf(settings), 'read');
  return {
    actionId: received.actionId,
    argsDigest: received.argsDigest,
    approvalId,
    effectiveLevel: decision.effectiveLevel,
    obligations: decision.obligations,
    isWhole: (type) => always || readerOf(settings?.readers, type) !== undefined,
  };
}

const without = (status: OutcomeStatus, why: Refusal): Ran => ({
  status,
  result: undefined,
  resultText: undefined,
  refusal: why,
});

interface Joining {
  readonly ports: Ports;
  readonly labels: SessionLabels;
}

async function joinData(
  { ports, labels }: Joining,
  { received: { credential, server, tool } }: Decided,
  data: DataRecord | undefined,
): Promise<Refusal | undefined> {
  const found = labelsFound(ports.snapshot.settings(), data);
  return isWithin(found, clean) ? undefined : await labels.join(credential, `${server}/${tool}`, found);
}

/** What was found belongs to the session before it is given; of a stream that was cut some has been given (D-2, D-3, S-4). */
async function joinFound(beside: Joining, decided: Decided, ran: Ran, streamed: boolean): Promise<Ran> {
  if (ran.result === undefined && !streamed) return ran;
  const unjoined = await joinData(beside, decided, ran.data);
  return unjoined === undefined ? ran : { ...ran, result: undefined, refusal: unjoined };
}

/** Step 8 (D-2, D-3, D-4): size and schema of the output, and what is masked in it; what does not fit is recorded and not given. */
async function inspectOutput(
  ports: Ports,
  schemas: SchemaCheck,
  decided: Decided,
  outcome: UpstreamCallOutcome,
  call: CallUnderWay,
  log: readonly JsonObject[],
): Promise<Ran> {
  if (outcome.kind === 'fault') return faulted(outcome.fault, call);
  const { received, world } = decided;
  const { tool } = world;
  const isOver = claimsMore(tool, outcome.result);
  const { content, structuredContent } = outcome.result;
  const length = lengthOf(content) + lengthOf(structuredContent) + lengthOf(log);
  if (length > resultLengthMax) return without('unknown', refusal('upstream.result_too_large'));
  const status: OutcomeStatus = outcome.result.isError === true ? 'failed' : 'done';
  const schema = tool === undefined ? undefined : outputFact(schemas, tool, outcome.result);
  const isValid = schema?.verdict === 'valid';
  const fits = (result: ToolResult) =>
    !isValid || tool === undefined || schemas.output(tool, result).verdict === 'valid';
  // What it logged is content that leaves, so it is looked at, and recorded beside the result.
  const all = log.length === 0 ? outcome.result : { ...outcome.result, log };
  const level = decided.decision.effectiveLevel ?? 'intern';
  const settings = ports.snapshot.settings();
  const heard = kindOf(received.tool) === 'prompt' ? ('prompt' as const) : ('read' as const);
  const tokens = keepValuesOf(ports, decided, level);
  const asking = { ask: ports.askService, agentId: received.credential.agentId };
  const inspected = await withoutResultLinks(
    await inspectResult(all, { level, settings, max: resultLengthMax, heard, asking, tokens }, fits),
    { level, settings },
    fits,
  );
  // What a program reports that runs its own tools is said by the agent itself.
  const reported = received.protocol === 'action' ? await reportLabels(all, { level, settings }) : [];
  const data = withSaid(bothRecords(outcome.data, inspected.data), reported);
  if (inspected.result === undefined)
    return { ...without(status, call.cut ?? refusal(inspected.why ?? 'data.masked_invalid')), data };
  const { log: said = [], ...result } = inspected.result as ToolResult & { log?: readonly JsonObject[] };
  const resultText = canonicalJson(inspected.result as unknown as Json);
  // A stop that arrives while the answer is on its way: it happened, and it is not given to who is stopped.
  const why =
    call.cut ??
    (isValid ? undefined : refusal('data.output_invalid', schema?.problems.join('; '))) ??
    (isOver ? refusal('data.source_above_level') : undefined) ??
    (isOrderWithheld(inspected.injection, level, settings?.injection)
      ? refusal('data.injection_withheld')
      : undefined);
  return why === undefined
    ? { status, result, resultText, refusal: undefined, log: said, data, said: reported }
    : { status, result: undefined, resultText, refusal: why, data, said: reported };
}

/** The server's own schema first: its problems say more. */
function outputFact(schemas: SchemaCheck, tool: ToolDoc, result: ToolResult): SchemaFact {
  const own = schemas.output(tool, result);
  return own.verdict === 'valid' ? schemas.registered(tool, result) : own;
}

/** Whether what a retrieval source answered says of itself that its index must not hold it. */
function claimsMore({ sources = [] }: Partial<Pick<ToolDoc, 'sources'>> = {}, result: ToolResult): boolean {
  if (sources.length === 0) return false;
  const { _meta, content, structuredContent } = result;
  const said = levelClaimed([_meta, structuredContent, content] as Json[]);
  return said !== undefined && sources.every((source) => isAbove(said, source));
}

const lengthOf = (value: unknown): number => (value === undefined ? 0 : (JSON.stringify(value)?.length ?? 0));

function faulted(fault: Extract<UpstreamCallOutcome, { kind: 'fault' }>['fault'], call: CallUnderWay): Ran {
  const { missing = [] } = fault;
  if (missing.length > 0 && call.cut === undefined)
    return {
      ...without('failed', refusal('request.capability_missing', `It needs: ${missing.join(', ')}.`)),
      missing,
    };
  const why = refusal(fault.code, fault.detail);
  if (call.cut !== undefined) return without(fault.dispatched ? 'aborted' : 'not_executed', call.cut);
  if (!fault.dispatched) return without('not_executed', why);
  if (fault.data !== undefined) return { ...without('unknown', why), data: fault.data };
  return without(fault.code === 'upstream.call_refused' ? 'failed' : 'unknown', why);
}
