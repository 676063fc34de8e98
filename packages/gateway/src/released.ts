/** One question of an enforcement point, put to the pipeline: everything that holds for a call holds for it, but that nothing is sent. It decides nothing. */
import { type Refusal, refusal } from '@atf/core/errors';
import type { CredentialFacts } from '@atf/core/world';
import type { CallAnswer } from './answers.ts';
import type { CallRequest, Pipeline } from './pipeline.ts';
import type { DispatchedAction } from './ports.ts';
import type { Elsewhere } from './protocols/elsewhere.ts';

export type Verdict =
  | { readonly released: DispatchedAction }
  | { readonly answer: Exclude<CallAnswer, { kind: 'result' }> };

/** Not released anew: another one runs, or ran, what a person approved once. */
const settled = (actionId: string, why: Refusal): Verdict => ({
  answer: { kind: 'refused', facts: { outcome: 'unknown', refusal: why, actionId } },
});

export async function askFor(
  { pipeline, elsewhere }: { readonly pipeline: Pipeline; readonly elsewhere: Elsewhere },
  credential: CredentialFacts,
  request: Omit<CallRequest, 'actionId'> & { readonly protocol: 'authzen' | 'ext_authz' },
  gone: AbortSignal,
): Promise<Verdict> {
  const actionId = pipeline.newActionId();
  elsewhere.expect(actionId, request.serverName, credential.instanceId);
  let answer: CallAnswer;
  let released: DispatchedAction | undefined;
  try {
    answer = await pipeline.call(credential, { ...request, actionId }, gone);
  } finally {
    released = elsewhere.end(actionId);
  }
  if (answer.kind === 'result') return settled(actionId, refusal('execution.outcome_settled'));
  // Whatever went wrong after the release (a stop, a record that could not be written) is what is answered.
  const isReleased = answer.kind === 'refused' && answer.facts.refusal.code === 'upstream.elsewhere';
  return released !== undefined && isReleased ? { released } : { answer };
}
