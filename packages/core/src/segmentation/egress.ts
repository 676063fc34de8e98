/**
 * Room: segmentation (S-1). An egress allowlist as the network takes it: a Kubernetes NetworkPolicy (v1) or the clusters of an Envoy that lets nothing else pass.
 * Pure and deterministic. What a form cannot say is left out and named, never widened: a NetworkPolicy knows addresses and pods, no names.
 */
import { isIP } from 'node:net';
import { sha256 } from '../digest.ts';
import type { Egress } from '../wire/egress.ts';

export interface Destination {
  readonly host: string;
  readonly port: number;
}

export interface EgressOptions {
  /** Namespace of the policy and of the pods that it is about. */
  readonly namespace?: string | undefined;
  /** Addresses (CIDR) of hosts that only have a name. */
  readonly pins: ReadonlyMap<string, readonly string[]>;
  /** Further addresses of tools that the agent's own program runs. */
  readonly own: readonly string[];
}

export interface Rendered {
  readonly document: Record<string, unknown>;
  /** `host:port` of what the document does not allow, because it has no form for it. */
  readonly missing: readonly string[];
}

const hostPattern =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const labelMax = 63;

/** Host and port of an http or https address, in one spelling; undefined when it is none. */
export function destinationOf(url: string): Destination | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isIP(host) === 0 && !hostPattern.test(host)) return undefined;
  return { host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) };
}

/** A range that a NetworkPolicy takes, in the form of its family: not everything, and nothing that only looks like one. */
export function isCidr(text: string): boolean {
  const [, address = '', bits = ''] = /^([0-9A-Fa-f.:]{2,45})\/([1-9][0-9]{0,2})$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
}

/** Each once, by host and port. */
function destinations({ stopped, reach }: Egress, own: readonly string[]): Destination[] {
  if (stopped) return [];
  const found = new Map<string, Destination>();
  for (const url of [...reach.map((each) => each.url), ...own]) {
    const destination = destinationOf(url);
    if (destination !== undefined) found.set(wordOf(destination), destination);
  }
  return [...found.keys()].sort().flatMap((key) => found.get(key) ?? []);
}

const wordOf = ({ host, port }: Destination): string => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;

/** A DNS label (RFC 1123) for a name of ours: equal names are equal, different ones differ. */
export function labelOf(name: string): string {
  const plain = name.replaceAll('_', '-');
  if (plain === name && plain.length <= labelMax) return plain;
  const mark = sha256(name)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .slice(0, 8);
  return `${plain.slice(0, labelMax - 9).replace(/-+$/, '')}-${mark}`;
}

const namespaceLabel = 'kubernetes.io/metadata.name';
const dns = {
  to: [
    {
      namespaceSelector: { matchLabels: { [namespaceLabel]: 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
  ],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};

type Peer = Record<string, unknown>;

/** Pods of a service by its name inside the cluster, addresses, or pinned ranges; undefined: there is no form for it. */
function peersOf({ host }: Destination, pins: EgressOptions['pins']): Peer[] | undefined {
  const family = isIP(host);
  if (family !== 0) return [{ ipBlock: { cidr: `${host}/${family === 4 ? 32 : 128}` } }];
  const pinned = pins.get(host)?.filter(isCidr) ?? [];
  if (pinned.length > 0) return [...new Set(pinned)].sort().map((cidr) => ({ ipBlock: { cidr } }));
  const [, service, namespace] = /^([^.]+)\.([^.]+)\.svc(?:\.cluster\.local)?$/.exec(host) ?? [];
  if (service === undefined || namespace === undefined) return undefined;
  return [
    {
      namespaceSelector: { matchLabels: { [namespaceLabel]: namespace } },
      podSelector: { matchLabels: { 'app.kubernetes.io/name': service } },
    },
  ];
}

/** Denies all egress of the pods but name service and what is listed; of something stopped all of it. */
export function networkPolicy(egress: Egress, { namespace, pins, own }: EgressOptions): Rendered {
  const label = labelOf(egress.name);
  const missing: string[] = [];
  const rules = destinations(egress, own).flatMap((destination) => {
    const to = peersOf(destination, pins);
    if (to === undefined) missing.push(wordOf(destination));
    return to === undefined ? [] : [{ to, ports: [{ protocol: 'TCP', port: destination.port }] }];
  });
  return {
    missing,
    document: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: {
        name: labelOf(`atf-egress-${egress.of}-${label}`),
        ...(namespace === undefined ? {} : { namespace }),
        labels: { 'app.kubernetes.io/managed-by': 'atf' },
      },
      spec: {
        podSelector: { matchLabels: { [`atf/${egress.of}`]: label } },
        policyTypes: ['Egress'],
        egress: egress.stopped ? [] : [dns, ...rules],
      },
    },
  };
}

/** The clusters of an Envoy through which all egress goes: TLS passes it unopened, so that certificates are checked end to end. */
export function envoyClusters(egress: Egress, { own }: Pick<EgressOptions, 'own'>): Rendered {
  const clusters = destinations(egress, own).map((destination) => {
    const { host, port } = destination;
    const name = `atf_${wordOf(destination)}`;
    const address = { socket_address: { address: host, port_value: port } };
    return {
      name,
      type: isIP(host) === 0 ? 'STRICT_DNS' : 'STATIC',
      connect_timeout: '5s',
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    };
  });
  return { missing: [], document: { static_resources: { clusters } } };
}
