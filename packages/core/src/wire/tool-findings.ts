/** What was found in the definition of a tool (core/data/definition-scan.ts). */
import { z } from 'zod';
import { text } from './shapes.ts';

export const findingNames = [
  'orders-to-model',
  'reads-like-orders',
  'hidden-text',
  'asks-for-secrets',
  'orders-about-tools',
  'look-alike-name',
  'unchecked',
  'names-other-tool',
  'similar-name',
] as const;
export const findingNameSchema = z.enum(findingNames);

export const toolFindingSchema = z.object({
  name: findingNameSchema,
  /** `severe`: whoever accepts the definition says this name. */
  severity: z.enum(['severe', 'notice']),
  /** Where in the definition (JSON Pointer), the first place. */
  path: text(300),
  says: text(200),
});
export type ToolFinding = z.infer<typeof toolFindingSchema>;
