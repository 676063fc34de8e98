import { describe, expect, it } from 'vitest';
import { addressAllowed } from './addresses.ts';

describe('addresses', () => {
  const always = [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    '100.100.100.200',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    '64:ff9b::a9fe:a9fe',
    '::a9fe:a9fe',
    '::169.254.169.254',
    '::ffff:0:a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    'example.com',
    '',
    '127.1',
    '0x7f000001',
  ];
  it.each(always)('never %s', (address) => {
    expect([addressAllowed(address, true), addressAllowed(address, false)]).toEqual([false, false]);
  });
  it.each([
    '127.0.0.1',
    '::1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.0.1',
    '100.64.0.1',
    'fc00::1',
    '::ffff:127.0.0.1',
  ])('%s when granted', (address) => {
    expect([addressAllowed(address, true), addressAllowed(address, false)]).toEqual([true, false]);
  });
  it.each(['93.184.215.14', '172.32.0.1', '2606:2800:21f:cb07:6820:80da:af6b:8b2c', '::ffff:93.184.215.14'])(
    '%s',
    (address) => {
      expect(addressAllowed(address, false)).toBe(true);
    },
  );
});
