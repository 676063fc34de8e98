/**
 * The network between the product and its database is cut, refused or half open: nothing runs meanwhile that nobody can answer for, refusals are clear,
 * and the service comes back by itself, in the same processes.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { leaseMs } from '@atf/core/wire/feed';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, postgresBinaries, startCluster } from '../postgres/cluster.ts';
import { atf } from './cli-run.ts';
import { callOnce, Product, slowCall, until } from './product.ts';
import { Proxy } from './proxy.ts';
import { logSettled } from './read-log.ts';

const timeout = 240_000;
const order = { order_id: 'O-5001' };

describe.skipIf(postgresBinaries() === undefined)('without the database', { timeout }, () => {
  let cluster: Cluster;
  let proxy: Proxy;
  let product: Product;
  let office: Client;

  beforeAll(async () => {
    cluster = await startCluster();
    const url = new URL(cluster.url);
    proxy = await Proxy.to(Number(url.port));
    url.port = String(proxy.port);
    product = await Product.start({ env: { DATABASE_URL: url.href } });
    office = await (await product.agent('principal-operations')).mcp('back-office');
  }, timeout);
  afterAll(async () => {
    proxy?.pass();
    await product?.remove();
    await proxy?.close();
    await cluster?.stop();
  }, timeout);

  const effects = (word: string): number => {
    const file = join(product.dataDir, 'back-office/effects.log');
    return existsSync(file) ? readFileSync(file, 'utf8').split(word).length - 1 : 0;
  };
  const codeOf = async (tool: string, args: Record<string, unknown>): Promise<string> => {
    const answer = await callOnce(office, tool, args).catch((fault: Error) => fault);
    if (answer instanceof Error) return /"code":"([a-z_.]+)"/.exec(answer.message)?.[1] ?? answer.message;
    return answer.isError ? (answer.atf.code ?? answer.text) : 'done';
  };
  const serves = () =>
    until(
      'the service to return',
      async () => ((await codeOf('get_order', order)) === 'done' ? true : undefined),
      90_000,
    );

  it.each(['refuse', 'swallow'] as const)(
    '%s: what runs is cut, nothing begins, and the same processes serve again afterwards',
    async (how) => {
      await serves();
      const { pids } = product;
      const [running] = await slowCall(
        () => callOnce(office, 'export_report', { seconds: 60 }),
        () => effects('report.step'),
      );
      const changed = effects('order.status_changed');
      proxy[how]();
      expect(await running).toMatchObject({ isError: true, atf: { code: 'containment.feed_stale' } });
      // The lease is over, and is not renewed while the database is away.
      const status = { ...order, status: 'shipped' };
      for (let i = 0; i < 5; i++)
        expect(await codeOf('update_order_status', status)).toBe('containment.feed_stale');
      expect(effects('order.status_changed')).toBe(changed);
      proxy.pass();
      await serves();
      expect(product.pids).toEqual(pids);
      expect((await fetch(`${product.ready.controlUrl}/readyz`)).status).toBe(200);
    },
  );

  it('half open for good: a lease is renewed over a new connection only, and the same processes give the old ones up', async () => {
    await serves();
    const { pids } = product;
    const opened = proxy.opened;
    proxy.strand();
    const strandedAt = performance.now();
    expect(proxy.stranded).toBeGreaterThan(0);
    await until(
      'every stranded connection to be given up',
      async () => {
        const leaseOver = performance.now() - strandedAt > 2 * leaseMs;
        const code = await codeOf('get_order', order);
        // Nothing reached the database since: whoever still acts would do so on what it read before.
        if (leaseOver && proxy.opened === opened) expect(code).not.toBe('done');
        return proxy.stranded === 0 ? true : undefined;
      },
      120_000,
    );
    await serves();
    expect(product.pids).toEqual(pids);
    expect((await fetch(`${product.ready.controlUrl}/readyz`)).status).toBe(200);
  });

  it('the log holds every answer and verifies', async () => {
    await logSettled(product);
    const verified = await atf(['audit', 'verify', '--json', '--data', product.dataDir], {
      cwd: product.home,
    });
    expect(verified.code, verified.stderr).toBe(0);
  });
});
