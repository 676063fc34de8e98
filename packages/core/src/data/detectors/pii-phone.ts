import { type Detector, digitsOf, everywhere, isFiller, isNear, matches, type Place } from './detector.ts';

// Groups of digits with one or two separators between them; bounded, so that a megabyte of digits costs one look each.
const pattern =
  /(?<![\p{L}\p{N}_+-]|\d[.,/:]|[$€£#]\s?)(?<it>(?:\+|00)?\(?\d{1,5}\)?(?:[ .\u00a0/-]{0,2}\(?\d{1,5}\)?){1,6})(?<extension>\s?(?:x|ext\.?)\s?\d{2,6})?(?![\p{L}\p{N}_]|[.,/:-]\d)/giu;
const words =
  /\b(?:tele?(?:phone|fon)?|phone|mobile?|cell(?:ular)?|handy|fax|call(?:s|ed|ing|back)?|dial|ring|office|desk|sms|text(?:s|ed)?|whatsapp|messag(?:e|es|ing)|contact|reach(?:ed)?|answer(?:s|ing)?|hotline|rufnummer|m[oó]vil|t[eé]l[eé]fono?)\b/i;
/** Written so in no other number: North American, French and what is near to them. */
const distinct =
  /^(?:\(\d{3}\)\s?\d{3}[-. ]\d{4}|\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4}|0\d(?:[ .-]\d{2}){4}|0\d{3} \d{3} \d{3,4}|07\d{3} \d{3} \d{3})$/;
const isDate = /^(?:\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4})$/;

function check(text: string): (found: string, match: RegExpExecArray) => boolean {
  return (found, match) => {
    const digits = digitsOf(found);
    if (digits.length > 15 || digits.length < 7 || isFiller(digits) || isDate.test(found)) return false;
    if ((found.match(/\(/g)?.length ?? 0) !== (found.match(/\)/g)?.length ?? 0)) return false;
    if (/^\+/.test(found)) return digits.length >= 8 && digits[0] !== '0';
    if (/^00[1-9]/.test(found) && digits.length >= 11) return true;
    if (distinct.test(found)) return true;
    // Three, two, four is a social security number, unless it is said to be another.
    if (/^\d{3}-\d{2}-\d{4}$/.test(found)) return false;
    const place: Place = { start: match.index, end: match.index + match[0].length };
    return isNear(text, place, words, 45, 14);
  };
}

/** Phone numbers: international ones, forms that are no other number, and others next to a word that says so. */
export const phone: Detector = {
  id: 'pii.phone',
  summary: 'Phone numbers',
  requirement: 'D-3',
  category: 'PII',
  kind: 'label',
  channels: everywhere,
  cost: 'expression',
  placeholder: 'PHONE',
  find: (text, { digitsMax }) =>
    digitsMax >= 7
      ? matches(text, pattern, check(text)).map((place) => {
          const more = /^\s?(?:x|ext\.?)\s?\d{2,6}/i.exec(text.slice(place.end, place.end + 12));
          return more === null ? place : { start: place.start, end: place.end + more[0].length };
        })
      : [],
  examples: [
    { text: 'Ring me: +49 (0)30 901820-11.', found: ['+49 (0)30 901820-11'] },
    { text: 'Phone: 467 3395', found: ['467 3395'] },
    { text: 'It is (602)272-9781 or 01.84.17.61.18', found: ['(602)272-9781', '01.84.17.61.18'] },
    { text: 'Fax: 259.735.7502x459', found: ['259.735.7502x459'] },
    { text: 'paid 1200 450 on 2026-11-22, build 10.2.3.4, at 12:30:45, order 5001 2002', found: [] },
    { text: 'see pages 100-105 and 4711', found: [] },
  ],
};
