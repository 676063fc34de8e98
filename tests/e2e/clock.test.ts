/**
 * The clock of the host is set forwards and back by an hour while the product runs on it (I-2, R-2, S-3; invariants 3, 4, 5 and 8): what had lapsed stays so, nothing
 * counts twice, nothing runs beyond a lease, the log stays in order, and everything is served again without anybody's help.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dpopProof } from '@atf/sdk/agent-key';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HostClock, libfaketime } from './host-clock.ts';
import { approve, call, callOnce, type McpAgent, Product, type Signed, until } from './product.ts';
import { rawCall } from './raw-call.ts';
import { checkpointOf, logSettled, readLog } from './read-log.ts';

if (libfaketime === undefined)
  process.stderr.write(
    'SKIPPED: no clock was set under the running product, because libfaketime is not installed (apt-get install libfaketime).\n',
  );

const hour = 3_600;
const order = { order_id: 'O-5001' };
const refund = (amount: number) => ({
  order_id: 'O-5005',
  amount,
  currency: 'EUR',
  reason: 'arrived broken',
});

describe.skipIf(libfaketime === undefined)('a host whose clock is set', { timeout: 300_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'atf-clock-'));
  const clock = new HostClock(dir);
  let product: Product;
  let approver: Signed;
  let reader: McpAgent;
  let junior: McpAgent;
  let office: Client;
  let desk: Client;
  let waiting: string;
  let released: string;
  let remembered: string;
  /** Junior's credential as it was before. */
  let lapsed: Pick<McpAgent, 'credential' | 'key'>;
  /** A request that was answered once, as somebody on its way would have it. */
  let captured: () => Promise<{ status: number; code: string | undefined }>;
  let capturedMs: number;

  const address = () => `${product.ready.gatewayUrl}/mcp/back-office`;
  const request = async (agent: Pick<McpAgent, 'credential' | 'key'>) => {
    const { token } = agent.credential;
    const proof = await dpopProof(agent.key, { method: 'POST', url: address(), accessToken: token });
    const headers = { authorization: `DPoP ${token}`, dpop: proof };
    const send = (url: string, init: RequestInit) =>
      fetch(url, { ...init, headers: { ...(init.headers as Record<string, string>), ...headers } });
    return async () => {
      const { status, error } = await rawCall(
        { fetch: send },
        address(),
        { name: 'get_order', arguments: order },
        {},
      );
      return { status, code: error?.data?.code };
    };
  };
  const effects = async (word: string) => {
    const text = await readFile(join(product.dataDir, 'back-office/effects.log'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line.includes(word)).length;
  };
  const refunds = () => effects('refund.created');
  const ask = async (amount: number) => (await call(desk, 'create_refund', refund(amount))).atf;
  const stateOf = async (id: string) =>
    (await approver.client.call('approvals.show', { params: { id } })).state;
  const read = async () =>
    await callOnce(office, 'get_order', order).then(
      ({ isError, atf, text }) => (isError ? (atf.code ?? text) : 'done'),
      (error: Error) => /"code":"([a-z_.]+)"/.exec(error.message)?.[1] ?? error.message,
    );
  const served = (what: string) =>
    until(`reads to be served ${what}`, async () => ((await read()) === 'done' ? true : undefined), 60_000);

  beforeAll(async () => {
    product = await Product.start({ env: clock.env });
    approver = await product.signIn('paula.reyes@example.com');
    reader = await product.agent('intern-analyst');
    junior = await product.agent('junior-support');
    office = await reader.mcp('back-office');
    desk = await junior.mcp('back-office');
    await served('before anything happens');
  });
  afterAll(async () => {
    clock.restore();
    await product?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  it('forwards: credentials and approvals lapse, and whoever may renews', async () => {
    remembered = checkpointOf(product);
    waiting = (await ask(3.01)).approvalId ?? '';
    released = (await ask(3.02)).approvalId ?? '';
    await approve(approver, released);
    lapsed = { ...junior };
    // A credential of two hours.
    captured = await request(reader);
    capturedMs = performance.now();
    expect(await captured()).toEqual({ status: 200, code: undefined });

    clock.set(hour);
    await served('an hour later');
    // One of fifteen minutes.
    expect(await (await request(lapsed))()).toEqual({ status: 401, code: 'identity.credential_expired' });
    for (const id of [waiting, released])
      await until('it to have expired', async () => ((await stateOf(id)) === 'expired' ? true : undefined));
    // Its agent has renewed its credential, and what was released is not there for it any more.
    expect((await ask(3.02)).code).toBe('maturity.approval_required');
    expect(await refunds()).toBe(0);
  });

  it('back while control is silent: nothing runs beyond the lease, and all is served when it is heard', async () => {
    await served('as long as control is heard');
    product.signal('control', 'SIGSTOP');
    clock.set(0);
    await until('the lease to be over', async () =>
      (await read()) === 'containment.feed_stale' ? true : undefined,
    );
    const sinceMs = performance.now();
    const codes = new Set<string>();
    await until('two seconds without control', async () => {
      codes.add(await read());
      return performance.now() - sinceMs > 2_000 ? true : undefined;
    });
    expect([...codes]).toEqual(['containment.feed_stale']);
    product.signal('control', 'SIGCONT');
    await served('at the time that it is');
  });

  it('back: nothing that had lapsed counts again, and nothing twice', async () => {
    const again = await captured();
    expect(again.status).toBe(401);
    // A minute later it is too old for anybody to ask whether it was used.
    if (performance.now() - capturedMs < 50_000) expect(again.code).toBe('identity.proof_replayed');
    expect(await (await request(lapsed))()).toEqual({ status: 401, code: 'identity.credential_expired' });
    for (const id of [waiting, released]) {
      expect(await stateOf(id)).toBe('expired');
      await expect(approve(approver, id)).rejects.toThrow();
    }
    expect((await ask(3.01)).code).toBe('maturity.approval_required');
    expect((await ask(3.02)).code).toBe('maturity.approval_required');
    expect(await refunds()).toBe(0);
  });

  it('a graceful stop that began before ends in its time', async () => {
    clock.set(hour);
    const client = await until('an agent that may run it', async () =>
      (await product.agent('principal-operations')).mcp('back-office').catch(() => undefined),
    );
    const running = call(client, 'export_report', { seconds: 60 });
    await until('the report under way', async () => ((await effects('report.step')) > 0 ? true : undefined));
    const { id } = await approver.client.call('agents.show', { params: { id: 'principal-operations' } });
    const scope = { kind: 'agent' as const, id };
    const security = await product.signIn('yuki.mori@example.com');
    const body = { scope, state: 'paused' as const, reason: 'drill', graceSeconds: 20 };
    expect(await security.client.call('containment.stop', { body })).toMatchObject({ callsRunning: 1 });
    clock.set(0);
    // Long before the report would be done; on a loaded machine the lease may have run out first.
    expect((await running).atf.code).toMatch(/^containment\.(?:call_aborted|feed_stale)$/);
  });

  it('serves, and releases what a person approves, also after both planes were lost', async () => {
    await product.crash('gateway');
    await served('by a gateway that knows no token');
    await product.crash('control');
    await served('by a control with times of the future on record');
    const { approvalId = '' } = await ask(3.03);
    await approve(approver, approvalId);
    await until('the refund', async () => {
      const { isError } = await call(desk, 'create_refund', refund(3.03));
      return isError ? undefined : true;
    });
    expect(await refunds()).toBe(1);
  });

  it('has a log that verifies, and goes on from what it said before', async () => {
    await logSettled(product);
    const { report, entries } = await readLog(product, remembered);
    expect(report, JSON.stringify(report.problems.slice(0, 5))).toMatchObject({ ok: true });
    const times = entries.map(({ at }) => Date.parse(at));
    expect(Math.max(...times) - (times[0] ?? 0)).toBeGreaterThan(hour * 1_000);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(hour * 1_000);
  });
});
