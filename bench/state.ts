/**
 * A product with a past: many agents and a long log, made once and kept in the folder for temporary files, because it takes minutes. What is kept is a whole
 * home of the product (data directory and key file), and on PostgreSQL the folder of its database cluster beside it.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, Product } from '../tests/e2e/product.ts';
import { logSettled } from '../tests/e2e/read-log.ts';
import { type Cluster, startCluster } from '../tests/postgres/cluster.ts';
import type { StateMade, StatePlan } from './make-state.ts';
import { companySet, suite, suiteDefinitions } from './fleet.ts';
import { lineOf } from './processes.ts';

export type DatabaseKind = 'pglite' | 'postgres';

export interface State {
  readonly home: string;
  /** Of every process of the product. */
  readonly env: Record<string, string>;
  /** How it was made; it may be from an earlier run. */
  readonly made: StateMade;
  close(): Promise<void>;
}

export interface StateSize {
  readonly agents: number;
  readonly records: number;
  /** Policies of the company's own over a fleet at four levels (fleet.ts); absent: interns that read orders, under the shipped set. */
  readonly policies?: number;
}

/** Raised when the past is made in another way. */
const form = 2;

/** The state of this size on this database, from the cache or made now. */
export async function stateOf(database: DatabaseKind, size: StateSize): Promise<State> {
  const { agents, records, policies } = size;
  const fleet = policies === undefined ? '' : `-${policies}`;
  const folder = join(tmpdir(), `atf-bench-state-${form}-${agents}-${records}${fleet}`, database);
  const note = join(folder, 'made.json');
  const known = existsSync(note);
  if (!known) rmSync(folder, { recursive: true, force: true });
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  const cluster: Cluster | undefined =
    database === 'postgres' ? await startCluster(join(folder, 'cluster')) : undefined;
  const env: Record<string, string> = cluster === undefined ? {} : { DATABASE_URL: cluster.url };
  try {
    if (!known) writeFileSync(note, JSON.stringify(await make(home, env, size)));
    const made = JSON.parse(readFileSync(note, 'utf8')) as StateMade;
    return { home, env, made, close: async () => await cluster?.stop() };
  } catch (fault) {
    await cluster?.stop();
    throw fault;
  }
}

/** The first start takes its policies from a folder. */
async function startedWith(home: string, policies: number | undefined): Promise<{ args?: string[] }> {
  if (policies === undefined) return {};
  return { args: ['--policies', writtenSet(join(home, 'policies'), await companySet(policies))] };
}

/** The folder, with this set in it and nothing else. */
export function writtenSet(folder: string, files: readonly { name: string; text: string }[]): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of files) writeFileSync(join(folder, name), text);
  return folder;
}

async function registerSuite(product: Product): Promise<void> {
  const operator = await product.operator();
  const transport = { kind: 'cooperative' as const };
  await operator.call('servers.add', { body: { name: suite, transport, domain: 'analysis' } });
  const body = { definitions: suiteDefinitions };
  const { items } = await operator.call('servers.define', { params: { name: suite }, body });
  const active = items.filter(({ state }) => state === 'active');
  if (active.length < suiteDefinitions.length)
    throw new Error(`${active.length} tools of the suite are active`);
}

async function make(home: string, env: Record<string, string>, size: StateSize): Promise<StateMade> {
  const { policies, ...counts } = size;
  const product = await Product.start({ home, env, ...(await startedWith(home, policies)) });
  try {
    if (policies !== undefined) await registerSuite(product);
    const office = await (await product.agent('intern-analyst')).mcp('back-office');
    const answer = await call(office, 'get_order', { order_id: 'O-5001' });
    if (answer.isError) throw new Error(`the one real call was refused: ${answer.text}`);
    await logSettled(product);
  } finally {
    await product.stop();
  }
  const plan: StatePlan = {
    dataDir: join(home, 'data'),
    keyFile: join(home, 'atf.key'),
    ...(env['DATABASE_URL'] === undefined ? {} : { databaseUrl: env['DATABASE_URL'] }),
    ...counts,
    ...(policies === undefined ? {} : { fleet: 'mixed' }),
  };
  return JSON.parse(await lineOf('make-state.ts', plan)) as StateMade;
}
