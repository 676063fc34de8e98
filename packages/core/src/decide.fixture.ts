/** A small lawful world for tests of the decision, to be bent in one place per case. Test code; the product does not import it. */
import { decide } from './decide.ts';
import { sha256 } from './digest.ts';
import { decisionRecordOf } from './record.ts';
import { noFlow } from './segmentation/flow.ts';
import type { AgentDoc, ApprovalDoc, InstanceDoc, ServerDoc, ToolDoc } from './wire/feed.ts';
import type { JsonObject } from './wire/json.ts';
import {
  noChain,
  noData,
  noLabels,
  noProvenance,
  noQuery,
  noTask,
  type PolicyAnswer,
  type PolicyContext,
  type PolicyFacts,
  type PolicyQuestion,
  type Received,
  type World,
} from './world.ts';

export const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
export const manifestDigest = sha256('manifest');
export const definitionDigest = sha256('definition');

export const agentDoc: AgentDoc = {
  id: uuid(1),
  name: 'senior-support',
  version: '1.0.0',
  manifestDigest,
  level: 'senior',
  ownerId: uuid(11),
  technicalOwnerId: uuid(12),
  purpose: 'answers customers',
  domain: 'support',
  dataDomains: ['support'],
  tools: ['back-office/refund_order'],
  limits: [{ tool: 'back-office/refund_order', amountMax: 100, currency: 'EUR' }],
  checkpoints: [],
  assurance: 'claimed',
  epoch: 1,
  credentialEpoch: 1,
};

export const instanceDoc: InstanceDoc = { id: uuid(2), agentId: uuid(1), state: 'active' };

export const serverDoc: ServerDoc = {
  name: 'back-office',
  transport: { kind: 'stdio' },
  domain: 'support',
  outputTrust: 'untrusted',
  stateless: true,
  epoch: 1,
};

export const toolDoc: ToolDoc = {
  server: 'back-office',
  name: 'refund_order',
  state: 'active',
  definitionDigest,
  definition: { name: 'refund_order' },
  classification: {
    class: 'write',
    sensitivity: 'internal',
    outputTrust: 'untrusted',
    domain: 'support',
    reversible: true,
    idempotent: false,
    writeSafe: true,
    arguments: { amount: 'amount', currency: 'currency' },
    by: 'person',
  },
  epoch: 1,
};

/** Stands for a policy set in tests of the ORDER of checks; the real policies are tested with the real evaluator. */
export function policyOf(
  answer: (question: PolicyQuestion) => PolicyAnswer,
  notes: Record<string, Record<string, string>> = {},
): PolicyFacts {
  return {
    digest: sha256('policy'),
    epoch: 1,
    ask: answer,
    annotations: (id) => notes[id] ?? {},
    reads: () => ({ value: false, time: false }),
  };
}

export const permits: PolicyAnswer = { decision: 'allow', reasons: ['level.permit'], errors: [] };

export function receivedOf(more: Partial<Received> = {}): Received {
  const args = more.args ?? { order: 'O-1', amount: 20, currency: 'EUR' };
  return {
    actionId: uuid(100),
    protocol: 'mcp',
    server: 'back-office',
    tool: 'refund_order',
    args,
    argsDigest: sha256(JSON.stringify(args)),
    credential: {
      agentId: uuid(1),
      instanceId: uuid(2),
      sid: uuid(3),
      jti: uuid(4),
      expiresAtMs: 2_000_000,
      manifestDigest,
      credentialEpoch: 1,
      proof: 'dpop',
    },
    ...more,
  };
}

export function worldOf(more: Partial<World> = {}): World {
  return {
    nowMs: 1_000_000,
    feedFresh: true,
    agent: agentDoc,
    instance: instanceDoc,
    sessionRevoked: false,
    server: serverDoc,
    tool: toolDoc,
    containments: [],
    policy: policyOf(() => permits, { 'level.permit': { obligation: 'notify' } }),
    limits: [],
    approval: undefined,
    schema: { verdict: 'valid', problems: [] },
    flow: noFlow,
    provenance: [],
    task: noTask,
    detectors: [],
    ...more,
  };
}

export function approvalFor(received: Received, more: Partial<ApprovalDoc> = {}): ApprovalDoc {
  return {
    id: uuid(50),
    agentId: received.credential.agentId,
    sid: received.credential.sid,
    tool: `${received.server}/${received.tool}`,
    argsDigest: received.argsDigest,
    definitionDigest,
    state: 'approved',
    expiresAt: new Date(1_500_000).toISOString(),
    ...more,
  };
}

/** The body of the record of this decision, as it is read from the log. */
export function recordOf(received: Received, world: World): JsonObject {
  const decision = decide(received, world);
  const { agent = agentDoc, approval } = world;
  const about = { agent, approvalId: approval?.id, payload: undefined };
  const record = decisionRecordOf(received, world, decision, about);
  return JSON.parse(JSON.stringify(record)) as JsonObject;
}

/** What a policy is asked with where nothing is special. */
export const plainContext: PolicyContext = {
  approved: true,
  granted: true,
  inDomain: true,
  humanCheckpoint: false,
  limited: false,
  proof: 'dpop',
  ...noProvenance,
  ...noLabels,
  ...noQuery,
  ...noChain,
  ...noData,
};
