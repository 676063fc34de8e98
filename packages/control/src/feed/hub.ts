/**
 * Room: feed (R-2, invariants 2 and 3). Carries documents from the database to the gateways, answers beats with a fresh read, and sends stops
 * ahead of their record. It decides nothing: what is in force stands in the documents.
 */
import { refuse } from '@atf/core/errors';
import {
  type ContainmentDoc,
  type FeedDoc,
  type FeedTopic,
  feedTopics,
  type GatewayFrame,
  leaseMs,
} from '@atf/core/wire/feed';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Db, FeedHub, LiveGateway, Tx } from '../context.ts';
import { Confirmations, type StopOutcome } from './confirmations.ts';
import { closeCodes, FeedConnection } from './connection.ts';
import { docBytesMax, docsFrames } from './frames.ts';
import { docsAfter, readFreshness, writeDoc } from './store.ts';

/** Documents written by another replica are found at the latest after this. */
export const pollEveryMs = 1_000;
/**
 * A beat that took longer than this to answer is not answered: the lease that it would renew is over. A slow answer prolongs nothing, because leases count from
 * when their nonce was sent, before the read; none at all would cut every call of a gateway whose control is merely busy.
 */
export const beatAnswerMaxMs = leaseMs;
const docsPerRead = 500;
/** Beats of one gateway that may wait for the read. */
const beatsWaitingMax = 4;
/** Gateways remembered for `gateways()` after they went. */
const remembered = 1_000;

interface Beat {
  readonly connection: FeedConnection;
  readonly nonce: string;
  readonly receivedAt: number;
}

interface Seen {
  lastBeatAt: number | undefined;
  spool: { epoch: number; seq: number } | undefined;
  decide: { p50Ms: number; p99Ms: number } | undefined;
  draining: LiveGateway['draining'];
  stopFile?: LiveGateway['stopFile'];
  silent?: LiveGateway['silent'];
}

export interface FeedInput {
  readonly db: Db;
  /** Goes before all who wait for `db`: beats are answered from it. */
  readonly urgent?: Db;
  readonly tenant: string;
  readonly log: Logger;
  /** A gateway has said under which address agents know it. */
  readonly onAddress?: (gatewayId: string, url: string) => void;
}

/** The replicas beside this one. */
export interface Neighbours {
  contain(key: string, body: ContainmentDoc, boundMs: number): Promise<StopOutcome>;
  gateways(): LiveGateway[];
}

const containFrame = (key: string, body: ContainmentDoc): string =>
  JSON.stringify({ t: 'contain', key, body });

export class Feed implements FeedHub {
  private readonly db: Db;
  private readonly urgent: Db;
  private readonly tenant: string;
  private readonly log: Logger;
  private readonly onAddress: (gatewayId: string, url: string) => void;
  private readonly connections = new Map<string, FeedConnection>();
  private readonly seen = new Map<string, Seen>();
  private readonly confirmations = new Confirmations();
  private readonly poll: NodeJS.Timeout;
  /** Newest version that was read and sent to every live connection. */
  private tail = 0;
  private pumping: Promise<void> | undefined;
  private pumpAgain = false;
  private beats: Beat[] = [];
  private beating = false;
  private closed = false;
  private neighbours: Neighbours | undefined;
  unrecorded: Parameters<FeedHub['announce']>[0] = () => [];

  constructor(input: FeedInput) {
    this.db = input.db;
    this.urgent = input.urgent ?? input.db;
    this.tenant = input.tenant;
    this.log = input.log;
    this.onAddress = input.onAddress ?? (() => undefined);
    this.poll = setInterval(() => {
      if (this.connections.size > 0) this.wake();
    }, pollEveryMs);
    this.poll.unref();
  }

  async put<T extends FeedTopic>(tx: Tx, topic: T, key: string, body: FeedDoc<T> | null): Promise<void> {
    // A document that the gateway would not understand must not leave: unknown counts as stale there, and would stop everything.
    const text = body === null ? null : JSON.stringify(feedTopics[topic].parse(body));
    if (text !== null && Buffer.byteLength(text) > docBytesMax)
      refuse('request.too_large', `the ${topic} document is too large`);
    await writeDoc(tx, this.tenant, { topic, key, body: text });
  }

  /** From now on stops reach the gateways of other replicas too. */
  join(neighbours: Neighbours): void {
    this.neighbours = neighbours;
  }

  async contain(key: string, body: ContainmentDoc, boundMs: number): Promise<StopOutcome> {
    // Both are sent in this tick.
    const here = this.containHere(key, body, boundMs);
    const elsewhere = await this.neighbours?.contain(key, body, boundMs);
    const { connected, confirmed, aborted, running } = await here;
    return {
      connected: connected + (elsewhere?.connected ?? 0),
      confirmed: confirmed + (elsewhere?.confirmed ?? 0),
      aborted: aborted + (elsewhere?.aborted ?? 0),
      running: running + (elsewhere?.running ?? 0),
    };
  }

  async containHere(key: string, body: ContainmentDoc, boundMs: number): Promise<StopOutcome> {
    const text = containFrame(key, body);
    const reached: string[] = [];
    for (const [id, connection] of this.connections) {
      if (connection.open) reached.push(id);
    }
    const outcome = this.confirmations.wait(key, reached, boundMs);
    for (const id of reached) this.connections.get(id)?.send(text);
    return outcome;
  }

  announce(unrecorded: Parameters<FeedHub['announce']>[0]): void {
    this.unrecorded = unrecorded;
  }

  gateways(): LiveGateway[] {
    const all = new Map(this.own().map((gateway) => [gateway.id, gateway]));
    for (const gateway of this.neighbours?.gateways() ?? []) {
      const own = all.get(gateway.id);
      if (own === undefined || isLivelier(gateway, own)) all.set(gateway.id, gateway);
    }
    return [...all.values()];
  }

  own(): LiveGateway[] {
    const now = performance.now();
    return [...this.seen].map(([id, { lastBeatAt, spool, decide, draining, stopFile, silent }]) => ({
      id,
      connected: this.connections.get(id)?.open ?? false,
      lastBeatMsAgo: lastBeatAt === undefined ? undefined : now - lastBeatAt,
      spool,
      decide,
      draining,
      ...(stopFile === undefined ? {} : { stopFile }),
      ...(silent === undefined ? {} : { silent }),
    }));
  }

  /** The gateway was revoked: it is told, and cut off. */
  disconnect(gatewayId: string): void {
    const connection = this.connections.get(gatewayId);
    if (connection === undefined) return;
    connection.send('{"t":"revoked"}');
    connection.close(closeCodes.revoked);
    this.remove(connection);
  }

  /** Takes over the socket of an authenticated gateway. A newer connection of the same gateway replaces the older one. */
  connect(gatewayId: string, socket: WebSocket): void {
    if (this.closed) return socket.close(closeCodes.goingAway);
    this.connections.get(gatewayId)?.close(closeCodes.replaced);
    const connection = new FeedConnection(gatewayId, socket, {
      frame: (from, frame) => this.receive(from, frame),
      closed: (from) => this.remove(from),
    });
    this.connections.set(gatewayId, connection);
    // What an earlier connection told of calls that run may be over; this one has told nothing.
    this.remember(gatewayId).draining = [];
  }

  private remember(gatewayId: string): Seen {
    const known = this.seen.get(gatewayId) ?? {
      lastBeatAt: undefined,
      spool: undefined,
      decide: undefined,
      draining: [],
    };
    this.seen.delete(gatewayId);
    this.seen.set(gatewayId, known);
    for (const id of this.seen.keys()) {
      if (this.seen.size <= remembered) break;
      if (!this.connections.has(id)) this.seen.delete(id);
    }
    return known;
  }

  private remove(connection: FeedConnection): void {
    if (this.connections.get(connection.gatewayId) !== connection) return;
    this.connections.delete(connection.gatewayId);
    this.confirmations.gone(connection.gatewayId);
  }

  private receive(connection: FeedConnection, frame: GatewayFrame): void {
    if (this.connections.get(connection.gatewayId) !== connection) return;
    if (frame.t === 'hello') {
      const { protocol, origin } = new URL(frame.mcpUrl);
      if (protocol === 'http:' || protocol === 'https:') this.onAddress(connection.gatewayId, origin);
      this.tellUnrecorded(connection);
      void this.catchUp(connection, frame.have).catch((fault: unknown) => {
        this.log.error({ err: fault, gateway: connection.gatewayId }, 'a gateway could not be caught up');
        connection.terminate();
      });
    } else if (frame.t === 'beat') {
      this.beat(connection, frame);
    } else {
      this.confirmations.confirmed(connection.gatewayId, frame.key, frame);
    }
  }

  /** No document says these stops yet, and none may ever if the database takes no writes. */
  private tellUnrecorded(connection: FeedConnection): void {
    for (const { key, body } of this.unrecorded()) connection.send(containFrame(key, body));
  }

  /** Sends everything newer than `have` page by page, then hands the connection over to the live documents. */
  private async catchUp(connection: FeedConnection, have: number): Promise<void> {
    const { version: head } = await readFreshness(this.db, this.tenant, []);
    let full = have === 0 || have > head;
    const alive = full;
    connection.cursor = full ? 0 : have;
    while (connection.open) {
      // The head is read before the page, so a short page holds everything up to it.
      const { version } = await readFreshness(this.db, this.tenant, []);
      const docs = await docsAfter(this.db, this.tenant, connection.cursor, docsPerRead, alive);
      const more = docs.length === docsPerRead;
      const reached = Math.max(docs.at(-1)?.version ?? 0, more ? 0 : version, connection.cursor);
      for (const text of docsFrames(docs, reached, more, full)) {
        if (!(await connection.sendDrained(text))) return;
      }
      // A whole set begins by forgetting what was told ahead of it.
      if (full) this.tellUnrecorded(connection);
      full = false;
      connection.cursor = reached;
      if (!more && connection.cursor >= this.tail) {
        // No live connection may stand before the tail: what was broadcast up to there would be lost to it.
        this.tail = connection.cursor;
        connection.live = true;
        this.wake();
        return;
      }
    }
  }

  /** Looks for documents that are not sent yet. Called after every commit. */
  wake(): void {
    void this.pump().catch((fault: unknown) =>
      this.log.error({ err: fault }, 'the feed could not read its documents'),
    );
  }

  private pump(): Promise<void> {
    if (this.pumping !== undefined) {
      this.pumpAgain = true;
      return this.pumping;
    }
    const run = this.pumpLoop().finally(() => {
      this.pumping = undefined;
    });
    this.pumping = run;
    return run;
  }

  private async pumpLoop(): Promise<void> {
    do {
      this.pumpAgain = false;
      const live = [...this.connections.values()].filter((connection) => connection.live);
      if (this.closed || live.length === 0) return;
      const from = Math.min(...live.map((connection) => connection.cursor));
      // Before those who wait: a beat may not overtake the documents that it attests.
      const docs = await docsAfter(this.urgent, this.tenant, from, docsPerRead, false);
      const last = docs.at(-1);
      if (last === undefined) continue;
      if (docs.length === docsPerRead) this.pumpAgain = true;
      this.tail = Math.max(this.tail, last.version);
      for (const connection of this.connections.values()) {
        if (!connection.live || connection.cursor >= last.version) continue;
        const news = docs.filter((doc) => doc.version > connection.cursor);
        for (const text of docsFrames(news, last.version, docs.length === docsPerRead, false))
          connection.send(text);
        connection.cursor = last.version;
      }
    } while (this.pumpAgain);
  }

  private beat(connection: FeedConnection, frame: Extract<GatewayFrame, { t: 'beat' }>): void {
    const seen = this.remember(connection.gatewayId);
    seen.lastBeatAt = performance.now();
    seen.spool = { epoch: frame.spool.epoch, seq: frame.spool.seq };
    seen.decide = frame.decide;
    seen.draining = frame.draining ?? [];
    seen.stopFile = frame.stopFile;
    seen.silent = frame.silent;
    if (this.beats.filter((waiting) => waiting.connection === connection).length >= beatsWaitingMax) return;
    this.beats.push({ connection, nonce: frame.nonce, receivedAt: performance.now() });
    if (!this.beating) void this.answerBeats();
  }

  /** One read answers all beats that were received before it began; those that come meanwhile wait for the next one. */
  private async answerBeats(): Promise<void> {
    this.beating = true;
    while (this.beats.length > 0) {
      const batch = this.beats;
      this.beats = [];
      try {
        await this.answerBatch(batch);
      } catch (fault) {
        // No answer: the leases of these gateways run out, and they refuse.
        this.log.error({ err: fault }, 'the newest version could not be read; beats stay unanswered');
      }
    }
    this.beating = false;
  }

  private async answerBatch(batch: readonly Beat[]): Promise<void> {
    const ids = [...new Set(batch.map(({ connection }) => connection.gatewayId))];
    const { version, active } = await readFreshness(this.urgent, this.tenant, ids);
    // Documents go out before the beat that attests them.
    if (batch.some(({ connection }) => connection.live && connection.cursor < version)) await this.pump();
    for (const { connection, nonce, receivedAt } of batch) {
      if (!active.has(connection.gatewayId)) this.disconnect(connection.gatewayId);
      else if (performance.now() - receivedAt <= beatAnswerMaxMs)
        connection.send(JSON.stringify({ t: 'beat', nonce, version }));
    }
  }

  /** Tells every gateway to reconnect elsewhere, and stops. */
  close(): void {
    this.closed = true;
    clearInterval(this.poll);
    for (const connection of this.connections.values()) {
      connection.close(closeCodes.goingAway);
      setTimeout(() => connection.terminate(), 500).unref();
    }
  }
}

/** Of two replicas' words on one gateway: connected before not, then who heard it last. */
function isLivelier(one: LiveGateway, other: LiveGateway): boolean {
  if (one.connected !== other.connected) return one.connected;
  return (one.lastBeatMsAgo ?? Number.POSITIVE_INFINITY) < (other.lastBeatMsAgo ?? Number.POSITIVE_INFINITY);
}
