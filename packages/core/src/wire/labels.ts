/**
 * Labels of what sessions have read (S-4): the document that gateways are told, and the routes. Labels belong to an instance, or to a task: a session without a task
 * goes on with those of its instance. A person lowers them in two steps: from the first on nothing is read unseen, the second counts for exactly what was shown. Not here: how labels join (segmentation/flow.ts).
 */
import { z } from 'zod';
import { canonicalJson } from './json.ts';
import { indexesReadMax, indexReadSchema, readIndexesSchema } from './retrieval.ts';
import { id, list, reason, text } from './shapes.ts';
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
  /** Indexes that it has read from, each at its level then; absent: from none. */
  indexes: z.array(indexReadSchema).max(indexesReadMax).optional(),
  /** A person is about to lower them: control is asked before each reading, also of what was read before, so that none of it goes unseen. */
  underReview: z.literal(true).optional(),
});
export type LabelsDoc = z.infer<typeof labelsDocSchema>;

/** From the moment at which a person begins to look. */
export const labelReviewMs = 10 * 60_000;

export const labelsViewSchema = labelsDocSchema.omit({ underReview: true }).extend({
  kind: z.enum(['instance', 'task']),
  agentId: uuidSchema,
  /** Until then a person may lower them, if it reads nothing more. */
  reviewUntil: isoTimeSchema.optional(),
});
export type LabelsView = z.infer<typeof labelsViewSchema>;

/** What the `digest` of a `labels` subject is the SHA-256 of: the labels that were shown, and those that they fall to. Its `id` is the holder's. */
export const loweredShownText = ({
  holder,
  revision,
  to,
  reason: why,
}: {
  readonly holder: string;
  readonly revision: number;
  readonly to: Labels;
  readonly reason: string;
}): string =>
  canonicalJson({
    holder,
    revision,
    confidentiality: to.confidentiality,
    integrity: to.integrity,
    reason: why.trim(),
  });

const roles = ['security'] as const;

export const labelRoutes = {
  'labels.list': {
    method: 'GET',
    path: '/v1/agents/:id/labels',
    auth: 'person',
    summary:
      'What the instances of an agent, and whoever works on its tasks, have read, and what follows from it',
    params: z.object({ id: text(64) }),
    response: list(labelsViewSchema),
  },
  'labels.review': {
    method: 'POST',
    path: '/v1/labels/:id/review',
    auth: 'person',
    roles,
    summary:
      'Begin to look at labels before lowering them: from now on nothing is read unseen (not the owners of the agent)',
    params: id,
    response: labelsViewSchema,
  },
  'labels.lower': {
    method: 'POST',
    path: '/v1/labels/:id/lower',
    auth: 'person',
    roles,
    presence: true,
    summary:
      'Lower labels to what a person says, unless something was read since they were shown (not the owners of the agent)',
    params: id,
    body: z.strictObject({
      /** As the review showed it. */
      revision: z.int().min(0),
      ...labelsSchema.shape,
      reason,
      presence: z.string().min(20).max(200),
    }),
    response: labelsViewSchema,
  },
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
      /** Absent: the tool is no retrieval source. Refused when the session has read from others meanwhile. */
      indexes: readIndexesSchema.optional(),
    }),
    /** Of the instance, and of the task where there is one; every gateway that may serve them knows it. */
    response: z.object({ labels: z.array(labelsDocSchema).max(20) }),
  },
} as const;
