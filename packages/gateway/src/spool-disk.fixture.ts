/** A disk for tests: it forgets what was not synced at power loss, fills up, and fails at a chosen operation, before or after its effect. */
import type { SpoolDisk, SpoolFile } from './spool-disk.ts';

interface Content {
  now: Buffer;
  durable: Buffer;
}

function osError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Deterministic numbers in [0, 1) (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class FaultyDisk implements SpoolDisk {
  private names = new Map<string, Content>();
  private durableNames = new Map<string, Content>();
  private readonly random: () => number;
  /** Writes that grow anything fail with ENOSPC, except into the space that removing the reserve sets free. */
  full = false;
  private freed = 0;
  operations = 0;
  failAt: { operation: number; persisted: boolean } | undefined;

  constructor(seed: number) {
    this.random = randomOf(seed + 1);
  }

  /** Counts an operation and fails it when it is the chosen one. */
  private async step(effect: () => void, grows = 0): Promise<void> {
    const chosen = this.failAt?.operation === this.operations++;
    if (this.full && grows > 0) {
      if (this.freed < grows) throw osError('ENOSPC');
      this.freed -= grows;
    }
    if (!chosen || this.failAt?.persisted === true) effect();
    if (chosen) throw osError('EIO');
    await Promise.resolve();
  }

  private content(name: string): Content {
    const found = this.names.get(name);
    if (found === undefined) throw osError('ENOENT');
    return found;
  }

  private file(content: Content): SpoolFile {
    return {
      write: (bytes, offset) =>
        this.step(() => {
          const grown = Buffer.alloc(Math.max(content.now.length, offset + bytes.length));
          content.now.copy(grown);
          grown.set(bytes, offset);
          content.now = grown;
        }, bytes.length),
      sync: () => this.step(() => void (content.durable = Buffer.from(content.now))),
      truncate: (length) =>
        this.step(() => void (content.now = Buffer.from(content.now.subarray(0, length)))),
      close: async () => undefined,
    };
  }

  list = async (): Promise<string[]> => [...this.names.keys()];
  size = async (name: string): Promise<number> => this.content(name).now.length;
  read = async (name: string, offset: number, length: number): Promise<Uint8Array> =>
    Buffer.from(this.content(name).now.subarray(offset, offset + length));

  async create(name: string): Promise<SpoolFile> {
    if (this.names.has(name)) throw osError('EEXIST');
    const content: Content = { now: Buffer.alloc(0), durable: Buffer.alloc(0) };
    await this.step(() => void this.names.set(name, content));
    return this.file(content);
  }

  open = async (name: string): Promise<SpoolFile> => this.file(this.content(name));

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    await this.step(() => {
      const content = { now: Buffer.from(bytes), durable: Buffer.from(bytes) };
      this.names.set(name, content);
      this.durableNames.set(name, content);
    }, bytes.length);
  }

  async remove(name: string): Promise<void> {
    await this.step(() => {
      if (name === 'reserve') this.freed += this.names.get(name)?.now.length ?? 0;
      this.names.delete(name);
    });
  }

  syncDirectory = (): Promise<void> => this.step(() => void (this.durableNames = new Map(this.names)));

  /** What was not synced is gone, wholly or from a random byte on; names that were not synced may be there or not. */
  powerLoss(): void {
    const survivors = new Map(this.durableNames);
    for (const [name, content] of this.names)
      if (!survivors.has(name) && this.random() < 0.5) survivors.set(name, content);
    for (const content of survivors.values()) {
      const kept =
        content.durable.length +
        Math.floor(this.random() * (content.now.length - content.durable.length + 1));
      content.now = Buffer.concat([content.durable, content.now.subarray(content.durable.length, kept)]);
      content.durable = Buffer.from(content.now);
    }
    this.names = survivors;
    this.durableNames = new Map(survivors);
    this.failAt = undefined;
  }
}
