/**
 * Runs both planes: control first, then the gateway with its join token. A plane that dies is started again, later each time; when
 * it cannot come back, everything stops. On the way down the gateway ends before control, so that its last records are taken in.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Plane, PlaneFailed, type PlaneName, type PlaneSpec, type ReadyMessage } from './plane.ts';

const readyWithinMs = { control: 60_000, gateway: 60_000 } as const;
const stopWithinMs = { control: 12_000, gateway: 8_000 } as const;
const restartPauseMs = 250;
const restartPauseMsMax = 10_000;
/** Attempts in a row that never became ready. */
const attemptsMax = 8;

export type SupervisorEvent =
  | { readonly event: 'died'; readonly plane: PlaneName; readonly words: string }
  | { readonly event: 'restarted'; readonly plane: PlaneName; readonly pid: number; readonly tookMs: number }
  | { readonly event: 'given_up'; readonly plane: PlaneName; readonly words: string };

export interface SupervisorOptions {
  readonly control: () => PlaneSpec;
  /** Asked for after control is up. */
  readonly gateway: (control: ReadyMessage) => PlaneSpec;
  readonly onEvent: (
    event: SupervisorEvent,
    pids: { readonly control: number; readonly gateway: number },
  ) => void;
}

export class Supervisor {
  private readonly options: SupervisorOptions;
  private readonly planes = new Map<PlaneName, Plane>();
  private readonly specs = new Map<PlaneName, () => PlaneSpec>();
  private stopping = false;
  private readonly halt = new AbortController();
  private endWith: (code: 'stopped' | 'given_up') => void = () => undefined;
  /** Resolves when a plane could not be brought back. */
  readonly ended: Promise<'stopped' | 'given_up'>;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.ended = new Promise((resolve) => {
      this.endWith = resolve;
    });
  }

  /** @throws PlaneFailed when one of them does not come up; nothing runs then */
  async start(): Promise<{ control: ReadyMessage; gateway: ReadyMessage }> {
    try {
      const control = await this.launch('control', this.options.control);
      const gateway = await this.launch('gateway', () => this.options.gateway(control));
      return { control, gateway };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  pid(name: PlaneName): number {
    return this.planes.get(name)?.pid ?? 0;
  }

  /** Resolves with whether force was needed. Safe to call twice. */
  async stop(): Promise<boolean> {
    this.stopping = true;
    this.halt.abort();
    const forcedGateway = (await this.planes.get('gateway')?.stop(stopWithinMs.gateway)) ?? false;
    const forcedControl = (await this.planes.get('control')?.stop(stopWithinMs.control)) ?? false;
    this.endWith('stopped');
    return forcedGateway || forcedControl;
  }

  /** The person does not want to wait. */
  killAll(): void {
    this.stopping = true;
    this.halt.abort();
    for (const plane of this.planes.values()) plane.kill();
  }

  private async launch(name: PlaneName, spec: () => PlaneSpec): Promise<ReadyMessage> {
    this.specs.set(name, spec);
    const plane = new Plane(spec());
    this.planes.set(name, plane);
    const ready = await plane.ready(readyWithinMs[name]).catch(async (error: unknown) => {
      plane.kill();
      await plane.gone;
      throw error;
    });
    void plane.gone.then(() => this.onGone(plane));
    return ready;
  }

  private async onGone(plane: Plane): Promise<void> {
    if (this.stopping || this.planes.get(plane.name) !== plane) return;
    this.tell({ event: 'died', plane: plane.name, words: plane.lastWords() });
    const startMs = performance.now();
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      if (!(await this.paused(Math.min(restartPauseMs * 2 ** attempt, restartPauseMsMax)))) return;
      const failed = await this.relaunch(plane.name, startMs);
      if (failed === undefined || this.stopping) return;
      if (attempt === attemptsMax - 1) this.tell({ event: 'given_up', plane: plane.name, words: failed });
    }
    this.endWith('given_up');
  }

  /** Undefined when it is back; otherwise its last words. */
  private async relaunch(name: PlaneName, startMs: number): Promise<string | undefined> {
    try {
      await this.launch(name, this.specs.get(name) as () => PlaneSpec);
      const pid = this.pid(name);
      this.tell({ event: 'restarted', plane: name, pid, tookMs: performance.now() - startMs });
      return undefined;
    } catch (error) {
      return error instanceof PlaneFailed ? error.message : 'unknown fault';
    }
  }

  private tell(event: SupervisorEvent): void {
    this.options.onEvent(event, { control: this.pid('control'), gateway: this.pid('gateway') });
  }

  private async paused(ms: number): Promise<boolean> {
    try {
      await pause(ms, undefined, { signal: this.halt.signal });
      return true;
    } catch {
      return false;
    }
  }
}
