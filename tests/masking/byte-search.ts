/** Looks for thousands of words in many megabytes of anything, in one pass. */

const bits = 20;
const slot = (key: number): number => Math.imul(key, 0x9e3779b1) >>> (32 - bits);
const headLength = 4;
/** What may stand between two letters of one word: white space, its escapes, characters that nobody sees. */
const between = /\s|\\+[nrt]|\\+u200b|\u200b|\u00e2\u0080\u008b/g;

export class ByteSearch {
  readonly #mayBegin = new Uint8Array(1 << bits);
  readonly #byHead = new Map<number, Buffer[]>();

  constructor(words: Iterable<string>) {
    for (const word of new Set([...words].flatMap((each) => [each, each.replace(between, '')]))) {
      const bytes = Buffer.from(word);
      if (bytes.length < 2 * headLength) continue;
      const head = bytes.readUInt32BE(0);
      this.#mayBegin[slot(head)] = 1;
      this.#byHead.set(head, [...(this.#byHead.get(head) ?? []), bytes]);
    }
  }

  /** The words that stand in it, as it is or with nothing between their letters. */
  in(bytes: Buffer): Set<string> {
    const found = new Set<string>();
    this.#pass(bytes, found);
    const closed = bytes.toString('latin1').replace(between, '');
    if (closed.length !== bytes.length) this.#pass(Buffer.from(closed, 'latin1'), found);
    return found;
  }

  #pass(bytes: Buffer, found: Set<string>): void {
    let head = 0;
    for (let at = 0; at < bytes.length; at++) {
      head = ((head << 8) | (bytes[at] ?? 0)) >>> 0;
      if (this.#mayBegin[slot(head)] !== 1) continue;
      const start = at + 1 - headLength;
      for (const word of this.#byHead.get(head) ?? [])
        if (start >= 0 && bytes.subarray(start, start + word.length).equals(word)) found.add(word.toString());
    }
  }
}
