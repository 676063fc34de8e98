/**
 * Room: policy (S-2). Policies about time zones: `context.time["Europe/Berlin"]` has what `context.time` has, for zones that settings list. Runs in the policy worker, beside
 * `cedar-text.ts`.
 */
import { readsOf } from '@atf/core/policy/reads';
import type { SchemaJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicyDocument } from './cedar-messages.ts';

interface CommonType {
  attributes?: Record<string, unknown>;
}

/** The schema with these zones in the time of a call; undefined: it has no type of a time to lay them over. */
export function schemaWithZones(json: unknown, zones: readonly string[]): SchemaJson<string> | undefined {
  const schema = structuredClone(json) as Record<string, { commonTypes?: Record<string, CommonType> }>;
  const time = schema['ATF']?.commonTypes?.['Time'];
  if (time?.attributes === undefined) return undefined;
  const moment = { type: 'Record', attributes: { ...time.attributes }, required: true };
  for (const zone of zones) time.attributes[zone] = moment;
  return schema as unknown as SchemaJson<string>;
}

/** What is wrong with what a policy asks about the time, and the word of it to show. */
export function unknownZone(
  { json }: PolicyDocument,
  zones: readonly string[],
): { readonly message: string; readonly word: string } | undefined {
  const { zones: asked = [], wholeTime } = readsOf(json);
  const unknown = asked.find((zone) => !zones.includes(zone));
  if (unknown !== undefined) {
    const listed = zones.length === 0 ? 'none' : zones.join(', ');
    const message = `${JSON.stringify(unknown)} is no time zone that settings.yaml lists under timeZones (${listed})`;
    return { message, word: unknown };
  }
  // Zones would be in it, and nobody could see which.
  return wholeTime === true && zones.length > 0
    ? {
        message:
          'it uses context.time as a whole, so nobody can see what it asks about: write context.time.hour',
        word: 'time',
      }
    : undefined;
}
