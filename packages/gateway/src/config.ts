/**
 * What a gateway is told when it starts: arguments, environment, and a join token that comes over the supervisor's channel rather than the
 * argument list, where other processes could read it.
 */
import { parseArgs } from 'node:util';
import { refuse } from '@atf/core/errors';

export interface GatewayConfig {
  /** The gateway's own directory: key, spool, servers.yaml, stop file. */
  readonly dir: string;
  /** Addresses of control, without a trailing slash: of its replicas where there are several. */
  readonly controlUrls: readonly string[];
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Address by which agents know this gateway; absent: `http://localhost:<port>`. */
  readonly publicUrl: string | undefined;
  /** `ATF_KEY`. */
  readonly keyFromEnvironment: string | undefined;
  readonly keyFile: string | undefined;
  readonly joinToken: string | undefined;
}

export const usage = `Usage: main.js --dir DIR --control URL... [--host ADDRESS] [--port PORT] [--public-url URL] [--key-file FILE]

  --dir DIR          the gateway's directory (created when missing)
  --control URL      address of the control plane, for example http://localhost:7780; again for each of its replicas
  --host ADDRESS     address to listen on (127.0.0.1)
  --port PORT        port to listen on (7781; 0 picks one)
  --public-url URL   address by which agents know this gateway (http://localhost:<port>)
  --key-file FILE    file with the key that protects the gateway's own key, outside DIR; or the key in ATF_KEY

The one-time join token of a gateway that is not enrolled comes in ATF_GATEWAY_JOIN_TOKEN, or as { joinToken } over the
channel of the process that started it.
`;

const controlUrlsMax = 10;

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

/** Refuses `request.malformed` for options that are missing or wrong. */
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
    },
  });
  const { control = [] } = values;
  if (values.dir === undefined || control.length === 0 || control.length > controlUrlsMax)
    return refuse('request.malformed', '--dir and --control are needed; --control at most ten times.');
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    refuse('request.malformed', '--port is a number from 0 to 65535.');
  const publicUrl = values['public-url'];
  return {
    dir: values.dir,
    controlUrls: control.map((address) => addressOf(address, '--control')),
    host: values.host,
    port,
    publicUrl: publicUrl === undefined ? undefined : addressOf(publicUrl, '--public-url'),
    keyFromEnvironment: environment['ATF_KEY'],
    keyFile: values['key-file'],
    joinToken: environment['ATF_GATEWAY_JOIN_TOKEN'],
  };
}
