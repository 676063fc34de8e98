/**
 * Labels of what sessions have read (S-4): the document that gateways are told, and the routes. Labels belong to an instance, or to a task: a session without a task
 * goes on with those of its instance. Not here: how labels join (segmentation/flow.ts).
 */
import { z } from 'zod';
import { text } from './shapes.ts';
import { isoTimeSchema, outputTrustSchema, sensitivitySchema, uuidSchema } from './words.ts';

export const labelsSchema = z.object({ confidentiality: sensitivitySchema, integrity: outputTrustSchema });
export type Labels = Readonly<z.infer<typeof labelsSchema>>;

/** `server/tool` as a record names it, also of resources and prompts. */
const sourceToolSchema = text(400);

export const labelSourceSchema = labelsSchema.extend({
  tool: sourceToolSchema,
  /** When it was read first. */
  since: isoTimeSchema,
});
export type LabelSource = Readonly<z.infer<typeof labelSourceSchema>>;

/** Sources that are kept of one holder; those of further tools join without being named. */
export const labelSourcesMax = 50;

export const labelsDocSchema = labelsSchema.extend({
  /** Of the instance, or of the task. */
  holder: uuidSchema,
  /** Rises with every change. */
  revision: z.int().min(0),
  sources: z.array(labelSourceSchema).max(labelSourcesMax),
});
export type LabelsDoc = z.infer<typeof labelsDocSchema>;

export const labelRoutes = {
  'gateway.read': {
    method: 'POST',
    path: '/v1/gateway/labels',
    auth: 'gateway',
    summary: 'A session is about to read something: its labels join before it does',
    body: z.strictObject({
      agentId: uuidSchema,
      instanceId: uuidSchema,
      task: uuidSchema.optional(),
      tool: sourceToolSchema,
      ...labelsSchema.shape,
    }),
    /** Of the instance, and of the task where there is one; every gateway that may serve them knows it. */
    response: z.object({ labels: z.array(labelsDocSchema).max(2) }),
  },
} as const;
