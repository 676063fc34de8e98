/**
 * Steps 4 and 8 of the pipeline for sensitive data (D-3) and injected orders (D-2): what stands in the arguments of a call, as facts of its decision, and what stands
 * in its result, which is masked by the agent's level before anybody keeps or reads it. Nothing that matched leaves this file but as a count.
 */
import type { Detector } from '@atf/core/data/detectors/detector';
import { detectors } from '@atf/core/data/detectors/index';
import { type InjectionVerdict, injectionVerdict, modelId } from '@atf/core/data/injection';
import {
  inspect,
  inspectInParts,
  type Inspected,
  type InspectOptions,
  type Inspection,
} from '@atf/core/data/inspect';
import { type MadeDetector, ownDetectors } from '@atf/core/data/own/own-detectors';
import type { GivenValues } from '@atf/core/data/output/links';
import { isNamed, sensitiveDefault } from '@atf/core/data/sensitive';
import { Tally } from '@atf/core/data/tally';
import { type KeptValue, Tokenising, type Tokens } from '@atf/core/data/tokens';
import type { DataRecord } from '@atf/core/record';
import type { SettingsDoc } from '@atf/core/wire/feed';
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import type { ActionClass, Level } from '@atf/core/wire/words';
import type { DetectorVerdict } from '@atf/core/world';
import { setImmediate } from 'node:timers/promises';
import { bytesIn, inspectBytes } from './bytes-inspection.ts';
import { WorstScore } from './models.ts';
import { outputVerdicts, Said } from './output-inspection.ts';
import type { ToolResult } from './protocols/protocol.ts';
import type { Stated } from './record.ts';
import { readingsOf } from './readers.ts';
import type { KeepValues } from './tokens.ts';
import { type Asking, asksServices, withAnswers } from './service-detectors.ts';

/** Of a detector's verdicts in records: raised when what it finds changes. */
const version = '1';
const sliceMs = 8;
const byId = new Map(detectors.map((detector) => [detector.id, detector]));

const sensitiveOf = (settings: SettingsDoc | undefined) => settings?.sensitive ?? sensitiveDefault;

/** Detectors of the company's own that are in force: the same ones while the settings are the same. */
export const ownOf = (settings: SettingsDoc | undefined): readonly MadeDetector[] =>
  ownDetectors(settings?.detectors);

interface Known {
  readonly inspection: Inspection;
  readonly heard: Said;
  /** By these of the company's own, with these readers, and for what is never sent by these settings; others look again. */
  readonly own: readonly MadeDetector[];
  readonly readers: SettingsDoc['readers'];
  readonly sensitive: SettingsDoc['sensitive'];
  /** Those that did not answer about it, and hold nothing up. */
  readonly unanswered: readonly MadeDetector[];
}

/** Arguments are looked at once, however often the call is decided. */
const known = new WeakMap<JsonObject, Known>();
/** Characters that are looked at in the tick of a decision; what is longer has been looked at before, in parts, or counts as unchecked. */
export const atOnceMax = 16_384;

const sent = { channel: 'sent' } as const;

const isKnownBy = (of: Known | undefined, settings: SettingsDoc | undefined): boolean =>
  of !== undefined &&
  of.own === ownOf(settings) &&
  of.readers === settings?.readers &&
  of.sensitive === settings?.sensitive;

const madeOf = (settings: SettingsDoc | undefined) => ({
  own: ownOf(settings),
  readers: settings?.readers,
  sensitive: settings?.sensitive,
});

/** What is never sent counts whatever else is found where it is. */
const mattersSent = (settings: SettingsDoc | undefined) => {
  const { neverSent } = sensitiveOf(settings);
  return (detector: Detector) => isNamed(neverSent, detector);
};

/** Has arguments looked at before they are decided about; `length`: of their text. */
export async function inspectArguments(
  args: JsonObject,
  length: number,
  settings: SettingsDoc | undefined,
  asking: Asking,
): Promise<void> {
  const own = ownOf(settings);
  if (isKnownBy(known.get(args), settings)) return;
  const bytes = bytesIn(args);
  if (length <= atOnceMax && bytes.length === 0 && !asksServices(own, 'sent')) return;
  const heard = new Said();
  const readings = await readingsOf(bytes, settings?.readers, asking);
  const answers = await withAnswers(own, 'sent', asking, async (of) => {
    await driven(inspectInParts(args, { ...sent, ...of }));
    await driven(inspectBytes(bytes, { ...sent, ...of }, readings));
  });
  const options = { ...sent, own: answers.own, matters: mattersSent(settings), hear: heard.hear };
  const { inspection } = await driven(inspectInParts(args, options));
  const inside = await driven(inspectBytes(bytes, options, readings));
  inside.add(inspection);
  const { unanswered } = answers;
  known.set(args, { inspection: inside, heard, ...madeOf(settings), unanswered });
}

function lookedAt(args: JsonObject, settings: SettingsDoc | undefined): Known {
  const own = ownOf(settings);
  const before = known.get(args);
  if (before !== undefined && isKnownBy(before, settings)) return before;
  const heard = new Said();
  const matters = mattersSent(settings);
  const { inspection } = inspect(args, { ...sent, own, matters, max: atOnceMax, hear: heard.hear });
  const all = new Tally();
  all.add(inspection);
  // Archives are opened before the tick of a decision, or not at all.
  if (bytesIn(args).length > 0) all.unchecked = true;
  const looked = { inspection: all, heard, ...madeOf(settings), unanswered: [] };
  known.set(args, looked);
  return looked;
}

/** Bytes that go to a service while they come (protocols/http-door.ts): the call knows what they come to, and nobody has looked at them. */
const isUpload = (value: Json): boolean =>
  isJsonObject(value) &&
  Object.keys(value).length === 2 &&
  typeof value['sha256'] === 'string' &&
  typeof value['bytes'] === 'number';

/** Who says it, and what was said to them. */
export interface Saying {
  readonly action: ActionClass;
  readonly level: Level;
  readonly settings: SettingsDoc | undefined;
  /** What the session was given; absent: it does not matter. */
  readonly given?: GivenValues | undefined;
}

/** What the detectors say of the arguments of a call: a label each, `block` where a call must not have it, `review` where a person looks at it first. */
export function argumentVerdicts(args: JsonObject, saying: Saying): readonly DetectorVerdict[] {
  return [...sensitiveVerdicts(args, saying), ...saidVerdicts(args, saying)];
}

function saidVerdicts(args: JsonObject, { action, level, settings, given }: Saying): DetectorVerdict[] {
  const own = ownOf(settings);
  const { inspection, heard } = lookedAt(args, settings);
  const { neverSent } = sensitiveOf(settings);
  const isNever = (id: string) => {
    const detector = own.find((each) => each.id === id) ?? byId.get(id);
    return detector !== undefined && isNamed(neverSent, detector);
  };
  const anyNever = [...inspection.found.keys()].some(isNever);
  const matters = mattersSent(settings);
  const isSensitive = (text: string) =>
    anyNever && [...inspect(text, { ...sent, own, matters }).inspection.found.keys()].some(isNever);
  return outputVerdicts(heard, { action, level, settings, isSensitive, given });
}

function sensitiveVerdicts(args: JsonObject, { action, settings }: Saying): DetectorVerdict[] {
  const own = ownOf(settings);
  const { inspection, unanswered } = lookedAt(args, settings);
  const { found, unchecked, uninspected } = inspection;
  const uploads = uninspected || Object.values(args).some(isUpload);
  if (found.size === 0 && !unchecked && !uploads && unanswered.length === 0) return [];
  const { neverSent, uninspected: unseen } = sensitiveOf(settings);
  const verdicts = [...found.keys()].flatMap((id): DetectorVerdict[] => {
    const mine = own.find((each) => each.id === id);
    const detector = mine ?? byId.get(id);
    if (detector === undefined) return [];
    const verdict = action === 'send' && isNamed(neverSent, detector) ? 'block' : 'label';
    return [{ detector: id, version: mine?.version ?? version, verdict, labels: [detector.category] }];
  });
  for (const { id, version: of } of unanswered)
    verdicts.push({ detector: id, version: of, verdict: 'label', labels: ['unchecked'] });
  if (uploads) {
    const refuses = (unseen?.sent ?? (neverSent.length > 0 ? 'refuse' : 'label')) === 'refuse';
    const verdict = action === 'send' && refuses ? 'block' : 'label';
    verdicts.push({ detector: 'inspection', version, verdict, labels: ['uninspected'] });
  }
  if (!unchecked) return verdicts;
  // What nobody has looked at is read by nobody else: changes and sends wait until it is smaller.
  const verdict = action === 'read' ? 'label' : 'block';
  return [...verdicts, { detector: 'inspection', version, verdict, labels: ['unchecked'] }];
}

const contents = new Set(['text', 'image', 'audio', 'resource', 'resource_link']);
const mediaType = /^[\w.+-]{1,60}\/[\w.+-]{1,100}$/;

/** Members of contents that are words of the protocol, or bytes (MCP, tool results); whatever else has these names is content. */
const skip = (key: string, within: Record<string, Json>): 'words' | 'bytes' | undefined => {
  const { type, mimeType } = within;
  if (key === 'type') return typeof type === 'string' && contents.has(type) ? 'words' : undefined;
  if (key === 'mimeType')
    return typeof mimeType === 'string' && mediaType.test(mimeType) ? 'words' : undefined;
  const isMedia = type === 'image' || type === 'audio';
  const isBytes = (key === 'data' && isMedia) || (key === 'blob' && typeof within['uri'] === 'string');
  return isBytes && typeof within[key] === 'string' ? 'bytes' : undefined;
};

/** Looks in slices, so that whoever waits for something else does not wait for this. `keep`: is told values on their way to a token. */
export async function driven<T>(
  parts: Generator<void | readonly KeptValue[], T, Tokens>,
  keep?: KeepValues['keep'],
): Promise<T> {
  let sinceMs = performance.now();
  let tokens: Tokens;
  for (;;) {
    const next = parts.next(tokens);
    if (next.done === true) return next.value;
    tokens = next.value === undefined ? undefined : await keep?.(next.value);
    if (performance.now() - sinceMs < sliceMs) continue;
    await setImmediate();
    sinceMs = performance.now();
  }
}

/**
 * What a program says beside its call, as people and the judge may read it and the record keeps it: without what an Intern would not read, and what is never sent. Nothing
 * is decided on it.
 */
export function maskedStated(
  stated: Stated | undefined,
  settings: SettingsDoc | undefined,
): Stated | undefined {
  if (stated?.text === undefined) return stated;
  const { masked, neverSent } = sensitiveOf(settings);
  const words = [...masked.intern, ...neverSent];
  const mask = (detector: Detector) => isNamed(words, detector);
  const { value, inspection } = inspect(stated.text, { channel: 'read', mask });
  return { ...stated, text: inspection.whole && typeof value === 'string' ? value : '{"unchecked":true}' };
}

/** Labels of what a program reports: nobody asked it to say it otherwise, it has happened. */
export async function reportLabels(
  result: ToolResult,
  { level, settings }: Pick<Saying, 'level' | 'settings'>,
): Promise<readonly string[]> {
  const heard = new Said();
  await driven(inspectInParts(result as unknown as Json, { channel: 'sent', hear: heard.hear }));
  const saying = { action: 'write', level, settings, isSensitive: () => false } as const;
  return outputVerdicts(heard, saying).flatMap(({ labels }) => labels);
}

/** A record of what was found, with labels of what was said. */
export function withSaid(data: DataRecord | undefined, said: readonly string[]): DataRecord | undefined {
  if (said.length === 0) return data;
  return { found: {}, masked: 0, ...data, labels: [...new Set([...(data?.labels ?? []), ...said])] };
}

export interface InspectedResult {
  /** Undefined: it is not given. */
  readonly result: ToolResult | undefined;
  /** Why it is not given, where it is for no mask. */
  readonly why?: 'data.uninspected';
  /** Absent: nothing was found, and everything was looked at. */
  readonly data: DataRecord | undefined;
  /** How much it looks like an injected order (D-2). */
  readonly injection: InjectionVerdict;
}

/** `prompt`: a prompt of a server, a question of one, the words of another agent. */
export type Heard = 'read' | 'prompt';
const modelOf = { read: 'injection-read', prompt: 'injection-prompt' } as const;

/** Whoever has read what bears one of these has read what anybody may have written, whoever handed it out. */
const doubtful: ReadonlySet<string> = new Set(['injection', 'unchecked']);
export const isDoubtful = (data: DataRecord | undefined): boolean =>
  data?.labels.some((label) => doubtful.has(label)) ?? false;

/**
 * What is found in a result, and the result with what an agent of this level does not read masked; no result where some of it could not be looked at, or where it does
 * not fit the schema of the tool without what was masked. `fits`: whether it does. `max`: characters of a result.
 */
export async function inspectResult(
  result: ToolResult,
  {
    level,
    settings,
    max,
    heard = 'read',
    asking,
    tokens,
  }: {
    level: Level;
    settings: SettingsDoc | undefined;
    max: number;
    heard?: Heard;
    asking: Asking;
    tokens?: KeepValues | undefined;
  },
  fits: (result: ToolResult) => boolean,
): Promise<InspectedResult> {
  const mask = maskOf(settings, level);
  const { structuredContent, ...rest } = result;
  const bytes = [
    ...bytesIn(rest as unknown as Json, contentType),
    ...bytesIn(structuredContent ?? null, bodyType),
  ];
  const readings = await readingsOf(bytes, settings?.readers, asking);
  const { own, unanswered } = await withAnswers(ownOf(settings), heard, asking, async (of) => {
    const asked = { ...of, channel: heard, max };
    await driven(inspectInParts(rest as unknown as Json, { ...asked, skip }));
    await driven(inspectInParts(structuredContent ?? null, asked));
    await driven(inspectBytes(bytes, asked, readings));
  });
  const masks = [...detectors, ...own].some(mask);
  const worst = new WorstScore(modelOf[heard]);
  const tokenising = new Tokenising(tokens?.is ?? (() => false));
  const { instead } = tokenising;
  const read = { channel: heard, own, mask, max, instead, hear: worst.hear } as const;
  const { value, inspection } = await driven(inspectInParts(rest as unknown as Json, { ...read, skip }));
  // Whatever its members are called, it is content.
  const structured =
    structuredContent === undefined ? undefined : await driven(inspectInParts(structuredContent, read));
  const inside = await driven(inspectBytes(bytes, read, readings));
  // Whatever is bytes has been opened: what of it nobody can look into, that says.
  const outside = new Tally();
  outside.add(inspection);
  outside.uninspected = false;
  outside.unchecked ||= unanswered.length > 0;
  const all = [outside, inside, ...(structured === undefined ? [] : [structured.inspection])];
  const injection = injectionVerdict(worst.worst.verdict, all);
  const looked = { data: recordOf(all, worst), injection };
  if (inside.uninspected && isWithheld(settings, level))
    return { result: undefined, why: 'data.uninspected', ...looked };
  if (inside.masked > 0) return { result: undefined, ...looked };
  if (masks && all.some(({ whole }) => !whole)) return { result: undefined, ...looked };
  if (all.every(({ masked }) => masked === 0)) return { result, ...looked };
  const values = tokenising.fresh();
  if (values.length > 0) tokenising.know(values, (await tokens?.keep(values)) ?? []);
  const again = { channel: heard, own, mask, max, instead } as const;
  const shown = async (from: Json, first: Json, of: Pick<InspectOptions, 'skip'>) =>
    values.length === 0 ? first : (await driven(inspectInParts(from, { ...again, ...of }))).value;
  const masked = {
    ...((await shown(rest as unknown as Json, value, { skip })) as unknown as ToolResult),
    ...(structured === undefined
      ? {}
      : { structuredContent: await shown(structuredContent ?? null, structured.value, {}) }),
  } as ToolResult;
  if (structuredContent === undefined || fits(masked)) return { result: masked, ...looked };
  // A placeholder is no e-mail address and no number; zeros and letters of the same form may be.
  const kept = await driven(
    inspectInParts(structuredContent, { channel: heard, own, mask, max, shape: 'kept' }),
  );
  const shaped = { ...masked, structuredContent: kept.value };
  return { result: fits(shaped) ? shaped : undefined, ...looked };
}

const called = (type: Json | undefined): string => (typeof type === 'string' ? type : '');
const contentType = (key: string, within: Record<string, Json>): string | undefined =>
  skip(key, within) === 'bytes' ? called(within['mimeType']) : undefined;
/** The body of an answer of an HTTP service (protocols/http-answer.ts). */
const bodyType = (key: string, within: Record<string, Json>): string | undefined =>
  key === 'base64' && typeof within['status'] === 'number' ? called(within['type']) : undefined;

/** Whether an agent of this level gets no bytes that nobody can look into. */
export const isWithheld = (settings: SettingsDoc | undefined, level: Level): boolean =>
  sensitiveOf(settings).uninspected?.withheld.includes(level) === true;

/** What an agent of this level does not read. */
export function maskOf(settings: SettingsDoc | undefined, level: Level): (detector: Detector) => boolean {
  const words = sensitiveOf(settings).masked[level];
  return (detector) => isNamed(words, detector);
}

/** Headers of an answer, masked in one go: they are few and short. */
export const inspectHead = (
  headers: JsonObject,
  mask: (detector: Detector) => boolean,
  own: readonly MadeDetector[],
): Inspected => inspect(headers, { channel: 'read', own, mask });

/** Of what no model is asked about. */
const unscored = { worst: { score: 0, verdict: 'clear' }, unchecked: false } as const;

export function recordOf(
  all: readonly Inspection[],
  { worst, unchecked }: Pick<WorstScore, 'worst' | 'unchecked'> = unscored,
): DataRecord | undefined {
  const has = (of: (each: Inspection) => boolean) => all.some(of);
  const found = new Map<string, number>();
  for (const each of all) for (const [id, count] of each.found) found.set(id, (found.get(id) ?? 0) + count);
  const isScored = worst.verdict !== 'clear';
  if (isScored) found.set(modelId, 1);
  const labels = [
    ...new Set<string>([
      ...all.flatMap(({ categories }) => [...categories]),
      ...(isScored ? ['injection'] : []),
    ]),
    ...(has(({ hidden }) => hidden.size > 0) ? ['hidden'] : []),
    ...(unchecked || has((each) => each.unchecked) ? ['unchecked'] : []),
    ...(has(({ uninspected }) => uninspected) ? ['uninspected'] : []),
  ];
  if (labels.length === 0) return undefined;
  const masked = all.reduce((sum, each) => sum + each.masked, 0);
  return { labels, found: Object.fromEntries(found), masked };
}

/** What was found in a stream and in what stands for it in the record. */
export function bothRecords(
  one: DataRecord | undefined,
  other: DataRecord | undefined,
): DataRecord | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const found = { ...one.found };
  for (const [id, count] of Object.entries(other.found)) found[id] = (found[id] ?? 0) + count;
  return {
    labels: [...new Set([...one.labels, ...other.labels])],
    found,
    masked: one.masked + other.masked,
  };
}
