/**
 * Room: db. Opens the one database of the control plane: embedded PostgreSQL in the data directory, or a PostgreSQL server. Both speak the
 * same SQL and give the same types. It owns lock, durability and schema; it knows no table of any room.
 */
import { refuse } from '@atf/core/errors';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations.ts';
import { Signals } from './signals.ts';
import { PgliteThread, SessionQueue } from './pglite-connection.ts';
import { PgliteDialect } from './pglite-dialect.ts';
import type { Tables } from './tables.ts';
import { checkpointEveryBytes, WalSync } from './wal-sync.ts';

export interface OpenOptions {
  /** Directory of the workspace; the embedded database lives in `db` under it. Absent without `databaseUrl`: in memory. */
  readonly dataDir?: string | undefined;
  /** `postgresql://…`: a PostgreSQL server instead of the embedded database. */
  readonly databaseUrl?: string | undefined;
  /** Tar of a data directory for an embedded database that does not exist yet: much faster than making one. */
  readonly snapshot?: Uint8Array | undefined;
  /** The schema stays as it is found: for a backup, which changes nothing, and a restore, which makes its own. */
  readonly asFound?: boolean;
}

export interface Database {
  readonly db: Kysely<Tables>;
  /** The same database, before all who wait for `db`: for the short reads that beats attest. Never for a transaction. */
  readonly urgent: Kysely<Tables>;
  readonly kind: 'embedded' | 'postgresql';
  /** What processes on the same PostgreSQL tell each other; the embedded database has one. */
  readonly signals?: Signals;
  /** Resolves when everything committed before the call is on disk. */
  sync(): Promise<void>;
  /** Tar of an embedded database. */
  dump(): Promise<Uint8Array>;
  close(): Promise<void>;
}

const connectionsMax = 20;
const connectTimeoutMs = 5_000;
const statementTimeoutMs = 30_000;
/** A process that stops in the middle of a transaction (paused, its machine gone) keeps rows from the others no longer than this. */
const idleInTransactionMs = 5_000;
/** The server ends a statement before that: a connection that is silent longer is half open, and who waits for it would wait for ever. */
const silenceMsMax = statementTimeoutMs + 5_000;
const checkpointLookMs = 30_000;

function int8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('an int8 of the database is beyond 2^53');
  return value;
}

/** Types as the embedded database gives them. */
function typeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === pg.types.builtins.INT8) return int8;
  return pg.types.getTypeParser(oid, format as 'text') as (text: string) => unknown;
}

const codeOf = (fault: unknown): string => {
  const { code } = fault as { code?: unknown };
  return typeof code === 'string' && /^[A-Z0-9_]{1,40}$/.test(code)
    ? `It says ${code}.`
    : 'It does not answer.';
};

async function openPostgres(url: string, dataDir: string | undefined): Promise<Database> {
  const lock = dataDir === undefined ? undefined : await lockedDirectory(dataDir);
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    types: { getTypeParser: typeParser as typeof pg.types.getTypeParser },
  });
  // An idle connection that breaks must not end the process; the next query gets a fresh one or fails itself.
  pool.on('error', () => undefined);
  // Nor one that breaks in a transaction, between two statements: the next statement on it fails.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
    const { stream } = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection;
    stream.setTimeout(silenceMsMax, () => stream.destroy());
  });
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  try {
    await db.executeQuery(CompiledQuery.raw('select 1'));
  } catch (fault) {
    await db.destroy();
    lock?.release();
    // The server's own words may hold its address or the user; the code says enough.
    refuse('storage.database_unreachable', codeOf(fault));
  }
  const signals = new Signals(url);
  return {
    db,
    urgent: db,
    kind: 'postgresql',
    signals,
    sync: async () => undefined,
    dump: async () => {
      throw new Error('only an embedded database is dumped; use pg_dump');
    },
    async close() {
      try {
        await signals.close();
        await db.destroy();
      } finally {
        lock?.release();
      }
    },
  };
}

/** Each replica has a directory of its own: its token, its stops that are not on record yet. */
function lockedDirectory(dataDir: string): Promise<DirectoryLock> {
  prepareDirectory(dataDir);
  return lockDirectory(dataDir);
}

/** Checkpoints the embedded database when its log has grown, so that a restart replays little; then syncs what it wrote. */
function checkpointNowAndThen(db: Kysely<Tables>, wal: WalSync): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    const grown = await sql<{
      bytes: string;
    }>`select pg_current_wal_lsn() - redo_lsn as bytes from pg_control_checkpoint()`.execute(db);
    if (Number(grown.rows[0]?.bytes ?? 0) < checkpointEveryBytes) return;
    await wal.everything();
    await db.executeQuery(CompiledQuery.raw('checkpoint'));
    await wal.everything();
  };
  const timer = setInterval(() => {
    // A fault here is a fault of the disk, which the next commit's sync reports to whoever waits for it.
    running = running.then(look).catch(() => undefined);
  }, checkpointLookMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}

/** Makes the directory and proves that it can be written. */
function prepareDirectory(directory: string): void {
  const probe = join(directory, `.probe-${randomBytes(6).toString('hex')}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(probe, 'x', { mode: 0o600 });
    rmSync(probe);
  } catch (fault) {
    refuse('storage.unwritable', `${directory}: ${(fault as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
}

function sessionsOf(thread: PgliteThread): { db: Kysely<Tables>; urgent: Kysely<Tables> } {
  const queue = new SessionQueue();
  const over = (urgent: boolean) =>
    new Kysely<Tables>({ dialect: new PgliteDialect({ thread, queue, urgent }) });
  return { db: over(false), urgent: over(true) };
}

async function openEmbedded(dataDir: string, snapshot: Uint8Array | undefined): Promise<Database> {
  const lock = await lockedDirectory(dataDir);
  try {
    const directory = join(dataDir, 'db');
    const fresh = !existsSync(join(directory, 'PG_VERSION'));
    const thread = await PgliteThread.start({ dataDir: directory, snapshot: fresh ? snapshot : undefined });
    const { db, urgent } = sessionsOf(thread);
    const wal = new WalSync(directory);
    const stopCheckpoints = checkpointNowAndThen(db, wal);
    return {
      db,
      urgent,
      kind: 'embedded',
      sync: () => wal.join(),
      dump: () => thread.dump(),
      async close() {
        try {
          await stopCheckpoints();
          await db.destroy();
          await wal.everything();
        } finally {
          lock.release();
        }
      },
    };
  } catch (fault) {
    lock.release();
    throw fault;
  }
}

async function openMemory(snapshot: Uint8Array | undefined): Promise<Database> {
  const thread = await PgliteThread.start({ dataDir: undefined, snapshot });
  const { db, urgent } = sessionsOf(thread);
  return {
    db,
    urgent,
    kind: 'embedded',
    sync: async () => undefined,
    dump: () => thread.dump(),
    close: () => db.destroy(),
  };
}

/**
 * Opens the database and brings its schema up to date. Refuses `storage.locked`, `storage.unwritable`, `storage.newer`, `storage.database_unreachable`.
 * @throws when the database cannot be reached or is damaged.
 */
export async function openDb(options: OpenOptions, nowMs = Date.now()): Promise<Database> {
  const { dataDir, databaseUrl, snapshot } = options;
  const database =
    databaseUrl !== undefined
      ? await openPostgres(databaseUrl, dataDir)
      : dataDir !== undefined
        ? await openEmbedded(dataDir, snapshot)
        : await openMemory(snapshot);
  try {
    if (options.asFound !== true) await migrate(database.db, migrations, nowMs);
    await database.sync();
    return database;
  } catch (fault) {
    await database.close();
    throw fault;
  }
}
