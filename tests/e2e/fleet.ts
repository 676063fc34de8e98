/**
 * The product as production runs it: control replicas and gateways, each a plain process of `atf control` and `atf gateway`, over one real PostgreSQL. Nothing
 * here reaches into them: operators come by their replica's token, agents by join tokens.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@atf/cli/up/free-port';
import type { Credential } from '@atf/core/wire/api';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { type AgentKey, generateAgentKey } from '@atf/sdk/agent-key';
import { ControlClient } from '@atf/sdk/client';
import { enrolInstance, renewCredential } from '@atf/sdk/enrol';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type Cluster, startCluster } from '../postgres/cluster.ts';
import { atfBin } from './cli-run.ts';
import { openLink, root, type Signed, until } from './product.ts';

const startWithinMs = 150_000;
const stopWithinMs = 20_000;

/** A process of the product. */
export class Plane {
  readonly name: string;
  readonly url: string;
  readonly dir: string;
  /** What it said on both outputs. */
  readonly said: string[] = [];
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #ended: Promise<number | null> = Promise.resolve(null);

  constructor(
    name: string,
    url: string,
    dir: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ) {
    this.name = name;
    this.url = url;
    this.dir = dir;
    this.#args = args;
    this.#env = env;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves when it says that it is ready. */
  async start(): Promise<this> {
    const child = spawn(process.execPath, [atfBin, ...this.#args], {
      cwd: this.dir,
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const from = this.said.length;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => this.said.push(chunk.toString()));
    this.#ended = new Promise((done) => child.once('exit', (code) => done(code)));
    await until(
      `${this.name} to be ready`,
      () => {
        const said = this.said.slice(from).join('');
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`${this.name} ended before it was ready: ${said}`);
        return said.includes('"ready":true') ? true : undefined;
      },
      startWithinMs,
    );
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** As a fault or the loss of a machine ends it. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  /** As its service manager ends it; gives the exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return this.#ended;
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), stopWithinMs);
    const code = await this.#ended;
    clearTimeout(timer);
    return code;
  }
}

export interface FleetAgent {
  readonly credential: Credential;
  readonly key: AgentKey;
  readonly fetch: ReturnType<typeof agentFetch>;
  mcp(server: string): Promise<Client>;
}

export class Fleet {
  readonly home: string;
  readonly cluster: Cluster;
  readonly controls: Plane[] = [];
  readonly gateways: Plane[] = [];
  readonly #secret: Readonly<Record<string, string>>;

  private constructor(home: string, cluster: Cluster) {
    this.home = home;
    this.cluster = cluster;
    this.#secret = { ATF_KEY: randomBytes(32).toString('base64'), XDG_CONFIG_HOME: join(home, 'config') };
  }

  /** Planes that somebody else describes and starts; it ends them. */
  static of(home: string, cluster: Cluster): Fleet {
    return new Fleet(home, cluster);
  }

  /** Two of each, on the example workspace. */
  static async start(): Promise<Fleet> {
    const fleet = new Fleet(await mkdtemp(join(tmpdir(), 'atf-fleet-')), await startCluster());
    try {
      const urls = await Promise.all(
        Array.from({ length: 4 }, async () => `http://localhost:${await freePort()}`),
      );
      const [a = '', b = '', c = '', d = ''] = urls;
      for (const [at, url] of [a, b].entries()) await fleet.#control(at, url, a, c);
      for (const [at, url] of [c, d].entries()) await fleet.#gateway(at, url, at === 0 ? [a, b] : [b, a]);
      await fleet.serving();
      return fleet;
    } catch (fault) {
      await fleet.remove();
      throw fault;
    }
  }

  /** Those of the product, with writes recorded at control, too, before they run. */
  #policies(): string {
    const folder = join(this.home, 'policies');
    cpSync(join(root, 'policies'), folder, { recursive: true });
    const file = join(folder, 'settings.yaml');
    const settings = readFileSync(file, 'utf8').replace('replicated: []', 'replicated: [write]');
    writeFileSync(file, settings);
    return folder;
  }

  async #control(at: number, url: string, controlUrl: string, gatewayUrl: string): Promise<void> {
    const dir = join(this.home, `control-${at}`);
    mkdirSync(dir);
    const { port } = new URL(url);
    const policies = this.#policies();
    const addresses = [
      '--policies',
      policies,
      '--url',
      controlUrl,
      '--replica-url',
      url,
      '--gateway-url',
      gatewayUrl,
    ];
    const args = ['control', '--data', dir, '--port', port, ...addresses, '--example'];
    const env = { ...this.#secret, DATABASE_URL: this.cluster.url };
    const control = new Plane(`control ${at}`, url, dir, args, env);
    this.controls.push(control);
    await control.start();
  }

  /** Each has a back office of its own: what ran where stands in that one's file of effects. */
  async #gateway(at: number, url: string, controlUrls: readonly string[]): Promise<void> {
    const from = (this.controls[0] as Plane).dir;
    const dir = join(this.home, `gateway-${at}`);
    const work = join(dir, 'work');
    mkdirSync(work, { recursive: true });
    cpSync(join(from, 'sandbox'), join(work, 'sandbox'), { recursive: true });
    const commands = readFileSync(join(from, 'gateway', 'servers.yaml'), 'utf8');
    writeFileSync(join(dir, 'servers.yaml'), commands.replaceAll(from, work), { mode: 0o600 });
    const body = { name: `gateway-${at}`, servers: '*' as const };
    const { joinToken } = await this.operator(0).call('gateways.joinToken', { body });
    const addresses = [...controlUrls.flatMap((each) => ['--control', each]), '--public-url', url];
    const args = ['gateway', '--dir', dir, '--port', new URL(url).port, ...addresses];
    const gateway = new Plane(`gateway ${at}`, url, dir, args, {
      ...this.#secret,
      ATF_GATEWAY_JOIN_TOKEN: joinToken,
    });
    this.gateways.push(gateway);
    await gateway.start();
  }

  /** The host operator of a replica. */
  operator(at: number): ControlClient {
    const { dir, url } = this.controls[at] as Plane;
    const token = readFileSync(join(dir, 'operator.token'), 'utf8').trim();
    return new ControlClient({ baseUrl: url, headers: () => ({ authorization: `Bearer ${token}` }) });
  }

  /** A person at one of the replicas. */
  async signIn(email: string, at: number): Promise<Signed> {
    const operator = this.operator(at);
    const person = (await operator.call('people.list')).items.find((one) => one.email === email);
    const { url } = await operator.call('people.link', { params: { id: person?.id ?? '' } });
    const [{ url: shared }, { url: own }] = [this.controls[0] as Plane, this.controls[at] as Plane];
    return openLink(own, url, shared);
  }

  /** Resolves when every gateway serves. */
  async serving(withinMs = startWithinMs): Promise<void> {
    for (const { name, url } of this.gateways)
      await until(
        `${name} to serve`,
        async () => ((await answerOf(`${url}/readyz`))?.status === 200 ? true : undefined),
        withinMs,
      );
  }

  /** Which replica leads; undefined while none or more than one says so. */
  async leader(): Promise<number | undefined> {
    const leads = await Promise.all(
      this.controls.map(async ({ url }) => {
        const answer = await answerOf(`${url}/metrics`);
        return answer?.text.includes('\natf_control_leads 1') === true;
      }),
    );
    return leads.filter(Boolean).length === 1 ? leads.indexOf(true) : undefined;
  }

  /** An instance of a registered agent, for one of the gateways, enrolled and renewed at one of the replicas. */
  async agent(name: string, { gateway = 0, control = 0 } = {}): Promise<FleetAgent> {
    const { url: controlUrl } = this.controls[control] as Plane;
    const { url: resource } = this.gateways[gateway] as Plane;
    const operator = this.operator(control);
    const { id } = await operator.call('agents.show', { params: { id: name } });
    const { joinToken } = await operator.call('agents.joinToken', { params: { id } });
    const key = await generateAgentKey();
    const credential = await enrolInstance({ controlUrl, joinToken, key, resource });
    return this.#governed(controlUrl, resource, { credential, key });
  }

  /** The same instance in the same session, with a token for another gateway. */
  async elsewhere({ credential: { instanceId }, key }: FleetAgent, gateway: number): Promise<FleetAgent> {
    const { url: controlUrl } = this.controls[0] as Plane;
    const { url: resource } = this.gateways[gateway] as Plane;
    const credential = await renewCredential({ controlUrl, key, instanceId, resource });
    return this.#governed(controlUrl, resource, { credential, key });
  }

  #governed(
    controlUrl: string,
    resource: string,
    { credential, key }: Pick<FleetAgent, 'credential' | 'key'>,
  ): FleetAgent {
    const governed = agentFetch({
      credential,
      key,
      renew: ({ instanceId }: Credential) => renewCredential({ controlUrl, key, instanceId, resource }),
    });
    const mcp = async (server: string) => {
      const client = new Client({ name: 'e2e', version: '1.0.0' });
      const address = new URL(`${credential.gatewayUrl}/mcp/${server}`);
      await client.connect(new StreamableHTTPClientTransport(address, { fetch: governed }));
      return client;
    };
    return { credential, key, fetch: governed, mcp };
  }

  async remove(): Promise<void> {
    for (const plane of [...this.gateways, ...this.controls]) await plane.stop();
    await this.cluster.stop();
    await rm(this.home, { recursive: true, force: true });
  }
}

async function answerOf(
  url: string,
): Promise<{ readonly status: number; readonly text: string } | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    return { status: answer.status, text: await answer.text() };
  } catch {
    return undefined;
  }
}
