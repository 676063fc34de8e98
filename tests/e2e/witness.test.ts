/** The running product with two witnesses as processes of their own: cosigned, proved, attacked. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@atf/cli/up/free-port';
import { checkpointSigner, formatVkey } from '@atf/core/audit/checkpoint';
import { formatWitnessVkey } from '@atf/core/audit/cosignature';
import { parseLogPolicy, verifyByPolicy } from '@atf/core/audit/log-policy';
import { fixedKey } from '@atf/core/audit/witnessing.fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildChecker, checkerHelp, hasGo } from '../independent/checker.ts';
import { atf, documents, failure } from './cli-run.ts';
import { Product, until } from './product.ts';
import { WitnessProcess } from './witness-process.ts';

if (!hasGo()) process.stderr.write(checkerHelp);

let home: string;
let product: Product;
let first: WitnessProcess;
let second: WitnessProcess;
let logVkey: string;
let policyFile: string;
let ports: { control: number; gateway: number };

const policyText = (quorum = 'group both all one two\nquorum both'): string =>
  `log ${logVkey}\nwitness one ${first.vkey} ${first.url}\nwitness two ${second.vkey} ${second.url}\n${quorum}\n`;
const startProduct = (): Promise<Product> =>
  Product.start({ home, ports, env: { ATF_WITNESS_POLICY: policyFile } });
const cli = (...args: string[]) => atf([...args, '--json', '--data', product.dataDir], { cwd: home });
async function json(...args: string[]): Promise<Record<string, unknown>> {
  const ran = await cli(...args);
  expect(ran, ran.stderr).toMatchObject({ code: 0 });
  return documents(ran)[0] as Record<string, unknown>;
}
const auditStatus = async () => (await product.operator()).call('audit.status');
const stateOf = async (name: string) =>
  (await auditStatus()).witnessing?.witnesses.find((each) => each.name === name)?.state;
/** Makes a record. */
async function touch(on = product): Promise<void> {
  const operator = await on.operator();
  const { id } = await operator.call('agents.show', { params: { id: 'intern-analyst' } });
  await operator.call('agents.joinToken', { params: { id } });
}
type Named = NonNullable<Awaited<ReturnType<typeof auditStatus>>['witnessing']>['witnesses'][number];
async function bothSay(on: Product, state: Named['state']): Promise<true | undefined> {
  const { witnessing } = await (await on.operator()).call('audit.status');
  return witnessing?.witnesses.every((each) => each.state === state) === true ? true : undefined;
}
/** A disagreement of this kind stands in the log itself. */
async function recorded(on: Product, kind: string): Promise<true | undefined> {
  const copy = mkdtempSync(join(tmpdir(), 'atf-e2e-records-'));
  try {
    const ran = await atf(['audit', 'copy', join(copy, 'log'), '--data', on.dataDir], { cwd: home });
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    const bundles = readdirSync(join(copy, 'log', 'tile', 'entries'), {
      recursive: true,
      withFileTypes: true,
    });
    const texts = bundles
      .filter((each) => each.isFile())
      .map((each) => readFileSync(join(each.parentPath, each.name), 'utf8'));
    return texts.some((text) => text.includes('audit.witness_disagreed') && text.includes(`"kind":"${kind}"`))
      ? true
      : undefined;
  } finally {
    rmSync(copy, { recursive: true });
  }
}
/** Everything that is signed now is cosigned by the quorum. */
const allCosigned = (withinMs = 30_000) =>
  until(
    'the log to be cosigned',
    async () => {
      const { size, pending, witnessing } = await auditStatus();
      return pending === 0 && size > 0 && witnessing?.size === size ? size : undefined;
    },
    withinMs,
  );

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'atf-e2e-witnessed-'));
  ports = { control: await freePort(), gateway: await freePort() };
  // The log's key exists once it has run; its witnesses are told it then.
  product = await Product.start({ home, ports });
  logVkey = (await (await fetch(`${product.ready.controlUrl}/log/vkey`)).text()).trim();
  await product.stop();
  for (const name of ['data', 'atf.key', 'atf.gateway.key'])
    cpSync(join(home, name), join(home, 'base', name), { recursive: true });
  first = await WitnessProcess.start(join(home, 'one'), 'one.example', logVkey);
  second = await WitnessProcess.start(join(home, 'two'), 'two.example', logVkey);
  policyFile = join(home, 'policy');
  writeFileSync(policyFile, policyText());
  product = await startProduct();
});
afterAll(async () => {
  await first.end('SIGKILL');
  await second.end('SIGKILL');
  await product.remove();
  rmSync(home, { recursive: true, force: true });
});

describe('a log with two witnesses', () => {
  it('is cosigned by both, and the checkpoint that it serves says so', async () => {
    const size = await allCosigned();
    const note = await (await fetch(`${product.ready.controlUrl}/checkpoint`)).text();
    const read = parseLogPolicy(readFileSync(policyFile));
    if (!read.ok) throw new Error(read.problem);
    const verdict = verifyByPolicy(note, read.policy, Date.now());
    expect(verdict).toMatchObject({ ok: true, checkpoint: { size } });
    expect(verdict.quorum?.cosigned.map(({ name }) => name)).toEqual(['one', 'two']);
    const newest = await (await fetch(`${product.ready.controlUrl}/log/checkpoint`)).text();
    expect(newest.split('\n')[1]).toBe(String(size));
  });

  it('says how its witnesses stand, to people and programs', async () => {
    await allCosigned();
    expect(await json('audit', 'status')).toMatchObject({
      witnessing: {
        lacks: '',
        witnesses: [
          { name: 'one', state: 'cosigned' },
          { name: 'two', state: 'cosigned' },
        ],
      },
    });
    const { stdout } = await atf(['status', '--data', product.dataDir], { cwd: home });
    expect(stdout).toContain('2 of 2 cosign');
  });

  it('verifies under the policy, as served and from a copy', async () => {
    const size = await allCosigned();
    expect(await json('audit', 'verify', '--policy', policyFile)).toMatchObject({
      ok: true,
      witnessed: { cosigned: ['one', 'two'], missing: [] },
    });
    const copy = join(home, 'copy');
    await json('audit', 'copy', copy);
    const offline = await json('audit', 'verify', '--offline', copy, '--policy', policyFile);
    expect(offline).toMatchObject({ ok: true, keyPinned: true });
    expect((offline as { witnessed: { size: number } }).witnessed.size).toBeGreaterThanOrEqual(size);
    const within = ['--policy', policyFile, '--cosigned-within'];
    expect((await cli('audit', 'verify', '--offline', copy, ...within, '5')).code).toBe(0);
    expect((await cli('audit', 'verify', '--offline', copy, ...within, 'x')).code).toBe(2);
    expect((await cli('audit', 'verify', '--offline', copy, '--cosigned-within', '5')).code).toBe(2);
    // A folder without what was cosigned has only the word of the log.
    rmSync(join(copy, 'checkpoint.cosigned'));
    const refused = await cli('audit', 'verify', '--offline', copy, '--policy', policyFile);
    expect(refused.code).toBe(4);
    expect(documents(refused)[0]).toMatchObject({
      ok: false,
      problems: [{ kind: 'no_quorum', message: expect.stringContaining('missing: one, two') as string }],
    });
    rmSync(copy, { recursive: true });
  });

  it('proves one record in one file, which verifies with the policy and nothing else', async () => {
    await allCosigned();
    const ran = await atf(['audit', 'proof', '0', '--data', product.dataDir], { cwd: home });
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    const elsewhere = mkdtempSync(join(tmpdir(), 'atf-e2e-proof-'));
    try {
      const file = join(elsewhere, 'record.tlog-proof');
      writeFileSync(file, ran.stdout);
      cpSync(policyFile, join(elsewhere, 'policy'));
      const verify = () =>
        atf(['audit', 'verify-proof', 'record.tlog-proof', '--policy', 'policy', '--json'], {
          cwd: elsewhere,
        });
      const good = await verify();
      expect(documents(good)[0]).toMatchObject({ ok: true, index: 0, cosigned: ['one', 'two'] });
      expect(JSON.parse((documents(good)[0] as { record: string }).record)).toHaveProperty('type');
      writeFileSync(file, ran.stdout.replace('index 0', 'index 1'));
      expect((await verify()).code).toBe(4);
      writeFileSync(file, ran.stdout);
      const three = `${policyText('').trim()}\nwitness three ${strangerVkey()}\ngroup all3 all one two three\nquorum all3\n`;
      writeFileSync(join(elsewhere, 'policy'), three);
      const lacking = await verify();
      expect(lacking.code).toBe(4);
      expect(documents(lacking)[0]).toMatchObject({ problem: 'no_quorum', missing: ['three'] });
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  it.skipIf(!hasGo())('stands before an implementation that shares nothing with it', async () => {
    await allCosigned();
    const { check, folder } = buildChecker();
    try {
      const copy = join(folder, 'copy');
      await json('audit', 'copy', copy);
      expect(check('log', copy)).toMatchObject({
        ok: true,
        says: expect.stringContaining('/log/') as string,
      });
      const cosigned = join(copy, 'checkpoint.cosigned');
      for (const { name, vkey } of [first, second])
        expect(check('cosignature', cosigned, vkey).says).toContain(name);
      const ran = await atf(['audit', 'proof', '3', '--data', product.dataDir], { cwd: home });
      writeFileSync(join(folder, 'proof'), ran.stdout);
      expect(check('proof', join(folder, 'proof'), logVkey)).toMatchObject({ ok: true });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a proof of a record is for those who may read the log', async () => {
    const { status } = await fetch(`${product.ready.controlUrl}/log/proof/0`);
    expect([401, 403]).toContain(status);
    expect(failure(await cli('audit', 'proof', '999999999')).code).toBe('audit.not_found');
  });

  it('goes on while a witness is away, without its quorum, and gets it when it is back', async () => {
    await allCosigned();
    const { port } = second;
    await second.end('SIGKILL');
    await touch();
    await until('people to see it', async () =>
      (await stateOf('two')) === 'unreachable' ? true : undefined,
    );
    const { size, witnessing } = await auditStatus();
    expect(witnessing?.size).toBeLessThan(size);
    const refused = await cli('audit', 'proof', String(size - 1));
    expect(failure(refused).code).toBe('audit.not_cosigned');
    expect((await cli('audit', 'proof', String(size - 1), '--uncosigned')).code).toBe(0);
    // What was cosigned before still verifies, and the command says how far.
    expect(await json('audit', 'verify', '--policy', policyFile)).toMatchObject({
      ok: true,
      witnessed: { size: witnessing?.size },
    });
    second = await WitnessProcess.start(join(home, 'two'), 'two.example', logVkey, port);
    await allCosigned(90_000);
  });

  it('a witness that was restored from an old state is told of, and on record', async () => {
    const { port } = first;
    await first.end();
    cpSync(join(home, 'one'), join(home, 'one.old'), { recursive: true });
    first = await WitnessProcess.start(join(home, 'one'), 'one.example', logVkey, port);
    await touch();
    await allCosigned(90_000);
    await first.end();
    rmSync(join(home, 'one'), { recursive: true });
    cpSync(join(home, 'one.old'), join(home, 'one'), { recursive: true });
    first = await WitnessProcess.start(join(home, 'one'), 'one.example', logVkey, port);
    await touch();
    await until(
      'people to see it',
      async () => ((await stateOf('one')) === 'forgot' ? true : undefined),
      90_000,
    );
    await allCosigned(90_000);
    await until('it to be on record', () => recorded(product, 'forgot'));
  });

  it('a log that was rolled back, and one that was rewritten, are refused by both, kept as evidence, seen and recorded', async () => {
    // More than the start of a rolled back one writes.
    for (let n = 0; n < 30; n++) await touch();
    const size = await allCosigned(90_000);
    await product.stop();
    // Whoever holds the log's key, its database and its files may begin again from any earlier state of them.
    const rewritten = join(home, 'rewritten');
    const env = { ATF_WITNESS_POLICY: policyFile };
    for (const name of ['data', 'atf.key', 'atf.gateway.key'])
      cpSync(join(home, 'base', name), join(rewritten, name), { recursive: true });
    const rolledBack = await Product.start({ home: rewritten, ports, env });
    try {
      await until('both to remember more', () => bothSay(rolledBack, 'ahead'), 60_000);
    } finally {
      await rolledBack.stop();
    }
    const longer = await Product.start({ home: rewritten, ports });
    try {
      await until(
        'the other history to be longer',
        async () => {
          await Promise.all(Array.from({ length: 10 }, () => touch(longer)));
          return (await (await longer.operator()).call('audit.status')).size > size + 5 ? true : undefined;
        },
        60_000,
      );
    } finally {
      await longer.stop();
    }
    const fork = await Product.start({ home: rewritten, ports, env });
    try {
      await until('both to refuse it', () => bothSay(fork, 'contradicts'), 60_000);
      await until('it to be on record', () => recorded(fork, 'contradicts'));
      expect(await recorded(fork, 'ahead')).toBe(true);
      const { stdout } = await atf(['status', '--data', fork.dataDir], { cwd: home });
      expect(stdout).toContain('REFUSES');
    } finally {
      await fork.stop();
    }
    for (const name of ['one', 'two'])
      expect(readdirSync(join(home, name, 'evidence')).length, name).toBeGreaterThan(0);
    product = await startProduct();
    await touch();
    expect(await allCosigned(90_000), 'the true log goes on').toBeGreaterThan(size);
  });

  it('a witness that hangs, or answers rubbish without end, costs the log nothing', async () => {
    await product.stop();
    const bad = await badWitness();
    const { port } = bad.server.address() as AddressInfo;
    const one = `witness one ${first.vkey} ${first.url}\n`;
    const worse = `witness bad ${strangerVkey()} http://127.0.0.1:${port}\nwitness bad2 ${strangerVkey(8)} http://127.0.0.1:${port}/endless\n`;
    writeFileSync(policyFile, `log ${logVkey}\n${one}${worse}group any1 any one bad bad2\nquorum any1\n`);
    try {
      product = await startProduct();
      await touch();
      await allCosigned(60_000);
      expect(bad.asked()).toBeGreaterThan(0);
      expect(await stateOf('one')).not.toBe('unreachable');
    } finally {
      bad.server.closeAllConnections();
      bad.server.close();
      writeFileSync(policyFile, policyText());
    }
  });

  it('a policy that cannot be used stops the start, with a reason', async () => {
    await product.stop();
    const broken = join(home, 'broken');
    for (const [text, words] of [
      ['quorum nobody\n', 'not defined'],
      [`witness w ${first.vkey} http://192.0.2.1/\nquorum w\n`, 'must be https'],
      [
        `log ${formatVkey('other/log', checkpointSigner('x', fixedKey(9)).publicKey)}\n${policyText().split('\n').slice(1).join('\n')}`,
        'for other logs',
      ],
    ] as const) {
      writeFileSync(broken, text);
      const ran = await atf(
        [
          'up',
          '--json',
          '--data',
          join(home, 'data'),
          '--key-file',
          join(home, 'atf.key'),
          '--witness-policy',
          broken,
          '--control-port',
          '0',
          '--gateway-port',
          '0',
        ],
        { cwd: home },
      );
      expect([ran.code, failure(ran).code], ran.stderr).toEqual([5, 'audit.witness_policy_invalid']);
      expect(failure(ran).message + (failure(ran).help ?? '')).toContain(words);
    }
    expect(existsSync(join(home, 'data', 'lock'))).toBe(false);
  });
});

function strangerVkey(seed = 7): string {
  return formatWitnessVkey(`stranger${seed}.example`, checkpointSigner('x', fixedKey(seed)).publicKey);
}

/** Hangs, or sends for ever. */
async function badWitness(): Promise<{ server: Server; asked: () => number }> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    if (request.url?.startsWith('/endless') !== true) return;
    response.on('error', () => undefined);
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(16_384)));
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { server, asked: () => asked };
}
