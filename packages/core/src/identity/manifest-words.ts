/**
 * What a manifest declares, in words for people, the same in console and command line. What is declared and not enforced says so: a reader must not
 * take a wish for a fact.
 */
import type { HumanCheckpoint, Limit, Manifest } from '../wire/manifest.ts';

const amountWords = (amount: number, currency: string | undefined): string =>
  currency === undefined ? amount.toLocaleString('en') : `${amount.toLocaleString('en')} ${currency}`;

export function limitWords({ calls, amountMax, currency }: Limit): string {
  return [
    calls === undefined ? undefined : `at most ${calls.max} calls in ${calls.perSeconds} s`,
    amountMax === undefined ? undefined : `at most ${amountWords(amountMax, currency)} in one action`,
  ]
    .filter((words) => words !== undefined)
    .join('; ');
}

/** Without the reason, which is its author's own words. */
export function checkpointWords({ amountAbove, currency }: HumanCheckpoint): string {
  return amountAbove === undefined
    ? 'a person decides'
    : `a person decides above ${amountWords(amountAbove, currency)}`;
}

export function slaWords({ sla }: Pick<Manifest, 'sla'>): string {
  const { availabilityPercent, responseMs } = sla;
  const words = [
    availabilityPercent === undefined ? undefined : `${availabilityPercent} % available`,
    responseMs === undefined ? undefined : `answers within ${responseMs} ms`,
  ].filter((each) => each !== undefined);
  return words.length === 0 ? 'not declared' : `${words.join(', ')}; shown, not measured`;
}

export function assuranceWords({ assurance }: Pick<Manifest, 'assurance'>): string {
  return assurance === 'claimed' ? 'claimed' : `wants ${assurance}; not verified, runs as claimed`;
}

export function spawnWords({ maySpawn }: Pick<Manifest, 'maySpawn'>): string {
  return maySpawn ? 'yes' : 'no; declared, and not watched yet';
}
