import { Words } from '../word-search.ts';
import { type Detector, everywhere, type Place } from './detector.ts';

const localMax = 65;
const ofLocal = /[\p{L}\p{N}._%+'-]/u;
/** May stand in one, and before it, too. */
const quotes = "'-.";
const localFirst = /^[\p{L}\p{N}_%+]/u;
const domain = /@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}-])/uy;
const words = new Words('@');

/** What stands before the sign, read backwards from it. */
function localPart(text: string, at: number): number {
  let start = at;
  while (start > 0 && at - start <= localMax && ofLocal.test(text.charAt(start - 1))) start--;
  while (start < at && quotes.includes(text.charAt(start))) start++;
  return start;
}

/** E-mail addresses (RFC 5321 without quoted local parts). */
export const email: Detector = {
  id: 'pii.email',
  summary: 'E-mail addresses',
  requirement: 'D-3',
  category: 'PII',
  kind: 'label',
  channels: everywhere,
  cost: 'keyword',
  placeholder: 'EMAIL',
  words: [words],
  find: (text, glance) => {
    if (!glance.words.has(words)) return [];
    const places: Place[] = [];
    for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
      domain.lastIndex = at;
      const end = domain.exec(text)?.[0].length;
      if (end === undefined) continue;
      const start = localPart(text, at);
      const local = text.slice(start, at);
      if (local.length > localMax || !localFirst.test(local) || /\.\.|\.$/.test(local)) continue;
      places.push({ start, end: at + end });
    }
    return places;
  },
  examples: [
    {
      text: 'Write to Anna.Berg+news@mail.example.co.uk, please',
      found: ['Anna.Berg+news@mail.example.co.uk'],
    },
    { text: 'mailto:jürgen@exämple.de?subject=x', found: ['jürgen@exämple.de'] },
    { text: 'npm i @atf/core@1.2.3; git@host:path; a@b; 50@home', found: [] },
    { text: "'anna@example.com'", found: ['anna@example.com'] },
    { text: 'a..b@example.com', found: [] },
  ],
};
