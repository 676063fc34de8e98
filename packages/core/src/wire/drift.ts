/**
 * Drift of inputs (D-2, B-3): what kind of text an agent reads from each of its sources, as counts in fixed buckets without a word of it, and how far the newest hours
 * are from the days before. Shapes and routes; joined into the table of routes by `api.ts`.
 */
import { z } from 'zod';
import { isoTimeSchema, toolRefSchema, uuidSchema } from './words.ts';

/** What is counted of each result, and into how many buckets (core/data/input-statistics.ts). */
export const inputBuckets = { length: 24, language: 18, characters: 6, labels: 12, words: 64 } as const;
export type InputDimension = keyof typeof inputBuckets;
export const inputDimensions = Object.keys(inputBuckets) as readonly InputDimension[];
/** For people. */
export const inputWords: Readonly<Record<InputDimension, string>> = {
  length: 'length',
  language: 'language',
  characters: 'kinds of characters',
  labels: 'labels',
  words: 'words',
};

const share = z.number().min(0).max(1e9);
export const inputCountsSchema = z.strictObject({
  results: z.int().min(1).max(1_000_000_000),
  length: z.array(share).length(inputBuckets.length),
  language: z.array(share).length(inputBuckets.language),
  characters: z.array(share).length(inputBuckets.characters),
  labels: z.array(share).length(inputBuckets.labels),
  words: z.array(share).length(inputBuckets.words),
});
export type InputCounts = z.infer<typeof inputCountsSchema>;

/** Sources of one report, and of one list. */
export const inputWindowsMax = 100;
export const driftItemsMax = 200;

const divergences = z.strictObject({
  length: z.number(),
  language: z.number(),
  characters: z.number(),
  labels: z.number(),
  words: z.number(),
});
export const driftItemSchema = z.object({
  agentId: uuidSchema,
  agent: z.string(),
  /** The source: `server/tool`. */
  tool: toolRefSchema,
  /** Results of the newest hours, and of the days before that they are compared with. */
  results: z.int(),
  reference: z.int(),
  /** By what is counted, 0 (alike) to 1; absent: there is not enough to compare. */
  divergence: divergences.optional(),
  /** Since when it has drifted, and in what; absent: it has not. */
  drifted: z.object({ since: isoTimeSchema, in: z.array(z.string()) }).optional(),
});
export type DriftItem = z.infer<typeof driftItemSchema>;

export const driftRoutes = {
  'drift.list': {
    method: 'GET',
    path: '/v1/drift',
    auth: 'person',
    summary: 'How far the inputs of each agent are from what they were, by source; those that drifted first',
    response: z.object({ items: z.array(driftItemSchema), threshold: z.number(), more: z.boolean() }),
  },
  'gateway.inputs': {
    method: 'POST',
    path: '/v1/gateway/inputs',
    auth: 'gateway',
    summary: 'Tell what kinds of inputs agents had: counts of this process since the hour began',
    body: z.strictObject({
      /** Of this process: counts begin anew with each. */
      boot: uuidSchema,
      windows: z
        .array(
          z.strictObject({
            agentId: uuidSchema,
            tool: toolRefSchema,
            /** Hours since 1970. */
            hour: z.int().min(0).max(10_000_000),
            counts: inputCountsSchema,
          }),
        )
        .max(inputWindowsMax),
    }),
    response: z.object({}),
  },
} as const;
