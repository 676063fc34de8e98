/** Room: policy. Work that is done one piece at a time. */
import { refuse } from '@atf/core/errors';

/** One after the other, because it is work; who waits beyond the bound is refused with `request.overloaded`. */
export class Lane {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  readonly #waitingMax: number;
  readonly #words: string;

  constructor(waitingMax: number, words: string) {
    this.#waitingMax = waitingMax;
    this.#words = words;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.waiting >= this.#waitingMax) refuse('request.overloaded', this.#words);
    this.waiting += 1;
    const before = this.last;
    const mine = before.then(work, work).finally(() => {
      this.waiting -= 1;
    });
    this.last = mine.catch(() => undefined);
    return mine;
  }
}
