/**
 * Room: segmentation (S-1). One port for all tools: those of tool servers over their connections, those of cooperative servers by the program
 * that asked. What a program will run is what a person accepted, so that there is no other definition to compare with.
 */
import type { ServerDoc } from '@atf/core/wire/feed';
import type { SnapshotPort, UpstreamPort } from './ports.ts';
import type { Cooperative } from './protocols/cooperative.ts';

const isCooperative = ({ transport }: ServerDoc): boolean => transport.kind === 'cooperative';

export function routedUpstream(
  connected: UpstreamPort,
  cooperative: Cooperative,
  snapshot: Pick<SnapshotPort, 'tool'>,
): UpstreamPort {
  return {
    prepare: (server, instanceId) =>
      isCooperative(server) ? Promise.resolve({ ok: true }) : connected.prepare(server, instanceId),
    live(server, instanceId, name) {
      if (!isCooperative(server)) return connected.live(server, instanceId, name);
      const tool = snapshot.tool(server.name, name);
      return tool === undefined ? { state: 'absent' } : { state: 'offered', digest: tool.definitionDigest };
    },
    call: (target, args, options) =>
      isCooperative(target.server)
        ? cooperative.call(target, args, options)
        : connected.call(target, args, options),
    kill: (server, instanceId) => connected.kill(server, instanceId),
  };
}
