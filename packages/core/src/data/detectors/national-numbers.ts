/**
 * Room: data (D-3). National numbers of persons, one row a country: how they are written, their check digits, and whether a word must stand beside them because the
 * form alone is too common. Rules as the issuing authorities publish them.
 */
import { Words } from '../word-search.ts';
import { isDay, luhn, mod11And10, verhoeff, weighted } from './checksums.ts';

export interface NationalNumber {
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly pattern: RegExp;
  /** Over letters and digits without separators, in upper case. */
  readonly check: (number: string) => boolean;
  /** Must stand beside it; `keys`: one of them stands in every text that says it. */
  readonly words?: RegExp;
  readonly keys?: Words;
  /** A lawful example, made from the rule, and one that its check digits refuse. */
  readonly examples: readonly [good: string, bad: string];
}

const n = (text: string, from: number, to: number): number => Number(text.slice(from, to));
/** Year of two digits, month, day: any century will do. */
const day = (text: string, year: number, month: number, date: number): boolean =>
  isDay(2000 + n(text, year, year + 2), n(text, month, month + 2), n(text, date, date + 2));
const before = '(?<![A-Za-z0-9_.-])';
const after = '(?![A-Za-z0-9_]|[.-]\\d)';
const as = (form: string): RegExp => new RegExp(`${before}${form}${after}`, 'gi');
const letters23 = 'TRWAGMYFPDXBNJZSQVHLCKE';
const hetu = '0123456789ABCDEFHJKLMNPRSTUVWXY';

const italianOdd = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];
function codiceFiscale(code: string): boolean {
  let sum = 0;
  for (let at = 0; at < 15; at++) {
    const value = Number.parseInt(code.charAt(at), 36);
    const index = value > 9 ? value - 10 : value;
    sum += at % 2 === 0 ? (italianOdd[index] ?? 0) : index;
  }
  return String.fromCharCode(65 + (sum % 26)) === code.charAt(15);
}

function cpf(digits: string): boolean {
  const digit = (count: number) =>
    ((weighted(
      digits,
      Array.from({ length: count }, (_, at) => count + 1 - at),
    ) *
      10) %
      11) %
    10;
  return !/^(\d)\1*$/.test(digits) && digit(9) === n(digits, 9, 10) && digit(10) === n(digits, 10, 11);
}

const norwegian = (digits: string): boolean => {
  const check = (weights: readonly number[]) => (11 - (weighted(digits, weights) % 11)) % 11;
  return (
    isDay(2000 + n(digits, 4, 6), n(digits, 2, 4), n(digits, 0, 2)) &&
    check([3, 7, 6, 1, 8, 9, 4, 5, 2]) === n(digits, 9, 10) &&
    check([5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) === n(digits, 10, 11)
  );
};

function curp(code: string): boolean {
  const alphabet = '0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ';
  let sum = 0;
  for (let at = 0; at < 17; at++) sum += alphabet.indexOf(code.charAt(at)) * (18 - at);
  return day(code, 4, 6, 8) && (10 - (sum % 10)) % 10 === n(code, 17, 18);
}

function turkish(digits: string): boolean {
  const of = (at: number) => n(digits, at, at + 1);
  const odd = of(0) + of(2) + of(4) + of(6) + of(8);
  const even = of(1) + of(3) + of(5) + of(7);
  const tenth = (((odd * 7 - even) % 10) + 10) % 10;
  return tenth === of(9) && (odd + even + tenth) % 10 === of(10);
}

/** One digit twice or three times among the first ten, as the German office gives them out. */
const germanTaxId = (digits: string): boolean =>
  digits[0] !== '0' && [8, 9].includes(new Set(digits.slice(0, 10)).size) && mod11And10(digits);

const ean13 = (digits: string): boolean =>
  (10 - (weighted(digits, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10)) % 10 === n(digits, 12, 13);

const french = (number: string): boolean => {
  const digits = number.replace('2A', '19').replace('2B', '18');
  return 97 - Number(BigInt(digits.slice(0, 13)) % 97n) === n(digits, 13, 15);
};

const belgian = (digits: string): boolean => {
  const check = n(digits, 9, 11);
  const first = n(digits, 0, 9);
  return check === 97 - (first % 97) || check === 97 - ((2_000_000_000 + first) % 97);
};

export const nationalNumbers: readonly NationalNumber[] = [
  {
    country: 'AU',
    pattern: as('\\d{3} ?\\d{3} ?\\d{3}'),
    check: (digits) => weighted(digits, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0,
    words: /\b(?:tfn|tax file)\b/i,
    keys: new Words('tfn', 'tax file'),
    examples: ['123 456 782', '123 456 783'],
  },
  {
    country: 'BE',
    pattern: as('\\d{2}\\.\\d{2}\\.\\d{2}-\\d{3}\\.\\d{2}'),
    check: belgian,
    examples: ['85.07.30-033.28', '85.07.30-033.29'],
  },
  {
    country: 'BR',
    pattern: as('\\d{3}\\.\\d{3}\\.\\d{3}-\\d{2}'),
    check: cpf,
    examples: ['529.982.247-25', '529.982.247-26'],
  },
  {
    country: 'BR',
    pattern: as('\\d{11}'),
    check: cpf,
    words: /\bcpf\b/i,
    keys: new Words('cpf'),
    examples: ['52998224725', '52998224726'],
  },
  {
    country: 'CA',
    pattern: as('\\d{3}([ -]?)\\d{3}\\1\\d{3}'),
    check: luhn,
    words: /\b(?:sin|social insurance)\b/i,
    keys: new Words('sin', 'social insurance'),
    examples: ['046 454 286', '046 454 287'],
  },
  {
    country: 'CH',
    pattern: as('756\\.?\\d{4}\\.?\\d{4}\\.?\\d{2}'),
    check: ean13,
    examples: ['756.9217.0769.85', '756.9217.0769.86'],
  },
  {
    country: 'CN',
    pattern: as('[1-9]\\d{5}(?:19|20)\\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01])\\d{3}[0-9X]'),
    check: (id) =>
      '10X98765432'.charAt(weighted(id, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11) ===
      id.charAt(17),
    examples: ['11010519491231002X', '110105194912310021'],
  },
  {
    country: 'DE',
    pattern: as('\\d{2} ?\\d{3} ?\\d{3} ?\\d{3}'),
    check: germanTaxId,
    words: /\b(?:steuer(?:liche)?[ -]?id|steueridentifikation|idnr|tax id|tin)/i,
    keys: new Words('steuer', 'idnr', 'tax id', 'tin'),
    examples: ['86 095 742 719', '86 095 742 718'],
  },
  {
    country: 'DK',
    pattern: as('\\d{6}-?\\d{4}'),
    check: (digits) => isDay(2000 + n(digits, 4, 6), n(digits, 2, 4), n(digits, 0, 2)),
    words: /\bcpr\b/i,
    keys: new Words('cpr'),
    examples: ['211062-5629', '321362-5629'],
  },
  {
    country: 'ES',
    pattern: as('(?:[XYZ][ -]?)?\\d{7,8}[ -]?[TRWAGMYFPDXBNJZSQVHLCKE]'),
    check: (id) => {
      const digits = id.slice(0, -1).replace('X', '0').replace('Y', '1').replace('Z', '2');
      return digits.length === 8 && letters23.charAt(Number(digits) % 23) === id.at(-1);
    },
    examples: ['12345678Z', '12345678A'],
  },
  {
    country: 'FI',
    pattern: as('\\d{6}[-+A-FU-Y]\\d{3}[0-9A-FHJ-NPR-Y]'),
    check: (id) =>
      isDay(2000 + n(id, 4, 6), n(id, 2, 4), n(id, 0, 2)) &&
      hetu.charAt(Number(id.replace(/\D/g, '').slice(0, 9)) % 31) === id.at(-1),
    examples: ['131052-308T', '131052-308U'],
  },
  {
    country: 'FR',
    pattern: as('[12] ?\\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\\d) ?(?:\\d{2}|2[AB]) ?\\d{3} ?\\d{3} ?\\d{2}'),
    check: french,
    examples: ['1 85 05 78 006 084 91', '1 85 05 78 006 084 37'],
  },
  {
    country: 'GB',
    pattern: as('[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\\d{2} ?\\d{2} ?\\d{2} ?[A-D]'),
    check: (id) => !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/.test(id),
    examples: ['AB 12 34 56 C', 'BG 12 34 56 C'],
  },
  {
    country: 'GB',
    pattern: as('\\d{3}[ -]?\\d{3}[ -]?\\d{4}'),
    check: (digits) => (11 - (weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11 === n(digits, 9, 10),
    words: /\bnhs\b/i,
    keys: new Words('nhs'),
    examples: ['943 476 5919', '943 476 5918'],
  },
  {
    country: 'IE',
    pattern: as('\\d{7}[A-W][A-IW]?'),
    check: (id) => {
      const second = id.charAt(8);
      const extra = second === '' || second === 'W' ? 0 : second.charCodeAt(0) - 64;
      return (
        'WABCDEFGHIJKLMNOPQRSTUV'.charAt((weighted(id, [8, 7, 6, 5, 4, 3, 2]) + 9 * extra) % 23) ===
        id.charAt(7)
      );
    },
    examples: ['1234567T', '1234567U'],
  },
  {
    country: 'IL',
    pattern: as('\\d{9}'),
    check: luhn,
    words: /teudat|zehut|\bisraeli id\b/i,
    keys: new Words('teudat', 'zehut', 'israeli id'),
    examples: ['123456782', '123456783'],
  },
  {
    country: 'IN',
    pattern: as('[2-9]\\d{3}([ -])\\d{4}\\1\\d{4}'),
    check: verhoeff,
    examples: ['2341 2341 2346', '2341 2341 2347'],
  },
  {
    country: 'IN',
    pattern: as('[2-9]\\d{11}'),
    check: verhoeff,
    words: /\b(?:aadha+r|uidai|uid)\b/i,
    keys: new Words('aadha', 'uid'),
    examples: ['234123412346', '234123412347'],
  },
  {
    country: 'IT',
    pattern: as('[A-Z]{6}\\d{2}[A-EHLMPR-T]\\d{2}[A-Z]\\d{3}[A-Z]'),
    check: codiceFiscale,
    examples: ['RSSMRA85T10A562S', 'RSSMRA85T10A562T'],
  },
  {
    country: 'JP',
    pattern: as('\\d{4} ?\\d{4} ?\\d{4}'),
    check: (digits) => {
      const rest = weighted(digits, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
      return (rest <= 1 ? 0 : 11 - rest) === n(digits, 11, 12);
    },
    words: /my ?number|マイナンバー|個人番号/i,
    keys: new Words('mynumber', 'my number', 'マイナンバー', '個人番号'),
    examples: ['1234 5678 9018', '1234 5678 9019'],
  },
  {
    country: 'KR',
    pattern: as('\\d{6}-[1-8]\\d{6}'),
    check: (digits) =>
      day(digits, 0, 2, 4) &&
      (11 - (weighted(digits, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11)) % 10 === n(digits, 12, 13),
    examples: ['820701-2409181', '820701-2409182'],
  },
  {
    country: 'MX',
    pattern: as('[A-Z]{4}\\d{6}[HMX][A-Z]{5}[0-9A-Z]\\d'),
    check: curp,
    examples: ['HEGG560427MVZRRL04', 'HEGG560427MVZRRL05'],
  },
  {
    country: 'NL',
    pattern: as('\\d{9}'),
    check: (digits) => (weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2]) - n(digits, 8, 9)) % 11 === 0,
    words: /\b(?:bsn|burgerservicenummer|sofinummer)\b/i,
    keys: new Words('bsn', 'burgerservicenummer', 'sofinummer'),
    examples: ['111222333', '111222334'],
  },
  {
    country: 'NO',
    pattern: as('\\d{6} ?\\d{5}'),
    check: norwegian,
    examples: ['150794 33230', '150794 33231'],
  },
  {
    country: 'PL',
    pattern: as('\\d{11}'),
    check: (digits) =>
      n(digits, 2, 4) % 20 >= 1 &&
      n(digits, 2, 4) % 20 <= 12 &&
      (10 - (weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === n(digits, 10, 11),
    words: /\bpesel\b/i,
    keys: new Words('pesel'),
    examples: ['44051401359', '44051401358'],
  },
  {
    country: 'PT',
    pattern: as('[1-9]\\d{8}'),
    check: (digits) => {
      const rest = weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2]) % 11;
      return (rest < 2 ? 0 : 11 - rest) === n(digits, 8, 9);
    },
    words: /\b(?:nif|contribuinte)\b/i,
    keys: new Words('nif', 'contribuinte'),
    examples: ['245678905', '245678906'],
  },
  {
    country: 'RU',
    pattern: as('\\d{3}-\\d{3}-\\d{3} \\d{2}'),
    check: (digits) => (weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101) % 100 === n(digits, 9, 11),
    examples: ['112-233-445 95', '112-233-445 96'],
  },
  {
    country: 'SE',
    pattern: as('(?:19|20)?\\d{6}[-+]\\d{4}'),
    check: (digits) => {
      const short = digits.slice(-10);
      return day(short, 0, 2, 4) && luhn(short);
    },
    examples: ['811228-9874', '811228-9875'],
  },
  {
    country: 'TR',
    pattern: as('[1-9]\\d{10}'),
    check: turkish,
    words: /\b(?:t\.?c\.?|kimlik)\b/i,
    keys: new Words('tc', 't.c', 'kimlik'),
    examples: ['10000000146', '10000000147'],
  },
  {
    country: 'ZA',
    pattern: as('\\d{6} ?\\d{4} ?[01][89]\\d'),
    check: (digits) => day(digits, 0, 2, 4) && luhn(digits),
    examples: ['8001015009087', '8001015009088'],
  },
];
