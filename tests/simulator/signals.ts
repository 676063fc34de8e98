/** LISTEN and NOTIFY under virtual time: told to every process in one order, lost while the database is away, and sometimes without it. */
import type { SignalListener, Signals } from '@atf/control/db/signals';
import type { Random } from './random.ts';
import type { Process, VirtualTime } from './virtual-time.ts';

const delayMs: readonly [number, number] = [0.2, 6];
const reconnectMs = 250;

export class VirtualSignals {
  /** Chance that a process does not hear one. */
  lost = 0;
  #down = false;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #listeners = new Map<Process, SignalListener>();
  #lastMs = 0;

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  /** Connections end with the database, and come back a while after it. */
  set down(down: boolean) {
    if (this.#down === down) return;
    this.#down = down;
    if (down) return;
    for (const [process, listener] of this.#listeners) this.#connect(process, listener);
  }

  #connect(process: Process, listener: SignalListener): void {
    this.#time.after(reconnectMs, () => {
      if (!this.#down) process.enter(() => listener.connected());
    });
  }

  /** As one process has them. */
  of(process: Process): Signals {
    const own = {
      listen: (listener: SignalListener) => {
        this.#listeners.set(process, listener);
        this.#connect(process, listener);
        return () => this.#listeners.delete(process);
      },
      tell: (text: string) => {
        if (this.#down) return false;
        this.#lastMs = Math.max(this.#lastMs + 0.001, this.#time.nowMs + this.#random.between(...delayMs));
        this.#time.after(this.#lastMs - this.#time.nowMs, () => this.#told(text));
        return true;
      },
      close: () => Promise.resolve(),
    };
    return own as unknown as Signals;
  }

  #told(text: string): void {
    if (this.#down) return;
    for (const [process, listener] of this.#listeners) {
      if (!process.alive) this.#listeners.delete(process);
      else if (!this.#random.chance(this.lost)) process.enter(() => listener.heard(text));
    }
  }
}
