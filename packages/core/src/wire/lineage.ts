/**
 * Lineage (D-5): what a call came from, and what something has touched. Shapes and routes; joined into the table of routes by `api.ts`. The graph holds ids and names of
 * tools and agents, never values: those stay in the sealed contents of records, and a question about a value is answered out of them and not kept.
 */
import { z } from 'zod';
import { text } from './shapes.ts';
import {
  actionClassSchema,
  isoTimeSchema,
  outputTrustSchema,
  type Role,
  sensitivitySchema,
} from './words.ts';

export const lineageKinds = ['action', 'session', 'task', 'source'] as const;
export type LineageKind = (typeof lineageKinds)[number];

/** What joins two nodes; each leads from what was before to what came of it. */
export const lineageJoins = ['value', 'given', 'made', 'task', 'delegated', 'read', 'changed'] as const;

export const lineageNodesMax = 500;
export const lineageDepthMax = 20;
export const lineageRootsMax = 20;

/** `id`: a UUID, or `server/tool`. */
export const lineageRootSchema = z.strictObject({ kind: z.enum(lineageKinds), id: text(400) });
export type LineageRoot = z.infer<typeof lineageRootSchema>;

export const lineageNodeSchema = z.object({
  /** `kind:id`. */
  key: text(400),
  kind: z.enum(lineageKinds),
  id: text(400),
  /** Of an action and a source `server/tool`; of a session its agent. */
  name: text(400),
  at: isoTimeSchema.optional(),
  agent: text(64).optional(),
  /** When the action ended. */
  ended: isoTimeSchema.optional(),
  class: actionClassSchema.optional(),
  /** What came of it: waiting, refused, done, failed, … */
  outcome: text(40).optional(),
  /** What is in the result, as detectors and the tool's classification say. */
  labels: z.array(text(60)).max(50).optional(),
  sensitivity: sensitivitySchema.optional(),
  trust: outputTrustSchema.optional(),
  /** Steps from what was asked about. */
  depth: z.int().min(0),
});
export type LineageNode = z.infer<typeof lineageNodeSchema>;

export const lineageEdgeSchema = z.object({
  from: text(400),
  to: text(400),
  join: z.enum(lineageJoins),
  /** True: it is on record that it was so. False: it was known to the session before, and may have had a part in it. */
  sure: z.boolean(),
  /** JSON pointer of the argument whose value it is. */
  argument: text(200).optional(),
  /** Word of provenance for how it stood there. */
  origin: text(20).optional(),
});
export type LineageEdge = z.infer<typeof lineageEdgeSchema>;

export const lineageGraphSchema = z.object({
  roots: z.array(text(400)),
  direction: z.enum(['from', 'to']),
  nodes: z.array(lineageNodeSchema),
  edges: z.array(lineageEdgeSchema),
  /** There is more than the bounds of the question let in. */
  cut: z.boolean(),
  /** Signed entries of the log that are not looked through yet. */
  behind: z.int().min(0),
});
export type LineageGraph = z.infer<typeof lineageGraphSchema>;

/** Whose work it is to look. */
export const lineageAskers = ['auditor', 'security', 'operator'] as const satisfies readonly Role[];

export const lineageQuestionSchema = z.strictObject({
  roots: z.array(lineageRootSchema).min(1).max(lineageRootsMax),
  /** `from`: where it came from · `to`: what it has touched. */
  direction: z.enum(['from', 'to']),
  depth: z.int().min(1).max(lineageDepthMax).default(6),
  nodes: z.int().min(10).max(lineageNodesMax).default(200),
});
export type LineageQuestion = z.infer<typeof lineageQuestionSchema>;

export const lineageRoutes = {
  'lineage.graph': {
    method: 'POST',
    path: '/v1/lineage',
    auth: 'person',
    roles: lineageAskers,
    summary: 'Where something came from, or what it has touched; that it was asked is recorded',
    body: lineageQuestionSchema,
    response: lineageGraphSchema,
  },
} as const;
