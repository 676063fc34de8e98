/** What is done with a result that looks like an injected order (docs/detectors.md). */
import { z } from 'zod';
import { levelSchema } from './words.ts';

export const injectionSchema = z.strictObject({
  /** Agents of these levels are not given a result at the blocking threshold. */
  withheld: z.array(levelSchema).max(4),
});
export type Injection = Readonly<z.infer<typeof injectionSchema>>;
