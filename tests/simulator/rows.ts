/**
 * The database of control under virtual time: tables as maps, one transaction after the other, durable at its commit. It survives the
 * process; a transaction of a process that dies before the commit never was. A commit can also fail, or succeed unheard.
 */
import type { Random } from './random.ts';
import type { Process, VirtualTime } from './virtual-time.ts';

export interface View {
  get<T>(table: string, key: string): T | undefined;
  /** In the order of their first writing. */
  values<T>(table: string): T[];
}

export interface WritableView extends View {
  set(table: string, key: string, value: object): void;
  delete(table: string, key: string): boolean;
}

type Table = Map<string, object>;
export type Image = ReadonlyMap<string, ReadonlyMap<string, object>>;
const gone = Symbol('gone');

class Transaction implements WritableView {
  readonly #tables: Map<string, Table>;
  readonly #written = new Map<string, Map<string, object | typeof gone>>();

  constructor(tables: Map<string, Table>) {
    this.#tables = tables;
  }

  get<T>(table: string, key: string): T | undefined {
    const own = this.#written.get(table)?.get(key);
    if (own !== undefined) return own === gone ? undefined : (own as T);
    return this.#tables.get(table)?.get(key) as T | undefined;
  }

  values<T>(table: string): T[] {
    const own = this.#written.get(table);
    const committed = this.#tables.get(table) ?? new Map<string, object>();
    if (own === undefined) return [...committed.values()] as T[];
    const merged = new Map<string, object | typeof gone>(committed);
    for (const [key, value] of own) merged.set(key, value);
    return [...merged.values()].filter((value) => value !== gone) as T[];
  }

  set(table: string, key: string, value: object): void {
    this.#own(table).set(key, value);
  }

  delete(table: string, key: string): boolean {
    if (this.get(table, key) === undefined) return false;
    this.#own(table).set(key, gone);
    return true;
  }

  commit(told: (table: string, key: string, value: object) => void): void {
    for (const [name, written] of this.#written) {
      const table = this.#tables.get(name) ?? new Map<string, object>();
      this.#tables.set(name, table);
      for (const [key, value] of written) {
        if (value === gone) table.delete(key);
        else {
          table.set(key, value);
          told(name, key, value);
        }
      }
    }
  }

  #own(table: string): Map<string, object | typeof gone> {
    const own = this.#written.get(table) ?? new Map<string, object | typeof gone>();
    this.#written.set(table, own);
    return own;
  }
}

/** Bounds of one commit: with them a stop is durable well within its second. */
const commitMsMin = 0.3;
const commitMsMax = 12;
const slowCommitMsMax = 70;

export class Database {
  /** Chance that a commit fails, and that a commit succeeds without its caller hearing of it. */
  faults = { fails: 0, unheard: 0 };
  slow = false;
  /** Nobody reaches it. */
  down = false;
  readonly #watches = new Map<string, (key: string, value: object) => void>();
  readonly #tables = new Map<string, Table>();
  readonly #time: VirtualTime;
  readonly #random: Random;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  get clockMs(): number {
    return 1_000_000 + this.#time.nowMs;
  }

  readonly committed: View = {
    get: <T>(table: string, key: string) => this.#tables.get(table)?.get(key) as T | undefined,
    values: <T>(table: string) => [...(this.#tables.get(table)?.values() ?? [])] as T[],
  };

  /** All that is committed now. */
  image(): Image {
    return new Map([...this.#tables].map(([table, rows]) => [table, new Map(rows)]));
  }

  /** Puts an image in the place of everything, with what `work` changes in it. Nobody may be connected. */
  async restore(image: Image, work: (tx: WritableView) => Promise<void>): Promise<void> {
    this.#tables.clear();
    for (const [table, rows] of image) this.#tables.set(table, new Map(rows));
    const tx = new Transaction(this.#tables);
    await work(tx);
    tx.commit((table, key, value) => this.#watches.get(table)?.(key, value));
  }

  /** Tells of each row of this table in the tick of its commit. */
  watch(table: string, told: (key: string, value: object) => void): void {
    this.#watches.set(table, told);
  }

  /** `applied` runs in the tick of the commit. A process that is dead by then never hears of it, a frozen one when it goes on. */
  change<T>(process: Process, work: (tx: WritableView) => Promise<T>, applied: () => void): Promise<T> {
    const result = this.#queue.then(() => this.#transact(process, work, applied));
    this.#queue = result.catch(() => undefined);
    return new Promise((done, failed) => {
      result.then(
        (value) => process.enter(() => done(value)),
        (fault: Error) => process.enter(() => failed(fault)),
      );
    });
  }

  async #transact<T>(
    process: Process,
    work: (tx: WritableView) => Promise<T>,
    applied: () => void,
  ): Promise<T> {
    if (this.down) {
      await this.#passes(1);
      throw new Error('the connection was refused');
    }
    const tx = new Transaction(this.#tables);
    const value = await work(tx);
    await this.#passes(this.#random.between(commitMsMin, this.slow ? slowCommitMsMax : commitMsMax) / 2);
    // A frozen process may have sent its commit; otherwise the server ends its transaction after a while, for whose rows others then wait no more.
    const unsent = process.frozen && this.#random.chance(0.5);
    if (!process.alive || unsent || this.down || this.#random.chance(this.faults.fails))
      throw new Error('the commit failed');
    tx.commit((table, key, value) => this.#watches.get(table)?.(key, value));
    applied();
    await this.#passes(this.#random.between(commitMsMin, commitMsMax) / 2);
    if (this.down || this.#random.chance(this.faults.unheard)) throw new Error('the connection was lost');
    return value;
  }

  #passes(ms: number): Promise<void> {
    return new Promise((done) => void this.#time.after(ms, done));
  }
}

/** What one process of control holds of the database: it reads what is committed. Takes the place of kysely's `Db`. */
export class Handle implements View {
  readonly process: Process;
  readonly #database: Database;
  readonly #random: Random;

  constructor(database: Database, process: Process, random: Random) {
    this.#database = database;
    this.process = process;
    this.#random = random;
  }

  get<T>(table: string, key: string): T | undefined {
    return this.#database.committed.get(table, key);
  }
  values<T>(table: string): T[] {
    return this.#database.committed.values(table);
  }

  /** One statement that writes, in a transaction of its own. */
  write<T>(work: (tx: WritableView) => T): Promise<T> {
    return this.#database.change(
      this.process,
      async (tx) => work(tx),
      () => undefined,
    );
  }

  /** Milliseconds on the database's own clock. */
  get clockMs(): number {
    return this.#database.clockMs;
  }

  /** A read takes time before and after the moment that it shows. */
  async read<T>(look: (view: View) => T): Promise<T> {
    await this.process.pause(this.#random.between(0.1, 3));
    if (this.#database.down) throw new Error('the connection was refused');
    const seen = look(this);
    await this.process.pause(this.#random.between(0.1, 3));
    return seen;
  }
}

/** Reads in a transaction see it at once; reads outside take time. */
export function look<T>(db: unknown, read: (view: View) => T): Promise<T> {
  return db instanceof Handle ? db.read(read) : Promise.resolve(read(db as View));
}
