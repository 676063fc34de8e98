/**
 * The control plane as a plain process, for production: options and environment instead of a supervisor's pipe. Several of them on one PostgreSQL are
 * replicas of each other. It ends on SIGTERM or SIGINT, after what runs was answered.
 */
import { problemOf, RefusalError, refuse } from '@atf/core/errors';
import { crossesInClear, isLoopback } from '@atf/core/identity/loopback';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { composeControl } from './compose.ts';
import { type ControlOptions, type ControlOptionsInput, controlOptionsSchema } from './config.ts';
import { startRooms } from './rooms.ts';

const closeWithinMs = 15_000;
const secretFileBytesMax = 4_096;

export const usage = `Usage: atf control --data DIR [options]

  --data DIR            directory of this process: operator token, stops that wait for their record
  --port PORT           port to listen on (7780; 0 picks one)
  --host ADDRESS        address to listen on (localhost); beyond this machine only with TLS, or with --plain-http
  --tls-cert FILE       certificate chain in PEM: control speaks TLS, and gateways must show their enrolled keys
  --tls-key FILE        its private key in PEM, not readable by everybody. Both files are followed when they change
  --url URL             address that people, agents and gateways use, the same for all replicas
  --replica-url URL     address of exactly this replica, for gateways that name several
  --gateway-url URL     address of the gateway that agents are sent to
  --key-file FILE       key that protects the keys of the product, the same for all replicas; or the key in ATF_KEY
  --policies DIR        folder of the policy files
  --trust-domain NAME   trust domain, also in the name of the log (atf.internal)
  --tenant NAME         tenant (default)
  --witness-policy FILE ask the witnesses that this policy names to cosign the log; or the file in ATF_WITNESS_POLICY
  --log-level LEVEL     silent, error, warn, info or debug (info)
  --example             set up the example workspace in an empty database; presence of its people may be simulated
  --plain-http          allow plain HTTP beyond this machine, behind a proxy that has the certificate

DATABASE_URL names a PostgreSQL, or ATF_DATABASE_URL_FILE a file that holds it; several processes may share one. Without it the database is embedded in DIR.
`;

const flags = {
  data: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
  url: { type: 'string' },
  'replica-url': { type: 'string' },
  'gateway-url': { type: 'string' },
  'key-file': { type: 'string' },
  policies: { type: 'string' },
  'trust-domain': { type: 'string' },
  tenant: { type: 'string' },
  'witness-policy': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'log-level': { type: 'string' },
  example: { type: 'boolean' },
  'plain-http': { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

const optionOf = {
  data: 'dataDir',
  host: 'host',
  url: 'controlUrl',
  'replica-url': 'replicaUrl',
  'gateway-url': 'gatewayUrl',
  'key-file': 'keyFile',
  policies: 'policyDir',
  'trust-domain': 'trustDomain',
  tenant: 'tenant',
  'witness-policy': 'witnessPolicy',
  'tls-cert': 'tlsCert',
  'tls-key': 'tlsKey',
  'log-level': 'logLevel',
} as const satisfies Partial<Record<keyof typeof flags, keyof ControlOptionsInput>>;

export function databaseUrlIn(environment: NodeJS.ProcessEnv): string | undefined {
  const { DATABASE_URL: given, ATF_DATABASE_URL_FILE: file } = environment;
  if (given !== undefined && given !== '') return given;
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8').slice(0, secretFileBytesMax).trim();
  } catch (fault) {
    return refuse('request.malformed', `ATF_DATABASE_URL_FILE: ${(fault as NodeJS.ErrnoException).code}`);
  }
}

/** Refuses `identity.plain_http_refused`. */
function checkTransport({ host, tlsCert, controlUrl, replicaUrl, gatewayUrl }: ControlOptions): void {
  if (tlsCert === undefined && !isLoopback(host))
    refuse('identity.plain_http_refused', `--host ${host}: control has no certificate.`);
  const urls = { '--url': controlUrl, '--replica-url': replicaUrl, '--gateway-url': gatewayUrl };
  for (const [option, url] of Object.entries(urls))
    if (url !== undefined && crossesInClear(url))
      refuse('identity.plain_http_refused', `${option} is http:.`);
}

/** undefined: help is wanted. Refuses `request.malformed`, without repeating what may be a secret, and `identity.plain_http_refused`. */
export function readOptions(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): ControlOptionsInput | undefined {
  let values: ReturnType<typeof parseArgs<{ options: typeof flags }>>['values'];
  try {
    ({ values } = parseArgs({ args: [...args], options: flags }));
  } catch (fault) {
    return refuse('request.malformed', fault instanceof Error ? fault.message : 'options');
  }
  if (values.help === true) return undefined;
  const given: Record<string, unknown> = { databaseUrl: databaseUrlIn(environment) };
  for (const [flag, option] of Object.entries(optionOf))
    given[option] = values[flag as keyof typeof optionOf];
  // A setting that is there and says nothing is none: whoever writes it for several deployments leaves it empty in some.
  given['witnessPolicy'] ??= environment['ATF_WITNESS_POLICY'] || undefined;
  if (values.port !== undefined)
    given['port'] = /^\d{1,5}$/.test(values.port) ? Number(values.port) : values.port;
  if (values.example === true) given['example'] = true;
  for (const name of Object.keys(given)) if (given[name] === undefined) delete given[name];
  const read = controlOptionsSchema.safeParse(given);
  if (!read.success) return refuse('request.malformed', z.prettifyError(read.error));
  if (values['plain-http'] !== true) checkTransport(read.data);
  return read.data;
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => resolve());
  });
}

/** Serves until a signal; gives the exit code. */
export async function serveControl(args: readonly string[], environment = process.env): Promise<number> {
  const end = signalled();
  try {
    const options = readOptions(args, environment);
    if (options === undefined) {
      process.stdout.write(usage);
      return 0;
    }
    // Children and crash reports have no business with it.
    delete environment.DATABASE_URL;
    const running = await composeControl(options, startRooms);
    process.stdout.write(`${JSON.stringify({ ready: true, url: running.url, pid: process.pid })}\n`);
    await end;
    const late = setTimeout(() => process.exit(1), closeWithinMs);
    await running.close();
    clearTimeout(late);
    return 0;
  } catch (fault) {
    return tell(fault);
  }
}

function tell(fault: unknown): number {
  if (!(fault instanceof RefusalError)) {
    process.stderr.write(`${fault instanceof Error ? (fault.stack ?? fault.message) : 'unknown fault'}\n`);
    return 1;
  }
  const { code, title, detail, help } = problemOf(fault.refusal);
  process.stderr.write(`${title} (${code}). ${detail ?? ''} ${help}\n`);
  if (code === 'request.malformed') process.stderr.write(usage);
  return 2;
}
