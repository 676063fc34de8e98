/** Room: policy. The threads of one backtest from outside: a bundle goes in, what was found comes out. */
import { refuse } from '@atf/core/errors';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Bundle, Facts, Found, FromThread, Task, ToThread, Wanted } from './messages.ts';

const heapMbMax = 512;
/** A bundle is read, looked at and thrown away: what lives that short is cheap to collect where there is room for it. */
const youngMb = 96;
const threadsMax = 4;
/** For what is under way: twice 256 decisions, each asked of two sets. */
const bundleWithinMs = 60_000;

/** `.ts` when this module runs from source, `.js` when it was built. */
const workerUrl = new URL(`./worker${extname(new URL(import.meta.url).pathname)}`, import.meta.url);

interface Waiting {
  resolve(found: Found): void;
  reject(fault: unknown): void;
}

class Thread {
  readonly #worker: Worker;
  readonly #find: (wanted: Wanted) => Promise<Facts>;
  readonly #waiting: Waiting[] = [];
  #fault: unknown;

  /** `find` answers what the records do not hold themselves. */
  constructor(task: Task, find: (wanted: Wanted) => Promise<Facts>) {
    this.#find = find;
    this.#worker = new Worker(workerUrl, {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax, maxYoungGenerationSizeMb: youngMb },
      // Nothing of the process: a thread that only computes.
      env: {},
    });
    this.#worker.unref();
    this.#worker.on('message', (said: FromThread) => void this.#said(said));
    this.#worker.on('error', (fault) => this.#fail(fault));
    this.#worker.on('exit', () => this.#fail(new Error('a thread of a backtest has ended')));
  }

  /** Answers in the order of these calls. Refuses `policy.too_costly`; rejects when the thread cannot go on. */
  look(bundle: Bundle): Promise<Found> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    return new Promise<Found>((resolve, reject) => {
      const late = setTimeout(() => {
        try {
          refuse('policy.too_costly');
        } catch (fault) {
          this.#fail(fault);
        }
      }, bundleWithinMs);
      this.#waiting.push({
        resolve: (found) => {
          clearTimeout(late);
          resolve(found);
        },
        reject: (fault) => {
          clearTimeout(late);
          reject(fault);
        },
      });
      this.#tell({ bundle });
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #tell(said: ToThread): void {
    const bytes = 'bundle' in said ? said.bundle.bytes : undefined;
    // Handed over rather than copied, where nobody else has a part of the same memory.
    const whole = bytes?.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
    this.#worker.postMessage(said, whole ? [bytes.buffer as ArrayBuffer] : []);
  }

  async #said(said: FromThread): Promise<void> {
    if ('found' in said) {
      this.#waiting.shift()?.resolve(said.found);
      return;
    }
    try {
      this.#tell({ facts: await this.#find(said.wanted) });
    } catch (fault) {
      this.#fail(fault);
    }
  }

  #fail(fault: unknown): void {
    this.#fault ??= fault;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#fault);
  }
}

/** As many threads as processors, up to a bound. Each takes the bundles in its turn. */
export class Threads {
  readonly #threads: readonly Thread[];
  #next = 0;

  /** `find` answers what the records do not hold themselves. */
  constructor(task: Task, find: (wanted: Wanted) => Promise<Facts>) {
    const count = Math.min(threadsMax, availableParallelism());
    this.#threads = Array.from({ length: count }, () => new Thread(task, find));
  }

  get count(): number {
    return this.#threads.length;
  }

  /** Refuses `policy.too_costly`; rejects when a thread cannot go on. */
  look(bundle: Bundle): Promise<Found> {
    const thread = this.#threads[this.#next++ % this.#threads.length] as Thread;
    return thread.look(bundle);
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}
