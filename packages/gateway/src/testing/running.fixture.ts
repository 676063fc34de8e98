/** A whole gateway for tests, over a fake control and the real back office. Whatever is started here is ended by `cleanUp`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ContainmentDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { ActionClass } from '@atf/core/wire/words';
import { pino } from 'pino';
import { type RunningGateway, startGateway } from '../gateway.ts';
import { McpUpstream } from '../protocols/mcp-upstream.ts';
import { TestAgent, TokenIssuer } from './agent.fixture.ts';
import {
  agentDoc,
  instanceDoc,
  policyDoc,
  serverDoc,
  settingsDoc,
  toolDoc,
  uuid,
} from './documents.fixture.ts';
import { FakeControl } from './fake-control.fixture.ts';

const office = join(dirname(fileURLToPath(import.meta.url)), '../../../../examples/back-office/main.ts');
export const cleanups: (() => Promise<unknown> | unknown)[] = [];

export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'atf-gateway-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Polls a condition within a bound, which is for a machine that does much else; the only waiting in these tests. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  boundMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + boundMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((next) => setTimeout(next, 5));
  }
}

/**
 * Gives a count once it has stayed the same for `forMs`. A tool that was told to stop may have begun one more step; one that goes on, at ten
 * steps a second, never rests.
 */
export async function atRest(what: string, count: () => number, forMs = 1_000): Promise<number> {
  let [last, sinceMs] = [count(), performance.now()];
  await until(`${what} to rest`, () => {
    const now = count();
    if (now !== last) [last, sinceMs] = [now, performance.now()];
    return performance.now() - sinceMs >= forMs;
  });
  return last;
}

const classes: Record<string, ActionClass> = {
  list_customers: 'read',
  search_customers: 'read',
  list_orders: 'read',
  get_order: 'read',
  list_refunds: 'read',
  create_refund: 'write',
  cancel_refund: 'write',
  update_order_status: 'write',
  export_report: 'write',
  send_email: 'send',
  delete_customer: 'admin',
};

let definitions: readonly (JsonObject & { name: string })[] | undefined;

/** What the back office offers, asked once. */
async function offered(): Promise<readonly (JsonObject & { name: string })[]> {
  if (definitions !== undefined) return definitions;
  const upstream = new McpUpstream('back-office', {
    kind: 'stdio',
    command: process.execPath,
    args: [office, '--data', folder()],
    env: {},
  });
  const listed = await upstream.listTools({ signal: new AbortController().signal, timeoutMs: 20_000 });
  await upstream.close();
  if (listed.kind !== 'tools') throw new Error('the back office does not answer');
  definitions = listed.tools as unknown as readonly (JsonObject & { name: string })[];
  return definitions;
}

export interface World extends Fleet {
  readonly control: FakeControl;
  readonly gateway: RunningGateway;
  readonly dir: string;
  readonly mcp: string;
  /** Lines of the back office's effects. */
  effects(): { effect: string }[];
}

export const everyTool = Object.keys(classes).map((name) => `back-office/${name}`);

export interface StartOptions {
  readonly stateless?: boolean;
}

export interface Fleet {
  readonly issuer: TokenIssuer;
  readonly officeDir: string;
  readonly intern: TestAgent;
  readonly junior: TestAgent;
  readonly senior: TestAgent;
}

/** Documents of the back office and of three agents (1 Intern, 2 Junior, 3 Senior) at control; the command of the office in `dir`. */
export async function fleetOver(control: FakeControl, dir: string, stateless = true): Promise<Fleet> {
  const tools = await offered();
  const issuer = new TokenIssuer();
  const officeDir = folder();
  control.put('settings', '*', settingsDoc);
  control.put('jwks', '*', issuer.jwks());
  control.put('policy', '*', policyDoc);
  control.put('server', 'back-office', serverDoc('back-office', { stateless }));
  for (const definition of tools) {
    const doc = toolDoc('back-office', definition, classes[definition.name]);
    control.put('tool', `back-office/${definition.name}`, doc);
  }
  const agent = (n: number, level: 'intern' | 'junior' | 'senior') => {
    const made = new TestAgent({ issuer, agentId: uuid(n), instanceId: uuid(100 + n) });
    control.put('agent', uuid(n), agentDoc(n, level, everyTool));
    control.put('instance', uuid(100 + n), instanceDoc(100 + n, uuid(n), made.jkt));
    return made;
  };
  const args = JSON.stringify([office, '--data', officeDir]);
  const entry = `back-office:\n  command: ${JSON.stringify(process.execPath)}\n  args: ${args}\n`;
  writeFileSync(join(dir, 'servers.yaml'), entry, { mode: 0o600 });
  return {
    issuer,
    officeDir,
    intern: agent(1, 'intern'),
    junior: agent(2, 'junior'),
    senior: agent(3, 'senior'),
  };
}

function effectsIn(officeDir: string): { effect: string }[] {
  try {
    const lines = readFileSync(join(officeDir, 'effects.log'), 'utf8').trim().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as { effect: string });
  } catch {
    return [];
  }
}

/** Starts control, gateway and back office with the agents of {@link fleetOver}. */
export async function startWorld({ stateless = true }: StartOptions = {}): Promise<World> {
  const control = new FakeControl();
  const controlUrl = await control.listen();
  cleanups.push(() => control.close());
  const dir = folder();
  const fleet = await fleetOver(control, dir, stateless);
  const gateway = await startGateway({
    dir,
    controlUrls: [controlUrl],
    host: '127.0.0.1',
    port: 0,
    publicUrl: undefined,
    keyFromEnvironment: randomBytes(32).toString('base64'),
    keyFile: undefined,
    joinToken: control.joinToken,
    log: pino({ level: process.env['ATF_LOG'] ?? 'silent' }),
  });
  cleanups.push(() => gateway.close());
  fleet.issuer.audience = gateway.url;
  if (!(await gateway.ready(10_000))) throw new Error('the gateway did not get ready');
  const mcp = `${gateway.url}/mcp/back-office`;
  return { ...fleet, control, gateway, dir, mcp, effects: () => effectsIn(fleet.officeDir) };
}

export const refund = { order_id: 'O-5001', amount: 5, currency: 'EUR', reason: 'late' };
export const slow = { report: 'orders', seconds: 30 };
export const killOf = (agentId: string): ContainmentDoc => ({
  scope: { kind: 'agent', id: agentId },
  state: 'killed',
  since: new Date().toISOString(),
  reason: 'test',
  by: 'operator',
});
export const refunds = (world: World) =>
  world.effects().filter(({ effect }) => effect === 'refund.created').length;
export const steps = (world: World) =>
  world.effects().filter(({ effect }) => effect === 'report.step').length;
