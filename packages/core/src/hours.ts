/** Hours and days of the clock, counted from 1970 in UTC. */
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

export const hourOf = (ms: number): number => Math.floor(ms / hourMs);
export const dayOf = (ms: number): number => Math.floor(ms / dayMs);
