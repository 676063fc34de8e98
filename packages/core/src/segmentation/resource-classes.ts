/**
 * Room: segmentation (S-1, S-4). Addresses under a template that a person has classified apart: how confidential they are, and who may have written them. An entry is
 * one address, or, with `/` at its end, all below it; the longest that an address has letter by letter counts. An address that a server might take for one of
 * them (other case, encoded letters, a slash more, something behind it) is at least as confidential and as doubtful as that one as well: no spelling makes anything
 * more harmless. Pure.
 */
import type { Classification, ClassifiedResource } from '../wire/documents.ts';
import type { ToolDoc } from '../wire/feed.ts';
import type { JsonObject } from '../wire/json.ts';
import type { Labels } from '../wire/labels.ts';
import { joined } from './flow.ts';

const has = (address: string, uri: string): boolean =>
  address.endsWith('/') ? uri.startsWith(address) : uri === address;

/** As whoever is generous reads it; undefined: it cannot be read. */
function folded(uri: string): string | undefined {
  try {
    return decodeURIComponent(uri).normalize('NFKC').toLowerCase().replace(/\/+/g, '/').replace(/\/$/, '');
  } catch {
    return undefined;
  }
}

function mayMean(address: string, read: string | undefined): boolean {
  if (read === undefined) return true;
  const start = folded(address) ?? '';
  return read.startsWith(start) && !/^[\p{L}\p{N}]/u.test(read.slice(start.length));
}

const saidOf = ({
  sensitivity,
  outputTrust,
}: Pick<ClassifiedResource, 'sensitivity' | 'outputTrust'>): Labels => ({
  confidentiality: sensitivity,
  integrity: outputTrust,
});

/** Entries that the address has letter by letter, as far as they are the longest, and others that a generous server might take it for. */
export function addressesFor<T extends { readonly address: string }>(
  entries: readonly T[],
  uri: string,
): { readonly exact: readonly T[]; readonly maybe: readonly T[] } {
  const those = entries.filter(({ address }) => has(address, uri));
  const longest = Math.max(0, ...those.map(({ address }) => address.length));
  const read = folded(uri);
  return {
    exact: those.filter(({ address }) => address.length === longest),
    maybe: entries.filter(({ address }) => !has(address, uri) && mayMean(address, read)),
  };
}

/** The classification without its addresses: the strictest of all that it may be about. */
function classified(
  classification: Classification,
  about: readonly ClassifiedResource[],
  own?: Labels,
): Classification {
  const { resources: _, ...rest } = classification;
  const { confidentiality, integrity } = about.map(saidOf).reduce(joined, own ?? saidOf(classification));
  return { ...rest, sensitivity: confidentiality, outputTrust: integrity };
}

/** What one call of the tool is about: its classification as it is for this address, and without one as it is for all that it may hand out. */
export function ofResource(tool: ToolDoc, { uri }: JsonObject): ToolDoc {
  const { classification } = tool;
  const { resources } = classification;
  if (resources === undefined) return tool;
  if (typeof uri !== 'string') return { ...tool, classification: classified(classification, resources) };
  const {
    exact: [exact],
    maybe,
  } = addressesFor(resources, uri);
  const own = exact === undefined ? undefined : saidOf(exact);
  return { ...tool, classification: classified(classification, maybe, own) };
}

/** Of whatever it hands out the worst. */
export const ofAnyResource = (tool: ToolDoc): ToolDoc => ofResource(tool, {});
