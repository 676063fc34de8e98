/**
 * TLS of control itself (I-2): reads the files, serves with them, follows them when they change. It asks every connection for a certificate and takes any: whose key
 * it is decides the route (`proofs.ts`), for people show none.
 */
import { refuse } from '@atf/core/errors';
import { certificateThumbprint, keyCertificate } from '@atf/core/identity/key-certificate';
import {
  ServerTls,
  type TlsFile,
  tlsFileBytesMax,
  tlsFloor,
  tlsHandshakeMs,
  tlsLookEveryMs,
} from '@atf/core/identity/server-tls';
import { generateKeyPairSync } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { ControlOptions } from './config.ts';

const othersRead = 0o004;

/** Opened first, then looked at: what is checked is what is read. @throws with `code` */
function readPem(file: string): TlsFile {
  const handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size, mode } = fstatSync(handle);
    if (size > tlsFileBytesMax) throw Object.assign(new Error('too large'), { code: 'EFBIG' });
    const exposed = process.platform !== 'win32' && (mode & othersRead) !== 0;
    return { text: readFileSync(handle, 'utf8'), exposed };
  } finally {
    closeSync(handle);
  }
}

/** undefined: control speaks plain HTTP. Refuses as `readTls`, and `request.malformed` for one file without the other. */
export function tlsOf({ tlsCert, tlsKey }: ControlOptions, nowMs: () => number): ServerTls | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    return refuse('request.malformed', '--tls-cert and --tls-key belong together.');
  return new ServerTls({ certFile: tlsCert, keyFile: tlsKey, read: readPem, nowMs });
}

/** The one authority that the request for a certificate names: browsers, which have none of it, do not ask people for theirs. */
function askedFor(): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return keyCertificate(publicKey, privateKey);
}

/** A server that follows its files until it is closed. */
export function createTlsServer(tls: ServerTls, options: ServerOptions, log: Logger): Server {
  const { cert, key } = tls.material;
  const ca = askedFor();
  const server = createServer({
    ...options,
    ...tlsFloor,
    cert,
    key,
    ca,
    handshakeTimeout: tlsHandshakeMs,
    requestCert: true,
    rejectUnauthorized: false,
  });
  const timer = setInterval(() => {
    try {
      const found = tls.look();
      if (found === undefined) return;
      if ('code' in found)
        return log.error(found, 'the new TLS certificate cannot be used; the former one is kept');
      server.setSecureContext({ ...tlsFloor, cert: found.cert, key: found.key, ca });
      log.info({ until: new Date(found.untilMs).toISOString() }, 'a new TLS certificate is in use');
    } catch (fault) {
      log.error({ err: fault }, 'the new TLS certificate cannot be used');
    }
  }, tlsLookEveryMs);
  timer.unref();
  server.once('close', () => clearInterval(timer));
  return server;
}

/** Thumbprint of the key whose possession the other end of this connection has shown; undefined: none was shown, or there is no TLS. */
export function connectionKey({ socket }: Pick<IncomingMessage, 'socket'>): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : certificateThumbprint(certificate);
}
