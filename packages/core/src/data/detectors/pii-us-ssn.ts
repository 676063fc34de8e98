import { type Detector, digitsOf, everywhere, isFiller, isNear, matches } from './detector.ts';

const pattern = /(?<![\p{L}\p{N}_.-])\d{3}([- ]?)\d{2}\1\d{4}(?![\p{L}\p{N}_]|[.-]\d)/gu;
const words = /\b(?:ssn|social[ _-]?security|soc\.? ?sec|itin|taxpayer)\b|ssn/i;

/** Social security numbers of the United States: those that can have been given out. */
export const usSsn: Detector = {
  id: 'pii.us_ssn',
  summary: 'Social security numbers (United States)',
  requirement: 'D-3',
  category: 'PII',
  kind: 'mask',
  channels: everywhere,
  cost: 'expression',
  placeholder: 'SSN',
  find: (text) =>
    matches(text, pattern, (found, { index, 1: separator }) => {
      const digits = digitsOf(found);
      const [area, group, serial] = [digits.slice(0, 3), digits.slice(3, 5), digits.slice(5)];
      if (area === '000' || area === '666' || group === '00' || serial === '0000') return false;
      if (isFiller(digits) || digits === '078051120') return false;
      const said = isNear(text, { start: index, end: index + found.length }, words);
      return said || (separator === '-' && Number(area) < 900);
    }),
  examples: [
    { text: "Here's my SSN: 514-69-0360", found: ['514-69-0360'] },
    { text: 'social security no. 514690360', found: ['514690360'] },
    { text: '000-12-3456, 666-12-3456, 912-34-5678, order 514690360', found: [] },
  ],
};
