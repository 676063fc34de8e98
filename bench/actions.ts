/**
 * One governed action of a program that runs its own tool, beside `executeWithGovernance` of `@microsoft/agent-governance-sdk`, in one run. That keeps its
 * record in memory and proves nobody's identity, so ours stands there three times: the decision alone, in this process; the decision with both of its
 * records durable in the gateway's spool, in this process; and the whole action API over loopback, with proof, permit, record and report.
 */
import { createSecretKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cedar } from '@atf/control/policy/cedar';
import { compileFiles, policyDigest, readPolicyFiles } from '@atf/control/policy/files';
import { decide } from '@atf/core/decide';
import { policyFactsOf } from '@atf/core/policy/question';
import type { PolicyFacts, Received, World } from '@atf/core/world';
import { gatewayKeyOf } from '@atf/gateway/gateway-key';
import type { Ports } from '@atf/gateway/ports';
import { recordDecision, recordOutcome } from '@atf/gateway/record';
import { openSpool, type Spool } from '@atf/gateway/spool';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { Actions } from '@atf/sdk/actions';
import { AgentMeshClient } from '@microsoft/agent-governance-sdk';
import { agentDoc, receivedOf, toolDoc, worldOf } from '../packages/core/src/decide.fixture.ts';
import { Product, root, until } from '../tests/e2e/product.ts';
import { enrol, register } from './fixture.ts';
import { number, type Part, type Row } from './part.ts';
import { quantile } from './processes.ts';

interface Measured {
  readonly name: string;
  readonly perSecond: number;
  /** Wall time of one action whose caller waits alone. */
  readonly p50Us: number;
  readonly p99Us: number;
}

const manyCallers = 32;

async function measure(
  name: string,
  act: () => Promise<void>,
  { alone, together }: { readonly alone: number; readonly together: number },
): Promise<Measured> {
  for (let n = 0; n < Math.min(200, alone); n++) await act();
  const times: number[] = [];
  for (let n = 0; n < alone; n++) {
    const begun = performance.now();
    await act();
    times.push((performance.now() - begun) * 1_000);
  }
  let left = together;
  const begun = performance.now();
  const caller = async () => {
    while (left-- > 0) await act();
  };
  await Promise.all(Array.from({ length: manyCallers }, caller));
  const perSecond = together / ((performance.now() - begun) / 1_000);
  return { name, perSecond, p50Us: quantile(times, 0.5), p99Us: quantile(times, 0.99) };
}

/** The policies of the product, as a gateway compiles them. */
async function policies(): Promise<PolicyFacts> {
  const files = await readPolicyFiles(join(root, 'policies'));
  const cedar = new Cedar();
  try {
    const set = await compileFiles(cedar, files);
    const facts = set.ok
      ? policyFactsOf({ digest: policyDigest(files), epoch: 1, policies: set.set.policies })
      : undefined;
    if (facts?.ok !== true) throw new Error('the policies do not compile');
    return facts.facts;
  } finally {
    await cedar.close();
  }
}

const settings = { tenant: 'default' };

/** What recording needs of a gateway: a real spool on this disk, and a key for payloads. */
function portsOf(spool: Spool): Ports {
  const wrapping = { kid: 'bench', key: createSecretKey(randomBytes(32)) };
  return {
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    random: randomBytes,
    spool,
    snapshot: { settings: () => settings },
    wrappingKey: () => wrapping,
  } as unknown as Ports;
}

const readTool = { ...toolDoc, classification: { ...toolDoc.classification, class: 'read' as const } };

function oneAction(policy: PolicyFacts): { readonly received: Received; readonly world: World } {
  const received = receivedOf({ actionId: randomUUID() });
  const nowMs = Date.now();
  const credential = { ...received.credential, expiresAtMs: nowMs + 60_000 };
  const world = worldOf({
    nowMs,
    policy,
    tool: readTool,
    agent: { ...agentDoc, level: 'principal', limits: [] },
  });
  return { received: { ...received, credential }, world };
}

function decided(policy: PolicyFacts) {
  const { received, world } = oneAction(policy);
  const decision = decide(received, world);
  if (decision.outcome !== 'allow')
    throw new Error(`the action is ${decision.outcome}: ${JSON.stringify(decision.refusal ?? {})}`);
  return { received, world, decision, argsText: JSON.stringify(received.args), approvalId: undefined };
}

async function inThisProcess(quick: boolean): Promise<Measured[]> {
  const policy = await policies();
  const counts = quick ? { alone: 50, together: 200 } : { alone: 5_000, together: 50_000 };
  const sdk = AgentMeshClient.create('bench', {
    policyRules: [
      { action: 'refund_order', effect: 'allow' },
      { action: '*', effect: 'deny' },
    ],
  });
  const peer = await measure(
    'executeWithGovernance (record in memory, no identity)',
    async () => {
      const { decision } = await sdk.executeWithGovernance('refund_order', { order: 'O-1', amount: 20 });
      if (decision !== 'allow') throw new Error(`the peer says ${decision}`);
    },
    counts,
  );
  const alone = await measure('atf, decision alone', async () => void decided(policy), counts);
  const directory = mkdtempSync(join(tmpdir(), 'atf-bench-spool-'));
  const { seal } = gatewayKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const spool = await openSpool({ directory, gateway: randomUUID(), signer: seal });
  try {
    const ports = portsOf(spool);
    const outcome = { status: 'done' as const, code: undefined, resultText: '{"ok":true}', durationMs: 1 };
    const durable = await measure(
      'atf, decision and both records durable',
      async () => {
        const made = decided(policy);
        const first = await recordDecision(ports, 'action.intent', made);
        const last = first ?? (await recordOutcome(ports, made, { ...outcome, startedMs: Date.now() }));
        if (last !== undefined) throw new Error(`not recorded: ${last.code}`);
      },
      quick ? counts : { alone: 1_000, together: 20_000 },
    );
    return [peer, alone, durable];
  } finally {
    await spool.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function overLoopback(quick: boolean): Promise<Measured> {
  const product = await Product.start();
  try {
    const operator = await product.operator();
    const transport = { kind: 'cooperative' as const };
    await operator.call('servers.add', {
      body: { name: 'desk', transport, domain: 'bench', outputTrust: 'trusted' },
    });
    const definition = {
      name: 'look',
      description: 'Looks an order up',
      inputSchema: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
      annotations: { readOnlyHint: true },
    };
    await operator.call('servers.define', { params: { name: 'desk' }, body: { definitions: [definition] } });
    const agentId = await register(operator, 'bench-desk');
    const { credential, key } = await enrol(operator, product.ready.controlUrl, agentId);
    const actions = new Actions({ fetch: agentFetch({ credential, key }), server: 'desk' });
    const look = actions.guard({ name: 'look', run: ({ order_id }: { order_id: string }) => ({ order_id }) });
    await until('the gateway to know the tool', () =>
      look({ order_id: 'O-1' }).then(
        () => true,
        () => undefined,
      ),
    );
    return await measure(
      'atf, action API over loopback (proof, permit, durable records, report)',
      async () => void (await look({ order_id: 'O-1' })),
      quick ? { alone: 10, together: 40 } : { alone: 200, together: 600 },
    );
  } finally {
    await product.remove();
  }
}

export const actionsPart: Part = {
  name: 'actions',
  says: 'the action API beside executeWithGovernance of agent-governance-sdk',
  async measure({ quick }) {
    const measured = [...(await inThisProcess(quick)), await overLoopback(quick)];
    const peer = measured[0] as Measured;
    const rows: Row[] = measured.map(({ name, perSecond, p50Us, p99Us }) => ({
      what: `one action, ${name}`,
      reached: `${number(perSecond)}/s, alone p50 ${number(p50Us)} µs, p99 ${number(p99Us)} µs${name === peer.name ? '' : `, ${number(p50Us / peer.p50Us)}× its p50`}`,
    }));
    return { raw: measured, rows };
  },
};
