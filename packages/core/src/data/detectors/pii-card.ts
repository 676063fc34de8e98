import { luhn } from './checksums.ts';
import {
  type Detector,
  digitsOf,
  everywhere,
  isFiller,
  isNear,
  matchesAround,
  standsAlone,
} from './detector.ts';

const pattern = /(?<![A-Za-z0-9_.-])(?:\d[ .-]?){11,18}\d(?![A-Za-z0-9_]|[.-]\d)/g;
const words =
  /\b(?:card|cc|credit|debit|visa|master ?card|amex|american express|diners|maestro|discover|jcb|unionpay|pan|kreditkarte|karte|tarjeta|carte)\b/i;
/** Leading digits of the networks, with the lengths that are common without a word beside them. */
const networks: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [16]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^3(?:0[0-5]|[689])/, [14, 16]],
  [/^(?:2131|1800)/, [15]],
  [/^35(?:2[89]|[3-8])/, [16]],
  [/^(?:6011|64[4-9]|65)/, [16]],
  [/^62/, [16, 19]],
];
const evenly = /^(?:\d{4}([ .-])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ .-])\d{6}\2\d{4,5}|\d+)$/;

/** Payment cards (ISO/IEC 7812) by network, length and check digit. */
export const card: Detector = {
  id: 'pii.card',
  summary: 'Payment card numbers',
  requirement: 'D-3',
  category: 'PCI',
  kind: 'mask',
  channels: everywhere,
  cost: 'expression',
  placeholder: 'CARD',
  find: (text, { numbers, digitsMax }) =>
    digitsMax < 12
      ? []
      : matchesAround(text, numbers, 4, pattern, (found, place) => {
          const digits = digitsOf(found);
          const network = networks.find(([prefix]) => prefix.test(digits));
          if (isFiller(digits) || !luhn(digits) || !evenly.test(found) || !standsAlone(text, place))
            return false;
          return network?.[1].includes(digits.length) === true || isNear(text, place, words);
        }),
  examples: [
    { text: 'charged to 4111 1111 1111 1111 today', found: ['4111 1111 1111 1111'] },
    { text: 'my amex 378282246310005 expires', found: ['378282246310005'] },
    { text: 'card number 630427373398 is lost', found: ['630427373398'] },
    { text: 'charged to 4111.1111.1111.1111 today', found: ['4111.1111.1111.1111'] },
    { text: 'build 4111.11.1111.111111 and 4.1111111.11111111', found: [] },
    { text: 'tracking 4111111111111112, order 630427373398', found: [] },
    { text: '0000 0000 0000 0000', found: [] },
  ],
};
