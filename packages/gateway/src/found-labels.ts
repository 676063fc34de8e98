/**
 * Rooms: data, segmentation (D-2, D-3, S-4). What was found in what a session is given counts in what it has read, whatever its tool is classified as: an injected order,
 * and what nobody looked at, as words of anybody; sensitive data as confidential as settings say.
 */
import { raisedTo } from '@atf/core/data/sensitive';
import type { DataRecord } from '@atf/core/record';
import type { Labels } from '@atf/core/wire/labels';
import type { SettingsDoc } from '@atf/core/wire/feed';
import { inspectResult, isDoubtful } from './data-inspection.ts';
import type { ToolResult } from './protocols/protocol.ts';
import type { Asking } from './service-detectors.ts';

export const labelsFound = (settings: SettingsDoc | undefined, data: DataRecord | undefined): Labels => ({
  confidentiality: raisedTo(settings?.sensitive?.raises, data?.labels ?? []) ?? 'public',
  integrity: isDoubtful(data) ? 'untrusted' : 'trusted',
});

/** The same of a result that was kept, and is handed out again: what was masked when it was kept is not found any more. */
export async function labelsFoundIn(
  settings: SettingsDoc | undefined,
  resultText: string | undefined,
  asking: Asking,
): Promise<Labels> {
  if (resultText === undefined) return labelsFound(settings, undefined);
  const result = JSON.parse(resultText) as ToolResult;
  const about = { level: 'principal', settings, asking, max: resultText.length } as const;
  const { data } = await inspectResult(result, about, () => true);
  return labelsFound(settings, data);
}
