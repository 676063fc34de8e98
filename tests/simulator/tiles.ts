/**
 * The tile store under virtual time: each file is whole or not there, a `put` that is cut off by a crash or a fault may have reached any
 * of its files, and the checkpoints that are put are watched.
 */
import type { TileStore } from '@atf/control/audit/tile-store';
import type { LogFile } from '@atf/core/audit/tree-edge';
import type { Random } from './random.ts';
import type { Process } from './virtual-time.ts';

export class VirtualTiles {
  fails = 0;
  readonly files = new Map<string, Uint8Array>();
  readonly #random: Random;
  readonly #forgets: number;
  readonly #onCheckpoint: (note: string) => void;

  constructor(random: Random, forgets: number, onCheckpoint: (note: string) => void) {
    this.#random = random;
    this.#forgets = forgets;
    this.#onCheckpoint = onCheckpoint;
  }

  openedBy(process: Process): TileStore {
    const wait = () => process.pause(this.#random.between(0.05, 2));
    const fault = () => Object.assign(new Error('EIO'), { code: 'EIO' });
    return {
      get: async (path) => this.files.get(path),
      put: async (files) => {
        // File by file, so that a crash comes between any two.
        for (const file of shuffled(files, this.#random)) {
          await wait();
          if (this.#random.chance(this.fails)) throw fault();
          if (file.path !== 'checkpoint' && this.#random.chance(this.#forgets)) continue;
          this.files.set(file.path, Buffer.from(file.bytes));
          if (file.path === 'checkpoint') this.#onCheckpoint(Buffer.from(file.bytes).toString('utf8'));
        }
        await wait();
        if (this.#random.chance(this.fails)) throw fault();
      },
      remove: async (paths) => {
        await wait();
        for (const path of paths) this.files.delete(path);
      },
      list: async (folder) =>
        [...this.files.keys()]
          .filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1)),
    };
  }
}

function shuffled(files: readonly LogFile[], random: Random): LogFile[] {
  const order = files.map((file) => ({ file, at: random.next() }));
  return order.sort((a, b) => a.at - b.at).map(({ file }) => file);
}
