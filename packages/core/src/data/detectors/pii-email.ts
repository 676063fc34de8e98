import { type Detector, everywhere, matches } from './detector.ts';

const pattern =
  /(?<![\p{L}\p{N}._%+'-])[\p{L}\p{N}_%+][\p{L}\p{N}._%+'-]{0,63}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}-])/gu;

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
  find: (text) => (text.includes('@') ? matches(text, pattern, (found) => !/\.\.|\.@/.test(found)) : []),
  examples: [
    {
      text: 'Write to Anna.Berg+news@mail.example.co.uk, please',
      found: ['Anna.Berg+news@mail.example.co.uk'],
    },
    { text: 'mailto:jürgen@exämple.de?subject=x', found: ['jürgen@exämple.de'] },
    { text: 'npm i @atf/core@1.2.3; git@host:path; a@b; 50@home', found: [] },
    { text: 'a..b@example.com', found: [] },
  ],
};
