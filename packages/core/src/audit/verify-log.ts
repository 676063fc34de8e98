/**
 * Room: audit (B-1, invariant 8). Offline verification of a whole log from its static files: signature and size of the checkpoint,
 * every entry against its hash, every tile against the ones below, the root, consistency with checkpoints somebody remembers, and the
 * chains of the gateways (chain-check.ts). Streams bundle by bundle. Trust comes in as parameters: the key of the log, the keys of the
 * gateways, remembered checkpoints. A log that was cut together with its checkpoint is found only by a remembered one: that is what
 * witnesses are for.
 */
import { ChainCheck, type ChainProblemKind, type LogCounts } from './chain-check.ts';
import { type Checkpoint, parseVkey, type VerifierKey, verifyCheckpoint } from './checkpoint.ts';
import { checkContinuations, type Continued } from './continuation.ts';
import type { GatewayKeys } from './gateway-key.ts';
import { CompactRange, emptyRoot, hashesEqual, leafHash, rowRoot } from './merkle.ts';
import {
  bundleBytesMax,
  decodeBundle,
  decodeTile,
  rowLength,
  type TileId,
  tilePath,
  tileWidth,
  widthAt,
} from './tiles.ts';
import { rootAt } from './tree-read.ts';

export const problemsMax = 1_000;
export const tileBytesMax = 8_192;

/** Reads one static file of a log, e.g. `tile/0/000`; undefined when it is not there. Rejects on broken storage and above `bytesMax`. */
export type LogReader = (path: string, bytesMax: number) => Promise<Uint8Array | undefined>;

export type LogProblemKind =
  | ChainProblemKind
  | 'vkey_malformed'
  | 'checkpoint_invalid'
  | 'no_quorum'
  | 'bundle_missing'
  | 'entry_changed'
  | 'tile_missing'
  | 'tile_changed'
  | 'root_mismatch'
  | 'inconsistent'
  | 'continuation_invalid';

export interface LogProblem {
  readonly kind: LogProblemKind;
  /** Index of the entry in the log, where one is concerned. */
  readonly index?: number;
  readonly message: string;
}

export interface LogReport extends Readonly<LogCounts> {
  readonly ok: boolean;
  readonly origin: string;
  readonly size: number;
  /** Recomputed from the entries, base64. Empty when nothing could be read. */
  readonly rootHash: string;
  readonly problems: readonly LogProblem[];
  /** Problems beyond the thousand that are listed. */
  readonly problemsOmitted: number;
  /** Intents without outcome: the action may have happened. */
  readonly unreported: number;
  readonly gateways: number;
  /** Youngest records that no seal of their gateway covers yet. */
  readonly unsealed: number;
  /** Logs that this one continues after restores, oldest first; their checkpoints were checked, too. */
  readonly continues: readonly Continued[];
}

export interface VerifyOptions {
  /** Checkpoints seen earlier or elsewhere: the log must contain their trees. */
  readonly remembered?: readonly Checkpoint[];
  /** Called after each bundle with entries done and in total. */
  readonly onProgress?: (done: number, total: number) => void;
}

function hashChanged(index: number): LogProblem {
  return {
    kind: 'tile_changed',
    index,
    message: `entry ${index}: its stored hash was changed, the entry itself is intact`,
  };
}

class LogCheck {
  readonly problems: LogProblem[] = [];
  omitted = 0;
  private readonly read: LogReader;
  private readonly size: number;
  private readonly chain: ChainCheck;
  private readonly range = new CompactRange();
  /** Root over the stored level-0 hashes: tells a changed entry from a changed hash where no tile above can. */
  private readonly storedRange = new CompactRange();
  private readonly rows: Uint8Array[][] = [];
  private readonly remembered: Map<number, Uint8Array[]>;
  private parent: { readonly index: number; readonly hashes: Uint8Array[] | undefined } | undefined;

  constructor(read: LogReader, checkpoint: Checkpoint, keys: GatewayKeys, options: VerifyOptions) {
    this.read = read;
    this.size = checkpoint.size;
    this.chain = new ChainCheck(keys, (kind, index, message) => this.problem({ kind, index, message }));
    this.remembered = new Map();
    for (const { size, root } of options.remembered ?? []) {
      this.remembered.set(size, [...(this.remembered.get(size) ?? []), root]);
      if (size > this.size)
        this.problem({
          kind: 'inconsistent',
          message: `the log has ${this.size} entries, but ${size} were signed`,
        });
    }
  }

  problem(found: LogProblem): void {
    if (this.problems.length < problemsMax) this.problems.push(found);
    else this.omitted += 1;
  }

  /** A tile, or for a partial one the full tile that replaced it (tlog-tiles, "Partial Tiles"). */
  private async load(tile: TileId): Promise<Uint8Array | undefined> {
    const max = tile.level === 'entries' ? bundleBytesMax : tileBytesMax;
    const exact = await this.read(tilePath(tile), max);
    if (exact !== undefined || tile.width === tileWidth) return exact;
    const full = await this.read(tilePath({ ...tile, width: tileWidth }), max);
    if (full === undefined || tile.level !== 'entries') return full?.subarray(0, tile.width * 32);
    const { entries } = decodeBundle(full, tile.width);
    return full.subarray(
      0,
      entries.reduce((sum, entry) => sum + 2 + entry.length, 0),
    );
  }

  private async loadHashes(level: number, index: number): Promise<Uint8Array[] | undefined> {
    const tile: TileId = { level, index, width: widthAt(level, index, this.size) };
    const bytes = await this.load(tile);
    const hashes = bytes === undefined ? undefined : decodeTile(bytes, tile.width);
    if (hashes === undefined)
      this.problem({ kind: 'tile_missing', message: `${tilePath(tile)} is missing or has the wrong length` });
    return hashes;
  }

  async bundle(n: number): Promise<void> {
    const tile: TileId = { level: 'entries', index: n, width: widthAt(0, n, this.size) };
    const first = n * tileWidth;
    const bytes = await this.load(tile);
    const stored = await this.loadHashes(0, n);
    if (bytes === undefined) {
      this.problem({
        kind: 'bundle_missing',
        index: first,
        message: `${tilePath(tile)} is missing: entries ${first} and after are not there`,
      });
    }
    const { entries, complete } = decodeBundle(bytes ?? Buffer.alloc(0), tile.width);
    const hashes = entries.map(leafHash);
    const wrong =
      stored === undefined
        ? []
        : hashes.flatMap((hash, i) => (hashesEqual(hash, stored[i] as Uint8Array) ? [] : [i]));
    if (bytes !== undefined && !complete && wrong.length === 0) {
      const index = first + entries.length;
      this.problem({
        kind: 'entry_changed',
        index,
        message: `entry ${index}: ${tilePath(tile)} does not end where its entries end`,
      });
    }
    const blamed =
      wrong.length > 0 ? await this.blame(n, wrong, hashes, stored as Uint8Array[], complete) : 'nothing';
    entries.forEach((entry, i) => {
      if (blamed === 'entries' && wrong.includes(i)) this.chain.skip();
      else this.chain.take(first + i, entry, hashes[i] as Uint8Array);
    });
    if (entries.length < tile.width) this.chain.skip();
    const row: Uint8Array[] = [];
    for (let i = 0; i < tile.width; i++) {
      const [own, logged] = [hashes[i] ?? stored?.[i] ?? emptyRoot, stored?.[i] ?? hashes[i] ?? emptyRoot];
      this.leaf(own, logged);
      row.push(blamed === 'tile' ? own : logged);
    }
    await this.climb(0, n, row);
  }

  private leaf(hash: Uint8Array, storedHash: Uint8Array): void {
    this.range.append(hash);
    this.storedRange.append(storedHash);
    for (const root of this.remembered.get(this.range.size) ?? []) {
      if (!hashesEqual(root, this.range.root())) {
        this.problem({
          kind: 'inconsistent',
          message: `the first ${this.range.size} entries are not those of a checkpoint signed before`,
        });
      }
    }
  }

  /** Names the entries whose bytes and hash disagree, and says which of the two the tile above contradicts. */
  private async blame(
    n: number,
    wrong: readonly number[],
    hashes: Uint8Array[],
    stored: Uint8Array[],
    complete: boolean,
  ): Promise<'entries' | 'tile'> {
    const full = stored.length === tileWidth && hashes.length === tileWidth;
    const above = full ? (await this.parentOf(n))?.[n % tileWidth] : undefined;
    const tileIsWrong =
      above !== undefined && !hashesEqual(rowRoot(stored), above) && hashesEqual(rowRoot(hashes), above);
    // A changed length prefix shifts everything after it: only the first is named then.
    for (const i of complete ? wrong : wrong.slice(0, 1)) {
      const index = n * tileWidth + i;
      if (tileIsWrong) this.problem(hashChanged(index));
      else
        this.problem({
          kind: 'entry_changed',
          index,
          message: `entry ${index}: its bytes do not have the hash that was logged`,
        });
    }
    return tileIsWrong ? 'tile' : 'entries';
  }

  private async parentOf(n: number): Promise<Uint8Array[] | undefined> {
    const index = Math.floor(n / tileWidth);
    if (this.parent?.index !== index) {
      const width = widthAt(1, index, this.size);
      const bytes = await this.load({ level: 1, index, width });
      this.parent = { index, hashes: bytes === undefined ? undefined : decodeTile(bytes, width) };
    }
    return this.parent.hashes;
  }

  /** Carries the root of a full tile into the row above; compares that row with its stored tile when it is full. */
  private async climb(level: number, index: number, hashes: readonly Uint8Array[]): Promise<void> {
    if (hashes.length < tileWidth) return;
    const row = this.rows[level + 1] ?? [];
    this.rows[level + 1] = row;
    row.push(rowRoot(hashes));
    if (row.length < tileWidth) return;
    const above = Math.floor(index / tileWidth);
    await this.compareRow(level + 1, above, row);
    this.rows[level + 1] = [];
    await this.climb(level + 1, above, row);
  }

  private async compareRow(level: number, index: number, row: readonly Uint8Array[]): Promise<void> {
    const stored = await this.loadHashes(level, index);
    const at = stored?.findIndex((hash, i) => !hashesEqual(hash, row[i] as Uint8Array)) ?? -1;
    if (at < 0) return;
    const path = tilePath({ level, index, width: row.length });
    const first = (index * tileWidth + at) * tileWidth ** level;
    this.problem({
      kind: 'tile_changed',
      index: first,
      message: `${path}: hash ${at}, over the entries from ${first}, is not that of the tiles below`,
    });
  }

  async finish(checkpoint: Checkpoint, key: VerifierKey): Promise<LogReport> {
    for (let level = 1; rowLength(level, this.size) > 0; level++) {
      const row = this.rows[level] ?? [];
      if (row.length > 0)
        await this.compareRow(level, Math.floor(rowLength(level, this.size) / tileWidth), row);
    }
    const root = this.range.root();
    if (hashesEqual(root, checkpoint.root)) {
      // Every entry is as it was signed, so what disagrees in the last, partial tile are its hashes.
      this.problems.forEach((found, i) => {
        if (found.kind === 'entry_changed' && found.index !== undefined)
          this.problems[i] = hashChanged(found.index);
      });
    } else {
      const onlyEntries = hashesEqual(this.storedRange.root(), checkpoint.root);
      const why = onlyEntries ? 'the stored hashes do: entries were changed' : 'neither do the stored hashes';
      this.problem({
        kind: 'root_mismatch',
        message: `the entries do not have the root that was signed; ${why}`,
      });
    }
    const { continues, problems } = await checkContinuations(this.chain.restored, checkpoint, key, (size) =>
      rootAt((tile) => this.load(tile), size, this.size),
    );
    for (const problem of problems) this.problem({ kind: 'continuation_invalid', ...problem });
    return {
      ok: this.problems.length === 0,
      origin: checkpoint.origin,
      size: this.size,
      rootHash: Buffer.from(root).toString('base64'),
      problems: this.problems,
      problemsOmitted: this.omitted,
      ...this.chain.counts,
      unreported: this.chain.unreported(),
      gateways: this.chain.gateways,
      unsealed: this.chain.unsealed(),
      continues,
    };
  }
}

/** The report of a log that was not looked into: what it is offered under does not count. */
export function refused(kind: LogProblemKind, message: string): LogReport {
  const none: LogCounts = { intents: 0, outcomes: 0, refusals: 0, control: 0, gaps: 0, forks: 0 };
  const problems = [{ kind, message }];
  return {
    ok: false,
    origin: '',
    size: 0,
    rootHash: '',
    problems,
    problemsOmitted: 0,
    ...none,
    unreported: 0,
    gateways: 0,
    unsealed: 0,
    continues: [],
  };
}

/**
 * Verifies the log behind `read` up to the signed `checkpoint` with the verifier key `vkey` (C2SP) and the keys of its gateways.
 * Everything found is in the report; it rejects only when `read` does.
 */
export async function verifyTree(
  read: LogReader,
  checkpoint: string,
  vkey: string,
  gatewayKeys: GatewayKeys,
  options: VerifyOptions = {},
): Promise<LogReport> {
  const key = parseVkey(vkey.trim());
  if (key === undefined) return refused('vkey_malformed', 'the verifier key of the log is malformed');
  const verified = verifyCheckpoint(checkpoint, key);
  if (!verified.ok)
    return refused(
      'checkpoint_invalid',
      `the checkpoint does not count: ${verified.problem.replaceAll('_', ' ')}`,
    );
  const head = verified.checkpoint;
  const check = new LogCheck(read, head, gatewayKeys, options);
  const bundles = Math.ceil(head.size / tileWidth);
  for (let n = 0; n < bundles; n++) {
    await check.bundle(n);
    options.onProgress?.(Math.min(head.size, (n + 1) * tileWidth), head.size);
  }
  return check.finish(head, key);
}
