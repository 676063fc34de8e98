/** Detectors of a company's own, as `detectors` in the settings holds them: what is found, and how its category, mask and records call it. */
import { z } from 'zod';

export const ownDetectorsMax = 50;
/** Each is asked about every object, so there are few. */
export const ownSchemasMax = 5;
/** Each is waited for with every call. */
export const ownServicesMax = 5;
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

/** The name under which a gateway's host has its address (`atf-service-NAME` in servers.yaml): policy names it, the host says where it is. */
export const serviceNameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/);

const serviceSchema = z.strictObject({
  ...shared,
  service: serviceNameSchema,
  /** For all that is asked about one value. */
  timeoutMs: z.int().min(50).max(10_000).default(2_000),
  /** What it finds counts from this score on. */
  threshold: z.number().min(0).max(1).default(0.5),
  /** Finds under these labels count; absent: all. */
  labels: z.array(z.string().min(1).max(100)).min(1).max(50).optional(),
  /** What becomes of what it did not answer about: like all that nobody looked at, or a label. */
  unanswered: z.enum(['refuse', 'label']).default('refuse'),
});

export const ownDetectorSchema = z.union([expressionSchema, dictionarySchema, valueSchema, serviceSchema]);
export type OwnDetector = z.output<typeof ownDetectorSchema>;
export type ServiceDetector = z.output<typeof serviceSchema>;
export const ownDetectorsSchema = z.array(ownDetectorSchema).max(ownDetectorsMax);
