/** `atf egress` (S-1): where an agent or a gateway may connect to, for the network that enforces it. */
import { type EgressOptions, envoyClusters, isCidr, networkPolicy } from '@atf/core/segmentation/egress';
import type { Egress } from '@atf/core/wire/egress';
import type { ControlClient } from '@atf/sdk/client';
import { stringify } from 'yaml';
import type { Command } from '../cli.ts';
import { CliFailure, exitCodes } from '../exit-codes.ts';
import { gatewayIdOf } from './gateways.ts';

interface Options {
  readonly format: 'networkpolicy' | 'envoy' | 'json';
  readonly gateway?: boolean;
  readonly namespace?: string;
  readonly own?: readonly string[];
  readonly pin?: readonly string[];
}

const usage = (message: string, help: string): CliFailure =>
  new CliFailure(exitCodes.usage, message, { help });

const egressOf = async (operator: ControlClient, name: string, ofGateway: boolean): Promise<Egress> =>
  ofGateway
    ? operator.call('gateways.egress', { params: { id: await gatewayIdOf(operator, name) } })
    : operator.call('agents.egress', { params: { id: name } });

/** Addresses of tools that the agent runs itself: only of cooperative servers that it may use. */
function ownOf({ own }: Egress, given: readonly string[]): string[] {
  return given.map((text) => {
    const [, server = '', url = ''] = /^([^=]+)=(https?:\/\/\S+)$/.exec(text) ?? [];
    if (url === '' || !URL.canParse(url))
      throw usage('--own takes a server and an address', 'Like --own crm=https://crm.internal');
    if (!own.includes(server))
      throw usage(
        `${server} is not a server of which the agent may run tools itself`,
        own.length === 0 ? 'It has none.' : `It has ${own.join(', ')}.`,
      );
    return url;
  });
}

function pinsOf(given: readonly string[]): EgressOptions['pins'] {
  const pins = new Map<string, string[]>();
  for (const text of given) {
    const [, host = '', cidr = ''] = /^([^=]+)=(\S+)$/.exec(text) ?? [];
    if (!isCidr(cidr))
      throw usage('--pin takes a host and a range', 'Like --pin crm.example.com=203.0.113.7/32');
    pins.set(host.toLowerCase(), [...(pins.get(host.toLowerCase()) ?? []), cidr]);
  }
  return pins;
}

export const egress: Command<Options> = async (
  cli,
  [name = ''],
  { format, gateway = false, namespace, own = [], pin = [] },
) => {
  if (namespace !== undefined && !/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace))
    throw usage('--namespace takes the name of a namespace', 'Lower-case letters, digits and -');
  const found = await egressOf(await cli.operator(), name, gateway);
  const options = { namespace, pins: pinsOf(pin), own: ownOf(found, own) };
  const rendered =
    format === 'networkpolicy'
      ? networkPolicy(found, options)
      : format === 'envoy'
        ? envoyClusters(found, options)
        : { document: { ...found }, missing: [] };
  cli.out.document(rendered.document);
  cli.out.file(
    format === 'json'
      ? `${JSON.stringify(found, null, 2)}\n`
      : stringify(rendered.document, { lineWidth: 0 }),
  );
  for (const address of rendered.missing)
    cli.out
      .note`! ${address} has a name only, which a NetworkPolicy cannot hold: it stays closed. Give its addresses with --pin host=range.`;
  for (const server of found.own.filter((each) => !own.some((text) => text.startsWith(`${each}=`))))
    cli.out
      .note`! ${name} runs tools of ${server} itself; where they connect to stays closed until you say it with --own ${server}=address.`;
  return exitCodes.ok;
};
