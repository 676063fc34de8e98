/**
 * Documents of the feed that routes speak of, too: how a tool is classified, a set of policies, a stop. Apart from the rest of the feed (feed.ts), which only the planes
 * need.
 */
import { z } from 'zod';
import { databaseSchema } from './database.ts';
import {
  actionClassSchema,
  containmentStates,
  digestSchema,
  isoTimeSchema,
  nameSchema,
  outputTrustSchema,
  scopeSchema,
  sensitivitySchema,
} from './words.ts';

const epoch = z.int().min(0);

export const argumentRolesSchema = z.strictObject({
  /** Names of top-level arguments. */
  amount: z.string().max(128).optional(),
  currency: z.string().max(128).optional(),
  destination: z.string().max(128).optional(),
  object: z.string().max(128).optional(),
  query: z.string().max(128).optional(),
  /** It is one statement in SQL, which is parsed and held to the tables that the agent may use. */
  sql: z.string().max(128).optional(),
});

/** Characters of a schema that a person registers. */
export const registeredSchemaLengthMax = 16_384;

/** Addresses under one template that are classified apart. */
export const classifiedResourcesMax = 200;

const classifiedResourceSchema = z.strictObject({
  /** One address, or with `/` at its end all below it. */
  address: z.string().min(1).max(2_048),
  sensitivity: sensitivitySchema,
  outputTrust: outputTrustSchema,
});
export type ClassifiedResource = z.infer<typeof classifiedResourceSchema>;

export const classificationSchema = z.strictObject({
  /** Absent: unclassified, counts as `admin`. */
  class: actionClassSchema.optional(),
  sensitivity: sensitivitySchema,
  outputTrust: outputTrustSchema,
  domain: nameSchema,
  reversible: z.boolean(),
  /** The tool of the same server that undoes it. */
  inverse: z.string().max(128).optional(),
  idempotent: z.boolean(),
  /** Fit to be written by an agent alone: limits are defined and it can be undone or repeated. A person says so. */
  writeSafe: z.boolean(),
  arguments: argumentRolesSchema,
  /** Keeps what agents read later: a memory, notes, an index for retrieval. A person says so. */
  memory: z.boolean().optional(),
  /** What reads the SQL; without it every call of a tool with such an argument is refused. A person says so. */
  database: databaseSchema.optional(),
  /**
   * JSON Schema to which results are held besides the tool's own (D-4): structured content, or where there is none the text, as JSON if it is JSON. An empty
   * one takes it away. A person says so.
   */
  outputSchema: z
    .record(z.string(), z.unknown())
    .refine(
      (schema) => JSON.stringify(schema).length <= registeredSchemaLengthMax,
      `more than ${registeredSchemaLengthMax} characters`,
    )
    .optional(),
  /** Of a template: what is said of single addresses, and of all below one (segmentation/resource-classes.ts). */
  resources: z.array(classifiedResourceSchema).max(classifiedResourcesMax).optional(),
  by: z.enum(['automatic', 'person']),
});
export type Classification = z.infer<typeof classificationSchema>;

export const policyDocSchema = z.object({
  digest: digestSchema,
  epoch,
  policies: z
    .array(
      z.object({
        id: z.string().min(1).max(200),
        annotations: z.record(z.string(), z.string()),
        json: z.unknown(),
        /**
         * Of a policy about arguments: the types of them that it was checked against, one digest for each definition of the tool that it fits. None: it was checked
         * against no tool, so nothing is decided by it. Absent: it asks about none, or is of before types were kept.
         */
        typed: z.array(digestSchema).max(2).optional(),
      }),
    )
    .max(20_000),
});

export const containmentDocSchema = z.object({
  scope: scopeSchema,
  state: z.enum(containmentStates),
  since: isoTimeSchema,
  reason: z.string().max(500),
  by: z.string().max(200),
  /** What the scope is called by people, where its id does not say. */
  label: z.string().max(200).optional(),
  /**
   * A graceful stop: nothing begins any more, and what was dispatched before may end until then. Control follows with the same stop without this when
   * everything has ended, or at this time.
   */
  drainUntil: isoTimeSchema.optional(),
});
