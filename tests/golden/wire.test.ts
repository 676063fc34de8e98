/**
 * The wire between the planes, held to gateways of the version before (docs/decisions/0020). `wire/<n>/` holds what gateways of number n send, and the schemas by
 * which they read, as they were when n was current. A change that fails here needs a higher number, and a translation for the number before.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  controlFrameSchema,
  feedTopics,
  gatewayFrameSchema,
  wireVersion,
  wireVersionIn,
  wireVersionOldest,
} from '@atf/core/wire/feed';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { currentSchemas } from './wire-schemas.ts';

const folder = join(import.meta.dirname, 'wire');
const read = (version: number, name: string): unknown =>
  JSON.parse(readFileSync(join(folder, String(version), name), 'utf8'));

const numbers = Array.from(
  { length: wireVersion - wireVersionOldest + 1 },
  (_, at) => wireVersionOldest + at,
);

describe('the wire between the planes', () => {
  it('takes gateways of its own number and of the one before, and no others', () => {
    expect(wireVersion - wireVersionOldest).toBeLessThanOrEqual(1);
    expect(wireVersionIn(undefined)).toBe(0);
    expect(wireVersionIn(String(wireVersion))).toBe(wireVersion);
    for (const odd of ['', '01', '-1', '1.0', ' 1', '1234567', ['0', '1']])
      expect(wireVersionIn(odd)).toBeUndefined();
  });

  it('has the schemas of its own number on record: change them together', () => {
    expect(read(wireVersion, 'schemas.json')).toEqual(currentSchemas());
  });

  it.each(numbers)('reads what gateways of number %i send', (version) => {
    const frames = read(version, 'gateway-frames.json') as unknown[];
    expect(new Set(frames.map((frame) => (frame as { t: string }).t))).toEqual(
      new Set(['hello', 'beat', 'contained']),
    );
    for (const frame of frames)
      expect(gatewayFrameSchema.safeParse(frame).success, JSON.stringify(frame)).toBe(true);
  });

  it.each(numbers)('knows no topic and no frame that gateways of number %i do not know', (version) => {
    const schemas = read(version, 'schemas.json') as { topics: Record<string, unknown>; frames: string[] };
    expect(Object.keys(schemas.topics)).toEqual(expect.arrayContaining(Object.keys(feedTopics)));
    const frames = controlFrameSchema.options.map((option) => String(z.toJSONSchema(option.shape.t).const));
    expect(schemas.frames).toEqual(expect.arrayContaining(frames));
  });

  it('every number that is taken has its messages here', () => {
    for (const version of numbers)
      for (const name of ['schemas.json', 'gateway-frames.json'])
        expect(existsSync(join(folder, String(version), name)), `${version}/${name}`).toBe(true);
  });
});
