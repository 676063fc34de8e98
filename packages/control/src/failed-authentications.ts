/**
 * Counts failed authentications per address and kind in a window, so that guessing and floods of invalid proofs are refused before anything is
 * verified (S-3). Bounded: the address that was quiet longest is forgotten first.
 */

export const failuresMax = 60;
export const windowMs = 60_000;
export const addressesMax = 10_000;

/**
 * Gateways on the machine itself are not held up: every local process shares their address, so one that sends rubbish could keep the own
 * gateway away from its feed and stop the fleet.
 */
function exempt(address: string, kind: string): boolean {
  return (
    kind === 'gateway' && (address === '127.0.0.1' || address === '::1' || address === '::ffff:127.0.0.1')
  );
}

export class FailedAuthentications {
  private readonly counts = new Map<string, { startMs: number; count: number }>();

  /** Milliseconds until this address may try again; 0: it may now. */
  waitMs(address: string, kind: string, nowMs: number): number {
    const found = this.counts.get(`${kind} ${address}`);
    if (found === undefined || found.count < failuresMax) return 0;
    const leftMs = found.startMs + windowMs - nowMs;
    // More is left than there ever was: the clock was set back.
    return leftMs > windowMs ? 0 : Math.max(0, leftMs);
  }

  failed(address: string, kind: string, nowMs: number): void {
    if (exempt(address, kind)) return;
    const key = `${kind} ${address}`;
    const found = this.counts.get(key);
    const next =
      found === undefined || nowMs < found.startMs || nowMs - found.startMs >= windowMs
        ? { startMs: nowMs, count: 0 }
        : found;
    next.count++;
    this.counts.delete(key);
    this.counts.set(key, next);
    if (this.counts.size <= addressesMax) return;
    const oldest = this.counts.keys().next().value;
    if (oldest !== undefined) this.counts.delete(oldest);
  }
}
