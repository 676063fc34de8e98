/**
 * Room: data (D-1, D-4; audit B-1). What a tool server may ask of an agent's side while a call of that agent runs: words of its person, of its model, names of
 * its folders. Nothing unless an administrator allowed it for the server and the client declared it; each question and each answer is sealed and recorded before it
 * goes on, and everything that the decision rested on is looked at again before an answer leaves.
 */
import { refusal } from '@atf/core/errors';
import { isWithin, joined, labelsOfTool, worst } from '@atf/core/segmentation/flow';
import type { Json, JsonObject } from '@atf/core/wire/json';
import { canonicalJson } from '@atf/core/wire/json';
import type { AskKind } from '@atf/core/wire/words';
import type { CallUnderWay } from './calls.ts';
import { argumentVerdicts, inspectArguments, isDoubtful } from './data-inspection.ts';
import { labelsFound } from './found-labels.ts';
import { lastLook } from './last-look.ts';
import type { Ports } from './ports.ts';
import type { LogLevel } from './protocols/mcp-log.ts';
import type {
  AskAgent,
  CallInput,
  ClientOffers,
  InputOutcome,
  InputRequests,
  UpstreamFault,
} from './protocols/protocol.ts';
import { type Decided, recordInput } from './record.ts';
import { labelsRead, type SessionLabels } from './session-labels.ts';
import { shownQuestions } from './shown-questions.ts';

/** The agent behind one call, as the door sees it. */
export interface AgentSide {
  readonly offers: ClientOffers;
  readonly ask: AskAgent;
  /** From which level on it wants what the server logs; undefined: it does not. */
  readonly logLevel: LogLevel | undefined;
}

/** Of one call. */
export const questionsMax = 20;
export const answersWaitMsMax = 240_000;

const fault = (code: UpstreamFault['code'], detail: string, missing?: readonly AskKind[]): InputOutcome => ({
  ok: false,
  fault: { code, dispatched: true, detail, ...(missing === undefined ? {} : { missing }) },
});

/** Takes in what a server said beside its result, before anybody has it. `isDoubtful`: whoever the tool is trusted for, this was not to be. */
export type Hear = (decided: Decided, said: Json, isDoubtful: boolean) => void;

/** Undefined: its server may ask for nothing, or there is nobody to ask. */
export function inputOf(
  ports: Ports,
  labels: Pick<SessionLabels, 'facts' | 'join'>,
  decided: Decided,
  call: CallUnderWay,
  hear: Hear,
): CallInput | undefined {
  const { side } = call;
  const mayAsk = decided.world.server?.mayAsk ?? [];
  if (side === undefined || mayAsk.length === 0) return undefined;
  const asks = mayAsk.filter((kind) => side.offers.asks.includes(kind));
  let questions = 0;
  const ask = async (asked: InputRequests): Promise<InputOutcome> => {
    const kinds = [...new Set(Object.values(asked).map(({ kind }) => kind))];
    questions += kinds.length;
    const forbidden = kinds.filter((kind) => !mayAsk.includes(kind));
    const missing = kinds.filter((kind) => !asks.includes(kind));
    const { shown, text, data, injection } = await shownQuestions(ports, decided, asked);
    const strange = injection === 'block';
    const refused =
      forbidden.length > 0 ||
      missing.length > 0 ||
      questions > questionsMax ||
      strange ||
      shown === undefined;
    const record = { kinds, refused, labels: data?.labels ?? [], text };
    const unrecorded = await recordInput(ports, 'action.input_asked', decided, record);
    if (unrecorded !== undefined) return fault('upstream.input_missing', 'It could not be recorded.');
    if (forbidden.length > 0)
      return fault('upstream.input_missing', `The server may not ask for: ${forbidden.join(', ')}.`);
    if (missing.length > 0)
      return fault('upstream.call_refused', `The tool needs: ${missing.join(', ')}.`, missing);
    if (strange) return fault('upstream.input_missing', 'The question reads like orders to the agent.');
    if (shown === undefined)
      return fault('upstream.input_missing', 'The question holds what this agent does not read.');
    if (refused) return fault('upstream.input_missing', 'The server asks too often.');
    // Whoever is asked has read it.
    const { credential, server, tool } = decided.received;
    const found = joined(labelsRead(decided.world.tool), labelsFound(ports.snapshot.settings(), data));
    if ((await labels.join(credential, `${server}/${tool}`, found)) !== undefined)
      return fault('upstream.input_missing', 'Control has not taken what the session would have read.');
    hear(decided, shown as unknown as Json, isDoubtful(data));
    const answers = await unlessCut(side.ask(shown), call.signal);
    if (answers === undefined)
      return fault('upstream.input_missing', 'The side of the agent did not answer.');
    const said = canonicalJson(answers as Json);
    await inspectArguments(answers as JsonObject, said.length, ports.snapshot.settings(), {
      ask: ports.askService,
      agentId: decided.received.credential.agentId,
    });
    const given = { kinds, refused: false, labels: [], text: said };
    if ((await recordInput(ports, 'action.input_given', decided, given)) !== undefined)
      return fault('upstream.input_missing', 'It could not be recorded.');
    const kept = keptBack(ports, labels, decided, answers as JsonObject);
    if (kept !== undefined) return fault('upstream.input_missing', kept);
    const changed = lastLook(ports, decided, call);
    return changed === undefined
      ? { ok: true, answers }
      : fault('upstream.input_missing', `${refusal(changed.code).code}: the answer was kept back.`);
  };
  return { asks, ask, waitMsMax: answersWaitMsMax };
}

/** Why an answer does not go to the server: it is sent by a call that was decided before the session had read what it has read now, or holds what is never sent. */
function keptBack(
  ports: Ports,
  labels: Pick<SessionLabels, 'facts'>,
  { received, world, decision }: Decided,
  answers: JsonObject,
): string | undefined {
  const had = joined(world.flow, world.tool === undefined ? worst : labelsOfTool(world.tool));
  if (!isWithin(labels.facts(received.credential), had))
    return 'The session has read more since this call was decided; the answer was kept back.';
  const settings = ports.snapshot.settings();
  const level = decision.effectiveLevel ?? 'intern';
  const action = decision.actionClass ?? 'admin';
  const verdicts = [
    ...argumentVerdicts(answers, { action, level, settings }),
    // Whatever the call is for, its server reads the answer.
    ...(action === 'read' ? argumentVerdicts(answers, { action: 'write', level, settings }) : []),
  ];
  // Nobody is asked about an answer: what a person would have to see first is kept back.
  return verdicts.some(({ verdict }) => verdict === 'block' || verdict === 'review')
    ? 'The answer holds what is never sent; it was kept back.'
    : undefined;
}

/** What comes after a stop is not waited for. */
async function unlessCut<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let stop: (() => void) | undefined;
  const cut = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, cut]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}
