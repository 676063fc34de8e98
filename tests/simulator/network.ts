/**
 * The network between control and one gateway: two ordered directions, each of which can be slow or held (a partition: what was sent
 * arrives late, in order), and connections that can be reset. Over it run requests and the WebSocket of the feed.
 */
import { EventEmitter } from 'node:events';
import type { Random } from './random.ts';
import { currentProcess, type Process, type VirtualTime } from './virtual-time.ts';

const delayMsMin = 0.1;
const delayMsMax = 3;
const spikeChance = 0.02;
const spikeMsMax = 120;

/** One direction. Messages never overtake each other. */
export class Pipe {
  held = false;
  /** What is sent is lost, and nobody is told. */
  swallows = false;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #waiting: (() => void)[] = [];
  #lastMs = 0;
  #draining = false;
  #slowMs = 0;

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  set slowMs(ms: number) {
    this.#slowMs = ms;
  }

  send(arrive: () => void): void {
    const spike = this.#random.chance(spikeChance) ? this.#random.between(0, spikeMsMax) : 0;
    const atMs = this.#time.nowMs + this.#random.between(delayMsMin, delayMsMax) + spike + this.#slowMs;
    this.#lastMs = Math.max(this.#lastMs + 0.001, atMs);
    this.#time.after(this.#lastMs - this.#time.nowMs, () => {
      if (this.swallows) return;
      if (this.held || this.#draining || this.#waiting.length > 0) this.#waiting.push(arrive);
      else arrive();
    });
  }

  /** What was held arrives first, one after the other; what is on its way meanwhile queues behind it. */
  release(): void {
    this.held = false;
    if (this.#draining) return;
    this.#draining = true;
    const next = (): void => {
      const arrive = this.held ? undefined : this.#waiting.shift();
      this.#draining = arrive !== undefined;
      arrive?.();
      if (this.#draining) this.#time.after(0.001, next);
    };
    next();
  }
}

/** A WebSocket as far as feed and hub use one; takes the place of `ws`. */
export class VirtualSocket extends EventEmitter {
  static readonly OPEN = 1;
  readonly OPEN = 1;
  readyState = 0;
  readonly bufferedAmount = 0;
  /** The connection is half open: nothing that this end sends arrives any more, and nobody is told. */
  mute = false;
  /** The process that holds this end. */
  owner = currentProcess();
  #peer: VirtualSocket | undefined;
  #pipe: Pipe | undefined;
  #watch: ((text: string) => void) | undefined;

  constructor(url?: string) {
    super();
    if (url !== undefined) dial(url, this);
  }

  /** Joins two ends; each sends over its own direction. */
  static join(
    a: VirtualSocket,
    b: VirtualSocket,
    ab: Pipe,
    ba: Pipe,
    watch: { a: (text: string) => void; b: (text: string) => void },
  ): void {
    a.#peer = b;
    a.#pipe = ab;
    a.#watch = watch.b;
    b.#peer = a;
    b.#pipe = ba;
    b.#watch = watch.a;
    b.readyState = VirtualSocket.OPEN;
  }

  send(text: string, sent?: (fault?: Error) => void): void {
    const peer = this.#peer;
    if (this.readyState !== VirtualSocket.OPEN || peer === undefined) return;
    this.#pipe?.send(() => {
      if (this.mute) return;
      peer.within(() => {
        if (peer.readyState !== VirtualSocket.OPEN) return;
        this.#watch?.(text);
        peer.emit('message', Buffer.from(text), false);
      });
    });
    sent?.();
  }

  within(run: () => void): void {
    if (this.owner === undefined) run();
    else this.owner.enter(run);
  }

  close(): void {
    this.terminate();
  }

  /** This end is closed now, the other one learns it over the network. */
  terminate(): void {
    if (this.readyState === 3) return;
    const peer = this.#peer;
    this.readyState = 3;
    this.emit('close');
    if (peer !== undefined)
      this.#pipe?.send(() => {
        if (!this.mute) peer.reset();
      });
  }

  /** The connection is gone, whatever was on its way. */
  reset(): void {
    this.within(() => {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.emit('close');
    });
  }

  fail(): void {
    this.within(() => {
      if (this.readyState === 3) return;
      this.emit('error', new Error('unreachable'));
      this.reset();
    });
  }
}

/** The process at the other end of a link. */
export interface LinkEnd {
  /** A frame that has just arrived at the gateway. */
  atGateway(text: string): void;
  /** Undefined while it is down. */
  process(): Process | undefined;
  connected(socket: VirtualSocket): void;
}

/** A held connection is given up by the client after this. */
const handshakeMsMax = 1_500;

export const directionsOf = ['up', 'down', 'both'] as const;
/** From a gateway up to control, down from it, or both. */
export type Directions = (typeof directionsOf)[number];

export class Link {
  readonly up: Pipe;
  readonly down: Pipe;
  refuses = false;
  readonly #time: VirtualTime;
  /** Ends of gateways, and of control. */
  readonly #clients = new Set<VirtualSocket>();
  readonly #servers = new Set<VirtualSocket>();
  end: LinkEnd | undefined;

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.up = new Pipe(time, random.fork());
    this.down = new Pipe(time, random.fork());
  }

  hold(directions: Directions): void {
    if (directions !== 'down') this.up.held = true;
    if (directions !== 'up') this.down.held = true;
  }

  /** Half open: connections stay, requests stay without an answer, and what is sent in these directions is lost. */
  swallow(directions: Directions): void {
    if (directions !== 'down') this.#swallow(this.#clients, this.up);
    if (directions !== 'up') this.#swallow(this.#servers, this.down);
  }

  /** What a connection has lost it stays without: it is mute for ever. */
  #swallow(ends: ReadonlySet<VirtualSocket>, pipe: Pipe): void {
    for (const socket of ends) socket.mute = true;
    pipe.swallows = true;
  }

  heal(): void {
    this.refuses = false;
    this.up.swallows = false;
    this.down.swallows = false;
    this.up.slowMs = 0;
    this.down.slowMs = 0;
    this.up.release();
    this.down.release();
  }

  /** Resets every connection at both ends. */
  cut(): void {
    for (const ends of [this.#clients, this.#servers]) {
      for (const socket of ends) socket.reset();
      ends.clear();
    }
  }

  connect(client: VirtualSocket): void {
    const timer = this.#time.after(handshakeMsMax, () => client.readyState === 0 && client.fail());
    this.up.send(() => {
      const { end } = this;
      const process = this.refuses ? undefined : end?.process();
      if (end === undefined || process === undefined) return this.down.send(() => client.fail());
      process.enter(() => {
        if (client.readyState !== 0) return;
        const server = new VirtualSocket();
        VirtualSocket.join(client, server, this.up, this.down, {
          a: (text) => end.atGateway(text),
          b: () => undefined,
        });
        end.connected(server);
        this.#clients.add(client);
        this.#servers.add(server);
        this.down.send(() => {
          client.within(() => {
            if (client.readyState !== 0) return;
            this.#time.cancel(timer);
            client.readyState = VirtualSocket.OPEN;
            client.emit('open');
          });
        });
      });
    });
  }
}

let links: ReadonlyMap<string, Link> = new Map();

/** Which links the sockets of the current run are dialled over, by host name. */
export function useLinks(current: ReadonlyMap<string, Link>): void {
  links = current;
}

function dial(url: string, socket: VirtualSocket): void {
  const link = links.get(new URL(url).hostname);
  if (link === undefined) throw new Error('no such link');
  link.connect(socket);
}
