import { Words } from '../word-search.ts';
import { isDay } from './checksums.ts';
import { type Detector, everywhere, matches } from './detector.ts';

const months =
  'jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?';
const pattern = new RegExp(
  `(?<![\\p{L}\\p{N}_])(?:(?<year>\\d{4})[-./](?<month>\\d{1,2})[-./](?<day>\\d{1,2})|\\d{1,2}[-./]\\d{1,2}[-./](?:\\d{4}|\\d{2})|(?:${months})\\.? \\d{1,2}(?:st|nd|rd|th)?,? \\d{4}|\\d{1,2}(?:st|nd|rd|th|\\.)? (?:${months})\\.?,? \\d{4})(?![\\p{L}\\p{N}_])`,
  'giu',
);
const words =
  /\b(?:d\.?o\.?b\.?|date[ _-]?of[ _-]?birth|birth[ _-]?(?:date|day)|born(?: on)?|geboren|geburtsdatum|n[ée]e? le|fecha de nacimiento)\b/i;

/** The word, and no other figure between it and the day. */
const said = new RegExp(`${words.source}\\D{0,25}$`, 'i');

const keys = new Words(
  'dob',
  'd.o',
  'birth',
  'born',
  'gebor',
  'geburts',
  'ne le',
  'né le',
  'nee le',
  'née le',
  'fecha de nacimiento',
);

/** Days of birth, next to a word that says so. */
export const birthDate: Detector = {
  id: 'pii.birth_date',
  summary: 'Dates of birth, where a word says so',
  requirement: 'D-3',
  category: 'PII',
  kind: 'label',
  channels: everywhere,
  cost: 'keyword',
  placeholder: 'BIRTH_DATE',
  words: [keys],
  find: (text, glance) =>
    glance.words.has(keys)
      ? matches(text, pattern, (_found, { index, groups }) => {
          const { year, month, day } = groups ?? {};
          if (year !== undefined && !isDay(Number(year), Number(month), Number(day))) return false;
          return said.test(text.slice(Math.max(0, index - 45), index));
        })
      : [],
  examples: [
    { text: 'DOB: 1987-04-30, admitted 2026-01-02 to the north wing of the clinic', found: ['1987-04-30'] },
    { text: 'she was born on March 3rd, 1990', found: ['March 3rd, 1990'] },
    { text: 'meeting on 1987-04-30', found: [] },
    { text: 'date of birth: 1987-13-30', found: [] },
  ],
};
