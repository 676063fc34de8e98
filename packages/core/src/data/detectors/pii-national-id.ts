import { type Detector, everywhere, isFiller, isNear, matches, type Place } from './detector.ts';
import { nationalNumbers } from './national-numbers.ts';

/** What every form has: six digits in a row, or letters before digits. */
const mayHold = /\d(?:[ .-]?\d){5}|[A-Z]{4}\d{2}|[A-Z]\d{7}/i;

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
  find: (text) =>
    mayHold.test(text)
      ? once(
          nationalNumbers.flatMap(({ pattern, check, words }) =>
            words === undefined || words.test(text)
              ? matches(text, pattern, (found, { index }) => {
                  const number = found.replace(/[ .+-]/g, '').toUpperCase();
                  if (isFiller(number) || !check(number)) return false;
                  return (
                    words === undefined || isNear(text, { start: index, end: index + found.length }, words)
                  );
                })
              : [],
          ),
        )
      : [],
  examples: [
    { text: 'CPF 529.982.247-25 e codice RSSMRA85T10A562S', found: ['529.982.247-25', 'RSSMRA85T10A562S'] },
    { text: 'NHS number: 943 476 5919', found: ['943 476 5919'] },
    { text: 'order 94347 65919, SKU 12345678A', found: [] },
  ],
};
