import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { certificateThumbprint, keyCertificate, keyCertificateName } from './key-certificate.ts';
import { p256PublicJwk } from './compact-jws.ts';
import { jwkThumbprint } from './dpop.ts';

it('is a certificate of exactly this key, for any key', () => {
  for (let round = 0; round < 50; round++) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const read = new X509Certificate(keyCertificate(publicKey, privateKey));
    expect(read.subject).toBe(`CN=${keyCertificateName}`);
    expect(read.issuer).toBe(read.subject);
    expect(read.verify(publicKey)).toBe(true);
    expect(read.checkPrivateKey(privateKey)).toBe(true);
    expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(Date.parse(read.validTo)).toBe(Date.parse('9999-12-31T23:59:59Z'));
    const jwk = p256PublicJwk(publicKey.export({ format: 'jwk' }));
    expect(certificateThumbprint(read)).toBe(jwk === undefined ? 'none' : jwkThumbprint(jwk));
  }
});

it('does not verify under another key', () => {
  const one = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  expect(new X509Certificate(keyCertificate(one.publicKey, other.privateKey)).verify(one.publicKey)).toBe(
    false,
  );
});
