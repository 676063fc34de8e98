/**
 * Remembered answers of policies (invariant 5), through the front door: an agent reads the same thing again and again, the gateway's memory is warm, and every
 * change binds the very next call.
 */
import { appendFileSync, cpSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '@atf/core/digest';
import { ceilingShownText, type CeilingWord } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Answer,
  call,
  confirmPolicy,
  policyFiles,
  Product,
  released,
  root,
  type Signed,
  until,
} from './product.ts';

let product: Product;
let operator: ControlClient;
let security: Signed;
let approver: Signed;
let office: Client;

const agent = 'senior-support';
const tool = { server: 'back-office', name: 'get_order' };

beforeAll(async () => {
  product = await Product.start();
  operator = await product.operator();
  security = await product.signIn('yuki.mori@example.com');
  approver = await product.signIn('paula.reyes@example.com');
  office = await connect();
});
afterAll(async () => product.remove());

const connect = async () => (await product.agent(agent)).mcp('back-office');
const read = (order = 'O-5001') => call(office, tool.name, { order_id: order });

/** Answers of policies so far: remembered, and evaluated. */
async function counted(): Promise<{ memory: number; evaluation: number }> {
  const text = await (await fetch(`${product.ready.gatewayUrl}/metrics`)).text();
  const of = (from: string) =>
    Number(new RegExp(`^atf_policy_answers_total\\{from="${from}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  return { memory: of('memory'), evaluation: of('evaluation') };
}

/** Reads until the memory answers, so that what follows is asked of a warm one. */
async function warm(): Promise<void> {
  for (let n = 0; n < 2; n++) expect((await read()).isError).toBe(false);
  const before = await counted();
  expect((await read()).isError).toBe(false);
  const { memory, evaluation } = await counted();
  expect(evaluation).toBe(before.evaluation);
  expect(memory).toBeGreaterThanOrEqual(before.memory + 2);
}

/** The decision that is on record. */
async function recorded({ atf: { actionId = '' } }: Answer) {
  return until('the decision on record', async () => {
    const found = await operator.call('actions.show', { params: { id: actionId } }).catch(() => undefined);
    return found?.decision;
  });
}

/** What was changed is known to the gateway; `office` was not asked meanwhile. */
const changed = () => product.heard('intern-analyst');

async function setCeiling(from: CeilingWord, to: CeilingWord): Promise<void> {
  const { id, manifestDigest } = await security.client.call('agents.show', { params: { id: agent } });
  const text = ceilingShownText({ agentId: id, manifestDigest, from, to, reason: 'a drill' });
  const presence = await security.presence({ kind: 'level', id, digest: sha256(text) });
  const body = { ceiling: to, reason: 'a drill', presence };
  await security.client.call('agents.ceiling', { params: { id }, body });
  await changed();
}

const classify = async (body: object) => {
  await operator.call('tools.classify', { params: tool, body });
  await changed();
};

it('a read that is repeated is answered from memory, and its record can be replayed', async () => {
  await warm();
  const decision = await recorded(await read());
  expect(decision).toMatchObject({ outcome: 'allow', policies: ['levels.read'] });
});

// Before a person has a factor, as afterwards security clears it.
it('a tool that is classified anew is another tool', async () => {
  await warm();
  await classify({ class: 'admin' });
  expect((await read()).atf.code).toBe('maturity.approval_required');
  await classify({ class: 'read', domain: 'elsewhere' });
  expect((await read()).atf.code).toBe('segmentation.out_of_domain');
  await classify({ class: 'read', domain: 'orders' });
  await warm();
});

it('a demotion binds the next call, and so does its end', async () => {
  await warm();
  await setCeiling('none', 'intern');
  expect(await recorded(await read())).toMatchObject({ policies: ['levels.read_reviewed'] });
  await warm();
  await setCeiling('intern', 'none');
  expect(await recorded(await read())).toMatchObject({ policies: ['levels.read'] });
});

it('a policy that is applied binds the next call, and so does the one that is put back', async () => {
  await warm();
  const dir = join(product.home, 'frozen');
  cpSync(join(root, 'policies'), dir, { recursive: true });
  appendFileSync(
    join(dir, 'guardrails.cedar'),
    `\n@id("guardrails.frozen")\n@requirement("S-2")\nforbid (principal, action, resource == ATF::Tool::"${tool.server}/${tool.name}");\n`,
  );
  const { version: base } = await operator.call('policy.show');
  const propose = async (body: object) =>
    operator.call('policy.propose', { body: { base, reason: 'a drill', ...body } }, { timeoutMs: 120_000 });
  const frozen = await confirmPolicy(security, await propose({ files: policyFiles(dir) }));
  expect(frozen.state).toBe('applied');
  await changed();
  expect((await read()).atf.code).toBe('policy.forbidden');

  const back = await propose({ base: base + 1, restores: base });
  // What is looser takes two people.
  await confirmPolicy(await product.signInCleared('ines.marchetti@example.com', security), back);
  expect((await confirmPolicy(security, back)).state).toBe('applied');
  await changed();
  await warm();
});

it('a manifest that asks for a person is not answered by what was remembered, nor is the second call by one approval', async () => {
  await warm();
  const before = await readFile(join(root, `examples/workspace/agents/${agent}.yaml`), 'utf8');
  const manifest = before
    .replace(/^version: .*$/m, 'version: 9.0.0')
    .replace(
      /^mayStop: /m,
      `checkpoints:\n  - { tool: ${tool.server}/${tool.name}, reason: Key accounts }\nmayStop: `,
    );
  await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
  await changed();
  // The credential was for the version before.
  await expect(read()).rejects.toThrow(/version/i);
  office = await connect();
  const asked = await read('O-5002');
  expect(asked.atf.code).toBe('maturity.approval_required');
  await released(approver, asked.atf.approvalId, () => read('O-5002'));
  expect((await read('O-5003')).atf.code).toBe('maturity.approval_required');
});

it('a tool that is taken off the list is refused, and a kill ends everything', async () => {
  const before = await readFile(join(root, `examples/workspace/agents/${agent}.yaml`), 'utf8');
  const without = before
    .replace(/^version: .*$/m, 'version: 9.1.0')
    .replace(`  - ${tool.server}/${tool.name}\n`, '');
  await operator.call('agents.register', { body: { manifest: without, format: 'yaml' } });
  await changed();
  office = await connect();
  expect((await read()).atf.code).toBe('segmentation.tool_not_granted');
  await operator.call('agents.register', {
    body: { manifest: before.replace(/^version: .*$/m, 'version: 9.2.0'), format: 'yaml' },
  });
  await changed();
  office = await connect();
  await warm();
  const { id } = await operator.call('agents.show', { params: { id: agent } });
  const scope = { kind: 'agent' as const, id };
  await operator.call('containment.stop', { body: { scope, state: 'killed', reason: 'a drill' } });
  const last = await read().then(
    ({ atf }) => atf.code,
    (error: Error) => error.message,
  );
  expect(last).toContain('containment.agent_stopped');
});
