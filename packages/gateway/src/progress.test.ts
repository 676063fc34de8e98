import { describe, expect, it } from 'vitest';
import { ProgressSteps, type ProgressSaid, stepsMax } from './progress.ts';

const told = (said: ProgressSaid[]) => {
  const steps = new ProgressSteps();
  return said.flatMap((each) => steps.take(each)?.progress ?? []);
};

describe('steps of progress', () => {
  it('are whole, of a hundred, and only rise', () => {
    expect(
      told([
        { progress: 0.31415926, total: 1 },
        { progress: 0.319, total: 1 },
        { progress: 0.2, total: 1 },
        { progress: 1, total: 2 },
        { progress: 7, total: 1 },
        { progress: 2, total: 2 },
      ]),
    ).toEqual([31, 50, 100]);
  });

  it('are counted where the whole is not known, and few', () => {
    expect(
      told([{ progress: 4711.5 }, { progress: Number.NaN, total: 1 }, { progress: 1, total: 0 }]),
    ).toEqual([1, 2, 3]);
    expect(told(Array.from({ length: 5_000 }, (_, n) => ({ progress: n })))).toHaveLength(stepsMax);
  });
});
