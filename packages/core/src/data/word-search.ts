/**
 * Room: data (D-3). Which of many words stand in a text, in one pass over it, whatever their number (Aho and Corasick, 1975). Letters of ASCII are found in either
 * case. It says which groups of words are there, not where: what asks has an expression for that.
 */

/** Words, in lower case, of which one must stand in a text for an expression to be worth asking. */
export class Words {
  readonly words: readonly string[];
  constructor(...words: readonly string[]) {
    this.words = words;
  }
}

interface State {
  readonly next: Map<number, number>;
  fails: number;
  readonly groups: Set<Words>;
}

const statesMax = 65_535;

export class WordSearch {
  /** Class of each UTF-16 unit; 0: in no word. */
  readonly classes = new Uint8Array(65_536);
  /** The state after `state * width + class`. */
  readonly next: Uint16Array;
  readonly width: number;
  /** What is found on entering a state. */
  readonly found: readonly (readonly Words[] | undefined)[];

  /** @throws with more letters or states than the tables hold */
  constructor(groups: readonly Words[]) {
    this.width = this.#classify(groups);
    const states = this.#trie(groups);
    if (states.length > statesMax || this.width > 255) throw new Error('too many words to search for');
    this.next = new Uint16Array(states.length * this.width);
    this.#link(states);
    this.found = states.map((state) => (state.groups.size === 0 ? undefined : [...state.groups]));
  }

  #classify(groups: readonly Words[]): number {
    let width = 1;
    for (const char of new Set(groups.flatMap(({ words }) => words.flatMap((word) => [...word])))) {
      const unit = char.charCodeAt(0);
      this.classes[unit] = width;
      const upper = unit < 128 ? char.toUpperCase() : char;
      this.classes[upper.charCodeAt(0)] = width++;
    }
    return width;
  }

  #trie(groups: readonly Words[]): State[] {
    const states: State[] = [{ next: new Map(), fails: 0, groups: new Set() }];
    for (const group of groups)
      for (const word of group.words) {
        let at = 0;
        for (let index = 0; index < word.length; index++) {
          const letter = this.classes[word.charCodeAt(index)] ?? 0;
          const known = states[at]?.next.get(letter);
          if (known === undefined) {
            states[at]?.next.set(letter, states.length);
            at = states.push({ next: new Map(), fails: 0, groups: new Set() }) - 1;
          } else at = known;
        }
        states[at]?.groups.add(group);
      }
    return states;
  }

  /** Widest first, so that where a state falls back to is complete before it. */
  #link(states: readonly State[]): void {
    const queue = [0];
    for (const at of queue) {
      const state = states[at];
      if (state === undefined) continue;
      for (let letter = 0; letter < this.width; letter++) {
        const to = state.next.get(letter);
        const instead = at === 0 ? 0 : (this.next[state.fails * this.width + letter] ?? 0);
        this.next[at * this.width + letter] = to ?? instead;
        const below = to === undefined ? undefined : states[to];
        if (to === undefined || below === undefined) continue;
        below.fails = instead;
        for (const group of states[instead]?.groups ?? []) below.groups.add(group);
        queue.push(to);
      }
    }
  }
}
