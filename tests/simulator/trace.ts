/** What happened in a run, bounded, and the part of it that explains a violation. */

/** Lines kept of one run, and lines printed for a violation. */
const linesMax = 20_000;
const printedMax = 60;

interface Line {
  readonly atMs: number;
  readonly text: string;
  /** Ids that the line is about; without any it concerns everybody. */
  readonly about: readonly string[];
}

/** An invariant that did not hold. */
export class Violation extends Error {
  readonly invariant: string;
  readonly about: readonly string[];

  constructor(invariant: string, detail: string, about: readonly string[]) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
    this.about = about;
  }
}

export class Trace {
  readonly #lines: Line[] = [];
  readonly #nowMs: () => number;
  count = 0;
  /** Of every line, in order: two runs of a seed must give the same. */
  checksum = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(text: string, ...about: string[]): void {
    const line = { atMs: this.#nowMs(), text, about };
    this.count++;
    for (const char of `${line.atMs.toFixed(3)} ${text}`)
      this.checksum = (Math.imul(this.checksum, 31) + char.charCodeAt(0)) | 0;
    this.#lines.push(line);
    if (this.#lines.length > linesMax) this.#lines.shift();
  }

  /** The last lines about any of these ids, with what concerned everybody. */
  explain(about: readonly string[]): string {
    const ids = new Set(about);
    const lines = this.#lines.filter(
      (line) => line.about.length === 0 || line.about.some((id) => ids.has(id)),
    );
    return lines
      .slice(-printedMax)
      .map(({ atMs, text }) => `${atMs.toFixed(3).padStart(10)} ms  ${text}`)
      .join('\n');
  }
}
