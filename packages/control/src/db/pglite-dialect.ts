/** Room: db. Kysely's dialect for the embedded database: PostgreSQL's SQL, one session. */
import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import type { PgliteThread, SessionQueue } from './pglite-connection.ts';

class PgliteConnection implements DatabaseConnection {
  private readonly thread: PgliteThread;
  constructor(thread: PgliteThread) {
    this.thread = thread;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, affected } = await this.thread.query(query.sql, query.parameters);
    return { rows: rows as R[], numAffectedRows: BigInt(affected) };
  }

  // biome-ignore lint: the interface wants a generator; the embedded database has no cursors to stream from
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('the embedded database does not stream; page by key instead');
  }
}

class PgliteDriver implements Driver {
  private readonly thread: PgliteThread;
  private readonly queue: SessionQueue;
  private readonly urgent: boolean;
  private readonly connection: PgliteConnection;
  constructor(thread: PgliteThread, queue: SessionQueue, urgent: boolean) {
    this.thread = thread;
    this.queue = queue;
    this.urgent = urgent;
    this.connection = new PgliteConnection(thread);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.queue.enter(this.urgent);
    return this.connection;
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const isolation =
      settings.isolationLevel === undefined ? '' : ` isolation level ${settings.isolationLevel}`;
    const access = settings.accessMode === undefined ? '' : ` ${settings.accessMode}`;
    await connection.executeQuery(CompiledQuery.raw(`begin${isolation}${access}`));
  }

  /** PostgreSQL answers `commit` after a failed statement by rolling back, without an error: that must not pass for success. */
  async commitTransaction(): Promise<void> {
    const { command } = await this.thread.query('commit', []);
    if (command !== 'COMMIT')
      throw new Error('the transaction was rolled back: one of its statements had failed');
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async releaseConnection(): Promise<void> {
    this.queue.leave();
  }

  /** Waits for the session to be free, then closes the thread with a last checkpoint of the database. */
  async destroy(): Promise<void> {
    await this.queue.enter(false);
    try {
      await this.thread.close();
    } finally {
      this.queue.leave();
    }
  }
}

export interface PgliteDialectInput {
  readonly thread: PgliteThread;
  /** One for all dialects over the same thread. */
  readonly queue: SessionQueue;
  /** Its questions go before those that wait. For short reads that others' safety hangs on. */
  readonly urgent: boolean;
}

export class PgliteDialect implements Dialect {
  private readonly input: PgliteDialectInput;
  constructor(input: PgliteDialectInput) {
    this.input = input;
  }
  createDriver(): Driver {
    const { thread, queue, urgent } = this.input;
    return new PgliteDriver(thread, queue, urgent);
  }
  createQueryCompiler(): QueryCompiler {
    return new PostgresQueryCompiler();
  }
  createAdapter(): DialectAdapter {
    return new PostgresAdapter();
  }
  createIntrospector(db: Parameters<Dialect['createIntrospector']>[0]): DatabaseIntrospector {
    return new PostgresIntrospector(db);
  }
}
