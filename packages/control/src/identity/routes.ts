/** Room: identity. Handlers of agents and their instances. What an agent may do now is answered by the policy room. */
import { refuse } from '@atf/core/errors';
import type { Handlers } from '../context.ts';
import { actingGateway, actingInSession, actingPerson, answersFor } from './acting.ts';
import { agentView, agentViews, listAgents, registerAgent } from './agents.ts';
import { setCeiling } from './ceiling.ts';
import { enrol, issueJoinToken, renew, revokeSessions } from './credentials.ts';
import { delegate, delegatedForGateway, delegationsAround } from './delegations.ts';
import { agentById, agentByRef } from './store.ts';
import { addToTask, endTask, giveTask, listTasks, taskForGateway } from './tasks.ts';

type Operation =
  | 'agents.list'
  | 'agents.show'
  | 'agents.register'
  | 'agents.joinToken'
  | 'agents.revokeSessions'
  | 'agents.ceiling'
  | 'instances.enrol'
  | 'instances.token'
  | 'tasks.list'
  | 'tasks.give'
  | 'tasks.add'
  | 'tasks.end'
  | 'gateway.task'
  | 'agents.delegations'
  | 'gateway.delegate'
  | 'gateway.delegated';

export const identityRoutes: Handlers<Operation> = {
  async 'agents.list'(control, { query }) {
    return { items: await listAgents(control, query) };
  },

  async 'agents.show'(control, { params }) {
    const row =
      (await agentByRef(control.db, control.config.tenant, params.id)) ?? refuse('identity.agent_not_found');
    const [view] = await agentViews(control, [row]);
    return view ?? refuse('identity.agent_not_found');
  },

  async 'agents.register'(control, { body, actor }) {
    const person = actingPerson(actor);
    const by = { id: person.id, operator: person.roles.includes('operator') };
    const id = await control.change((tx) => registerAgent(control, tx, body.manifest, body.format, by));
    return agentView(control, id);
  },

  async 'agents.joinToken'(control, { params, actor }) {
    const person = actingPerson(actor);
    const agent =
      (await agentById(control.db, control.config.tenant, params.id)) ?? refuse('identity.agent_not_found');
    if (!person.roles.includes('operator') && !answersFor(person, agent))
      refuse('people.not_allowed', 'This agent has other owners.');
    return issueJoinToken(control, agent.id, person.id);
  },

  async 'agents.revokeSessions'(control, { params, body, actor }) {
    const person = actingPerson(actor);
    const agent =
      (await agentById(control.db, control.config.tenant, params.id)) ?? refuse('identity.agent_not_found');
    const everywhere = person.roles.includes('operator') || person.roles.includes('security');
    if (!everywhere && !answersFor(person, agent))
      refuse('people.not_allowed', 'This agent has other owners.');
    await revokeSessions(control, agent.id, person.id, body.reason);
    return { ok: true };
  },

  async 'agents.ceiling'(control, { params, body, actor }) {
    const person = actingInSession(actor);
    await setCeiling(control, person, params.id, body);
    return agentView(control, params.id);
  },

  async 'instances.enrol'(control, { body, headers }) {
    const { joinToken, bearer, resource } = body;
    return enrol(control, { joinToken, bearer: bearer === true, resource, headers });
  },

  async 'instances.token'(control, { body, actor }) {
    if (actor.kind !== 'instance' || actor.instanceId !== body.instanceId)
      return refuse('identity.proof_invalid');
    const { instanceId, newSession, resource, task } = body;
    return renew(control, instanceId, actor.jkt, { newSession: newSession === true, resource, task });
  },

  async 'tasks.list'(control, { query, actor }) {
    return { items: await listTasks(control, actingPerson(actor), query) };
  },

  async 'tasks.give'(control, { params, body, actor }) {
    return giveTask(control, actingPerson(actor), params.id, body);
  },

  async 'tasks.add'(control, { params, body, actor }) {
    return addToTask(control, actingPerson(actor), params.id, body.words);
  },

  async 'tasks.end'(control, { params, actor }) {
    await endTask(control, actingPerson(actor), params.id);
    return { ok: true };
  },

  async 'agents.delegations'(control, { params, actor }) {
    actingPerson(actor);
    return { items: await delegationsAround(control, params.id) };
  },

  async 'gateway.delegate'(control, { body, actor }) {
    actingGateway(actor);
    return delegate(control, body);
  },

  async 'gateway.delegated'(control, { params, actor }) {
    actingGateway(actor);
    return delegatedForGateway(control, params.id);
  },

  async 'gateway.task'(control, { params, actor }) {
    actingGateway(actor);
    return taskForGateway(control, params.id);
  },
};
