/**
 * Who is looked at although their address sends rubbish (S-3): whoever names a key that proved itself here before, always; others as far as a bound over
 * all sources allows, because an instance that has just enrolled is not known yet. So strangers who share an address with an instance
 * neither hold it up nor gain work by it.
 */
import { lookAtRate } from '@atf/core/segmentation/rate';

const keysMax = 20_000;
/** Proofs of unknown keys from addresses that are turned away otherwise, over all sources. */
export const secondLooksRate = { max: 200, perSeconds: 1 } as const;

export class KnownKeys {
  private readonly keys = new Set<string>();
  private looks: number | undefined;

  /** This key proved itself, and an instance of ours holds it. */
  remember(jkt: string): void {
    this.keys.delete(jkt);
    this.keys.add(jkt);
    const [oldest] = this.keys;
    if (this.keys.size > keysMax && oldest !== undefined) this.keys.delete(oldest);
  }

  /** Whether a proof that names this key is verified although its address failed too often. */
  mayLook(jkt: string | undefined, nowMs: number): boolean {
    if (jkt === undefined) return false;
    if (this.keys.has(jkt)) return true;
    const look = lookAtRate(this.looks, nowMs, secondLooksRate);
    this.looks = look.nextMs;
    return look.ok;
  }
}
