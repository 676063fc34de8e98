/**
 * Room: feed. One gateway's end of the feed: reads its frames strictly, sends ours with bounded patience. A gateway that sends nonsense,
 * floods, or does not read is cut off; it then counts as stale and refuses on its own (invariant 3).
 */
import { type GatewayFrame, gatewayFrameSchema } from '@atf/core/wire/feed';
import { parseStrict } from '@atf/core/wire/json';
import type { RawData, WebSocket } from 'ws';

export const gatewayFrameBytesMax = 16_384;
/** Bytes that may wait for a gateway to read them. */
export const bufferedBytesMax = 16 * 1_048_576;
const helloTimeoutMs = 5_000;
const drainTimeoutMs = 10_000;
/** Frames that one gateway may send in one second: beats come five a second. */
const framesPerSecondMax = 200;

/** WebSocket close codes (RFC 6455 §7.4.1; 4000 and up are ours). */
export const closeCodes = {
  goingAway: 1_001,
  protocol: 1_002,
  tooSlow: 4_408,
  replaced: 4_409,
  revoked: 4_403,
} as const;

export interface ConnectionEvents {
  frame(connection: FeedConnection, frame: GatewayFrame): void;
  closed(connection: FeedConnection): void;
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

export class FeedConnection {
  readonly gatewayId: string;
  /** Newest version that was sent. */
  cursor = 0;
  /** Caught up: new documents reach it as they are committed. */
  live = false;
  private readonly socket: WebSocket;
  private readonly events: ConnectionEvents;
  private readonly helloTimer: NodeJS.Timeout;
  private greeted = false;
  private second = 0;
  private framesInSecond = 0;

  constructor(gatewayId: string, socket: WebSocket, events: ConnectionEvents) {
    this.gatewayId = gatewayId;
    this.socket = socket;
    this.events = events;
    this.helloTimer = setTimeout(() => this.close(closeCodes.protocol), helloTimeoutMs);
    socket.on('message', (data, binary) => this.receive(data, binary));
    socket.on('close', () => {
      clearTimeout(this.helloTimer);
      this.live = false;
      events.closed(this);
    });
    // The close event follows; there is nothing to add.
    socket.on('error', () => undefined);
  }

  private receive(data: RawData, binary: boolean): void {
    const second = Math.floor(performance.now() / 1_000);
    this.framesInSecond = second === this.second ? this.framesInSecond + 1 : 1;
    this.second = second;
    if (binary || this.framesInSecond > framesPerSecondMax) return this.close(closeCodes.protocol);
    const parsed = parseStrict(bytesOf(data), { bytesMax: gatewayFrameBytesMax, depthMax: 4, valuesMax: 64 });
    const frame = parsed.ok ? gatewayFrameSchema.safeParse(parsed.value) : undefined;
    if (frame === undefined || !frame.success) return this.close(closeCodes.protocol);
    // Exactly one hello, and it comes first.
    if ((frame.data.t === 'hello') === this.greeted) return this.close(closeCodes.protocol);
    if (frame.data.t === 'hello') {
      this.greeted = true;
      clearTimeout(this.helloTimer);
    }
    this.events.frame(this, frame.data);
  }

  get open(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  /** Sends or, when too much waits unread, cuts off. False: not sent. */
  send(text: string): boolean {
    if (!this.open) return false;
    if (this.socket.bufferedAmount + text.length > bufferedBytesMax) {
      this.close(closeCodes.tooSlow);
      return false;
    }
    this.socket.send(text);
    return true;
  }

  /** Sends and resolves when the system has taken it all; cuts a gateway off that does not read for {@link drainTimeoutMs}. */
  async sendDrained(text: string): Promise<boolean> {
    if (!this.open) return false;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.close(closeCodes.tooSlow);
        resolve(false);
      }, drainTimeoutMs);
      this.socket.send(text, (fault) => {
        clearTimeout(timer);
        resolve(fault === undefined || fault === null);
      });
    });
  }

  close(code: number): void {
    this.live = false;
    if (this.socket.readyState === this.socket.CLOSED) return;
    this.socket.close(code);
    // Whoever does not read will not answer a close frame either.
    if (code === closeCodes.tooSlow || code === closeCodes.protocol) this.socket.terminate();
  }

  terminate(): void {
    this.live = false;
    this.socket.terminate();
  }
}
