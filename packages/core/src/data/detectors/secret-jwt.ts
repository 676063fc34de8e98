import { Words } from '../word-search.ts';
import { type Detector, everywhere, matches } from './detector.ts';

const pattern =
  /(?<![A-Za-z0-9_-])ey[A-Za-z0-9_-]{16,2000}\.ey[A-Za-z0-9_-]{4,8000}\.[A-Za-z0-9_-]{20,1000}(?![A-Za-z0-9_-])/g;

const words = new Words('.ey');

function isHeader(part: string): boolean {
  try {
    const header = JSON.parse(atob(part.replace(/-/g, '+').replace(/_/g, '/'))) as unknown;
    return typeof header === 'object' && header !== null && 'alg' in header;
  } catch {
    return false;
  }
}

/** Signed JSON web tokens (RFC 7519): their header must be one. */
export const jwt: Detector = {
  id: 'secret.jwt',
  summary: 'JSON web tokens',
  requirement: 'D-3',
  category: 'secret',
  kind: 'mask',
  channels: everywhere,
  cost: 'keyword',
  placeholder: 'TOKEN',
  words: [words],
  find: (text, glance) =>
    glance.words.has(words)
      ? matches(text, pattern, (found) => isHeader(found.slice(0, found.indexOf('.'))))
      : [],
  examples: [
    {
      text: 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.s1gn4tur3s1gn4tur3s1gn4tur3 end',
      found: ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.s1gn4tur3s1gn4tur3s1gn4tur3'],
    },
    { text: 'eyes.eyebrows.eyelashesareherebutnotatoken', found: [] },
  ],
};
