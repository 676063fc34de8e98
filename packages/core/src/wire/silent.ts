/** What a gateway says of services and models that do not answer it; a file of its own, because the console loads it with its first page. */
import { z } from 'zod';
import { nameSchema } from './words.ts';

/** Services and models that one beat tells of. */
export const silentMax = 20;
/** A service or a model of the company that looks at data for a gateway, and that did not answer the newest questions: what it looks at counts as unchecked there. */
export const silentSchema = z.object({
  kind: z.enum(['service', 'model']),
  name: nameSchema,
  /** The newest ones, in a row. */
  questions: z.int().min(1),
});
export type Silent = z.infer<typeof silentSchema>;
