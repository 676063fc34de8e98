import { type Detector, everywhere, matches } from './detector.ts';

const pattern =
  /(?<![0-9A-Za-z:.-])(?:[0-9A-F]{2}(?:(?<colon>[:-])[0-9A-F]{2})(?:\k<colon>[0-9A-F]{2}){4}|[0-9A-F]{4}\.[0-9A-F]{4}\.[0-9A-F]{4})(?![0-9A-Za-z:.-])/gi;

/** Two separators as far apart as they are in one. */
const mayHold = /[:.-][0-9A-F]{2}(?:[0-9A-F]{2})?[:.-]/i;

/** Hardware addresses (EUI-48). */
export const mac: Detector = {
  id: 'pii.mac',
  summary: 'Hardware addresses (MAC)',
  requirement: 'D-3',
  category: 'PII',
  kind: 'label',
  channels: everywhere,
  cost: 'expression',
  placeholder: 'MAC',
  find: (text) =>
    !mayHold.test(text)
      ? []
      : matches(text, pattern, (found) => !/^(?:00|ff)(?:[:-](?:00|ff)){5}$/i.test(found)),
  examples: [
    { text: 'at 3c:22:fb:9a:10:4e and 3C22.FB9A.104E', found: ['3c:22:fb:9a:10:4e', '3C22.FB9A.104E'] },
    { text: 'ff:ff:ff:ff:ff:ff, 3c:22-fb:9a:10:4e, 3c:22:fb:9a:10:4e:77', found: [] },
  ],
};
