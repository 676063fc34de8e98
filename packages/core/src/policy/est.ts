/**
 * Room: policy (S-1, S-2). Reads one policy in Cedar's JSON form ("EST") into a typed tree, or says why not.
 *
 * Strict on purpose: a member, operator or function that is not known here is refused at load, because a policy that is
 * half understood could be a `forbid` that vanishes. Templates and their slots are refused; ATF has none.
 * Source: Cedar language reference, "JSON policy format".
 */
import { readAction, readPrincipalOrResource, type ActionScope, type EntityScope } from './est-scope.ts';
import { EstReader, isObject, type PolicyProblem } from './est-reader.ts';
import { readExpression, type Expression } from './est-expression.ts';

export type { ActionScope, EntityScope } from './est-scope.ts';
export type { Expression } from './est-expression.ts';
export {
  EXPRESSION_DEPTH_MAX,
  EXPRESSION_NODES_MAX,
  type PolicyProblem,
  type PolicyProblemCode,
} from './est-reader.ts';

/** `when` and `unless` clauses of one policy. */
export const CONDITIONS_MAX = 256;
/** Annotations of one policy. */
export const ANNOTATIONS_MAX = 64;

export interface Condition {
  readonly kind: 'when' | 'unless';
  readonly body: Expression;
}

/** One static policy. */
export interface PolicyTree {
  readonly effect: 'permit' | 'forbid';
  readonly principal: EntityScope;
  readonly action: ActionScope;
  readonly resource: EntityScope;
  readonly conditions: readonly Condition[];
  /** `@name` without a value reads as the empty string, as in Cedar. */
  readonly annotations: ReadonlyMap<string, string>;
}

export type PolicyTreeResult =
  | { readonly ok: true; readonly policy: PolicyTree }
  | { readonly ok: false; readonly problem: PolicyProblem };

const POLICY_MEMBERS: readonly string[] = ['effect', 'principal', 'action', 'resource', 'conditions'];

const readConditions = (json: unknown, reader: EstReader): readonly Condition[] | undefined => {
  if (!Array.isArray(json) || json.length > CONDITIONS_MAX) return reader.refuse('malformed', 'conditions');
  const conditions: Condition[] = [];
  for (const clause of json as readonly unknown[]) {
    if (!isObject(clause) || !reader.hasExactly(clause, ['kind', 'body'])) {
      return reader.refuse('malformed', 'a condition is an object of kind and body');
    }
    const { kind, body: bodyJson } = clause;
    if (kind !== 'when' && kind !== 'unless')
      return reader.refuse('malformed', 'a condition is when or unless');
    const body = readExpression(bodyJson, reader);
    if (body === undefined) return undefined;
    conditions.push({ kind, body });
  }
  return conditions;
};

const readAnnotations = (json: unknown, reader: EstReader): ReadonlyMap<string, string> | undefined => {
  if (json === undefined) return new Map();
  if (!isObject(json)) return reader.refuse('malformed', 'annotations');
  const entries = Object.entries(json);
  if (entries.length > ANNOTATIONS_MAX) return reader.refuse('too_large', 'too many annotations');
  const annotations = new Map<string, string>();
  for (const [name, value] of entries) {
    if (value !== null && typeof value !== 'string')
      return reader.refuse('malformed', 'an annotation is a string');
    annotations.set(name, value ?? '');
  }
  return annotations;
};

const read = (json: unknown, reader: EstReader): PolicyTree | undefined => {
  if (!isObject(json)) return reader.refuse('malformed', 'a policy is an object');
  if (!reader.hasExactly(json, POLICY_MEMBERS, ['annotations'])) {
    return reader.refuse(
      'malformed',
      `a policy has the members ${POLICY_MEMBERS.join(', ')} and perhaps annotations`,
    );
  }
  const { effect } = json;
  if (effect !== 'permit' && effect !== 'forbid')
    return reader.refuse('malformed', 'the effect is permit or forbid');
  const principal = readPrincipalOrResource(json.principal, reader);
  const action = readAction(json.action, reader);
  const resource = readPrincipalOrResource(json.resource, reader);
  const conditions = readConditions(json.conditions, reader);
  const annotations = readAnnotations(json.annotations, reader);
  if (!principal || !action || !resource || !conditions || !annotations) return undefined;
  return { effect, principal, action, resource, conditions, annotations };
};

/** Reads the policy `json` under `policyId`. Never throws; the first thing that is wrong is the problem. */
export const readPolicyTree = (policyId: string, json: unknown): PolicyTreeResult => {
  const reader = new EstReader(policyId);
  const policy = read(json, reader);
  if (policy !== undefined && reader.problem === undefined) return { ok: true, policy };
  reader.refuse('malformed', 'the policy cannot be read');
  return { ok: false, problem: reader.problem as PolicyProblem };
};
