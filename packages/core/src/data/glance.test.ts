import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectors, glanceAt } from './detectors/index.ts';
import type { Glance } from './glance.ts';
import { inspect } from './inspect.ts';
import { viewsOf } from './text-views.ts';
import { Words, WordSearch } from './word-search.ts';
import { glance } from './glance.ts';

/** Rules nothing out. */
const everything = (text: string): Glance => ({
  plain: false,
  numbers: [{ start: 0, end: text.length }],
  digitsMax: Infinity,
  tokenMax: Infinity,
  base64: [...text].flatMap((char, at) =>
    /[A-Za-z0-9+/_-]/.test(char) && !/[A-Za-z0-9+/_-]/.test(text[at - 1] ?? ' ') ? [at] : [],
  ),
  hex: true,
  words: { has: () => true } as unknown as ReadonlySet<Words>,
});

const found = detectors.flatMap(({ examples }) =>
  examples.flatMap((example) => [example.text, ...example.found]),
);
const encoded = ['card 4111111111111111, use it', 'write to anna@example.com'].flatMap((text) => [
  Buffer.from(text).toString('base64'),
  Buffer.from(text).toString('hex'),
  Buffer.from(text).toString('hex').replace(/../g, '\\x$&'),
  Buffer.from(text, 'utf16le').toString('base64'),
  encodeURIComponent(text),
]);
const pieces = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...found, ...encoded) },
  { weight: 2, arbitrary: fc.string({ maxLength: 12 }) },
  fc.constantFrom(' ', '\n', '-', '.', ',', ': ', '"', '\u00a0', 'é', '７', 'TFN ', 'zehut '),
);
const texts = fc.array(pieces, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));

describe('a glance', () => {
  it('rules nothing out that a detector would have found', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const [first, all] = [glanceAt(text), everything(text)];
        for (const { id, find } of detectors)
          expect(find(text, first), `${id}: ${text}`).toEqual(find(text, all));
      }),
      { numRuns: 2_000, seed: 42 },
    );
  });

  it('rules no view out', () => {
    const show = (text: string, at: (text: string) => Glance) =>
      viewsOf(text, at(text), at).views.map(({ by, text: seen }) => [by, seen]);
    fc.assert(
      fc.property(texts, (text) => {
        expect(show(text, glanceAt)).toEqual(show(text, everything));
      }),
      { numRuns: 1_000, seed: 42 },
    );
  });

  it('finds every word that stands in a text, in either case, also within others', () => {
    const words = ['he', 'she', 'his', 'hers', 'key', 'né'];
    const groups = words.map((word) => new Words(word));
    const search = new WordSearch(groups);
    const letters = fc.constantFrom('h', 'e', 's', 'i', 'r', 'H', 'S', 'k', 'y', 'n', 'é', ' ');
    fc.assert(
      fc.property(fc.array(letters), (parts) => {
        const text = parts.join('');
        const seen = glance(text, search).words;
        expect(words.filter((_, at) => seen.has(groups[at] as Words))).toEqual(
          words.filter((word) => text.toLowerCase().includes(word)),
        );
      }),
    );
  });
});

describe('time', () => {
  const cpuMs = (text: string): number => {
    let least = Infinity;
    for (let round = 0; round < 3; round++) {
      const before = process.threadCpuUsage();
      inspect(text, { channel: 'read', mask: () => true });
      const { user, system } = process.threadCpuUsage(before);
      least = Math.min(least, (user + system) / 1_000);
    }
    return least;
  };
  const units = [
    ...new Set([
      ...found.filter((text) => text.length < 60),
      '4',
      'a@',
      'a@a.',
      '1234 ',
      'аa',
      '４',
      '://a:',
      'e\u0301',
      '%41',
      '&#65;',
      '0a ',
    ]),
  ];

  it('grows with the length of a text, whatever it repeats, and not with its square', {
    timeout: 120_000,
  }, () => {
    for (const unit of units) {
      const [short, long] = [4_000, 32_000].map((length) => cpuMs(unit.repeat(length / unit.length)));
      // Eight times as long; its square would be sixty-four.
      expect(long, unit).toBeLessThan(24 * Math.max(short ?? 0, 1.5));
    }
  });
});
