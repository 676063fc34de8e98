import { describe, expect, it } from 'vitest';
import type { UpstreamListOutcome, UpstreamServer } from './protocols/protocol.ts';
import { serverDoc, uuid } from './testing/documents.fixture.ts';
import { Upstreams } from './upstreams.ts';

const listed: UpstreamListOutcome = {
  kind: 'tools',
  tools: [{ name: 'pay', inputSchema: { type: 'object' } }],
  protocolVersion: '2025-11-25',
};
const fault = (code: 'upstream.unavailable' | 'upstream.timeout'): UpstreamListOutcome => ({
  kind: 'fault',
  fault: { code, dispatched: true, detail: 'of the test' },
});

describe('what a tool server offers', () => {
  it.each([
    ['upstream.unavailable', 'unknown'],
    ['upstream.timeout', 'offered'],
  ] as const)('after a listing that ended with %s is %s', async (code, state) => {
    const outcomes = [listed, fault(code)];
    const upstream: UpstreamServer = {
      name: 'office',
      listTools: async () => outcomes.shift() ?? listed,
      callTool: () => Promise.reject(new Error('nothing is called here')),
      watch: async () => undefined,
      kill: () => false,
      close: async () => undefined,
    };
    const upstreams = new Upstreams({
      connect: () => ({ ok: true, upstream }),
      clock: { nowMs: () => 0, monotonicMs: () => 0 },
      onListed: () => undefined,
      onChanged: () => undefined,
    });
    const server = serverDoc('office');
    const live = () => upstreams.live(server, uuid(1), 'pay').state;
    await upstreams.prepare(server, uuid(1));
    expect(live()).toBe('offered');
    await upstreams.refresh(server, uuid(1));
    expect(live()).toBe(state);
    // Listed again over the new connection, it may be called again.
    await upstreams.prepare(server, uuid(1));
    expect(live()).toBe('offered');
    await upstreams.close();
  });
});
