/** What is done with sensitive data, in words of categories (`secret`, `PCI`, `PHI`, `PII`) and of single detectors (`pii.email`). */
import { z } from 'zod';
import { levelSchema, sensitivitySchema } from './words.ts';

const words = z
  .array(
    z.string().regex(/^(?:secret|PCI|PHI|PII|(?:secret|pii|phi)\.[a-z_]{1,40}|own\.[a-z][a-z0-9_]{0,39})$/),
  )
  .max(100);

export const sensitiveSchema = z.strictObject({
  /** Masked in results before an agent of this level reads them. */
  masked: z.record(levelSchema, words),
  /** A call that sends, and has it among its arguments, is refused. */
  neverSent: words,
  /** Bytes that nobody can look into: pictures, sound, what is encrypted. */
  uninspected: z
    .strictObject({
      /** Levels that get no result which holds some. */
      withheld: z.array(levelSchema).max(4).default([]),
      /** What becomes of a call that sends some: uploads, and archives that cannot be opened. */
      sent: z.enum(['refuse', 'label']).default('refuse'),
    })
    .optional(),
  /** How confidential a session counts that was given a result in which such data was found, masked or not; absent: as its tool says. */
  raises: z.partialRecord(z.enum(['secret', 'PCI', 'PHI', 'PII']), sensitivitySchema).optional(),
});
export type Sensitive = z.infer<typeof sensitiveSchema>;
