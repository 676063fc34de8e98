/**
 * Backup and restore through the front door (B-1, R-2, R-3; invariants 1, 2, 5 and 8), on both databases: what comes back, what must not come back, and that the
 * log goes on under a new origin which whoever holds the old one can check.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enrolInstance } from '@atf/sdk/enrol';
import { generateAgentKey } from '@atf/sdk/agent-key';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Cluster, postgresBinaries, startCluster } from '../postgres/cluster.ts';
import { atf, documents, failure, type Ran } from './cli-run.ts';
import { call, type McpAgent, openLink, Product, resume, root, type Signed, until } from './product.ts';

// Each starts several processes, one after the other.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const order = { order_id: 'O-5001' };
const refund = { order_id: 'O-5005', amount: 3.01, currency: 'EUR', reason: 'arrived broken' };
/** Taken by the version whose newest migration was 0010, and the key of that test. */
const older = {
  folder: join(import.meta.dirname, '../golden/backup-0010'),
  key: 'rQgnJGegy4eHIr1xVzglXl2Ph7BpuaW4M0Z7iLc5u20=',
};
const databases = ['embedded', ...(postgresBinaries() === undefined ? [] : ['postgresql'])] as const;

describe.each(databases)('backup and restore, %s', (database) => {
  let cluster: Cluster | undefined;
  let before: Product;
  let after: Product | undefined;
  let folder: string;
  let backup: string;
  let reader: McpAgent;
  let approvalId: string;
  let agentJoinToken: string;
  let signInUrl: string;
  let actionAfter: string | undefined;
  let security: Signed | undefined;

  const urlOf = (name: string): Record<string, string> =>
    cluster === undefined ? {} : { DATABASE_URL: cluster.url.replace(/postgres$/, name) };
  const keyFile = () => ['--key-file', join(folder, 'before', 'atf.key')];
  const inPlace = (product: Product) => ['--json', '--data', product.dataDir];
  /** Restores into a fresh place of this name. */
  const restoreInto = (name: string, from: string, key = keyFile()): Promise<Ran> =>
    atf(['restore', from, '--json', '--data', join(folder, name, 'data'), ...key], { env: urlOf(name) });

  const mark = (dataDir: string, name = 'before') =>
    atf(['restore', '--mark', '--json', '--data', dataDir, ...keyFile()], { env: urlOf(name) });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'atf-backup-'));
    backup = join(folder, 'backup');
    if (database === 'postgresql') {
      cluster = await startCluster();
      const client = new pg.Client({ connectionString: cluster.url });
      await client.connect();
      for (const name of ['before', 'after', 'other']) await client.query(`create database ${name}`);
      await client.end();
    }
    const home = join(folder, 'before');
    mkdirSync(home);
    before = await Product.start({ home, env: urlOf('before') });
    const manifest = readFileSync(join(root, 'examples/workspace/agents/intern-analyst.yaml'), 'utf8')
      .replace(/^version: .*$/m, 'version: 9.0.0')
      .replace(
        /^limits:$/m,
        'limits:\n  - { tool: back-office/list_orders, total: { calls: 50, per: day } }',
      );
    await (await before.operator()).call('agents.register', { body: { manifest, format: 'yaml' } });
    await before.heard('intern-analyst');
    reader = await before.agent('intern-analyst');
    const office = await reader.mcp('back-office');
    expect((await call(office, 'get_order', order)).isError).toBe(false);
    const junior = await (await before.agent('junior-support')).mcp('back-office');
    approvalId = (await call(junior, 'create_refund', refund)).atf.approvalId ?? '';
    const operator = await before.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'intern-analyst' } });
    agentJoinToken = (await operator.call('agents.joinToken', { params: { id } })).joinToken;
    signInUrl = before.ready.signInUrl ?? '';
  });
  afterAll(async () => {
    await after?.stop();
    await before?.stop();
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is taken, verifies, and its log verifies as any copy of it', async () => {
    const take = () => atf(['backup', backup, ...inPlace(before), ...keyFile()], { env: urlOf('before') });
    if (database === 'embedded') {
      // One process has the embedded database: a backup waits until it has ended.
      expect(failure(await take()).code).toBe('storage.locked');
      expect(failure(await mark(before.dataDir)).code).toBe('storage.locked');
      expect(await before.stop()).toBe(0);
    } else expect(failure(await mark(join(folder, 'nowhere'))).code).toBe('storage.locked');
    const taken = await take();
    expect(taken.code, taken.stderr).toBe(0);
    if (database === 'postgresql') {
      // It happens after the backup, and is lost with the database.
      const { atf: facts } = await call(await reader.mcp('back-office'), 'get_order', order);
      actionAfter = facts.actionId;
      expect(actionAfter).toBeDefined();
    }
    expect(documents(taken)[0]).toMatchObject({ origin: 'atf.internal/log/default' });
    expect(failure(await take()).code).toBe('storage.not_empty');
    const log = await atf(['audit', 'verify', '--offline', backup, '--json']);
    expect(log.code, log.stdout).toBe(0);
    const checked = await atf(['restore', backup, '--check', '--json', ...keyFile()]);
    expect(checked.code, checked.stderr).toBe(0);
  });

  it('holds no key, no token and no session', () => {
    const text = ['person', 'key', 'agent'].map((table) =>
      readFileSync(join(backup, 'tables', `${table}.jsonl`), 'utf8'),
    );
    const all = text.join('');
    expect(all).not.toContain(readFileSync(join(folder, 'before', 'atf.key'), 'utf8').trim());
    const sums = readFileSync(join(backup, 'SHA256SUMS'), 'utf8');
    for (const table of [
      'console_session',
      'sign_in_link',
      'agent_join_token',
      'gateway_join_token',
      'presence',
    ])
      expect(sums).not.toContain(`tables/${table}.jsonl`);
  });

  it('is refused when it was changed, also by somebody who computes the digests anew, and under another key', async () => {
    const changed = join(folder, 'changed');
    cpSync(backup, changed, { recursive: true });
    const table = join(changed, 'tables', 'agent.jsonl');
    writeFileSync(table, readFileSync(table, 'utf8').replaceAll('"intern"', '"senior"'));
    expect(failure(await restoreInto('other', changed)).code).toBe('storage.backup_damaged');
    const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    const [sums, manifest] = [join(changed, 'SHA256SUMS'), join(changed, 'manifest.json')];
    const old = sha256(readFileSync(sums));
    const digest = sha256(readFileSync(table));
    writeFileSync(
      sums,
      readFileSync(sums, 'utf8').replace(/[0-9a-f]{64}( {2}tables\/agent\.jsonl)/, `${digest}$1`),
    );
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(old, sha256(readFileSync(sums))));
    const refused = await restoreInto('other', changed);
    expect(failure(refused)).toMatchObject({ code: 'storage.backup_damaged', exitCode: 4 });
    const otherKey = join(folder, 'other.key');
    writeFileSync(otherKey, `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
    const wrong = await restoreInto('other', backup, ['--key-file', otherKey]);
    expect(failure(wrong).code).toBe('storage.key_missing');
  });

  it('is not restored over anything that is there', async () => {
    const over = await atf(['restore', backup, ...inPlace(before), ...keyFile()], { env: urlOf('before') });
    expect(failure(over).code).toBe('storage.not_empty');
    if (database !== 'postgresql') return;
    const fresh = ['--json', '--data', join(folder, 'fresh'), ...keyFile()];
    const database_ = await atf(['restore', backup, ...fresh], { env: urlOf('before') });
    expect(failure(database_).code).toBe('storage.not_empty');
  });

  it('comes back with the fleet stopped, and with nothing that opened a door before', async () => {
    const restored = await restoreInto('after', backup);
    expect(restored.code, restored.stderr).toBe(0);
    const home = join(folder, 'after');
    // What belongs to the host is not in a backup: the commands of tool servers, and the key.
    for (const name of ['gateway/servers.yaml', 'sandbox'])
      cpSync(join(before.dataDir, name), join(home, 'data', name), { recursive: true });
    cpSync(join(folder, 'before', 'atf.key'), join(home, 'atf.key'));
    await before.stop();
    after = await Product.start({ home, env: urlOf('after'), ports: before.ports });
    const operator = await after.operator();
    const { items } = await operator.call('containment.list');
    expect(items).toContainEqual(
      expect.objectContaining({ scope: { kind: 'fleet', id: '*' }, state: 'killed' }),
    );
    expect((await operator.call('agents.list')).items).toHaveLength(4);
    // The gateway of before is revoked; this one has enrolled as any new one does.
    const { items: gateways } = await operator.call('gateways.list');
    expect(gateways.map(({ state }) => state).sort()).toEqual(['active', 'revoked']);
    const approval = await operator.call('approvals.show', { params: { id: approvalId } });
    expect(approval.state).toBe('void');
    const key = await generateAgentKey();
    const { controlUrl, gatewayUrl } = after.ready;
    await expect(enrolInstance({ controlUrl, joinToken: agentJoinToken, key })).rejects.toMatchObject({
      code: 'identity.join_token_invalid',
    });
    await expect(openLink(controlUrl, signInUrl)).rejects.toThrow();
    const answer = await reader
      .fetch(`${gatewayUrl}/mcp/back-office`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
      })
      .catch((fault: unknown) => fault);
    expect(answer instanceof Response ? answer.status : 401).toBe(401);
  });

  it('runs nothing until a person resumes the fleet', async () => {
    const product = after as Product;
    const operator = await product.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'intern-analyst' } });
    await expect(operator.call('agents.joinToken', { params: { id } })).rejects.toMatchObject({
      code: 'containment.fleet_stopped',
    });
    security = await product.signIn('yuki.mori@example.com');
    await resume(security, { scope: { kind: 'fleet', id: '*' }, reason: 'looked through' });
    await product.serving();
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    await until(
      'calls to run again',
      async () => ((await call(office, 'get_order', order)).isError ? undefined : true),
      30_000,
    );
  });

  it('a total whose period lies over the restore is used up, until a person who resumes the fleet says otherwise', async () => {
    const product = after as Product;
    const operator = await product.operator();
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    const refused = await call(office, 'list_orders', {});
    expect(refused.atf.code).toBe('segmentation.total_exceeded');
    expect(refused.text).toContain('a restore has lost what was spent of it');
    const spent = async () =>
      (await operator.call('agents.totals', { params: { id: 'intern-analyst' } })).items.map(
        (total) => total.spent,
      );
    expect(await spent()).toEqual([50]);
    const scope = { kind: 'fleet' as const, id: '*' };
    await operator.call('containment.stop', { body: { scope, state: 'paused', reason: 'looked at totals' } });
    const request = { scope, reason: 'nothing ran since the backup', totals: 'as_backup' as const };
    await resume(security as Signed, request);
    await product.serving();
    const again = await (await product.agent('intern-analyst')).mcp('back-office');
    await until('its total to count again', async () =>
      (await call(again, 'list_orders', {})).isError ? undefined : true,
    );
    expect((await spent())[0]).toBeLessThan(50);
    const { items } = await operator.call('containment.list');
    expect(items).toEqual([]);
  });

  it.runIf(database === 'postgresql')(
    'takes in what a gateway recorded after the backup, from its directory, as it was sealed',
    async () => {
      const product = after as Product;
      const bring = (directory: string) => atf(['gateways', 'import', directory, ...inPlace(product)]);
      expect(failure(await bring(join(product.dataDir, 'gateway'))).code).toBe('audit.batch_invalid');
      const old = join(before.dataDir, 'gateway');
      const changed = join(folder, 'changed-gateway');
      cpSync(old, changed, { recursive: true });
      for (const name of readdirSync(join(changed, 'spool')).filter((each) => each.startsWith('seg-'))) {
        const bytes = readFileSync(join(changed, 'spool', name));
        const at = bytes.lastIndexOf('action.outcome');
        if (at > 0) bytes.write('action.outcomf', at);
        writeFileSync(join(changed, 'spool', name), bytes);
      }
      const refused = await bring(changed);
      // What was changed, and what follows it, is no record.
      expect(refused.code, refused.stderr).toBe(4);
      const brought = await bring(old);
      expect(brought.code, brought.stderr).toBe(0);
      expect(documents(brought)[0]?.['imported']).toBeGreaterThan(0);
      expect(documents(await bring(old))[0]).toMatchObject({ imported: 0 });
      const operator = await product.operator();
      await until('its record to be in the log', async () => {
        const { items } = await operator.call('activity.list', { query: { agent: 'intern-analyst' } });
        return items.some(({ actionId }) => actionId === actionAfter) ? true : undefined;
      });
    },
  );

  it('its log goes on under a new origin, which names the old one and verifies over both', async () => {
    const product = after as Product;
    const copy = join(folder, 'copy');
    const copied = await atf(['audit', 'copy', copy, ...inPlace(product)]);
    expect(copied.code, copied.stderr).toBe(0);
    const verified = await atf(['audit', 'verify', '--offline', copy, '--json']);
    const report = documents(verified)[0] as { origin: string; size: number; continues: unknown[] };
    expect(verified.code, verified.stdout).toBe(0);
    expect(report.origin).toMatch(/^atf\.internal\/log\/default\/r-[0-9]{8}-[0-9a-f]{8}$/);
    const manifest = JSON.parse(readFileSync(join(backup, 'manifest.json'), 'utf8')) as {
      at: string;
      log: { size: number };
    };
    expect(report.continues).toEqual([
      { origin: 'atf.internal/log/default', size: manifest.log.size, backupAt: manifest.at },
    ]);
    expect(report.size).toBeGreaterThan(manifest.log.size);
    // It starts again as itself, and is not restored twice.
    const home = product.home;
    expect(await product.stop()).toBe(0);
    after = await Product.start({ home, env: urlOf('after'), ports: product.ports });
    expect((await (await after.operator()).call('containment.list')).items).toEqual([]);
    const online = await atf(['audit', 'verify', ...inPlace(after)]);
    expect(online.code, online.stdout).toBe(0);
    expect(documents(online)[0]).toMatchObject({ origin: report.origin });
  });

  it('of an older version is brought up to date, and the product starts on it', async () => {
    const home = join(folder, 'other');
    mkdirSync(home);
    writeFileSync(join(home, 'atf.key'), `${older.key}\n`, { mode: 0o600 });
    const restored = await restoreInto('other', older.folder, ['--key-file', join(home, 'atf.key')]);
    expect(restored.code, restored.stderr).toBe(0);
    await after?.stop();
    after = await Product.start({ home, env: urlOf('other'), ports: before.ports });
    const operator = await after.operator();
    const { id } = await operator.call('agents.show', { params: { id: 'senior-support' } });
    const stopped = (await operator.call('containment.list')).items.map(({ scope }) => scope);
    expect(stopped).toEqual(
      expect.arrayContaining([
        { kind: 'agent', id },
        { kind: 'fleet', id: '*' },
      ]),
    );
    const { items } = await operator.call('approvals.list', { query: {} });
    expect(items.map(({ state }) => state)).toEqual(['void']);
    const verified = await atf(['audit', 'verify', ...inPlace(after)]);
    expect(verified.code, verified.stdout).toBe(0);
    expect(documents(verified)[0]).toMatchObject({ continues: [{ origin: 'atf.internal/log/default' }] });
  });

  it.runIf(database === 'postgresql')(
    'a database that was brought back by its own means is marked, and starts as a restored one',
    async () => {
      await after?.stop();
      // A copy of its files as they were when the product ended, which is what a recovery gives.
      const client = new pg.Client({ connectionString: cluster?.url });
      await client.connect();
      await client.query('create database recovered template before');
      await client.end();
      const home = join(folder, 'recovered');
      mkdirSync(home);
      cpSync(join(folder, 'before', 'atf.key'), join(home, 'atf.key'));
      for (const words of [[], [backup]])
        expect((await atf(['restore', ...words, ...(words.length === 0 ? [] : ['--mark'])])).code).toBe(2);
      const marked = await mark(join(home, 'data'), 'recovered');
      expect(marked.code, marked.stderr).toBe(0);
      const [said] = documents(marked);
      expect(said).toMatchObject({ marked: true, origin: 'atf.internal/log/default' });
      // Twice is once.
      expect(documents(await mark(join(home, 'data'), 'recovered'))).toEqual([said]);
      after = await Product.start({ home, env: urlOf('recovered'), ports: before.ports });
      const operator = await after.operator();
      const [stop] = (await operator.call('containment.list')).items;
      expect(stop).toMatchObject({ scope: { kind: 'fleet', id: '*' }, state: 'killed' });
      expect(stop?.reason).toContain('by the database');
      const { items: gateways } = await operator.call('gateways.list');
      expect(gateways.map(({ state }) => state).sort()).toEqual(['active', 'revoked']);
      expect((await operator.call('approvals.show', { params: { id: approvalId } })).state).toBe('void');
      const { controlUrl } = after.ready;
      const enrolled = enrolInstance({
        controlUrl,
        joinToken: agentJoinToken,
        key: await generateAgentKey(),
      });
      await expect(enrolled).rejects.toMatchObject({ code: 'identity.join_token_invalid' });
      await expect(openLink(controlUrl, signInUrl)).rejects.toThrow();
      const verified = await atf(['audit', 'verify', ...inPlace(after)]);
      expect(verified.code, verified.stdout).toBe(0);
      expect(documents(verified)[0]).toMatchObject({
        origin: said?.['continuesAs'],
        continues: [{ origin: 'atf.internal/log/default' }],
      });
    },
  );
});
