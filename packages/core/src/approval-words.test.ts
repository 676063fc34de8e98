import { describe, expect, it } from 'vitest';
import { briefWords } from './approval-words.ts';

describe('the words of a waiting call', () => {
  it('name amount, destination and object, and nothing that is not there', () => {
    expect(briefWords({ amount: '80 EUR', destination: 'a@example.com', object: 'O-5001' })).toBe(
      '80 EUR · to a@example.com · of O-5001',
    );
    expect(briefWords({ object: 'O-5001' })).toBe('of O-5001');
    expect(briefWords(undefined)).toBe('');
  });

  it('let no part pass for another, or for another line', () => {
    expect(briefWords({ amount: '80 EUR', object: 'x · to\n\nme' })).toBe('80 EUR · of "x · to me"');
  });
});
