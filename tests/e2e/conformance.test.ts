/**
 * The conformance suite of MCP against the gateway, in front of a tool server of ours: every scenario that a revision requires, for both revisions of the client and
 * both of the server. The suite cannot prove possession of a key, so `atf connect --http` holds the agent's: it is governed by its address alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atfBin, run } from './cli-run.ts';
import { Everything, everythingServers } from './everything.ts';
import { Product, root } from './product.ts';

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
/** Where the suite's own reports stay, to look at them. */
const reports = process.env['ATF_CONFORMANCE_REPORTS'];
const home = mkdtempSync(join(tmpdir(), 'atf-conformance-'));
const everything = new Everything(home);
const children: ChildProcess[] = [];
let product: Product;

async function shim(server: string): Promise<string> {
  const operator = await product.operator();
  const { id } = await operator.call('agents.show', { params: { id: 'conformant' } });
  const { joinToken } = await operator.call('agents.joinToken', { params: { id } });
  const args = [atfBin, 'connect', server, '--agent', 'conformant', '--http', '0', '--json'];
  const child = spawn(process.execPath, [...args, '--control', product.ready.controlUrl], {
    env: { ...process.env, XDG_CONFIG_HOME: join(home, server), ATF_JOIN_TOKEN: joinToken },
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
