/**
 * Room: policy (S-1). Cedar's `ipaddr`: one IPv4 or IPv6 address with a prefix length.
 *
 * The accepted forms are those of Rust's `std::net` without embedded IPv4, zones and leading zeros. IPv4 never equals
 * or contains IPv6, not even a mapped one. Source: Cedar language reference, "ipaddr".
 */

const IPV4_BITS = 32;
const IPV6_BITS = 128;
const IPV6_GROUPS = 8;
/** `ABCD:EF01:2345:6789:ABCD:EF01:2345:6789/128` is the longest text of an address. */
const ADDRESS_LENGTH_MAX = 43;

export class IpAddress {
  readonly kind = 'ipaddr' as const;
  readonly version: 4 | 6;
  readonly address: bigint;
  /** 0…32 or 0…128; a single address has the full length. */
  readonly prefixBits: number;
  constructor(version: 4 | 6, address: bigint, prefixBits: number) {
    this.version = version;
    this.address = address;
    this.prefixBits = prefixBits;
  }
}

const parseIpv4 = (text: string): bigint | undefined => {
  const octets = text.split('.');
  if (octets.length !== 4) return undefined;
  let address = 0n;
  for (const octet of octets) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(octet) || Number(octet) > 255) return undefined;
    address = (address << 8n) | BigInt(octet);
  }
  return address;
};

/** Groups of one side of `::`; undefined when one of them is not 1–4 hexadecimal digits. */
const parseGroups = (text: string): bigint[] | undefined => {
  if (text === '') return [];
  const groups: bigint[] = [];
  for (const group of text.split(':')) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    groups.push(BigInt(`0x${group}`));
  }
  return groups;
};

const parseIpv6 = (text: string): bigint | undefined => {
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const head = parseGroups(sides[0] ?? '');
  const tail = parseGroups(sides[1] ?? '');
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_GROUPS - head.length - tail.length;
  // `::` stands for at least one group (RFC 4291, 2.2).
  if (sides.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0n), ...tail];
  return groups.reduce((address, group) => (address << 16n) | group, 0n);
};

const parsePrefix = (text: string, bitsMax: number): number | undefined => {
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(text)) return undefined;
  const bits = Number(text);
  return bits > bitsMax ? undefined : bits;
};

/** An address with an optional `/prefix`; undefined when the text is not one. */
export const parseIpAddress = (text: string): IpAddress | undefined => {
  if (text.length > ADDRESS_LENGTH_MAX) return undefined;
  const slash = text.indexOf('/');
  const addressText = slash === -1 ? text : text.slice(0, slash);
  const ipv4 = parseIpv4(addressText);
  const address = ipv4 ?? parseIpv6(addressText);
  if (address === undefined) return undefined;
  const bitsMax = ipv4 === undefined ? IPV6_BITS : IPV4_BITS;
  const prefixBits = slash === -1 ? bitsMax : parsePrefix(text.slice(slash + 1), bitsMax);
  return prefixBits === undefined
    ? undefined
    : new IpAddress(ipv4 === undefined ? 6 : 4, address, prefixBits);
};

const bitsOf = (ip: IpAddress): number => (ip.version === 4 ? IPV4_BITS : IPV6_BITS);

/** Whether every address of `inner` lies in `outer`. */
export const isInRange = (inner: IpAddress, outer: IpAddress): boolean => {
  if (inner.version !== outer.version || inner.prefixBits < outer.prefixBits) return false;
  const hostBits = BigInt(bitsOf(outer) - outer.prefixBits);
  return inner.address >> hostBits === outer.address >> hostBits;
};

/** 127.0.0.0/8 (also a range inside it) or ::1. */
export const isLoopback = (ip: IpAddress): boolean =>
  ip.version === 4
    ? ip.prefixBits >= 8 && ip.address >> 24n === 127n
    : ip.prefixBits === IPV6_BITS && ip.address === 1n;

/** 224.0.0.0/4 or ff00::/8 (also a range inside them). */
export const isMulticast = (ip: IpAddress): boolean =>
  ip.version === 4
    ? ip.prefixBits >= 4 && ip.address >> 28n === 0xen
    : ip.prefixBits >= 8 && ip.address >> 120n === 0xffn;
