/**
 * The conformance suite of MCP against the gateway, in front of a tool server of ours: every scenario that a revision requires, for both revisions of the client and
 * both of the server. The suite cannot prove possession of a key, so `atf connect --http` holds the agent's: it is governed by its address alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atfBin, run } from './cli-run.ts';
import { Everything, type EverythingServer, everythingServers } from './everything.ts';
import { approve, Product, root, type Signed } from './product.ts';

const suite = join(root, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
/** What is not passed, and why; the suite fails where one of them passes. Everything else that a revision requires is. */
const notPassed: Readonly<Record<string, readonly (readonly [scenario: string, why: string])[]>> = {
  '2025-11-25': [
    [
      'server-sse-multiple-streams',
      'It wants an Mcp-Session-Id, which the revision leaves to servers: sessions are in the credential, and an id that a client sends never counts.',
    ],
  ],
  '2026-07-28': [],
  // What an elder server asks for has no name of its own.
  '2026-07-28 elder-everything': [
    [
      'input-required-result-basic-elicitation',
      'It wants the question under the name that the newer revision gives it.',
    ],
    ['input-required-result-ignore-extra-params', 'It answers ahead of the question, by that name.'],
  ],
};
/**
 * What the suite has for the tasks extension of 2026-07-28, which no revision requires: each scenario with what is not passed of it, and why. The tenth,
 * `tasks-status-notifications`, checks nothing yet. For tasks of 2025-11-25 the suite has none; those are in tasks.test.ts.
 */
const cannotAsk =
  'A released call cannot ask, because nobody waits for it: what its server asks is declined (decision 18).';
const taskScenarios: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'tasks-lifecycle': {},
  'tasks-mrtr-input': {
    'sep-2663-tasks-get-status-input-required': cannotAsk,
    'tasks-mrtr-tasks-update-resumes': cannotAsk,
    'tasks-mrtr-partial-fulfillment': cannotAsk,
  },
  'tasks-wire-fields': {},
  'tasks-dispatch-and-envelope': {},
  'tasks-request-headers': {},
  'tasks-capability-negotiation': {},
  'tasks-request-state-removal': {},
  'tasks-required-task-error': {
    'sep-2663-server-returns-missing-capability-when-required':
      'No call needs tasks: a client without them is told that a person is asked, and repeats the call.',
  },
  'tasks-mrtr-composition': {
    'sep-2663-mrtr-synchronous-before-task-creation':
      'A server hears of a call once a person has released it, so it can ask for nothing before.',
  },
};
/** Where the suite's own reports stay, to look at them. */
const reports = process.env['ATF_CONFORMANCE_REPORTS'];
const home = mkdtempSync(join(tmpdir(), 'atf-conformance-'));
const everything = new Everything(home);
const children: ChildProcess[] = [];
let product: Product;

async function shim(server: string, agent = 'conformant'): Promise<string> {
  const operator = await product.operator();
  const { id } = await operator.call('agents.show', { params: { id: agent } });
  const { joinToken } = await operator.call('agents.joinToken', { params: { id } });
  const args = [atfBin, 'connect', server, '--agent', agent, '--http', '0', '--json'];
  const child = spawn(process.execPath, [...args, '--control', product.ready.controlUrl], {
    env: { ...process.env, XDG_CONFIG_HOME: join(home, agent, server), ATF_JOIN_TOKEN: joinToken },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as { urlWithToken?: string };
    if (said.urlWithToken !== undefined) return said.urlWithToken;
  }
  throw new Error('the shim ended before it listened');
}

beforeAll(async () => {
  product = await Product.start();
  await everything.register(product);
  await everything.allow(product, ['elicitation', 'sampling', 'roots']);
  await everything.agent(product, 'conformant');
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  everything.stop();
  await product.remove();
  rmSync(home, { recursive: true, force: true });
});

describe('the conformance suite of MCP, as server', { timeout: 300_000 }, () => {
  const pairs = ['2025-11-25', '2026-07-28'].flatMap((revision) =>
    everythingServers.map((server) => [revision, server] as const),
  );
  it.each(pairs)(
    'has every scenario that %s requires pass through the gateway in front of %s',
    async (revision, server) => {
      const url = await shim(server);
      const known = [...(notPassed[revision] ?? []), ...(notPassed[`${revision} ${server}`] ?? [])];
      const baseline = join(home, 'baseline.json');
      // YAML reads JSON.
      writeFileSync(baseline, JSON.stringify({ server: known.map(([scenario]) => scenario) }));
      const args = ['server', '--url', url, '--requirements', revision, '--expected-failures', baseline];
      const ran = await run(suite, [...args, '--output-dir', join(reports ?? home, `${revision}-${server}`)]);
      expect(ran.code, `${ran.stdout}\n${ran.stderr}`.slice(-4_000)).toBe(0);
    },
  );
});

/** Gives every approval that is asked for, but for jobs of a minute: those are to be found at work, and cancelled. */
async function approveAll(by: Signed, over: AbortSignal): Promise<void> {
  const looked = new Set<string>();
  while (!over.aborted) {
    const { items } = await by.client.call('approvals.list', { query: { state: 'waiting' } });
    for (const { id } of items.filter((each) => !looked.has(each.id))) {
      looked.add(id);
      const { argsText = '' } = await by.client.call('approvals.show', { params: { id } });
      // It may have been cancelled meanwhile.
      if (!argsText.includes('"seconds":60')) await approve(by, id).catch(() => undefined);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A shim of an agent that nothing was released to yet: the answer of an equal call would be told again. */
async function overseen(server: EverythingServer): Promise<string> {
  const agent = `overseen-${randomBytes(4).toString('hex')}`;
  await everything.overseen(product, agent);
  return await shim(server, agent);
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

describe('the conformance suite of MCP, with the tasks extension', { timeout: 300_000 }, () => {
  const pairs = Object.keys(taskScenarios).map(
    (scenario, at) => [scenario, everythingServers[at % 2] ?? everythingServers[0]] as const,
  );
  const shims = new Map<EverythingServer, string>();
  const lanes = new Map<EverythingServer, Promise<unknown>>();
  /** One scenario after the other in front of each server: they wait most of their time. */
  const inTurn = (server: EverythingServer, work: () => Promise<void>): Promise<void> => {
    const turn = (lanes.get(server) ?? Promise.resolve()).then(work, work);
    lanes.set(server, turn);
    return turn;
  };
  const over = new AbortController();
  let approving: Promise<void>;
  beforeAll(async () => {
    approving = approveAll(await product.signIn('paula.reyes@example.com'), over.signal);
  });
  afterAll(async () => {
    over.abort();
    await approving;
  });
  // The suite waits ten seconds for a task to end and sends nothing again: on a machine that does much else that may be too short once.
  it.concurrent.each(pairs)(
    'has %s pass, with a person who approves, in front of %s',
    { retry: 2 },
    async (scenario, server) =>
      await inTurn(server, async () => {
        const url = shims.get(server) ?? (await overseen(server));
        shims.delete(server);
        const dir = mkdtempSync(join(reports ?? home, `${scenario}-`));
        const at = ['--spec-version', '2026-07-28', '--force', '--timeout', '60000'];
        const ran = await run(suite, [
          ...['server', '--url', url, '--scenario', scenario],
          ...[...at, '--output-dir', dir],
        ]);
        const [written = ''] = readdirSync(dir);
        const checks = JSON.parse(readFileSync(join(dir, written, 'checks.json'), 'utf8')) as Check[];
        const notPassed = checks.filter(({ status }) => status !== 'SUCCESS');
        expect(checks.length, ran.stderr).toBeGreaterThan(notPassed.length);
        expect(
          notPassed.map(({ id }) => id),
          JSON.stringify(notPassed),
        ).toEqual(Object.keys(taskScenarios[scenario] ?? {}));
        shims.set(server, url);
      }),
  );
});
