/** What is done with sensitive data, in words of categories (`secret`, `PCI`, `PHI`, `PII`) and of single detectors (`pii.email`). */
import { z } from 'zod';
import { levelSchema } from './words.ts';

const words = z.array(z.string().regex(/^(?:secret|PCI|PHI|PII|(?:secret|pii|phi)\.[a-z_]{1,40})$/)).max(100);

export const sensitiveSchema = z.strictObject({
  /** Masked in results before an agent of this level reads them. */
  masked: z.record(levelSchema, words),
  /** A call that sends, and has it among its arguments, is refused. */
  neverSent: words,
});
export type Sensitive = z.infer<typeof sensitiveSchema>;
