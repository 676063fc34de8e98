import { describe, expect, it } from 'vitest';
import { detectors, glanceAt } from './index.ts';
import { nationalNumbers } from './national-numbers.ts';
import { nationalId } from './pii-national-id.ts';

describe.each(detectors.map((detector) => [detector.id, detector] as const))('%s', (_id, detector) => {
  it.each(detector.examples.map(({ text, found }) => [text, found] as const))('%j', (text, found) => {
    const places = detector.find(text, glanceAt(text));
    expect(places.map(({ start, end }) => text.slice(start, end))).toEqual(found);
  });

  it('has examples of both kinds', () => {
    expect(detector.examples.some(({ found }) => found.length > 0)).toBe(true);
    expect(detector.examples.some(({ found }) => found.length === 0)).toBe(true);
  });
});

describe('national numbers', () => {
  const said: Record<string, string> = {
    AU: 'TFN',
    BR: 'CPF',
    CA: 'SIN',
    DE: 'Steuer-ID',
    DK: 'CPR',
    GB: 'NHS',
    IL: 'zehut',
    IN: 'aadhaar',
    JP: 'my number',
    NL: 'BSN',
    PL: 'PESEL',
    PT: 'NIF',
    TR: 'kimlik',
  };
  it.each(nationalNumbers.map(({ country, examples }) => [country, ...examples] as const))(
    '%s: %s and not %s',
    (country, good, bad) => {
      const [text, wrong] = [
        `${said[country] ?? 'id'} ${good}, thanks`,
        `${said[country] ?? 'id'} ${bad}, thanks`,
      ];
      expect(nationalId.find(text, glanceAt(text)).map(({ start, end }) => text.slice(start, end))).toEqual([
        good,
      ]);
      expect(
        nationalId.find(wrong, glanceAt(wrong)).map(({ start, end }) => wrong.slice(start, end)),
      ).not.toContain(bad);
    },
  );
});
