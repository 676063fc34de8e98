/** What the loads run against: the benchmark's own server behind a running product, and agents that may call it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Credential } from '@atf/core/wire/api';
import type { ControlClient } from '@atf/sdk/client';
import { type AgentKey, exportAgentKey, generateAgentKey } from '../packages/sdk/src/agent-key.ts';
import { enrolInstance } from '../packages/sdk/src/enrol.ts';
import { until } from '../tests/e2e/product.ts';
import type { LoadPlan } from './load.ts';
import { type Helper, helper, load } from './processes.ts';

const document = {
  openapi: '3.0.3',
  info: { title: 'Bench', version: '1.0.0' },
  paths: Object.fromEntries(
    Object.entries({ order: 'application/json', events: 'text/event-stream' }).map(([name, type]) => [
      `/${name}`,
      // Only what the document declares as a stream is given on while it comes.
      {
        get: {
          operationId: `get_${name}`,
          responses: { 200: { description: 'ok', content: { [type]: {} } } },
        },
      },
    ]),
  ),
};

const manifestOf = (name: string) => `name: ${name}
version: 1.0.0
owner: ines.marchetti@example.com
technicalOwner: tomas.novak@example.com
businessOwner: grace.adeyemi@example.com
purpose: Reads an echo as fast as it can, for the benchmark
domain: bench
dataDomains: [bench]
capabilities: [Call echo]
tools: [echo/echo, echo/work, service/get_order, service/get_events, desk/look]
limits:
  - calls: { max: 1000000, perSeconds: 60 }
escalation: ines.marchetti@example.com
model: { provider: none, name: none }
`;

export interface BenchServer extends Helper {
  readonly url: string;
}

export async function startServer(): Promise<BenchServer> {
  const started = await helper('echo-server.ts');
  return { ...started, url: `http://127.0.0.1:${started.said}` };
}

/** Registers the server as MCP server `echo` and as HTTP service `service`; its tools are active when it resolves. */
export async function putBehind(
  operator: ControlClient,
  gatewayDirs: readonly string[],
  url: string,
): Promise<void> {
  // A loopback address needs a grant in the gateway host's own file.
  const grants = ['echo', 'service'].map((name) => `${name}:\n  privateNetwork: true\n`).join('');
  for (const dir of gatewayDirs) {
    const path = join(dir, 'servers.yaml');
    writeFileSync(path, `${readFileSync(path, 'utf8').trimEnd()}\n${grants}`, { mode: 0o600 });
  }
  const common = { domain: 'bench', outputTrust: 'trusted' as const, stateless: true };
  const transport = { kind: 'http' as const, url: `${url}/mcp` };
  await operator.call('servers.add', { body: { name: 'echo', transport, ...common } });
  await operator.call('servers.add', {
    body: { name: 'service', transport: { kind: 'openapi', url }, ...common },
  });
  await operator.call('servers.define', {
    params: { name: 'service' },
    body: { document: JSON.stringify(document) },
  });
  const wanted = ['echo/echo', 'echo/work', 'service/get_order', 'service/get_events'];
  await until(
    'the tools to be active',
    async () => {
      const { items } = await operator.call('tools.list');
      const active = items.flatMap(({ server, name, state }) =>
        state === 'active' ? [`${server}/${name}`] : [],
      );
      return wanted.every((tool) => active.includes(tool)) ? true : undefined;
    },
    60_000,
  );
}

export interface BenchAgent {
  readonly credential: Credential;
  readonly key: AgentKey;
}

/** Gives the id. */
export const register = async (operator: ControlClient, name: string): Promise<string> =>
  (await operator.call('agents.register', { body: { manifest: manifestOf(name), format: 'yaml' } })).id;

/** A fresh instance of a registered agent, for the usual gateway or the one that is named. */
export async function enrol(
  operator: ControlClient,
  controlUrl: string,
  agentId: string,
  resource?: string,
): Promise<BenchAgent> {
  const { joinToken } = await operator.call('agents.joinToken', { params: { id: agentId } });
  const key = await generateAgentKey({ extractable: true });
  const at = resource === undefined ? {} : { resource };
  return { key, credential: await enrolInstance({ controlUrl, joinToken, key, ...at }) };
}

export type Target = Omit<LoadPlan, 'calls' | 'perSecond'>;

/** Where a load of this agent goes: a tool of the MCP server, or an operation of the HTTP service. */
export async function governed(
  { credential, key }: BenchAgent,
  what: { readonly tool: string } | { readonly path: string },
  concurrency = 32,
): Promise<Target> {
  const own = { token: credential.token, key: await exportAgentKey(key), concurrency };
  return 'tool' in what
    ? { url: `${credential.gatewayUrl}/mcp/echo`, tool: what.tool, ...own }
    : { url: `${credential.gatewayUrl}/http/service/${what.path}`, ...own };
}

export const straight = (url: string, tool?: string, concurrency = 32): Target => ({
  url,
  concurrency,
  ...(tool === undefined ? {} : { tool }),
});

/** Resolves when the gateway lets this target through: what control knows, a gateway hears a moment later. */
export async function answers(target: Target): Promise<void> {
  let last: string | undefined;
  const look = async () => {
    const { failed, firstFailure } = await load({ ...target, calls: 1, concurrency: 1 });
    last = firstFailure;
    return failed === 0 ? true : undefined;
  };
  await until(`${target.url} to answer`, look, 120_000).catch((fault: Error) => {
    throw new Error(`${fault.message}; it says: ${last}`);
  });
}
