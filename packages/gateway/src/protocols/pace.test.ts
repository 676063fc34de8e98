import { describe, expect, it } from 'vitest';
import { costOf, eventsIn, Pace } from './pace.ts';

describe('pace', () => {
  it('lets a burst pass, rests until it is paid for, and never lets more through than the rate', () => {
    const pace = new Pace({ perSecond: 100, burst: 10 });
    let nowMs = 5_000;
    let taken = 0;
    for (let at = 0; at < 10; at++, taken++) expect(pace.spend(1, nowMs)).toBe(0);
    const restMs = pace.spend(1, nowMs);
    taken++;
    expect(restMs).toBeCloseTo(110);
    while (nowMs < 15_000) {
      nowMs += pace.spend(1, nowMs);
      taken++;
    }
    expect(taken).toBeLessThanOrEqual(10 * 100 + 2 * 11);
    expect(taken).toBeGreaterThan(900);
  });

  it('is not in the way of who says little', () => {
    const pace = new Pace({ perSecond: 100, burst: 10 });
    for (let nowMs = 0; nowMs < 60_000; nowMs += 10) expect(pace.spend(1, nowMs)).toBe(0);
  });

  it('counts events by their empty lines, and bytes beside messages', () => {
    expect(eventsIn(Buffer.from('data: 1\n\ndata: 2\n\ndata: '))).toBe(2);
    expect(eventsIn(Buffer.alloc(0))).toBe(0);
    expect(costOf(1, 3 * 1_024)).toBe(4);
  });

  it('makes one large piece wait as long as many small ones', () => {
    expect(new Pace({ perSecond: 100, burst: 10 }).spend(50, 0)).toBeCloseTo(500);
  });
});
