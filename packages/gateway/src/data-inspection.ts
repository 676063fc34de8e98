/**
 * Steps 4 and 8 of the pipeline for sensitive data (D-3): what stands in the arguments of a call, as facts of its decision, and what stands in its result, which
 * is masked by the agent's level before anybody keeps or reads it. Nothing that matched leaves this file but as a count.
 */
import type { Detector } from '@atf/core/data/detectors/detector';
import { detectors } from '@atf/core/data/detectors/index';
import { inspect, inspectInParts, type Inspected, type Inspection } from '@atf/core/data/inspect';
import { isNamed, sensitiveDefault } from '@atf/core/data/sensitive';
import type { DataRecord } from '@atf/core/record';
import type { SettingsDoc } from '@atf/core/wire/feed';
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import type { ActionClass, Level } from '@atf/core/wire/words';
import type { DetectorVerdict } from '@atf/core/world';
import { setImmediate } from 'node:timers/promises';
import type { ToolResult } from './protocols/protocol.ts';

/** Of a detector's verdicts in records: raised when what it finds changes. */
const version = '1';
const sliceMs = 8;
const byId = new Map(detectors.map((detector) => [detector.id, detector]));

const sensitiveOf = (settings: SettingsDoc | undefined) => settings?.sensitive ?? sensitiveDefault;

/** Arguments are looked at once, however often the call is decided. */
const known = new WeakMap<JsonObject, Inspection>();

function argumentsInspection(args: JsonObject): Inspection {
  const before = known.get(args);
  if (before !== undefined) return before;
  const { inspection } = inspect(args, { channel: 'sent' });
  known.set(args, inspection);
  return inspection;
}

/** What the detectors say of the arguments of a call: a label each, or `block` where a call that sends must not have it. */
export function argumentVerdicts(
  args: JsonObject,
  action: ActionClass,
  settings: SettingsDoc | undefined,
): readonly DetectorVerdict[] {
  const { found, unchecked } = argumentsInspection(args);
  if (found.size === 0 && !unchecked) return [];
  const { neverSent } = sensitiveOf(settings);
  const verdicts = [...found.keys()].flatMap((id): DetectorVerdict[] => {
    const detector = byId.get(id);
    if (detector === undefined) return [];
    const verdict = action === 'send' && isNamed(neverSent, detector) ? 'block' : 'label';
    return [{ detector: id, version, verdict, labels: [detector.category] }];
  });
  if (!unchecked) return verdicts;
  // What nobody has looked at is read by nobody else: changes and sends wait until it is smaller.
  const verdict = action === 'read' ? 'label' : 'block';
  return [...verdicts, { detector: 'inspection', version, verdict, labels: ['unchecked'] }];
}

/** Members of results that are words of the protocol, or bytes. */
const skip = (key: string, within: Record<string, Json>): 'words' | 'bytes' | undefined => {
  if (key === 'type' || key === 'mimeType') return 'words';
  return (key === 'data' && typeof within['mimeType'] === 'string') ||
    (key === 'blob' && typeof within['uri'] === 'string')
    ? 'bytes'
    : undefined;
};

async function inspected(
  value: Json,
  mask: (detector: Detector) => boolean,
  shape?: 'kept',
): Promise<Inspected> {
  const parts = inspectInParts(value, {
    channel: 'read',
    mask,
    skip,
    ...(shape === undefined ? {} : { shape }),
  });
  let sinceMs = performance.now();
  for (;;) {
    const next = parts.next();
    if (next.done === true) return next.value;
    if (performance.now() - sinceMs < sliceMs) continue;
    await setImmediate();
    sinceMs = performance.now();
  }
}

export interface InspectedResult {
  readonly result: ToolResult;
  /** Absent: nothing was found, and everything was looked at. */
  readonly data: DataRecord | undefined;
}

/** What is found in a result, and the result with what an agent of this level does not read masked. `fits`: whether it fits the schema of the tool. */
export async function inspectResult(
  result: ToolResult,
  level: Level,
  settings: SettingsDoc | undefined,
  fits: (result: ToolResult) => boolean,
): Promise<InspectedResult | undefined> {
  const words = sensitiveOf(settings).masked[level];
  const mask = (detector: Detector) => isNamed(words, detector);
  const { value, inspection } = await inspected(result as unknown as Json, mask);
  const data = recordOf(inspection);
  if (inspection.masked === 0) return { result, data };
  const masked = value as unknown as ToolResult;
  if (fits(masked) || !isJsonObject(result.structuredContent)) return { result: masked, data };
  // A placeholder is no e-mail address and no number; zeros and letters of the same form may be.
  const kept = await inspected(result.structuredContent, mask, 'kept');
  const shaped = { ...masked, structuredContent: kept.value };
  return fits(shaped) ? { result: shaped, data } : undefined;
}

function recordOf({
  found,
  categories,
  masked,
  unchecked,
  uninspected,
  hidden,
}: Inspection): DataRecord | undefined {
  if (found.size === 0 && !unchecked && !uninspected && hidden.size === 0) return undefined;
  return {
    labels: [
      ...categories,
      ...(hidden.size === 0 ? [] : ['hidden']),
      ...(unchecked ? ['unchecked'] : []),
      ...(uninspected ? ['uninspected'] : []),
    ],
    found: Object.fromEntries(found),
    masked,
  };
}
