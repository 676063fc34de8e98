import {
  type Detector,
  everywhere,
  isFiller,
  isNear,
  matches,
  matchesAround,
  type Place,
  standsAlone,
} from './detector.ts';
import { nationalNumbers } from './national-numbers.ts';

/** Longer than the letters before and after the digits of any form. */
const margin = 12;
/** Of one form the digits stand apart from each other, between letters. */
const scattered = /(?<![A-Za-z0-9_.-])[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}/gi;

/** Where one number is found by the rules of two countries, it is one number. */
function once(places: readonly Place[]): Place[] {
  const sorted = [...places].sort((a, b) => a.start - b.start || b.end - a.end);
  const kept: Place[] = [];
  for (const place of sorted) if (place.start >= (kept.at(-1)?.end ?? 0)) kept.push(place);
  return kept;
}

/** National numbers of persons by form, check digits and, where the form is common, a word beside them. */
export const nationalId: Detector = {
  id: 'pii.national_id',
  summary: `National numbers of persons (${[...new Set(nationalNumbers.map(({ country }) => country))].join(', ')})`,
  requirement: 'D-3',
  category: 'PII',
  kind: 'mask',
  channels: everywhere,
  cost: 'expression',
  placeholder: 'NATIONAL_ID',
  words: nationalNumbers.flatMap(({ keys }) => keys ?? []),
  find: (text, { numbers, tokenMax, words: said }) => {
    const letters = tokenMax >= 16 ? matches(text, scattered) : [];
    const stretches =
      letters.length === 0 ? numbers : [...numbers, ...letters].sort((a, b) => a.start - b.start);
    if (stretches.length === 0) return [];
    return once(
      nationalNumbers.flatMap(({ pattern, check, words, keys }) =>
        keys === undefined || said.has(keys)
          ? matchesAround(text, stretches, margin, pattern, (found, place) => {
              const number = found.replace(/[ .+-]/g, '').toUpperCase();
              return (
                check(number) &&
                !isFiller(number) &&
                standsAlone(text, place) &&
                (words === undefined || isNear(text, place, words))
              );
            })
          : [],
      ),
    );
  },
  examples: [
    { text: 'CPF 529.982.247-25 e codice RSSMRA85T10A562S', found: ['529.982.247-25', 'RSSMRA85T10A562S'] },
    { text: 'NHS number: 943 476 5919', found: ['943 476 5919'] },
    { text: 'order 94347 65919, SKU 12345678A', found: [] },
  ],
};
