/**
 * The whole `decide()` (core/decide.ts) as a gateway asks it: 10,000 agents with limits and totals, 1,000 policies that came on top of the shipped ones, calls whose values
 * have origins and whose sessions have tasks. What is projected before (schema, origins, leases) is measured where it is made, in the governed calls.
 */
import { Cedar } from '@atf/control/policy/cedar';
import { compileFiles, readPolicyFiles } from '@atf/control/policy/files';
import { decide } from '@atf/core/decide';
import { sha256 } from '@atf/core/digest';
import { policyFactsOf } from '@atf/core/policy/question';
import { RememberedAnswers } from '@atf/core/policy/remembered-answers';
import { unspentTotals } from '@atf/core/segmentation/totals';
import type { AgentDoc, InstanceDoc, ServerDoc, ToolDoc } from '@atf/core/wire/feed';
import { levels } from '@atf/core/wire/words';
import type { PolicyFacts, Received, World } from '@atf/core/world';
import { join } from 'node:path';
import { number, type Part } from './part.ts';
import { sample, sideBySide } from './sample.ts';

const agentCount = 10_000;
const policyCount = 1_000;
const toolCount = 200;
/** Each agent asks. */
const callCount = agentCount;
const nowMs = Date.UTC(2026, 10, 20, 12);

const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const digest = sha256('bench');
const toolName = (n: number): string => `tool-${n % toolCount}`;

/** Permits and forbids for single tools and agents, as customers write them. */
const customersPolicies = (count: number): string =>
  Array.from({ length: count }, (_, n) => {
    const resource = `ATF::Tool::"office/${toolName(n)}"`;
    const about = `@id("customer.rule-${n}") @requirement("S-2")`;
    return n % 2 === 0
      ? `${about} permit (principal == ATF::Agent::"${uuid(n)}", action == ATF::Action::"send", resource == ${resource}) when { context.limited && context has origin && context.origin == "task" };`
      : `${about} forbid (principal == ATF::Agent::"${uuid(n)}", action, resource == ${resource}) when { context has intent && context.intent == "silent" };`;
  }).join('\n');

/** The set without and with a memory for low-risk reads. */
async function policiesOf(count: number): Promise<{ plain: PolicyFacts; remembering: PolicyFacts }> {
  const cedar = new Cedar();
  try {
    const shipped = await readPolicyFiles(join(import.meta.dirname, '../policies'));
    const files = [...shipped.files, { name: 'customer.cedar', text: customersPolicies(count) }];
    const compiled = await compileFiles(cedar, { files });
    if (!compiled.ok) throw new Error(compiled.problems.join('\n'));
    const doc = { digest: compiled.set.digest, policies: [...compiled.set.policies], epoch: 1 };
    const plain = policyFactsOf(doc);
    const remembering = policyFactsOf(doc, new RememberedAnswers({ remembered: 0, evaluated: 0 }));
    if (!plain.ok || !remembering.ok) throw new Error('the policies do not compile');
    return { plain: plain.facts, remembering: remembering.facts };
  } finally {
    await cedar.close();
  }
}

const server: ServerDoc = {
  name: 'office',
  transport: { kind: 'stdio' },
  domain: 'support',
  outputTrust: 'untrusted',
  stateless: true,
  epoch: 1,
};

const toolDoc = (n: number): ToolDoc => ({
  server: 'office',
  name: toolName(n),
  state: 'active',
  definitionDigest: digest,
  definition: { name: toolName(n), inputSchema: { type: 'object' } },
  classification: {
    class: (['read', 'write', 'send'] as const)[n % 3] ?? 'read',
    sensitivity: 'internal',
    outputTrust: 'untrusted',
    domain: 'support',
    reversible: true,
    idempotent: false,
    writeSafe: true,
    arguments: { amount: 'amount', currency: 'currency', destination: 'to' },
    by: 'person',
  },
  epoch: 1,
});

const agentDoc = (n: number): AgentDoc => ({
  id: uuid(n),
  name: `agent-${n}`,
  version: '1.0.0',
  manifestDigest: digest,
  level: levels[n % levels.length] ?? 'intern',
  ownerId: uuid(900_000),
  technicalOwnerId: uuid(900_001),
  purpose: 'serves customers',
  domain: 'support',
  dataDomains: ['support', 'orders'],
  tools: Array.from({ length: 20 }, (_, at) => `office/${toolName(n + at * 7)}`),
  limits: [
    { calls: { max: 600, perSeconds: 60 } },
    { amountMax: 100, currency: 'EUR', total: { amount: 5_000, per: 'day' } },
    { total: { calls: 10_000, per: 'day' } },
  ],
  checkpoints: [{ class: 'write', amountAbove: 80, currency: 'EUR', reason: 'large amounts are looked at' }],
  assurance: 'claimed',
  epoch: 1,
  credentialEpoch: 1,
});

interface Call {
  readonly received: Received;
  readonly world: World;
}

function callOf(
  n: number,
  agents: readonly AgentDoc[],
  tools: readonly ToolDoc[],
  policy: PolicyFacts,
): Call {
  const agent = agents[(n * 7_919) % agents.length] as AgentDoc;
  const ref = agent.tools[n % agent.tools.length] ?? '';
  const tool = tools.find(({ name }) => `office/${name}` === ref) as ToolDoc;
  const instance: InstanceDoc = { id: uuid(500_000 + n), agentId: agent.id, state: 'active' };
  const args = {
    amount: n % 2 === 0 ? 20 : 90,
    currency: 'EUR',
    to: `person-${n}@example.com`,
    note: 'monthly',
  };
  const origin = (['task', 'listed', 'untrusted'] as const)[n % 3] ?? 'task';
  return {
    received: {
      actionId: uuid(600_000 + n),
      protocol: 'mcp',
      server: 'office',
      tool: tool.name,
      args,
      argsDigest: digest,
      credential: {
        agentId: agent.id,
        instanceId: instance.id,
        sid: uuid(1),
        jti: uuid(2),
        expiresAtMs: nowMs + 60_000,
        manifestDigest: digest,
        credentialEpoch: 1,
        proof: 'dpop',
      },
    },
    world: {
      nowMs,
      feedFresh: true,
      agent,
      instance,
      sessionRevoked: false,
      server,
      tool,
      containments: [],
      policy,
      limits: [{ id: 'rate:agent', ok: true, max: 600, perSeconds: 60, retryAfterMs: 0 }],
      totals: unspentTotals(agent, tool, args).map((fact) => ({ ...fact, left: fact.max })),
      approval: undefined,
      schema: { verdict: 'valid', problems: [] },
      flow: {
        confidentiality: 'confidential',
        integrity: 'untrusted',
        private: ['office/read_mail'],
        untrusted: [],
      },
      provenance: [
        { argument: 'to', role: 'destination', address: true, origin, from: 'office/read_mail' },
        { argument: 'amount', role: 'amount', address: false, origin },
      ],
      task: { assurance: 'person', intent: n % 2 === 0 ? 'stated' : 'silent' },
      detectors: [],
    },
  };
}

export const wholeDecisionPart: Part = {
  name: 'decision',
  says: `whole decide() with limits, totals, tasks and origins, ${policyCount} policies and ${agentCount} agents`,
  async measure({ quick }) {
    const { plain: policy, remembering } = await policiesOf(quick ? 50 : policyCount);
    const agents = Array.from({ length: quick ? 100 : agentCount }, (_, n) => agentDoc(n));
    const tools = Array.from({ length: toolCount }, (_, n) => toolDoc(n));
    const calls = Array.from({ length: callCount }, (_, n) => callOf(n, agents, tools, policy));
    const outcomes: Record<string, number> = {};
    for (const { received, world } of calls) {
      const { outcome } = decide(received, world);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    if (Object.keys(outcomes).length < 3) throw new Error('some must be allowed, some asked, some refused');
    const sampled = sample(({ received, world }: Call) => decide(received, world), calls);
    const { opsPerSecond, p50Us, p99Us } = sampled;
    const reads = calls.filter(({ world }) => world.tool?.classification.class === 'read');
    const remembered = sideBySide(
      ({ received, world }) => decide(received, { ...world, policy }),
      ({ received, world }) => decide(received, { ...world, policy: remembering }),
      reads,
    );
    return {
      raw: { ...sampled, outcomes, remembered },
      rows: [
        {
          what: `whole decide() with limits, totals, tasks and origins, ${policyCount} policies, ${number(agentCount)} agents`,
          reached: `${number(opsPerSecond)}/s, p50 ${number(p50Us)} µs, p99 ${number(p99Us)} µs`,
          wanted: '≥ 50,000/s, p99 ≤ 100 µs',
          ok: opsPerSecond >= 50_000 && p99Us <= 100,
        },
        {
          what: 'the same of repeated low-risk reads, answers of policies remembered',
          reached: `${number(remembered.timesAsFast)} times as fast as asked each time`,
        },
      ],
    };
  },
};
