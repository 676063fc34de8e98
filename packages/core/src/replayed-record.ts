/** What a decision's record has to hold so that it can be made again: read strictly, because it comes from a log. Bounded. */
import { z } from 'zod';
import { unknownIndexCauses } from './segmentation/chosen-index.ts';
import { argumentRoles } from './segmentation/provenance/argument-origins.ts';
import { origins } from './segmentation/provenance/session-memory.ts';
import { intents } from './segmentation/provenance/stated-intent.ts';
import { adaptedSchema } from './wire/adaptive.ts';
import { queryFactSchema } from './wire/database.ts';
import {
  approvalDocSchema,
  classificationSchema,
  containmentDocSchema,
  instanceDocSchema,
  toolDocSchema,
} from './wire/feed.ts';
import { judgedFactSchema } from './wire/judge.ts';
import { labelsSchema } from './wire/labels.ts';
import { indexesReadMax } from './wire/retrieval.ts';
import { chainLengthMax } from './wire/token.ts';
import { digestSchema, levelSchema } from './wire/words.ts';
import { protocols } from './world.ts';

const word = z.string().max(300);
const count = z.int().min(-1);
const verdictWords = z.array(word).max(1_000);

const agentFactsShape = {
  manifestDigest: digestSchema,
  level: levelSchema,
  ceiling: levelSchema.optional(),
  technicalOwnerId: word,
  ...adaptedSchema.shape,
};

const chainFactsSchema = z.object({
  delegationId: word,
  callsMax: z.number(),
  links: z
    .array(
      z.object({
        agentId: word,
        instanceId: word,
        sid: word,
        manifestDigest: digestSchema,
        credentialEpoch: count,
        sessionRevoked: z.boolean(),
        instance: instanceDocSchema.pick({ agentId: true, state: true }).optional(),
        agent: z
          .object({
            ...agentFactsShape,
            name: word,
            version: word,
            ownerId: word,
            epoch: count,
            credentialEpoch: count,
          })
          .optional(),
      }),
    )
    .min(1)
    .max(chainLengthMax),
});

const factsSchema = z.object({
  nowMs: z.number(),
  feedFresh: z.boolean(),
  limits: z
    .array(
      z.object({
        id: word,
        ok: z.boolean(),
        max: z.number(),
        perSeconds: z.number(),
        retryAfterMs: z.number(),
        unheard: z.literal(true).optional(),
      }),
    )
    .max(1_000),
  totals: z
    .array(
      z.object({
        id: word,
        agentId: word.optional(),
        of: z.enum(['amount', 'records', 'calls', 'concurrent']),
        per: z.enum(['hour', 'day', 'task', 'call']),
        max: z.number(),
        currency: word.optional(),
        ok: z.boolean(),
        left: z.number().optional(),
        retryAfterMs: z.number().optional(),
        unheard: z.literal(true).optional(),
        unknown: z.literal(true).optional(),
      }),
    )
    .max(1_000)
    .optional(),
  schema: z.object({
    verdict: z.enum(['valid', 'invalid', 'unusable']),
    problems: z.array(z.string()).max(1_000),
  }),
  flow: z
    .object({
      ...labelsSchema.shape,
      private: z.array(word).max(10),
      untrusted: z.array(word).max(10),
      indexes: z
        .array(word)
        .max(indexesReadMax * 4)
        .optional(),
      leastTrusted: z.object({ index: word, trust: z.int().min(0).max(100) }).optional(),
    })
    .optional(),
  provenance: z
    .array(
      z.object({
        argument: z.string().max(200),
        role: z.enum(argumentRoles),
        address: z.boolean(),
        origin: z.enum(origins),
        from: word.optional(),
        action: word.optional(),
      }),
    )
    .max(1_000),
  task: z.object({ assurance: z.enum(['person', 'host', 'absent']), intent: z.enum(intents) }).optional(),
  detectors: z
    .array(
      z.object({
        detector: word,
        version: word,
        verdict: z.enum(['clear', 'label', 'mask', 'review', 'block']),
        labels: verdictWords,
      }),
    )
    .max(1_000),
  query: queryFactSchema.optional(),
  zones: z.record(word, z.int().min(-1_440).max(1_440)).optional(),
  judged: judgedFactSchema.optional(),
  epochs: z.object({ agent: count, credential: count, tool: count, server: count, policy: count }),
  credential: z.object({ expiresAtMs: z.number(), epoch: count }),
  transport: z.enum(['stdio', 'http', 'cooperative', 'openapi']).optional(),
  agent: z.object(agentFactsShape).optional(),
  instance: instanceDocSchema.pick({ agentId: true, state: true }).optional(),
  sessionRevoked: z.boolean(),
  chain: chainFactsSchema.optional(),
  tool: z
    .object({
      state: toolDocSchema.shape.state,
      classification: classificationSchema,
      sources: toolDocSchema.shape.sources,
      unknownIndex: z.object({ argument: word, because: z.enum(unknownIndexCauses) }).optional(),
    })
    .optional(),
  stops: z.array(containmentDocSchema.pick({ scope: true, state: true, since: true })).max(100),
  approval: approvalDocSchema
    .pick({
      id: true,
      agentId: true,
      sid: true,
      tool: true,
      definitionDigest: true,
      state: true,
      expiresAt: true,
    })
    .extend({ sameArguments: z.boolean() })
    .optional(),
});

export const replayedRecordSchema = z.object({
  actionId: word,
  agentId: word,
  agent: word,
  agentVersion: word,
  manifestDigest: digestSchema,
  instanceId: word,
  sid: word,
  jti: word,
  proof: z.enum(['dpop', 'none']),
  responsibleId: word,
  protocol: z.enum(protocols),
  server: word,
  tool: word,
  definitionDigest: digestSchema.optional(),
  policyDigest: digestSchema.optional(),
  facts: factsSchema,
});
