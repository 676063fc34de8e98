import { Words } from '../word-search.ts';
import { type Detector, everywhere, matches } from './detector.ts';

/** What it is called, what stands between, and the number; at least one digit makes it one. */
const pattern =
  /\b(?:mrn|medical record(?: (?:number|no\.?|id))?|patient[ _-]?(?:id|number|no\.?)|chart[ _-]?(?:number|no\.?|id)|(?:health )?insurance[ _-]?(?:id|number|no\.?|policy(?: (?:number|no\.?))?)|member[ _-]?id|subscriber[ _-]?id|health plan[ _-]?(?:id|number|no\.?)|medicare(?: (?:number|no\.?|id))?|medicaid(?: (?:number|no\.?|id))?)["'\s:#=.]{1,6}(?:is\s)?(?<it>[A-Z0-9](?:[A-Z0-9-]{3,18})[A-Z0-9])(?![A-Za-z0-9_])/gi;

const words = new Words(
  'mrn',
  'medical record',
  'patient',
  'chart',
  'insurance',
  'member',
  'subscriber',
  'health plan',
  'medica',
);

/** Numbers of medical records and health insurances, next to a word that says so. */
export const medicalRecord: Detector = {
  id: 'phi.record',
  summary: 'Medical record and health insurance numbers, where a word says so',
  requirement: 'D-3',
  category: 'PHI',
  kind: 'mask',
  channels: everywhere,
  cost: 'keyword',
  placeholder: 'HEALTH_NUMBER',
  words: [words],
  find: (text, glance) =>
    !glance.words.has(words)
      ? []
      : matches(text, pattern, (found) => /\d/.test(found) && !/^\d{1,4}-\d{1,2}-\d{1,4}$/.test(found)),
  examples: [
    { text: 'MRN: 00482913, seen today', found: ['00482913'] },
    { text: '{"patient_id": "P-48201"}', found: ['P-48201'] },
    { text: 'Medicare number 1EG4-TE5-MK73', found: ['1EG4-TE5-MK73'] },
    { text: 'the patient id is required; MRN missing', found: [] },
  ],
};
