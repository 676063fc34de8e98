/**
 * Lineage (D-5): what a call came from, and what something has touched. Shapes and routes; joined into the table of routes by `api.ts`. The graph holds ids and names of
 * tools and agents, never values: those stay in the sealed contents of records, and a question about a value is answered out of them and not kept.
 */
import { z } from 'zod';
import { origins } from '../segmentation/provenance/session-memory.ts';
import { text } from './shapes.ts';
import {
  actionClassSchema,
  isoTimeSchema,
  nameSchema,
  outputTrustSchema,
  type Role,
  sensitivitySchema,
  toolRefSchema,
  uuidSchema,
} from './words.ts';

export const lineageKinds = ['action', 'session', 'task', 'source'] as const;
export type LineageKind = (typeof lineageKinds)[number];

/** What joins two nodes; each leads from what was before to what came of it. */
export const lineageJoins = ['value', 'given', 'made', 'task', 'delegated', 'read', 'changed'] as const;

export const lineageNodesMax = 500;
export const lineageDepthMax = 20;
export const lineageRootsMax = 20;
/** Characters of a value that is asked about. */
export const lineageValueMax = 4_096;
/** Hits of one page. */
export const lineageHitsMax = 100;

const uuidRoot = <K extends string>(kind: K) => z.strictObject({ kind: z.literal(kind), id: uuidSchema });
export const lineageRootSchema = z.union([
  uuidRoot('action'),
  uuidRoot('session'),
  uuidRoot('task'),
  z.strictObject({ kind: z.literal('source'), id: toolRefSchema }),
]);
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
  origin: z.enum(origins).optional(),
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

/** Whose work it is to look. */
const askers = ['auditor', 'security', 'operator'] as const satisfies readonly Role[];

const question = z.strictObject({
  roots: z.array(lineageRootSchema).min(1).max(lineageRootsMax),
  /** `from`: where it came from · `to`: what it has touched. */
  direction: z.enum(['from', 'to']),
  depth: z.int().min(1).max(lineageDepthMax).default(6),
  nodes: z.int().min(10).max(lineageNodesMax).default(200),
});
export type LineageQuestion = z.infer<typeof question>;

export const lineageRoutes = {
  'lineage.graph': {
    method: 'POST',
    path: '/v1/lineage',
    auth: 'person',
    roles: askers,
    summary: 'Where something came from, or what it has touched; that it was asked is recorded',
    body: question,
    response: lineageGraphSchema,
  },
  'lineage.prov': {
    method: 'POST',
    path: '/v1/lineage/prov',
    auth: 'person',
    roles: askers,
    summary: 'The same as a PROV-JSON document (W3C)',
    body: question,
    response: z.record(z.string(), z.unknown()),
  },
  'lineage.value': {
    method: 'POST',
    path: '/v1/lineage/value',
    auth: 'person',
    roles: askers,
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
