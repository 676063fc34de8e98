/**
 * Room: segmentation (S-2). How much could go wrong with a call, as one figure from 0 to 100 that policies may ask about (`context.risk`): a sum of what is known
 * of it. It is an order and no probability; docs/policy.md has the same figures in words. Pure.
 */
import type { Classification } from '../wire/documents.ts';
import { type ActionClass, sensitivities, type Sensitivity } from '../wire/words.ts';
import type { PolicyContext } from '../world.ts';

export const riskMax = 100;

/** What of a context counts. */
export type RiskContext = Pick<
  PolicyContext,
  | 'origin'
  | 'amount'
  | 'intent'
  | 'confidentiality'
  | 'integrity'
  | 'dataLabels'
  | 'delegationDepth'
  | 'proof'
>;

const ofAction: Readonly<Record<ActionClass, number>> = {
  read: 0,
  write: 15,
  send: 20,
  execute: 35,
  admin: 45,
};
const ofSensitivity: Readonly<Record<Sensitivity, number>> = {
  public: 0,
  internal: 0,
  confidential: 5,
  restricted: 10,
};
const ofOrigin: Readonly<Record<PolicyContext['origin'], number>> = {
  none: 0,
  task: 0,
  trusted: 0,
  listed: 5,
  named: 5,
  unknown: 10,
  untrusted: 25,
};
const [irreversible, notAsked, sensitiveData, eachAbove, noProof, readUntrusted] = [10, 5, 10, 5, 10, 10];
const aboveMax = 3;

const mostConfidential = (read: readonly Sensitivity[]): Sensitivity =>
  sensitivities.findLast((word) => read.includes(word)) ?? 'public';

/** What a change adds: whether it can be undone, who says so, and what the session has read before. */
function ofChange(
  { reversible, idempotent }: Pick<Classification, 'reversible' | 'idempotent'>,
  { origin, amount, intent, confidentiality, integrity }: RiskContext,
): number {
  return (
    (reversible || idempotent ? 0 : irreversible) +
    Math.max(ofOrigin[origin], ofOrigin[amount]) +
    (intent === 'stated' ? 0 : notAsked) +
    ofSensitivity[mostConfidential(confidentiality)] +
    (integrity === 'untrusted' ? readUntrusted : 0)
  );
}

/** 0 to {@link riskMax}. */
export function riskOf(
  action: ActionClass,
  tool: Pick<Classification, 'sensitivity' | 'reversible' | 'idempotent'>,
  context: RiskContext,
): number {
  const { dataLabels, delegationDepth, proof } = context;
  const sum =
    ofAction[action] +
    ofSensitivity[tool.sensitivity] +
    (action === 'read' ? 0 : ofChange(tool, context)) +
    (dataLabels.length === 0 ? 0 : sensitiveData) +
    eachAbove * Math.min(aboveMax, delegationDepth) +
    (proof === 'none' ? noProof : 0);
  return Math.min(riskMax, sum);
}
