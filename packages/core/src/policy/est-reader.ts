/** Room: policy (S-1). What reading one policy counts and remembers: its bounds and its first problem. */

/** Nested expressions of one policy; a chain of `&&` nests once per link. */
export const EXPRESSION_DEPTH_MAX = 1_000;
/** Expressions of one policy. */
export const EXPRESSION_NODES_MAX = 50_000;

export type PolicyProblemCode =
  | 'malformed'
  | 'operator_unknown'
  | 'extension_unknown'
  | 'template_slot'
  | 'integer_unsafe'
  | 'too_deep'
  | 'too_large'
  | 'id_invalid'
  | 'id_duplicate';

/** Why a policy set is refused at load. The message names words of the policy form, never its literals. */
export interface PolicyProblem {
  readonly policyId: string;
  readonly code: PolicyProblemCode;
  readonly message: string;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (json: unknown): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

export class EstReader {
  readonly policyId: string;
  problem: PolicyProblem | undefined;
  #nodesLeft = EXPRESSION_NODES_MAX;
  #depth = 0;

  constructor(policyId: string) {
    this.policyId = policyId;
  }

  /** Keeps the first problem; later ones follow from it. */
  refuse(code: PolicyProblemCode, message: string): undefined {
    this.problem ??= { policyId: this.policyId, code, message };
    return undefined;
  }

  /** Whether `json` has every required member and nothing else but the optional ones. */
  hasExactly(json: JsonObject, required: readonly string[], optional: readonly string[] = []): boolean {
    const names = Object.keys(json);
    return (
      required.every((name) => Object.hasOwn(json, name)) &&
      names.every((name) => required.includes(name) || optional.includes(name))
    );
  }

  /** Runs `readNode` one level deeper, within the bounds. */
  nested<T>(readNode: () => T | undefined): T | undefined {
    this.#nodesLeft -= 1;
    if (this.#nodesLeft < 0) return this.refuse('too_large', `more than ${EXPRESSION_NODES_MAX} expressions`);
    if (this.#depth >= EXPRESSION_DEPTH_MAX)
      return this.refuse('too_deep', `deeper than ${EXPRESSION_DEPTH_MAX} levels`);
    this.#depth += 1;
    const node = readNode();
    this.#depth -= 1;
    return node;
  }
}
