/**
 * Room: db. The host's side of the embedded database's thread: numbered questions and answers, and a queue of one, because the
 * embedded database is one session. Knows nothing of SQL.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Worker } from 'node:worker_threads';
import { setWasmFlags } from '../wasm-flags.ts';
import type { SqlErrorFields, WorkerData, WorkerReply, WorkerRequest } from './pglite-worker.ts';

/** Callers that wait for the one session; more than that and the process is drowning, so they are refused. */
export const waitersMax = 10_000;

/** A fault that the database reported. `code` is the SQLSTATE, as in `pg`'s errors. */
export class SqlError extends Error {
  readonly code: string | undefined;
  readonly constraint: string | undefined;
  readonly table: string | undefined;
  constructor(fields: SqlErrorFields) {
    super(fields.message);
    this.name = 'SqlError';
    this.code = fields.code;
    this.constraint = fields.constraint;
    this.table = fields.table;
  }
}

type Question =
  | { kind: 'query'; sql: string; parameters: readonly unknown[] }
  | { kind: 'dump' }
  | { kind: 'close' };

interface Waiting {
  resolve(reply: WorkerReply): void;
  reject(fault: Error): void;
}

/** The thread. Every question is answered or rejected, also when the thread dies. */
export class PgliteThread {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;
  private gone: Error | undefined;

  private constructor(worker: Worker) {
    this.worker = worker;
    worker.on('message', (reply: WorkerReply) => {
      const waiter = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      waiter?.resolve(reply);
    });
    worker.on('error', (fault) => this.fail(fault instanceof Error ? fault : new Error(String(fault))));
    worker.on('exit', () => this.fail(new Error('the thread of the embedded database has ended')));
  }

  /** @throws when the database cannot be opened. */
  static async start(data: WorkerData): Promise<PgliteThread> {
    setWasmFlags();
    const file = import.meta.url.endsWith('.ts') ? './pglite-worker.ts' : './pglite-worker.js';
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: data,
      name: 'atf-pglite',
      execArgv: [],
    });
    const thread = new PgliteThread(worker);
    await new Promise<WorkerReply>((resolve, reject) => thread.waiting.set(0, { resolve, reject }));
    return thread;
  }

  private fail(fault: Error): void {
    this.gone ??= fault;
    for (const waiter of this.waiting.values()) waiter.reject(this.gone);
    this.waiting.clear();
  }

  private async ask(question: Question): Promise<WorkerReply> {
    if (this.gone !== undefined) throw this.gone;
    const id = this.nextId++;
    const reply = await new Promise<WorkerReply>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...question } satisfies WorkerRequest);
    });
    if (!reply.ok) throw new SqlError(reply.error);
    return reply;
  }

  async query(
    sql: string,
    parameters: readonly unknown[],
  ): Promise<{ rows: readonly unknown[]; affected: number; command: string }> {
    const reply = await this.ask({ kind: 'query', sql, parameters });
    if (!('rows' in reply)) throw new Error('the thread of the embedded database answered something else');
    return reply;
  }

  /** Tar of the data directory. */
  async dump(): Promise<Uint8Array> {
    const reply = await this.ask({ kind: 'dump' });
    if (!('dump' in reply)) throw new Error('the thread of the embedded database answered something else');
    return reply.dump;
  }

  async close(): Promise<void> {
    if (this.gone !== undefined) return;
    await this.ask({ kind: 'close' });
    await this.worker.terminate();
  }
}

interface Scope {
  open: boolean;
}
const scope = new AsyncLocalStorage<Scope>();

/**
 * Marks the asynchronous context of `work` as being inside a transaction: on one session, a query beside the transaction from within it
 * would wait for itself for ever, so it is an error at once (and on PostgreSQL it would read the past).
 */
export async function insideTransaction<T>(work: () => Promise<T>): Promise<T> {
  const mark: Scope = { open: true };
  try {
    return await scope.run(mark, work);
  } finally {
    mark.open = false;
  }
}

/** The queue for the one session: the urgent first, else first come first served. Whoever has it keeps it until the end of its transaction. */
export class SessionQueue {
  private held = false;
  private readonly urgent: (() => void)[] = [];
  private readonly queue: (() => void)[] = [];

  /** @throws when called from within a transaction or when {@link waitersMax} wait. */
  async enter(urgent: boolean): Promise<void> {
    if (scope.getStore()?.open === true)
      throw new Error('a transaction is open here: use its `tx`, not `db`');
    if (!this.held) {
      this.held = true;
      return;
    }
    const line = urgent ? this.urgent : this.queue;
    if (line.length >= waitersMax)
      throw new Error(`more than ${waitersMax} callers wait for the embedded database`);
    await new Promise<void>((resolve) => line.push(resolve));
  }

  leave(): void {
    const next = this.urgent.shift() ?? this.queue.shift();
    if (next === undefined) this.held = false;
    else next();
  }
}
