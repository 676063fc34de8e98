/**
 * Room: segmentation (S-1). From the document of a tool server and the host's own file to a connection: stdio servers run only what the
 * file of this host says, HTTP servers are reached through the vetting dialer.
 */
import { errors } from '@atf/core/errors';
import type { ServerDoc } from '@atf/core/wire/feed';
import type { Dispatcher } from 'undici';
import { dialPolicyDefault, vettedDispatcher } from './protocols/dialer.ts';
import { McpUpstream, type UpstreamAddress } from './protocols/mcp-upstream.ts';
import type { HostServer, ServersFile } from './servers-file.ts';
import type { ConnectServer } from './upstreams.ts';

export interface ConnectInput {
  readonly file: Pick<ServersFile, 'read'>;
  readonly environment: NodeJS.ProcessEnv;
  readonly onState: (server: string, state: 'connected' | 'lost' | 'failed', detail: string) => void;
}

/** The address, or in plain words why this host has none. */
export function addressOf(
  server: ServerDoc,
  host: HostServer | undefined,
  environment: NodeJS.ProcessEnv,
): UpstreamAddress | string {
  if (server.transport.kind === 'stdio') {
    if (host?.command === undefined) return errors['segmentation.server_command_missing'].title;
    const { command, args, cwd, env } = host;
    return { kind: 'stdio', command, args, env, ...(cwd === undefined ? {} : { cwd }) };
  }
  if (server.transport.kind !== 'http') return errors['segmentation.wrong_door'].title;
  const headers: Record<string, string> = {};
  for (const [header, variable] of Object.entries(host?.headersFrom ?? {})) {
    const value = environment[variable];
    if (value === undefined)
      return 'A credential that servers.yaml names is not in the environment of the gateway.';
    headers[header] = value;
  }
  const dispatcher = vettedDispatcher({
    ...dialPolicyDefault,
    privateAllowed: host?.privateNetwork ?? false,
  });
  return { kind: 'http', url: server.transport.url, headers, dispatcher };
}

/** Connections to an HTTP service; without TLS only where the host has granted the private network for it. */
export function createDial(file: Pick<ServersFile, 'read'>): (server: ServerDoc) => Dispatcher | string {
  return (server) => {
    const read = file.read();
    if (!read.ok) return read.problem;
    if (server.transport.kind !== 'openapi') return errors['segmentation.wrong_door'].title;
    const privateAllowed = read.servers.get(server.name)?.privateNetwork ?? false;
    if (new URL(server.transport.url).protocol === 'http:' && !privateAllowed)
      return 'The service is reached without TLS, and servers.yaml does not grant it the private network.';
    return vettedDispatcher({ ...dialPolicyDefault, privateAllowed });
  };
}

export function createConnect({ file, environment, onState }: ConnectInput): ConnectServer {
  return (server, { onToolsChanged, onUpdated, onLost }) => {
    const read = file.read();
    const address = read.ok ? addressOf(server, read.servers.get(server.name), environment) : read.problem;
    if (typeof address === 'string') {
      return { ok: false, fault: { code: 'upstream.unavailable', dispatched: false, detail: address } };
    }
    const upstream = new McpUpstream(server.name, address, {
      mayAsk: server.mayAsk ?? [],
      shared: server.stateless,
      onToolsChanged,
      onUpdated,
      onState: (state, detail) => {
        if (state !== 'connected') onLost();
        onState(server.name, state, detail);
      },
    });
    return { ok: true, upstream };
  };
}
