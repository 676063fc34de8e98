/**
 * Policy enforcement points of others (gateways, meshes, applications) that ask ours for decisions: who they are and what they may ask about; and the application
 * sets by which questions are answered that are not about agents. Shapes and routes, joined into the table of routes by `api.ts`.
 */
import { z } from 'zod';
import { policyDocSchema } from './documents.ts';
import { id, list, ok, reason, text } from './shapes.ts';
import { digestSchema, isoTimeSchema, nameSchema, uuidSchema } from './words.ts';

/** Agents that one point asks about. */
export const agentsOfPointMax = 100;
export const pointsMax = 500;
export const questionsPerMinuteMax = 600_000;
export const questionsPerMinuteDefault = 6_000;
export const entitiesMax = 20_000;

/** `atfp_<id of the point>_<secret>`: 32 random bytes, shown once. */
export const pointCredentialPattern =
  /^atfp_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

/** Service → the address under which agents reach it through the point: what their proofs name. */
const servicesSchema = z
  .record(nameSchema, z.url({ protocol: /^https?$/ }).max(300))
  .refine((services) => Object.keys(services).length <= 50, 'at most 50 services');

export const pointSchema = z.object({
  id: uuidSchema,
  name: nameSchema,
  /** Agents that it asks about (AuthZEN). */
  agents: z.array(nameSchema),
  /** The application set that answers what it asks about anything else. */
  application: nameSchema.optional(),
  /** HTTP services whose requests it passes on for a decision (Envoy ext_authz). */
  services: servicesSchema,
  /** It makes sure that agents hold their keys before it asks about them. Otherwise they count as Interns, as with a bearer token. */
  proves: z.boolean(),
  questionsPerMinute: z.int(),
  registeredAt: isoTimeSchema,
  revokedAt: isoTimeSchema.optional(),
});
export type Point = z.infer<typeof pointSchema>;

/** What a gateway has to know of a point to answer it. */
export const pointFactsSchema = z.object({
  id: uuidSchema,
  name: nameSchema,
  /** SHA-256 of the credential. */
  credentialDigest: digestSchema,
  agents: z
    .array(
      z.object({
        agentId: uuidSchema,
        instanceId: uuidSchema,
        sid: uuidSchema,
        manifestDigest: digestSchema,
        credentialEpoch: z.int(),
      }),
    )
    .max(agentsOfPointMax),
  /** With the digest of what is in force of it; without: nothing is. */
  application: z.object({ name: nameSchema, digest: digestSchema.optional() }).optional(),
  services: servicesSchema,
  proves: z.boolean(),
  questionsPerMinute: z.int().min(1).max(questionsPerMinuteMax),
});
export type PointFacts = z.infer<typeof pointFactsSchema>;

/** An application set in force, as it is evaluated. `entities`: Cedar's JSON form. */
export const applicationDocSchema = z.object({
  name: nameSchema,
  version: z.int().min(1),
  digest: digestSchema,
  policies: policyDocSchema.shape.policies,
  entities: z.array(z.unknown()).max(entitiesMax),
});
export type ApplicationDoc = z.infer<typeof applicationDocSchema>;

export const applicationVersionSchema = z.object({
  name: nameSchema,
  version: z.int().min(1),
  digest: digestSchema,
  at: isoTimeSchema,
  by: z.array(text(200)),
  reason: text(500),
  policies: z.int(),
});

export const enforcementRoutes = {
  'points.list': {
    method: 'GET',
    path: '/v1/enforcement-points',
    auth: 'person',
    summary: 'Enforcement points of others that may ask for decisions',
    response: list(pointSchema),
  },
  'points.register': {
    method: 'POST',
    path: '/v1/enforcement-points',
    auth: 'person',
    roles: ['operator'],
    summary: 'Register an enforcement point; its credential is shown once',
    body: z.strictObject({
      name: nameSchema,
      agents: z.array(nameSchema).max(agentsOfPointMax).default([]),
      application: nameSchema.optional(),
      services: servicesSchema.default({}),
      proves: z.boolean().default(false),
      questionsPerMinute: z.int().min(1).max(questionsPerMinuteMax).default(questionsPerMinuteDefault),
    }),
    response: z.object({ point: pointSchema, credential: text(200) }),
  },
  'points.revoke': {
    method: 'POST',
    path: '/v1/enforcement-points/:id/revoke',
    auth: 'person',
    roles: ['operator', 'security'],
    summary: 'An enforcement point may ask nothing any more',
    params: id,
    body: z.strictObject({ reason }),
    response: ok,
  },
  'applications.list': {
    method: 'GET',
    path: '/v1/applications',
    auth: 'person',
    summary: 'Application sets in force (proposed and confirmed like the policy set, as candidates)',
    response: list(applicationVersionSchema),
  },
  'applications.versions': {
    method: 'GET',
    path: '/v1/applications/:name/versions',
    auth: 'person',
    summary: 'Versions of one application set, newest first',
    params: z.object({ name: nameSchema }),
    response: list(applicationVersionSchema),
  },
  'gateway.point': {
    method: 'GET',
    path: '/v1/gateway/enforcement-points/:id',
    auth: 'gateway',
    summary: 'What a gateway has to know of an enforcement point',
    params: id,
    response: pointFactsSchema,
  },
  'gateway.application': {
    method: 'GET',
    path: '/v1/gateway/applications/:name',
    auth: 'gateway',
    summary: 'An application set in force, as it is evaluated',
    params: z.object({ name: nameSchema }),
    response: applicationDocSchema,
  },
} as const;
