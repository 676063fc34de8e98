/** What is done with sensitive data, in words of categories (`secret`, `PCI`, `PHI`, `PII`) and of single detectors (`pii.email`). */
import { z } from 'zod';
import { levelSchema, sensitivitySchema, toolRefSchema } from './words.ts';

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
  /** What of that an agent of this level reads a token in place of, and control keeps for a time. */
  tokenised: z.partialRecord(levelSchema, words).optional(),
  tokens: z
    .strictObject({
      /** How long the values are kept. */
      hours: z.int().min(1).max(720).default(24),
      /** Arguments in which a token is turned back for the tool. */
      givenTo: z
        .array(
          z.strictObject({
            tool: toolRefSchema,
            argument: z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/),
            of: words.min(1),
          }),
        )
        .max(100)
        .default([]),
    })
    .optional(),
});
export type Sensitive = z.infer<typeof sensitiveSchema>;
