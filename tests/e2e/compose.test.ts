/**
 * What compose.yaml describes, run as it says (its commands, environment, health checks and secrets; only folders, ports and host names are others) on a
 * real PostgreSQL: two replicas and two gateways over TLS, from the first start to a governed call, and after the loss of a replica (I-2, B-1).
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@atf/cli/up/free-port';
import { trustAuthorities } from '@atf/sdk/authorities';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeService, readCompose } from '../house/compose-file.ts';
import { postgresBinaries, startCluster } from '../postgres/cluster.ts';
import { Authority, place } from './certificates.ts';
import { atf, run } from './cli-run.ts';
import { Fleet, Plane } from './fleet.ts';
import { call, root, until } from './product.ts';
import { readerManifest } from './reader-manifest.ts';

const names = ['control-1', 'control-2', 'gateway-1', 'gateway-2'] as const;
type Name = (typeof names)[number];
const order = { order_id: 'O-5001' };
const readyWithinMs = 150_000;

describe.skipIf(postgresBinaries() === undefined)('compose.yaml', () => {
  let fleet: Fleet;
  let ports: Record<Name, number>;
  let services: Record<string, ComposeService>;
  const urlOf = (name: Name) => `https://localhost:${ports[name]}`;
  const dirOf = (name: Name) => join(fleet.home, name);

  /** What stands in the file, for this machine. */
  function here(name: Name, text: string): string {
    const bound = services[name]?.volumes.flatMap((each) => (typeof each === 'string' ? [] : [each])) ?? [];
    const tls = bound.find(({ target }) => target === '/etc/atf/tls')?.source ?? '';
    return text
      .replace(/https:\/\/(control-[12]):7780/, (_, replica: Name) => urlOf(replica))
      .replace('/run/secrets', join(fleet.home, 'secrets'))
      .replace('/etc/atf/tls', join(fleet.home, tls))
      .replace('/var/lib/atf', dirOf(name))
      .replace('/opt/atf', root)
      .replace('0.0.0.0', '127.0.0.1')
      .replace(/^(--port=|)778[01]$/, `$1${ports[name]}`);
  }
  const commandOf = (name: Name) => services[name]?.command?.map((word) => here(name, word)) ?? [];
  const environmentOf = (name: Name) =>
    Object.fromEntries(
      Object.entries(services[name]?.environment ?? {}).map(([key, value]) => [key, here(name, value)]),
    );
  /** The health check of a service; gives its exit code. */
  const healthOf = async (name: Name, change = (word: string) => word): Promise<number | null> => {
    const [, , script = '', ...args] = (services[name]?.healthcheck.test ?? []).map((word) =>
      here(name, word),
    );
    return (await run(script, args.map(change))).code;
  };
  const healthy = (name: Name) =>
    until(
      `${name} to be healthy`,
      async () => ((await healthOf(name)) === 0 ? true : undefined),
      readyWithinMs,
    );
  const start = async (name: Name): Promise<void> => {
    mkdirSync(dirOf(name), { mode: 0o700 });
    const plane = new Plane(name, urlOf(name), dirOf(name), commandOf(name), environmentOf(name));
    const [kind, at] = [
      name.startsWith('control') ? fleet.controls : fleet.gateways,
      Number(name.at(-1)) - 1,
    ];
    kind[at] = plane;
    await plane.start();
  };
  const secret = (name: string, text: string) =>
    writeFileSync(join(fleet.home, 'secrets', name), `${text}\n`, { mode: 0o400 });
  const oneTimeKey = () => randomBytes(32).toString('base64');

  beforeAll(async () => {
    fleet = Fleet.of(await mkdtemp(join(tmpdir(), 'atf-compose-')), await startCluster());
    const free = await Promise.all(names.map(async (name) => [name, await freePort()] as const));
    ports = Object.fromEntries(free) as Record<Name, number>;
    ({ services } = readCompose({
      ATF_URL: urlOf('control-1'),
      ATF_GATEWAY_1_URL: urlOf('gateway-1'),
      ATF_GATEWAY_2_URL: urlOf('gateway-2'),
    }));
    const authority = await Authority.make();
    trustAuthorities(authority.pem);
    for (const folder of ['control-tls', 'gateway-tls']) {
      mkdirSync(join(fleet.home, 'secrets', folder), { recursive: true });
      place(join(fleet.home, 'secrets', folder), await authority.issue());
    }
    secret('ca', authority.pem);
    secret('control-key', oneTimeKey());
    secret('database-url', fleet.cluster.url);
    await Promise.all([start('control-1'), start('control-2')]);
    await Promise.all([healthy('control-1'), healthy('control-2')]);
    const enrol = async (name: Name) => {
      const ran = await atf(['gateways', 'join-token', name], { env: environmentOf('control-1') });
      expect(ran.code, ran.stderr).toBe(0);
      secret(`${name}-key`, oneTimeKey());
      secret(`${name}-join-token`, ran.stdout.trim().split('\n').at(-1) ?? '');
      await start(name);
      await healthy(name);
    };
    await Promise.all([enrol('gateway-1'), enrol('gateway-2')]);
  });
  afterAll(async () => fleet?.remove());

  /** An agent that reads one tool of a server on both gateways, registered as an operator does it in an empty product. */
  async function readers(): Promise<Client[]> {
    const operator = fleet.operator(0);
    const name = 'compose-reader';
    const manifest = readerManifest(name, ['back-office/get_order']);
    for (const email of new Set(manifest.match(/\w+\.\w+@example\.com/g)))
      await operator.call('people.add', { body: { name: email, email, roles: ['operator', 'agent_owner'] } });
    const script = join(root, 'examples/back-office/main.ts');
    for (const { dir } of fleet.gateways) {
      const command = { command: process.execPath, args: [script, '--data', join(dir, 'office')] };
      writeFileSync(join(dir, 'servers.yaml'), JSON.stringify({ 'back-office': command }), { mode: 0o600 });
    }
    await operator.call('servers.add', {
      body: { name: 'back-office', transport: { kind: 'stdio' }, domain: 'orders', outputTrust: 'trusted' },
    });
    await until('the tools to be known', async () => {
      const { items } = await operator.call('tools.list');
      return items.some((tool) => tool.name === 'get_order') ? true : undefined;
    });
    await operator.call('tools.classify', {
      params: { server: 'back-office', name: 'get_order' },
      body: { class: 'read', sensitivity: 'public', domain: 'orders' },
    });
    await operator.call('agents.register', { body: { manifest, format: 'yaml' } });
    // Each enrols at another replica, for another gateway.
    const agents = await Promise.all([0, 1].map((at) => fleet.agent(name, { gateway: at, control: at })));
    return Promise.all(agents.map((agent) => agent.mcp('back-office')));
  }
  /** Reading, so it may be asked again while a gateway still has to hear of what was registered. */
  const answered = (client: Client) =>
    until('a governed answer', async () => {
      const answer = await call(client, 'get_order', order).catch(() => undefined);
      return answer?.isError === false ? answer : undefined;
    });

  it('governs calls through both gateways, and goes on over TLS when a replica dies', async () => {
    const clients = await readers();
    for (const client of clients) expect((await answered(client)).text).toContain('O-5001');
    // The first gateway is with the first replica: it goes over to the other.
    const [replica] = fleet.controls as [Plane];
    await replica.kill();
    expect(await healthOf('control-1')).not.toBe(0);
    for (const client of clients) await answered(client);
    await fleet.serving();
    for (const client of clients) await answered(client);
  });

  it('calls nobody healthy whose certificate is not of the authority', async () => {
    const stranger = join(fleet.home, 'stranger.pem');
    writeFileSync(stranger, (await Authority.make()).pem);
    expect(await healthOf('gateway-2', (word) => (word.endsWith('/ca') ? stranger : word))).toBe(1);
    await healthy('gateway-2');
  });

  it('a gateway starts again when its one-time token is empty', async () => {
    const [gateway] = fleet.gateways as [Plane];
    expect(await gateway.stop()).toBe(0);
    const token = join(fleet.home, 'secrets', 'gateway-1-join-token');
    const text = readFileSync(token, 'utf8');
    // The file is read-only, for its owner too; what Docker shows is another file after this.
    writeFileSync(`${token}.empty`, '');
    renameSync(`${token}.empty`, token);
    await gateway.start();
    await healthy('gateway-1');
    expect(gateway.said.join('')).not.toContain(text.trim());
  });
});
