/** What is done with what agents write where agents read it later (D-2), as settings say it; what they do not say is as it ships (core/data/memory.ts). */
import { z } from 'zod';

const does = z.enum(['block', 'review', 'label']);

export const memorySchema = z.strictObject({
  /** What reads like orders to a model, at the blocking threshold of results. */
  orders: does.optional(),
  /** A text of which so many alike were written within a day; the next one is repeated. */
  alikeMax: z.int().min(1).max(1_000).optional(),
  repeated: does.optional(),
});
export type Memory = Readonly<z.infer<typeof memorySchema>>;
