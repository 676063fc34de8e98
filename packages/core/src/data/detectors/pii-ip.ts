import { isIPv6 } from 'node:net';
import { type Detector, everywhere, matches, type Place } from './detector.ts';

const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const four = new RegExp(`(?<![A-Za-z0-9_.-])${octet}(?:\\.${octet}){3}(?![A-Za-z0-9_]|[.-]\\d)`, 'g');
const six = /(?<![A-Za-z0-9_:.])[0-9A-Fa-f]{0,4}(?:::?[0-9A-Fa-f]{1,4}){2,7}(?:::)?(?![A-Za-z0-9_:]|\.\d)/g;
const version = /(?:\bv(?:er(?:sion)?)?|release|build|section|chapter|§|==|>=)[\s:.]{0,2}$/i;

/** Addresses that are nobody's: unspecified, loopback, masks, documentation (RFC 5737). */
const nobodys = /^(?:0\.|127\.|255\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.)/;

/** IP addresses of both versions (RFC 4291). */
export const ip: Detector = {
  id: 'pii.ip',
  summary: 'IP addresses',
  requirement: 'D-3',
  category: 'PII',
  kind: 'label',
  channels: everywhere,
  cost: 'expression',
  placeholder: 'IP',
  find: (text, { digitsMax }) => {
    if (digitsMax === 0) return [];
    const places: Place[] = [];
    if (/\d\.\d/.test(text))
      places.push(
        ...matches(
          text,
          four,
          (found, { index }) =>
            !nobodys.test(found) && !version.test(text.slice(Math.max(0, index - 12), index)),
        ),
      );
    if (/:[0-9A-Fa-f]{0,4}:/.test(text))
      places.push(...matches(text, six, (found) => isIPv6(found) && found.length > 6 && /\d/.test(found)));
    return places.sort((a, b) => a.start - b.start);
  },
  examples: [
    {
      text: 'from 41.173.96.26:8080 and [2001:db8::8a2e:370:7334]',
      found: ['41.173.96.26', '2001:db8::8a2e:370:7334'],
    },
    { text: 'fe80:0:0:0:1ff:fe23:4567:890a up', found: ['fe80:0:0:0:1ff:fe23:4567:890a'] },
    { text: 'version 1.2.3.4, 1.2.3.4.5, 256.1.1.1, 127.0.0.1, 12:30:45, std::abs::fn', found: [] },
  ],
};
