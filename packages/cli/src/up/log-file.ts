/** What a plane writes to standard error: kept in a file of bounded size, with the last lines at hand for when it dies. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const bytesMax = 16 * 1_048_576;
const linesKeptMax = 60;
const lineLengthMax = 2_000;

export class LogFile {
  private handle: number | undefined;
  private readonly file: string;
  private bytes = 0;
  private rest = '';
  private readonly lines: string[] = [];

  constructor(file: string) {
    this.file = file;
  }

  /** Never throws: a full disk must not take the supervisor down with what it supervises. */
  write(chunk: Buffer): void {
    this.remember(chunk.toString('utf8'));
    try {
      this.handle ??= this.open();
      if (this.bytes + chunk.length > bytesMax) this.rotate();
      writeSync(this.handle, chunk);
      this.bytes += chunk.length;
    } catch {
      this.handle = undefined;
    }
  }

  /** The last lines that are sentences and not records of the log. */
  lastWords(): string {
    const lines = this.rest === '' ? this.lines : [...this.lines, this.rest];
    return lines
      .filter((line) => line.trim() !== '' && !line.startsWith('{'))
      .slice(-8)
      .join('\n');
  }

  /** Code of the catalogue in the newest record of an error, where there is one. */
  lastCode(): string | undefined {
    const records = this.lines.filter((line) => /"level":(?:50|60)/.test(line));
    return /"code":"([a-z]+\.[a-z_]+)"/.exec(records.at(-1) ?? '')?.[1];
  }

  close(): void {
    if (this.handle !== undefined) closeSync(this.handle);
    this.handle = undefined;
  }

  private open(): number {
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
    const handle = openSync(this.file, 'a', 0o600);
    this.bytes = fstatSync(handle).size;
    return handle;
  }

  private rotate(): void {
    this.close();
    renameSync(this.file, `${this.file}.1`);
    this.handle = this.open();
  }

  private remember(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = (lines.pop() ?? '').slice(0, lineLengthMax);
    this.lines.push(...lines.map((line) => line.slice(0, lineLengthMax)));
    this.lines.splice(0, Math.max(0, this.lines.length - linesKeptMax));
  }
}
