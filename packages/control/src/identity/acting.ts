/** Room: identity. Narrowing of who calls. The server has authenticated already; a wrong kind here is a fault of a route's declaration. */
import { refuse } from '@atf/core/errors';
import type { Person } from '@atf/core/wire/api';
import type { Actor } from '../context.ts';

export function actingPerson(actor: Actor): Person {
  return actor.kind === 'person' ? actor.person : refuse('people.sign_in_required');
}

export function actingGateway(actor: Actor): string {
  return actor.kind === 'gateway' ? actor.gatewayId : refuse('identity.gateway_unknown');
}
