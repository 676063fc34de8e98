import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../wire/json.ts';
import { inspect, inspectedMax } from './inspect.ts';

const everything = { channel: 'read', mask: () => true } as const;
const masked = (value: Json): Json => inspect(value, everything).value;
const card = '4111 1111 1111 1111';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('masking', () => {
  it('puts a placeholder in the place of what was found, and leaves the rest', () => {
    expect(masked({ note: `charge ${card} and write to anna@example.com`, count: 3 })).toEqual({
      note: 'charge [CARD] and write to [EMAIL]',
      count: 3,
    });
  });

  it('knows what a value is by the key under which it stands', () => {
    expect(masked({ ssn: '514690360', other: '514690360' })).toEqual({ ssn: '[SSN]', other: '514690360' });
  });

  it.each([
    ['invisible characters', `4111\u200b1111\u200b1111\u200b1111`],
    ['full-width digits', '４１１１１１１１１１１１１１１１'],
    ['digits of Arabic', '٤١١١١١١١١١١١١١١١'],
    ['digits of Devanagari in groups', '४१११ ११११ ११११ ११११'],
    ['dots', '4111.1111.1111.1111'],
    ['base64', `see ${base64('the card is 4111111111111111, use it')}`],
    ['base64 of base64', base64(base64('the card is 4111111111111111, use it'))],
    ['percent', 'q=card%204111111111111111'],
    ['HTML entities', '&#52;111111111111111'],
    ['hexadecimal', Buffer.from('card 4111111111111111').toString('hex')],
    ['JSON in a string', JSON.stringify({ a: [{ card: 4111111111111111 }] })],
    ['escapes of JSON in a string', '{"a":"\\u0034111111111111111"}'],
    [
      'a tag of Unicode',
      [...'4111111111111111'].map((c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))).join(''),
    ],
  ])('finds it behind %s', (_what, text) => {
    const { value, inspection } = inspect(text, everything);
    expect(inspection.found.get('pii.card')).toBeGreaterThan(0);
    expect(value).toContain('[CARD]');
    expect(value).not.toContain('1111');
  });

  it('finds all of what is encoded under a key', () => {
    const encoded = base64('the card is 4111111111111111, use it');
    expect(masked({ theTextOfALongLetter: `(again: ${encoded}).` })).toEqual({
      theTextOfALongLetter: '(again: [CARD]).',
    });
  });

  it('masks numbers and keys, and keeps keys apart', () => {
    expect(masked({ 'a@example.com': 1, 'b@example.com': 2, n: 4111111111111111 })).toEqual({
      '[EMAIL]': 1,
      '[EMAIL] 2': 2,
      n: '[CARD]',
    });
  });

  it('leaves JSON what it is, in strings too', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.constantFrom(card, 'anna@example.com', '4111111111111111', 'DE89370400440532013000'),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.string(), fc.constant('x@example.com')), tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(
      fc.property(value, (json) => {
        const inner = JSON.stringify(json);
        const after = masked({ direct: json as Json, inner }) as { direct: Json; inner: string };
        expect(JSON.parse(JSON.stringify(after))).toEqual(after);
        if (typeof json === 'object' && json !== null)
          expect(() => JSON.parse(after.inner) as unknown).not.toThrow();
        // Masking again finds nothing more.
        expect(masked(after)).toEqual(after);
        for (const secret of ['4111111111111111', 'anna@example.com', 'DE89370400440532013000'])
          expect(JSON.stringify(after)).not.toContain(secret);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the shape of what is masked', () => {
  it('is kept for a schema that wants it', () => {
    const value = { email: 'Anna.Berg@example.com', n: 4111111111111111, text: `to ${card}` };
    expect(inspect(value, { ...everything, shape: 'kept' }).value).toEqual({
      email: 'Xxxx.Xxxx@xxxxxxx.xxx',
      n: 0,
      text: 'to 0000 0000 0000 0000',
    });
  });
});

describe('bounds', () => {
  it('finds what stands where two parts of a long string meet', () => {
    for (const at of [48_000, 65_530, 65_536, 100_000]) {
      const text = `${'word '.repeat(at / 5)}${card} ${'word '.repeat(9_000)}`;
      expect(inspect(text, everything).inspection.found.get('pii.card'), String(at)).toBe(1);
    }
  });

  it('says of what is too long that it was not checked', () => {
    expect(inspect('a'.repeat(inspectedMax + 1), everything).inspection.unchecked).toBe(true);
    expect(inspect('a'.repeat(1_000), everything).inspection.unchecked).toBe(false);
  });

  it.each([
    ['digits', '4'],
    ['digits and words', '4 x '],
    ['letters', 'a'],
    ['addresses that never end', 'a@a.'],
    ['half of a key', 'aws_secret_key = '],
    ['dots', '1.'],
    ['colons', 'a:'],
    ['percents', '%41'],
    ['entities', '&#65;'],
    ['braces', '{"a":'],
    ['a name without value', 'password: '],
    ['dashes', '-----BEGIN PRIVATE KEY-----'],
    ['facebook', 'facebook '],
    ['curl', 'curl -u a'],
  ])('comes to an end with a megabyte of %s', (_what, unit) => {
    const text = unit.repeat(Math.floor(inspectedMax / unit.length));
    expect(typeof masked(text)).toBe('string');
  });
});
