/** What an agent's access token says (RFC 9068 `at+jwt`, ES256), and the names around it (I-2). */
import { z } from 'zod';
import { assuranceSchema, digestSchema, toolRefSchema, uuidSchema } from './words.ts';

export const accessTokenType = 'at+jwt';
export const dpopProofType = 'dpop+jwt';
export const gatewayProofType = 'atf-gateway+jwt';
/**
 * Below these are the endpoints of a gateway, one segment for each tool server; an HTTP service is one endpoint with everything below it. They and the
 * gateway's address are the resources of RFC 8707.
 */
export const endpointPrefixes = ['/mcp/', '/http/'] as const;
export const permitType = 'atf-permit+jwt';

/** Agents above one that works for others: no chain is longer, whatever settings say. */
export const chainLengthMax = 5;

/** One agent above, in the session from which it delegated. Nothing of it may have changed since but its level and its rights. */
export const chainLinkSchema = z.object({
  agent: uuidSchema,
  inst: uuidSchema,
  sid: uuidSchema,
  /** As in the token of that session. */
  ver: digestSchema,
  cep: z.int().min(0),
});

/** Level, model and scope are never in the token: they are read at decision time (invariant 7). */
export const accessTokenClaimsSchema = z.object({
  iss: z.string().min(1).max(200),
  /** SPIFFE id `spiffe://<domain>/agent/<agent uuid>/inst/<instance uuid>`. */
  sub: z.string().min(1).max(300),
  /** The resource that may take it (RFC 8707): the address of a gateway, or of one tool server there; exactly one. */
  aud: z.url({ protocol: /^https?$/ }).max(300),
  iat: z.int(),
  exp: z.int(),
  jti: uuidSchema,
  tenant: z.string().min(1).max(64),
  agent: uuidSchema,
  inst: uuidSchema,
  sid: uuidSchema,
  /** SHA-256 of the manifest that was validated: the version identity. */
  ver: digestSchema,
  /** Credential epoch of the agent; a kill or revocation raises it and voids every token below. */
  cep: z.int().min(0),
  assurance: assuranceSchema,
  /** RFC 9449 §6.1: absent only for a plain bearer token, which reads as Intern at most. */
  cnf: z.object({ jkt: digestSchema }).optional(),
  /** The task that a person gave to this session; gateways ask control for its words. */
  task: uuidSchema.optional(),
  /** An agent gave this session its work: which delegation, for whom (the root first), and how many calls all below the root may make. */
  delegation: z
    .object({
      id: uuidSchema,
      chain: z.array(chainLinkSchema).min(1).max(chainLengthMax),
      calls: z.int().min(1),
    })
    .optional(),
});
export type AccessTokenClaims = z.infer<typeof accessTokenClaimsSchema>;

export function spiffeId(trustDomain: string, agentId: string, instanceId: string): string {
  return `spiffe://${trustDomain}/agent/${agentId}/inst/${instanceId}`;
}

/** What a permit of the action API says: this instance may run this tool with exactly these arguments, soon. */
export const permitClaimsSchema = z.object({
  /** The gateway. */
  iss: uuidSchema,
  /** SPIFFE id of the instance. */
  sub: z.string().min(1).max(300),
  /** `server/tool`: what runs the tool compares it with itself. */
  aud: toolRefSchema,
  iat: z.int(),
  /** Not to be used for starting after this; a tool that checks permits refuses then. */
  exp: z.int(),
  /** The action. */
  jti: uuidSchema,
  agent: uuidSchema,
  inst: uuidSchema,
  sid: uuidSchema,
  /** SHA-256 of the canonical arguments. */
  args: digestSchema,
});
export type PermitClaims = z.infer<typeof permitClaimsSchema>;
