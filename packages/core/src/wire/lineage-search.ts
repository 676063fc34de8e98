/** Lineage (D-5) for auditors and programs: as PROV-JSON, and by a value. Joined into the table of routes by `api.ts`; the console asks for neither. */
import { z } from 'zod';
import { lineageAskers, lineageQuestionSchema } from './lineage.ts';
import { text } from './shapes.ts';
import { isoTimeSchema, nameSchema, uuidSchema } from './words.ts';

/** Characters of a value that is asked about. */
export const lineageValueMax = 4_096;
/** Hits of one page. */
export const lineageHitsMax = 100;

export const lineageHitSchema = z.object({
  action: uuidSchema,
  at: isoTimeSchema,
  agent: text(64).optional(),
  source: text(400),
  /** It was given it, or it gave it out. */
  where: z.enum(['arguments', 'result']),
  /** A whole field, or inside of a longer text. */
  how: z.enum(['field', 'text']),
});
export type LineageHit = z.infer<typeof lineageHitSchema>;

export const lineageSearchRoutes = {
  'lineage.prov': {
    method: 'POST',
    path: '/v1/lineage/prov',
    auth: 'person',
    roles: lineageAskers,
    summary: 'The same as a PROV-JSON document (W3C)',
    body: lineageQuestionSchema,
    response: z.record(z.string(), z.unknown()),
  },
  'lineage.value': {
    method: 'POST',
    path: '/v1/lineage/value',
    auth: 'person',
    roles: lineageAskers,
    summary:
      'Which recorded arguments and results hold a value, as far as they are kept; that it was asked is recorded, the value is not',
    body: z.strictObject({
      value: z.string().min(1).max(lineageValueMax),
      agent: nameSchema.optional(),
      where: z.enum(['arguments', 'result']).optional(),
      /** Records before this place in the log: `next` of the page before. */
      before: z.int().min(0).optional(),
    }),
    response: z.object({
      items: z.array(lineageHitSchema),
      /** Contents that were looked through for this page. */
      looked: z.int(),
      /** Contents that are erased. */
      erased: z.int(),
      /** Contents that are longer than what is compared. */
      partly: z.int(),
      /** Where to go on; absent: all that is kept was looked through. */
      next: z.int().optional(),
    }),
  },
} as const;
