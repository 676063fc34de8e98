/**
 * MCP over stdio on one side, Streamable HTTP to the gateway on the other: one line, one POST, the same bytes. Answers go back in
 * the order in which they come, as stdio allows. A cancelled request of the newer protocol is the end of its HTTP request. After the handshake of the older
 * protocol a GET stands beside the POSTs, for what the gateway tells of its own accord.
 */
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pauseFor } from 'node:timers/promises';
import { errorFrame, type Frame, frameBytesMax, headersFor, readFrame } from './frames.ts';

export interface StdioShim {
  /** `<gateway>/mcp/<server>`. */
  readonly address: string;
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  readonly input: Readable;
  readonly output: Writable;
  readonly stop: AbortSignal;
}

/** Messages under way at once; a host that sends more waits. */
const underWayMax = 64;
/** How long answers may still come when the host has closed its end, for hosts that are a pipe. */
const drainMs = 2_000;
/** Pause before a stream that ended is opened again; doubles up to the longest. */
const standAgainMs = 1_000;
const standAgainMsMax = 30_000;

/** Resolves when the host closes its end (or `stop` is fired) and all that was under way has been answered or cut. */
export async function serveStdio(shim: StdioShim): Promise<void> {
  const end = new AbortController();
  const session = new Session(shim, end.signal);
  const onStop = () => shim.input.destroy();
  shim.stop.addEventListener('abort', onStop, { once: true });
  try {
    for await (const line of linesOf(shim.input)) await session.take(line);
  } catch (error) {
    if (!shim.stop.aborted) throw error;
  } finally {
    shim.stop.removeEventListener('abort', onStop);
    const drained = setTimeout(() => end.abort(), shim.stop.aborted ? 0 : drainMs);
    await session.idle();
    clearTimeout(drained);
    end.abort();
  }
}

class Session {
  private readonly shim: StdioShim;
  private readonly end: AbortSignal;
  private readonly underWay = new Map<string | number, AbortController>();
  private readonly work = new Set<Promise<void>>();
  /** Version of the handshake; newer messages name their own. */
  private negotiated: string | undefined;
  private standing = false;

  constructor(shim: StdioShim, end: AbortSignal) {
    this.shim = shim;
    this.end = end;
  }

  async take(line: string): Promise<void> {
    const frame = line.length > frameBytesMax ? undefined : readFrame(line);
    if (frame === undefined) {
      this.write(errorFrame(undefined, 'Not one JSON-RPC message'));
      return;
    }
    if (frame.method === 'notifications/cancelled') this.cancel(frame);
    while (this.work.size >= underWayMax) await Promise.race(this.work);
    const work = this.carry(line, frame).finally(() => this.work.delete(work));
    this.work.add(work);
    // The handshake settles the version that later messages name in their header.
    if (frame.method === 'initialize') await work;
    if (frame.method === 'notifications/initialized' && frame.version === undefined) this.stand();
  }

  /** Keeps a stream open until the host goes, or the gateway says that there is none for it. */
  private stand(): void {
    if (this.standing) return;
    this.standing = true;
    void this.standOnce(1).finally(() => {
      this.standing = false;
    });
  }

  private async standOnce(attempt: number): Promise<void> {
    const version = this.negotiated === undefined ? {} : { 'mcp-protocol-version': this.negotiated };
    const sinceMs = performance.now();
    try {
      const response = await this.shim.fetch(this.shim.address, {
        method: 'GET',
        headers: { accept: 'text/event-stream', ...version },
        signal: this.end,
      });
      if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
        await response.body?.cancel();
        if (response.status < 500) return;
      } else for await (const data of eventsOf(response)) this.write(data);
    } catch {
      // It is opened again, as long as somebody is there.
    }
    const lasted = performance.now() - sinceMs > standAgainMsMax;
    const next = lasted ? 1 : attempt + 1;
    await pauseFor(Math.min(standAgainMs * 2 ** (next - 1), standAgainMsMax), undefined, {
      signal: this.end,
      ref: false,
    }).catch(() => undefined);
    if (!this.end.aborted) await this.standOnce(next);
  }

  async idle(): Promise<void> {
    await Promise.allSettled(this.work);
  }

  private cancel({ params, version }: Frame): void {
    const { requestId } = params;
    // In the older protocol the notification itself is carried to the gateway; there the request must stay open for its answer.
    if (version !== undefined && (typeof requestId === 'string' || typeof requestId === 'number'))
      this.underWay.get(requestId)?.abort();
  }

  private async carry(line: string, frame: Frame): Promise<void> {
    const abort = new AbortController();
    const isRequest = frame.id !== undefined && frame.method !== undefined;
    if (isRequest) this.underWay.set(frame.id, abort);
    try {
      const response = await this.shim.fetch(this.shim.address, {
        method: 'POST',
        body: line,
        headers: headersFor(frame, this.negotiated),
        signal: AbortSignal.any([abort.signal, this.end]),
      });
      await this.answer(response, frame, isRequest);
    } catch (error) {
      if (isRequest && !abort.signal.aborted && !this.end.aborted)
        this.write(errorFrame(frame.id, reasonOf(error)));
    } finally {
      if (isRequest && this.underWay.get(frame.id) === abort) this.underWay.delete(frame.id);
    }
  }

  private async answer(response: Response, frame: Frame, isRequest: boolean): Promise<void> {
    const type = response.headers.get('content-type') ?? '';
    if (type.startsWith('text/event-stream')) {
      for await (const data of eventsOf(response)) this.write(data);
      return;
    }
    const text = (await response.text()).trim();
    if (frame.method === 'initialize' && response.ok) this.negotiated = versionOf(text);
    if (!isRequest) return;
    // A message of the protocol is passed on as it is, whatever the HTTP status; anything else becomes one.
    if (isAnswer(text)) this.write(text);
    else
      this.write(errorFrame(frame.id, problemText(text) ?? `The gateway answered HTTP ${response.status}`));
  }

  private write(text: string): void {
    // A line break inside a message would end it; JSON allows them only between values, where a space says the same.
    this.shim.output.write(`${/[\r\n]/.test(text) ? JSON.stringify(JSON.parse(text)) : text}\n`);
  }
}

async function* linesOf(input: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of input as AsyncIterable<Buffer>) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > 2 * frameBytesMax) throw new RangeError('a message is longer than the shim carries');
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (rest.trim() !== '') yield rest;
}

async function* eventsOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > 2 * frameBytesMax) throw new RangeError('an event is longer than the shim carries');
    const events = rest.split(/\r?\n\r?\n/);
    rest = events.pop() ?? '';
    for (const event of events) {
      const data = event
        .split(/\r?\n/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart());
      if (data.join('') !== '') yield data.join('\n');
    }
  }
}

function isAnswer(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'jsonrpc' in value;
  } catch {
    return false;
  }
}

function versionOf(text: string): string | undefined {
  try {
    const version = (JSON.parse(text) as { result?: { protocolVersion?: unknown } }).result?.protocolVersion;
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

/** Title, detail and help of a problem document (RFC 9457). */
function problemText(text: string): string | undefined {
  try {
    const { title, detail, help } = JSON.parse(text) as { title?: unknown; detail?: unknown; help?: unknown };
    const parts = [title, detail, help].filter((part): part is string => typeof part === 'string');
    return parts.length === 0 ? undefined : parts.join(' – ');
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return `The gateway cannot be reached: ${cause instanceof Error ? cause.message : 'network error'}`;
}
