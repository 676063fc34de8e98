import { Words } from '../word-search.ts';
import { type Detector, everywhere, isNear, matches } from './detector.ts';

const diagnosis = /(?<![\p{L}\p{N}_.])[A-TV-Z]\d[0-9AB](?:\.[0-9A-Z]{1,4})?(?![\p{L}\p{N}_]|\.\d)/gu;
const diagnosisWords = /\b(?:icd(?:-?10)?(?:-?cm)?|diagnos(?:is|es|ed|tic)|dx|condition code|diagnose)\b/i;
const drug =
  /(?<![\p{L}\p{N}_.-])(?:\d{4,5}-\d{3,4}-\d{1,2}|[A-DGHJLMNPRSV]\d{2}[A-Z]{2}\d{2})(?![\p{L}\p{N}_-])/gu;
const drugWords = /\b(?:ndc|atc|drug code|medication|prescri(?:bed|ption)|rx)\b/i;

const diagnoses = new Words('icd', 'diagnos', 'dx', 'condition code');
const drugs = new Words('ndc', 'atc', 'drug code', 'medication', 'prescri', 'rx');

/** Codes of diagnoses (ICD-10) and of drugs (NDC, ATC), next to a word that says so. */
export const healthCode: Detector = {
  id: 'phi.code',
  summary: 'Codes of diagnoses and drugs, where a word says so',
  requirement: 'D-3',
  category: 'PHI',
  kind: 'label',
  channels: everywhere,
  cost: 'keyword',
  placeholder: 'HEALTH_CODE',
  words: [diagnoses, drugs],
  find: (text, { words }) => {
    const near =
      (words: RegExp) =>
      (found: string, { index }: RegExpExecArray) =>
        isNear(text, { start: index, end: index + found.length }, words, 50, 20);
    return [
      ...(words.has(diagnoses) ? matches(text, diagnosis, near(diagnosisWords)) : []),
      ...(words.has(drugs) ? matches(text, drug, near(drugWords)) : []),
    ].sort((a, b) => a.start - b.start);
  },
  examples: [
    { text: 'Diagnosis: E11.9, type 2 diabetes', found: ['E11.9'] },
    { text: 'NDC 0069-3150-83; ATC code A10BA02', found: ['0069-3150-83', 'A10BA02'] },
    { text: 'paper size A10 and B12 vitamin, part E11.9', found: [] },
  ],
};
