/** Detectors of a company's own, as `detectors` in the settings holds them: what is found, and how its category, mask and records call it. */
import { z } from 'zod';

export const ownDetectorsMax = 50;
/** Each is asked about every object, so there are few. */
export const ownSchemasMax = 5;
/** Each is waited for with every call. */
export const ownServicesMax = 5;
/** Each is a process of the gateway's host. */
export const ownModelsMax = 5;
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

/** Of those that are asked before a value is looked at. */
const asked = {
  /** For all that is asked about one value. */
  timeoutMs: z.int().min(50).max(10_000).default(2_000),
  /** What it finds counts from this score on. */
  threshold: z.number().min(0).max(1).default(0.5),
  /** What becomes of what it did not answer about: like all that nobody looked at, or a label. */
  unanswered: z.enum(['refuse', 'label']).default('refuse'),
};
const label = z.string().min(1).max(100);

const serviceSchema = z.strictObject({
  ...shared,
  ...asked,
  service: serviceNameSchema,
  /** Finds under these labels count; absent: all. */
  labels: z.array(label).min(1).max(50).optional(),
});

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
/** A text classifier in ONNX form: policy says which one, by the digests of its files, and what its numbers mean; the host says where it is (`atf-model-NAME` in servers.yaml). */
const modelSchema = z
  .strictObject({
    ...shared,
    ...asked,
    model: serviceNameSchema,
    digests: z.strictObject({ model: digest, tokenizer: digest }),
    /** What it tells apart, in the order of its numbers. */
    classes: z.array(label).min(1).max(100),
    /** How its numbers become scores; `none`: they are scores. */
    scores: z.enum(['softmax', 'sigmoid', 'none']).default('softmax'),
    /** Which of the classes count. */
    labels: z.array(label).min(1).max(50),
    /** How much it reads at a time; longer texts are read in windows that overlap. */
    tokens: z.int().min(8).max(8_192).default(512),
  })
  .refine(({ classes }) => new Set(classes).size === classes.length, 'two classes have one name')
  .refine(
    ({ classes, labels }) => labels.every((each) => classes.includes(each)),
    'labels name something that is not among the classes',
  )
  .refine(
    ({ classes, scores }) => scores !== 'softmax' || classes.length > 1,
    'softmax of one class is always 1: say sigmoid',
  );

export const ownDetectorSchema = z.union([
  expressionSchema,
  dictionarySchema,
  valueSchema,
  serviceSchema,
  modelSchema,
]);
export type OwnDetector = z.output<typeof ownDetectorSchema>;
export type ServiceDetector = z.output<typeof serviceSchema>;
export type ModelDetector = z.output<typeof modelSchema>;
/** Whatever has to answer before a value can be looked at. */
export type AskedDetector = ServiceDetector | ModelDetector;
export const ownDetectorsSchema = z.array(ownDetectorSchema).max(ownDetectorsMax);
