/** The whole product on a real PostgreSQL instead of the embedded database: calls, approvals, a stop, the log, a restart; and what of masked data it keeps. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ByteSearch } from '../masking/byte-search.ts';
import { formsOf, plantedDocument, seed } from '../masking/planted.ts';
import { type Cluster, postgresBinaries, startCluster } from '../postgres/cluster.ts';
import { atf, failure } from './cli-run.ts';
import { call, Product, released, resume, root } from './product.ts';
import { logSettled } from './read-log.ts';
import { readerManifest } from './reader-manifest.ts';
import { filesIn, storesOf } from './stores.ts';

const secret = 'Quartz-47-heliotrope';
let cluster: Cluster;
let product: Product;
const withPassword = (url: string) => url.replace('atf@', `atf:${secret}@`);
const folder = mkdtempSync(join(tmpdir(), 'atf-on-postgres-'));
/** Its own: PostgreSQL may run as another user, who enters no folder of this one. */
const clusterFolder = mkdtempSync(join(tmpdir(), 'atf-postgres-kept-'));
/** All that is found is masked for an Intern. */
const masking = `
sensitive:
  masked: { intern: [secret, PCI, PHI, PII], junior: [secret, PCI], senior: [secret, PCI], principal: [secret, PCI] }
  neverSent: [secret, PCI]
`;
const started = (options: { home?: string; ports?: Product['ports'] } = {}) =>
  Product.start({
    ...options,
    args: ['--policies', folder],
    env: { DATABASE_URL: withPassword(cluster.url) },
  });

describe.skipIf(postgresBinaries() === undefined)('on PostgreSQL', () => {
  beforeAll(async () => {
    cpSync(join(root, 'policies'), folder, { recursive: true });
    const settings = join(folder, 'settings.yaml');
    writeFileSync(settings, readFileSync(settings, 'utf8') + masking);
    cluster = await startCluster(clusterFolder);
    product = await started();
  });
  afterAll(async () => {
    await product?.remove();
    await cluster?.stop();
    for (const each of [folder, clusterFolder]) rmSync(each, { recursive: true, force: true });
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
    product = await started({ home, ports });
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

  it(`keeps nothing of what it has masked: no row, no file of the database, no spool (seed ${seed})`, async () => {
    const documents = fc.sample(plantedDocument, { seed, numRuns: 12 });
    const search = new ByteSearch(documents.flatMap(({ planted }) => planted.flatMap(formsOf)));
    const sandbox = join(product.dataDir, 'sandbox');
    const paths = documents.map(({ json }, at) => {
      const path = join(sandbox, `planted-${at}.json`);
      writeFileSync(path, JSON.stringify(json));
      return path;
    });
    const operator = await product.operator();
    const tool = 'files/read_text_file';
    const manifest = readerManifest('asker', [tool]).replace('orders, finance', 'files');
    const asker = `${manifest}checkpoints:\n  - { tool: ${tool}, reason: Files are personal. }\n`;
    await operator.call('agents.register', { body: { manifest: asker, format: 'yaml' } });
    const client = await (await product.agent('intern-analyst')).mcp('files');
    const answers = [];
    for (const path of paths) answers.push(await call(client, 'read_text_file', { path }));
    const approver = await product.signIn('paula.reyes@example.com');
    const waiting = await (await product.agent('asker')).mcp('files');
    const given = answers.findIndex(({ isError }) => !isError);
    const read = () => call(waiting, 'read_text_file', { path: paths[given] ?? '' });
    const asked = await read();
    expect(asked.atf.code, asked.text).toBe('maturity.approval_required');
    answers.push(await released(approver, asked.atf.approvalId, read));
    for (const { text } of answers) expect([...search.in(Buffer.from(text))]).toEqual([]);
    expect(answers.filter(({ isError }) => !isError).length).toBeGreaterThan(paths.length / 2);
    await logSettled(product);
    await product.stop();
    const lengths = new Map<string, number>();
    const places: string[] = [];
    for await (const { name, bytes } of storesOf(product, ['sandbox'], cluster.url)) {
      if (search.in(bytes).size > 0) places.push(name);
      lengths.set(name, bytes.length);
    }
    await cluster.stop();
    for (const { name, bytes } of filesIn(clusterFolder)) if (search.in(bytes).size > 0) places.push(name);
    expect(places).toEqual([]);
    // Its log stands in the database, too.
    for (const table of ['approval', 'audit_payload', 'log_file', 'lineage_action'])
      expect(lengths.get(`rows of ${table}`), table).toBeGreaterThan(0);
    expect(search.in(readFileSync(paths[0] ?? '')).size).toBeGreaterThan(0);
  });
});
