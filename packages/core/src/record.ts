/**
 * Bodies of the records of an action (B-1, B-2, B-5): what the log's leaves hold. No arguments, results or other personal data in clear:
 * those are the encrypted payload, to which the leaf commits. The facts of the decision are here, so that it can be replayed.
 */
import type { Check, Decision, DetectorVerdict, LimitFact, ProvenanceFact, SchemaFact, World } from './world.ts';
import type { ActionClass, Level } from './wire/words.ts';

export interface PayloadRef {
  readonly id: string;
  /** HMAC-SHA-256 under a random salt over the ciphertext, base64url. */
  readonly commitment: string;
  readonly bytes: number;
}

/** Body of `action.intent`, `action.refused`, `action.asked`. */
export interface DecisionRecord {
  readonly actionId: string;
  readonly agentId: string;
  readonly agent: string;
  readonly agentVersion: string;
  readonly manifestDigest: string;
  readonly instanceId: string;
  readonly sid: string;
  /** `jti` of the credential. */
  readonly jti: string;
  readonly proof: 'dpop' | 'none';
  /** Id of the person who answers for the agent. */
  readonly responsibleId: string;
  readonly protocol: 'mcp';
  readonly server: string;
  readonly tool: string;
  readonly class: ActionClass | undefined;
  readonly definitionDigest: string | undefined;
  readonly level: Level | undefined;
  readonly outcome: Decision['outcome'];
  readonly code: string | undefined;
  readonly checks: readonly Check[];
  readonly policies: readonly string[];
  readonly policyDigest: string | undefined;
  readonly obligations: readonly string[];
  readonly approvalId: string | undefined;
  readonly facts: DecisionFacts;
  readonly payload: PayloadRef | undefined;
}

export interface DecisionFacts {
  readonly nowMs: number;
  readonly feedFresh: boolean;
  readonly limits: readonly LimitFact[];
  readonly schema: SchemaFact;
  readonly labels: readonly string[];
  readonly provenance: readonly ProvenanceFact[];
  readonly detectors: readonly DetectorVerdict[];
  readonly epochs: Decision['epochs'];
}

export type OutcomeStatus = 'done' | 'failed' | 'aborted' | 'not_executed' | 'unknown';

/** Body of `action.outcome`. `failed`: the tool said so (`isError`) or a fault with a known non-execution; `unknown`: it may have happened. */
export interface OutcomeRecord {
  readonly actionId: string;
  readonly agentId: string;
  readonly agent: string;
  readonly server: string;
  readonly tool: string;
  readonly status: OutcomeStatus;
  readonly code: string | undefined;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly approvalId: string | undefined;
  readonly payload: PayloadRef | undefined;
}

export function factsOf(world: World, decision: Decision): DecisionFacts {
  const { nowMs, feedFresh, limits, schema, labels, provenance, detectors } = world;
  return { nowMs, feedFresh, limits, schema, labels, provenance, detectors, epochs: decision.epochs };
}
