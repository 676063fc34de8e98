import { Words } from '../word-search.ts';
import { type Detector, everywhere, matches } from './detector.ts';

const pattern =
  /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]{16,16000}(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?/g;
const putty = /PuTTY-User-Key-File-\d: [\s\S]{1,400}?Private-Lines: \d{1,4}[A-Za-z0-9+/=\s]{32,8000}/g;

const pem = new Words('private key');
const ppk = new Words('putty-user-key-file');

/** Private keys in PEM, OpenSSH, PGP and PuTTY form; one that is cut off too. */
export const privateKey: Detector = {
  id: 'secret.private_key',
  summary: 'Private keys',
  requirement: 'D-3',
  category: 'secret',
  kind: 'mask',
  channels: everywhere,
  cost: 'keyword',
  placeholder: 'PRIVATE_KEY',
  words: [pem, ppk],
  find: (text, { words }) => [
    ...(words.has(pem)
      ? matches(
          text,
          pattern,
          (found) => (found.match(/[A-Za-z0-9+/=]{4}/g)?.length ?? 0) > 10 && !/\.\.\.|x{8}/i.test(found),
        )
      : []),
    ...(words.has(ppk) ? matches(text, putty) : []),
  ],
  examples: [
    {
      text: `key:\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY\n-----END EC PRIVATE KEY-----\n`,
      found: [
        '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY\n-----END EC PRIVATE KEY-----',
      ],
    },
    { text: 'starts with -----BEGIN PRIVATE KEY----- and ends', found: [] },
  ],
};
