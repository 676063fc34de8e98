/**
 * What breaks around the product: tool servers that misbehave, a gateway that is cut off from control, a stop without control, a full
 * disk. In each case the refusal is clear, nothing is executed twice or unrecorded, and the service comes back by itself.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atf } from './cli-run.ts';
import {
  type Answer,
  approve,
  atOnceMs,
  atRest,
  call,
  callOnce,
  callUnderWay,
  Product,
  replaceFile,
  type Signed,
  until,
} from './product.ts';
import { readerManifest } from './reader-manifest.ts';
import { logSettled, readLog } from './read-log.ts';

const script = fileURLToPath(new URL('./hostile-server.mjs', import.meta.url));
/** Time after which a gateway that does not hear control refuses. */
const leaseMs = 800;
/** The product's own bound on one call, policies/settings.yaml. */
const upstreamTimeoutMs = 60_000;

/** A server of the test: its folder is the switchboard and the witness. */
class Hostile {
  readonly name: string;
  readonly dir: string;

  constructor(home: string, name: string) {
    this.name = name;
    this.dir = join(home, name);
    mkdirSync(this.dir, { recursive: true });
  }

  mode(mode: 'well' | 'hang' | 'crash' | 'garbage' | 'large' | 'lie'): void {
    replaceFile(join(this.dir, 'mode'), mode);
  }

  offer(offer: 'plain' | 'pulled' | 'poisoned' | 'renamed'): void {
    replaceFile(join(this.dir, 'offer'), offer);
  }

  /** Calls that reached it. */
  get calls(): number {
    const file = join(this.dir, 'calls.log');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
  }
}

async function register(product: Product, servers: readonly Hostile[]): Promise<void> {
  const operator = await product.operator();
  const text = servers.map(
    ({ name, dir }) => `${name}:\n  command: ${process.execPath}\n  args: [${script}, --dir, ${dir}]\n`,
  );
  appendFileSync(join(product.dataDir, 'gateway', 'servers.yaml'), `\n${text.join('')}`);
  for (const { name } of servers)
    await operator.call('servers.add', {
      body: { name, transport: { kind: 'stdio' }, domain: 'orders', stateless: true },
    });
  await until(
    'the servers to be discovered',
    async () => {
      const { items } = await operator.call('servers.list');
      return items.every(({ discoveredAt }) => discoveredAt !== undefined) ? true : undefined;
    },
    60_000,
  );
}

const offered = ['get_thing', 'get_count', 'get_help', 'get_item'];
const manifest = (servers: readonly Hostile[]): string =>
  readerManifest('fault-reader', [
    'back-office/get_order',
    ...servers.flatMap(({ name }) => offered.map((tool) => `${name}/${tool}`)),
  ]);

const order = { order_id: 'O-5001' };
const thing = { id: 'a' };
/** The code of a call's refusal, however it was said; `done` for a result. */
async function codeOf(
  client: Client,
  tool: string,
  args: Record<string, unknown> = thing,
  ask: (client: Client, tool: string, args: Record<string, unknown>) => Promise<Answer> = callOnce,
): Promise<string> {
  const answer: Answer | Error = await ask(client, tool, args).catch((error: Error) => error);
  if (answer instanceof Error) return /"code":"([a-z_.]+)"/.exec(answer.message)?.[1] ?? answer.message;
  return answer.isError ? (answer.atf.code ?? answer.text) : 'done';
}

/** The same where control is to be heard: what was refused because it was not is asked again. */
const heardCodeOf = (client: Client, tool: string, args: Record<string, unknown> = thing) =>
  codeOf(client, tool, args, call);

const becomes = (what: string, client: Client, tool: string, code: string, withinMs = 30_000) =>
  until(what, async () => ((await codeOf(client, tool)) === code ? true : undefined), withinMs);

/** As it is refused once the gateway has heard what control knows, which is a moment later; executed it is not meanwhile either. */
const refusedWith = (code: string, client: Client, tool: string, args: Record<string, unknown> = thing) =>
  until(
    `${tool} to be refused with ${code}`,
    async () => {
      const said = await codeOf(client, tool, args);
      if (said === 'done') throw new Error(`${tool} was executed`);
      return said === code ? true : undefined;
    },
    30_000,
  );

describe('hostile tool servers', () => {
  let product: Product;
  let security: Signed;
  let office: Client;
  const home = mkdtempSync(join(tmpdir(), 'atf-hostile-'));
  const named = (name: string) => new Hostile(home, name);
  const servers = { hang: named('hanging'), fail: named('failing'), shift: named('shifting') };
  const clients = {} as Record<keyof typeof servers, Client>;
  let hung: Awaited<ReturnType<typeof hang>>;
  /** A call that the server never answers. It is under way when this resolves. */
  const hang = async () => {
    servers.hang.mode('hang');
    const [before, startedMs] = [servers.hang.calls, performance.now()];
    const { ended } = await callUnderWay(
      () => callOnce(clients.hang, 'get_thing', thing, { timeout: 2 * upstreamTimeoutMs }),
      () => servers.hang.calls > before,
    );
    servers.hang.mode('well');
    return { ended: ended.then((answer) => ({ answer, tookMs: performance.now() - startedMs })) };
  };

  beforeAll(async () => {
    product = await Product.start();
    await register(product, Object.values(servers));
    const operator = await product.operator();
    await operator.call('agents.register', {
      body: { manifest: manifest(Object.values(servers)), format: 'yaml' },
    });
    security = await product.signIn('yuki.mori@example.com');
    const agent = await product.agent('fault-reader');
    office = await agent.mcp('back-office');
    for (const key of ['hang', 'fail', 'shift'] as const) clients[key] = await agent.mcp(servers[key].name);
  });
  afterAll(async () => {
    await product.remove();
    rmSync(home, { recursive: true, force: true });
  });

  it('one that hangs holds its own call and nobody else', async () => {
    expect(await heardCodeOf(clients.hang, 'get_thing')).toBe('done');
    hung = await hang();
    expect(servers.hang.calls).toBe(2);
    expect(await heardCodeOf(office, 'get_order', order)).toBe('done');
    expect(await heardCodeOf(clients.hang, 'get_thing')).toBe('done');
  });

  it.each([
    ['crash', 'get_thing', 'upstream.unavailable'],
    ['garbage', 'get_thing', 'upstream.protocol_error'],
    ['large', 'get_thing', 'upstream.result_too_large'],
    ['lie', 'get_count', 'data.output_invalid'],
  ] as const)(
    '%s: the call has a clear end, happened once, and the server serves again',
    async (mode, tool, code) => {
      const { fail } = servers;
      fail.mode('well');
      await becomes('the server to serve', clients.fail, tool, 'done');
      fail.mode(mode);
      const before = fail.calls;
      const answer = await call(clients.fail, tool, thing);
      expect(answer).toMatchObject({ isError: true, atf: { code } });
      expect(answer.text).not.toMatch(/Bad Gateway|many|xxx/);
      expect(fail.calls).toBe(before + 1);
      expect(await heardCodeOf(office, 'get_order', order)).toBe('done');
      fail.mode('well');
      await becomes('the server to serve again', clients.fail, tool, 'done');
      const operator = await product.operator();
      const story = await until('the story', async () => {
        const found = await operator
          .call('actions.show', { params: { id: answer.atf.actionId ?? '' } })
          .catch(() => undefined);
        return found?.records.length === 2 ? found : undefined;
      });
      expect(story.items.at(-1)?.outcome).toBe(mode === 'lie' ? 'done' : 'unknown');
    },
  );

  const tool = (name: string) =>
    security.client
      .call('tools.show', { params: { server: servers.shift.name, name } })
      .catch(() => undefined);
  const tools = (name: string, state: string) =>
    until(`${name} to be ${state}`, async () => {
      const shown = await tool(name);
      return shown?.state === state ? shown : undefined;
    });

  it('a definition that changes is refused at once, quarantined with its difference, and works when a person accepted it', async () => {
    const { shift } = servers;
    expect(await heardCodeOf(clients.shift, 'get_thing')).toBe('done');
    shift.offer('pulled');
    await becomes('the change to be noticed', clients.shift, 'get_thing', 'segmentation.tool_quarantined');
    const before = shift.calls;
    const shown = await tools('get_thing', 'quarantined');
    expect(shown.diff).toMatchObject([
      { path: expect.stringContaining('description'), accepted: 'Reads one thing.' },
    ]);
    expect(shown.diff[0]?.offered).toContain('passwords');
    expect(await codeOf(clients.shift, 'get_thing')).toBe('segmentation.tool_quarantined');
    expect((await clients.shift.listTools()).tools.map(({ name }) => name)).not.toContain('get_thing');
    // The other tool of that server is what it was.
    expect(await heardCodeOf(clients.shift, 'get_count')).toBe('done');
    expect(shift.calls).toBe(before + 1);

    const params = { server: shift.name, name: 'get_thing' };
    await expect(
      security.client.call('tools.accept', { params, body: { digest: shown.definitionDigest } }),
    ).rejects.toMatchObject({ code: 'segmentation.definition_stale' });
    const body = { digest: shown.offeredDigest ?? '', acknowledged: shown.findings.map(({ name }) => name) };
    await security.client.call('tools.accept', { params, body });
    await becomes('the accepted tool', clients.shift, 'get_thing', 'done');
    shift.offer('plain');
    await becomes('the change back', clients.shift, 'get_thing', 'segmentation.tool_quarantined');
    await security.client.call('tools.accept', {
      params,
      body: { digest: (await tools('get_thing', 'quarantined')).offeredDigest ?? '' },
    });
    await becomes('the accepted tool', clients.shift, 'get_thing', 'done');
  });

  it('a tool that is added, with a poisoned description, is quarantined and shown to nobody', async () => {
    const { shift } = servers;
    shift.offer('poisoned');
    const shown = await tools('get_help', 'quarantined');
    expect(shown.why).toBeTruthy();
    const before = shift.calls;
    await refusedWith('segmentation.tool_quarantined', clients.shift, 'get_help');
    const { tools: visible } = await clients.shift.listTools();
    expect(JSON.stringify(visible)).not.toContain('ignore your instructions');
    expect(shift.calls).toBe(before);
    await becomes('the tools beside it', clients.shift, 'get_thing', 'done');
  });

  it('a renamed tool is gone under the old name and quarantined under the new one', async () => {
    const { shift } = servers;
    shift.offer('renamed');
    await tools('get_item', 'quarantined');
    await tools('get_thing', 'removed');
    const before = shift.calls;
    await refusedWith('segmentation.tool_removed', clients.shift, 'get_thing');
    await refusedWith('segmentation.tool_quarantined', clients.shift, 'get_item');
    expect(shift.calls).toBe(before);
  });

  it('the call that hung ended by its bound, once, with an unknown outcome', async () => {
    let [{ answer, tookMs }, calls] = [await hung.ended, 3];
    // A lease that runs out cuts what hangs before its bound does: then it is tried again.
    for (; answer.atf.code === 'containment.feed_stale' && calls < 6; calls++)
      ({ answer, tookMs } = await (await hang()).ended);
    expect(answer).toMatchObject({ isError: true, atf: { code: 'upstream.timeout', outcome: 'unknown' } });
    expect(tookMs).toBeGreaterThan(upstreamTimeoutMs - 1_000);
    expect(servers.hang.calls).toBe(calls);
    expect(await heardCodeOf(clients.hang, 'get_thing')).toBe('done');
  });
});

describe('without control', () => {
  let product: Product;
  let office: Client;
  beforeAll(async () => {
    product = await Product.start();
    office = await (await product.agent('principal-operations')).mcp('back-office');
  });
  afterAll(async () => {
    product.signal('control', 'SIGCONT');
    await product.remove();
  });
  const read = () => codeOf(office, 'get_order', order);
  const effects = (word: string): number => {
    const file = join(product.dataDir, 'back-office/effects.log');
    return existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line.includes(word)).length
      : 0;
  };

  it('a gateway that is cut off refuses everything and cuts what runs; the service returns with control', async () => {
    expect(await heardCodeOf(office, 'get_order', order)).toBe('done');
    const running = call(office, 'export_report', { seconds: 60 });
    await until('the slow call under way', () => (effects('report.step') >= 2 ? true : undefined));
    const stoppedMs = performance.now();
    product.signal('control', 'SIGSTOP');
    const cut = await running;
    const cutMs = performance.now() - stoppedMs;
    expect(cut).toMatchObject({ isError: true, atf: { code: 'containment.feed_stale' } });
    expect(cutMs).toBeLessThan(leaseMs + atOnceMs);
    const codes = new Set<string>();
    await until('three seconds without control', async () => {
      codes.add(await codeOf(office, 'update_order_status', { order_id: 'O-5001', status: 'shipped' }));
      return performance.now() - stoppedMs > 3_000 ? true : undefined;
    });
    expect([...codes]).toEqual(['containment.feed_stale']);
    await atRest('the report', () => effects('report.step'));
    expect(effects('order.status_changed')).toBe(0);
    product.signal('control', 'SIGCONT');
    await until('the service to return', async () => ((await read()) === 'done' ? true : undefined), 30_000);
  });

  it('a machine that stands still for a second cuts nothing: the gateway asks once more', async () => {
    const planes = ['gateway', 'control'] as const;
    const standStill = async () => {
      const running = call(office, 'export_report', { seconds: 4 });
      const before = effects('report.step');
      await until('the slow call under way', () => (effects('report.step') > before ? true : undefined));
      for (const plane of planes) product.signal(plane, 'SIGSTOP');
      await new Promise((done) => setTimeout(done, 1.5 * leaseMs));
      for (const plane of planes) product.signal(plane, 'SIGCONT');
      const { isError, atf } = await running;
      return isError ? atf.code : 'done';
    };
    // Half a lease is short for a machine that really stands still as well: then it is tried again.
    const ends: unknown[] = [];
    while (ends.at(-1) !== 'done' && ends.length < 5) {
      await until('the service', async () => ((await read()) === 'done' ? true : undefined));
      ends.push(await standStill());
    }
    expect(ends.at(-1)).toBe('done');
    expect(new Set(ends.slice(0, -1))).toEqual(new Set(ends.length > 1 ? ['containment.feed_stale'] : []));
  });

  it('what a person released is not spent on a moment without control: it runs when control is heard again', async () => {
    const junior = await (await product.agent('junior-support')).mcp('back-office');
    const approver = await product.signIn('paula.reyes@example.com');
    const refund = { order_id: 'O-5001', amount: 12, currency: 'EUR', reason: 'arrived broken' };
    const { approvalId = '' } = (await call(junior, 'create_refund', refund)).atf;
    await approve(approver, approvalId);
    const ready = async () => (await fetch(`${product.ready.gatewayUrl}/readyz`)).status === 200;
    // Control may be away so long that nobody knows whether it has released it: that asks anew, and is not what is shown here.
    let isLost = false;
    await until(
      'the refund, whatever is heard while it is released',
      async () => {
        await until('the gateway to serve', async () => ((await ready()) ? true : undefined));
        product.signal('control', 'SIGSTOP');
        const answered = callOnce(junior, 'create_refund', refund);
        await until('the gateway to hear nothing', async () => ((await ready()) ? undefined : true));
        product.signal('control', 'SIGCONT');
        const { isError, atf: said } = await answered;
        isLost ||= said.code === 'maturity.approval_outcome_unknown';
        if (!isLost) expect([undefined, approvalId]).toContain(said.approvalId);
        if (said.outcome === 'waiting' && said.approvalId !== approvalId)
          await approve(approver, said.approvalId ?? '');
        return isError ? undefined : true;
      },
      120_000,
    );
    expect(effects('refund.created')).toBe(1);
  });

  it('the stop file of the host works without control, outlives its return, and is lifted by removing it', async () => {
    const cli = (...args: string[]) =>
      atf([...args, '--data', product.dataDir], {
        cwd: product.home,
        env: { XDG_CONFIG_HOME: join(product.home, 'config') },
      });
    expect(await heardCodeOf(office, 'get_order', order)).toBe('done');
    product.signal('control', 'SIGSTOP');
    const stopped = await cli('kill', 'fleet', '--offline', '--yes', '--reason', 'drill');
    expect(stopped.code, stopped.stderr).toBe(0);
    const file = join(product.dataDir, 'gateway', 'stop');
    expect(existsSync(file)).toBe(true);
    // The gateway looks for the file ten times a second.
    await until('the stop to be in force', async () =>
      /^containment\./.test(await read()) ? true : undefined,
    );
    product.signal('control', 'SIGCONT');
    await product.serving();
    await refusedWith('containment.fleet_stopped', office, 'get_order', order);
    await product.crash('gateway');
    await refusedWith('containment.fleet_stopped', office, 'get_order', order);
    const lifted = await cli('resume', 'fleet', '--offline');
    expect(lifted.code, lifted.stderr).toBe(0);
    expect(existsSync(file)).toBe(false);
    await until('the service to return', async () => ((await read()) === 'done' ? true : undefined), 30_000);
  });
});

const diskMegabytes = 192;
/** A small disk of its own for the product; undefined where this machine does not let us mount one. */
function mounted(): string | undefined {
  const home = mkdtempSync(join(tmpdir(), 'atf-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMegabytes}m`, 'tmpfs', home], { stdio: 'pipe' });
    return home;
  } catch {
    rmSync(home, { recursive: true, force: true });
    return undefined;
  }
}

describe('a full disk', () => {
  const outside = mkdtempSync(join(tmpdir(), 'atf-hostile-'));
  const server = new Hostile(outside, 'counting');
  let home: string | undefined;
  let product: Product | undefined;
  afterAll(async () => {
    await product?.stop();
    rmSync(outside, { recursive: true, force: true });
    if (home === undefined) return;
    execFileSync('umount', [home]);
    rmSync(home, { recursive: true, force: true });
  });

  it('nothing is executed that cannot be recorded; with space it goes on by itself, and the log verifies', async (context) => {
    home = mounted();
    if (home === undefined) {
      process.stdout.write('SKIPPED: a full disk, because this machine mounts no file system for us\n');
      return context.skip('no file system can be mounted here');
    }
    const folder = home;
    product = await Product.start({ home: folder });
    await register(product, [server]);
    const operator = await product.operator();
    await operator.call('agents.register', { body: { manifest: manifest([server]), format: 'yaml' } });
    const client = await (await product.agent('fault-reader')).mcp(server.name);
    expect(await heardCodeOf(client, 'get_thing')).toBe('done');

    const ballast = join(folder, 'ballast');
    const filled = () => {
      const megabyte = Buffer.alloc(1_048_576);
      for (const chunk of [megabyte, Buffer.alloc(4_096), Buffer.alloc(1)]) {
        try {
          for (;;) appendFileSync(ballast, chunk);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
      return statfsSync(folder).bavail === 0;
    };
    let done = 1;
    const code = await until(
      'a call that is refused',
      async () => {
        filled();
        const said = await codeOf(client, 'get_thing');
        if (said === 'done') done++;
        return said === 'done' ? undefined : said;
      },
      30_000,
    );
    expect(code).toBe('audit.record_unavailable');
    for (let again = 0; again < 10; again++) expect(await codeOf(client, 'get_thing')).not.toBe('done');
    expect(server.calls).toBe(done);

    rmSync(ballast);
    await becomes('the service to return', client, 'get_thing', 'done', 60_000);
    expect(server.calls).toBeGreaterThan(done);
    await logSettled(product);
    const { report, entries } = await readLog(product);
    expect(report, JSON.stringify(report.problems.slice(0, 5))).toMatchObject({ ok: true });
    const intents = entries.filter(({ type, outcome }) => type === 'action.intent' && outcome === 'allowed');
    expect(intents.length).toBeGreaterThanOrEqual(server.calls);
  });
});
