/**
 * Tokens (D-3) at the gateway: values that are masked in a result are told to control, which gives tokens; tokens in arguments of a call that was allowed are turned back where
 * settings say so, after the decision and before the last look. The record, the approval and the agent know the token only. A program that runs its own tools is given the
 * value for its tool, and told what of the tool's result its model may read.
 */
import { refusal, type Refusal } from '@atf/core/errors';
import { type KeptValue, isTokenised, tokensToGive, withValues } from '@atf/core/data/tokens';
import { sensitiveDefault } from '@atf/core/data/sensitive';
import type { JsonObject } from '@atf/core/wire/json';
import { tokensPerCallMax } from '@atf/core/wire/tokens';
import type { Level } from '@atf/core/wire/words';
import type { Protocol } from '@atf/core/world';
import type { Detector } from '@atf/core/data/detectors/detector';
import type { Ports } from './ports.ts';
import type { Decided } from './record.ts';
import type { SchemaCheck } from './schema-check.ts';

/** What of a result becomes tokens, and how. */
export interface KeepValues {
  readonly is: (detector: Detector) => boolean;
  /** In the order of the values; null or absent: it is masked. Never throws. */
  readonly keep: (values: readonly KeptValue[]) => Promise<readonly (string | null)[]>;
}

/** What others let through at their own place comes back to nobody here. */
const elsewhere: ReadonlySet<Protocol> = new Set(['authzen', 'ext_authz']);
const runsElsewhere = ({ received: { protocol } }: Decided): boolean => elsewhere.has(protocol);

const callOf = ({ received: { actionId, credential, server, tool } }: Decided) => ({
  actionId,
  agentId: credential.agentId,
  sid: credential.sid,
  tool: `${server}/${tool}`,
});

/** Undefined: nothing becomes a token. */
export function keepValuesOf(ports: Ports, decided: Decided, level: Level): KeepValues | undefined {
  const { sensitive = sensitiveDefault } = ports.snapshot.settings() ?? {};
  if ((sensitive.tokenised?.[level] ?? []).length === 0 || runsElsewhere(decided)) return undefined;
  return {
    is: isTokenised(sensitive, level),
    async keep(values) {
      const body = { ...callOf(decided), values: [...values] };
      const answer = await ports.control.request('gateway.keepValues', { body });
      return answer.ok ? answer.value.tokens : [];
    },
  };
}

/** The arguments as the tool is given them; or why it is given none. */
export async function argumentsWithValues(
  ports: Ports,
  schemas: SchemaCheck,
  decided: Decided,
): Promise<{ readonly args: JsonObject } | { readonly refusal: Refusal }> {
  const { args } = decided.received;
  const { sensitive = sensitiveDefault } = ports.snapshot.settings() ?? {};
  const call = callOf(decided);
  const tokens = tokensToGive(sensitive, call.tool, args);
  if (tokens.length === 0 || runsElsewhere(decided)) return { args };
  if (tokens.length > tokensPerCallMax)
    return { refusal: refusal('data.token_unknown', 'Too many at once.') };
  const answer = await ports.control.request('gateway.giveValues', {
    body: { ...call, tokens: [...tokens] },
  });
  if (!answer.ok) return { refusal: answer.refusal };
  const given = tokens.map((each, at) => ({ ...each, value: answer.value.values[at] ?? '' }));
  const after = withValues(args, given);
  const { tool } = decided.world;
  return tool === undefined || schemas.input(tool, after).verdict !== 'valid'
    ? { refusal: refusal('data.schema_invalid', 'With the value in place of its token.') }
    : { args: after };
}
