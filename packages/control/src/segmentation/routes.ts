/** Room: segmentation. Handlers of tool servers, tools and what gateways discover. */
import { refuse } from '@atf/core/errors';
import { trustedFrom } from '@atf/core/segmentation/retrieval';
import { policyConcernsMax } from '@atf/core/wire/policy-concerns';
import type { Tool } from '@atf/core/wire/api';
import type { Control, Handlers } from '../context.ts';
import { gatewayCarrying } from '../gateways/carried.ts';
import { actingGateway, actingInSession, actingPerson } from '../identity/acting.ts';
import { agentByRef, versionByDigest } from '../identity/store.ts';
import { demandClearance } from '../people/clearances.ts';
import { policyConcerns } from '../policy/argument-changes.ts';
import { settingsInForce } from '../policy/load.ts';
import { totalsOf } from './agent-totals.ts';
import { unthrottle, volumeOf } from './agent-volume.ts';
import { endBlend, grantBlend, listBlends } from './blends.ts';
import { leaseCalls } from './budgets.ts';
import { labelsOf, lowerLabels, reviewLabels } from './declassify.ts';
import { takeDiscovery } from './discovery.ts';
import { serverViewOf, toolViewOf } from './documents.ts';
import { agentBoundaries, negotiate, revokeGrant } from './negotiation.ts';
import { credentialOf, describeOffer, setCredential } from './services.ts';
import { joinRead } from './labels.ts';
import { namesOf } from './findings.ts';
import { serverRows, toolByName, type ToolRow, toolRows } from './store.ts';
import { listSources, removeSource, setSource } from './sources.ts';
import { reserveTotals, settleTotals } from './totals.ts';
import { acceptTool, addServer, classifyTool, refuseUnfit, setServerMayAsk } from './tools.ts';

type Operation =
  | 'servers.list'
  | 'servers.add'
  | 'servers.mayAsk'
  | 'servers.define'
  | 'servers.credential'
  | 'gateway.serviceCredential'
  | 'tools.list'
  | 'tools.show'
  | 'tools.classify'
  | 'servers.classify'
  | 'tools.accept'
  | 'gateway.leaseCalls'
  | 'agents.totals'
  | 'agents.volume'
  | 'agents.unthrottle'
  | 'labels.list'
  | 'labels.review'
  | 'labels.lower'
  | 'agents.boundaries'
  | 'agents.revokeGrant'
  | 'sources.list'
  | 'sources.set'
  | 'sources.remove'
  | 'sources.blend'
  | 'sources.part'
  | 'gateway.negotiate'
  | 'gateway.reserveTotals'
  | 'gateway.settleTotals'
  | 'gateway.read'
  | 'gateway.discovered';

const toolsListedMax = 5_000;

const viewOf = async (control: Control, row: ToolRow): Promise<Tool> =>
  toolViewOf(await namesOf(control.db, control.config.tenant), row);

export const segmentationRoutes: Handlers<Operation> = {
  async 'servers.list'(control) {
    return { items: (await serverRows(control.db, control.config.tenant)).map(serverViewOf) };
  },

  async 'servers.add'(control, { body, actor }) {
    const person = actingPerson(actor);
    return serverViewOf(await control.change((tx) => addServer(control, tx, body, person.id)));
  },

  async 'servers.mayAsk'(control, { params, body, actor, headers }) {
    const by = actingPerson(actor);
    const row = await control.change(async (tx) => {
      await demandClearance(control, tx, { operation: 'servers.mayAsk', params, body, headers, by });
      return setServerMayAsk(control, tx, params.name, body.mayAsk, by.id);
    });
    return serverViewOf(row);
  },

  async 'servers.define'(control, { params, body, actor }) {
    const { tenant } = control.config;
    const { leftOut, ...offered } = describeOffer(body);
    await takeDiscovery(control, params.name, offered, { person: actingPerson(actor).id });
    const rows = await toolRows(control.db, tenant, toolsListedMax);
    const names = await namesOf(control.db, tenant);
    const items = rows.filter(({ server }) => server === params.name).map((row) => toolViewOf(names, row));
    return leftOut === undefined ? { items } : { items, leftOut };
  },

  async 'servers.credential'(control, { params, body, actor }) {
    const by = actingPerson(actor);
    return serverViewOf(
      await control.change((tx) => setCredential(control, tx, params.name, body.credential, by.id)),
    );
  },

  'gateway.leaseCalls': (control, { body }) => leaseCalls(control, body.asks),

  async 'agents.totals'(control, { params, actor }) {
    actingPerson(actor);
    const { tenant } = control.config;
    const agent = (await agentByRef(control.db, tenant, params.id)) ?? refuse('identity.agent_not_found');
    const version = await versionByDigest(control.db, tenant, agent.id, agent.manifest_digest);
    return { items: await totalsOf(control, agent.id, version?.manifest.limits ?? []) };
  },

  async 'agents.volume'(control, { params, actor }) {
    actingPerson(actor);
    const { tenant } = control.config;
    const agent = (await agentByRef(control.db, tenant, params.id)) ?? refuse('identity.agent_not_found');
    return volumeOf(control, agent);
  },

  async 'agents.unthrottle'(control, { params, body, actor }) {
    const person = actingInSession(actor);
    await unthrottle(control, person, params.id, body);
    const agent = await agentByRef(control.db, control.config.tenant, params.id);
    return volumeOf(control, agent ?? refuse('identity.agent_not_found'));
  },

  async 'labels.list'(control, { params, actor }) {
    actingPerson(actor);
    const { tenant } = control.config;
    const agent = (await agentByRef(control.db, tenant, params.id)) ?? refuse('identity.agent_not_found');
    return { items: await labelsOf(control, agent) };
  },

  async 'labels.review'(control, { params, actor }) {
    const person = actingInSession(actor);
    return reviewLabels(control, person, params.id);
  },

  async 'labels.lower'(control, { params, body, actor }) {
    const person = actingInSession(actor);
    return lowerLabels(control, person, params.id, body);
  },

  async 'agents.boundaries'(control, { params, actor }) {
    actingPerson(actor);
    const { tenant } = control.config;
    const agent = (await agentByRef(control.db, tenant, params.id)) ?? refuse('identity.agent_not_found');
    return agentBoundaries(control, agent);
  },

  async 'agents.revokeGrant'(control, { params, actor }) {
    await revokeGrant(control, actingPerson(actor), params.id, params.grant);
    return { ok: true };
  },

  async 'sources.list'(control, { actor }) {
    actingPerson(actor);
    const from = trustedFrom(await settingsInForce(control));
    return { items: await listSources(control), trustedFrom: from, blends: await listBlends(control) };
  },

  async 'sources.set'(control, { params, body, actor, headers }) {
    const by = actingPerson(actor);
    return control.change(async (tx) => {
      await demandClearance(control, tx, { operation: 'sources.set', params, body, headers, by });
      return setSource(control, tx, body, by.id);
    });
  },

  async 'sources.remove'(control, { params, body, actor, headers }) {
    const by = actingPerson(actor);
    await control.change(async (tx) => {
      await demandClearance(control, tx, { operation: 'sources.remove', params, body, headers, by });
      await removeSource(control, tx, body, by.id);
    });
    return { ok: true };
  },

  async 'sources.blend'(control, { params, body, actor, headers }) {
    const by = actingPerson(actor);
    return control.change(async (tx) => {
      await demandClearance(control, tx, { operation: 'sources.blend', params, body, headers, by });
      return grantBlend(control, tx, params.id, body, by);
    });
  },

  async 'sources.part'(control, { params, actor }) {
    const by = actingPerson(actor);
    await control.change((tx) => endBlend(control, tx, params.id, params.grant, by));
    return { ok: true };
  },

  'gateway.negotiate': (control, { body, actor }) =>
    negotiate(control, gatewayCarrying(actor, body.tool), body),

  'gateway.reserveTotals': (control, { body, actor }) =>
    reserveTotals(control, actingGateway(actor), body.asks),

  'gateway.settleTotals': (control, { body, actor }) =>
    settleTotals(control, actingGateway(actor), body.settled),

  'gateway.read': (control, { body }) => joinRead(control, body),

  async 'gateway.serviceCredential'(control, { params, actor }) {
    gatewayCarrying(actor, params.name);
    return await credentialOf(control, params.name);
  },

  async 'tools.list'(control) {
    const { tenant } = control.config;
    const names = await namesOf(control.db, tenant);
    const rows = await toolRows(control.db, tenant, toolsListedMax);
    return { items: rows.map((row) => toolViewOf(names, row)) };
  },

  async 'tools.show'(control, { params }) {
    const row = await toolByName(control.db, control.config.tenant, params.server, params.name);
    if (row === undefined) return refuse('segmentation.tool_unknown');
    const concerns = (await policyConcerns(control.db, row)).slice(0, policyConcernsMax);
    return { ...(await viewOf(control, row)), ...(concerns.length === 0 ? {} : { concerns }) };
  },

  async 'tools.classify'(control, { params, body, actor, headers }) {
    const by = actingPerson(actor);
    const row = await control.change(async (tx) => {
      await demandClearance(control, tx, { operation: 'tools.classify', params, body, headers, by });
      return classifyTool(control, tx, params.server, params.name, body, by.id);
    });
    return await viewOf(control, row);
  },

  async 'servers.classify'(control, { params, body, actor, headers }) {
    const by = actingPerson(actor);
    const rows = await control.change(async (tx) => {
      await demandClearance(control, tx, { operation: 'servers.classify', params, body, headers, by });
      const changed = [];
      for (const [name, said] of Object.entries(body.tools))
        changed.push(await classifyTool(control, tx, params.name, name, said, by.id));
      return changed;
    });
    const names = await namesOf(control.db, control.config.tenant);
    return { items: rows.map((row) => toolViewOf(names, row)) };
  },

  async 'tools.accept'(control, { params, body, actor, headers }) {
    const by = actingPerson(actor);
    const row = await control.change(async (tx) => {
      // Before anybody is asked to clear what cannot be done.
      await refuseUnfit(control, tx, params.server, params.name);
      await demandClearance(control, tx, { operation: 'tools.accept', params, body, headers, by });
      return acceptTool(control, tx, params, body, by);
    });
    return await viewOf(control, row);
  },

  async 'gateway.discovered'(control, { params, body, actor }) {
    gatewayCarrying(actor, params.name);
    await takeDiscovery(control, params.name, body, { gateway: true });
    return { ok: true };
  },
};
