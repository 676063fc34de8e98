/**
 * The control plane: the real hub of the feed, the real intake and the real sequencer, over virtual rows and files. Only what people and
 * agents change through other rooms is modelled (control-state.ts). Its process can die at any point and is started again.
 */
import { Intake } from '@atf/control/audit/intake';
import { openSequencer, type Sequencer } from '@atf/control/audit/sequencer';
import type { Clock, Control, Db } from '@atf/control/context';
import { Feed } from '@atf/control/feed/hub';
import { checkpointSigner } from '@atf/core/audit/checkpoint';
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
import type { WebSocket } from 'ws';
import type { VirtualSocket } from './network.ts';
import type { Random } from './random.ts';
import { Database, Handle, type WritableView } from './rows.ts';
import { origin, tenant } from './scene.ts';
import type { VirtualTiles } from './tiles.ts';
import type { Trace } from './trace.ts';
import { Process, type VirtualTime } from './virtual-time.ts';

/** One key of each kind for all runs: signatures are part of no decision and of no order. */
export const logSigner = checkpointSigner(origin, generateKeyPairSync('ed25519').privateKey);
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
  /** The log cannot be opened although nobody else writes it. */
  readonly onUnopened: (fault: RefusalError) => void;
}

interface Running {
  readonly process: Process;
  readonly handle: Handle;
  readonly hub: Feed;
  readonly intake: Intake;
}

export class ControlNode {
  readonly database: Database;
  readonly #input: ControlInput;
  #running: Running | undefined;
  /** All that run: a take-over does not end the one before. */
  readonly #sequencers = new Set<Sequencer>();

  constructor(input: ControlInput) {
    this.#input = input;
    this.database = new Database(input.time, input.random.fork());
  }

  get running(): Running | undefined {
    return this.#running;
  }

  start(): void {
    const { time, random, clock, gateways } = this.#input;
    const process = new Process(time);
    const handle = new Handle(this.database, process, random.fork());
    const hub = new Feed({ db: handle as unknown as Db, tenant, log: silent });
    const change = this.changeOf(process) as unknown as Control['change'];
    const intake = new Intake({ db: handle as unknown as Db, change, clock, tenant });
    this.#running = { process, handle, hub, intake };
    void this.#sequence(process, handle);
    const report = (): void => {
      if (!process.alive) return;
      for (const { id, spool } of hub.gateways()) {
        if (spool !== undefined && gateways.includes(id))
          void intake.reported(id, spool).catch(() => undefined);
      }
      time.after(reportEveryMs, report);
    };
    time.after(reportEveryMs, report);
  }

  /** A transaction of one process; hub and sequencers look for what is new after its commit. */
  changeOf(
    process: Process,
  ): <T>(work: (tx: WritableView) => Promise<T>, applied?: () => void) => Promise<T> {
    return (work, applied) =>
      this.database.change(process, work, () => {
        applied?.();
        this.#input.time.after(0.01, () => {
          this.#running?.hub.wake();
          for (const sequencer of this.#sequencers) sequencer.wake();
        });
      });
  }

  async #sequence(process: Process, handle: Handle): Promise<void> {
    const { tiles, clock, trace, time, gateways } = this.#input;
    for (;;) {
      try {
        const sequencer = await openSequencer({
          db: handle as unknown as Db,
          change: this.changeOf(process) as unknown as Control['change'],
          store: tiles.openedBy(process),
          clock,
          tenant,
          signer: logSigner,
          gatewayKeys: async () => new Map(gateways.map((id) => [id, [gatewayKeyRecord]])),
        });
        this.#sequencers.add(sequencer);
        sequencer.start();
        return;
      } catch (fault) {
        const refused = fault instanceof RefusalError && fault.refusal.code !== 'audit.sequencer_fenced';
        if (refused && this.#sequencers.size === 0) return this.#input.onUnopened(fault);
        trace.add('the log could not be opened; again');
        await new Promise<void>((done) => void time.after(reopenMs, done));
        if (!process.alive) return;
      }
    }
  }

  /** Another replica sequences from now on; the old one does not know. */
  takeOver(): void {
    const { running } = this;
    if (running === undefined) return;
    this.#input.trace.add('control: another sequencer takes over the log');
    void this.#sequence(running.process, running.handle);
  }

  crash(): void {
    if (this.#running === undefined) return;
    this.#input.trace.add('control: crash');
    this.#running.process.alive = false;
    this.#running.hub.close();
    this.#running = undefined;
    this.#sequencers.clear();
  }

  accept(gateway: string, socket: VirtualSocket): boolean {
    if (this.#running === undefined) return false;
    this.#running.hub.connect(gateway, socket as unknown as WebSocket);
    return true;
  }
}
