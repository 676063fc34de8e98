/**
 * Room: replicas (R-2, invariant 2). The control processes beside this one on the same database. They tell each other that something changed, and stops
 * ahead of their record, so that a stop given to one reaches the gateways of all. What is told may be lost: the feed looks for itself, and a
 * gateway whose replica is cut off hears no beats and refuses.
 */
import { containmentDocSchema, type ContainmentDoc } from '@atf/core/wire/feed';
import { refuse } from '@atf/core/errors';
import { dpopReplayMs } from '@atf/core/identity/dpop';
import { parseStrictText } from '@atf/core/wire/json';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Db, LiveGateway, Shared } from '../context.ts';
import { type Signals, signalBytesMax } from '../db/signals.ts';
import type { StopOutcome } from '../feed/confirmations.ts';
import type { Neighbours } from '../feed/hub.ts';
import { leaveReplicas, meetReplicas, type Replica, takeProof } from './store.ts';

const meetEveryMs = 1_000;
/** A replica that said nothing for this long is not waited for. */
const thereWithinMs = 4_000;
const forgetMs = 60_000;
/** Changes within this time are told once. */
const gatherMs = 2;
const waitingMax = 10_000;
const count = z.int().min(0).max(1_000_000);
const id = z.string().max(100);

const signalSchema = z.discriminatedUnion('t', [
  /** Something was committed: documents may be new. */
  z.strictObject({ t: z.literal('changed'), tenant: id, from: id }),
  /** The log was signed anew. */
  z.strictObject({ t: z.literal('signed'), tenant: id, from: id }),
  z.strictObject({
    t: z.literal('contain'),
    tenant: id,
    from: id,
    stop: id,
    key: z.string().max(400),
    body: containmentDocSchema,
    boundMs: z.number().min(0).max(60_000),
  }),
  z.strictObject({
    t: z.literal('contained'),
    tenant: id,
    from: id,
    to: id,
    stop: id,
    connected: count,
    confirmed: count,
    aborted: count,
    running: count,
  }),
]);
type Signal = z.infer<typeof signalSchema>;

/** What this replica can do itself. */
export interface OwnFeed {
  containHere(key: string, body: ContainmentDoc, boundMs: number): Promise<StopOutcome>;
  own(): LiveGateway[];
  wake(): void;
  /** Stops in force here that are not on record yet. */
  unrecorded(): readonly { readonly key: string; readonly body: ContainmentDoc }[];
}

export interface ReplicasInput {
  readonly id: string;
  readonly db: Db;
  readonly signals: Signals;
  readonly tenant: string;
  readonly feed: OwnFeed;
  readonly log: Logger;
}

interface Awaited {
  readonly from: Set<string>;
  outcome: StopOutcome;
  finish(): void;
}

export class Replicas implements Neighbours, Shared {
  readonly #input: ReplicasInput;
  readonly #awaited = new Map<string, Awaited>();
  readonly #onSigned = new Set<() => void>();
  readonly #unlisten: () => void;
  readonly #timer: NodeJS.Timeout;
  #others: readonly Replica[] = [];
  #metAtMs = performance.now();
  #meeting = false;
  #telling: NodeJS.Timeout | undefined;
  #leads = false;
  #closed = false;

  constructor(input: ReplicasInput) {
    this.#input = input;
    this.#unlisten = input.signals.listen({
      heard: (text) => this.#heard(text),
      connected: () => {
        this.#tellUnrecorded();
        input.feed.wake();
        for (const listener of this.#onSigned) listener();
      },
    });
    this.#timer = setInterval(() => void this.meet(), meetEveryMs);
    this.#timer.unref();
  }

  /** Says that this one is there, and looks who else is. */
  async meet(): Promise<void> {
    const { db, tenant, feed, log, id: own } = this.#input;
    if (this.#meeting || this.#closed) return;
    this.#meeting = true;
    try {
      const bounds = { withinMs: thereWithinMs, forgetMs };
      this.#others = await meetReplicas(db, tenant, { id: own, gateways: feed.own() }, bounds);
      this.#metAtMs = performance.now();
      this.#tellUnrecorded();
    } catch (fault) {
      log.error({ err: fault }, 'the other replicas could not be asked for');
    } finally {
      this.#meeting = false;
    }
  }

  /** Gateways of the other replicas, as those have told last. */
  gateways(): LiveGateway[] {
    const agoMs = performance.now() - this.#metAtMs;
    return this.#others.flatMap(({ gateways }) =>
      gateways.map((gateway) => ({
        ...gateway,
        lastBeatMsAgo: gateway.lastBeatMsAgo === undefined ? undefined : gateway.lastBeatMsAgo + agoMs,
      })),
    );
  }

  /** No document says these stops yet: gateways that have joined another replica meanwhile hear of them so. */
  #tellUnrecorded(): void {
    for (const { key, body } of this.#input.feed.unrecorded())
      this.#tell(stopSignal(this.#from(), { stop: randomUUID(), key, body, boundMs: 0 }));
  }

  leads(): boolean {
    return this.#leads;
  }

  leading(leads: boolean): void {
    this.#leads = leads;
  }

  get replica(): string {
    return this.#input.id;
  }

  async takeProof(
    kind: 'gateways' | 'instances',
    key: string,
    jti: string,
    ofKeyMax: number,
  ): Promise<boolean> {
    const { db, tenant } = this.#input;
    const found = await takeProof(db, tenant, { kind, key, jti }, { keptMs: dpopReplayMs, ofKeyMax });
    if (found === 'full') refuse('request.overloaded');
    return found === 'taken';
  }

  /** Something was committed here. */
  changed(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      this.#tell({ t: 'changed', ...this.#from() });
    }, gatherMs);
  }

  signed(): void {
    this.#tell({ t: 'signed', ...this.#from() });
  }

  /** Told when another replica has signed the log, and when signals may have been missed. */
  onSigned(listener: () => void): () => void {
    this.#onSigned.add(listener);
    return () => this.#onSigned.delete(listener);
  }

  /** Has the other replicas stop it too. Counts those of their gateways that are not connected here. */
  contain(key: string, body: ContainmentDoc, boundMs: number): Promise<StopOutcome> {
    const here = new Set(this.#input.feed.own().flatMap((one) => (one.connected ? [one.id] : [])));
    const elsewhere = this.#others
      .map(({ id: other, gateways }) => ({
        id: other,
        gateways: gateways.filter((one) => one.connected && !here.has(one.id)).length,
      }))
      .filter(({ gateways }) => gateways > 0);
    const stop = randomUUID();
    const told = this.#tell(stopSignal(this.#from(), { stop, key, body, boundMs }));
    const none = { connected: 0, confirmed: 0, aborted: 0, running: 0 };
    const silent = (ids: ReadonlySet<string>): number =>
      elsewhere.reduce((sum, one) => sum + (ids.has(one.id) ? one.gateways : 0), 0);
    const waitFor = new Set(elsewhere.map((one) => one.id));
    if (!told || waitFor.size === 0 || this.#awaited.size >= waitingMax)
      return Promise.resolve({ ...none, connected: silent(waitFor) });
    return new Promise((resolve) => {
      const awaited: Awaited = {
        from: waitFor,
        outcome: none,
        finish: () => {
          clearTimeout(timer);
          this.#awaited.delete(stop);
          const { outcome } = awaited;
          resolve({ ...outcome, connected: outcome.connected + silent(awaited.from) });
        },
      };
      const timer = setTimeout(() => awaited.finish(), boundMs);
      this.#awaited.set(stop, awaited);
    });
  }

  #from(): { readonly tenant: string; readonly from: string } {
    return { tenant: this.#input.tenant, from: this.#input.id };
  }

  #tell(signal: Signal): boolean {
    return !this.#closed && this.#input.signals.tell(JSON.stringify(signal));
  }

  #heard(text: string): void {
    const parsed = parseStrictText(text, { bytesMax: signalBytesMax, depthMax: 4, valuesMax: 40 });
    const read = parsed.ok ? signalSchema.safeParse(parsed.value) : undefined;
    if (read?.success !== true)
      // A newer replica may say what this one does not know; what changed is found by looking.
      return this.#input.feed.wake();
    const signal = read.data;
    if (signal.tenant !== this.#input.tenant || signal.from === this.#input.id) return;
    switch (signal.t) {
      case 'changed':
        return this.#input.feed.wake();
      case 'signed':
        for (const listener of this.#onSigned) listener();
        return;
      case 'contain':
        return this.#contain(signal);
      case 'contained':
        return this.#contained(signal);
    }
  }

  #contain({ from, stop, key, body, boundMs }: Extract<Signal, { t: 'contain' }>): void {
    void this.#input.feed.containHere(key, body, boundMs).then((outcome) => {
      this.#tell({ t: 'contained', ...this.#from(), to: from, stop, ...outcome });
    });
  }

  #contained({ from, to, stop, ...outcome }: Extract<Signal, { t: 'contained' }>): void {
    if (to !== this.#input.id) return;
    const awaited = this.#awaited.get(stop);
    if (awaited === undefined || !awaited.from.delete(from)) return;
    const before = awaited.outcome;
    awaited.outcome = {
      connected: before.connected + outcome.connected,
      confirmed: before.confirmed + outcome.confirmed,
      aborted: before.aborted + outcome.aborted,
      running: before.running + outcome.running,
    };
    if (awaited.from.size === 0) awaited.finish();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#telling);
    this.#unlisten();
    for (const awaited of [...this.#awaited.values()]) awaited.finish();
    const { db, tenant, id: own } = this.#input;
    await leaveReplicas(db, tenant, own).catch(() => undefined);
  }
}

/** The words of a stop are shortened where they would not fit into a signal; its record has them whole. */
function stopSignal(
  from: { readonly tenant: string; readonly from: string },
  stop: Omit<Extract<Signal, { t: 'contain' }>, 't' | 'tenant' | 'from'>,
): Signal {
  const whole: Signal = { t: 'contain', ...from, ...stop };
  if (Buffer.byteLength(JSON.stringify(whole)) <= signalBytesMax) return whole;
  const { reason, by } = stop.body;
  return { ...whole, body: { ...stop.body, reason: reason.slice(0, 200), by: by.slice(0, 100) } };
}
