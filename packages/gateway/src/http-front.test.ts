/** What leaves while it comes: it ends with the credential that it leaves for. */
import { expect, it, onTestFinished, vi } from 'vitest';
import { type AnswerStream, HttpFront } from './http-front.ts';
import type { Understanding } from './protocols/http-door.ts';
import type { StreamSink } from './protocols/http-stream.ts';
import { bench, senior } from './testing/ports.fixture.ts';

it('a streamed answer is cut when its credential ends, and only then', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const on = bench();
  on.upstream.gate.closed = true;
  const sinks = Promise.withResolvers<StreamSink>();
  const front = new HttpFront({
    // The office is no HTTP service: what is looked at here is the life of the stream.
    pipeline: {
      ...on.pipeline,
      call: (credential, { protocol: _, ...call }, gone) => on.pipeline.call(credential, call, gone),
    },
    services: {
      streamTo: (_, sink) => {
        sinks.resolve(sink);
        return () => undefined;
      },
      uploadFrom: () => () => undefined,
    },
    snapshot: on.snapshot,
  });
  const begun: number[] = [];
  const stream: AnswerStream = { begin: ({ status }) => begun.push(status), write: async () => undefined };
  const http = { method: 'GET', path: '/look', parameters: [], answers: [] } as const;
  const understanding = { operation: { tool: 'look', http }, path: new Map() } as unknown as Understanding;
  const address = { server: 'office', path: '/look', query: undefined };
  const asked = { method: 'GET', rawHeaders: [], address: address as never };
  const gone = new AbortController().signal;
  const credential = { ...senior, expiresAtMs: on.clock.nowMs() + 5_000 };
  const finished = front.finish(credential, understanding, asked, { body: new Uint8Array(), gone, stream });
  const sink = await sinks.promise;
  await vi.advanceTimersByTimeAsync(0);
  expect(on.upstream.effects).toHaveLength(1);
  sink.begin({ status: 200, headers: {} } as never);
  expect(begun).toEqual([200]);
  await vi.advanceTimersByTimeAsync(4_900);
  expect(on.pipeline.calls.size).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  const ended = await finished;
  expect(on.spool.types().at(-1)).toBe('action.outcome aborted');
  const told = 'body' in ended ? Buffer.from(ended.body ?? []).toString() : '';
  expect(told).toContain('identity.credential_expired');
  expect(on.pipeline.calls.size).toBe(0);
});
