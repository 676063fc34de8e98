import { describe, expect, it } from 'vitest';
import { LeaseWatch } from './lease.ts';

const leaseMs = 800;
const everyMs = 50;

/** Looks from 0 to `toMs`, every 50 ms but for the times in `still`; gives the looks that said something. */
function watched(
  toMs: number,
  fresh: (ms: number) => boolean,
  still: readonly (readonly [number, number])[] = [],
) {
  const watch = new LeaseWatch({ everyMs, leaseMs });
  const said: [number, string][] = [];
  for (let ms = 0; ms <= toMs; ms += everyMs) {
    if (still.some(([from, to]) => ms > from && ms < to)) continue;
    const look = watch.look(ms, fresh(ms));
    if (look !== 'as before') said.push([ms, look]);
  }
  return said;
}

describe('what runs when the lease is over', () => {
  it('is cut at once, and once', () => {
    expect(watched(5_000, (ms) => ms < 1_000)).toEqual([[1_000, 'cut']]);
    expect(watched(5_000, (ms) => ms < 1_000 || (ms >= 2_000 && ms < 3_000))).toEqual([
      [1_000, 'cut'],
      [3_000, 'cut'],
    ]);
  });

  it('is not cut before it was ever heard', () => {
    expect(watched(5_000, () => false)).toEqual([]);
  });

  it('goes on where the process stood still, and control is heard within half a lease', () => {
    expect(watched(5_000, (ms) => ms < 1_500 || ms >= 2_300, [[1_000, 2_000]])).toEqual([
      [2_000, 'ask again'],
    ]);
  });

  it('is cut half a lease after a standstill in which control went away, at the latest', () => {
    expect(watched(5_000, (ms) => ms < 1_500, [[1_000, 2_000]])).toEqual([
      [2_000, 'ask again'],
      [2_400, 'cut'],
    ]);
    // Standing still again does not begin the time anew.
    expect(
      watched(5_000, (ms) => ms < 1_500, [
        [1_000, 2_000],
        [2_100, 2_350],
        [2_350, 3_000],
      ]),
    ).toEqual([
      [2_000, 'ask again'],
      [3_000, 'cut'],
    ]);
  });

  it('is cut at once where the process was a little late, or stood still long ago', () => {
    expect(watched(5_000, (ms) => ms < 1_100, [[1_000, 1_200]])).toEqual([[1_200, 'cut']]);
    expect(watched(5_000, (ms) => ms < 3_000, [[1_000, 2_000]])).toEqual([[3_000, 'cut']]);
  });

  it('is cut at once by what control said', () => {
    const watch = new LeaseWatch({ everyMs, leaseMs });
    watch.look(0, true);
    expect(watch.look(1_000, false, true)).toBe('cut');
    watch.look(1_050, true);
    expect(watch.look(2_000, false)).toBe('ask again');
    expect(watch.look(2_050, false, true)).toBe('cut');
    expect(watch.look(2_100, false)).toBe('as before');
  });
});
