/**
 * The disk of a gateway under virtual time: it takes its time, fills up, fails, loses what was not synced when power goes, and survives
 * the process. It also tells, independently of the spool, which records are durable: those in frames whose file was synced.
 */
import type { Entry } from '@atf/core/audit/entry';
import { decodeBatch } from '@atf/core/audit/spool-frame';
import type { SpoolDisk, SpoolFile } from '@atf/gateway/spool-disk';
import { FaultyDisk } from '@atf/gateway/spool-disk.fixture';
import type { Random } from './random.ts';
import type { Process } from './virtual-time.ts';

const operationMsMin = 0.02;
const operationMsMax = 1.2;
const slowMsMax = 40;

export class VirtualDisk {
  slow = false;
  #inner: FaultyDisk;
  readonly #random: Random;
  readonly #onDurable: (entry: Entry) => void;

  constructor(random: Random, onDurable: (entry: Entry) => void) {
    this.#random = random;
    this.#onDurable = onDurable;
    this.#inner = new FaultyDisk(random.int(1, 1 << 30));
  }

  set full(full: boolean) {
    this.#inner.full = full;
  }

  /** The operation that comes `ahead` operations from now fails, before or after its effect. */
  failSoon(ahead: number, persisted: boolean): void {
    this.#inner.failAt = { operation: this.#inner.operations + ahead, persisted };
  }

  heal(): void {
    this.#inner.full = false;
    this.#inner.failAt = undefined;
    this.slow = false;
  }

  powerLoss(): void {
    this.#inner.powerLoss();
  }

  /** Everything is gone. */
  replace(): void {
    this.#inner = new FaultyDisk(this.#random.int(1, 1 << 30));
  }

  /** The disk as one process sees it: with its death, nothing that it asked for happens any more. */
  openedBy(process: Process): SpoolDisk {
    const inner = this.#inner;
    const act = async <T>(operation: () => Promise<T>): Promise<T> => {
      await process.pause(this.#operationMs());
      const done = operation();
      // A fault is answered as late as a success.
      const result = await done.then(
        (value) => ({ ok: true as const, value }),
        (fault: unknown) => ({ ok: false as const, fault }),
      );
      await process.pause(this.#operationMs());
      if (!result.ok) throw result.fault;
      return result.value;
    };
    const file = (opened: SpoolFile): SpoolFile => {
      let unsynced: Uint8Array[] = [];
      return {
        write: (bytes, offset) =>
          act(async () => {
            await opened.write(bytes, offset);
            unsynced.push(Buffer.from(bytes));
          }),
        sync: () =>
          act(async () => {
            const written = unsynced;
            await opened.sync();
            unsynced = [];
            for (const bytes of written) this.#tell(bytes);
          }),
        truncate: (length) => act(() => opened.truncate(length)),
        close: () => opened.close(),
      };
    };
    return {
      list: () => inner.list(),
      size: (name) => inner.size(name),
      read: (name, offset, length) => inner.read(name, offset, length),
      create: async (name) => file(await act(() => inner.create(name))),
      open: async (name) => file(await inner.open(name)),
      replace: (name, bytes) => act(() => inner.replace(name, bytes)),
      remove: (name) => act(() => inner.remove(name)),
      syncDirectory: () => act(() => inner.syncDirectory()),
    };
  }

  #operationMs(): number {
    return this.#random.between(operationMsMin, this.slow ? slowMsMax : operationMsMax) / 2;
  }

  #tell(bytes: Uint8Array): void {
    for (const { entry } of decodeBatch(bytes)?.records ?? []) {
      // Whether it is well formed is for those who verify it; here it only has to be found.
      this.#onDurable(JSON.parse(Buffer.from(entry).toString('utf8')) as Entry);
    }
  }
}
