/** The whole product on a real PostgreSQL instead of the embedded database: calls, approvals, a stop, the log, a restart. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, postgresBinaries, startCluster } from '../postgres/cluster.ts';
import { atf, failure } from './cli-run.ts';
import { call, Product, resume } from './product.ts';

const secret = 'Quartz-47-heliotrope';
let cluster: Cluster;
let product: Product;
const withPassword = (url: string) => url.replace('atf@', `atf:${secret}@`);

describe.skipIf(postgresBinaries() === undefined)('on PostgreSQL', () => {
  beforeAll(async () => {
    cluster = await startCluster();
    product = await Product.start({ env: { DATABASE_URL: withPassword(cluster.url) } });
  });
  afterAll(async () => {
    await product?.remove();
    await cluster?.stop();
  });

  it('an agent reads, a stop holds its next call, and a person lets it go on', async () => {
    const security = await product.signIn('yuki.mori@example.com');
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    expect((await call(office, 'get_order', { order_id: 'O-5001' })).isError).not.toBe(true);
    const operator = await product.operator();
    const { items } = await operator.call('agents.list');
    const agent = items.find(({ name }) => name === 'intern-analyst');
    const scope = { kind: 'agent' as const, id: agent?.id ?? '' };
    await operator.call('containment.stop', { body: { scope, state: 'killed', reason: 'test' } });
    // A kill ends the instance as well: it hears the one or the other, and nothing runs.
    const stopped = await call(office, 'get_order', { order_id: 'O-5001' }).then(
      (answer) => JSON.stringify(answer),
      (refused: unknown) => String(refused),
    );
    expect(stopped).toMatch(/containment\.agent_stopped|identity\.instance_unknown/);
    await resume(security, { scope, reason: 'test' });
    const again = await (await product.agent('intern-analyst')).mcp('back-office');
    const answer = await call(again, 'get_order', { order_id: 'O-5001' });
    expect(answer.text).toContain('O-5001');
  });

  it('keeps everything over a restart, and its log verifies', async () => {
    const { home, ports } = product;
    await product.stop();
    product = await Product.start({ home, ports, env: { DATABASE_URL: withPassword(cluster.url) } });
    const operator = await product.operator();
    expect((await operator.call('agents.list')).items).toHaveLength(4);
    const at = ['--json', '--data', product.dataDir];
    const verified = await atf(['audit', 'verify', ...at], { cwd: home });
    expect(verified.code, verified.stderr).toBe(0);
    // It stands in the database; a copy of it verifies without anybody's word.
    expect(readdirSync(product.dataDir)).not.toContain('log');
    const copy = join(home, 'copy');
    expect((await atf(['audit', 'copy', copy, ...at], { cwd: home })).code).toBe(0);
    const offline = await atf(['audit', 'verify', '--offline', copy, '--json'], { cwd: home });
    expect(offline.code).toBe(0);
  });

  it('says the password nowhere, and keeps no embedded database', () => {
    const logs = join(product.dataDir, 'logs');
    const written = readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'));
    expect(`${written.join('')}${product.output.join('')}`).not.toContain(secret);
    expect(readdirSync(product.dataDir)).not.toContain('db');
    for (const pid of Object.values(product.ready.pids))
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(secret);
  });

  it('refuses an address that is none, and a server that is not there, without repeating the password', async () => {
    const { home } = product;
    const start = async (url: string) =>
      atf(
        [
          'up',
          '--json',
          '--data',
          join(home, 'other'),
          '--key-file',
          join(home, 'other.key'),
          '--control-port',
          '0',
        ],
        {
          cwd: home,
          env: { XDG_CONFIG_HOME: join(home, 'config'), DATABASE_URL: url },
        },
      );
    const wrong = await start(`mysql://root:${secret}@127.0.0.1/x`);
    expect(wrong.code).toBe(2);
    expect(wrong.stdout + wrong.stderr).toContain('DATABASE_URL');
    const absent = await start(`postgresql://atf:${secret}@127.0.0.1:1/x`);
    expect(failure(absent).code).toBe('storage.database_unreachable');
    for (const { stdout, stderr } of [wrong, absent]) expect(stdout + stderr).not.toContain(secret);
  });
});
