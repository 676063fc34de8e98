/** Room: identity. Narrowing of who calls. The server has authenticated already; a wrong kind here is a fault of a route's declaration. */
import { refuse } from '@atf/core/errors';
import type { Person } from '@atf/core/wire/api';
import type { Actor } from '../context.ts';
import type { AgentRow } from './store.ts';

export function actingPerson(actor: Actor): Person {
  return actor.kind === 'person' ? actor.person : refuse('people.sign_in_required');
}

/** A person who is there: presence is confirmed in a session, and never by a token of the host. */
export function actingInSession(actor: Actor): Person {
  const person = actingPerson(actor);
  return actor.kind === 'person' && actor.by === 'session' ? person : refuse('people.presence_required');
}

export function actingGateway(actor: Actor): string {
  return actor.kind === 'gateway' ? actor.gatewayId : refuse('identity.gateway_unknown');
}

/** Roles open the door; beyond it, owners act on their own agents only. */
export function answersFor(person: Person, agent: AgentRow): boolean {
  return agent.owner_id === person.id || agent.technical_owner_id === person.id;
}
