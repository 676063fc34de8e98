import { mod97 } from './checksums.ts';
import { type Detector, everywhere, matches } from './detector.ts';

/** Length by country, from the IBAN registry (SWIFT, ISO 13616). */
const lengths =
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20';
const lengthOf = new Map(lengths.split(' ').map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]));
const pattern = /(?<![\p{L}\p{N}_])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/giu;

/** The account number at the beginning of what matched, if there is one: words may follow it. */
function ibanIn(found: string): string | undefined {
  const wanted = lengthOf.get(found.slice(0, 2).toUpperCase());
  if (wanted === undefined) return undefined;
  let count = 0;
  for (let at = 0; at < found.length; at++) {
    if (/[ -]/.test(found.charAt(at))) continue;
    if (++count < wanted) continue;
    const all = found.slice(0, at + 1).replace(/[ -]/g, '');
    const ends = !/[A-Za-z0-9]/.test(found.charAt(at + 1));
    return ends && mod97(all.slice(4) + all.slice(0, 4)) ? found.slice(0, at + 1) : undefined;
  }
  return undefined;
}

/** International bank account numbers by country, length and check digits. */
export const iban: Detector = {
  id: 'pii.iban',
  summary: 'Bank account numbers (IBAN)',
  requirement: 'D-3',
  category: 'PII',
  kind: 'label',
  channels: everywhere,
  cost: 'expression',
  placeholder: 'IBAN',
  isWhole: true,
  find: (text) =>
    matches(text, pattern).flatMap(({ start, end }) => {
      const found = ibanIn(text.slice(start, end));
      return found === undefined ? [] : [{ start, end: start + found.length }];
    }),
  examples: [
    { text: 'to DE89 3704 0044 0532 0130 00 by Friday', found: ['DE89 3704 0044 0532 0130 00'] },
    { text: 'my iban is gb29nwbk60161331926819.', found: ['gb29nwbk60161331926819'] },
    { text: 'DE89 3704 0044 0532 0130 01', found: [] },
    { text: 'GB29NWBK601613319268190', found: [] },
  ],
};
