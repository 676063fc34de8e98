/** Detectors of a company's own, as `detectors` in the settings holds them: what is found, and how its category, mask and records call it. */
import { z } from 'zod';

export const ownDetectorsMax = 50;
/** Each is asked about every object, so there are few. */
export const ownSchemasMax = 5;
const examplesMax = 50;

/** `own.employee_number`. */
export const ownIdSchema = z.string().regex(/^own\.[a-z][a-z0-9_]{0,39}$/);
const example = z.string().min(1).max(2_000);
const shared = {
  id: ownIdSchema,
  summary: z.string().min(1).max(200),
  category: z.enum(['secret', 'PCI', 'PHI', 'PII']),
  /** Where it is asked: what an agent reads, what it sends. */
  channels: z
    .array(z.enum(['read', 'sent']))
    .min(1)
    .max(2)
    .default(['read', 'sent']),
};
/** In `found` something is found, in `clean` nothing is. */
const examples = <T extends z.ZodType>(of: T) =>
  z.strictObject({
    found: z.array(of).min(1).max(examplesMax),
    clean: z.array(of).min(1).max(examplesMax),
  });

const expressionSchema = z.strictObject({
  ...shared,
  expression: z.string().min(1).max(300),
  ignoreCase: z.boolean().default(false),
  examples: examples(example),
});
const dictionarySchema = z.strictObject({
  ...shared,
  /** Words and names of several words; in any case, and however their words are separated. */
  dictionary: z.array(z.string().min(3).max(100)).min(1).max(5_000),
  examples: examples(example),
});
const valueSchema = z.strictObject({
  ...shared,
  /** JSON Schema: an object or array that fits it is found as a whole. */
  schema: z.record(z.string(), z.json()),
  examples: examples(z.union([z.record(z.string(), z.json()), z.array(z.json())])),
});

export const ownDetectorSchema = z.union([expressionSchema, dictionarySchema, valueSchema]);
export type OwnDetector = z.output<typeof ownDetectorSchema>;
export const ownDetectorsSchema = z.array(ownDetectorSchema).max(ownDetectorsMax);
