/**
 * Room: policy (S-1, S-2). From policies in Cedar's JSON form to a set that can be evaluated, or the list of problems.
 *
 * All or nothing: one policy that cannot be evaluated refuses the whole set, because leaving out a `forbid` would grant.
 * It neither parses Cedar text nor checks against a schema; the control plane does that with Cedar's own library.
 */
import { compileExpression, type Environment, type Evaluate } from './compile-expression.ts';
import { type PolicyProblem, type PolicyTree, readPolicyTree } from './est.ts';
import { PolicyIndex, type Scoped } from './policy-index.ts';
import { readsOfSet, type SetReads } from './reads.ts';
import { type Fault, mismatch } from './runtime-value.ts';

export type { Environment } from './compile-expression.ts';
export type { PolicyProblem, PolicyProblemCode } from './est.ts';

/** Policies of one set. */
export const POLICIES_MAX = 100_000;
/** Characters of a policy id. */
export const POLICY_ID_LENGTH_MAX = 256;
/** Problems that one attempt reports. */
export const PROBLEMS_MAX = 100;

export interface PolicySource {
  readonly id: string;
  /** The policy in Cedar's JSON form. */
  readonly json: unknown;
  /** As `typed` of a policy document. */
  readonly typed?: readonly string[] | undefined;
}

/** A policy whose scope the index knows and whose conditions are one closure: true, false, or a fault. */
export interface CompiledPolicy extends Scoped {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly annotations: ReadonlyMap<string, string>;
  readonly conditions: (environment: Environment) => boolean | Fault;
}

export interface CompiledPolicySet {
  readonly index: PolicyIndex<CompiledPolicy>;
  /** In the order in which they were given; `ordinal` is the place. */
  readonly policies: readonly CompiledPolicy[];
  readonly reads: SetReads;
}

export type CompileResult =
  | { readonly ok: true; readonly set: CompiledPolicySet }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

const compileConditions = (tree: PolicyTree): CompiledPolicy['conditions'] => {
  const clauses: readonly (readonly [Evaluate, boolean])[] = tree.conditions.map(({ kind, body }) => [
    compileExpression(body).evaluate,
    kind === 'when',
  ]);
  const [only] = clauses;
  if (only === undefined) return () => true;
  const [first, wantedFirst] = only;
  if (clauses.length === 1)
    return (environment) => {
      const outcome = first(environment);
      return typeof outcome === 'boolean' ? outcome === wantedFirst : mismatch('bool', outcome);
    };
  return (environment) => {
    for (const [evaluate, wanted] of clauses) {
      const outcome = evaluate(environment);
      if (typeof outcome !== 'boolean') return mismatch('bool', outcome);
      if (outcome !== wanted) return false;
    }
    return true;
  };
};

const compilePolicy = (id: string, ordinal: number, tree: PolicyTree): CompiledPolicy => ({
  id,
  ordinal,
  effect: tree.effect,
  principal: tree.principal,
  action: tree.action,
  resource: tree.resource,
  annotations: tree.annotations,
  conditions: compileConditions(tree),
});

const idProblem = (id: unknown, seen: ReadonlySet<string>): PolicyProblem | undefined => {
  if (typeof id !== 'string' || id === '' || id.length > POLICY_ID_LENGTH_MAX || !id.isWellFormed()) {
    return {
      policyId: String(id).slice(0, POLICY_ID_LENGTH_MAX),
      code: 'id_invalid',
      message: 'a policy needs an id',
    };
  }
  return seen.has(id)
    ? { policyId: id, code: 'id_duplicate', message: 'two policies have this id' }
    : undefined;
};

/**
 * Compiles a whole policy set. Refuses unknown operators and functions, template slots, malformed members, integers that
 * JSON may have rounded, ids that are missing or double, and everything beyond the bounds, each with its policy id.
 */
export const compilePolicySet = (sources: readonly PolicySource[]): CompileResult => {
  if (sources.length > POLICIES_MAX) {
    return {
      ok: false,
      problems: [{ policyId: '', code: 'too_large', message: `more than ${POLICIES_MAX} policies` }],
    };
  }
  const problems: PolicyProblem[] = [];
  const policies: CompiledPolicy[] = [];
  const seen = new Set<string>();
  for (const [ordinal, { id, json }] of sources.entries()) {
    if (problems.length >= PROBLEMS_MAX) break;
    const wrongId = idProblem(id, seen);
    seen.add(id);
    const result = readPolicyTree(id, json);
    if (wrongId !== undefined) problems.push(wrongId);
    else if (!result.ok) problems.push(result.problem);
    else policies.push(compilePolicy(id, ordinal, result.policy));
  }
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, set: { policies, index: new PolicyIndex(policies), reads: readsOfSet(sources) } };
};
