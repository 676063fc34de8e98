/**
 * Room: data (D-3). The pieces of a stream of text that mean something by themselves: an event (WHATWG, server-sent events), a line of JSON lines or of a sequence
 * of JSON texts (RFC 7464), lines of plain text. What is not complete yet waits, within a bound.
 */

export type StreamForm = 'events' | 'lines' | 'text' | 'bytes';

/** How an answer of this media type is looked at while it passes. */
export function streamForm(type: string): StreamForm {
  if (type === 'text/event-stream') return 'events';
  if (/^application\/(?:x-ndjson|jsonl|json-seq)$/.test(type)) return 'lines';
  return type.startsWith('text/') ? 'text' : 'bytes';
}

/** Characters of one unit. */
export const unitLengthMax = 262_144;

// A carriage return and the line feed after it are one end of a line.
const eventEnd = /(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)/g;

/** Cuts events or lines out of text that comes in pieces, each with its end. */
export class Units {
  readonly #end: RegExp;
  #held = '';

  constructor(form: 'events' | 'lines') {
    this.#end = form === 'events' ? eventEnd : /\n/g;
  }

  /** What is complete now. */
  take(text: string): string[] {
    // An end may have begun in what is held: three characters are the most of one that can be there.
    const lookFrom = Math.max(0, this.#held.length - 3);
    this.#held += text;
    const units: string[] = [];
    let at = 0;
    this.#end.lastIndex = lookFrom;
    for (let end = this.#end.exec(this.#held); end !== null; end = this.#end.exec(this.#held)) {
      units.push(this.#held.slice(at, this.#end.lastIndex));
      at = this.#end.lastIndex;
    }
    this.#held = this.#held.slice(at);
    return units;
  }

  /** Whether what waits is longer than a unit may be. */
  get tooLong(): boolean {
    return this.#held.length > unitLengthMax;
  }

  rest(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

export interface EventLine {
  /** Empty: a comment. */
  readonly field: string;
  readonly value: string;
  /** Between the two, as it came. */
  readonly colon: string;
  readonly end: string;
}

/** The lines of an event, or of a part of one. */
export function eventLines(unit: string): EventLine[] {
  return [...unit.matchAll(/([^\r\n]*)(\r\n|\r|\n|$)/g)].flatMap(({ 1: line = '', 2: end = '' }) => {
    if (line === '' && end === '') return [];
    const { 1: field = line, 2: colon = '', 3: value = '' } = /^([^:]*)(: ?)(.*)$/s.exec(line) ?? [];
    return [{ field, colon, value, end }];
  });
}

/** The event, with these data in place of its own where they are given. */
export function withData(lines: readonly EventLine[], data: string | undefined): string {
  const first = lines.find(({ field }) => field === 'data');
  return lines
    .map((line) => {
      const { field, colon, value, end } = line;
      if (field !== 'data' || data === undefined) return `${field}${colon}${value}${end}`;
      if (line !== first) return '';
      return data
        .split('\n')
        .map((each) => `data: ${each}${end === '' ? '\n' : end}`)
        .join('');
    })
    .join('');
}
