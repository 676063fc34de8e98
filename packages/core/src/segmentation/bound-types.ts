/**
 * Room: segmentation (S-1, S-4). The types of a tool's arguments that a policy counts on, as one digest: what it was checked against is compared with what the tool
 * has when it is called, so that no comparison is false only because the two are of different kinds. Pure.
 */
import { sha256 } from '../digest.ts';
import { canonicalJson, type Json } from '../wire/json.ts';
import { type ArgumentMember, type ArgumentType, argumentTypes } from './argument-types.ts';

/** A record in Cedar's JSON form of a schema. */
export type Attributes = Readonly<Record<string, Attribute>>;
export interface Attribute {
  readonly type: string;
  readonly required: boolean;
  readonly attributes?: Attributes;
  readonly element?: { readonly type: string };
}

const typed = (type: ArgumentType): Omit<Attribute, 'required'> => {
  if (type.kind === 'Record') return { type: 'Record', attributes: attributesIn(type.members) };
  return type.kind === 'Set' ? { type: 'Set', element: { type: type.of } } : { type: type.kind };
};

const attributesIn = (members: ReadonlyMap<string, ArgumentMember>): Attributes =>
  Object.fromEntries([...members].map(([name, { type, required }]) => [name, { ...typed(type), required }]));

const known = new WeakMap<object, Attributes>();

/** `definition`: as it was accepted; definitions are never changed in place. */
export function attributesOf(definition: Readonly<Record<string, unknown>>): Attributes {
  const before = known.get(definition);
  if (before !== undefined) return before;
  const attributes = attributesIn(argumentTypes(definition).members);
  known.set(definition, attributes);
  return attributes;
}

type Path = readonly string[];

/** What stands on a path, with whether each step of it is always there; null: nothing of a type. An empty path: all arguments. */
function at(attributes: Attributes, path: Path): Json {
  const steps: Json[] = [];
  let within: Attributes | undefined = attributes;
  let last: Attribute | undefined;
  for (const name of path) {
    last = within !== undefined && Object.hasOwn(within, name) ? within[name] : undefined;
    if (last === undefined) return null;
    steps.push(last.required);
    within = last.attributes;
  }
  return [...steps, (last ?? attributes) as unknown as Json];
}

/** The arguments on these paths, and of what type they are. */
export function typesDigest(attributes: Attributes, paths: readonly Path[]): string {
  const said = paths.map((path) => canonicalJson([[...path], at(attributes, path)]));
  return sha256([...new Set(said)].sort().join('\n'));
}

/** Those of the paths that are not of the same type in both. */
export const changedPaths = (before: Attributes, after: Attributes, paths: readonly Path[]): Path[] =>
  paths.filter((path) => typesDigest(before, [path]) !== typesDigest(after, [path]));

/** For people: `Long`, `String?` where it may be absent, `Set<String>`; `nothing that policies know`. */
export function typeWords(attributes: Attributes, path: Path): string {
  const found = at(attributes, path);
  if (found === null) return 'nothing that policies know';
  if (path.length === 0) return 'all arguments';
  const { type, element, required } = (found as unknown as readonly Attribute[]).at(-1) as Attribute;
  return `${element === undefined ? type : `${type}<${element.type}>`}${required ? '' : '?'}`;
}

/** A policy about arguments of a tool, and the types that it was checked against: one digest for each definition that it fits. */
export interface BoundPolicy {
  readonly id: string;
  readonly paths: readonly Path[];
  /** Absent: of a set of before they were kept. */
  readonly typed?: readonly string[] | undefined;
}

const digests = new WeakMap<BoundPolicy, WeakMap<Attributes, boolean>>();

/** Whether the policy was checked against arguments of these types. */
export function isBoundTo(policy: BoundPolicy, attributes: Attributes): boolean {
  const { typed, paths } = policy;
  if (typed === undefined) return true;
  const answers = digests.get(policy) ?? new WeakMap<Attributes, boolean>();
  digests.set(policy, answers);
  const before = answers.get(attributes);
  if (before !== undefined) return before;
  const bound = typed.includes(typesDigest(attributes, paths));
  answers.set(attributes, bound);
  return bound;
}
