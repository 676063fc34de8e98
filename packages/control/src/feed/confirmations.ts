/**
 * Room: feed. Who has confirmed a stop: per gateway and key, in the order in which the stops were sent. A gateway that goes away counts as
 * not confirmed; its lease refuses for it.
 */

/** Stops that may wait for confirmation at once. */
export const stopsWaitingMax = 10_000;

export interface StopOutcome {
  readonly connected: number;
  readonly confirmed: number;
  readonly aborted: number;
  /** Calls that a graceful stop lets end. */
  readonly running: number;
}

interface Stop {
  readonly key: string;
  readonly waitingFor: Set<string>;
  readonly connected: number;
  confirmed: number;
  aborted: number;
  running: number;
  finish(): void;
}

const unconfirmed = (connected: number): StopOutcome => ({
  connected,
  confirmed: 0,
  aborted: 0,
  running: 0,
});

export class Confirmations {
  private readonly stops = new Set<Stop>();

  /** Resolves when each of `gatewayIds` has confirmed `key`, has gone, or `boundMs` is over. */
  wait(key: string, gatewayIds: readonly string[], boundMs: number): Promise<StopOutcome> {
    if (gatewayIds.length === 0) return Promise.resolve(unconfirmed(0));
    if (this.stops.size >= stopsWaitingMax) {
      // Stopping is never refused: the stop has been sent, only its confirmation is not awaited.
      return Promise.resolve(unconfirmed(gatewayIds.length));
    }
    return new Promise((resolve) => {
      const stop: Stop = {
        key,
        waitingFor: new Set(gatewayIds),
        connected: gatewayIds.length,
        confirmed: 0,
        aborted: 0,
        running: 0,
        finish: () => {
          clearTimeout(timer);
          this.stops.delete(stop);
          const { connected, confirmed, aborted, running } = stop;
          resolve({ connected, confirmed, aborted, running });
        },
      };
      const timer = setTimeout(stop.finish, boundMs);
      this.stops.add(stop);
    });
  }

  /** One confirmation answers the oldest stop of that key that this gateway has not confirmed. */
  confirmed(
    gatewayId: string,
    key: string,
    { aborted, running }: Pick<StopOutcome, 'aborted' | 'running'>,
  ): void {
    for (const stop of this.stops) {
      if (stop.key !== key || !stop.waitingFor.delete(gatewayId)) continue;
      stop.confirmed++;
      stop.aborted += aborted;
      stop.running += running;
      if (stop.waitingFor.size === 0) stop.finish();
      return;
    }
  }

  gone(gatewayId: string): void {
    for (const stop of [...this.stops]) {
      if (stop.waitingFor.delete(gatewayId) && stop.waitingFor.size === 0) stop.finish();
    }
  }
}
