/**
 * Gateways as people see them, and what gateways ask of control: shapes and routes, joined into the table of routes by `api.ts`. What control tells
 * gateways of itself is the feed (feed.ts); records go as spool frames (`rawPaths`).
 */
import { z } from 'zod';
import { approverSchema } from './action.ts';
import { serviceCredentialSchema } from './service.ts';
import { id, list, ok, reason, text } from './shapes.ts';
import {
  actionClassSchema,
  approvalStateSchema,
  digestSchema,
  isoTimeSchema,
  nameSchema,
  toolRefSchema,
  uuidSchema,
} from './words.ts';

export const publicKeySchema = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: text(64),
  y: text(64),
});

/** A tool result as stored; `resultText` is the canonical JSON of the MCP result. */
export const storedOutcomeSchema = z.object({
  status: z.enum(['done', 'failed', 'aborted', 'not_executed', 'unknown']),
  resultText: text(4_194_304).optional(),
});

/** The tool servers that a gateway carries: by name, or every one (`*`), also those that are registered later. */
export const carriedServersSchema = z.union([z.literal('*'), z.array(nameSchema).min(1).max(500)]);
export type CarriedServers = z.infer<typeof carriedServersSchema>;

const countedSchema = z.int().min(0).max(1e15);
const totalIdPattern = /^(?:(?:amount:[A-Z]{3}|records|calls):(hour|day|task)|concurrent):[^\s]{1,300}$/;

/** The period that stands in the name of a total (segmentation/totals.ts); undefined: no total has such a name. */
export function totalPeriodOf(id: string): 'hour' | 'day' | 'task' | 'call' | undefined {
  const found = totalIdPattern.exec(id);
  return found === null ? undefined : ((found[1] ?? 'call') as 'hour' | 'day' | 'task' | 'call');
}

/** A name and another period than its own would begin it anew. */
const isNamed = ({ id, per }: { readonly id: string; readonly per: string }) => totalPeriodOf(id) === per;
const totalAskedSchema = z.strictObject({
  /** `amount:EUR:day:erp/refund`. */
  id: z.string().min(1).max(400),
  per: z.enum(['hour', 'day', 'task', 'call']),
  max: countedSchema,
});

/** Totals of one call, each under the period that its id names. */
const totalsOf = <Total extends { readonly id: string; readonly per: string }, Given>(
  total: z.ZodType<Total, Given>,
) => z.array(total.refine(isNamed, 'the id names another period')).min(1).max(100);

export const gatewayRoutes = {
  'gateways.list': {
    method: 'GET',
    path: '/v1/gateways',
    auth: 'person',
    summary: 'List the gateways',
    response: list(
      z.object({
        id: uuidSchema,
        name: nameSchema,
        state: z.enum(['active', 'revoked']),
        servers: carriedServersSchema,
        connected: z.boolean(),
        /** Address by which agents know it, as it has told; absent before its first connection. */
        url: z.url().optional(),
        enrolledAt: isoTimeSchema,
      }),
    ),
  },
  'gateways.joinToken': {
    method: 'POST',
    path: '/v1/gateways/join-tokens',
    auth: 'person',
    roles: ['operator'],
    summary: 'Issue a one-time join token for a gateway',
    body: z.strictObject({ name: nameSchema, servers: carriedServersSchema }),
    response: z.object({ joinToken: text(200), expiresAt: isoTimeSchema }),
  },
  'gateways.enrol': {
    method: 'POST',
    path: '/v1/gateways/enrol',
    auth: 'public',
    summary: 'Enrol a gateway with its own key',
    body: z.strictObject({
      joinToken: z.string().min(20).max(200),
      publicKey: publicKeySchema,
      proof: text(4096),
    }),
    response: z.object({
      gatewayId: uuidSchema,
      name: nameSchema,
      tenant: text(64),
      servers: carriedServersSchema,
    }),
  },
  'gateways.revoke': {
    method: 'POST',
    path: '/v1/gateways/:id/revoke',
    auth: 'person',
    roles: ['operator', 'security'],
    summary: 'Revoke a gateway',
    params: id,
    body: z.strictObject({ reason }),
    response: ok,
  },
  'gateway.discovered': {
    method: 'POST',
    path: '/v1/gateway/servers/:name/discovery',
    auth: 'gateway',
    summary: 'Report the tools that a server offers',
    params: z.object({ name: nameSchema }),
    body: z.strictObject({
      definitions: z.array(z.record(z.string(), z.unknown())).max(1000).optional(),
      fault: text(500).optional(),
    }),
    response: ok,
  },
  'gateway.leaseCalls': {
    method: 'POST',
    path: '/v1/gateway/calls',
    auth: 'gateway',
    summary: 'Take calls out of the rate limits of agents, for this gateway to spend',
    body: z.strictObject({
      asks: z
        .array(
          z.strictObject({
            /** Whose calls count together: an agent, the owner of several, or the id that stands for the fleet. */
            agentId: uuidSchema,
            /** `rate:agent`, `rate:server/tool`, `rate:owner`, `rate:fleet`, `rate:all:server/tool`. */
            limit: z.string().min(1).max(400),
            max: z.int().min(1).max(1_000_000),
            perSeconds: z.int().min(1).max(86_400),
            wanted: z.int().min(1).max(1_000_000),
          }),
        )
        .min(1)
        .max(500),
    }),
    response: z.object({
      /** One for each ask, in their order. */
      grants: z.array(z.object({ granted: z.int().min(0), retryAfterMs: z.int().min(0) })).max(500),
    }),
  },
  'gateway.reserveTotals': {
    method: 'POST',
    path: '/v1/gateway/totals',
    auth: 'gateway',
    summary: 'Reserve what calls are about to do, out of the totals of their agents',
    body: z.strictObject({
      asks: z
        .array(
          z.strictObject({
            /** New for every reservation; what was asked again under one id is reserved once. */
            holdId: uuidSchema,
            agentId: uuidSchema,
            /** The task of the session, where totals of a task count; or `day:` and an instance, for what it does in a day. */
            task: z.union([uuidSchema, z.string().regex(/^day:[0-9a-f-]{36}$/)]).optional(),
            totals: totalsOf(totalAskedSchema.extend({ wanted: countedSchema })),
          }),
        )
        .min(1)
        .max(100),
    }),
    response: z.object({
      /** One for each ask, in their order: all of its totals have room and are reserved, or nothing is. */
      answers: z
        .array(
          z.object({
            reserved: z.boolean(),
            totals: z
              .array(
                z.object({
                  ok: z.boolean(),
                  left: countedSchema,
                  /** Absent: waiting does not help. */
                  retryAfterMs: z.int().min(0).optional(),
                  /** A restore has lost what was spent: it counts as all of it. */
                  unknown: z.literal(true).optional(),
                }),
              )
              .max(100),
          }),
        )
        .max(100),
    }),
  },
  'gateway.settleTotals': {
    method: 'POST',
    path: '/v1/gateway/totals/settled',
    auth: 'gateway',
    summary: 'Say what calls did of what was reserved for them',
    body: z.strictObject({
      settled: z
        .array(
          z.strictObject({
            holdId: uuidSchema,
            agentId: uuidSchema,
            totals: totalsOf(totalAskedSchema.extend({ spent: countedSchema })),
          }),
        )
        .min(1)
        .max(100),
    }),
    response: z.object({
      /** False: it is more than was left; then what was reserved stays spent, and nothing more. */
      answers: z
        .array(
          z.object({
            within: z.boolean(),
            left: countedSchema,
            /** False: nothing was reserved for it, or not yet. */ held: z.boolean(),
          }),
        )
        .max(100),
    }),
  },
  'gateway.requestApproval': {
    method: 'POST',
    path: '/v1/gateway/approvals',
    auth: 'gateway',
    summary: 'Store a call for a person to decide',
    body: z.strictObject({
      actionId: uuidSchema,
      agentId: uuidSchema,
      instanceId: uuidSchema,
      sid: uuidSchema,
      tool: toolRefSchema,
      argsText: text(1_048_576),
      argsDigest: digestSchema,
      definitionDigest: digestSchema,
      class: actionClassSchema,
      because: text(500),
      /** What the agent says about it, as canonical JSON; sealed at rest, claimed where it is shown. */
      statedText: text(16_384).optional(),
      approver: approverSchema.optional(),
    }),
    response: z.object({
      id: uuidSchema,
      state: approvalStateSchema,
      requestedAt: isoTimeSchema.optional(),
      expiresAt: isoTimeSchema,
    }),
  },
  'gateway.withdrawApproval': {
    method: 'POST',
    path: '/v1/gateway/approvals/:id/withdraw',
    auth: 'gateway',
    summary: 'The agent gives up a call that was not released yet',
    params: id,
    body: z.strictObject({ agentId: uuidSchema }),
    /** How it stands now: `void` when it was withdrawn. */
    response: z.object({ state: approvalStateSchema }),
  },
  'gateway.redeemApproval': {
    method: 'POST',
    path: '/v1/gateway/approvals/:id/redeem',
    auth: 'gateway',
    summary: 'Consume an approval by compare-and-set, or get its stored outcome',
    params: id,
    body: z.strictObject({ agentId: uuidSchema, actionId: uuidSchema }),
    response: z.object({
      state: approvalStateSchema,
      released: z.boolean(),
      tool: toolRefSchema,
      argsText: text(1_048_576).optional(),
      argsDigest: digestSchema,
      definitionDigest: digestSchema,
      expiresAt: isoTimeSchema,
      decidedBy: text(200).optional(),
      reason: text(500).optional(),
      outcome: storedOutcomeSchema.optional(),
    }),
  },
  'gateway.finishApproval': {
    method: 'POST',
    path: '/v1/gateway/approvals/:id/outcome',
    auth: 'gateway',
    summary: 'Store the outcome of a redeemed call',
    params: id,
    body: z.strictObject({ actionId: uuidSchema, outcome: storedOutcomeSchema }),
    response: ok,
  },
  'gateway.standing': {
    method: 'GET',
    path: '/v1/gateway/standing',
    auth: 'gateway',
    summary: 'The highest epoch that was ever heard of this gateway’s spool',
    response: z.object({ epochMax: z.int().min(0) }),
  },
  'gateway.started': {
    method: 'POST',
    path: '/v1/gateway/started',
    auth: 'gateway',
    summary: 'This gateway is a new process: what an earlier one released and did not finish is lost',
    body: z.strictObject({ upMs: z.int().min(0) }),
    response: ok,
  },
  'gateway.payloadKey': {
    method: 'POST',
    path: '/v1/gateway/payload-key',
    auth: 'gateway',
    summary: 'The wrapping key for payloads, to be held in memory only',
    response: z.object({ kid: text(100), key: text(64) }),
  },
  'gateway.serviceCredential': {
    method: 'POST',
    path: '/v1/gateway/servers/:name/credential',
    auth: 'gateway',
    summary: 'The credential of an HTTP service, to be held in memory only',
    params: z.object({ name: nameSchema }),
    response: z.object({ epoch: z.int().min(0), credential: serviceCredentialSchema.nullable() }),
  },
} as const;
