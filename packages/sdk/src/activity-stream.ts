/**
 * The live activity as an async iteration (B-2), over the event stream of control. Works in Node and in the browser. It ends when
 * the connection does; who wants more calls it again, with the cursor of the last item.
 */
import { type ActivityItem, activityItemSchema, rawPaths } from '@atf/core/wire/api';
import { ControlAnswerInvalid, ControlUnreachable } from './control-refusal.ts';

const eventBytesMax = 262_144;

export interface ActivityStreamOptions {
  readonly baseUrl: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch?: typeof globalThis.fetch;
  readonly signal: AbortSignal;
  /** Cursor of the last item that is known: what came after it comes first. Absent: what happens from now on. */
  readonly after?: string | undefined;
  /**
   * Control passed over records, because this listener was too far behind. Told in the order of the stream, before the next item; everybody who
   * listens must say what that means: what happened up to `cursor` is found in `activity.list` only.
   */
  readonly onSkipped: (skipped: { readonly cursor: string }) => void;
}

/** Kind of the event by which control says that it passed over records; its id is the cursor of the last of them. */
const skippedEvent = 'skipped';

interface StreamEvent {
  readonly name: string;
  readonly id: string;
  readonly data: string;
}

/** Yields each item as it happens. @throws ControlUnreachable, ControlAnswerInvalid; an AbortError when the signal was fired */
export async function* activityStream(
  options: ActivityStreamOptions,
): AsyncGenerator<ActivityItem, void, undefined> {
  for await (const { name, id, data } of eventStream(options)) {
    if (name === skippedEvent) {
      options.onSkipped({ cursor: id });
      continue;
    }
    if (data === '') continue;
    const parsed = activityItemSchema.safeParse(jsonOf(data));
    // Unknown kinds of events (a newer control) are passed over; the stream itself stays readable.
    if (parsed.success) yield parsed.data;
  }
}

async function* eventStream(options: ActivityStreamOptions): AsyncGenerator<StreamEvent, void, undefined> {
  const send = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const url = `${options.baseUrl.replace(/\/+$/, '')}${rawPaths.activityStream}`;
  const { after } = options;
  const place = after === undefined ? {} : { 'last-event-id': after };
  const headers = { accept: 'text/event-stream', ...place, ...options.headers };
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
      for (const event of events) yield streamEventOf(event);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The fields of one event (WHATWG HTML §9.2.6); comments and heartbeats have none of them. */
function streamEventOf(event: string): StreamEvent {
  const lines = event.split(/\r?\n/);
  const valuesOf = (field: string) =>
    lines
      .filter((line) => line.startsWith(`${field}:`))
      .map((line) => line.slice(field.length + 1).replace(/^ /, ''));
  return {
    name: valuesOf('event').at(-1) ?? '',
    id: valuesOf('id').at(-1) ?? '',
    data: valuesOf('data').join('\n'),
  };
}

function jsonOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
