/** Room: segmentation (S-1, S-2). A dangerous combination of rights as a value: its form, how bad it is, its name, and its words. */
import { sha256 } from '../../digest.ts';
import {
  type ComposedTool,
  doesWords,
  type Freedom,
  freedoms,
  lessFree,
  type Right,
  type Starts,
} from './rights.ts';

/**
 * `leak`: private data may be sent out · `hijack`: an untrusted text may have harm done · `trifecta`: an untrusted text may have private data sent out ·
 * `leak_across`, `hijack_across`: the same through what one agent keeps where another reads it, or tells another with which it shares work.
 */
export const findingKinds = ['trifecta', 'leak', 'hijack', 'leak_across', 'hijack_across'] as const;
export type FindingKind = (typeof findingKinds)[number];
/** The worst last. Order is meaning. */
export const severities = ['low', 'medium', 'high'] as const;
export type Severity = (typeof severities)[number];

/** What stands between the sources and the harm. `provenance`: a person is asked when a value that decides comes from an untrusted text. */
export type Between = 'provenance' | 'task' | 'person';

/** One right of one group. */
export interface Held {
  /** Agents with equal rights. */
  readonly agents: readonly string[];
  readonly right: Right;
}

/** That one group may start another, or anybody. */
export interface Delegating {
  readonly agents: readonly string[];
  readonly starts: Starts;
}

/** `words`: who may start the other tells it what to do. `answer`: who was started says what came of it. */
export type TalkWay = 'words' | 'answer';

export type Step =
  | ({ readonly kind: 'right'; readonly part: 'source' | 'untrusted' | 'keep' | 'read' | 'sink' } & Held)
  | { readonly kind: 'store'; readonly server: string }
  | {
      readonly kind: 'delegation';
      readonly way: TalkWay;
      readonly from: readonly string[];
      readonly to: readonly string[];
    };

export interface Finding {
  /** The same combination has the same id, whoever holds it and whatever it is called. */
  readonly id: string;
  readonly kind: FindingKind;
  readonly severity: Severity;
  /** Who can do the harm, by name. */
  readonly agents: readonly string[];
  /** Everybody with a right on some path, by name; the same as `agents` within one agent. */
  readonly involved: readonly string[];
  readonly sources: readonly Held[];
  /** Of `trifecta`: where untrusted text comes in. */
  readonly untrusted: readonly Held[];
  readonly sinks: readonly Held[];
  /** The worst one. */
  readonly path: readonly Step[];
  readonly between: readonly Between[];
  /** The smallest set of rights without which no path is left. */
  readonly cut: readonly Held[];
  /** Of that set: who must not start whom any more. */
  readonly cutStarts: readonly Delegating[];
}

/** What the severity of one path is made of. */
export interface Weighed {
  readonly kind: FindingKind;
  readonly source: Right;
  readonly sink: Right;
  /** Of every right on the path, the least. */
  readonly freedom: Freedom;
  /** What comes in is said from agent to agent: nobody looks at where values of it come from. */
  readonly unseen?: boolean;
}

function baseOf({ kind, source, sink }: Weighed): Severity {
  if (kind === 'trifecta') return 'high';
  if (kind === 'leak' || kind === 'leak_across')
    return source.tool.sensitivity === 'restricted' ? 'high' : 'medium';
  // Sending what somebody else wrote does less than running, deleting or paying.
  return sink.tool.class === 'send' && !sink.tool.amount ? 'medium' : 'high';
}

/** Whether policy looks at where values come from, and holds back those of an untrusted text. */
const heldBack = ({ sink, freedom, unseen = false }: Weighed): boolean =>
  !unseen && freedoms.indexOf(sink.untrusted) < freedoms.indexOf(freedom);

/** What stands between, the strongest last. A leak needs no untrusted text, so provenance is nothing to it. */
export function betweenOf(path: Weighed): Between[] {
  const { kind, freedom } = path;
  const led = kind !== 'leak' && kind !== 'leak_across';
  return [
    ...(led && heldBack(path) ? (['provenance'] as const) : []),
    ...(freedom === 'task' || freedom === 'person' ? [freedom] : []),
  ];
}

/** One step less for the provenance rule and for a task; with a person who approves each call it is low. */
export function severityOf(path: Weighed): Severity {
  const between = betweenOf(path);
  const lower = between.includes('person') ? severities.length : between.length;
  return severities[Math.max(0, severities.indexOf(baseOf(path)) - lower)] ?? 'low';
}

export const freedomOf = (rights: readonly Right[]): Freedom =>
  rights.reduce<Freedom>((least, { freedom }) => lessFree(least, freedom), 'alone');

const idLength = 16;
const unique = (names: readonly string[]): string[] => [...new Set(names)].sort();
const refOf = ({ right }: Held): string => `${right.tool.ref} ${right.freedom} ${right.untrusted}`;

/** Name of a combination: its kind, its rights, and what else makes it another one. */
export const findingId = (
  kind: FindingKind,
  parts: readonly (readonly Held[])[],
  more: readonly string[] = [],
): string =>
  sha256(JSON.stringify([kind, ...parts.map((held) => unique(held.map(refOf))), ...more])).slice(0, idLength);

const namesShown = 3;
/** `a`, `a and b`, `a, b, c and 4 more`. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShown);
  const more = names.length - shown.length;
  const all = more > 0 ? [...shown, `${more} more`] : shown;
  return all.length < 2 ? (all[0] ?? '') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`;
}

const privateWords = ({ ref, sensitivity, domain }: ComposedTool): string =>
  `${ref} (${sensitivity}, domain ${domain})`;
const sinkWords = (tool: ComposedTool): string => `${tool.ref} (${doesWords(tool)})`;
const toolsOf = (held: readonly Held[], say: (tool: ComposedTool) => string): string =>
  listed(unique(held.map(({ right }) => say(right.tool))));
const refs = (held: readonly Held[]): string => toolsOf(held, ({ ref }) => ref);

const harm = { leak: 'can send data out', hijack: 'can do harm' } as const;

/** The ways between the agents of a path, in its order. */
function throughOf(path: readonly Step[]): string {
  const stores = path.flatMap((step) => (step.kind === 'store' ? [step.server] : []));
  const first = path.find((step) => step.kind === 'right');
  const from = first?.kind === 'right' ? listed(first.agents) : 'others';
  const said = path.flatMap((step) => {
    if (step.kind !== 'delegation') return [];
    const [a, b] = [listed(step.from), listed(step.to)];
    return [step.way === 'words' ? `the work that ${a} can give ${b}` : `what ${a} can answer ${b}`];
  });
  return listed([...(stores.length === 0 ? [] : [`what ${from} can put into ${listed(stores)}`]), ...said]);
}

/** One sentence: which rights together make it possible. */
export function saysOf({ kind, agents, sources, untrusted, sinks, path }: Finding): string {
  const who = listed(agents);
  if (kind === 'leak')
    return `${who}: private data from ${toolsOf(sources, privateWords)} can be sent out with ${refs(sinks)}.`;
  if (kind === 'hijack')
    return `${who}: a text that anybody may have written comes in with ${refs(sources)} and can have this done: ${toolsOf(sinks, sinkWords)}.`;
  if (kind === 'trifecta')
    return `${who}: a text that anybody may have written comes in with ${refs(untrusted)} and can have private data from ${toolsOf(sources, privateWords)} sent out with ${refs(sinks)}.`;
  const through = throughOf(path);
  return kind === 'leak_across'
    ? `${who}: private data from ${toolsOf(sources, privateWords)}, which it may not read itself, can reach it through ${through}, and it ${harm.leak} with ${refs(sinks)}.`
    : `${who}: a text that anybody may have written (${refs(sources)}) can reach it through ${through}, and it ${harm.hijack}: ${toolsOf(sinks, sinkWords)}.`;
}

const betweenWords: Readonly<Record<Between, string>> = {
  provenance:
    'A person is asked when the address, the object or the amount comes from the untrusted text; other words of the call are not looked at.',
  task: "It takes a session to which a person gave a task that asks for it, with values from that person's words or a trusted source.",
  person: 'A person approves each such call.',
};

export const standsBetween = (between: readonly Between[]): string =>
  between.length === 0 ? 'Nobody stands in between.' : between.map((each) => betweenWords[each]).join(' ');

const startsWords = (starts: Starts): string => (starts === 'any' ? 'any agent' : listed(starts));

/** What to do about it. */
export function suggestionOf({ cut, cutStarts, sources, untrusted, sinks }: Finding): string {
  const what = cut.map(({ agents, right }) => `${right.tool.ref} of ${listed(agents)}`);
  const ofTables = cut.some(({ right }) => right.tool.table !== undefined);
  const take = [
    ...(what.length === 0
      ? []
      : [
          `Take away ${listed(what)}${ofTables ? ' (databases in the manifest)' : ''}, or declare a human checkpoint for it in the manifest: then a person approves each such call.`,
        ]),
    ...cutStarts.map(
      ({ agents, starts }) =>
        `Do not let ${listed(agents)} start ${startsWords(starts)} any more (mayStart in the manifest).`,
    ),
  ].join(' ');
  const unknown = unique(
    [...sources, ...untrusted, ...sinks].flatMap(({ right }) =>
      right.tool.classified ? [] : [right.tool.table?.tool ?? right.tool.ref],
    ),
  );
  return unknown.length === 0
    ? take
    : `${take} Nobody has classified ${listed(unknown)}: it counts as the worst until somebody does (atf tool classify).`;
}
