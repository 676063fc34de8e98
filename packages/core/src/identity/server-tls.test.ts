import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { RefusalError } from '../errors.ts';
import { keyCertificate } from './key-certificate.ts';
import { readTls, ServerTls, type TlsFile } from './server-tls.ts';

const pairOf = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  return { cert: keyCertificate(publicKey, privateKey), key };
};
const shown = (text: string, exposed = false): TlsFile => ({ text, exposed });

function sourceOf(files: Record<string, TlsFile>, nowMs = Date.UTC(2026, 0)) {
  const read = (file: string): TlsFile => {
    const found = files[file];
    if (found === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    return found;
  };
  return { certFile: 'c', keyFile: 'k', read, nowMs: () => nowMs };
}

function refusedWith(source: ReturnType<typeof sourceOf>): string | undefined {
  try {
    readTls(source);
    return undefined;
  } catch (fault) {
    if (!(fault instanceof RefusalError)) throw fault;
    return `${fault.refusal.code}: ${fault.refusal.detail}`;
  }
}

it('says what is wrong with the files', () => {
  const { cert, key } = pairOf();
  const unusable = 'identity.certificate_unusable';
  const damaged = cert.replace(/\n[^-]{8}/, '\nAAAAAAAA');
  const cases: [string | undefined, ReturnType<typeof sourceOf>][] = [
    [undefined, sourceOf({ c: shown(cert), k: shown(key) })],
    [undefined, sourceOf({ c: shown(`${cert}${pairOf().cert}`), k: shown(key) })],
    [`${unusable}: c: ENOENT`, sourceOf({ k: shown(key) })],
    [`${unusable}: k: ENOENT`, sourceOf({ c: shown(cert) })],
    [`${unusable}: c holds no chain`, sourceOf({ c: shown(''), k: shown(key) })],
    [`${unusable}: c holds no chain`, sourceOf({ c: shown(`${cert}${damaged}`), k: shown(key) })],
    [`${unusable}: k holds no unencrypted`, sourceOf({ c: shown(cert), k: shown(cert) })],
    [`${unusable}: k is not the key`, sourceOf({ c: shown(cert), k: shown(pairOf().key) })],
    [`${unusable}: c is not valid before`, sourceOf({ c: shown(cert), k: shown(key) }, Date.UTC(2019, 0))],
    [`${unusable}: c expired`, sourceOf({ c: shown(cert), k: shown(key) }, Date.UTC(10_000, 0))],
    ['storage.key_exposed: k', sourceOf({ c: shown(cert), k: shown(key, true) })],
  ];
  for (const [wanted, source] of cases)
    if (wanted === undefined) expect(refusedWith(source)).toBeUndefined();
    else expect(refusedWith(source)).toContain(wanted);
});

it('takes what is rotated in, and keeps the former while half of it is there', () => {
  const [first, second] = [pairOf(), pairOf()];
  const files = { c: shown(first.cert), k: shown(first.key) };
  const tls = new ServerTls(sourceOf(files));
  expect(tls.look()).toBeUndefined();
  files.c = shown(second.cert);
  expect(tls.look()).toMatchObject({ code: 'identity.certificate_unusable' });
  expect(tls.look(), 'said once').toBeUndefined();
  expect(tls.material.cert).toBe(first.cert);
  files.k = shown(second.key);
  expect(tls.look()).toMatchObject(second);
  expect(tls.material.cert).toBe(second.cert);
});
