/**
 * What a gateway is told when it starts: arguments, environment, and a join token that comes over the supervisor's channel rather than the
 * argument list, where other processes could read it.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { refuse } from '@atf/core/errors';
import { crossesInClear, isLoopback } from '@atf/core/identity/loopback';

export interface GatewayConfig {
  /** The gateway's own directory: key, spool, servers.yaml, stop file. */
  readonly dir: string;
  /** Addresses of control, without a trailing slash: of its replicas where there are several. */
  readonly controlUrls: readonly string[];
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Files of the certificate chain and key that agents are served with; absent: plain HTTP. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** File of the authorities that control's certificate must come from; absent: the system's. */
  readonly caFile?: string | undefined;
  /** Address by which agents know this gateway; absent: `localhost` and the port. */
  readonly publicUrl: string | undefined;
  /** `ATF_KEY`. */
  readonly keyFromEnvironment: string | undefined;
  readonly keyFile: string | undefined;
  readonly joinToken: string | undefined;
}

export const usage = `Usage: main.js --dir DIR --control URL... [options]

  --dir DIR          the gateway's directory (created when missing)
  --control URL      address of the control plane, for example https://control-1.internal:7780; again for each of its replicas
  --ca FILE          authorities, in PEM, of which control's certificate must be (those of the system)
  --host ADDRESS     address to listen on (127.0.0.1); beyond this machine only with TLS, or with --plain-http
  --port PORT        port to listen on (7781; 0 picks one)
  --tls-cert FILE    certificate chain in PEM: agents are served with TLS
  --tls-key FILE     its private key in PEM, not readable by everybody. Both files are followed when they change
  --public-url URL   address by which agents know this gateway (localhost, and the port)
  --key-file FILE    file with the key that protects the gateway's own key, outside DIR; or the key in ATF_KEY
  --plain-http       allow plain HTTP beyond this machine, to control and from agents

The one-time join token of a gateway that is not enrolled comes in ATF_GATEWAY_JOIN_TOKEN, in a file that
ATF_GATEWAY_JOIN_TOKEN_FILE names, or as { joinToken } over the channel of the process that started it.
`;

const controlUrlsMax = 10;
/** Characters of the file that are looked at; a token is shorter. */
const joinTokenFileMax = 1_024;

function addressOf(text: string, option: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    (url.protocol !== 'http:' && url.protocol !== 'https:') ||
    url.username !== '' ||
    url.pathname !== '/'
  ) {
    return refuse('request.malformed', `${option} is an http or https address without a path.`);
  }
  return url.origin;
}

function tlsFiles(certFile: string | undefined, keyFile: string | undefined): GatewayConfig['tls'] {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    return refuse('request.malformed', '--tls-cert and --tls-key belong together.');
  return { certFile, keyFile };
}

/** undefined: none was given. A file that is empty or gone is none: it has served its purpose once the gateway is enrolled. */
function joinTokenIn(environment: NodeJS.ProcessEnv): string | undefined {
  const { ATF_GATEWAY_JOIN_TOKEN: given, ATF_GATEWAY_JOIN_TOKEN_FILE: file } = environment;
  if (given !== undefined && given !== '') return given;
  if (file === undefined || file === '') return undefined;
  try {
    const token = readFileSync(file, 'utf8').slice(0, joinTokenFileMax).trim();
    return token === '' ? undefined : token;
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? undefined
      : refuse('request.malformed', `ATF_GATEWAY_JOIN_TOKEN_FILE: ${code}`);
  }
}

/** Refuses `identity.plain_http_refused`. */
function checkTransport({ controlUrls, publicUrl, host, tls }: GatewayConfig): void {
  if (controlUrls.some(crossesInClear))
    refuse('identity.plain_http_refused', '--control is http:, and not on this machine.');
  if (publicUrl !== undefined && crossesInClear(publicUrl))
    refuse('identity.plain_http_refused', '--public-url is http:, and not on this machine.');
  if (tls === undefined && !isLoopback(host))
    refuse('identity.plain_http_refused', `--host ${host}: the gateway has no certificate.`);
}

/** Refuses `request.malformed` for options that are missing or wrong, and `identity.plain_http_refused`. */
export function readConfig(args: readonly string[], environment: NodeJS.ProcessEnv): GatewayConfig {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: 'string' },
      control: { type: 'string', multiple: true },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '7781' },
      'public-url': { type: 'string' },
      'key-file': { type: 'string' },
      ca: { type: 'string' },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      'plain-http': { type: 'boolean', default: false },
    },
  });
  const { control = [] } = values;
  if (values.dir === undefined || control.length === 0 || control.length > controlUrlsMax)
    return refuse('request.malformed', '--dir and --control are needed; --control at most ten times.');
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    refuse('request.malformed', '--port is a number from 0 to 65535.');
  const publicUrl = values['public-url'];
  const config: GatewayConfig = {
    dir: values.dir,
    controlUrls: control.map((address) => addressOf(address, '--control')),
    host: values.host,
    port,
    publicUrl: publicUrl === undefined ? undefined : addressOf(publicUrl, '--public-url'),
    keyFromEnvironment: environment['ATF_KEY'],
    keyFile: values['key-file'],
    joinToken: joinTokenIn(environment),
    tls: tlsFiles(values['tls-cert'], values['tls-key']),
    caFile: values.ca,
  };
  if (!values['plain-http']) checkTransport(config);
  return config;
}
