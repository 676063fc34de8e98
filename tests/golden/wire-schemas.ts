/**
 * What gateways of this version read, as JSON Schemas: `node --conditions=atf-src tests/golden/wire-schemas.ts` prints them for `wire/<number>/schemas.json`,
 * where the next version finds what it must still say.
 */
import { controlFrameSchema, feedTopics } from '@atf/core/wire/feed';
import { z } from 'zod';

export interface WireSchemas {
  readonly frames: readonly string[];
  readonly frame: unknown;
  readonly topics: Readonly<Record<string, unknown>>;
}

const schemaOf = (schema: z.ZodType): unknown =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });

export function currentSchemas(): WireSchemas {
  return {
    frames: controlFrameSchema.options.map((option) => String(z.toJSONSchema(option.shape.t).const)),
    frame: schemaOf(controlFrameSchema),
    topics: Object.fromEntries(
      Object.entries(feedTopics).map(([topic, schema]) => [topic, schemaOf(schema)]),
    ),
  };
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(currentSchemas(), undefined, 1)}\n`);
