import { describe, expect, it } from 'vitest';
import { EntityUid, Fault, type Outcome } from '../runtime-value.ts';
import { parseDateTime, parseDuration, toDate, toTime } from './datetime.ts';
import { parseDecimal } from './decimal.ts';
import { applyExtension, type ExtensionFunction, extensionFunctions } from './functions.ts';
import { isInRange, isLoopback, isMulticast, parseIpAddress } from './ipaddr.ts';

describe('decimal', () => {
  it.each([
    ['1.5', 15_000],
    ['-0.5', -5_000],
    ['-0.0', 0],
    ['922337203685477.5807', 9223372036854775807n],
    ['-922337203685477.5808', -9223372036854775808n],
    ['922337203685477.5808', undefined],
    ['-922337203685477.5809', undefined],
    ['1', undefined],
    ['1.', undefined],
    ['1.00000', undefined],
    ['+1.0', undefined],
    ['١.٠', undefined],
  ])('%s is %s ten-thousandths', (text, units) => {
    expect(parseDecimal(text)?.units).toBe(units);
  });
});

describe('ipaddr', () => {
  it.each([
    '',
    '1.2.3',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4/33',
    '1.2.3.4/08',
    '1.2.3.4/',
    '::ffff:1.2.3.4',
    '1::2::3',
    ':::',
    '1:2:3:4::5:6:7:8',
    '::/129',
    '::1%lo',
    '12345::',
    ' ::1',
  ])('refuses %j', (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
  });

  it.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.1.2.3', false],
    ['10.0.0.0/8', '10.9.9.9/8', true],
    ['0.0.0.0/0', '::/0', false],
    ['::ffff:7f00:1', '127.0.0.1', false],
    ['2001:db8::1', '2001:DB8::/32', true],
    ['1.2.3.4/0', '9.9.9.9/0', true],
  ])('%s in %s is %s', (inner, outer, wanted) => {
    const [left, right] = [parseIpAddress(inner), parseIpAddress(outer)];
    if (left === undefined || right === undefined) throw new Error('both are addresses');
    expect(isInRange(left, right)).toBe(wanted);
  });

  it.each([
    ['127.0.0.1', true, false],
    ['127.0.0.0/7', false, false],
    ['::1', true, false],
    ['::1/127', false, false],
    ['224.0.0.0/4', false, true],
    ['224.0.0.0/3', false, false],
    ['ff02::1', false, true],
    ['ff00::/7', false, false],
  ])('%s: loopback %s, multicast %s', (text, loopback, multicast) => {
    const ip = parseIpAddress(text);
    if (ip === undefined) throw new Error('an address');
    expect([isLoopback(ip), isMulticast(ip)]).toEqual([loopback, multicast]);
  });
});

describe('datetime', () => {
  it.each([
    ['1970-01-01', 0],
    ['1969-12-31T23:59:59.999Z', -1],
    ['2024-02-29T12:34:56.789Z', Date.UTC(2024, 1, 29, 12, 34, 56, 789)],
    ['2024-03-01T00:00:00+0130', Date.UTC(2024, 1, 29, 22, 30)],
    ['0000-01-01', -62_167_219_200_000],
    ['9999-12-31T23:59:59.999Z', 253_402_300_799_999],
    ['2023-02-29', undefined],
    ['2024-13-01', undefined],
    ['2024-01-01T24:00:00Z', undefined],
    ['2024-01-01T23:59:60Z', undefined],
    ['2024-01-01T00:00:00', undefined],
    ['2024-01-01T00:00:00.1Z', undefined],
    ['2024-01-01T00:00:00+2400', undefined],
    ['2024-01-01\n', undefined],
  ])('%j is %s ms', (text, epochMs) => {
    expect(parseDateTime(text)?.epochMs).toBe(epochMs);
  });

  it('agrees with the calendar of the platform on every 97th day of 800 years', () => {
    for (let ms = Date.UTC(1600, 0, 1); ms < Date.UTC(2400, 0, 1); ms += 97 * 86_400_000) {
      expect(parseDateTime(new Date(ms).toISOString().slice(0, 10))?.epochMs).toBe(ms);
    }
  });

  it('splits times before 1970 into a day and a time of day', () => {
    const at = parseDateTime('1969-12-31T23:00:00Z');
    if (at === undefined) throw new Error('a datetime');
    expect(toDate(at)?.epochMs).toBe(-86_400_000);
    expect(toTime(at).ms).toBe(23 * 3_600_000);
  });
});

describe('duration', () => {
  it.each([
    ['1d2h3m4s5ms', 93_784_005],
    ['-90m', -5_400_000],
    ['-9223372036854775808ms', -9223372036854775808n],
    ['106751991167d7h12m55s807ms', 9223372036854775807n],
    ['9223372036854775808ms', undefined],
    ['106751991168d', undefined],
    ['', undefined],
    ['-', undefined],
    ['1h1d', undefined],
    ['1.5h', undefined],
  ])('%j is %s ms', (text, ms) => {
    expect(parseDuration(text)?.ms).toBe(ms);
  });
});

describe('the table of functions', () => {
  const call = (name: string, ...values: Parameters<ExtensionFunction['apply']>): Outcome =>
    applyExtension(name, extensionFunctions.get(name) as ExtensionFunction, values);

  it('gives a fault, never an exception, for every function on wrong types and numbers of arguments', () => {
    for (const [name, fn] of extensionFunctions) {
      const wrong = new EntityUid('User', 'a');
      expect(applyExtension(name, fn, fn.arity === 1 ? [wrong] : [wrong, wrong]), name).toBeInstanceOf(Fault);
      expect(applyExtension(name, fn, []), name).toMatchObject({ code: 'wrong_arity' });
      expect(applyExtension(name, fn, [1, 2, 3]), name).toMatchObject({ code: 'wrong_arity' });
    }
  });

  it('does not repeat a value of the request in a message', () => {
    expect(call('ip', 'secret-value', '')).toMatchObject({ code: 'wrong_arity' });
    const fault = applyExtension('ip', extensionFunctions.get('ip') as ExtensionFunction, ['secret-value']);
    expect(fault).toMatchObject({ code: 'extension_failed' });
    expect(JSON.stringify(fault)).not.toContain('secret-value');
  });
});
