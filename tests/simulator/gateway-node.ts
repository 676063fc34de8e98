/**
 * One gateway: the real spool, snapshot, lease, feed, shipper, connections to tool servers and pipeline, put together as `gateway.ts` does,
 * over a virtual disk and a virtual network. Its process can die at any point; its disk survives, or not.
 */
import { shipmentFramesMax, splitFrames, type SpoolPosition } from '@atf/core/audit/spool-frame';
import { refusal } from '@atf/core/errors';
import { policyFactsOf } from '@atf/core/policy/question';
import { RememberedAnswers } from '@atf/core/policy/remembered-answers';
import { type ControlFrame, type FeedTopic, leaseMs, type PolicyDoc } from '@atf/core/wire/feed';
import type { OperationId, ResponseOf } from '@atf/core/wire/api';
import type { PolicyFacts } from '@atf/core/world';
import type { CallAnswer } from '@atf/gateway/answers';
import { Discovery } from '@atf/gateway/discovery';
import { Feed } from '@atf/gateway/feed';
import { Lease } from '@atf/gateway/lease';
import { PayloadKey } from '@atf/gateway/payload-key';
import { createPipeline, type Pipeline } from '@atf/gateway/pipeline';
import type {
  ClockPort,
  ControlAnswer,
  ControlCall,
  ControlPort,
  Ports,
  SpoolPort,
} from '@atf/gateway/ports';
import { gapHeader, Shipper } from '@atf/gateway/ship';
import { Snapshot } from '@atf/gateway/snapshot';
import { openSpool, type Spool } from '@atf/gateway/spool';
import { epochUsedUp } from '@atf/gateway/spool-options';
import { Upstreams } from '@atf/gateway/upstreams';
import type { WebSocket } from 'ws';
import type { Checks } from './checks.ts';
import { type ControlNode, gatewayKey, gatewaySigner, type Running } from './control-node.ts';
import type { ControlState } from './control-state.ts';
import { VirtualDisk } from './disk.ts';
import { Link } from './network.ts';
import type { Random } from './random.ts';
import type { ToolServers } from './tool-servers.ts';
import type { Trace } from './trace.ts';
import { Process, type VirtualTime } from './virtual-time.ts';

const segmentBytesMax = 48 * 1_024;
const probeEveryMs = 200;
const controlTimeoutMs = 1_500;
const reopenMs = 300;
const startedMs = 50_000;

/** Breaks put into a gateway on purpose, to prove that the checks see them (mutants.test.ts). */
export interface GatewayFaults {
  readonly lease?: (ms: number) => Lease;
  readonly ports?: (ports: Ports) => Ports;
  readonly assembled?: (pipeline: Pipeline) => void;
  /** Control says of this frame that it has taken it, and has not. */
  readonly takesNothing?: () => boolean;
  /** What is measured, is measured on the wall clock, which is set back a little again and again. */
  readonly wallClock?: boolean;
}

export interface GatewayInput {
  readonly id: string;
  readonly host: string;
  readonly time: VirtualTime;
  readonly random: Random;
  readonly trace: Trace;
  readonly checks: Checks;
  readonly control: ControlNode;
  readonly state: ControlState;
  readonly servers: ToolServers;
  /** Unix time at the start of the run. */
  readonly epochMs: number;
  readonly faults: GatewayFaults;
}

/** Compiled sets by digest, for all gateways and runs: compiling is pure. */
const compiled = new Map<string, PolicyFacts>();
function compilePolicy(doc: PolicyDoc): PolicyFacts | undefined {
  let facts = compiled.get(doc.digest);
  if (facts === undefined) {
    const result = policyFactsOf(doc, new RememberedAnswers({ remembered: 0, evaluated: 0 }));
    if (!result.ok) return undefined;
    facts = result.facts;
    compiled.set(doc.digest, facts);
  }
  return { ...facts, epoch: doc.epoch };
}

export class GatewayNode {
  /** One to each control replica. */
  readonly links: readonly Link[];
  readonly disk: VirtualDisk;
  /** Of the wall clock; the monotonic clock knows nothing of it. */
  skewMs = 0;
  crashes = 0;
  /** It was revoked, and never starts again. */
  retired = false;
  readonly #input: GatewayInput;
  #process: Process | undefined;
  /** The replica that is asked: the one of the feed, or the next after one that did not answer. */
  #at = 0;
  #pipeline: Pipeline | undefined;
  #stop: (() => void) | undefined;
  #head: (() => SpoolPosition) | undefined;

  constructor(input: GatewayInput) {
    this.#input = input;
    const { id, time, random, checks } = input;
    this.disk = new VirtualDisk(random.fork(), (record) => checks.durable(id, record));
    this.links = input.control.replicas.map((replica) => {
      const link = new Link(time, random.fork());
      link.end = {
        process: () => replica.running?.process,
        connected: (socket) => replica.running?.hub.connect(id, socket as unknown as WebSocket),
        atGateway: (text) => this.#heard(text),
      };
      return link;
    });
  }

  get id(): string {
    return this.#input.id;
  }

  /** The last record that it has written; undefined while it is down. */
  head(): SpoolPosition | undefined {
    return this.#head?.();
  }

  get process(): Process | undefined {
    return this.#process;
  }

  /** Where its replicas are, for the feed. */
  urls(): string[] {
    return this.links.map((_, i) => `http://${this.#input.host}.r${i}`);
  }

  /** A call of an agent. Undefined: it is down. */
  call(...call: Parameters<Pipeline['call']>): Promise<CallAnswer> | undefined {
    const [process, pipeline] = [this.#process, this.#pipeline];
    if (process === undefined || pipeline === undefined) return undefined;
    return new Promise((done, failed) => process.enter(() => void pipeline.call(...call).then(done, failed)));
  }

  get clock(): ClockPort {
    const { time, epochMs } = this.#input;
    const nowMs = () => Math.floor(epochMs + time.nowMs + this.skewMs);
    const setBackMs = () => nowMs() - time.nowMs / 2;
    const monotonicMs = this.#input.faults.wallClock === true ? setBackMs : () => startedMs + time.nowMs;
    return { nowMs, monotonicMs };
  }

  #heard(text: string): void {
    if (this.#process?.alive !== true) return;
    const { id, checks } = this.#input;
    if (text.startsWith('{"t":"docs"') && !text.includes('"full":true')) return;
    const frame = JSON.parse(text) as ControlFrame;
    if (frame.t === 'docs') checks.toldAnew(id);
    if (frame.t === 'beat') checks.beatAnswered(id, frame.nonce);
    if (frame.t === 'contain') checks.stopHeard(id, frame.body);
  }

  crash(how: 'killed' | 'power loss' | 'disk lost'): void {
    const { trace, id } = this.#input;
    if (this.#process === undefined) return;
    trace.add(`gateway ${id.slice(0, 8)}: ${how}`);
    this.crashes++;
    this.#process.alive = false;
    this.#process = undefined;
    this.#pipeline = undefined;
    this.#head = undefined;
    this.#stop?.();
    this.#stop = undefined;
    this.#at = 0;
    if (how === 'power loss') this.disk.powerLoss();
    if (how !== 'disk lost') return;
    this.disk.replace();
    const row = this.#input.control.database.committed.get<{ reported_epoch: number; reported_seq: number }>(
      'audit_gateway',
      id,
    );
    this.#input.checks.diskLost(id, { epoch: row?.reported_epoch ?? 0, seq: row?.reported_seq ?? 0 });
  }

  get up(): boolean {
    return this.#process !== undefined;
  }

  async start(): Promise<void> {
    if (this.retired) return;
    const { time, id } = this.#input;
    const process = new Process(time);
    this.#process = process;
    this.#input.checks.started(id);
    return new Promise((done) => process.enter(() => void this.#open(process).then(done)));
  }

  async #open(process: Process): Promise<void> {
    const { id, trace } = this.#input;
    for (;;) {
      const heard = await this.#exchange(process, async (running) => running.intake.epochMax(id));
      if (heard !== undefined) {
        const opening = {
          directory: '',
          gateway: id,
          signer: gatewaySigner,
          disk: this.disk.openedBy(process),
          segmentBytesMax,
          probeEveryMs,
          epochMin: epochUsedUp(heard, this.clock.nowMs()),
        };
        const spool = await openSpool(opening).catch(() => undefined);
        if (spool !== undefined && process.alive) {
          trace.add(`gateway ${id.slice(0, 8)}: up in epoch ${spool.head().epoch}`);
          return this.#assemble(process, spool);
        }
      }
      await process.pause(reopenMs);
    }
  }

  #assemble(process: Process, spool: Spool): void {
    const { id, random, checks, servers, faults, host, trace } = this.#input;
    const { clock } = this;
    const draw = random.fork();
    const lease = faults.lease?.(leaseMs) ?? new Lease(leaseMs);
    const snapshot = new Snapshot({ clock, lease, compilePolicy });
    const control = this.#controlPort(process);
    const payloadKey = new PayloadKey(control);
    const discovery = new Discovery({ clock, control, upstreams: () => upstreams });
    const upstreams: Upstreams = new Upstreams({
      clock,
      connect: servers.connectFor(id, process),
      onListed: (server, listed) => discovery.listed(server, listed),
      onChanged: (server) => discovery.changed(server),
    });
    const ports: Ports = {
      clock,
      random: (bytes) => draw.bytes(bytes),
      spool: this.#spoolPort(spool),
      snapshot,
      upstream: upstreams,
      control,
      wrappingKey: () => payloadKey.current(),
      pause: (ms) => process.pause(ms),
      replicated: (boundMs) => shipper.replicated(boundMs),
    };
    const upSinceMs = clock.monotonicMs();
    const pipeline = createPipeline(faults.ports?.(ports) ?? ports, {
      publicUrl: () => `http://${host}`,
      upMs: () => clock.monotonicMs() - upSinceMs,
      pause: (attempt) => process.pause(200 * 2 ** attempt),
      askJudge: () => Promise.resolve(undefined),
    });
    const feed = new Feed({
      controlUrls: this.urls(),
      authorization: () => '',
      snapshot,
      lease,
      stopper: pipeline.stopper,
      clock,
      random: (bytes) => this.#nonce(draw.bytes(bytes)),
      spoolHead: () => spool.head(),
      version: 'simulated',
      mcpUrl: `http://${host}`,
      onState: (state, detail) => {
        if (state !== 'complete') trace.add(`gateway ${id.slice(0, 8)}: feed ${state} ${detail ?? ''}`, id);
        if (state === 'connected') {
          this.#at = Math.max(0, this.urls().indexOf(detail ?? ''));
          discovery.repeat();
          shipper.retry();
          void pipeline.reports.connected();
          void payloadKey.tick(clock.monotonicMs());
        }
        if (state === 'complete') discovery.tick(snapshot.servers());
      },
    });
    snapshot.onApplied((topic: FeedTopic, key, body, before) => {
      checks.applied(id, topic, key, body);
      pipeline.stopper.observe(topic, key, body, before);
    });
    faults.assembled?.(pipeline);
    const shipper = this.#shipper(process, spool);
    const ticker = setInterval(() => {
      void payloadKey.tick(clock.monotonicMs());
      void pipeline.refusals.flush();
      pipeline.limiter.sweep();
      upstreams.sweep((name) => snapshot.server(name));
      if (snapshot.fresh()) discovery.tick(snapshot.servers());
    }, 1_000);
    feed.start();
    shipper.start();
    this.#pipeline = pipeline;
    this.#head = () => spool.head();
    this.#stop = () => {
      clearInterval(ticker);
      feed.close();
    };
  }

  /** The feed's random bytes are its nonces, drawn in the tick in which they are sent. */
  #nonce(bytes: Buffer): Buffer {
    this.#input.checks.beatSent(this.#input.id, bytes.toString('base64url'));
    return bytes;
  }

  #spoolPort(spool: Spool): SpoolPort {
    const { id, checks } = this.#input;
    const watched =
      (append: SpoolPort['append']): SpoolPort['append'] =>
      async (draft, payload) => {
        checks.drafted(id, draft);
        const result = await append(draft, payload);
        checks.appended(id, draft, result);
        return result;
      };
    return {
      append: watched((draft, payload) => spool.append(draft, payload)),
      appendUrgent: watched((draft, payload) => spool.appendUrgent(draft, payload)),
    };
  }

  #shipper(process: Process, spool: Spool): Shipper {
    const { id, trace, faults } = this.#input;
    return new Shipper({
      spool,
      pause: (ms, signal) =>
        new Promise((done) => {
          signal.addEventListener('abort', () => process.alive && done(), { once: true });
          if (signal.aborted) done();
          void process.pause(ms).then(done);
        }),
      send: (_, frame, headers) =>
        this.#exchange(process, async (running) => {
          if (faults.takesNothing?.() === true) return { status: 200, body: Buffer.from('{}') };
          const result = await running.intake
            .acceptAll(
              splitFrames(frame, shipmentFramesMax) ?? [frame],
              { gateway: id, keys: [gatewayKey], servers: '*' },
              headers[gapHeader] !== undefined,
            )
            .catch(() => undefined);
          if (result === undefined) return { status: 500, body: Buffer.from('{}') };
          const body = result.ok
            ? { position: result.position }
            : { code: result.refusal.code, position: result.position };
          return { status: result.ok ? 200 : 409, body: Buffer.from(JSON.stringify(body)) };
        }),
      onRefused: (code) => trace.add(`gateway ${id.slice(0, 8)}: control refuses its records: ${code}`),
    });
  }

  /** One request over a link. Undefined: no answer in time, or none at all; the other side may have acted. */
  #exchange<T>(process: Process, act: (running: Running) => Promise<T | undefined>): Promise<T | undefined> {
    const { replicas } = this.#input.control;
    return new Promise((settle) => {
      let answered = false;
      const done = (answer: T | undefined): void => {
        if (answered) return;
        answered = true;
        settle(answer);
      };
      const ask = (at: number, tried: number): void => {
        const link = this.links[at];
        const replica = replicas[at];
        const next = (): void => {
          if (this.#at === at) this.#at = (at + 1) % replicas.length;
        };
        void process.pause(controlTimeoutMs).then(() => {
          if (!answered) next();
          done(undefined);
        });
        if (link === undefined || replica === undefined) return;
        // Nothing was sent: the next replica is asked at once.
        if (link.refuses || replica.running === undefined) {
          void process.pause(1).then(() => {
            next();
            if (tried >= replicas.length) done(undefined);
            else ask((at + 1) % replicas.length, tried + 1);
          });
          return;
        }
        link.up.send(() => {
          const { running } = replica;
          running?.process.enter(() => {
            void act(running)
              .catch(() => undefined)
              .then((answer) => link.down.send(() => process.enter(() => done(answer))));
          });
        });
      };
      ask(this.#at, 1);
    });
  }

  #controlPort(process: Process): ControlPort {
    const { state } = this.#input;
    return {
      request: async <K extends OperationId>(
        operation: K,
        call: ControlCall<K>,
      ): Promise<ControlAnswer<ResponseOf<K>>> => {
        const answer = await this.#exchange(process, () => state.answer(operation, call, this.id));
        if (answer !== undefined) return answer as ControlAnswer<ResponseOf<K>>;
        return {
          ok: false,
          refusal: refusal('containment.feed_stale', 'The control plane did not answer.'),
          sent: true,
        };
      },
    };
  }
}
