/**
 * Room: identity (I-2). A certificate that a gateway makes over its own key, to show that key when it opens a TLS connection to control, and what control reads from
 * the certificate of a connection. It vouches for nothing: TLS proves that the other end holds the private key, and control compares the public
 * one with the key that it enrolled. So it has neither an authority nor an end; what ends is the enrolment.
 *
 * One fixed shape of X.509 (RFC 5280), written out in DER: version 3, one name as issuer and subject, ecdsa-with-SHA256.
 */
import { type KeyObject, sign, X509Certificate } from 'node:crypto';
import { sha256 } from '../digest.ts';
import { base64urlBytes } from './base64url.ts';
import { p256PublicJwk } from './compact-jws.ts';
import { jwkThumbprint } from './dpop.ts';

/** Issuer and subject. Control names it as the one authority whose certificates it asks for, so that browsers do not offer theirs. */
export const keyCertificateName = 'ATF gateway key';

const tags = {
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
} as const;
const oids = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  extendedKeyUsage: '551d25',
  clientAuth: '2b06010505070302',
} as const;
/** RFC 5280 §4.1.2.5: no well-defined end. */
const validity = ['20200101000000Z', '99991231235959Z'] as const;
const serialBytes = 16;

function der(tag: keyof typeof tags, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tags[tag], ...head), body]);
}

const oid = (name: keyof typeof oids): Buffer => der('oid', Buffer.from(oids[name], 'hex'));

function tbsCertificate(spki: Buffer, algorithm: Buffer): Buffer {
  // Positive, not zero, and the same for the same key (RFC 5280 §4.1.2.2).
  const serial = Buffer.from(base64urlBytes(sha256(spki)) ?? []).subarray(0, serialBytes);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const attribute = der('sequence', oid('commonName'), der('utf8', Buffer.from(keyCertificateName)));
  const name = der('sequence', der('set', attribute));
  const usage = der('sequence', oid('extendedKeyUsage'), der('octets', der('sequence', oid('clientAuth'))));
  const times = validity.map((time) => der('generalizedTime', Buffer.from(time)));
  return der(
    'sequence',
    der('version', der('integer', Buffer.of(2))),
    der('integer', serial),
    algorithm,
    name,
    der('sequence', ...times),
    name,
    spki,
    der('extensions', der('sequence', usage)),
  );
}

/** The certificate, as PEM, of a P-256 key over itself. */
export function keyCertificate(publicKey: KeyObject, privateKey: KeyObject): string {
  const algorithm = der('sequence', oid('ecdsaWithSha256'));
  const signed = tbsCertificate(publicKey.export({ format: 'der', type: 'spki' }), algorithm);
  const signature = der('bits', Buffer.of(0), sign('sha256', signed, privateKey));
  return new X509Certificate(der('sequence', signed, algorithm, signature)).toString();
}

/** RFC 7638 thumbprint of the P-256 key that a certificate is about; undefined for other keys. */
export function certificateThumbprint(certificate: X509Certificate): string | undefined {
  const { publicKey } = certificate;
  if (publicKey.asymmetricKeyType !== 'ec') return undefined;
  const jwk = p256PublicJwk(publicKey.export({ format: 'jwk' }));
  return jwk === undefined ? undefined : jwkThumbprint(jwk);
}
