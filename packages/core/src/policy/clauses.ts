/**
 * Room: policy (S-2). The conditions of a policy as things that all have to hold, each with its alternatives, in one form however they are written:
 * `unless { a || b }`, `when { !a && !b }` and `when { !(a || b) }` are the same two things.
 */
import { canonicalJson, type Json } from '../wire/json.ts';

/** Alternatives, one of which is enough; canonical JSON, each with the word before it. */
export type Clause = ReadonlySet<string>;

interface Part {
  readonly json: unknown;
  /** What has to be the case, rather than not. */
  readonly wanted: boolean;
}

interface Operands {
  readonly left?: unknown;
  readonly right?: unknown;
  readonly arg?: unknown;
}

/** What stands beside each other in it under this operator, read under its negations. Without recursion: chains may be long. */
function parts(whole: Part, joined: '&&' | '||'): Part[] {
  const rest: Part[] = [whole];
  const found: Part[] = [];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { json, wanted } = next;
    const node = json as Readonly<Record<string, Operands | undefined>>;
    const [not, unlike] = [node['!'], node['!=']];
    // What is not "a or b" is neither.
    const both = node[wanted ? joined : joined === '&&' ? '||' : '&&'];
    if (not !== undefined) rest.push({ json: not.arg, wanted: !wanted });
    else if (unlike !== undefined) rest.push({ json: { '==': unlike }, wanted: !wanted });
    else if (both === undefined) found.push(next);
    else rest.push({ json: both.right, wanted }, { json: both.left, wanted });
  }
  return found;
}

/** `conditions`: those of a policy in Cedar's JSON form. */
export function clausesOf(
  conditions: readonly { readonly kind: 'when' | 'unless'; readonly body: unknown }[],
): readonly Clause[] {
  return conditions.flatMap(({ kind, body }) =>
    parts({ json: body, wanted: kind === 'when' }, '&&').map(
      (clause) =>
        new Set(
          parts(clause, '||').map(
            ({ json, wanted }) => `${wanted ? 'when' : 'unless'} ${canonicalJson(json as Json)}`,
          ),
        ),
    ),
  );
}

type Bound = readonly [least: number, most: number];
const swapped: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
const reversed: Readonly<Record<string, string>> = { '<': '>=', '<=': '>', '>': '<=', '>=': '<' };

const literalOf = (json: unknown): unknown =>
  typeof json === 'object' && json !== null && 'Value' in json ? json.Value : undefined;

/** What is compared, with the integers that satisfy it; undefined: it compares nothing with an integer. */
function boundOf(comparison: string, wanted: boolean): readonly [what: string, bound: Bound] | undefined {
  const [[operator, { left, right } = {}] = ['', {}]] = Object.entries(
    JSON.parse(comparison) as Record<string, Operands | undefined>,
  );
  if (swapped[operator] === undefined) return undefined;
  const turned = typeof literalOf(left) === 'number';
  const value = literalOf(turned ? left : right);
  if (typeof value !== 'number') return undefined;
  const asked = turned ? (swapped[operator] ?? '') : operator;
  const bounds: Readonly<Record<string, Bound>> = {
    '<': [-Infinity, value - 1],
    '<=': [-Infinity, value],
    '>': [value + 1, Infinity],
    '>=': [value, Infinity],
  };
  const bound = bounds[wanted ? asked : (reversed[asked] ?? '')];
  return bound === undefined ? undefined : [canonicalJson((turned ? right : left) as Json), bound];
}

/** The one literal that something has to equal. */
function equalOf(comparison: string): readonly [what: string, literal: string] | undefined {
  const { '==': equal } = JSON.parse(comparison) as Record<string, Operands | undefined>;
  const [first, second] = [literalOf(equal?.left), literalOf(equal?.right)];
  if (equal === undefined || (first === undefined) === (second === undefined)) return undefined;
  return [
    canonicalJson((first === undefined ? equal.left : equal.right) as Json),
    JSON.stringify(first ?? second),
  ];
}

/** Whether two things have to hold that never hold together, as far as that can be seen from their form: an hour after 22 and before 6. */
export function isContradiction(clauses: readonly Clause[]): boolean {
  const alone = clauses.filter((clause) => clause.size === 1).flatMap((clause) => [...clause]);
  const all = new Set(alone);
  const bounds = new Map<string, Bound>();
  const literals = new Map<string, string>();
  for (const one of alone) {
    const wanted = one.startsWith('when ');
    const comparison = one.slice(wanted ? 5 : 7);
    if (wanted ? comparison === '{"Value":false}' : comparison === '{"Value":true}') return true;
    if (wanted && all.has(`unless ${comparison}`)) return true;
    const equal = wanted ? equalOf(comparison) : undefined;
    if (equal !== undefined) {
      const [what, literal] = equal;
      if ((literals.get(what) ?? literal) !== literal) return true;
      literals.set(what, literal);
    }
    const bound = boundOf(comparison, wanted);
    if (bound === undefined) continue;
    const [what, [least, most]] = bound;
    const [low, high] = bounds.get(what) ?? [-Infinity, Infinity];
    const within: Bound = [Math.max(least, low), Math.min(most, high)];
    if (within[0] > within[1]) return true;
    bounds.set(what, within);
  }
  return false;
}
