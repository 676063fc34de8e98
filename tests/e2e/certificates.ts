/** Certificates for tests, made by a library that the product does not use. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;
const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** An authority of one's own. */
export class Authority {
  readonly pem: string;
  readonly #keys: Awaited<ReturnType<typeof newKeys>>;
  #serial = 1;

  private constructor(pem: string, keys: Awaited<ReturnType<typeof newKeys>>) {
    this.pem = pem;
    this.#keys = keys;
  }

  static async make(): Promise<Authority> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: 'CN=Test authority',
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    });
    return new Authority(certificate.toString('pem'), keys);
  }

  /** For localhost and 127.0.0.1, valid until `untilMs` from now. */
  async issue(untilMs = dayMs): Promise<Pair> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: (++this.#serial).toString(16).padStart(2, '0'),
      subject: 'CN=localhost',
      issuer: 'CN=Test authority',
      notBefore: new Date(Date.now() - dayMs / 2),
      notAfter: new Date(Date.now() + untilMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
        ]),
      ],
    });
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const key = `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
    return { cert: `${certificate.toString('pem')}\n`, key };
  }
}

/** Puts both files there as a rotation does: each whole or not at all. */
export function place(dir: string, { cert, key }: Pair): { cert: string; key: string } {
  const files = { cert: `${dir}/tls.crt`, key: `${dir}/tls.key` };
  for (const [file, text] of [
    [files.cert, cert],
    [files.key, key],
  ] as const) {
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    chmodSync(`${file}.new`, 0o600);
    renameSync(`${file}.new`, file);
  }
  return files;
}
