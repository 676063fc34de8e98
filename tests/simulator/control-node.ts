/**
 * The control plane: the real hub of the feed, intake, sequencer, lead and replicas, over virtual rows, files and signals. Only what people and
 * agents change through other rooms is modelled (control-state.ts). Its processes can die or be paused at any point.
 */
import { continueLog } from '@atf/control/audit/continue-log';
import { Intake } from '@atf/control/audit/intake';
import { openSequencer, type Sequencer, type SequencerOptions } from '@atf/control/audit/sequencer';
import type { TileStore } from '@atf/control/audit/tile-store';
import type { Clock, Control, Db } from '@atf/control/context';
import { Feed } from '@atf/control/feed/hub';
import { Lead } from '@atf/control/replicas/lead';
import { Replicas } from '@atf/control/replicas/replicas';
import { type CheckpointSigner, checkpointSigner } from '@atf/core/audit/checkpoint';
import {
  exportGatewayKey,
  type GatewayKey,
  type GatewayKeyRecord,
  importGatewayKey,
  type SealSigner,
  sealSigner,
} from '@atf/core/audit/gateway-key';
import { RefusalError } from '@atf/core/errors';
import { generateKeyPairSync } from 'node:crypto';
import type { Logger } from 'pino';
import type { Random } from './random.ts';
import { Database, Handle, type WritableView } from './rows.ts';
import { rowTiles } from './row-tiles.ts';
import { origin, tenant } from './scene.ts';
import { VirtualSignals } from './signals.ts';
import type { VirtualTiles } from './tiles.ts';
import type { Trace } from './trace.ts';
import { currentProcess, Process, type VirtualTime } from './virtual-time.ts';

/** One key of each kind for all runs: signatures are part of no decision and of no order. */
const logKey = generateKeyPairSync('ed25519').privateKey;
const firstSigner = checkpointSigner(origin, logKey);
const restoredSigner = checkpointSigner(`${origin}/r-20261120-00000001`, logKey);
const gatewayPrivate = generateKeyPairSync('ed25519').privateKey;
export const gatewaySigner: SealSigner = sealSigner('gk1', gatewayPrivate);
export const gatewayKeyRecord: GatewayKeyRecord = exportGatewayKey('gk1', gatewayPrivate);
export const gatewayKey = importGatewayKey(gatewayKeyRecord) as GatewayKey;

const reopenMs = 40;
const reportEveryMs = 250;
const silent = { error: () => undefined, warn: () => undefined, info: () => undefined } as unknown as Logger;

export interface ControlInput {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly trace: Trace;
  readonly tiles: VirtualTiles;
  readonly clock: Clock;
  readonly gateways: readonly string[];
  /** How many control processes there are. */
  readonly replicas: number;
  /** False: the leader writes without its fence (a mutant). */
  readonly fences: boolean;
  /** Who led once does nothing when it leads again (a mutant). */
  readonly leadsOnce: boolean;
  readonly onLead: () => void;
  /** The log cannot be opened although nobody else writes it. */
  readonly onUnopened: (fault: RefusalError) => void;
}

/** A control process as it runs. */
export interface Running {
  readonly process: Process;
  readonly handle: Handle;
  readonly hub: Feed;
  readonly intake: Intake;
}

type Change = <T>(work: (tx: WritableView) => Promise<T>, applied?: () => void) => Promise<T>;

/** One control process after the other, under one id. */
export class Replica {
  readonly id: string;
  /** Of its wall clock. */
  skewMs = 0;
  readonly #input: ControlInput;
  readonly #node: ControlNode;
  readonly #random: Random;
  #running: Running | undefined;
  #wake: (() => void) | undefined;
  #led = false;
  /** As it believes. */
  leads = false;
  /** Called once, with its process, when it is about to write the next checkpoint. */
  pausesAtPut: ((process: Process) => void) | undefined;
  /** All that run: a take-over does not end the one before. */
  readonly #sequencers = new Set<Sequencer>();

  constructor(id: string, node: ControlNode, input: ControlInput, random: Random) {
    this.id = id;
    this.#node = node;
    this.#input = input;
    this.#random = random;
  }

  get running(): Running | undefined {
    return this.#running;
  }

  get #clock(): Clock {
    return { nowMs: () => this.#input.clock.nowMs() + this.skewMs };
  }

  start(): void {
    const process = new Process(this.#input.time);
    process.enter(() => this.#start(process));
  }

  #start(process: Process): void {
    const { time, gateways } = this.#input;
    const handle = new Handle(this.#node.database, process, this.#random.fork());
    const db = handle as unknown as Db;
    const hub = new Feed({ db, tenant, log: silent });
    const change = this.changeOf(process);
    const intake = new Intake({
      db,
      change: change as unknown as Control['change'],
      clock: this.#clock,
      tenant,
    });
    this.#running = { process, handle, hub, intake };
    if (this.#node.shared) this.#lead(process, handle, hub, change);
    else void this.#sequence(process, handle);
    const report = (): void => {
      for (const { id, spool } of hub.own()) {
        if (spool !== undefined && gateways.includes(id))
          void intake.reported(id, spool).catch(() => undefined);
      }
      time.after(reportEveryMs, () => process.enter(report));
    };
    time.after(reportEveryMs, () => process.enter(report));
  }

  /** A transaction of one process; hub and sequencers look for what is new after its commit. */
  changeOf(process: Process): Change {
    return (work, applied) =>
      this.#node.database.change(process, work, () => {
        applied?.();
        this.#input.time.after(0.01, () =>
          process.enter(() => {
            this.#running?.hub.wake();
            this.#wake?.();
            for (const sequencer of this.#sequencers) sequencer.wake();
          }),
        );
      });
  }

  #options(handle: Handle, change: Control['change'], store: TileStore): SequencerOptions {
    const { gateways } = this.#input;
    return {
      ...{
        db: handle as unknown as Db,
        change,
        store,
        clock: this.#clock,
        tenant,
        signer: this.#node.signer,
      },
      gatewayKeys: async () => new Map(gateways.map((id) => [id, [gatewayKeyRecord]])),
    };
  }

  /** Shares the database with another one: whoever has the lease writes the log, into rows. */
  #lead(process: Process, handle: Handle, hub: Feed, change: Change): void {
    const { trace, fences } = this.#input;
    const replicas = new Replicas({
      ...{
        id: this.id,
        db: handle as unknown as Db,
        signals: this.#node.signals.of(process),
        tenant,
        log: silent,
      },
      feed: {
        containHere: (...stop) => hub.containHere(...stop),
        own: () => hub.own(),
        wake: () => hub.wake(),
        unrecorded: () => hub.unrecorded(),
      },
    });
    hub.join(replicas);
    void replicas.meet();
    const control = {
      db: handle,
      change,
      config: { tenant },
      log: silent,
      shared: replicas,
    } as unknown as Control;
    const lead = new Lead({
      control,
      replica: this.id,
      begin: async (held) => {
        const write = (fences === false ? control : held).change;
        const store = rowTiles(handle, write as unknown as Parameters<typeof rowTiles>[1], (paths) =>
          this.#beforePut(process, paths),
        );
        const options = this.#options(handle, write, store);
        if (this.#node.signerBefore !== undefined) await continueLog(options, this.#node.signerBefore);
        const sequencer = await openSequencer(options);
        trace.add(`control ${this.id}: leads`);
        this.#input.onLead();
        this.leads = true;
        if (!(this.#input.leadsOnce && this.#led)) sequencer.start();
        this.#led = true;
        this.#wake = () => {
          replicas.changed();
          sequencer.wake();
        };
        return {
          note: () => 'null',
          end: async () => {
            this.leads = false;
            trace.add(`control ${this.id}: leads no more`);
            await sequencer.stop();
          },
        };
      },
    });
    this.#wake = () => replicas.changed();
    const start = async (): Promise<void> => {
      for (;;) {
        try {
          return await lead.start();
        } catch (fault) {
          const code = fault instanceof RefusalError ? fault.refusal.code : String(fault);
          trace.add(`control ${this.id}: cannot lead: ${code}`);
          if (code === 'audit.log_shorter' || code === 'audit.log_damaged')
            return this.#input.onUnopened(fault as RefusalError);
          await process.pause(reopenMs);
        }
      }
    };
    void start();
  }

  /** A leader that is to be paused before it writes a checkpoint, is paused here: it knows of nothing that happens meanwhile. */
  async #beforePut(process: Process, paths: readonly string[]): Promise<void> {
    const pause = this.pausesAtPut;
    if (pause === undefined || !paths.includes('checkpoint')) return;
    this.pausesAtPut = undefined;
    pause(process);
    await process.pause(0);
  }

  async #sequence(process: Process, handle: Handle): Promise<void> {
    const { tiles, trace } = this.#input;
    const change = this.changeOf(process) as unknown as Control['change'];
    for (;;) {
      try {
        const sequencer = await openSequencer(this.#options(handle, change, tiles.openedBy(process)));
        this.#sequencers.add(sequencer);
        sequencer.start();
        return;
      } catch (fault) {
        const refused = fault instanceof RefusalError && fault.refusal.code !== 'audit.sequencer_fenced';
        if (refused && this.#sequencers.size === 0) return this.#input.onUnopened(fault);
        trace.add('the log could not be opened; again');
        await process.pause(reopenMs);
      }
    }
  }

  /** Another sequencer on the same files; the old one does not know. */
  takeOver(): void {
    const { running } = this;
    if (running === undefined || this.#node.shared) return;
    this.#input.trace.add('control: another sequencer takes over the log');
    running.process.enter(() => void this.#sequence(running.process, running.handle));
  }

  crash(): void {
    if (this.#running === undefined) return;
    this.#input.trace.add(`control ${this.id}: crash`);
    this.#running.process.alive = false;
    this.#running.hub.close();
    this.#running = undefined;
    this.#wake = undefined;
    this.leads = false;
    this.pausesAtPut = undefined;
    this.#sequencers.clear();
  }
}

export class ControlNode {
  readonly database: Database;
  readonly signals: VirtualSignals;
  readonly replicas: readonly Replica[];
  /** Several replicas on one database; otherwise one process with its log in files. */
  readonly shared: boolean;
  /** Under whose name the log is signed. */
  signer: CheckpointSigner = firstSigner;
  /** Under which it was, before the product was restored. */
  signerBefore: CheckpointSigner | undefined;
  readonly #random: Random;

  constructor(input: ControlInput) {
    const { random, time } = input;
    this.shared = input.replicas > 1;
    this.database = new Database(time, random.fork());
    this.signals = new VirtualSignals(time, random.fork());
    this.replicas = Array.from(
      { length: input.replicas },
      (_, i) => new Replica(`r${i}`, this, input, random.fork()),
    );
    this.#random = random.fork();
  }

  /** What comes after a restore has another name, and the same key. */
  rename(): void {
    this.signerBefore = this.signer;
    this.signer = restoredSigner;
  }

  /** The process that asks; for people, any that answers. */
  get running(): Running | undefined {
    const all = this.replicas.flatMap(({ running }) => running ?? []);
    const asking = currentProcess();
    const own = all.find(({ process }) => process === asking);
    if (own !== undefined || (asking !== undefined && !asking.alive)) return own;
    const awake = all.filter(({ process }) => !process.frozen);
    return awake.length === 0 ? undefined : this.#random.pick(awake);
  }

  replicaOf(process: Process): Replica | undefined {
    return this.replicas.find(({ running }) => running?.process === process);
  }

  start(): void {
    for (const replica of this.replicas) if (replica.running === undefined) replica.start();
  }

  crash(): void {
    for (const replica of this.replicas) replica.crash();
  }

  /** The database is away for everybody, or back. */
  set databaseDown(down: boolean) {
    this.database.down = down;
    this.signals.down = down;
  }
}
