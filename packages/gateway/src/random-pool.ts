/** Random bytes drawn ahead in blocks: a call needs several small draws, and each draw from the system costs as much as a block. */
import { randomFillSync } from 'node:crypto';

const blockBytes = 8_192;

/** Gives every byte once and wipes it from the block. */
export class RandomPool {
  readonly #block = Buffer.alloc(blockBytes);
  #at = blockBytes;

  take(bytes: number): Uint8Array {
    if (bytes > blockBytes) throw new RangeError('more random bytes than a block');
    if (this.#at + bytes > blockBytes) {
      randomFillSync(this.#block);
      this.#at = 0;
    }
    const given = Uint8Array.from(this.#block.subarray(this.#at, this.#at + bytes));
    this.#block.fill(0, this.#at, this.#at + bytes);
    this.#at += bytes;
    return given;
  }
}
