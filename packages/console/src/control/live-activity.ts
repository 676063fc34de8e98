/**
 * The live activity of this page: the SDK's stream, kept alive. It connects again when it breaks, says when what it shows may be
 * old, and rests while the page is hidden, since browsers allow six connections per host over HTTP/1.1.
 * It keeps no history: after a break or a gap, lists ask `activity.list` for what they missed.
 */
import type { ActivityItem } from '@atf/core/wire/api';
import { activityStream } from '@atf/sdk/activity-stream';
import { ControlAnswerInvalid } from '@atf/sdk/control-refusal';

export type LiveState = 'connecting' | 'live' | 'stale' | 'resting' | 'refused';

/** Silence after which what is shown may be old; control sends a heartbeat well within it. */
export const silenceMaxMs = 20_000;
const retryFirstMs = 500;
const retryMaxMs = 8_000;
const watchEveryMs = 1_000;
/** A stream that ended in order after at least this time is opened again at once. */
const plannedLifeMsMin = 60_000;

export interface LiveEvents {
  item(item: ActivityItem): void;
  state(state: LiveState): void;
  /** Connected again after a break, or control passed over records: what is on screen may have a gap. */
  resumed(): void;
}

export class LiveActivity {
  private readonly events: LiveEvents;
  private abort: AbortController | undefined;
  private heardAtMs = 0;
  private failures = 0;
  private connectedBefore = false;
  private stopped = true;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;

  constructor(events: LiveEvents) {
    this.events = events;
  }

  start(): void {
    this.stopped = false;
    document.addEventListener('visibilitychange', this.onVisibility);
    this.watch = setInterval(() => this.checkSilence(), watchEveryMs);
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    document.removeEventListener('visibilitychange', this.onVisibility);
    clearInterval(this.watch);
    clearTimeout(this.retry);
    this.abort?.abort();
  }

  private readonly onVisibility = (): void => {
    if (this.stopped) return;
    if (document.hidden) {
      clearTimeout(this.retry);
      this.abort?.abort();
      this.events.state('resting');
    } else {
      this.failures = 0;
      void this.connect();
    }
  };

  private checkSilence(): void {
    if (this.abort === undefined || this.abort.signal.aborted) return;
    if (performance.now() - this.heardAtMs <= silenceMaxMs) return;
    this.abort.abort();
    this.lost();
  }

  private lost(): void {
    if (this.stopped || document.hidden) return;
    this.events.state('stale');
    clearTimeout(this.retry);
    const waitMs = Math.min(retryMaxMs, retryFirstMs * 2 ** this.failures++);
    this.retry = setTimeout(() => void this.connect(), waitMs);
  }

  private async connect(): Promise<void> {
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    this.heardAtMs = performance.now();
    if (!this.connectedBefore) this.events.state('connecting');
    try {
      const items = activityStream({
        baseUrl: location.origin,
        signal: abort.signal,
        fetch: (input, init) => this.watched(input, init),
        onSkipped: () => this.events.resumed(),
      });
      const startMs = performance.now();
      for await (const item of items) this.events.item(item);
      if (abort.signal.aborted) return;
      // Control ends each stream after a while, to look at the session again: nothing is stale unless that fails.
      if (performance.now() - startMs > plannedLifeMsMin) void this.connect();
      else this.lost();
    } catch (error) {
      if (abort.signal.aborted) return;
      if (error instanceof ControlAnswerInvalid && error.status === 401) {
        this.stopped = true;
        this.events.state('refused');
      } else {
        this.lost();
      }
    }
  }

  /** Sees every chunk, so that heartbeats, which carry no item, count as life. */
  private async watched(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const response = await fetch(input, { ...init, cache: 'no-store' });
    if (response.status !== 200 || response.body === null) return response;
    this.failures = 0;
    this.events.state('live');
    // Also the first time: what happened between the lists that were loaded and this connection is in neither.
    this.events.resumed();
    this.connectedBefore = true;
    const tap = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (chunk, out) => {
        this.heardAtMs = performance.now();
        out.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(tap), { status: 200 });
  }
}
