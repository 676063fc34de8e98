/** People, an agent with an instance, and a tool server, as tests of several rooms need them. Test code; the product does not import it. */
import { randomUUID } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import type { Person } from '@atf/core/wire/api';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import type { Level } from '@atf/core/wire/words';
import type { Actor, Call, Handlers } from '../context.ts';
import { bootstrapLevel, registerAgent } from '../identity/agents.ts';
import { insertInstance } from '../identity/credential-store.ts';
import { agentById } from '../identity/store.ts';
import { takeDiscovery } from '../segmentation/discovery.ts';
import { toolByName } from '../segmentation/store.ts';
import { addServer, classifyTool } from '../segmentation/tools.ts';
import type { TestControl } from './control.fixture.ts';

export const gatewayActor: Actor = {
  kind: 'gateway',
  gatewayId: randomUUID(),
  name: 'gateway',
  servers: '*',
};

export interface Domain {
  readonly operator: Person;
  readonly security: Person;
  readonly owner: Person;
  readonly technical: Person;
  readonly business: Person;
  readonly approver: Person;
  readonly stranger: Person;
  agent(
    name: string,
    level: Level,
    more?: Record<string, unknown>,
  ): Promise<{ id: string; instanceId: string; sid: string }>;
  definitionDigest(tool: string): Promise<string>;
}

export const refundTools: JsonObject[] = [
  { name: 'get_order', inputSchema: { type: 'object', properties: { order_id: { type: 'string' } } } },
  {
    name: 'create_refund',
    inputSchema: {
      type: 'object',
      properties: { order_id: { type: 'string' }, amount: { type: 'number' }, currency: { type: 'string' } },
    },
  },
  { name: 'cancel_refund', inputSchema: { type: 'object', properties: { refund_id: { type: 'string' } } } },
];

/** One shop: a server `shop` whose refund is write-safe up to the agent's limit of 100 EUR, and the people around it. */
export async function domainOf(control: TestControl): Promise<Domain> {
  const { tenant } = control.config;
  const operator = await control.person('Olga Operator', ['operator']);
  const owner = await control.person('Ines Owner', ['agent_owner']);
  const technical = await control.person('Tomas Technical', ['technical_owner']);
  const business = await control.person('Grace Business', ['business_owner']);
  const given = {
    name: 'shop',
    transport: { kind: 'stdio' as const },
    domain: 'finance',
    outputTrust: 'trusted' as const,
    stateless: true,
  };
  await control.change((tx) => addServer(control, tx, given, operator.id));
  await takeDiscovery(control, 'shop', { definitions: refundTools }, { gateway: true });
  await control.change((tx) =>
    classifyTool(control, tx, 'shop', 'create_refund', { writeSafe: true }, operator.id),
  );
  return {
    operator,
    owner,
    technical,
    business,
    security: await control.person('Yuki Security', ['security']),
    approver: await control.person('Paula Approver', ['approver']),
    stranger: await control.person('Sam Stranger', ['agent_owner']),
    async agent(name, level, more = {}) {
      const manifest = JSON.stringify({
        name,
        version: '1.0.0',
        owner: owner.id,
        technicalOwner: technical.id,
        businessOwner: business.id,
        purpose: `what ${name} is for`,
        domain: 'support',
        dataDomains: ['finance'],
        capabilities: ['refund'],
        tools: ['shop/get_order', 'shop/create_refund', 'shop/cancel_refund'],
        limits: [
          { tool: 'shop/create_refund', amountMax: 100, currency: 'EUR', calls: { max: 10, perSeconds: 60 } },
        ],
        mayStop: [],
        escalation: business.id,
        model: { provider: 'p', name: 'm' },
        ...more,
      });
      const id = await control.change(async (tx) => {
        const registered = await registerAgent(control, tx, manifest, 'json', {
          id: owner.id,
          operator: false,
        });
        if (level !== 'intern') await bootstrapLevel(control, tx, registered, level);
        return registered;
      });
      const instanceId = randomUUID();
      const row = await agentById(control.db, tenant, id);
      const instance = {
        tenant,
        id: instanceId,
        agent_id: id,
        jkt: sha256(instanceId),
        state: 'active' as const,
        manifest_digest: row?.manifest_digest ?? '',
        credential_epoch: 0,
        enrolled_by: owner.id,
        enrolled_at: control.clock.nowMs(),
      };
      await control.change((tx) => insertInstance(tx, instance));
      return { id, instanceId, sid: randomUUID() };
    },
    async definitionDigest(tool) {
      const slash = tool.indexOf('/');
      return (
        (await toolByName(control.db, tenant, tool.slice(0, slash), tool.slice(slash + 1)))
          ?.definition_digest ?? ''
      );
    },
  };
}

/** The arguments of a call as a gateway sends them. */
export function argumentsOf(args: JsonObject): { argsText: string; argsDigest: string } {
  const argsText = canonicalJson(args);
  return { argsText, argsDigest: sha256(argsText) };
}

/** Calls a room's handlers as the server would after its own checks. */
export function callerOf<Routes extends Partial<Handlers<never>> & object>(
  control: TestControl,
  routes: Routes,
) {
  return <K extends keyof Routes & string>(
    key: K,
    actor: Actor,
    more: { params?: unknown; query?: unknown; body?: unknown; headers?: Record<string, string> } = {},
  ): Routes[K] extends (...given: never[]) => infer Answer ? Answer : never => {
    const given = {
      params: undefined,
      query: {},
      body: undefined,
      headers: {},
      setHeader: () => undefined,
      ...more,
      actor,
    };
    const handler = routes[key] as unknown as (control: TestControl, call: Call<never>) => never;
    return handler(control, given as unknown as Call<never>);
  };
}
