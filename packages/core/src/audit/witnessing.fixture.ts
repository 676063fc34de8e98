/** Keys with fixed seeds and trees of numbered leaves, for tests of cosignatures, policies, witnesses and proofs. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { type CheckpointSigner, checkpointSigner, formatVkey, signCheckpoint } from './checkpoint.ts';
import { formatWitnessVkey } from './cosignature.ts';
import { leafHash, type NodeReader, proveConsistency, proveInclusion, rowRoot } from './merkle.ts';

export function fixedKey(seed: number): KeyObject {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPrivateKey({
    key: Buffer.concat([prefix, Buffer.alloc(32, seed)]),
    format: 'der',
    type: 'pkcs8',
  });
}

export const origin = 'atf.example/log/main';
export const logSigner = checkpointSigner(origin, fixedKey(1));
export const logVkey = formatVkey(origin, logSigner.publicKey);

export interface TestWitness {
  readonly signer: CheckpointSigner;
  readonly vkey: string;
}
export function testWitness(n: number): TestWitness {
  const signer = checkpointSigner(`w${n}.example`, fixedKey(100 + n));
  return { signer, vkey: formatWitnessVkey(signer.name, signer.publicKey) };
}

/** A tree whose leaf `i` is `<words> i`. */
export class TestTree {
  readonly entries: Buffer[];
  private readonly hashes: Uint8Array[];

  constructor(size: number, words: (i: number) => string = (i) => `leaf ${i}`) {
    this.entries = Array.from({ length: size }, (_, i) => Buffer.from(words(i)));
    this.hashes = this.entries.map(leafHash);
  }

  private readonly read: NodeReader = async (ids) =>
    ids.map(({ level, index }) => rowRoot(this.hashes.slice(index * 2 ** level, (index + 1) * 2 ** level)));

  root(size: number): Uint8Array {
    return rowRoot(this.hashes.slice(0, size));
  }

  note(size: number, signer: CheckpointSigner = logSigner): string {
    return signCheckpoint({ origin: signer.name, size, root: this.root(size), extensions: [] }, signer);
  }

  async consistency(older: number, newer: number): Promise<Uint8Array[]> {
    return older === 0 ? [] : proveConsistency(this.read, older, newer);
  }

  inclusion(index: number, size: number): Promise<Uint8Array[]> {
    return proveInclusion(this.read, index, size);
  }
}
