/**
 * Room: policy (S-1, S-2). Decides a request against a compiled policy set, with Cedar's semantics.
 *
 * Held to Cedar's own library by its integration tests and by random differential tests. Pure and synchronous; entities
 * and context are facts of the caller.
 */
import type { CompiledPolicy, CompiledPolicySet, Environment } from './compile.ts';
import type { Entity, EntityStore } from './entities.ts';
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

/** What of a request does not depend on its context: the two sides, what the store holds of them, and the policies whose scope fits. */
export interface AskedScope {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly entities: EntityStore;
  readonly principalEntity: Entity | undefined;
  readonly resourceEntity: Entity | undefined;
  /** Each once, in the order of the set. */
  readonly fitting: readonly CompiledPolicy[];
}

export const scopeOf = (
  { index }: CompiledPolicySet,
  { principal, action, resource }: Omit<AuthorizationRequest, 'context'>,
  entities: EntityStore,
): AskedScope => {
  const scope = {
    principal: sideOf(principal, entities),
    action: sideOf(action, entities),
    resource: sideOf(resource, entities),
  };
  return {
    principal,
    action,
    resource,
    entities,
    principalEntity: scope.principal.entity,
    resourceEntity: scope.resource.entity,
    fitting: [...new Set(index.fitting(scope))].sort((left, right) => left.ordinal - right.ordinal),
  };
};

const nothing: readonly never[] = Object.freeze([]);

/**
 * Cedar's authorisation: a satisfied `forbid` denies, else a satisfied `permit` allows, else deny. A policy that fails is
 * skipped and reported, also a `forbid`: callers who decide about actions use `decideStrict`.
 * Source: Cedar reference, "How Cedar authorization works".
 */
export const isAuthorized = (
  set: CompiledPolicySet,
  request: AuthorizationRequest,
  entities: EntityStore,
): AuthorizationAnswer => answerIn(scopeOf(set, request, entities), request.context);

const answerIn = (scope: AskedScope, context: RecordValue): AuthorizationAnswer => {
  const { principal, action, resource, entities, principalEntity, resourceEntity } = scope;
  const environment: Environment = {
    principal,
    action,
    resource,
    context,
    entities,
    principalEntity,
    resourceEntity,
  };
  const permits: string[] = [];
  const forbids: string[] = [];
  let errors: PolicyError[] | undefined;
  for (const { id, effect, conditions } of scope.fitting) {
    const outcome = conditions(environment);
    if (outcome === true) (effect === 'permit' ? permits : forbids).push(id);
    else if (outcome !== false) {
      const { code, message } = outcome;
      errors ??= [];
      errors.push({ policyId: id, code, message });
    }
  }
  const allowed = forbids.length === 0 && permits.length > 0;
  return {
    decision: allowed ? 'allow' : 'deny',
    reasons: allowed ? permits : forbids,
    errors: errors ?? nothing,
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
): AuthorizationAnswer => decideStrictIn(scopeOf(set, request, entities), request.context);

/** The same in a scope that was looked up before. */
export const decideStrictIn = (scope: AskedScope, context: RecordValue): AuthorizationAnswer => {
  const answer = answerIn(scope, context);
  return answer.errors.length === 0 ? answer : { ...answer, decision: 'deny' };
};
