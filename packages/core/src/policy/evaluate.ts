/**
 * Room: policy (S-1, S-2). Decides a request against a compiled policy set, with Cedar's semantics.
 *
 * Held to Cedar's own library by its integration tests and by random differential tests. Pure and synchronous; entities
 * and context are facts of the caller.
 */
import type { CompiledPolicy, CompiledPolicySet, Environment } from './compile.ts';
import type { EntityStore } from './entities.ts';
import { sideOf } from './policy-index.ts';
import type { EntityUid, FaultCode, RecordValue } from './runtime-value.ts';

export interface AuthorizationRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: RecordValue;
}

/** A policy that could not be evaluated. The message names no value of the request. */
export interface PolicyError {
  readonly policyId: string;
  readonly code: FaultCode;
  readonly message: string;
}

export interface AuthorizationAnswer {
  readonly decision: 'allow' | 'deny';
  /** Ids of the policies that determined it, in the order of the set: the permits of an allow, the forbids of a deny. */
  readonly reasons: readonly string[];
  /** Policies that were skipped because they failed, in the order of the set. */
  readonly errors: readonly PolicyError[];
}

interface Failure {
  readonly policy: CompiledPolicy;
  readonly code: FaultCode;
  readonly message: string;
}

const ordered = (policies: readonly CompiledPolicy[]): readonly string[] => {
  if (policies.length < 2) return policies.map((policy) => policy.id);
  const unique = [...new Set(policies)];
  return unique.sort((left, right) => left.ordinal - right.ordinal).map((policy) => policy.id);
};

const orderedErrors = (failures: readonly Failure[]): readonly PolicyError[] => {
  const unique = new Map(failures.map((failure) => [failure.policy.ordinal, failure]));
  return [...unique.values()]
    .sort((left, right) => left.policy.ordinal - right.policy.ordinal)
    .map(({ policy, code, message }) => ({ policyId: policy.id, code, message }));
};

/**
 * Cedar's authorisation: a satisfied `forbid` denies, else a satisfied `permit` allows, else deny. A policy that fails is
 * skipped and reported, also a `forbid`: callers who decide about actions use `decideStrict`.
 * Source: Cedar reference, "How Cedar authorization works".
 */
export const isAuthorized = (
  set: CompiledPolicySet,
  request: AuthorizationRequest,
  entities: EntityStore,
): AuthorizationAnswer => {
  const { principal, action, resource, context } = request;
  const scope = {
    principal: sideOf(principal, entities),
    action: sideOf(action, entities),
    resource: sideOf(resource, entities),
  };
  const environment: Environment = {
    principal,
    action,
    resource,
    context,
    entities,
    principalEntity: scope.principal.entity,
    resourceEntity: scope.resource.entity,
  };
  const permits: CompiledPolicy[] = [];
  const forbids: CompiledPolicy[] = [];
  const failures: Failure[] = [];
  for (const policy of set.index.fitting(scope)) {
    const outcome = policy.conditions(environment);
    if (outcome === true) (policy.effect === 'permit' ? permits : forbids).push(policy);
    else if (outcome !== false) failures.push({ policy, code: outcome.code, message: outcome.message });
  }
  const allowed = forbids.length === 0 && permits.length > 0;
  return {
    decision: allowed ? 'allow' : 'deny',
    reasons: ordered(allowed ? permits : forbids),
    errors: failures.length === 0 ? [] : orderedErrors(failures),
  };
};

/**
 * ATF's rule over Cedar's: any policy that fails denies, because it may have been the `forbid` that mattered. Reasons and
 * errors stay as Cedar gives them, so that a person can see what would have been decided and which policy to correct.
 */
export const decideStrict = (
  set: CompiledPolicySet,
  request: AuthorizationRequest,
  entities: EntityStore,
): AuthorizationAnswer => {
  const answer = isAuthorized(set, request, entities);
  return answer.errors.length === 0 ? answer : { ...answer, decision: 'deny' };
};
