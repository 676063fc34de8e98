/**
 * The gateway's end of the feed (R-2, invariants 2, 3 and 7; wire/feed.ts): documents into the snapshot, nonce beats into the lease, stops
 * acted on in the tick in which their frame arrives. What is not understood makes the gateway stale. When the connection drops the
 * snapshot stays, and serves until the lease is over.
 */
import type { DecideTimes } from './decide-times.ts';
import {
  type ContainmentDoc,
  type ControlFrame,
  controlFrameSchema,
  type Drain,
  drainingMax,
  feedFrameBytesMax,
  type GatewayFrame,
  heartbeatEveryMs,
  leaseMs,
  wireHeader,
  wireVersion,
} from '@atf/core/wire/feed';
import { type Silent, silentMax } from '@atf/core/wire/silent';
import { errors } from '@atf/core/errors';
import { containmentKey } from '@atf/core/incident/scope-id';
import { rawPaths } from '@atf/core/wire/api';
import { parseStrict } from '@atf/core/wire/json';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { type Lease, LeaseWatch } from './lease.ts';
import type { ClockPort } from './ports.ts';
import type { Snapshot } from './snapshot.ts';
import type { SpoolHead } from './spool.ts';
import { stopFileReport } from './stop-file.ts';
import type { Stopper } from './stop.ts';
import { type ControlTls, untrusted } from './tls.ts';

const frameBounds = { bytesMax: feedFrameBytesMax, depthMax: 200, valuesMax: 2_000_000 };
const handshakeTimeoutMs = 5_000;
const reconnectFirstMs = 50;
const reconnectLastMs = 2_000;
/** A connection whose beats stay unanswered this long is given up. */
const silenceMsMax = 3 * leaseMs;
const noncesMax = 64;
/** What is read of a refusal. */
const refusalBytesMax = 8_192;
/** How often the lease is looked at, so that calls under way are cut in time. */
const watchEveryMs = 50;

export interface FeedInput {
  /** Addresses of control, `http:` or `https:`, without a trailing slash: one or more replicas. */
  readonly controlUrls: readonly string[];
  readonly authorization: (method: string, url: string) => string;
  /** For addresses with `https:`. */
  readonly tls?: ControlTls | undefined;
  readonly snapshot: Snapshot;
  readonly lease: Lease;
  readonly stopper: Stopper;
  readonly clock: ClockPort;
  readonly random: (bytes: number) => Uint8Array;
  readonly spoolHead: () => SpoolHead;
  /** How long decisions took; undefined before the first. */
  readonly decideTimes?: () => DecideTimes | undefined;
  /** Own services and models that do not answer. */
  readonly silent?: () => readonly Silent[];
  readonly version: string;
  readonly mcpUrl: string;
  /** What happened, for the operator's log; holds no content. */
  readonly onState: (
    state:
      | 'connected'
      | 'lost'
      | 'complete'
      | 'not_understood'
      | 'revoked'
      | 'refused'
      | 'lease_lost'
      | 'rewound',
    detail?: string,
  ) => void;
}

interface Beat {
  readonly sentMs: number;
  readonly have: number;
}

export class Feed {
  readonly #input: FeedInput;
  readonly #nonces = new Map<string, Beat>();
  readonly #timers: NodeJS.Timeout[] = [];
  #socket: WebSocket | undefined;
  #have = 0;
  /** A beat that attests more than is held here: it counts once the documents are here. */
  #owed: { readonly sentMs: number; readonly version: number } | undefined;
  #heardMs = 0;
  #attempts = 0;
  /** The replica that is spoken to, or is tried next. */
  #at = 0;
  #reconnect: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #leaseWatch = new LeaseWatch({ everyMs: watchEveryMs, leaseMs });

  constructor(input: FeedInput) {
    this.#input = input;
  }

  start(): void {
    this.#connect();
    this.#timers.push(setInterval(() => this.#beat(), heartbeatEveryMs));
    this.#timers.push(setInterval(() => this.#watch(), watchEveryMs));
  }

  get connected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#reconnect);
    this.#socket?.terminate();
  }

  #connect(): void {
    const { controlUrls, authorization, version, mcpUrl, lease, clock, onState } = this.#input;
    const controlUrl = controlUrls[this.#at % controlUrls.length] ?? '';
    const url = `${controlUrl}${rawPaths.feed}`;
    const socket = new WebSocket(url.replace(/^http/, 'ws'), {
      headers: { authorization: authorization('GET', url), [wireHeader]: String(wireVersion) },
      maxPayload: feedFrameBytesMax,
      perMessageDeflate: false,
      handshakeTimeout: handshakeTimeoutMs,
      followRedirects: false,
      ...this.#input.tls,
    });
    this.#socket = socket;
    socket.on('open', () => {
      this.#nonces.clear();
      this.#owed = undefined;
      this.#heardMs = clock.monotonicMs();
      lease.restart();
      this.#send({ t: 'hello', have: this.#have, version, mcpUrl });
      this.#beat();
      onState('connected', controlUrl);
    });
    socket.on('message', (data, binary) => {
      if (socket === this.#socket) this.#receive(data as Buffer, binary);
    });
    socket.on('unexpected-response', (_request, response) => void this.#refused(socket, response));
    // The close event follows and says all else there is to say.
    let distrusted: string | undefined;
    socket.on('error', (fault) => {
      distrusted = untrusted(fault);
    });
    socket.on('close', () => {
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      onState('lost', distrusted);
      // Another replica may be there at once.
      this.#at++;
      this.#later();
    });
  }

  /** Control says why it does not take this gateway: revoked, too old, too new. An operator must know; the gateway tries on. */
  async #refused(socket: WebSocket, response: IncomingMessage): Promise<void> {
    const parts: Buffer[] = [];
    let bytes = 0;
    // Whoever answers byte by byte must not keep the gateway from trying elsewhere.
    const late = setTimeout(() => response.destroy(), handshakeTimeoutMs);
    try {
      for await (const part of response as AsyncIterable<Buffer>) {
        bytes += part.length;
        if (bytes > refusalBytesMax) break;
        parts.push(part);
      }
    } catch {
      // Cut off half-way: its status says enough.
    }
    clearTimeout(late);
    const parsed = parseStrict(Buffer.concat(parts));
    const { code } = (parsed.ok ? (parsed.value ?? {}) : {}) as { code?: unknown };
    const known =
      typeof code === 'string' && Object.hasOwn(errors, code) ? (code as keyof typeof errors) : undefined;
    const said = known === undefined ? undefined : errors[known];
    this.#input.onState(
      'refused',
      said === undefined ? `status ${response.statusCode}` : `${known}: ${said.title}. ${said.help}`,
    );
    socket.terminate();
  }

  #later(): void {
    if (this.#closed) return;
    const [byte = 0] = this.#input.random(1);
    const spreadMs = Math.min(reconnectLastMs, reconnectFirstMs * 2 ** Math.min(this.#attempts++, 10));
    this.#reconnect = setTimeout(() => this.#connect(), spreadMs * (0.5 + byte / 512));
  }

  #send(frame: GatewayFrame): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #beat(): void {
    const { clock, random, spoolHead } = this.#input;
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const sentMs = clock.monotonicMs();
    if (sentMs - this.#heardMs > silenceMsMax) return this.#socket.terminate();
    const nonce = Buffer.from(random(16)).toString('base64url');
    const [oldest] = this.#nonces.keys();
    if (this.#nonces.size >= noncesMax && oldest !== undefined) this.#nonces.delete(oldest);
    this.#nonces.set(nonce, { sentMs, have: this.#have });
    const decide = this.#input.decideTimes?.();
    const times = decide === undefined ? {} : { decide };
    const stopFile = stopFileReport(this.#input.snapshot.stopFile());
    const silent = this.#input.silent?.().slice(0, silentMax) ?? [];
    this.#send({
      t: 'beat',
      nonce,
      have: this.#have,
      spool: spoolHead(),
      ...times,
      ...this.#draining(),
      ...(stopFile === undefined ? {} : { stopFile }),
      ...(silent.length === 0 ? {} : { silent: [...silent] }),
    });
  }

  #draining(): { draining?: Drain[] } {
    const { snapshot, stopper } = this.#input;
    const drains = snapshot.containments().filter(({ drainUntil }) => drainUntil !== undefined);
    if (drains.length === 0) return {};
    const draining = drains
      .slice(0, drainingMax)
      .map((doc) => ({ key: containmentKey(doc.scope), since: doc.since, running: stopper.running(doc) }));
    return { draining };
  }

  /** Cuts what runs when the lease is over: control may have killed anybody meanwhile. `atOnce`: because of what control said. */
  #watch(atOnce = false): void {
    const { snapshot, stopper, clock, onState } = this.#input;
    const look = this.#leaseWatch.look(clock.monotonicMs(), snapshot.fresh(), atOnce);
    if (look === 'cut') onState('lease_lost', String(stopper.leaseLost()));
    else if (look === 'ask again') this.#beat();
  }

  #receive(data: Buffer, binary: boolean): void {
    const parsed = binary ? undefined : parseStrict(data, frameBounds);
    const frame = parsed?.ok === true ? controlFrameSchema.safeParse(parsed.value) : undefined;
    if (frame?.success !== true) return this.#distrust('a frame');
    switch (frame.data.t) {
      case 'docs':
        return this.#take(frame.data);
      case 'beat':
        return this.#answered(frame.data.nonce, frame.data.version);
      case 'contain':
        return this.#contain(frame.data.key, frame.data.body);
      case 'revoked':
        this.#input.lease.distrust();
        this.#watch(true);
        this.close();
        return this.#input.onState('revoked');
    }
  }

  #take({ docs, version, more, full }: Extract<ControlFrame, { t: 'docs' }>): void {
    const { snapshot, onState } = this.#input;
    if (full === true) snapshot.clear();
    for (const { topic, key, body } of docs) {
      if (!snapshot.apply(topic, key, body)) return this.#distrust(`a document of ${topic}`);
    }
    this.#have = version;
    if (more) return;
    snapshot.setComplete(true);
    onState('complete');
    if (this.#owed !== undefined && this.#owed.version <= version) {
      this.#input.lease.renew(this.#owed.sentMs);
      this.#owed = undefined;
    }
  }

  #answered(nonce: string, version: number): void {
    const beat = this.#nonces.get(nonce);
    if (beat === undefined) return this.#distrust('a beat that was not asked for');
    this.#nonces.delete(nonce);
    this.#heardMs = this.#input.clock.monotonicMs();
    this.#attempts = 0;
    if (version < beat.have) {
      // Control's history is shorter than ours: its store was restored. Nothing held here can be told apart from what never was.
      this.#have = 0;
      this.#input.snapshot.setComplete(false);
      this.#input.onState('rewound');
      this.#socket?.terminate();
      return;
    }
    if (version <= this.#have) this.#input.lease.renew(beat.sentMs);
    else if (this.#owed === undefined || beat.sentMs > this.#owed.sentMs)
      this.#owed = { sentMs: beat.sentMs, version };
  }

  #contain(key: string, body: ContainmentDoc): void {
    const { snapshot, stopper, clock } = this.#input;
    const startedMs = clock.monotonicMs();
    if (!snapshot.containAhead(key, body)) return this.#distrust('too many stops');
    this.#send({ t: 'contained', key, ...stopper.contain(body), tookMs: clock.monotonicMs() - startedMs });
  }

  /** Stale at once, and a new connection: what was not understood may have been a stop. */
  #distrust(what: string): void {
    this.#input.lease.distrust();
    this.#input.onState('not_understood', what);
    this.#watch(true);
    this.#socket?.terminate();
  }
}
