/**
 * One call over several rounds (MCP 2026-07-28, multi-round-trip results): a server answers with what it still needs and a state, the call is sent again with
 * both. The rounds are the same call, decided once and recorded as one; what is asked in between is decided and recorded by `input`.
 */
import type { JsonObject } from '@atf/core/wire/json';
import { inputRequestsOf } from './mcp-input.ts';
import type { TalkOfCall } from './mcp-talk.ts';
import type { UpstreamFault } from './protocol.ts';

/** Also bounds servers that only ever ask to come again. */
export const roundsMax = 10;
const stateLengthMax = 65_536;
/** Before a round that has nothing to ask, only a state. */
const paceMs = 250;

interface InputRequired {
  readonly resultType: 'input_required';
  readonly inputRequests?: unknown;
  readonly requestState?: unknown;
}

const asksForInput = (result: object): result is InputRequired =>
  (result as { resultType?: unknown }).resultType === 'input_required';

/** Sends until the result is complete; `more` goes beside the parameters of the call. */
export async function allRounds<T extends object>(
  send: (more: JsonObject) => Promise<T>,
  talk: TalkOfCall,
): Promise<{ readonly result: T } | { readonly fault: UpstreamFault }> {
  let more: JsonObject = {};
  for (let round = 0; ; round++) {
    const result = await send(more);
    if (!asksForInput(result)) return { result };
    const asked = inputRequestsOf(result.inputRequests);
    const { requestState: state } = result;
    const stated = state === undefined || (typeof state === 'string' && state.length <= stateLengthMax);
    if (asked === undefined || !stated || round >= roundsMax) return { fault: unusable };
    if (Object.keys(asked).length === 0) await new Promise((resolve) => setTimeout(resolve, paceMs));
    const { input } = talk;
    const outcome =
      Object.keys(asked).length === 0
        ? ({ ok: true, answers: {} } as const)
        : input === undefined
          ? ({ ok: false, fault: notAllowed } as const)
          : await talk.outside(async () => await input.ask(asked));
    if (!outcome.ok) return { fault: outcome.fault };
    more = {
      ...(Object.keys(outcome.answers).length === 0 ? {} : { inputResponses: outcome.answers }),
      ...(typeof state === 'string' ? { requestState: state } : {}),
    };
  }
}

const unusable: UpstreamFault = {
  code: 'upstream.protocol_error',
  dispatched: true,
  detail: 'The tool server asks for something that is not passed on, or asks without end.',
};
export const notAllowed: UpstreamFault = {
  code: 'upstream.input_missing',
  dispatched: true,
  detail: 'The tool server may not ask agents for anything.',
};
