/**
 * Room: segmentation (S-1). One port for all tools: those of tool servers over their connections, those of HTTP services, those of cooperative servers by the
 * program that asked, and of whatever an enforcement point asks about by nobody here. What a program will run is what a person accepted, so that there is no other definition to compare with.
 */
import type { ServerDoc } from '@atf/core/wire/feed';
import type { SnapshotPort, UpstreamPort } from './ports.ts';
import type { Cooperative } from './protocols/cooperative.ts';
import type { Elsewhere } from './protocols/elsewhere.ts';

type Asked = Omit<UpstreamPort, 'kill' | 'watch'>;

export function routedUpstream(
  connected: UpstreamPort,
  services: Asked,
  cooperative: Pick<Cooperative, 'call'>,
  snapshot: Pick<SnapshotPort, 'tool'>,
  elsewhere: Elsewhere,
): UpstreamPort {
  const programs: Asked = {
    prepare: () => Promise.resolve({ ok: true }),
    live(server, _, name) {
      const tool = snapshot.tool(server.name, name);
      return tool === undefined ? { state: 'absent' } : { state: 'offered', digest: tool.definitionDigest };
    },
    call: (target, args, options) => cooperative.call(target, args, options),
  };
  const of = ({ transport }: ServerDoc): Asked => {
    if (transport.kind === 'cooperative') return programs;
    return transport.kind === 'openapi' ? services : connected;
  };
  return {
    prepare: (server, instanceId) =>
      elsewhere.asks(server.name, instanceId) ? elsewhere.prepare() : of(server).prepare(server, instanceId),
    live: (server, instanceId, name) =>
      elsewhere.asks(server.name, instanceId)
        ? elsewhere.live(server, name)
        : of(server).live(server, instanceId, name),
    call: (target, args, options) =>
      elsewhere.expects(target.action.actionId)
        ? elsewhere.call(target)
        : of(target.server).call(target, args, options),
    watch: (server, instanceId, uri, on) =>
      of(server) === connected
        ? connected.watch(server, instanceId, uri, on)
        : Promise.resolve({
            code: 'upstream.unavailable',
            dispatched: false,
            detail: 'It has no resources.',
          }),
    kill: (server, instanceId) => connected.kill(server, instanceId),
  };
}
