/**
 * Room: db. The thread that owns the embedded PostgreSQL (PGlite is one session and blocks the thread that runs it). Speaks
 * {@link WorkerRequest} and {@link WorkerReply} with `pglite-connection.ts`. It imports only what stands beside it, by path, so that Node can
 * run it from source and from the build alike. It does not lock the directory and does not sync: the host does both.
 */
import { PGlite } from '@electric-sql/pglite';
import { parentPort, workerData } from 'node:worker_threads';
import { giveWay } from '../give-way.ts';
import { PgliteSession } from './pglite-session.ts';

export interface WorkerData {
  /** Directory of the database; absent: in memory. */
  readonly dataDir: string | undefined;
  /** Tar of a data directory to start from. */
  readonly snapshot: Uint8Array | undefined;
}

export type WorkerRequest =
  | {
      readonly id: number;
      readonly kind: 'query';
      readonly sql: string;
      readonly parameters: readonly unknown[];
    }
  | { readonly id: number; readonly kind: 'dump' }
  | { readonly id: number; readonly kind: 'close' };

/** What of a database error crosses the threads; the same fields as `pg`'s errors. */
export interface SqlErrorFields {
  readonly message: string;
  readonly code: string | undefined;
  readonly constraint: string | undefined;
  readonly table: string | undefined;
}

export type WorkerReply =
  | {
      readonly id: number;
      readonly ok: true;
      readonly rows: readonly unknown[];
      readonly affected: number;
      readonly command: string;
    }
  | { readonly id: number; readonly ok: true; readonly dump: Uint8Array }
  | { readonly id: number; readonly ok: true; readonly closed: true }
  | { readonly id: number; readonly ok: false; readonly error: SqlErrorFields };

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function errorFields(fault: unknown): SqlErrorFields {
  const error = fault as Record<string, unknown>;
  return {
    message: textOf(error.message) ?? 'unknown fault of the database',
    code: textOf(error.code),
    constraint: textOf(error.constraint),
    table: textOf(error.table),
  };
}

async function answer(
  database: PGlite,
  session: PgliteSession,
  request: WorkerRequest,
): Promise<WorkerReply> {
  if (request.kind === 'close') {
    await database.close();
    return { id: request.id, ok: true, closed: true };
  }
  if (request.kind === 'dump') {
    const tar = await database.dumpDataDir('none');
    return { id: request.id, ok: true, dump: new Uint8Array(await tar.arrayBuffer()) };
  }
  const { rows, affected, command } = await session.query(request.sql, request.parameters);
  return { id: request.id, ok: true, rows, affected, command };
}

/**
 * The embedded database is for one machine, which gateway and agents share with it: no call waits for its statements, but calls would wait for its processor. As
 * `nice` counts: a third of the share of the gateway's process, when both want the same processor.
 */
const niceness = 5;

async function serve(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('this module runs in a worker thread');
  giveWay(niceness);
  const { dataDir, snapshot } = workerData as WorkerData;
  const database = await PGlite.create({
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(snapshot === undefined ? {} : { loadDataDir: new Blob([new Uint8Array(snapshot)]) }),
  });
  const session = new PgliteSession(database);
  port.on('message', (request: WorkerRequest) => {
    void answer(database, session, request)
      .catch((fault: unknown): WorkerReply => ({ id: request.id, ok: false, error: errorFields(fault) }))
      .then((reply) => {
        port.postMessage(reply);
        if ('closed' in reply) port.close();
      });
  });
  port.postMessage({ id: 0, ok: true, rows: [], affected: 0, command: '' } satisfies WorkerReply);
}

await serve();
