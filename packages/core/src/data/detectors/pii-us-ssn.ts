import {
  type Detector,
  digitsOf,
  everywhere,
  isFiller,
  isNear,
  matchesAround,
  standsAlone,
} from './detector.ts';

const pattern = /(?<![A-Za-z0-9_.-])\d{3}([- ]?)\d{2}\1\d{4}(?![A-Za-z0-9_]|[.-]\d)/g;
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
  find: (text, { numbers, digitsMax }) =>
    digitsMax < 9
      ? []
      : matchesAround(text, numbers, 4, pattern, (found, place) => {
          const digits = digitsOf(found);
          const [area, group, serial] = [digits.slice(0, 3), digits.slice(3, 5), digits.slice(5)];
          if (area === '000' || area === '666' || group === '00' || serial === '0000') return false;
          if (!standsAlone(text, place) || isFiller(digits) || digits === '078051120') return false;
          const said = isNear(text, place, words);
          return said || (found[3] === '-' && Number(area) < 900);
        }),
  examples: [
    { text: "Here's my SSN: 514-69-0360", found: ['514-69-0360'] },
    { text: 'social security no. 514690360', found: ['514690360'] },
    { text: '000-12-3456, 666-12-3456, 912-34-5678, order 514690360', found: [] },
  ],
};
