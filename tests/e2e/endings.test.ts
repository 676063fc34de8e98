/**
 * What ends by itself or by a word, through the front door: tokens and approvals run out, nobody approves what is their own, a cancelled call stops at the
 * tool, a revoked gateway serves nobody; and what stays behind on disk is no secret that could be read.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { routes } from '@atf/core/wire/api';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { dpopProof } from '@atf/sdk/agent-key';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf } from './cli-run.ts';
import {
  atRest,
  call,
  callOnce,
  callUnderWay,
  type McpAgent,
  Product,
  released,
  root,
  type Signed,
  until,
} from './product.ts';

const bound = 120_000;
const approvalSeconds = 30;
const policies = mkdtempSync(join(tmpdir(), 'atf-policies-'));
let product: Product;
let approver: Signed;
let owner: Signed;
let bringer: Signed;
let junior: McpAgent;

/** The product with lives short enough to see their end. */
function shortLives(): void {
  cpSync(join(root, 'policies'), policies, { recursive: true });
  const file = join(policies, 'settings.yaml');
  const text = readFileSync(file, 'utf8')
    .replace('junior: 900', 'junior: 10')
    .replace('approvalSeconds: 900', `approvalSeconds: ${approvalSeconds}`)
    .replace('fourEyes: [admin]', 'fourEyes: [write, send, execute, admin]');
  writeFileSync(file, text);
}

beforeAll(async () => {
  shortLives();
  product = await Product.start({ args: ['--policies', policies] });
  const operator = await product.operator();
  const email = 'omar.haddad@example.com';
  await operator.call('people.add', {
    body: { name: 'Omar Haddad', email, roles: ['approver', 'operator'] },
  });
  approver = await product.signIn('paula.reyes@example.com');
  owner = await product.signIn('ines.marchetti@example.com');
  bringer = await product.signIn(email);
  junior = await product.agent('junior-support');
});
afterAll(async () => {
  await product.remove();
  rmSync(policies, { recursive: true });
});

const effects = async (word: string): Promise<string[]> =>
  (await readFile(join(product.dataDir, 'back-office/effects.log'), 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line.includes(word));
const refund = (order_id: string) => ({ order_id, amount: 12, currency: 'EUR', reason: 'arrived broken' });

async function asked(order: string, agent = junior): Promise<string> {
  const { atf: said } = await call(await agent.mcp('back-office'), 'create_refund', refund(order));
  expect(said.code).toBe('maturity.approval_required');
  return said.approvalId ?? '';
}
async function approve(id: string, by: Signed, made?: string): Promise<void> {
  const { shownDigest } = await by.client.call('approvals.show', { params: { id } });
  const presence = made ?? (await by.presence({ kind: 'approval', id, digest: shownDigest }));
  await by.client.call('approvals.approve', { params: { id }, body: { shownDigest, presence } });
}
const stateOf = async (id: string) =>
  (await approver.client.call('approvals.show', { params: { id } })).state;

let stepsWhenCancelled = 0;
describe('a call that its caller cancels', () => {
  it('stops at the tool, without the rest of its effects', async () => {
    const office = await (await product.agent('principal-operations')).mcp('back-office');
    const cancel = new AbortController();
    const { ended } = await callUnderWay(
      () => callOnce(office, 'export_report', { seconds: 60 }, { signal: cancel.signal }),
      async () => (await effects('report.step')).length >= 3,
    );
    cancel.abort('not wanted any more');
    await expect(ended).rejects.toThrow();
    const [outcome] = await until('the outcome on record', async () => {
      const { items } = await approver.client.call('activity.list', {
        query: { agent: 'principal-operations' },
      });
      const found = items.filter(({ outcome: said }) => said === 'failed' || said === 'stopped');
      return found.length > 0 ? found : undefined;
    });
    expect(outcome?.tool).toBe('back-office/export_report');
    stepsWhenCancelled = await atRest('the export', async () => (await effects('report.step')).length);
  });
});

describe('approvals', () => {
  it('run out, decided or not, and nothing is released afterwards', async () => {
    const [undecided, notFetched] = [await asked('O-5001'), await asked('O-5002')];
    await approve(notFetched, approver);
    for (const id of [undecided, notFetched])
      await until(
        'the approval to run out',
        async () => ((await stateOf(id)) === 'expired' ? true : undefined),
        bound,
      );

    await expect(approve(undecided, approver)).rejects.toMatchObject({ code: 'approvals.not_waiting' });
    const office = await junior.mcp('back-office');
    const late = await call(office, 'atf_approval_result', { approvalId: notFetched });
    expect(late.isError).toBe(true);
    expect(late.text).toMatch(/expired|ran out/i);
    // The same call asks anew.
    const again = await until('another approval to be asked for', async () => {
      const { atf: said } = await call(office, 'create_refund', refund('O-5002'));
      return said.code === 'maturity.approval_required' && said.approvalId !== notFetched ? said : undefined;
    });
    expect(again.approvalId).toBeDefined();
    expect(await effects('refund')).toEqual([]);
  });

  it('are not given by the owner, nor by whoever brought the instance in', async () => {
    const brought = await product.agent('junior-support', { by: bringer.client });
    const id = await asked('O-5003', brought);
    // They are told before their presence is looked at: it would not help.
    for (const by of [owner, bringer])
      await expect(approve(id, by, 'p'.repeat(43))).rejects.toMatchObject({ code: 'approvals.own_request' });
    expect(await stateOf(id)).toBe('waiting');
    const office = await brought.mcp('back-office');
    await released(approver, id, () => call(office, 'create_refund', refund('O-5003')));
    expect(await effects('refund.created')).toHaveLength(1);
  });
});

describe('credentials', () => {
  it('run out: the token that has served is refused, and nothing runs', async () => {
    const { credential, key } = await product.agent('junior-support');
    const url = `${credential.gatewayUrl}/mcp/back-office`;
    const send = async () => {
      const proof = await dpopProof(key, { method: 'POST', url, accessToken: credential.token });
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
          authorization: `DPoP ${credential.token}`,
          dpop: proof,
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'list_orders', arguments: { limit: 1 } },
        }),
      });
      return { status: response.status, text: await response.text() };
    };
    await until(
      'the agent to be served',
      async () => ((await send()).status === 200 ? true : undefined),
      bound,
    );
    const refused = await until(
      'the token to run out',
      async () => {
        const answer = await send();
        return answer.status === 401 ? answer : undefined;
      },
      bound,
    );
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(credential.expiresAt) - 1_000);
    expect(refused.text).toContain('identity.credential_expired');
  });
});

describe('the call that was cancelled', () => {
  it('has had no effect since', async () => {
    expect(stepsWhenCancelled).toBeGreaterThan(0);
    expect((await effects('report.step')).length).toBe(stepsWhenCancelled);
    expect(await effects('report.finished')).toEqual([]);
  });
});

/** Staged files of the log are renamed at any moment: what is gone is there under its other name. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw fault;
  }
}

describe('what is on disk', () => {
  it('holds no key, no token of an agent and no passphrase that could be read', async () => {
    const passphrase = 'seven brave herons';
    await owner.client.call('people.setPassphrase', { body: { passphrase } });
    const agent = await product.agent('senior-support');
    expect((await call(await agent.mcp('back-office'), 'list_orders', {})).isError).toBe(false);
    const key = readFileSync(join(product.home, 'atf.key'), 'utf8').trim();
    const secrets = {
      'key of the product': key,
      'the same as bytes': Buffer.from(key, 'base64').toString('latin1'),
      'the same in hex': Buffer.from(key, 'base64').toString('hex'),
      'token of an agent': agent.credential.token,
      passphrase,
      'PEM of a private key': 'PRIVATE KEY',
      'private JWK': '"d":"',
    };
    const files = readdirSync(product.dataDir, { recursive: true, withFileTypes: true }).filter((each) =>
      each.isFile(),
    );
    expect(files.length).toBeGreaterThan(100);
    for (const file of files) {
      const text = textOf(join(file.parentPath, file.name));
      for (const [what, secret] of Object.entries(secrets))
        expect(text.includes(secret), `${what} in ${file.name}`).toBe(false);
    }
  });
});

describe('the description of the API', () => {
  it('is served, and names every route', async () => {
    const response = await fetch(`${product.ready.controlUrl}/openapi.json`);
    const document = (await response.json()) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    expect(document.openapi).toMatch(/^3\.1/);
    const named = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(named).toEqual(expect.arrayContaining(Object.keys(routes)));
  });
});

describe('a gateway that is revoked', () => {
  it('serves nobody any more', async () => {
    const agent = await product.agent('intern-analyst');
    const office = await agent.mcp('back-office');
    expect((await call(office, 'list_orders', {})).isError).toBe(false);
    const said = await atf(['gateways', 'revoke', 'local', '--reason', 'drill', '--data', product.dataDir]);
    expect(said.code).toBe(0);
    await until(
      'the gateway to refuse',
      () =>
        callOnce(office, 'list_orders', {}).then(
          ({ isError }) => (isError ? true : undefined),
          () => true,
        ),
      bound,
    );
    await expect(
      agentFetch({ credential: agent.credential, key: agent.key })(`${product.ready.gatewayUrl}/readyz`),
    ).resolves.toMatchObject({ status: 503 });
  });
});
