/**
 * Tokens (D-3): what an agent reads in place of a value that control keeps sealed for a time. Shapes and routes. A person reveals one, with presence and a reason; a gateway has
 * one turned back only for an argument of a tool that settings name.
 */
import { z } from 'zod';
import { canonicalJson } from './json.ts';
import { ok, reason, text } from './shapes.ts';
import { isoTimeSchema, toolRefSchema, uuidSchema } from './words.ts';

/** Values of one result that become tokens; what is more is masked. */
export const tokensPerResultMax = 200;
export const tokenValueMax = 500;
export const tokensPerCallMax = 20;

export const tokenIdSchema = z.string().regex(/^tok_[a-z2-7]{26}$/);

const roles = ['security'] as const;
const call = {
  actionId: uuidSchema,
  agentId: uuidSchema,
  sid: text(100),
  tool: text(400),
};

/** What the `digest` of a `token` subject is the SHA-256 of. Its `id` is the token's. */
export const revealShownText = (token: string, why: string): string =>
  canonicalJson({ reveal: token, reason: why.trim() });

export const tokenRoutes = {
  'tokens.reveal': {
    method: 'POST',
    path: '/v1/tokens/:token/reveal',
    auth: 'person',
    roles,
    presence: true,
    summary: 'The value behind a token; who looked and why is recorded',
    params: z.object({ token: tokenIdSchema }),
    body: z.strictObject({ reason, presence: z.string().min(20).max(200) }),
    response: z.object({
      value: z.string(),
      detector: text(60),
      agentId: uuidSchema,
      /** Whose result it stood in. */
      tool: text(400),
      actionId: uuidSchema,
      expiresAt: isoTimeSchema,
    }),
  },
  'tokens.forget': {
    method: 'POST',
    path: '/v1/tokens/:token/forget',
    auth: 'person',
    roles,
    summary: 'Erase the value behind a token at once',
    params: z.object({ token: tokenIdSchema }),
    body: z.strictObject({ reason }),
    response: ok,
  },
  'gateway.keepValues': {
    method: 'POST',
    path: '/v1/gateway/values',
    auth: 'gateway',
    summary: 'Seal values that stood in a result, and get a token for each',
    body: z.strictObject({
      ...call,
      values: z
        .array(z.strictObject({ detector: text(60), value: z.string().min(1).max(tokenValueMax) }))
        .min(1)
        .max(tokensPerResultMax),
    }),
    /** In the order of the values; null: it is not kept. */
    response: z.object({ tokens: z.array(tokenIdSchema.nullable()).max(tokensPerResultMax) }),
  },
  'gateway.giveValues': {
    method: 'POST',
    path: '/v1/gateway/values/given',
    auth: 'gateway',
    summary: 'The values behind tokens that stand in arguments of a call which was allowed',
    body: z.strictObject({
      ...call,
      tool: toolRefSchema,
      tokens: z
        .array(z.strictObject({ argument: text(100), token: tokenIdSchema }))
        .min(1)
        .max(tokensPerCallMax),
    }),
    response: z.object({ values: z.array(z.string().max(tokenValueMax)).max(tokensPerCallMax) }),
  },
} as const;
