/** Egress allowlists: of the shapes that Kubernetes and Envoy take, the same for the same rights, and never wider than what was said. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Egress } from '../wire/egress.ts';
import { destinationOf, envoyClusters, isCidr, labelOf, networkPolicy } from './egress.ts';

/** NetworkPolicy v1 (networking.k8s.io), as far as egress goes; unknown fields are refused, as the API server does. */
const label = z.string().regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/);
const selector = z.strictObject({ matchLabels: z.record(z.string(), label) });
const port = z.strictObject({ protocol: z.enum(['TCP', 'UDP']), port: z.int().min(1).max(65_535) });
const peer = z.union([
  z.strictObject({ ipBlock: z.strictObject({ cidr: z.union([z.cidrv4(), z.cidrv6()]) }) }),
  z.strictObject({ namespaceSelector: selector, podSelector: selector }),
]);
const policySchema = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: z.strictObject({
    name: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
    namespace: z.string().optional(),
    labels: z.record(z.string(), label),
  }),
  spec: z.strictObject({
    podSelector: selector,
    policyTypes: z.tuple([z.literal('Egress')]),
    egress: z.array(z.strictObject({ to: z.array(peer).min(1), ports: z.array(port).min(1) })),
  }),
});
/** Envoy's bootstrap, as far as clusters go (config.cluster.v3.Cluster). */
const clustersSchema = z.strictObject({
  static_resources: z.strictObject({
    clusters: z.array(
      z.strictObject({
        name: z.string().min(1),
        type: z.enum(['STRICT_DNS', 'STATIC']),
        connect_timeout: z.string().regex(/^[0-9]+s$/),
        load_assignment: z.strictObject({
          cluster_name: z.string(),
          endpoints: z.tuple([
            z.strictObject({
              lb_endpoints: z.tuple([
                z.strictObject({
                  endpoint: z.strictObject({
                    address: z.strictObject({
                      socket_address: z.strictObject({ address: z.string(), port_value: z.int() }),
                    }),
                  }),
                }),
              ]),
            }),
          ]),
        }),
      }),
    ),
  }),
});

const agent: Egress = {
  of: 'agent',
  name: 'order_clerk',
  stopped: false,
  own: ['crm'],
  reach: [
    { kind: 'gateway', name: 'edge', url: 'https://atf-gateway.atf.svc:7781' },
    { kind: 'control', name: 'control', url: 'https://10.0.0.7:7780' },
    { kind: 'mesh', name: 'orders', url: 'https://orders.example.com' },
    { kind: 'gateway', name: 'twin', url: 'https://ATF-gateway.atf.svc:7781/' },
  ],
};
const none = { pins: new Map<string, string[]>(), own: [] };
const policyOf = (egress: Egress, options: Parameters<typeof networkPolicy>[1] = none) => {
  const { document, missing } = networkPolicy(egress, options);
  return { policy: policySchema.parse(document), missing };
};

describe('a NetworkPolicy', () => {
  it('allows name service, pods, addresses and pinned names, and names what it cannot say', () => {
    const { policy, missing } = policyOf(agent, { ...none, namespace: 'agents' });
    expect(missing).toEqual(['orders.example.com:443']);
    const [dns, ...rules] = policy.spec.egress;
    expect(dns?.ports.map(({ port: number }) => number)).toEqual([53, 53]);
    expect(rules).toEqual([
      { to: [{ ipBlock: { cidr: '10.0.0.7/32' } }], ports: [{ protocol: 'TCP', port: 7780 }] },
      {
        to: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'atf' } },
            podSelector: { matchLabels: { 'app.kubernetes.io/name': 'atf-gateway' } },
          },
        ],
        ports: [{ protocol: 'TCP', port: 7781 }],
      },
    ]);
    const pins = new Map([['orders.example.com', ['203.0.113.7/32', '2001:db8::/64', '0.0.0.0/0']]]);
    const pinned = policyOf(agent, { ...none, pins });
    expect(pinned.missing).toEqual([]);
    expect(JSON.stringify(pinned.policy)).toContain('203.0.113.7/32');
    expect(JSON.stringify(pinned.policy)).not.toContain('0.0.0.0');
  });

  it('of something stopped allows nothing, not even name service', () => {
    const { policy } = policyOf({ ...agent, stopped: true }, { ...none, own: ['https://10.1.1.1'] });
    expect(policy.spec.egress).toEqual([]);
    expect(policy.spec.policyTypes).toEqual(['Egress']);
  });

  it('is the same for the same rights, in whatever order they are told', () => {
    const turned = { ...agent, reach: agent.reach.toReversed() };
    expect(networkPolicy(turned, none)).toEqual(networkPolicy(agent, none));
    expect(envoyClusters(turned, none)).toEqual(envoyClusters(agent, none));
  });
});

describe('clusters of Envoy', () => {
  it('are one for each address, and none of what is stopped', () => {
    const { static_resources: resources } = clustersSchema.parse(envoyClusters(agent, none).document);
    expect(resources.clusters.map(({ name, type }) => [name, type])).toEqual([
      ['atf_10.0.0.7:7780', 'STATIC'],
      ['atf_atf-gateway.atf.svc:7781', 'STRICT_DNS'],
      ['atf_orders.example.com:443', 'STRICT_DNS'],
    ]);
    const stopped = envoyClusters({ ...agent, stopped: true }, { own: ['https://10.1.1.1'] });
    expect(clustersSchema.parse(stopped.document).static_resources.clusters).toEqual([]);
  });
});

describe('words', () => {
  it('names that are no labels become labels, and stay apart', () => {
    const names = [
      'a_b',
      'a-b',
      'a--b',
      'x'.repeat(64),
      `${'x'.repeat(63)}y`,
      `${'a'.repeat(53)}_${'b'.repeat(10)}`,
    ];
    const labels = names.map(labelOf);
    expect(new Set(labels).size).toBe(names.length);
    for (const each of labels) expect(each).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
    for (const name of names) policyOf({ ...agent, name });
  });

  it.each([
    ['https://h.example.com', { host: 'h.example.com', port: 443 }],
    ['http://h.example.com.', { host: 'h.example.com', port: 80 }],
    ['http://[2001:db8::1]:8080/x', { host: '2001:db8::1', port: 8080 }],
    ['https://*.example.com', undefined],
    ['ftp://h.example.com', undefined],
    ['nonsense', undefined],
  ])('%s', (url, destination) => {
    expect(destinationOf(url)).toEqual(destination);
  });

  it.each([
    ['10.0.0.0/8', true],
    ['2001:db8::/32', true],
    ['0.0.0.0/0', false],
    ['::/0', false],
    ['10.0.0.0/33', false],
    ['10.0.0.0', false],
    ['10.0.0.0/8\n  - x', false],
  ])('%j as a range: %s', (text, fits) => {
    expect(isCidr(text)).toBe(fits);
  });
});
