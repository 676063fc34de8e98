/**
 * A tool server as a child process, one JSON-RPC message per line (segmentation S-1, incident R-2).
 *
 * The process gets its own group, so that stopping it stops its descendants as well; an environment of exactly what the
 * host's file says; and a bounded line. What it writes to stderr is counted and dropped: it may hold anything.
 * It does not restart anything; whoever holds the connection does.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { isJsonObject, type Json, type JsonObject, parseStrict } from '@atf/core/wire/json';
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { costOf, Pace, readingPace } from './pace.ts';

export type StdioCommand = {
  /** Absolute path of the program, or a name when `env` holds a PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment; nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>;
};

export type StdioBounds = {
  /** One message of the server, in bytes. */
  readonly lineBytesMax: number;
  readonly depthMax: number;
  readonly valuesMax: number;
  /** Bytes waiting for a server that does not read; beyond it a call is not sent. */
  readonly unsentBytesMax: number;
};

/** Why the connection ended, when it was not asked to. */
export type StdioEnd = 'exited' | 'garbage' | 'oversized' | 'killed';

/** Marks the error that this transport answers in the server's place when a result is too large; compared by identity. */
export const oversizedMark: Readonly<{ reason: string }> = Object.freeze({ reason: 'oversized' });

/** Lines of a banner that a server may print before its first message; afterwards such a line ends the connection. */
const bannerLinesMax = 32;
const edgeBytes = 256;
const closeGraceMs = 1_000;
const drainMs = 250;
const newline = 0x0a;

export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** Bytes of stderr that were dropped so far. */
  stderrBytes = 0;
  end: StdioEnd | undefined;

  readonly #command: StdioCommand;
  readonly #bounds: StdioBounds;
  readonly #pace = new Pace(readingPace);
  /** What came and is read later, while the server is left alone for a moment. */
  #resting: { readonly left: Buffer[]; readonly timer: NodeJS.Timeout } | undefined;
  /** It has exited: what it still wrote is read at once. */
  #gone = false;
  #child: ChildProcessByStdio<Writable, Readable, Readable> | undefined;
  #exited: Promise<void> = Promise.resolve();
  #chunks: Buffer[] = [];
  #lineBytes = 0;
  /** First bytes of a line that is too long, while its rest is dropped. */
  #oversizedHead: Buffer | undefined;
  #tail: Buffer = Buffer.alloc(0);
  #bannerLines = 0;
  #spoke = false;
  #closeTold = false;

  constructor(command: StdioCommand, bounds: StdioBounds) {
    this.#command = command;
    this.#bounds = bounds;
  }

  /** Present so that the SDK treats a silent server on a pipe as one that awaits `initialize`. */
  get stderr(): null {
    return null;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): Promise<void> {
    const { command, args, cwd, env } = this.#command;
    const child = spawn(command, [...args], {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
      shell: false,
    });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    const errorPace = new Pace(readingPace);
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderrBytes += chunk.byteLength;
      const restMs = errorPace.spend(costOf(1, chunk.byteLength), performance.now());
      if (restMs === 0) return;
      child.stderr.pause();
      setTimeout(() => child.stderr.resume(), restMs).unref();
    });
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined);
    this.#exited = new Promise((resolve) => {
      const finish = () => {
        this.end ??= 'exited';
        // Whoever left the group and holds the pipe writes to nobody.
        child.stdout.destroy();
        child.stderr.destroy();
        this.#tellClose();
        resolve();
      };
      child.once('error', finish);
      // What the server still wrote is read first; a descendant that left the group must not hold the pipe for long.
      child.once('close', finish);
      child.once('exit', () => {
        this.#gone = true;
        this.#readOn();
        this.#signalGroup(child.pid);
        setTimeout(finish, drainMs).unref();
      });
    });
    return new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', () => reject(new Error('the program of the tool server cannot be started')));
    });
  }

  send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (stdin === undefined || this.end !== undefined || !stdin.writable)
      return Promise.reject(new Error('the tool server is gone'));
    if (stdin.writableLength > this.#bounds.unsentBytesMax)
      return Promise.reject(new Error('the tool server does not read'));
    // A pipe that is full does not hold the caller: its call is cut by its own timeout.
    stdin.write(`${JSON.stringify(message)}\n`);
    return Promise.resolve();
  }

  /** Certain and immediate: SIGKILL to the whole process group; calls under way fail in this tick. */
  kill(end: StdioEnd = 'killed'): void {
    if (this.end === undefined) this.end = end;
    this.#signalGroup(
      this.#child?.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined,
    );
    this.#tellClose();
  }

  /** Asks by closing stdin, as the stdio binding says, then kills. Resolves once the process is gone. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.end ??= 'killed';
    child.stdin.end();
    const grace = new Promise<void>((resolve) => setTimeout(resolve, closeGraceMs).unref());
    await Promise.race([this.#exited, grace]);
    if (child.exitCode === null && child.signalCode === null) this.#signalGroup(child.pid);
    await this.#exited;
    this.#tellClose();
  }

  /** Resolves once the process is gone. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  #signalGroup(pid: number | undefined): void {
    if (pid === undefined) return;
    try {
      if (process.platform === 'win32') process.kill(pid, 'SIGKILL');
      else process.kill(-pid, 'SIGKILL');
    } catch {
      // Nobody is left in the group.
    }
  }

  #tellClose(): void {
    if (this.#closeTold) return;
    this.#closeTold = true;
    this.onclose?.();
  }

  #read(chunk: Buffer): void {
    // A process that exits has all of its pipe read, paused or not.
    if (this.#resting !== undefined) return void this.#resting.left.push(chunk);
    for (let start = 0; this.end === undefined && start < chunk.byteLength; ) {
      const at = chunk.indexOf(newline, start);
      const isWhole = at !== -1;
      const part = chunk.subarray(start, isWhole ? at : undefined);
      this.#collect(part);
      if (isWhole) this.#line();
      start += part.byteLength + (isWhole ? 1 : 0);
      const restMs = this.#pace.spend(costOf(isWhole ? 1 : 0, part.byteLength), performance.now());
      if (restMs > 0 && !this.#gone) return this.#rest(chunk.subarray(start), restMs);
    }
  }

  /** Reads on later, first what is `left`; until then the server's pipe fills. */
  #rest(left: Buffer, restMs: number): void {
    this.#child?.stdout.pause();
    this.#resting = { left: [left], timer: setTimeout(() => this.#readOn(), restMs).unref() };
  }

  #readOn(): void {
    if (this.#resting === undefined) return;
    const { left, timer } = this.#resting;
    clearTimeout(timer);
    this.#resting = undefined;
    this.#child?.stdout.resume();
    for (const chunk of left) this.#read(chunk);
  }

  #collect(part: Buffer): void {
    if (part.byteLength === 0) return;
    this.#lineBytes += part.byteLength;
    if (this.#oversizedHead === undefined && this.#lineBytes > this.#bounds.lineBytesMax) {
      this.#oversizedHead = Buffer.concat(this.#chunks).subarray(0, edgeBytes);
      this.#chunks = [];
    }
    if (this.#oversizedHead === undefined) {
      this.#chunks.push(part);
      return;
    }
    if (this.#oversizedHead.byteLength === 0) this.#oversizedHead = Buffer.from(part.subarray(0, edgeBytes));
    this.#tail = Buffer.from(Buffer.concat([this.#tail, part]).subarray(-edgeBytes));
  }

  #line(): void {
    const head = this.#oversizedHead;
    const [chunks, tail] = [this.#chunks, this.#tail];
    const empty = this.#lineBytes === 0;
    this.#chunks = [];
    this.#tail = Buffer.alloc(0);
    this.#oversizedHead = undefined;
    this.#lineBytes = 0;
    if (empty) return;
    if (head !== undefined) return this.#oversized(head.toString('latin1'), tail.toString('latin1'));
    const parsed = parseStrict(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), {
      bytesMax: this.#bounds.lineBytesMax,
      depthMax: this.#bounds.depthMax,
      valuesMax: this.#bounds.valuesMax,
    });
    if (parsed.ok && isMessage(parsed.value)) {
      this.#spoke = true;
      this.onmessage?.(parsed.value);
      return;
    }
    if (!this.#spoke && ++this.#bannerLines <= bannerLinesMax) return;
    this.kill('garbage');
  }

  /**
   * Finds whose answer was too large without reading it: SDKs write the id last or right after the version. A server that
   * lies about it hurts only its own calls. Without an id there is nothing to go on with.
   */
  #oversized(head: string, tail: string): void {
    const id =
      /,"id":(\d{1,15})\}\s*$/.exec(tail)?.[1] ?? /^\{"jsonrpc":"2\.0","id":(\d{1,15}),/.exec(head)?.[1];
    if (id === undefined) return this.kill('oversized');
    const error = { code: -32_000, message: 'the result is too large', data: oversizedMark };
    this.onmessage?.({ jsonrpc: '2.0', id: Number(id), error });
  }
}

function isMessage(value: Json): value is JSONRPCMessage & JsonObject {
  if (!isJsonObject(value) || value.jsonrpc !== '2.0') return false;
  if (typeof value.method === 'string') return !Object.hasOwn(value, 'params') || isJsonObject(value.params);
  const { result, error } = value;
  return (
    isJsonObject(result) ||
    (isJsonObject(error) && typeof error.code === 'number' && typeof error.message === 'string')
  );
}
