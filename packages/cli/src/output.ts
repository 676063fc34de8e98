/**
 * What `atf` prints. For people: sentences and tables, every value in them passed through the `Untrusted` renderer, colours only on
 * a terminal and never under NO_COLOR. For programs (`--json`): documents, one per line, on standard output. Errors go to standard
 * error in the same two forms.
 */
import { textWidth, wrap } from './text-width.ts';
import { untrusted, untrustedBlock } from './untrusted.ts';

export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const styles = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
} as const;
export type StyleName = keyof typeof styles;

/** Text that was rendered already; the style is applied when it is printed. */
export interface Styled {
  readonly style: StyleName;
  readonly text: string;
}
export type Value = string | number | Styled;
export interface Column {
  readonly title: string;
  readonly align?: 'right';
}

export const style = (name: StyleName, value: string | number): Styled => ({
  style: name,
  text: untrusted(String(value)),
});

const columnsDefault = 80;
const columnsMin = 40;
const columnsMax = 160;
const cellColumnsMin = 8;
const gap = 2;

export class Output {
  readonly json: boolean;
  private readonly stdout: Sink;
  private readonly stderr: Sink;
  private readonly colours: boolean;
  private readonly columns: number;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.stdout = options.stdout;
    this.stderr = options.stderr;
    // no-color.org: present and not empty switches colours off.
    this.colours =
      options.stdout.isTTY === true && (options.env.NO_COLOR ?? '') === '' && options.env.TERM !== 'dumb';
    this.columns = Math.max(columnsMin, Math.min(columnsMax, options.stdout.columns ?? columnsDefault));
  }

  /** Text that is a file, exactly as it is, for redirection; it must hold nothing that others wrote in clear. Silent with `--json`. */
  file(text: string): void {
    if (!this.json) this.stdout.write(text);
  }

  /** A document for programs. Silent without `--json`. */
  document(value: unknown): void {
    if (this.json) this.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** A sentence for people, as a template tag: the words are ours, every value is rendered as untrusted. Silent with `--json`. */
  say(strings: TemplateStringsArray, ...values: readonly Value[]): void {
    if (!this.json) this.stdout.write(`${this.sentence(strings, values)}\n`);
  }

  /** As `say`, to standard error and in both modes: progress and warnings, never results. */
  note(strings: TemplateStringsArray, ...values: readonly Value[]): void {
    this.stderr.write(`${this.sentence(strings, values)}\n`);
  }

  /** Several lines of untrusted text, boxed. */
  block(text: string): void {
    if (!this.json) this.stdout.write(`${untrustedBlock(text).join('\n')}\n`);
  }

  /** A table that fits the terminal: cells that are too wide are broken over lines, nothing is cut off. */
  table(columns: readonly Column[], rows: readonly (readonly Value[])[]): void {
    if (this.json) return;
    const cells = rows.map((row) => row.map((value) => rendered(value)));
    const widths = this.widths(columns, cells);
    this.line(
      columns.map(({ title }) => ({ text: title, style: 'dim' as const })),
      widths,
      columns,
    );
    for (const row of cells) this.line(row, widths, columns);
  }

  private line(cells: readonly Cell[], widths: readonly number[], columns: readonly Column[]): void {
    const wrapped = cells.map(({ text }, at) => wrap(text, widths[at] ?? cellColumnsMin));
    const height = Math.max(1, ...wrapped.map((lines) => lines.length));
    for (let n = 0; n < height; n++) {
      const parts = cells.map((cell, at) => {
        const text = wrapped[at]?.[n] ?? '';
        const space = ' '.repeat(Math.max(0, (widths[at] ?? 0) - textWidth(text)));
        const painted = cell.style === undefined || text === '' ? text : this.paint(cell.style, text);
        return columns[at]?.align === 'right' ? space + painted : painted + space;
      });
      this.stdout.write(`${parts.join(' '.repeat(gap)).trimEnd()}\n`);
    }
  }

  private widths(columns: readonly Column[], cells: readonly (readonly Cell[])[]): number[] {
    const widths = columns.map(({ title }, at) =>
      Math.max(textWidth(title), ...cells.map((row) => textWidth(row[at]?.text ?? ''))),
    );
    const room = this.columns - gap * (columns.length - 1);
    // First only as far as words stay whole, then as far as they break where a reader would break them, then anywhere.
    for (const breaks of [/ /, / |(?<=[-_/.,@])/, /(?:)/u]) {
      const least = columns.map(({ title }, at) =>
        Math.max(
          Math.min(textWidth(title), cellColumnsMin),
          ...cells.map((row) => longestPiece(row[at]?.text ?? '', breaks)),
        ),
      );
      if (fit(widths, least, room)) break;
    }
    return widths;
  }

  private sentence(strings: TemplateStringsArray, values: readonly Value[]): string {
    return strings.reduce((sum, part, at) => {
      const value = values[at - 1] as Value;
      return (
        sum +
        (typeof value === 'object' ? this.paint(value.style, value.text) : untrusted(String(value))) +
        part
      );
    });
  }

  private paint(name: StyleName, text: string): string {
    if (!this.colours) return text;
    const [on, off] = styles[name];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  }
}

function longestPiece(text: string, breaks: RegExp): number {
  return Math.max(Math.min(textWidth(text), cellColumnsMin), ...text.split(breaks).map(textWidth));
}

/** Narrows the widest columns, none below its least, until all fit; tells whether they do. */
function fit(widths: number[], least: readonly number[], room: number): boolean {
  for (;;) {
    const over = widths.reduce((sum, width) => sum + width, 0) - room;
    if (over <= 0) return true;
    const shrinkable = widths.map((width, at) => (width > (least[at] ?? 0) ? width : 0));
    const widest = Math.max(...shrinkable);
    if (widest === 0) return false;
    const at = shrinkable.indexOf(widest);
    // Down to the second widest at most, so that the narrow columns keep their width.
    const next = Math.max(0, ...shrinkable.filter((width) => width < widest));
    widths[at] = Math.max(least[at] ?? 0, Math.min(widest - 1, Math.max(next, widest - over)));
  }
}

interface Cell {
  readonly text: string;
  readonly style?: StyleName;
}

function rendered(value: Value): Cell {
  return typeof value === 'object' ? value : { text: untrusted(String(value)) };
}
