/**
 * Room: gateways (S-1). Which tool servers a gateway carries: said with its join token, kept with its enrolment. A gateway that was taken over must not
 * speak for servers that it never had: what it discovers, asks approval for, redeems and records about others is refused.
 */
import { refuse } from '@atf/core/errors';
import type { CarriedServers } from '@atf/core/wire/gateway-routes';
import type { Actor } from '../context.ts';

/** As a column: null is every server. */
export const columnOf = (servers: CarriedServers): string | null =>
  servers === '*' ? null : JSON.stringify([...new Set(servers)]);
export const carriedOf = (column: string[] | null): CarriedServers => column ?? '*';

export function carries(servers: CarriedServers, server: string): boolean {
  return servers === '*' || servers.includes(server);
}

/** `tool`: `server/tool`, or a server's name. Gives the gateway's id. Refuses `segmentation.server_not_carried`. */
export function gatewayCarrying(actor: Actor, tool: string): string {
  if (actor.kind !== 'gateway') return refuse('identity.gateway_unknown');
  const [server = ''] = tool.split('/');
  return carries(actor.servers, server) ? actor.gatewayId : refuse('segmentation.server_not_carried');
}
