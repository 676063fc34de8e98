/**
 * Answers that are given on while they come (D-4): events, lines, long texts and bytes, each looked at on its way. They leave before their outcome can be on record, so they are only for
 * operations whose accepted document says so, and bounded in bytes, time and silence. What came of them, with length and digest, is recorded at their end.
 */
import type { DataRecord } from '@atf/core/record';
import type { SettingsDoc } from '@atf/core/wire/feed';
import type { Level } from '@atf/core/wire/words';
import { createHash } from 'node:crypto';
import type { KeepValues } from '../tokens.ts';
import { type AnswerHead } from './http-answer.ts';
import { SecretWatch } from './http-credential.ts';

export interface StreamBounds {
  readonly bytesMax: number;
  /** From the head to the end. */
  readonly wholeMs: number;
  /** Without a byte. */
  readonly idleMs: number;
}

export const streamBoundsDefault: StreamBounds = {
  bytesMax: 256 * 1_048_576,
  wholeMs: 600_000,
  idleMs: 60_000,
};

/** Whoever asked, as far as an answer can be streamed to it. */
export interface StreamSink {
  begin(head: AnswerHead): void;
  /** Resolves when more may come. Rejects when nobody takes it any more. */
  write(chunk: Uint8Array): Promise<void>;
}

/** `untold`: control did not take in time what the session would have read. */
export type CutReason = 'found' | 'too_long' | 'order' | 'untold';

export class StreamTooLargeError extends Error {}
export class StreamSecretError extends Error {}
export class StreamUnreadableError extends Error {}
/** Bytes that nobody can look into, for an agent that gets none. */
export class StreamUninspectedError extends Error {}

/** Something was found that this agent may not read and that could not be masked any more, it reads like an injected order, or what belongs together is too long to be looked at. */
export class StreamCutError extends Error {
  readonly why: CutReason;
  readonly data: DataRecord | undefined;

  constructor(why: CutReason, data: DataRecord | undefined) {
    super('the stream was cut');
    this.why = why;
    this.data = data;
  }
}

/** Looks at a stream before it leaves (../stream-look.ts): what may leave of what came. Rejects where nothing more may. */
export interface StreamLook {
  take(chunk: Uint8Array): Promise<Uint8Array>;
  end(): Promise<Uint8Array>;
  data(): DataRecord | undefined;
}

export interface ToLookAt {
  readonly head: AnswerHead;
  /** As the service names it; undefined: it does not. */
  readonly charset: string | undefined;
  /** Of the agent that reads it. */
  readonly level: Level;
  readonly settings: SettingsDoc | undefined;
  /** What of it becomes tokens; undefined: nothing. */
  readonly tokens: KeepValues | undefined;
  /** Has what was found belong to the session before any of it leaves; false: it does not. Absent: nothing leaves before all of it is here. */
  readonly onFound?: OnFound | undefined;
}

export type OnFound = (data: DataRecord) => Promise<boolean>;

/** The look at an answer, and its head as it may leave. @throws StreamUnreadableError */
export type LookAtStream = (of: ToLookAt) => { readonly head: AnswerHead; readonly look: StreamLook };

/** What has left. */
export interface Streamed {
  readonly bytes: number;
  /** SHA-256 in base64url. */
  readonly sha256: string;
}

/** Media types that are streamed: nothing in them is checked against a schema. */
export function isStreamed(type: string): boolean {
  return /^(?:text\/event-stream|application\/(?:octet-stream|x-ndjson|jsonl|json-seq|zip|gzip|pdf)|(?:audio|video|image)\/[a-z0-9.+-]+)$/.test(
    type,
  );
}

/** Gives a stream on, piece by piece. @throws whatever ends it early: the reason of its source, a bound, a sink that is gone */
export async function pump(
  source: ReadableStream<Uint8Array>,
  sink: StreamSink,
  { secrets, look }: { readonly secrets: readonly string[]; readonly look: StreamLook },
  { bytesMax, idleMs }: StreamBounds,
): Promise<Streamed> {
  const reader = source.getReader();
  const watch = new SecretWatch(secrets);
  const digest = createHash('sha256');
  let bytes = 0;
  const give = async (chunk: Uint8Array) => {
    if (chunk.byteLength === 0) return;
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new StreamTooLargeError('the stream is too long');
    digest.update(chunk);
    await within(sink.write(chunk), idleMs);
  };
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), idleMs);
      if (done) break;
      const passed = watch.take(value);
      if (passed === undefined) throw new StreamSecretError('the stream holds the credential');
      await give(await look.take(passed));
    }
    await give(await look.take(watch.rest()));
    await give(await look.end());
    return { bytes, sha256: digest.digest('base64url') };
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DOMException('silent for too long', 'TimeoutError')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
