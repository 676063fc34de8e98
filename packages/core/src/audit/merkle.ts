/**
 * Room: audit (B-1, B-2). The Merkle tree of the log: RFC 6962 §2.1 hashes, the compact range that grows by one leaf at a time, and
 * generation and verification of inclusion and consistency proofs (RFC 9162 §2.1.3–2.1.4), also for the subtrees of Merkle Tree
 * Certificates. Pure: no storage, no signatures. Verification answers true or false and never throws on what it is given.
 */
import { createHash } from 'node:crypto';

export const hashBytes = 32;
/** Leaves that one tree may hold: every size and index stays a safe integer. */
export const treeSizeMax = Number.MAX_SAFE_INTEGER;
/** Hashes in the longest proof of a tree below `treeSizeMax`, for one side of it. */
const proofHashesMax = 110;

const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

/** MTH of a single entry: SHA-256(0x00 || entry), over the exact stored bytes (RFC 6962 §2.1). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return createHash('sha256').update(leafPrefix).update(entry).digest();
}

/** SHA-256(0x01 || left || right) (RFC 6962 §2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash('sha256').update(nodePrefix).update(left).update(right).digest();
}

/** Root of the tree without leaves: SHA-256 of the empty string. */
export const emptyRoot: Uint8Array = createHash('sha256').digest();

/** Equality of two public hashes. Hashes of the log are no secrets, so this need not run in constant time. */
export function hashesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** A complete subtree: `level` 0 is a leaf; it spans leaves `[index · 2^level, (index + 1) · 2^level)`. */
export interface NodeId {
  readonly level: number;
  readonly index: number;
}

/** Root of consecutive complete subtrees, largest first, folded from the right (RFC 6962 §2.1, MTH of an incomplete tree). */
export function foldRight(hashes: readonly Uint8Array[]): Uint8Array {
  let folded = hashes.at(-1);
  if (folded === undefined) return emptyRoot;
  for (let i = hashes.length - 2; i >= 0; i--) folded = nodeHash(hashes[i] as Uint8Array, folded);
  return folded;
}

/** Root of a row of hashes that stand side by side at one level; the row may have any length. */
export function rowRoot(row: readonly Uint8Array[]): Uint8Array {
  const range = new CompactRange();
  for (const hash of row) range.append(hash);
  return range.root();
}

/**
 * The compact range `[0, size)`: one hash per set bit of `size`. Append costs one leaf hash (made by the caller) and on average one
 * node hash; memory is at most 53 hashes, whatever the size of the tree.
 */
export class CompactRange {
  private readonly stack: Uint8Array[];
  private leaves: number;

  /** Starts empty, or from `hashes`: the complete subtrees of a tree of `size` leaves, largest first. */
  constructor(size = 0, hashes: readonly Uint8Array[] = []) {
    if (rangeNodes(0, size).length !== hashes.length)
      throw new Error('compact range: size and hashes disagree');
    this.leaves = size;
    this.stack = [...hashes];
  }

  get size(): number {
    return this.leaves;
  }

  append(hash: Uint8Array): void {
    let node = hash;
    for (let rest = this.leaves; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      node = nodeHash(this.stack.pop() as Uint8Array, node);
    }
    this.stack.push(node);
    this.leaves += 1;
  }

  root(): Uint8Array {
    return foldRight(this.stack);
  }

  hashes(): readonly Uint8Array[] {
    return [...this.stack];
  }
}

/** The complete subtrees that make up `[start, end)`, from left to right. `start` must be aligned for the span, as in every proof. */
export function rangeNodes(start: number, end: number): NodeId[] {
  const nodes: NodeId[] = [];
  let at = start;
  while (at < end) {
    let level = 0;
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= end) {
      level += 1;
      width *= 2;
    }
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Largest power of two below `n` (RFC 6962 §2.1), for n > 1. */
function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** PATH(index, D[0:size]) as spans, leaf to root (RFC 6962 §2.1.1). */
export function inclusionSpans(index: number, size: number): Span[] {
  if (!isSize(index) || !isSize(size) || index >= size)
    throw new RangeError('inclusion proof: index outside the tree');
  const spans: Span[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      spans.push({ start: middle, end });
      end = middle;
    } else {
      spans.push({ start, end: middle });
      start = middle;
    }
  }
  return spans.reverse();
}

/** PROOF(older, D[0:newer]) as spans (RFC 6962 §2.1.2). */
export function consistencySpans(older: number, newer: number): Span[] {
  if (!isSize(older) || !isSize(newer) || older < 1 || older > newer) {
    throw new RangeError('consistency proof: sizes out of order');
  }
  const spans: Span[] = [];
  let start = 0;
  let end = newer;
  let wholeOlderTree = true;
  while (end !== older) {
    const middle = start + splitOf(end - start);
    if (older <= middle) {
      spans.push({ start: middle, end });
      end = middle;
    } else {
      spans.push({ start, end: middle });
      start = middle;
      wholeOlderTree = false;
    }
  }
  if (!wholeOlderTree) spans.push({ start, end });
  return spans.reverse();
}

/** Fetches hashes of complete subtrees, in the order asked. Rejects when one is not there. */
export type NodeReader = (ids: readonly NodeId[]) => Promise<readonly Uint8Array[]>;

async function spanHashes(read: NodeReader, spans: readonly Span[]): Promise<Uint8Array[]> {
  const parts = spans.map((span) => rangeNodes(span.start, span.end));
  const hashes = await read(parts.flat());
  let at = 0;
  return parts.map((part) => {
    const own = hashes.slice(at, at + part.length);
    at += part.length;
    return foldRight(own);
  });
}

/** Inclusion proof of leaf `index` in the tree of `size` leaves. @throws RangeError when the index is outside. */
export function proveInclusion(read: NodeReader, index: number, size: number): Promise<Uint8Array[]> {
  return spanHashes(read, inclusionSpans(index, size));
}

/** Consistency proof between two sizes of one tree, 1 ≤ older ≤ newer. @throws RangeError otherwise. */
export function proveConsistency(read: NodeReader, older: number, newer: number): Promise<Uint8Array[]> {
  return spanHashes(read, consistencySpans(older, newer));
}

function wellFormed(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash instanceof Uint8Array && hash.length === hashBytes);
}

/** `[start, end)` is a subtree: `start` is a multiple of the smallest power of two that holds the span (Merkle Tree Certificates). */
export function isSubtree(start: number, end: number): boolean {
  if (!isSize(start) || !isSize(end) || start >= end) return false;
  let width = 1;
  while (width < end - start) width *= 2;
  return start % width === 0;
}

/** Verifies that `leaf` is at `index` under the subtree root of `[start, end)`. */
export function verifySubtreeInclusion(claim: {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): boolean {
  const { index, start, end, leaf, root, proof } = claim;
  if (!isSubtree(start, end) || !isSize(index) || index < start || index >= end) return false;
  if (proof.length > proofHashesMax || !wellFormed(proof) || !wellFormed([leaf, root])) return false;
  let at = index - start;
  let last = end - start - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && hashesEqual(hash, root);
}

/** Verifies that `leaf` is at `index` of the tree of `size` leaves with `root` (RFC 9162 §2.1.3.2). */
export function verifyInclusion(claim: {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): boolean {
  const { size, ...rest } = claim;
  return verifySubtreeInclusion({ ...rest, start: 0, end: size });
}

/**
 * Verifies that the subtree `[start, end)` with `subtreeRoot` is part of the tree of `size` leaves with `root`. The empty subtree is
 * part of every tree. Roots are only ever compared, so a root of another length fails unless the subtree is the whole tree.
 */
export function verifySubtreeConsistency(claim: {
  readonly start: number;
  readonly end: number;
  readonly size: number;
  readonly subtreeRoot: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): boolean {
  const { start, end, size, subtreeRoot, root, proof } = claim;
  if (!isSize(size) || end > size || proof.length > proofHashesMax || !wellFormed(proof)) return false;
  if (isSize(start) && start === end) return proof.length === 0 && hashesEqual(subtreeRoot, emptyRoot);
  if (!isSubtree(start, end)) return false;
  let first = start;
  let last = end - 1;
  let treeLast = size - 1;
  const up = (): void => {
    first = Math.floor(first / 2);
    last = Math.floor(last / 2);
    treeLast = Math.floor(treeLast / 2);
  };
  if (last === treeLast) while (first !== last) up();
  else while (first !== last && last % 2 === 1) up();

  let rest = proof;
  let seed = subtreeRoot;
  if (first !== last) {
    const head = proof[0];
    if (head === undefined) return false;
    seed = head;
    rest = proof.slice(1);
  }
  let subtreeHash = seed;
  let treeHash = seed;
  for (const sibling of rest) {
    if (treeLast === 0) return false;
    if (last % 2 === 1 || last === treeLast) {
      if (first < last) subtreeHash = nodeHash(sibling, subtreeHash);
      treeHash = nodeHash(sibling, treeHash);
      while (last % 2 === 0 && last !== 0) up();
    } else {
      treeHash = nodeHash(treeHash, sibling);
    }
    up();
  }
  return treeLast === 0 && hashesEqual(subtreeHash, subtreeRoot) && hashesEqual(treeHash, root);
}

/**
 * Verifies that the tree of `olderSize` leaves is a prefix of the tree of `newerSize` leaves (RFC 9162 §2.1.4.2). An empty older
 * tree is refused: everything is consistent with it, so a proof of it says nothing.
 */
export function verifyConsistency(claim: {
  readonly olderSize: number;
  readonly newerSize: number;
  readonly olderRoot: Uint8Array;
  readonly newerRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): boolean {
  if (claim.olderSize === 0) return false;
  return verifySubtreeConsistency({
    start: 0,
    end: claim.olderSize,
    size: claim.newerSize,
    subtreeRoot: claim.olderRoot,
    root: claim.newerRoot,
    proof: claim.proof,
  });
}
