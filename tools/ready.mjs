#!/usr/bin/env node
/**
 * Whether the plane on this machine is ready, for health checks of containers and load balancers: asks PORT of the loopback address as clients ask
 * URL, with its name in `Host` and in TLS, so that the certificate that is served is checked as well. Exit code 0: it answers 200.
 *
 *     node tools/ready.mjs https://gateway.example.com/readyz 7781 [authorities.pem]
 */
import { readFileSync } from 'node:fs';
import { request as clear } from 'node:http';
import { request as secure } from 'node:https';
import { rootCertificates } from 'node:tls';

const withinMs = 5_000;
const [address, port, caFile] = process.argv.slice(2);

function fail(why) {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

if (!URL.canParse(address ?? '') || !/^\d{1,5}$/.test(port ?? ''))
  fail('Usage: ready.mjs URL PORT [AUTHORITIES]');
const url = new URL(address);
const isTls = url.protocol === 'https:';
const options = {
  host: '127.0.0.1',
  port: Number(port),
  // An address that ends in a slash, with a path behind it, means the same.
  path: url.pathname.replace(/^\/+/, '/'),
  headers: { host: url.host },
  agent: false,
  ...(isTls ? { servername: url.hostname } : {}),
  ...(isTls && caFile !== undefined ? { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] } : {}),
};
setTimeout(() => fail(`no answer within ${withinMs} ms`), withinMs).unref();
const sent = (isTls ? secure : clear)(options, (answer) => {
  answer.resume();
  answer.once('end', () => (answer.statusCode === 200 ? process.exit(0) : fail(`HTTP ${answer.statusCode}`)));
});
sent.once('error', (fault) => fail(fault.code ?? fault.message));
sent.end();
