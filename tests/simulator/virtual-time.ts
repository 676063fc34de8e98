/**
 * Virtual time: events in a heap, run one by one, with all promises settled between two of them. While a run lasts the global timers are
 * virtual too, so that no code under test can wait for, or read, the real monotonic clock.
 */

import { AsyncLocalStorage } from 'node:async_hooks';

/** Events in one run: beyond it something spins. */
const stepsMax = 400_000;
const realImmediate = setImmediate;

class VirtualTimer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled = false;

  constructor(atMs: number, order: number, run: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.run = run;
  }
  unref(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
}
export type { VirtualTimer };

const earlier = (a: VirtualTimer, b: VirtualTimer): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export class VirtualTime {
  /** Milliseconds since the run began; never goes back. */
  nowMs = 0;
  steps = 0;
  readonly #heap: VirtualTimer[] = [];
  #orders = 0;

  after(delayMs: number, run: () => void): VirtualTimer {
    const timer = new VirtualTimer(this.nowMs + Math.max(0, delayMs), this.#orders++, run);
    this.#push(timer);
    return timer;
  }

  cancel(timer: VirtualTimer | undefined): void {
    if (timer !== undefined) timer.cancelled = true;
  }

  /** Runs everything up to `untilMs`; `afterStep` is called when the promises of a step have settled. */
  async run(untilMs: number, afterStep: () => void): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      if (next.cancelled) continue;
      if (++this.steps > stepsMax) throw new Error(`more than ${stepsMax} events`);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      await settled();
      afterStep();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  #push(timer: VirtualTimer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !earlier(timer, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const below =
        right !== undefined && left !== undefined && earlier(right, left) ? 2 * at + 2 : 2 * at + 1;
      const child = heap[below];
      if (child === undefined || !earlier(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

/** One turn of the real event loop: every promise that can settle has settled. */
export const settled = (): Promise<void> => new Promise((done) => realImmediate(done));

/** Node's immediate callbacks come after what is due now. */
const immediateMs = 0.002;
const timeoutMsMin = 1;

/** Puts virtual timers in place of the global ones; returns what puts the real ones back. */
export function installTimers(time: VirtualTime): () => void {
  const names = [
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
    'setImmediate',
    'clearImmediate',
  ] as const;
  const real = new Map(names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
  const realNow = performance.now;
  const put = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: true });
  const clear = (timer: { cancelled?: boolean } | undefined) => {
    if (timer !== undefined && timer !== null) timer.cancelled = true;
  };
  const later = (ms: number, run: () => void): VirtualTimer => {
    const owner = currentProcess();
    if (owner === undefined) return time.after(ms, run);
    const timer: VirtualTimer = time.after(ms, () =>
      owner.enter(() => {
        if (!timer.cancelled) run();
      }),
    );
    return timer;
  };
  put('setTimeout', (run: () => void, ms = 0) => later(Math.max(timeoutMsMin, ms), run));
  put('setImmediate', (run: () => void) => later(immediateMs, run));
  put('setInterval', (run: () => void, ms = 0) => {
    const handle = { cancelled: false, unref: () => handle, ref: () => handle };
    const next = () => {
      if (handle.cancelled) return;
      later(Math.max(timeoutMsMin, ms), () => {
        if (!handle.cancelled) run();
        next();
      });
    };
    next();
    return handle;
  });
  put('clearTimeout', clear);
  put('clearInterval', clear);
  put('clearImmediate', clear);
  performance.now = () => time.nowMs;
  return () => {
    for (const [name, descriptor] of real)
      if (descriptor !== undefined) Object.defineProperty(globalThis, name, descriptor);
    performance.now = realNow;
  };
}

/** Which process runs: its timers are its own, and wait or vanish with it. */
const contexts = new AsyncLocalStorage<Process>();
export const currentProcess = (): Process | undefined => contexts.getStore();

/**
 * A process that can be killed: what waits in it then waits for ever, as if it had never been. It can also be frozen (a paused machine, a stopped
 * process): everything that reaches it meanwhile waits, and comes in its order when it goes on, while clocks have gone on without it.
 */
export class Process {
  alive = true;
  frozen = false;
  /** When it last went on after a pause. */
  thawedMs = Number.NEGATIVE_INFINITY;
  readonly #time: VirtualTime;
  readonly #late: (() => void)[] = [];

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Runs it as this process: now, later or never. */
  enter(run: () => void): void {
    if (!this.alive) return;
    if (this.frozen || this.#late.length > 0) this.#late.push(run);
    else contexts.run(this, run);
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    this.thawedMs = this.#time.nowMs;
    this.#next();
  }

  #next(): void {
    const [run] = this.#late;
    if (run === undefined || this.frozen || !this.alive) return;
    contexts.run(this, run);
    this.#time.after(0.01, () => {
      this.#late.shift();
      this.#next();
    });
  }

  pause(ms: number): Promise<void> {
    return new Promise((done) => void this.#time.after(ms, () => this.enter(done)));
  }
}
