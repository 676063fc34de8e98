/** Room: data (D-4). A result without the links and images that would carry data out when somebody has it shown: taken out by level, found on record. */
import { wholeOutput } from '@atf/core/data/output/defaults';
import { withoutLinks } from '@atf/core/data/output/without-links';
import type { DataRecord } from '@atf/core/record';
import type { SettingsDoc } from '@atf/core/wire/feed';
import type { Json } from '@atf/core/wire/json';
import type { Level } from '@atf/core/wire/words';
import { driven, type InspectedResult } from './data-inspection.ts';
import type { ToolResult } from './protocols/protocol.ts';

const withLinks = (data: DataRecord | undefined, found: number, masked: number): DataRecord => ({
  labels: [...(data?.labels ?? []), 'exfiltration'],
  found: { ...data?.found, 'output.link': found },
  masked: (data?.masked ?? 0) + masked,
});

/** `fits`: whether a result fits the schema of its tool. */
export async function withoutResultLinks(
  inspected: InspectedResult,
  { level, settings }: { readonly level: Level; readonly settings: SettingsDoc | undefined },
  fits: (result: ToolResult) => boolean,
): Promise<InspectedResult> {
  const { result, data } = inspected;
  if (result === undefined) return inspected;
  const { links } = wholeOutput(settings?.output);
  const without = async (instead: '[LINK]' | 'about:blank') =>
    await driven(
      withoutLinks(result as unknown as Json, { kinds: links.masked[level], hosts: links.hosts, instead }),
    );
  const { value, found, masked } = await without('[LINK]');
  if (found === 0) return inspected;
  const record = withLinks(data, found, masked);
  if (masked === 0) return { ...inspected, data: record };
  const cleaned = value as unknown as ToolResult;
  if (result.structuredContent === undefined || fits(cleaned))
    return { ...inspected, result: cleaned, data: record };
  // A placeholder is no address.
  const shaped = (await without('about:blank')).value as unknown as ToolResult;
  return { ...inspected, result: fits(shaped) ? shaped : undefined, data: record };
}
