/** Documents of a small lawful fleet, and policies in Cedar's JSON form, for tests of the gateway. */
import { sha256 } from '@atf/core/digest';
import { definitionDigest } from '@atf/core/segmentation/definition';
import type { AgentDoc, InstanceDoc, PolicyDoc, ServerDoc, SettingsDoc, ToolDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { ActionClass, Level } from '@atf/core/wire/words';

export const tenant = 'main';
export const issuer = 'http://control.test';
export const trustDomain = 'atf.test';
export const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
export const manifestDigest = sha256('manifest');

export const settingsDoc: SettingsDoc = {
  tenant,
  issuer,
  trustDomain,
  tokenSeconds: { intern: 3600, junior: 900, senior: 900, principal: 300 },
  approvalSeconds: 3600,
  callsDefault: {
    intern: { max: 100, perSeconds: 60 },
    junior: { max: 200, perSeconds: 60 },
    senior: { max: 100_000, perSeconds: 60 },
    principal: { max: 100_000, perSeconds: 60 },
  },
  upstreamTimeoutMs: 10_000,
};

export function agentDoc(
  n: number,
  level: Level,
  tools: readonly string[],
  more: Partial<AgentDoc> = {},
): AgentDoc {
  return {
    id: uuid(n),
    name: `agent-${n}`,
    version: '1.0.0',
    manifestDigest,
    level,
    ownerId: uuid(901),
    technicalOwnerId: uuid(902),
    purpose: 'answers customers',
    domain: 'support',
    dataDomains: ['support'],
    tools: [...tools],
    limits: [],
    checkpoints: [],
    assurance: 'claimed',
    epoch: 1,
    credentialEpoch: 1,
    ...more,
  };
}

export function instanceDoc(n: number, agentId: string, jkt?: string): InstanceDoc {
  return { id: uuid(n), agentId, state: 'active', ...(jkt === undefined ? {} : { jkt }) };
}

export function serverDoc(name: string, more: Partial<ServerDoc> = {}): ServerDoc {
  return {
    name,
    transport: { kind: 'stdio' },
    domain: 'support',
    outputTrust: 'trusted',
    stateless: true,
    epoch: 1,
    ...more,
  };
}

export function toolDoc(
  server: string,
  definition: JsonObject & { name: string },
  actionClass: ActionClass | undefined,
  more: Partial<ToolDoc> = {},
): ToolDoc {
  return {
    server,
    name: definition.name,
    state: 'active',
    definitionDigest: definitionDigest(definition),
    definition,
    classification: {
      ...(actionClass === undefined ? {} : { class: actionClass }),
      sensitivity: 'internal',
      outputTrust: 'trusted',
      domain: 'support',
      reversible: true,
      idempotent: false,
      writeSafe: true,
      arguments: {},
      by: 'person',
    },
    epoch: 1,
    ...more,
  };
}

const attribute = (name: string) => ({ '.': { left: { Var: 'context' }, attr: name } });
const when = (body: object) => ({ kind: 'when', body });
const policy = (
  id: string,
  effect: 'permit' | 'forbid',
  action: ActionClass,
  principal: object,
  conditions: object[],
  annotations: Record<string, string> = {},
) => ({
  id,
  annotations,
  json: {
    effect,
    principal,
    action: { op: '==', entity: { type: 'ATF::Action', id: action } },
    resource: { op: 'All' },
    conditions,
    annotations,
  },
});
const anybody = { op: 'All' };
const seniors = { op: 'in', entity: { type: 'ATF::Level', id: 'senior' } };

/** Reads when granted; writes by Senior alone (people are notified) or with an approval; nobody administers. */
export const policyDoc: PolicyDoc = {
  digest: sha256('policies of the test'),
  epoch: 1,
  policies: [
    policy('read', 'permit', 'read', anybody, [when(attribute('granted'))]),
    policy(
      'write-alone',
      'permit',
      'write',
      seniors,
      [when({ '&&': { left: attribute('granted'), right: { '!': { arg: attribute('humanCheckpoint') } } } })],
      { obligation: 'notify' },
    ),
    policy('write-approved', 'permit', 'write', anybody, [
      when({ '&&': { left: attribute('granted'), right: attribute('approved') } }),
    ]),
    policy('no-administration', 'forbid', 'admin', anybody, []),
  ],
};
