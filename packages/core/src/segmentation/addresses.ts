/**
 * Room: segmentation (S-1). Which IP addresses the product may dial, whoever asks it to: tool servers, webhooks, mail servers. Link-local, metadata,
 * multicast and translating addresses never; private ones only where an operator granted them. Names are resolved elsewhere: whoever dials resolves
 * once, looks at every address here, and connects to one of exactly those, so that a second answer of the name server cannot move it.
 */
import { BlockList, isIP } from 'node:net';

const never = blockList([
  '0.0.0.0/8',
  '169.254.0.0/16', // link-local, and the metadata address of most clouds
  '100.100.100.200/32', // metadata (Alibaba Cloud)
  '168.63.129.16/32', // metadata (Azure)
  '192.0.0.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  'fe80::/10',
  'fd00:ec2::/32', // metadata (AWS)
  'fd20:ce::/32', // metadata (Google Cloud)
  'ff00::/8',
  // Addresses that carry an IPv4 address inside: what they reach cannot be seen from here.
  '::/96', // IPv4-compatible (RFC 4291 §2.5.5.1); loopback stands among them
  '::ffff:0:0:0/96', // IPv4-translated, RFC 2765
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2002::/16',
  '2001::/32',
]);
const privateOnes = blockList([
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '198.18.0.0/15',
  '::1/128',
  'fc00::/7',
  'fec0::/10',
]);

/** Whether an IP address may be dialled. Anything that is not an IP address may not. */
export function addressAllowed(address: string, privateAllowed: boolean): boolean {
  const plain = unmapped(address);
  const family = isIP(plain);
  if (family === 0) return false;
  if (plain === '::1') return privateAllowed;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  return !never.check(plain, kind) && (privateAllowed || !privateOnes.check(plain, kind));
}

/** Whether it is a private or loopback address, so one that nobody outside reaches. */
export function addressPrivate(address: string): boolean {
  const plain = unmapped(address);
  const family = isIP(plain);
  return family !== 0 && privateOnes.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

/** `::ffff:192.0.2.1`, also in hexadecimal, is the IPv4 address that it maps. */
function unmapped(address: string): string {
  const bare = address.replace(/%.*$/, '').toLowerCase();
  if (isIP(bare) !== 6) return bare;
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const halves = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (halves === null) return canonical;
  const [high, low] = [Number.parseInt(halves[1] ?? '', 16), Number.parseInt(halves[2] ?? '', 16)];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', prefix] = subnet.split('/');
    list.addSubnet(network, Number(prefix), isIP(network) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
