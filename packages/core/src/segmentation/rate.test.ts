import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grantCalls, lookAtRate } from './rate.ts';

describe('rate limit (GCRA)', () => {
  it('admits exactly max at once, then one per emission interval', () => {
    const rate = { max: 5, perSeconds: 10 };
    let stored: number | undefined;
    const admit = (nowMs: number) => {
      const look = lookAtRate(stored, nowMs, rate);
      if (look.ok) stored = look.nextMs;
      return look;
    };
    for (let call = 0; call < 5; call++) expect(admit(1_000).ok).toBe(true);
    expect(admit(1_000)).toMatchObject({ ok: false, retryAfterMs: 2_000 });
    expect(admit(2_999).ok).toBe(false);
    expect(admit(3_000).ok).toBe(true);
    expect(admit(3_000).ok).toBe(false);
  });

  it('never admits more than 2·max in any window, and a refused look says truly when to come back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 200 }),
        (max, perSeconds, gaps) => {
          let stored: number | undefined;
          let nowMs = 1_000_000;
          const admitted: number[] = [];
          for (const gap of gaps) {
            nowMs += gap;
            const look = lookAtRate(stored, nowMs, { max, perSeconds });
            if (look.ok) {
              stored = look.nextMs;
              admitted.push(nowMs);
            } else {
              expect(lookAtRate(stored, nowMs + look.retryAfterMs, { max, perSeconds }).ok).toBe(true);
              expect(lookAtRate(stored, nowMs + look.retryAfterMs - 2, { max, perSeconds }).ok).toBe(false);
            }
          }
          for (const from of admitted) {
            const within = admitted.filter((at) => at >= from && at < from + perSeconds * 1000).length;
            expect(within).toBeLessThanOrEqual(2 * max);
          }
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });

  it('a clock that goes backwards admits nothing extra', () => {
    const rate = { max: 1, perSeconds: 10 };
    const first = lookAtRate(undefined, 50_000, rate);
    expect(lookAtRate(first.nextMs, 40_000, rate).ok).toBe(false);
  });

  it('a clock that goes backwards uses everything up for one period, not until it is where it was', () => {
    const rate = { max: 5, perSeconds: 10 };
    const before = grantCalls(undefined, 3_600_000, rate, 5);
    const after = grantCalls(before.nextMs, 1_000, rate, 5);
    expect(after).toMatchObject({ granted: 0, retryAfterMs: 2_000 });
    const soon = grantCalls(after.nextMs, 3_000, rate, 5);
    expect(soon.granted).toBe(1);
    expect(grantCalls(soon.nextMs, 13_000, rate, 9).granted).toBe(5);
  });
});
