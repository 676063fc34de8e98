import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  addressAllowed,
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

describe('addresses', () => {
  const always = [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    '100.100.100.200',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    '64:ff9b::a9fe:a9fe',
    '::a9fe:a9fe',
    '::169.254.169.254',
    '::ffff:0:a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    'example.com',
    '',
    '127.1',
    '0x7f000001',
  ];
  it.each(always)('never %s', (address) => {
    expect([addressAllowed(address, true), addressAllowed(address, false)]).toEqual([false, false]);
  });
  it.each([
    '127.0.0.1',
    '::1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.0.1',
    '100.64.0.1',
    'fc00::1',
    '::ffff:127.0.0.1',
  ])('%s when granted', (address) => {
    expect([addressAllowed(address, true), addressAllowed(address, false)]).toEqual([true, false]);
  });
  it.each(['93.184.215.14', '172.32.0.1', '2606:2800:21f:cb07:6820:80da:af6b:8b2c', '::ffff:93.184.215.14'])(
    '%s',
    (address) => {
      expect(addressAllowed(address, false)).toBe(true);
    },
  );
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
