/**
 * Room: activity. What happens, as it is signed into the log, as server-sent events: `GET /v1/activity/stream`. Each event's id is the place in
 * the log, so that a listener who comes back with `Last-Event-ID` misses nothing (up to a bound; then it is told to load the list).
 */
import { rawPaths } from '@atf/core/wire/api';
import { refuse } from '@atf/core/errors';
import type { ServerResponse } from 'node:http';
import type { Control } from '../context.ts';
import type { RoomPlugin } from '../server.ts';
import { leavesAt, type ReadableLog } from './log-reader.ts';
import { itemsOf } from './page.ts';

const listenersMax = 200;
/** Leaves sent in one go; a listener further behind than `behindMax` starts at the newest and is told so. */
const leavesPerRead = 256;
const behindMax = 2_000;
const heartbeatMs = 15_000;
/** A stream ends after this time; the page reconnects, and its session is checked again. */
const lifeMsMax = 600_000;
/** Bytes that may wait for a listener that does not read. */
const waitingBytesMax = 1_048_576;

class Listener {
  readonly control: Control;
  readonly log: ReadableLog;
  private readonly out: ServerResponse;
  private next: number;
  private sending = false;
  private again = false;

  constructor(control: Control, log: ReadableLog, out: ServerResponse, from: number) {
    this.control = control;
    this.log = log;
    this.out = out;
    this.next = from;
  }

  write(chunk: string): void {
    if (this.out.destroyed) return;
    if (this.out.writableLength > waitingBytesMax) {
      this.out.destroy();
      return;
    }
    this.out.write(chunk);
  }

  /** Sends what is new; calls while it sends are remembered, not queued. */
  wake(): void {
    if (this.sending) {
      this.again = true;
      return;
    }
    this.sending = true;
    this.send()
      .catch((fault: unknown) => {
        this.control.log.warn({ fault: fault instanceof Error ? fault.name : 'unknown' }, 'activity stream');
        this.out.destroy();
      })
      .finally(() => {
        this.sending = false;
        if (this.again) {
          this.again = false;
          this.wake();
        }
      });
  }

  private async send(): Promise<void> {
    for (;;) {
      const size = this.log.status().signedSize;
      if (this.next >= size || this.out.destroyed) return;
      if (size - this.next > behindMax) {
        this.next = size;
        this.write(`event: skipped\nid: ${size - 1}\ndata: {}\n\n`);
        return;
      }
      const until = Math.min(size, this.next + leavesPerRead);
      const places = Array.from({ length: until - this.next }, (_, at) => this.next + at);
      const items = await itemsOf(this.control, await leavesAt(this.log, places));
      for (const item of items) this.write(`id: ${item.cursor}\ndata: ${JSON.stringify(item)}\n\n`);
      this.next = until;
    }
  }
}

function startOf(lastEventId: unknown, size: number): number {
  return typeof lastEventId === 'string' && /^\d{1,15}$/.test(lastEventId)
    ? Math.min(size, Number(lastEventId) + 1)
    : size;
}

export function activityStream(control: Control, log: ReadableLog): RoomPlugin {
  const listeners = new Set<Listener>();
  const ends = new Set<() => void>();
  const unsubscribe = log.onSigned(() => {
    for (const listener of listeners) listener.wake();
  });
  return (app, scope) => {
    app.addHook('preClose', async () => {
      unsubscribe();
      for (const end of [...ends]) end();
    });
    app.get(rawPaths.activityStream, async (request, reply) => {
      await scope.authenticate(request, 'person');
      if (listeners.size >= listenersMax) refuse('request.overloaded', 'too many open streams');
      reply.hijack();
      const out = reply.raw;
      out.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      const listener = new Listener(
        control,
        log,
        out,
        startOf(request.headers['last-event-id'], log.status().signedSize),
      );
      const beat = setInterval(() => listener.write(': still here\n\n'), heartbeatMs);
      const life = setTimeout(() => out.end(), lifeMsMax);
      const end = () => out.end();
      listeners.add(listener);
      ends.add(end);
      out.on('close', () => {
        clearInterval(beat);
        clearTimeout(life);
        listeners.delete(listener);
        ends.delete(end);
      });
      listener.write('retry: 1000\n\n');
      listener.wake();
      return reply;
    });
  };
}
