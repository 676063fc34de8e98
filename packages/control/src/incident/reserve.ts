/**
 * Room: incident (R-2, invariant 1). Stops that act before their record exists: one line each in `<dataDir>/stop.json`, on space that was
 * taken from the disk in advance, so that a full disk does not keep a stop from surviving a restart. A line stays until its stop is in the
 * database. A file that cannot be understood stops the fleet: somebody wanted something stopped.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { containmentDocSchema } from '@atf/core/wire/feed';
import { parseStrictText } from '@atf/core/wire/json';
import { uuidSchema } from '@atf/core/wire/words';
import { z } from 'zod';

export const reserveFileName = 'stop.json';
/** Bytes taken in advance. */
export const reserveBytes = 65_536;
/** Lines that fit with certainty; more are folded into one that stops the fleet. */
const linesMax = 20;
const lineBytesMax = 3_000;

const pendingSchema = z.strictObject({
  id: uuidSchema,
  key: z.string().max(400),
  doc: containmentDocSchema,
  byId: z.string().max(100),
  /** The forced half of the graceful stop that stands under the key since then; it counts only while that one stands. */
  completes: z.literal(true).optional(),
});
/** A stop that is in force and not yet in the database. */
export type PendingStop = z.infer<typeof pendingSchema>;

export type ReserveRead =
  | { readonly ok: true; readonly stops: readonly PendingStop[] }
  | { readonly ok: false };

/** Reads the file; `ok: false` when it is there and cannot be understood. */
export function readReserve(dataDir: string): ReserveRead {
  let text: string;
  try {
    text = readFileSync(join(dataDir, reserveFileName), 'utf8');
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).code === 'ENOENT' ? { ok: true, stops: [] } : { ok: false };
  }
  const stops: PendingStop[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const parsed = parseStrictText(line, { bytesMax: lineBytesMax, depthMax: 4, valuesMax: 40 });
    const pending = parsed.ok ? pendingSchema.safeParse(parsed.value) : undefined;
    if (pending?.success !== true) return { ok: false };
    stops.push(pending.data);
  }
  return { ok: true, stops };
}

/** The open file. Every write is whole, in place, and on disk when it returns. */
export class StopReserve {
  readonly #fd: number;
  #pending: readonly PendingStop[] = [];

  /** @throws when the space cannot be taken: then nothing may start that could need to be stopped. */
  constructor(dataDir: string) {
    this.#fd = openSync(join(dataDir, reserveFileName), constants.O_RDWR | constants.O_CREAT, 0o600);
    const had = Buffer.alloc(reserveBytes, ' ');
    const read = readSync(this.#fd, had, 0, reserveBytes, 0);
    // What was there stays; the rest becomes blanks that are really on the disk.
    had.fill(' ', read);
    writeSync(this.#fd, had, 0, reserveBytes, 0);
    fsyncSync(this.#fd);
    const folder = openSync(dirname(join(dataDir, reserveFileName)), constants.O_RDONLY);
    fsyncSync(folder);
    closeSync(folder);
  }

  get pending(): readonly PendingStop[] {
    return this.#pending;
  }

  /** Synchronous: nothing else runs before the stop is on disk. @throws when the disk refuses. */
  add(stop: PendingStop): void {
    this.#set([...this.#pending.filter((other) => other.id !== stop.id), stop]);
  }

  done(id: string): void {
    if (this.#pending.some((stop) => stop.id === id))
      this.#set(this.#pending.filter((stop) => stop.id !== id));
  }

  #set(stops: readonly PendingStop[]): void {
    this.#pending = stops;
    const [first] = stops;
    const kept = stops.length <= linesMax || first === undefined ? stops : [everything(first)];
    const text = kept
      .map(
        (stop) =>
          `${JSON.stringify({ ...stop, doc: { ...stop.doc, reason: stop.doc.reason.slice(0, 180), by: stop.doc.by.slice(0, 100), ...(stop.doc.label === undefined ? {} : { label: stop.doc.label.slice(0, 60) }) } })}\n`,
      )
      .join('');
    const bytes = Buffer.alloc(reserveBytes, ' ');
    bytes.write(text);
    writeSync(this.#fd, bytes, 0, reserveBytes, 0);
    fdatasyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function everything(stop: PendingStop): PendingStop {
  const scope = { kind: 'fleet', id: '*' } as const;
  return {
    ...stop,
    key: 'fleet:*',
    doc: { ...stop.doc, scope, reason: 'Too many stops could not be recorded; everything is stopped.' },
  };
}
