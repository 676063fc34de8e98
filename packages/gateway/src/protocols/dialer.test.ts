import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  addressRefusedCode,
  type DialPolicy,
  dialPolicyDefault,
  type Resolve,
  vettedDispatcher,
} from './dialer.ts';
import { boundedFetch } from './mcp-fetch.ts';
import { McpUpstream } from './mcp-upstream.ts';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('connections', () => {
  const bounds = { bodyBytesMax: 1_000, depthMax: 8, valuesMax: 100, requestMs: 5_000 };
  async function server(): Promise<{ port: number; requests: () => number }> {
    let requests = 0;
    const http = createServer((_request, response) => {
      requests++;
      response.end('reached');
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      http.closeAllConnections();
      return new Promise((resolve) => http.close(resolve));
    });
    return { port: (http.address() as AddressInfo).port, requests: () => requests };
  }
  const fetchBy = (policy: Partial<DialPolicy>, resolve?: Resolve) => {
    const dispatcher = vettedDispatcher({ ...dialPolicyDefault, ...policy }, resolve);
    cleanups.push(() => dispatcher.destroy());
    return boundedFetch(bounds, dispatcher);
  };
  const refused = { code: addressRefusedCode };

  it('reach a granted address, whatever the name', async () => {
    const { port } = await server();
    const toLoopback: Resolve = (_name, give) => give(null, [{ address: '127.0.0.1', family: 4 }]);
    const response = await fetchBy({ privateAllowed: true }, toLoopback)(`http://tools.example:${port}/`);
    expect(await response.text()).toBe('reached');
  });

  it('do not reach a private address that is not granted, by number or by name', async () => {
    const { port, requests } = await server();
    const toLoopback: Resolve = (_name, give) => give(null, [{ address: '127.0.0.1', family: 4 }]);
    await expect(fetchBy({})(`http://127.0.0.1:${port}/`)).rejects.toMatchObject(refused);
    await expect(fetchBy({})(`http://[::ffff:127.0.0.1]:${port}/`)).rejects.toMatchObject(refused);
    await expect(fetchBy({})(`http://2130706433:${port}/`)).rejects.toMatchObject(refused);
    await expect(fetchBy({}, toLoopback)(`http://tools.example:${port}/`)).rejects.toMatchObject(refused);
    expect(requests()).toBe(0);
  });

  it('refuse a name that mixes good and bad addresses', async () => {
    const mixed: Resolve = (_name, give) =>
      give(null, [
        { address: '93.184.215.14', family: 4 },
        { address: '169.254.169.254', family: 4 },
      ]);
    await expect(fetchBy({ privateAllowed: true }, mixed)('http://tools.example/')).rejects.toMatchObject(
      refused,
    );
  });

  it('ask the name server once for a connection', async () => {
    const { port } = await server();
    let asked = 0;
    const rebinding: Resolve = (_name, give) =>
      give(null, [{ address: asked++ === 0 ? '127.0.0.1' : '169.254.169.254', family: 4 }]);
    const response = await fetchBy({ privateAllowed: true }, rebinding)(`http://tools.example:${port}/`);
    expect([await response.text(), asked]).toEqual(['reached', 1]);
  });

  it('are faults of the tool server for whoever calls it', async () => {
    const dispatcher = vettedDispatcher();
    cleanups.push(() => dispatcher.destroy());
    const upstream = new McpUpstream('metadata', {
      kind: 'http',
      url: 'http://169.254.169.254/mcp',
      dispatcher,
    });
    cleanups.push(() => upstream.close());
    const outcome = await upstream.callTool(
      'x',
      {},
      { signal: new AbortController().signal, timeoutMs: 5_000 },
    );
    expect(outcome).toMatchObject({ fault: { code: 'upstream.unavailable', dispatched: false } });
  });
});
