/**
 * The running product for tests through the front door: both planes as separate processes of `atf up`, on free ports, in a fresh
 * folder. Nothing here reaches into the product: people come in by sign-in links, agents by join tokens and MCP, operators by
 * the host operator's token.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '@atf/cli/up/free-port';
import { sha256 } from '@atf/core/digest';
import { containmentKey } from '@atf/core/incident/scope-id';
import {
  type BodyIn,
  clearanceHeader,
  type Credential,
  type PresenceSubject,
  resumeShownText,
} from '@atf/core/wire/api';
import type { PolicyCandidate } from '@atf/core/wire/policy';
import { agentFetch } from '@atf/sdk/agent-fetch';
import { type AgentKey, generateAgentKey } from '@atf/sdk/agent-key';
import { ControlClient } from '@atf/sdk/client';
import { enrolBearer, enrolInstance, renewCredential } from '@atf/sdk/enrol';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const startWithinMs = 150_000;
const stopWithinMs = 20_000;
/** What people of the tests type where their presence is not simulated. */
const passphrase = 'correct horse battery staple';

/** Polls until `look` gives something. The bound is for a machine that does much else; what is waited for usually takes a moment. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  withinMs = 30_000,
  everyMs = 20,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((done) => setTimeout(done, everyMs));
  }
}

/** Within this, on a machine that does much else too, is at once; what is cut at once would last longer. In numbers it is measured by the bench. */
export const atOnceMs = 10_000;

/**
 * Gives a count once it has stayed the same for a second. A tool that was told to stop may have begun one more step; one that goes on, at
 * ten steps a second, never rests.
 */
export async function atRest(what: string, count: () => Promise<number> | number): Promise<number> {
  let [last, sinceMs] = [await count(), performance.now()];
  await until(`${what} to rest`, async () => {
    const now = await count();
    if (now !== last) [last, sinceMs] = [now, performance.now()];
    return performance.now() - sinceMs >= 1_000 ? true : undefined;
  });
  return last;
}

/** Writes a file in one step: whoever reads it meanwhile finds all of what it said before, or all of this. */
export function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}

/** Whether there is such a process. */
const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

export interface Ready {
  readonly controlUrl: string;
  readonly gatewayUrl: string;
  readonly pids: { readonly control: number; readonly gateway: number };
  /** The one-time link of the host operator that the start prints. */
  readonly signInUrl?: string;
}

export interface McpAgent {
  readonly credential: Credential;
  readonly key: AgentKey;
  readonly fetch: ReturnType<typeof agentFetch>;
  /** A connected MCP client for one tool server. */
  mcp(server: string): Promise<Client>;
}

/** Asks again where nothing has run because control was not heard in time: on a machine that does much else a lease runs out now and then. */
function patient(governed: ReturnType<typeof agentFetch>): ReturnType<typeof agentFetch> {
  const ask: typeof fetch = (input, init) =>
    until('an answer while control is heard', async () => {
      const response = await governed(input, init);
      const isWords = response.headers.get('content-type')?.includes('json') === true;
      if (response.status !== 503 || !isWords || typeof (init?.body ?? '') !== 'string') return response;
      const text = await response.clone().text();
      return text.includes('"containment.feed_stale"') && !text.includes('"unknown"') ? undefined : response;
    });
  return Object.assign(ask, { credential: governed.credential });
}

function agentWith(controlUrl: string, credential: Credential, key: AgentKey): McpAgent {
  const { instanceId, gatewayUrl, tokenType } = credential;
  const renew = () => renewCredential({ controlUrl, key, instanceId });
  const governed = agentFetch({ credential, ...(tokenType === 'Bearer' ? {} : { key, renew }) });
  const mcp = async (server: string) => {
    const client = new Client({ name: 'e2e', version: '1.0.0' });
    const url = new URL(`${gatewayUrl}/mcp/${server}`);
    await client.connect(new StreamableHTTPClientTransport(url, { fetch: governed }));
    return client;
  };
  return { credential, key, fetch: patient(governed), mcp };
}

export interface Signed {
  readonly client: ControlClient;
  /** What a browser would send along with every request. */
  readonly cookie: string;
  /** What the page sends with each change. */
  readonly csrf: string;
  readonly email: string;
  presence(subject: PresenceSubject): Promise<string>;
}

export interface ProductOptions {
  /** Reuse the state of an earlier product. */
  readonly home?: string;
  readonly empty?: boolean;
  /** Further options of `atf up`. */
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly ports?: { control: number; gateway: number };
}

/** Opens a sign-in link as the console's page would: `origin` is the page's, where it is not the address that is asked. */
export async function openLink(
  controlUrl: string,
  url: string,
  origin = new URL(controlUrl).origin,
): Promise<Signed> {
  const token = new URL(url).hash.slice(1);
  let cookie = '';
  let csrf = '';
  const client = new ControlClient({
    baseUrl: controlUrl,
    headers: () => ({
      origin,
      ...(cookie === '' ? {} : { cookie }),
      ...(csrf === '' ? {} : { 'x-atf-csrf': csrf }),
    }),
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      const set = response.headers.getSetCookie()[0];
      if (set !== undefined) cookie = set.split(';')[0] ?? '';
      return response;
    },
  });
  const me = await client.call('people.signIn', { body: { token } });
  ({ csrf } = me);
  const { email } = me.person;
  const presence = async (subject: PresenceSubject) => {
    const me = await client.call('people.me');
    if (!me.presenceMethods.includes('simulated') && !me.hasPassphrase)
      await client.call('people.setPassphrase', { body: { passphrase } });
    const { presenceId, methods } = await client.call('people.beginPresence', { body: { subject } });
    const body = methods.includes('simulated')
      ? { method: 'simulated' as const }
      : { method: 'passphrase' as const, passphrase };
    return (await client.call('people.finishPresence', { params: { id: presenceId }, body })).presence;
  };
  return { client, email, presence, cookie, csrf };
}

export class Product {
  readonly home: string;
  readonly dataDir: string;
  readonly ready: Ready;
  readonly ports: { control: number; gateway: number };
  readonly output: string[];
  private readonly child: ChildProcess;

  private constructor(
    home: string,
    child: ChildProcess,
    ready: Ready,
    ports: { control: number; gateway: number },
    output: string[],
  ) {
    this.home = home;
    this.dataDir = join(home, 'data');
    this.child = child;
    this.ready = ready;
    this.ports = ports;
    this.output = output;
  }

  static async start(options: ProductOptions = {}): Promise<Product> {
    const home = options.home ?? (await mkdtemp(join(tmpdir(), 'atf-e2e-')));
    const ports = options.ports ?? { control: await freePort(), gateway: await freePort() };
    const args = [
      join(root, 'packages/cli/bin/atf.js'),
      'up',
      '--json',
      '--data',
      join(home, 'data'),
      '--key-file',
      join(home, 'atf.key'),
    ];
    args.push(
      '--control-port',
      String(ports.control),
      '--gateway-port',
      String(ports.gateway),
      ...(options.empty === true ? ['--empty'] : []),
      ...(options.args ?? []),
    );
    const env = { ...process.env, XDG_CONFIG_HOME: join(home, 'config'), ...options.env };
    const child = spawn(process.execPath, args, { cwd: home, env, stdio: ['pipe', 'pipe', 'pipe'] });
    const output: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    const ready = await new Promise<Ready>((done, fail) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail(new Error(`not up within ${startWithinMs} ms:\n${output.join('')}`));
      }, startWithinMs);
      child.once('exit', (code) => {
        clearTimeout(timer);
        fail(new Error(`exited with ${code} before it was up:\n${output.join('')}`));
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        output.push(`${line}\n`);
        const said = line.startsWith('{') ? (JSON.parse(line) as Partial<Ready> & { ready?: boolean }) : {};
        if (said.ready === true) {
          clearTimeout(timer);
          done(said as Ready);
        }
      });
    });
    return new Product(home, child, ready, ports, output);
  }

  /** The host operator, by the token on disk: registers, classifies, stops; cannot approve or resume. */
  async operator(): Promise<ControlClient> {
    const token = (await readFile(join(this.dataDir, 'operator.token'), 'utf8')).trim();
    return new ControlClient({
      baseUrl: this.ready.controlUrl,
      headers: () => ({ authorization: `Bearer ${token}` }),
    });
  }

  /** A person who opened a sign-in link, as the console's page would be. */
  async signIn(email: string): Promise<Signed> {
    const operator = await this.operator();
    const person = (await operator.call('people.list')).items.find((candidate) => candidate.email === email);
    if (person === undefined) throw new Error(`nobody is registered as ${email}`);
    const { url } = await operator.call('people.link', { params: { id: person.id } });
    return this.open(url);
  }

  /** The same once somebody has a factor: `security` clears the link. */
  async signInCleared(email: string, security: Signed): Promise<Signed> {
    const operator = await this.operator();
    const person = (await operator.call('people.list')).items.find((candidate) => candidate.email === email);
    const params = { id: person?.id ?? '' };
    const { id } = await operator.call('clearances.ask', { body: { operation: 'people.link', params } });
    const { shownDigest } = await security.client.call('clearances.show', { params: { id } });
    const presence = await security.presence({ kind: 'clearance', id, digest: shownDigest });
    await security.client.call('clearances.grant', { params: { id }, body: { shownDigest, presence } });
    const { url } = await operator.call('people.link', { params }, { headers: { [clearanceHeader]: id } });
    return this.open(url);
  }

  /** Opens a sign-in link. */
  open(url: string): Promise<Signed> {
    return openLink(this.ready.controlUrl, url);
  }

  /** Enrols a fresh instance of a registered agent, brought in by `by` or the host operator. */
  async agent(
    name: string,
    { bearer = false, by, task }: { bearer?: boolean; by?: ControlClient; task?: string } = {},
  ): Promise<McpAgent> {
    const issuer = by ?? (await this.operator());
    const { id } = await issuer.call('agents.show', { params: { id: name } });
    const { joinToken } = await issuer.call('agents.joinToken', { params: { id } });
    const controlUrl = this.ready.controlUrl;
    const key = await generateAgentKey();
    const enrolled = bearer
      ? await enrolBearer({ controlUrl, joinToken })
      : await enrolInstance({ controlUrl, joinToken, key });
    const credential =
      task === undefined
        ? enrolled
        : await renewCredential({ controlUrl, key, instanceId: enrolled.instanceId, task });
    return agentWith(controlUrl, credential, key);
  }

  /** The same instance in a session of its own that has no task. */
  sessionWithoutTask(agent: McpAgent): Promise<McpAgent> {
    return this.nextSession(agent);
  }

  /** The same instance in another session. */
  async nextSession({ credential, key }: McpAgent, task?: string): Promise<McpAgent> {
    const { controlUrl } = this.ready;
    const { instanceId } = credential;
    const work = task === undefined ? { newSession: true } : { task };
    return agentWith(controlUrl, await renewCredential({ controlUrl, key, instanceId, ...work }), key);
  }

  /**
   * Resolves when the gateway has heard what control knew when this was called: documents arrive in the order of their commits, and a fresh
   * instance is served only once its own has arrived. `agent` may be any that may speak to `server`.
   */
  async heard(agent: string, server = 'back-office'): Promise<void> {
    const client = await (await this.agent(agent)).mcp(server);
    await client.close();
  }

  /** Process ids of the planes now: the supervisor's note, which it writes anew when it has started one again. */
  get pids(): Ready['pids'] {
    try {
      const note = JSON.parse(readFileSync(join(this.dataDir, 'running.json'), 'utf8')) as {
        planes?: Ready['pids'];
      };
      return note.planes ?? this.ready.pids;
    } catch {
      return this.ready.pids;
    }
  }

  signal(plane: 'control' | 'gateway', signal: NodeJS.Signals): void {
    process.kill(this.pids[plane], signal);
  }

  /** How often the supervisor has started this plane again. */
  restarts(plane: 'control' | 'gateway'): number {
    return this.output.filter((line) => line.includes('"restarted"') && line.includes(`"${plane}"`)).length;
  }

  /** Kills a plane as a fault would, and resolves when it was started again and the gateway serves. */
  async crash(plane: 'control' | 'gateway'): Promise<void> {
    const before = this.restarts(plane);
    this.signal(plane, 'SIGKILL');
    await until(
      `${plane} to be started again`,
      () => (this.restarts(plane) > before ? true : undefined),
      startWithinMs,
    );
    await this.serving();
  }

  /** Resolves when the gateway says that it serves: control is heard, and records are taken. */
  async serving(withinMs = startWithinMs): Promise<void> {
    await until(
      'the gateway to serve',
      async () =>
        (await fetch(`${this.ready.gatewayUrl}/readyz`).catch(() => undefined))?.status === 200
          ? true
          : undefined,
      withinMs,
    );
  }

  get exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Ctrl-C; resolves with the exit code. The folder stays for another start. */
  async stop(): Promise<number | null> {
    if (this.exited) return this.child.exitCode;
    const ended = new Promise<number | null>((done) => this.child.once('exit', (code) => done(code)));
    this.child.kill('SIGINT');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), stopWithinMs);
    const code = await ended;
    clearTimeout(timer);
    return code;
  }

  /** The whole product at once, as a power cut takes processes. */
  async killAll(): Promise<void> {
    const ended = new Promise((done) => this.child.once('exit', done));
    const { control, gateway } = this.pids;
    for (const pid of [control, gateway]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Already gone.
      }
    }
    this.child.kill('SIGKILL');
    await ended;
    // Orphans are gone when the system has taken them back; until then they hold what they had locked.
    await until('both planes to be gone', () => ([control, gateway].some(isThere) ? undefined : true));
  }

  async remove(): Promise<void> {
    await this.stop();
    if (existsSync(this.home)) await rm(this.home, { recursive: true, force: true });
  }
}

type Resume = Omit<BodyIn<'containment.resume'>, 'presence'>;

/** A person confirms presence for exactly this resumption, and resumes. */
export async function resume(by: Signed, request: Resume): Promise<void> {
  const subject = {
    kind: 'resume' as const,
    id: containmentKey(request.scope),
    digest: sha256(resumeShownText(request)),
  };
  await by.client.call('containment.resume', { body: { ...request, presence: await by.presence(subject) } });
}

/** A person looks at an approval, confirms presence for exactly that, and gives it. */
export async function approve(by: Signed, id: string): Promise<void> {
  const { shownDigest } = await by.client.call('approvals.show', { params: { id } });
  const presence = await by.presence({ kind: 'approval', id, digest: shownDigest });
  await by.client.call('approvals.approve', { params: { id }, body: { shownDigest, presence } });
}

/**
 * Has a person approve a call that waits, and calls until it has run. A release is spent, and nothing has run, when control is away for long in that very moment: then somebody is asked
 * anew, and says so again. It calls seldom: each of these calls counts for what its agent may call in a minute or an hour.
 */
export async function released(
  by: Signed,
  id: string | undefined,
  again: () => Promise<Answer>,
  isOver = (answer: Answer) => !answer.isError,
): Promise<Answer> {
  const approved = new Set<string>();
  const release = async (approvalId: string | undefined) => {
    if (approvalId === undefined || approved.has(approvalId)) return;
    approved.add(approvalId);
    await approve(by, approvalId);
  };
  await release(id);
  const look = async () => {
    const answer = await again();
    if (isOver(answer)) return answer;
    if (answer.atf.outcome === 'waiting') await release(answer.atf.approvalId);
    return undefined;
  };
  return until('the released call', look, 30_000, 250);
}

/** The files of a policy folder, as they are proposed. */
export function policyFiles(dir: string): { name: string; text: string }[] {
  const names = [
    ...readdirSync(dir).filter((name) => /\.(?:cedar|cedarschema|yaml)$/.test(name)),
    ...readdirSync(join(dir, 'cases')).map((name) => `cases/${name}`),
  ];
  return names.map((name) => ({ name, text: readFileSync(join(dir, name), 'utf8') }));
}

/** A person confirms presence for exactly this candidate, and confirms it. */
export async function confirmPolicy(
  by: Signed,
  { id, shownDigest }: Pick<PolicyCandidate, 'id' | 'shownDigest'>,
): Promise<PolicyCandidate> {
  const presence = await by.presence({ kind: 'policy', id, digest: shownDigest });
  return by.client.call('policy.confirm', { params: { id }, body: { shownDigest, presence } });
}

export interface Answer {
  readonly isError: boolean;
  readonly text: string;
  /** What the gateway says about a refusal, or beside a result. */
  readonly atf: {
    code?: string;
    approvalId?: string;
    requirementIds?: string[];
    actionId?: string;
    outcome?: string;
    labels?: string[];
    note?: string;
  };
}

/** Whether it was refused, before anything ran, because control was not heard in time. */
export const wasUnheard = ({ atf: { code, outcome } }: Answer): boolean =>
  code === 'containment.feed_stale' && outcome !== 'unknown';

/**
 * A call through the gateway; sent again when it was refused because control was not heard in time, as the refusal says: on a machine that
 * does much else a lease runs out now and then. What was dispatched is never sent again.
 */
export async function call(client: Client, name: string, args: Record<string, unknown>): Promise<Answer> {
  return until(`${name} to be answered while control is heard`, async () => {
    const answer = await callOnce(client, name, args);
    return wasUnheard(answer) ? undefined : answer;
  });
}

/**
 * A call that goes on until it is cut. `reached` says whether the tool has it; while it has not, and the call was refused because control was not heard, it is
 * sent again. What the tool has had is never sent again.
 */
export async function callUnderWay(
  run: () => Promise<Answer>,
  reached: () => Promise<boolean> | boolean,
): Promise<{ readonly ended: Promise<Answer> }> {
  return until('a call to reach its tool', async () => {
    const ended = run();
    let unheard = false;
    ended.then(
      (answer) => {
        unheard = wasUnheard(answer);
      },
      () => undefined,
    );
    await until('the tool to have the call', async () => unheard || (await reached()) || undefined);
    return unheard ? undefined : { ended };
  });
}

/**
 * A call that harms nobody when it is made twice, and goes on long enough to be stopped: gives it once it has taken two steps. One that is cut before because control was not heard is
 * made again. In a list, because a promise of a promise is nobody's.
 */
export async function slowCall(
  run: () => Promise<Answer>,
  steps: () => Promise<number> | number,
): Promise<readonly [Promise<Answer>]> {
  return until('a slow call under way', async () => {
    const before = await steps();
    const running = run();
    let cut = false;
    running.then(
      ({ atf }) => {
        cut = atf.code === 'containment.feed_stale';
      },
      () => undefined,
    );
    await until('two steps', async () => cut || (await steps()) >= before + 2 || undefined);
    return cut ? undefined : ([running] as const);
  });
}

/** One call through the gateway, as text for people and facts for tests. */
export async function callOnce(
  client: Client,
  name: string,
  args: Record<string, unknown>,
  options?: Parameters<Client['callTool']>[1],
): Promise<Answer> {
  const result = await client.callTool({ name, arguments: args }, options);
  const content = (result.content ?? []) as { type: string; text?: string }[];
  const structured = (result.structuredContent ?? {}) as { atf?: Answer['atf'] };
  const meta = (result._meta ?? {}) as { atf?: Answer['atf'] };
  return {
    isError: result.isError === true,
    text: content.map(({ text }) => text ?? '').join('\n'),
    atf: structured.atf ?? meta.atf ?? {},
  };
}
