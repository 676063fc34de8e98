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
}

/** Raised when the past is made in another way. */
const form = 2;

/** The state of this size on this database, from the cache or made now. */
export async function stateOf(database: DatabaseKind, { agents, records }: StateSize): Promise<State> {
  const folder = join(tmpdir(), `atf-bench-state-${form}-${agents}-${records}`, database);
  const note = join(folder, 'made.json');
  const known = existsSync(note);
  if (!known) rmSync(folder, { recursive: true, force: true });
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  const cluster: Cluster | undefined =
    database === 'postgres' ? await startCluster(join(folder, 'cluster')) : undefined;
  const env: Record<string, string> = cluster === undefined ? {} : { DATABASE_URL: cluster.url };
  try {
    if (!known) writeFileSync(note, JSON.stringify(await make(home, env, { agents, records })));
    const made = JSON.parse(readFileSync(note, 'utf8')) as StateMade;
    return { home, env, made, close: async () => await cluster?.stop() };
  } catch (fault) {
    await cluster?.stop();
    throw fault;
  }
}

async function make(home: string, env: Record<string, string>, size: StateSize): Promise<StateMade> {
  const product = await Product.start({ home, env });
  try {
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
    ...size,
  };
  return JSON.parse(await lineOf('make-state.ts', plan)) as StateMade;
}
