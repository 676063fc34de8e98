import { expect, it } from 'vitest';
import { compatibleForm } from './compatible-form.ts';
import { argumentOrigins } from './segmentation/provenance/argument-origins.ts';
import { plainText } from './segmentation/provenance/plain-text.ts';
import { SessionMemory } from './segmentation/provenance/session-memory.ts';
import { plainName } from './segmentation/transaction.ts';

it('is that of Unicode for what people write', () => {
  for (const text of ['plain', 'Ｆｕｌｌ ｗｉｄｔｈ', 'ﬁn', 'Zürich', 'e\u0301', 'İ', '①', 'ｶﾞ'])
    expect(compatibleForm(text)).toBe(text.normalize('NFKC'));
});

it('leaves out marks beyond thirty, so that a megabyte of them is done with', () => {
  const run = 'a' + '\u0315\u0300\u05ae'.repeat(100_000);
  expect(compatibleForm(run).length).toBeLessThan(100);
  expect(compatibleForm('\uff9e\u0300'.repeat(200_000)).length).toBeLessThan(100);
  expect(compatibleForm('\ufdfa'.repeat(300_000)).length).toBe(300_000);
});

it('is what values, names and statements are compared by: an argument of marks is done with', () => {
  const run = `a${'\u0315\u0300\u05ae'.repeat(300_000)}`;
  const memory = new SessionMemory();
  expect(argumentOrigins(memory, { to: run }, {}).map(({ role }) => role)).toEqual(['destination']);
  expect(plainText(run).length).toBeLessThan(100);
  expect(plainName(run).length).toBeLessThan(100);
});
