/**
 * The live activity as an async iteration (B-2), over the event stream of control. Works in Node and in the browser. It ends when
 * the connection does; who wants more calls it again and gets what happened meanwhile from `activity.list`.
 */
import { type ActivityItem, activityItemSchema, rawPaths } from '@atf/core/wire/api';
import { ControlAnswerInvalid, ControlUnreachable } from './control-refusal.ts';

const eventBytesMax = 262_144;

export interface ActivityStreamOptions {
  readonly baseUrl: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch?: typeof globalThis.fetch;
  readonly signal: AbortSignal;
}

/** Yields each item as it happens. @throws ControlUnreachable, ControlAnswerInvalid; an AbortError when the signal was fired */
export async function* activityStream(
  options: ActivityStreamOptions,
): AsyncGenerator<ActivityItem, void, undefined> {
  for await (const data of eventStream(options)) {
    const parsed = activityItemSchema.safeParse(jsonOf(data));
    // Unknown kinds of events (a newer control) are passed over; the stream itself stays readable.
    if (parsed.success) yield parsed.data;
  }
}

async function* eventStream(options: ActivityStreamOptions): AsyncGenerator<string, void, undefined> {
  const send = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const url = `${options.baseUrl.replace(/\/+$/, '')}${rawPaths.activityStream}`;
  const headers = { accept: 'text/event-stream', ...options.headers };
  const response = await send(url, {
    headers,
    credentials: 'same-origin',
    redirect: 'error',
    signal: options.signal,
  }).catch((cause: unknown) => {
    if (options.signal.aborted) throw cause;
    throw new ControlUnreachable(options.baseUrl, false, cause);
  });
  if (response.status !== 200 || response.body === null)
    throw new ControlAnswerInvalid('activity stream', response.status, 'no event stream');
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const events = text.split(/\r?\n\r?\n/);
      text = events.pop() ?? '';
      if (text.length > eventBytesMax)
        throw new ControlAnswerInvalid('activity stream', 200, 'an event is too long');
      for (const event of events) {
        const data = dataOf(event);
        if (data !== '') yield data;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The `data` lines of one event (WHATWG HTML §9.2.6); comments and heartbeats have none. */
function dataOf(event: string): string {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'));
  return lines.map((line) => line.slice(line.startsWith('data: ') ? 6 : 5)).join('\n');
}

function jsonOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
