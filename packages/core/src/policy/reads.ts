/**
 * Room: policy (S-1, S-4). What the conditions of a policy ask about that is not worked out for every call: the amount, the time, trust of sources, and arguments of a tool. Read
 * from the form of the policy, so that a call pays for it only where a policy asks, and so that what a policy expects of a tool is known before it is asked.
 */

/** Names from the outside in: `customer`, `email` of `context.args.customer.email`. */
export type ArgumentPath = readonly string[];

export interface PolicyReads {
  readonly value: boolean;
  readonly time: boolean;
  /** How far retrieval sources are trusted; absent: it does not ask. */
  readonly sourceTrust?: true;
  /** Time zones that are asked about; absent: none. */
  readonly zones?: readonly string[];
  /** It takes the time as a whole, as a value. */
  readonly wholeTime?: true;
  /** Arguments that are asked about, each with those around it; absent: none, and `context.args` is not asked about. */
  readonly args?: readonly ArgumentPath[];
  /** It asks whether there is `context.args`, and so would pass over a gateway that does not tell. */
  readonly argsGuarded: boolean;
  /** It takes the context as a whole, as a value: what it then asks about cannot be seen. */
  readonly wholeContext: boolean;
}

const utcNames: ReadonlySet<string> = new Set(['weekday', 'hour', 'minute', 'date']);

const noReads: PolicyReads = { value: false, time: false, argsGuarded: false, wholeContext: false };

type Node = Readonly<Record<string, unknown>>;
const isNode = (json: unknown): json is Node =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

/** The names behind `context` of an access, or of the left side of one; undefined: it is of something else. */
function pathOf(json: unknown): readonly string[] | undefined {
  const names: string[] = [];
  let node: unknown = json;
  while (isNode(node)) {
    if (node['Var'] === 'context') return names.reverse();
    const access = node['.'];
    if (!isNode(access) || typeof access['attr'] !== 'string') return undefined;
    names.push(access['attr']);
    node = access['left'];
  }
  return undefined;
}

interface Access {
  readonly path: readonly string[];
  /** It asks whether the context itself has the first name. */
  readonly guard: boolean;
}

/** What is reached from the context, each once and as far as it goes. */
function* accesses(json: unknown): Generator<Access> {
  const rest: unknown[] = [json];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (Array.isArray(next)) rest.push(...(next as unknown[]));
    if (!isNode(next)) continue;
    const has = isNode(next['has']) ? next['has'] : undefined;
    const path = pathOf(has === undefined ? next : has['left']);
    const names = has === undefined ? [] : ([has['attr']].flat() as readonly string[]);
    if (path === undefined) rest.push(...Object.values(next));
    else yield { path: [...path, ...names], guard: path.length === 0 && names.length > 0 };
  }
}

/** `json`: the policy in Cedar's JSON form. */
export function readsOf(json: unknown): PolicyReads {
  if (!isNode(json)) return noReads;
  let [value, time, argsGuarded, wholeContext] = [false, false, false, false];
  let [wholeTime, sourceTrust] = [false, false];
  const args = new Map<string, ArgumentPath>();
  const zones = new Set<string>();
  for (const { path, guard } of accesses(json['conditions'])) {
    const [first, ...names] = path;
    if (first === undefined) wholeContext = true;
    if (first === 'value' || first === 'valueCurrency') value = true;
    if (first === 'sourceTrust') sourceTrust = true;
    if (first === 'time') {
      time = true;
      const [of] = names;
      if (of === undefined) wholeTime = true;
      else if (!utcNames.has(of)) zones.add(of);
    }
    if (first !== 'args') continue;
    args.set(JSON.stringify(names), names);
    if (guard) argsGuarded = true;
  }
  return {
    ...{ value, time, argsGuarded, wholeContext },
    ...(zones.size === 0 ? {} : { zones: [...zones].sort() }),
    ...(wholeTime ? { wholeTime } : {}),
    ...(sourceTrust ? { sourceTrust } : {}),
    ...(args.size === 0 ? {} : { args: [...args.values()] }),
  };
}

/** The one tool that a policy is about: `resource == ATF::Tool::"server/tool"` in its scope. */
export function toolOf(json: unknown): string | undefined {
  const resource = isNode(json) ? json['resource'] : undefined;
  if (!isNode(resource) || resource['op'] !== '==' || !isNode(resource['entity'])) return undefined;
  const entity = isNode(resource['entity']['__entity']) ? resource['entity']['__entity'] : resource['entity'];
  return entity['type'] === 'ATF::Tool' && typeof entity['id'] === 'string' ? entity['id'] : undefined;
}

/** What a whole set asks about. */
export interface SetReads {
  readonly value: boolean;
  readonly time: boolean;
  readonly sourceTrust: boolean;
  /** Time zones that any of them asks about. */
  readonly zones: readonly string[];
  /** By tool (`server/tool`): all that its policies ask about. */
  readonly args: ReadonlyMap<string, readonly ArgumentPath[]>;
  /** Ids of the policies that ask about arguments. */
  readonly byArguments: ReadonlySet<string>;
  /** By tool: each of its policies that ask about arguments, with the types that it was checked against. */
  readonly bound: ReadonlyMap<string, readonly BoundReads[]>;
}

/** One policy about arguments of one tool. */
export interface BoundReads {
  readonly id: string;
  readonly paths: readonly ArgumentPath[];
  /** As `typed` of a policy document. */
  readonly typed?: readonly string[] | undefined;
}

interface StatedPolicy {
  readonly id: string;
  readonly json: unknown;
  readonly typed?: readonly string[] | undefined;
}

export function readsOfSet(policies: readonly StatedPolicy[]): SetReads {
  let [value, time, sourceTrust] = [false, false, false];
  const args = new Map<string, ArgumentPath[]>();
  const byArguments = new Set<string>();
  const zones = new Set<string>();
  const bound = new Map<string, BoundReads[]>();
  for (const { id, json, typed } of policies) {
    const reads = readsOf(json);
    value ||= reads.value;
    time ||= reads.time;
    sourceTrust ||= reads.sourceTrust === true;
    for (const zone of reads.zones ?? []) zones.add(zone);
    if (reads.args === undefined) continue;
    byArguments.add(id);
    // A policy about no one tool is never told of arguments, so it fails, and what it would decide about is refused.
    const tool = toolOf(json);
    if (tool === undefined) continue;
    args.set(tool, [...(args.get(tool) ?? []), ...reads.args]);
    bound.set(tool, [...(bound.get(tool) ?? []), { id, paths: reads.args, typed }]);
  }
  return { value, time, sourceTrust, zones: [...zones].sort(), args, byArguments, bound };
}
