/**
 * TLS of the gateway (I-2): towards agents with files that are followed when they change; towards control with the gateway's own key, and control's authority where
 * one is named.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { type Refusal, refusal, refuse } from '@atf/core/errors';
import {
  ServerTls,
  type TlsFile,
  tlsFileBytesMax,
  tlsFloor,
  tlsHandshakeMs,
  tlsLookEveryMs,
} from '@atf/core/identity/server-tls';
import type { GatewayConfig } from './config.ts';
import type { GatewayKey } from './gateway-key.ts';

const othersRead = 0o004;

/** Opened first, then looked at: what is checked is what is read. @throws with `code` */
function readPem(file: string): TlsFile {
  const handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size, mode } = fstatSync(handle);
    if (size > tlsFileBytesMax) throw Object.assign(new Error('too large'), { code: 'EFBIG' });
    return {
      text: readFileSync(handle, 'utf8'),
      exposed: process.platform !== 'win32' && (mode & othersRead) !== 0,
    };
  } finally {
    closeSync(handle);
  }
}

export interface DoorTls {
  readonly tls: ServerTls;
  /** The files changed: what they hold is used from now on, or `refused` and the former is kept. */
  readonly onChange: (refused: Refusal | undefined) => void;
}

/** undefined: plain HTTP. Refuses as `readTls`. */
export function doorTlsOf({ tls }: Pick<GatewayConfig, 'tls'>, nowMs: () => number): ServerTls | undefined {
  return tls === undefined ? undefined : new ServerTls({ ...tls, read: readPem, nowMs });
}

/** A server that follows its files until it is closed. */
export function createTlsServer({ tls, onChange }: DoorTls, options: ServerOptions): Server {
  const { cert, key } = tls.material;
  const server = createServer({ ...options, ...tlsFloor, cert, key, handshakeTimeout: tlsHandshakeMs });
  const timer = setInterval(() => {
    const found = tls.look();
    if (found === undefined) return;
    if ('code' in found) return onChange(found);
    try {
      server.setSecureContext({ ...tlsFloor, cert: found.cert, key: found.key });
    } catch {
      return onChange(refusal('identity.certificate_unusable', 'OpenSSL does not take it.'));
    }
    onChange(undefined);
  }, tlsLookEveryMs);
  timer.unref();
  server.once('close', () => clearInterval(timer));
  return server;
}

/** How a connection to control is made: `ca` alone is trusted where it is named, the system's authorities otherwise. */
export interface ControlTls {
  readonly ca?: string;
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.2';
}

/** Refuses `identity.certificate_unusable` for a file of authorities that cannot be read. */
export function controlTlsOf({ caFile }: Pick<GatewayConfig, 'caFile'>, key: GatewayKey): ControlTls {
  const own = { ...key.identity(), minVersion: tlsFloor.minVersion };
  if (caFile === undefined) return own;
  try {
    const { text } = readPem(caFile);
    if (text.includes('-----BEGIN CERTIFICATE-----')) return { ...own, ca: text };
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    refuse('identity.certificate_unusable', `--ca ${caFile}: ${code ?? 'cannot be read'}`);
  }
  return refuse('identity.certificate_unusable', `--ca ${caFile} holds no certificate in PEM.`);
}

/** Why a certificate was not taken, by the code of OpenSSL or Node; undefined for faults that are not about one. Nothing was sent then. */
export function untrusted(fault: unknown): string | undefined {
  const { code } = fault as { code?: unknown };
  return typeof code === 'string' && certificateFaults.test(code) ? code : undefined;
}
const certificateFaults =
  /^(?:UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|CERT_|INVALID_|ERR_TLS_CERT_ALTNAME_INVALID$|HOSTNAME_MISMATCH$)/;
