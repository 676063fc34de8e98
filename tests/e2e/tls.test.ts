/**
 * Plain processes of both planes with a network between them: TLS, certificates of an authority of our own, mutual TLS with enrolled keys (I-2); and what runs
 * when that network goes half open (R-2, invariants 2 and 3).
 */
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { freePort } from '@atf/cli/up/free-port';
import { routes } from '@atf/core/wire/api';
import { leaseMs } from '@atf/core/wire/feed';
import { gatewayKeyOf, openGatewayKey } from '@atf/gateway/gateway-key';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { generateAgentKey } from '@atf/sdk/agent-key';
import { trustAuthorities } from '@atf/sdk/authorities';
import { ControlClient } from '@atf/sdk/client';
import { enrolInstance } from '@atf/sdk/enrol';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Authority, place } from './certificates.ts';
import { atf, atfBin } from './cli-run.ts';
import { Plane } from './fleet.ts';
import { type Answer, call, callOnce, openLink, Product, until } from './product.ts';
import { Proxy } from './proxy.ts';

let home: string;
let authority: Authority;
let caFile: string;
let control: Plane;
let gateway: Plane;
let gatewayEnv: Record<string, string>;
/** Between gateway and control; everybody else reaches control without it. */
let network: Proxy;
/** A gateway whose network is back serves within ten seconds (docs/how-to/run-in-production.md); three times that on a machine that does much else. */
const backWithinMs = 30_000;
const env = () => ({
  ATF_KEY: randomBytes(32).toString('base64'),
  XDG_CONFIG_HOME: join(home, 'config'),
});

const operator = () => {
  const token = readFileSync(join(control.dir, 'operator.token'), 'utf8').trim();
  return new ControlClient({
    baseUrl: control.url,
    headers: () => ({ authorization: `Bearer ${token}` }),
  });
};
/** Serial number of the certificate that is served, over a connection of its own. */
const serialAt = (url: string) =>
  new Promise<string>((done, fail) => {
    const { port } = new URL(url);
    const socket = tls.connect({
      host: 'localhost',
      port: Number(port),
      servername: 'localhost',
      ca: authority.pem,
    });
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      done(socket.getPeerX509Certificate()?.serialNumber ?? '');
      socket.end();
    });
  });
/** A request of a gateway, with the certificate of `shown`, if any; gives the code that control refuses with. */
const asGateway = (authorization: string, shown?: { cert: string; key: string }) =>
  new Promise<string>((done, fail) => {
    const { method, path } = routes['gateway.payloadKey'];
    const options = {
      method,
      agent: false as const,
      ca: authority.pem,
      ...shown,
      headers: { authorization },
    };
    const sent = request(`${control.url}${path}`, options, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () =>
        done(answer.statusCode === 200 ? 'ok' : (JSON.parse(text) as { code: string }).code),
      );
    });
    sent.once('error', fail);
    sent.end();
  });
/** A signed request of the enrolled gateway, and the certificate of its key: what its process sends. */
const enrolledKey = () => {
  const dir = gateway.dir;
  const key = openGatewayKey({ fromEnvironment: gatewayEnv.ATF_KEY, keyFile: undefined, dir });
  const { gatewayId } = JSON.parse(readFileSync(join(dir, 'gateway.json'), 'utf8')) as { gatewayId: string };
  const { method, path } = routes['gateway.payloadKey'];
  const proof = () =>
    `GatewayProof ${key.proof({ method, url: `${control.url}${path}`, gatewayId, nowMs: Date.now() })}`;
  return { key, proof, gatewayId };
};

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'atf-tls-'));
  authority = await Authority.make();
  trustAuthorities(authority.pem);
  caFile = join(home, 'ca.pem');
  writeFileSync(caFile, authority.pem);
  const dirs = { control: join(home, 'control'), gateway: join(home, 'gateway') };
  for (const dir of Object.values(dirs)) mkdirSync(dir);
  const [controlUrl, gatewayUrl] = [
    `https://localhost:${await freePort()}`,
    `https://localhost:${await freePort()}`,
  ];
  const files = place(dirs.control, await authority.issue());
  network = await Proxy.to(Number(new URL(controlUrl).port));
  const networkUrl = `https://localhost:${network.port}`;
  const addresses = ['--url', controlUrl, '--replica-url', networkUrl, '--gateway-url', gatewayUrl];
  const options = ['--data', dirs.control, ...addresses, '--example'];
  const served = ['--port', new URL(controlUrl).port, '--tls-cert', files.cert, '--tls-key', files.key];
  control = new Plane('control', controlUrl, dirs.control, ['control', ...options, ...served], env());
  await control.start();
  const work = join(dirs.gateway, 'work');
  cpSync(join(dirs.control, 'sandbox'), join(work, 'sandbox'), { recursive: true });
  const commands = readFileSync(join(dirs.control, 'gateway', 'servers.yaml'), 'utf8');
  writeFileSync(join(dirs.gateway, 'servers.yaml'), commands.replaceAll(dirs.control, work), { mode: 0o600 });
  const { joinToken } = await operator().call('gateways.joinToken', {
    body: { name: 'gateway-1', servers: '*' },
  });
  gatewayEnv = { ...env(), ATF_GATEWAY_JOIN_TOKEN: joinToken };
  const door = place(dirs.gateway, await authority.issue());
  const args = ['gateway', '--dir', dirs.gateway, '--control', networkUrl, '--ca', caFile];
  const listens = ['--port', new URL(gatewayUrl).port, '--tls-cert', door.cert, '--tls-key', door.key];
  gateway = new Plane('gateway', gatewayUrl, dirs.gateway, [...args, ...listens], gatewayEnv);
  await gateway.start();
  await until('the gateway to serve', async () =>
    (await fetch(`${gatewayUrl}/readyz`).catch(() => undefined))?.status === 200 ? true : undefined,
  );
}, 180_000);

afterAll(async () => {
  network?.pass();
  await gateway?.stop();
  await control?.stop();
  await network?.close();
  await rm(home, { recursive: true, force: true });
});

const joinTokenOf = async (agent: string) => {
  const { id } = await operator().call('agents.show', { params: { id: agent } });
  return (await operator().call('agents.joinToken', { params: { id } })).joinToken;
};
/** Reading, so it may be asked again while the back office starts, or control is not heard in time on a busy machine. */
const answered = (client: Client) =>
  until('an answer of the back office', async () => {
    const answer = await call(client, 'list_orders', {}).catch(() => undefined);
    return answer?.isError === false ? true : undefined;
  });

/** A client of the back office, as this agent. */
async function officeOf(agent: string): Promise<Client> {
  const joinToken = await joinTokenOf(agent);
  const key = await generateAgentKey();
  const credential = await enrolInstance({ controlUrl: control.url, joinToken, key });
  expect(credential.gatewayUrl).toBe(gateway.url);
  const client = new Client({ name: 'e2e', version: '1.0.0' });
  const governed = agentFetch({ credential, key });
  const address = new URL(`${gateway.url}/mcp/back-office`);
  await client.connect(new StreamableHTTPClientTransport(address, { fetch: governed }));
  return client;
}

it('governs an agent over TLS from end to end', async () => {
  const client = await officeOf('senior-support');
  await answered(client);
  await client.close();
});

it('connects a stock host with the authority, never without, and over a restart of control that its gateway lives through', async () => {
  const connect = ['connect', 'back-office', '--agent', 'senior-support', '--control', control.url];
  const own = {
    ATF_JOIN_TOKEN: await joinTokenOf('senior-support'),
    XDG_CONFIG_HOME: join(home, 'host'),
    XDG_STATE_HOME: join(home, 'host-state'),
  };
  const without = await atf(connect, { env: own });
  expect([without.code, without.stderr]).toEqual([3, expect.stringContaining('with --ca')]);
  const client = new Client({ name: 'stock host', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [atfBin, ...connect, '--ca', caFile],
      env: { PATH: process.env['PATH'] ?? '', ...own },
      stderr: 'ignore',
    }),
  );
  try {
    await answered(client);
    const { pid } = gateway;
    expect(await control.stop()).toBe(0);
    await until('the gateway to refuse', async () =>
      (await fetch(`${gateway.url}/readyz`)).status === 503 ? true : undefined,
    );
    expect((await callOnce(client, 'list_orders', {})).atf.code).toBe('containment.feed_stale');
    await control.start();
    await until('the gateway to serve again', async () =>
      (await fetch(`${gateway.url}/readyz`)).status === 200 ? true : undefined,
    );
    await answered(client);
    expect(gateway.pid).toBe(pid);
  } finally {
    await client.close();
  }
});

it('gives people a console with secure cookies', async () => {
  const page = await fetch(`${control.url}/`, { headers: { accept: 'text/html' } });
  expect([page.status, page.headers.get('content-type')]).toEqual([
    200,
    expect.stringContaining('text/html'),
  ]);
  // On a name of this machine it would bind every other port of it, too.
  expect(page.headers.get('strict-transport-security')).toBeNull();
  const { items } = await operator().call('people.list');
  const { url } = await operator().call('people.link', { params: { id: items[0]?.id ?? '' } });
  expect(url.startsWith(control.url)).toBe(true);
  const answer = await fetch(`${control.url}${routes['people.signIn'].path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: control.url },
    body: JSON.stringify({ token: new URL(url).hash.slice(1) }),
  });
  expect(answer.headers.getSetCookie()[0]).toContain('; Secure');
  const again = await operator().call('people.link', { params: { id: items[0]?.id ?? '' } });
  expect((await openLink(control.url, again.url)).email).toBe(items[0]?.email);
});

it('lets the command line in with the authority, and never without', async () => {
  const place = ['--data', control.dir, '--control', control.url];
  expect((await atf(['status', '--json', ...place, '--ca', caFile])).code).toBe(0);
  const without = await atf(['status', '--json', ...place]);
  expect([without.code, without.stderr]).toEqual([3, expect.stringContaining('with --ca')]);
  const bad = await atf(['status', '--json', ...place, '--ca', join(home, 'none.pem')]);
  expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining('PEM')]);
  const clear = await atf(['status', '--json', '--data', control.dir, '--control', 'http://192.0.2.1:7780']);
  expect([clear.code, clear.stderr]).toEqual([2, expect.stringContaining('identity.plain_http_refused')]);
});

it('takes a gateway only over a connection of its enrolled key', async () => {
  const { key, proof } = enrolledKey();
  const other = gatewayKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const served = await authority.issue();
  expect(await asGateway(proof(), key.identity())).toBe('ok');
  expect(await asGateway(proof())).toBe('identity.client_certificate_invalid');
  expect(await asGateway(proof(), other.identity())).toBe('identity.client_certificate_invalid');
  // Issued by an authority that everybody here trusts: it is the key that counts.
  expect(await asGateway(proof(), served)).toBe('identity.client_certificate_invalid');
  // The certificate is public; without its key the connection does not come about.
  const stolen = { cert: key.identity().cert, key: other.identity().key };
  await expect(asGateway(proof(), stolen)).rejects.toThrow();
});

it('enrols no gateway without the certificate of the key that enrols', async () => {
  const { joinToken } = await operator().call('gateways.joinToken', {
    body: { name: 'gateway-2', servers: '*' },
  });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = gatewayKeyOf(privateKey);
  const { method, path } = routes['gateways.enrol'];
  const proof = key.proof({ method, url: `${control.url}${path}`, gatewayId: undefined, nowMs: Date.now() });
  const answer = await fetch(`${control.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ joinToken, publicKey: key.publicJwk, proof }),
  });
  expect(await answer.json()).toMatchObject({ code: 'identity.client_certificate_invalid' });
});

it('a gateway speaks to no control that its authority does not vouch for', async () => {
  const stranger = await Authority.make();
  const file = join(home, 'stranger.pem');
  writeFileSync(file, stranger.pem);
  const args = [
    'gateway',
    '--dir',
    join(home, 'lost'),
    '--control',
    control.url,
    '--ca',
    file,
    '--port',
    '0',
  ];
  const ended = await atf(args, { env: { ...env(), ATF_GATEWAY_JOIN_TOKEN: 'not-sent' } });
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain('is not trusted');
});

it('serves TLS 1.2 and 1.3, and nothing older', async () => {
  const version = (url: string, maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
    new Promise<string>((done) => {
      const old =
        maxVersion === 'TLSv1.1' ? { minVersion: 'TLSv1' as const, ciphers: 'DEFAULT@SECLEVEL=0' } : {};
      const port = Number(new URL(url).port);
      const socket = tls.connect({ port, host: 'localhost', ca: authority.pem, maxVersion, ...old });
      socket.once('error', (fault: NodeJS.ErrnoException) => done(fault.code ?? 'refused'));
      socket.once('secureConnect', () => {
        done(socket.getProtocol() ?? '');
        socket.end();
      });
    });
  for (const { url } of [control, gateway]) {
    expect(await version(url, 'TLSv1.3')).toBe('TLSv1.3');
    expect(await version(url, 'TLSv1.2')).toBe('TLSv1.2');
    expect(await version(url, 'TLSv1.1')).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  }
});

it('follows its certificate without a restart, and keeps the former while the new one is of no use', async () => {
  for (const plane of [control, gateway]) {
    const before = await serialAt(plane.url);
    const open = tls.connect({ port: Number(new URL(plane.url).port), host: 'localhost', ca: authority.pem });
    await new Promise((done) => open.once('secureConnect', done));
    const next = await authority.issue();
    // Half of a rotation: the new certificate beside the former key.
    writeFileSync(join(plane.dir, 'tls.crt'), next.cert);
    await until('the half to be refused', () =>
      plane.said.join('').includes('the former one is kept') ? true : undefined,
    );
    expect(await serialAt(plane.url)).toBe(before);
    place(plane.dir, next);
    const wanted = new X509Certificate(next.cert).serialNumber;
    await until('the new certificate', async () =>
      (await serialAt(plane.url)) === wanted ? true : undefined,
    );
    expect(open.destroyed, 'connections of the former certificate stay').toBe(false);
    open.destroy();
  }
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
});

it('says at the start what is wrong with a certificate, and with plain HTTP', async () => {
  const dir = join(home, 'bad');
  mkdirSync(dir);
  const files = place(dir, await authority.issue(-60_000));
  const data = ['control', '--data', join(dir, 'data'), '--port', '0'];
  const served = ['--tls-cert', files.cert, '--tls-key', files.key];
  const expired = await atf([...data, ...served], { env: env() });
  expect([expired.code, expired.stderr]).toEqual([
    5,
    expect.stringMatching(/identity\.certificate_unusable.*expired/s),
  ]);
  chmodSync(files.key, 0o644);
  const exposed = await atf([...data, ...served], { env: env() });
  expect([exposed.code, exposed.stderr]).toEqual([5, expect.stringContaining('storage.key_exposed')]);
  const open = await atf([...data, '--host', '0.0.0.0'], { env: env() });
  expect([open.code, open.stderr]).toEqual([5, expect.stringContaining('identity.plain_http_refused')]);
  const door = ['gateway', '--dir', join(dir, 'gateway'), '--control', control.url, '--host', '0.0.0.0'];
  const clear = await atf(door, { env: env() });
  expect([clear.code, clear.stderr]).toEqual([1, expect.stringContaining('identity.plain_http_refused')]);
}, 120_000);

it.each(['strand', 'swallow'] as const)(
  '%s between gateway and control: what runs is cut with the lease, nothing begins, and the same process serves again',
  async (how) => {
    const office = await officeOf('principal-operations');
    const effects = (word: string): number => {
      const file = join(gateway.dir, 'work/back-office/effects.log');
      return existsSync(file) ? readFileSync(file, 'utf8').split(word).length - 1 : 0;
    };
    await answered(office);
    const { pid } = gateway;
    const before = effects('report.step');
    let running: Promise<Answer> | undefined;
    let underWay = false;
    await until('the slow call under way', () => {
      // Where the machine is busy it may be refused, or cut, for want of a beat: then another one is made.
      running ??= callOnce(office, 'export_report', { seconds: 120 }).finally(() => {
        if (!underWay) running = undefined;
      });
      underWay = effects('report.step') >= before + 2;
      return underWay ? true : undefined;
    });
    const opened = network.opened;
    network[how]();
    const cutMs = performance.now();
    expect(await running).toMatchObject({ isError: true, atf: { code: 'containment.feed_stale' } });
    const status = { order_id: 'O-5001', status: 'shipped' };
    await until('the gateway to try another connection', async () => {
      const leaseOver = performance.now() - cutMs > 2 * leaseMs;
      const changed = effects('order.status_changed');
      const answer = await callOnce(office, 'update_order_status', status);
      // Nothing was heard since: it would act on what it had heard before.
      if (leaseOver && (how === 'swallow' || network.opened === opened)) {
        expect(answer).toMatchObject({ isError: true, atf: { code: 'containment.feed_stale' } });
        expect(effects('order.status_changed')).toBe(changed);
      }
      return leaseOver && network.opened > opened ? true : undefined;
    });
    network.pass();
    await until(
      'the gateway to serve again',
      async () => {
        const answer = await callOnce(office, 'list_orders', {}).catch(() => undefined);
        return answer?.isError === false ? true : undefined;
      },
      backWithinMs,
    );
    await until(
      'every record to arrive',
      async () => {
        const { gateways } = await operator().call('overview');
        return gateways.every(({ spoolBehind }) => spoolBehind === 0) ? true : undefined;
      },
      2 * backWithinMs,
    );
    expect(gateway.pid).toBe(pid);
    await office.close();
  },
);

it('runs both planes of one machine with TLS as well, by options or by settings', async () => {
  const dir = join(home, 'up');
  mkdirSync(dir);
  const files = place(dir, await authority.issue());
  const half = await atf(['up', '--tls-cert', files.cert], { cwd: dir });
  expect([half.code, half.stderr]).toEqual([2, expect.stringContaining('--tls-key belong together')]);
  const product = await Product.start({
    home: dir,
    empty: true,
    args: ['--tls-cert', files.cert, '--ca', caFile],
    env: { ATF_TLS_KEY: files.key },
  });
  try {
    const { controlUrl, gatewayUrl } = product.ready;
    expect([new URL(controlUrl).protocol, new URL(gatewayUrl).protocol]).toEqual(['https:', 'https:']);
    await product.serving();
    const told = await atf(['status', '--json', '--data', product.dataDir, '--ca', caFile]);
    expect(told.code, told.stderr).toBe(0);
    await expect(fetch(controlUrl.replace('https:', 'http:'))).rejects.toThrow();
  } finally {
    await product.stop();
  }
}, 300_000);

it('a gateway that is revoked is refused at the next request, with its certificate and all', async () => {
  const { key, proof, gatewayId } = enrolledKey();
  expect(await asGateway(proof(), key.identity())).toBe('ok');
  await operator().call('gateways.revoke', { params: { id: gatewayId }, body: { reason: 'test' } });
  expect(await asGateway(proof(), key.identity())).toBe('identity.gateway_unknown');
  await until('the gateway to refuse', async () =>
    (await fetch(`${gateway.url}/readyz`)).status === 503 ? true : undefined,
  );
});
