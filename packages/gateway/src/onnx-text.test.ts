import { describe, expect, it } from 'vitest';
import { findsIn, scoresOf, windowsOf } from './onnx-text.ts';

const words = (text: string) => text.split(/\s+/).filter((word) => word !== '').length + 2;

describe('what a model reads at a time', () => {
  it('is all of a text, within its bound, and a part of each window stands in the next', () => {
    const text = Array.from({ length: 500 }, (_, at) => `word${at}`).join(' ');
    const windows = windowsOf(text, words, 16);
    expect(windows[0]?.start).toBe(0);
    expect(windows.at(-1)?.end).toBe(text.length);
    for (const [at, { start, end }] of windows.entries()) {
      expect(words(text.slice(start, end))).toBeLessThanOrEqual(16);
      const next = windows[at + 1];
      if (next === undefined) continue;
      expect(next.start).toBeGreaterThan(start);
      expect(next.start).toBeLessThan(end);
    }
  });

  it('cuts no character in two, and is given up where one comes to too much', () => {
    const text = '🙂'.repeat(200);
    for (const { start, end } of windowsOf(text, (part) => part.length, 9))
      expect(text.slice(start, end).isWellFormed()).toBe(true);
    expect(() => windowsOf('🙂🙂', () => 100, 9)).toThrow('one character');
  });
});

it('scores are what the numbers mean, and none where they mean nothing', () => {
  expect(scoresOf([1_000, 1_000], 'softmax')).toEqual([0.5, 0.5]);
  expect(scoresOf([0], 'sigmoid')).toEqual([0.5]);
  expect(scoresOf([0.25], 'none')).toEqual([0.25]);
  expect(() => scoresOf([Number.NaN, 0], 'softmax')).toThrow('no number');
  expect(() => scoresOf([7], 'none')).toThrow('no scores');
});

it('finds that overlap are one, and places count characters', () => {
  const counts = { classes: ['calm', 'order'], labels: ['order'], threshold: 0.5 };
  const text = '🙂 abcdefghij';
  const windows = [
    { start: 0, end: 6, scores: [0.2, 0.8] },
    { start: 4, end: 9, scores: [0.1, 0.9] },
    { start: 10, end: 13, scores: [0.9, 0.1] },
  ];
  expect(findsIn(text, 3, windows, counts)).toEqual([
    { text: 3, start: 0, end: 8, label: 'order', score: 0.9 },
  ]);
});
