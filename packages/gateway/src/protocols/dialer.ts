/**
 * Outbound connections of the gateway (segmentation S-1): a name is resolved once per connection, the addresses are vetted,
 * and the socket goes to exactly a vetted address, so that a second answer of the name server cannot move it (DNS
 * rebinding). Link-local, metadata, multicast and translating addresses are refused always, private ones unless the
 * operator granted them for this server. Redirects are refused by whoever sends the request.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP } from 'node:net';
import { addressAllowed } from '@atf/core/segmentation/addresses';
import { Agent, buildConnector, type Dispatcher } from 'undici';

export type DialPolicy = {
  /** Loopback, RFC 1918, RFC 4193 and RFC 6598 addresses may be dialled. */
  readonly privateAllowed: boolean;
  readonly connectMs: number;
  /** Sockets to one origin at most. */
  readonly connectionsMax: number;
};

export const dialPolicyDefault: DialPolicy = { privateAllowed: false, connectMs: 5_000, connectionsMax: 64 };

/** `code` of the error for an address that may not be dialled; no byte was sent. */
export const addressRefusedCode = 'ATF_ADDRESS_REFUSED';

export type Resolve = (
  name: string,
  give: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

const systemResolve: Resolve = (name, give) => systemLookup(name, { all: true }, give);

/** A dispatcher for `fetch` and `request` of undici. Close it when its server is gone. */
export function vettedDispatcher(
  policy: DialPolicy = dialPolicyDefault,
  resolve: Resolve = systemResolve,
): Dispatcher {
  const allowed = (address: string) => addressAllowed(address, policy.privateAllowed);
  const connector = buildConnector({
    timeout: policy.connectMs,
    lookup: (name, options, give) => {
      resolve(name, (error, addresses) => {
        if (error !== null) return give(error, '', 0);
        // One bad address spoils the name: a name that mixes them is an attack or a mistake.
        if (addresses.length === 0 || !addresses.every((each) => allowed(each.address)))
          return give(addressRefused(), '', 0);
        const [first] = addresses as [LookupAddress, ...LookupAddress[]];
        if (options.all === true) give(null, [...addresses]);
        else give(null, first.address, first.family);
      });
    },
  });
  return new Agent({
    connections: policy.connectionsMax,
    connect: (options, callback) => {
      // An address in the URL is never looked up, so it is vetted here.
      const literal = options.hostname.replace(/^\[|\]$/g, '');
      if (isIP(literal) !== 0 && !allowed(literal)) return callback(addressRefused(), null);
      connector(options, callback);
    },
  });
}

function addressRefused(): Error {
  return Object.assign(new Error('the address of the tool server may not be dialled'), {
    code: addressRefusedCode,
  });
}
