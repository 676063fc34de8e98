/**
 * Room: identity (I-2). With what a plane serves TLS: a certificate chain and its key, looked at before they are used, and again whenever the files may have
 * changed, so that whoever rotates them need not restart anything. Reading the files is the caller's.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type Refusal, RefusalError, refuse } from '../errors.ts';

/** How often the files are looked at. Watching them would miss what volumes of secrets do: they swap a link two folders above. */
export const tlsLookEveryMs = 2_000;
export const tlsFileBytesMax = 262_144;

/** TLS 1.3, and of 1.2 what has forward secrecy and authenticates what it encrypts (RFC 9325 §4.2). */
export const tlsFloor = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ].join(':'),
} as const;
/** A connection that has not shaken hands by then is closed. */
export const tlsHandshakeMs = 10_000;

export interface TlsFile {
  readonly text: string;
  /** Whether users beyond the owner and the group may read it. */
  readonly exposed: boolean;
}

export interface TlsSource {
  readonly certFile: string;
  readonly keyFile: string;
  /** At most {@link tlsFileBytesMax}. @throws with `code` */
  readonly read: (file: string) => TlsFile;
  readonly nowMs: () => number;
}

/** PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly untilMs: number;
}

function readOf({ read }: TlsSource, file: string): TlsFile {
  try {
    return read(file);
  } catch (fault) {
    const { code } = fault as { code?: unknown };
    return refuse(
      'identity.certificate_unusable',
      `${file}: ${typeof code === 'string' ? code : 'cannot be read'}`,
    );
  }
}

/** The first certificate of a chain; the others are read, too, so that what is taken here is taken by the server. */
function certificateOf(file: string, text: string): X509Certificate {
  try {
    const [first] = (text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map(
      (pem) => new X509Certificate(pem),
    );
    if (first !== undefined) return first;
  } catch {
    // Said below.
  }
  return refuse('identity.certificate_unusable', `${file} holds no chain of certificates in PEM.`);
}

function keyOf(file: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    return refuse('identity.certificate_unusable', `${file} holds no unencrypted private key in PEM.`);
  }
}

/** Refuses `identity.certificate_unusable` (unreadable, another key, not valid now), `storage.key_exposed`. */
export function readTls(source: TlsSource): TlsMaterial {
  const { certFile, keyFile, nowMs } = source;
  const { text: cert } = readOf(source, certFile);
  const { text: key, exposed } = readOf(source, keyFile);
  if (exposed) refuse('storage.key_exposed', `${keyFile}: every user may read it.`);
  const certificate = certificateOf(certFile, cert);
  if (!certificate.checkPrivateKey(keyOf(keyFile, key)))
    refuse(
      'identity.certificate_unusable',
      `${keyFile} is not the key of the first certificate in ${certFile}.`,
    );
  const now = nowMs();
  const untilMs = Date.parse(certificate.validTo);
  if (!(untilMs > now))
    refuse('identity.certificate_unusable', `${certFile} expired at ${certificate.validTo}.`);
  if (!(Date.parse(certificate.validFrom) <= now))
    refuse('identity.certificate_unusable', `${certFile} is not valid before ${certificate.validFrom}.`);
  return { cert, key, untilMs };
}

/** What is served with now. */
export class ServerTls {
  readonly #source: TlsSource;
  #held: TlsMaterial;
  #seen: string;

  /** Refuses as {@link readTls}. */
  constructor(source: TlsSource) {
    this.#source = source;
    this.#held = readTls(source);
    this.#seen = this.#texts();
  }

  get material(): TlsMaterial {
    return this.#held;
  }

  /**
   * Looks at the files again: new material to serve with from now on, why what stands there now cannot be used (what is held stays), or undefined
   * when nothing changed since the last look.
   */
  look(): TlsMaterial | Refusal | undefined {
    const seen = this.#texts();
    if (seen === this.#seen) return undefined;
    this.#seen = seen;
    try {
      this.#held = readTls(this.#source);
      return this.#held;
    } catch (fault) {
      if (fault instanceof RefusalError) return fault.refusal;
      throw fault;
    }
  }

  #texts(): string {
    const { certFile, keyFile, read } = this.#source;
    return [certFile, keyFile]
      .map((file) => {
        try {
          const { text, exposed } = read(file);
          return `${exposed} ${text}`;
        } catch {
          return '';
        }
      })
      .join('\0');
  }
}
