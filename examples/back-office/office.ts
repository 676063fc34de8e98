import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { seedState } from './seed.ts';

export type OrderStatus = 'processing' | 'shipped' | 'delivered' | 'cancelled';
export type OfficeState = {
  /** Number of the last line of `effects.log`. */
  lastEffect: number;
  nextId: { refund: number; email: number; report: number };
  customers: {
    id: string;
    name: string;
    email: string;
    phone: string;
    city: string;
    iban: string;
    tier: 'standard' | 'gold' | 'business';
  }[];
  orders: {
    id: string;
    customerId: string;
    placedOn: string;
    status: OrderStatus;
    /** In units of the currency, at most two decimals. */
    total: number;
    currency: string;
    lines: { article: string; quantity: number; unitPrice: number }[];
    customerNote: string;
  }[];
  refunds: {
    id: string;
    orderId: string;
    amount: number;
    currency: string;
    reason: string;
    status: 'issued' | 'cancelled';
    issuedAt: string;
  }[];
  emails: { id: string; to: string; subject: string; file: string; sentAt: string }[];
};

/** One line of `effects.log`: something the office did to the world, numbered without gaps. */
export type Effect = {
  n: number;
  at: string;
  atMs: number;
  effect: string;
  [detail: string]: string | number;
};

/** What a caller asked for cannot be done; the message is for the caller. */
export class OfficeRefusal extends Error {}

const lockWaitMsMax = 2_000;
const lockPauseMs = 2;
const lockBreakerAgeMsMax = 5_000;

/**
 * The back office's books: one JSON file replaced atomically, one append-only log of effects. Every change takes a lock
 * file, reads, changes, writes, appends; all of it synchronous, so a killed process leaves either no trace or a whole one,
 * and several processes can serve the same directory. Nothing is synced to disk: an example loses power differently.
 */
export class Office {
  readonly dataDir: string;

  constructor(dataDir: string) {
    this.dataDir = dataDir;
    mkdirSync(join(dataDir, 'outbox'), { recursive: true });
    mkdirSync(join(dataDir, 'reports'), { recursive: true });
    this.locked(() => {
      try {
        statSync(this.path('state.json'));
      } catch {
        this.store(seedState());
      }
    });
  }

  /** A snapshot; changing it changes nothing. */
  read(): OfficeState {
    return JSON.parse(readFileSync(this.path('state.json'), 'utf8')) as OfficeState;
  }

  /**
   * Runs `change` on the state, stores it and appends the effect that it returns. A refusal thrown by `change` stores
   * nothing.
   */
  change<T>(
    change: (state: OfficeState) => { value: T; effect: string; details: Record<string, string | number> },
  ): T {
    return this.locked(() => {
      const state = this.read();
      const { value, effect, details } = change(state);
      state.lastEffect += 1;
      this.store(state);
      const atMs = Math.round((performance.timeOrigin + performance.now()) * 1000) / 1000;
      const line: Effect = {
        n: state.lastEffect,
        at: new Date(atMs).toISOString(),
        atMs,
        effect,
        ...details,
      };
      appendFileSync(this.path('effects.log'), `${JSON.stringify(line)}\n`);
      return value;
    });
  }

  /** Writes a file of the office (an e-mail, a report) below the data directory; fails if it exists. */
  writeOnce(folder: 'outbox' | 'reports', name: string, text: string): string {
    writeFileSync(this.path(folder, name), text, { flag: 'wx' });
    return `${folder}/${name}`;
  }

  private path(...parts: string[]): string {
    return join(this.dataDir, ...parts);
  }

  private store(state: OfficeState): void {
    const next = this.path(`state.json.${process.pid}.next`);
    writeFileSync(next, `${JSON.stringify(state, null, 1)}\n`);
    renameSync(next, this.path('state.json'));
  }

  private locked<T>(work: () => T): T {
    const lock = this.path('lock');
    const deadlineMs = performance.now() + lockWaitMsMax;
    while (!tryCreate(lock)) {
      if (performance.now() > deadlineMs)
        throw new Error('the back office is busy: its lock file does not become free');
      if (!isHeld(lock)) this.breakLock(lock);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lockPauseMs);
    }
    try {
      return work();
    } finally {
      unlinkSync(lock);
    }
  }

  /** Removes the lock of a dead process; a second lock makes sure that only one process does so. */
  private breakLock(lock: string): void {
    const breaker = `${lock}.break`;
    if (!tryCreate(breaker)) {
      if (ageMs(breaker) > lockBreakerAgeMsMax) unlinkSync(breaker);
      return;
    }
    try {
      if (!isHeld(lock)) unlinkSync(lock);
    } catch {
      // It was freed meanwhile.
    } finally {
      unlinkSync(breaker);
    }
  }
}

function tryCreate(path: string): boolean {
  try {
    const handle = openSync(path, 'wx');
    writeSync(handle, String(process.pid));
    closeSync(handle);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether the process that wrote the lock is alive. An empty lock is being written, unless it is old. */
function isHeld(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (!Number.isInteger(pid) || pid <= 0) return ageMs(lock) < lockBreakerAgeMsMax;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'EPERM' || code === 'ENOENT';
  }
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}
