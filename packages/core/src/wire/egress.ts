/** Where an agent, or a gateway, may connect to: shapes and routes, joined into the table of routes by `api.ts`. */
import { z } from 'zod';
import { id, text } from './shapes.ts';
import { nameSchema } from './words.ts';

export const egressSchema = z.object({
  of: z.enum(['agent', 'gateway']),
  name: nameSchema,
  /** Something that is stopped, or was revoked, may connect to nothing. */
  stopped: z.boolean(),
  /** By address, without doubles. */
  reach: z.array(
    z.object({
      /** `mesh`: a service that the agent asks itself, through a proxy that asks the gateway. `server`: asked by the gateway. */
      kind: z.enum(['gateway', 'control', 'mesh', 'server']),
      name: text(200),
      url: z.url(),
    }),
  ),
  /** Servers of which the agent's own program runs tools: only its owner knows where those connect to. */
  own: z.array(nameSchema),
});
export type Egress = z.infer<typeof egressSchema>;

export const egressRoutes = {
  'agents.egress': {
    method: 'GET',
    path: '/v1/agents/:id/egress',
    auth: 'person',
    summary: 'Where the agent may connect to now, from its effective rights',
    params: z.object({ id: text(64) }),
    response: egressSchema,
  },
  'gateways.egress': {
    method: 'GET',
    path: '/v1/gateways/:id/egress',
    auth: 'person',
    summary: 'Where a gateway may connect to: control, and the tool servers that it carries',
    params: id,
    response: egressSchema,
  },
} as const;
