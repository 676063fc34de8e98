/**
 * Resources, templates and prompts of one tool server over a client of the SDK (segmentation S-1): listed as governed definitions, and used by the
 * method of their kind. Their results travel in the form of a call's result (protocol.ts), so that everything after is written once.
 */
import { kindOf, type OfferKind, offerDefinition, offeredName } from '@atf/core/segmentation/offer';
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import { type Client, ProtocolError, type Tool } from '@modelcontextprotocol/client';
import type { OnProgress } from '../progress.ts';
import { rpcCodes } from './mcp-wire.ts';
import type { ToolDefinition, ToolResult } from './protocol.ts';

interface Bounded {
  readonly signal: AbortSignal;
  readonly timeout: number;
  readonly maxTotalTimeout: number;
  readonly onprogress?: OnProgress;
  readonly allowInputRequired?: boolean;
}

export type Everything =
  | { readonly tools: readonly Tool[]; readonly definitions: readonly ToolDefinition[] }
  | { readonly problem: string };

/** What a server offers of every kind, tools as they are and the rest as governed definitions. */
export async function listEverything(
  client: Client,
  options: Bounded,
  countMax: number,
): Promise<Everything> {
  const { tools } = await client.listTools(undefined, { ...options, cacheMode: 'refresh' });
  const offers = await listOffers(client, options);
  // A tool whose name says another kind would be taken for what it is not.
  if (tools.some(({ name }) => kindOf(name) !== 'tool'))
    return { problem: 'A tool has the name of a resource or a prompt.' };
  const definitions = [...(tools as unknown as readonly ToolDefinition[]), ...offers];
  if (new Set(definitions.map(({ name }) => name)).size !== definitions.length)
    return { problem: 'The server lists something twice under one name.' };
  return definitions.length > countMax
    ? { problem: `The server lists more than ${countMax} things.` }
    : { tools, definitions };
}

/**
 * Everything besides tools, over all pages. What cannot be governed (an address with two readings, a template that is not understood) is left out and
 * so stays out of reach.
 */
async function listOffers(client: Client, options: Bounded): Promise<readonly ToolDefinition[]> {
  const { resources, prompts } = client.getServerCapabilities() ?? {};
  const fresh = { ...options, cacheMode: 'refresh' as const };
  const listed: [OfferKind, readonly unknown[]][] = [];
  if (resources !== undefined) {
    const list = async () => (await client.listResources(undefined, fresh)).resources;
    const templates = async () => (await client.listResourceTemplates(undefined, fresh)).resourceTemplates;
    listed.push(['resource', await orNone(list)], ['template', await orNone(templates)]);
  }
  if (prompts !== undefined) {
    const list = async () => (await client.listPrompts(undefined, fresh)).prompts;
    listed.push(['prompt', await orNone(list)]);
  }
  return listed.flatMap(([kind, each]) =>
    each.flatMap((one) => {
      const made = offerDefinition(kind, one as JsonObject);
      return made === undefined ? [] : [made as unknown as ToolDefinition];
    }),
  );
}

/** A server may declare resources and serve only one of their two lists. */
async function orNone<T>(list: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await list();
  } catch (error) {
    if (ProtocolError.isInstance(error) && error.code === rpcCodes.methodNotFound) return [];
    throw error;
  }
}

const foreign = { foreign: true } as const;
/** The server answered with another resource than was asked. */
export const isForeign = (used: object): boolean => used === foreign;

/** Uses one thing by the method of its kind; `more` goes beside its parameters. The result may ask for input instead (mcp-rounds.ts). */
export async function useOffer(
  client: Client,
  name: string,
  args: JsonObject,
  more: JsonObject,
  options: Bounded,
): Promise<ToolResult | object> {
  const own = offeredName(name);
  const kind = kindOf(name);
  if (isJsonObject(args['complete'])) return await completed(client, kind, own, args['complete'], options);
  if (kind === 'prompt') {
    const given = isJsonObject(args['arguments']) ? (args['arguments'] as Record<string, string>) : {};
    const got = await client.getPrompt({ ...more, name: own, arguments: given }, options);
    if (got['resultType'] === 'input_required') return got;
    const { description, messages } = got;
    return structured({ ...(description === undefined ? {} : { description }), messages });
  }
  const uri = typeof args['uri'] === 'string' ? args['uri'] : own;
  const read = await client.readResource({ ...more, uri }, { ...options, cacheMode: 'bypass' });
  if (read['resultType'] === 'input_required') return read;
  const below = uri.endsWith('/') ? uri : `${uri}/`;
  if (read.contents.some((each) => each.uri !== uri && !each.uri.startsWith(below))) return foreign;
  return {
    content: read.contents.map((resource) => ({ type: 'resource', resource }) as unknown as JsonObject),
  };
}

async function completed(
  client: Client,
  kind: string,
  own: string,
  { argument, context }: JsonObject,
  options: Bounded,
): Promise<ToolResult> {
  const { completion } = await client.complete(
    {
      ref: kind === 'prompt' ? { type: 'ref/prompt', name: own } : { type: 'ref/resource', uri: own },
      argument: argument as { name: string; value: string },
      ...(context === undefined ? {} : { context: { arguments: context as Record<string, string> } }),
    },
    options,
  );
  return structured({ completion });
}

const structured = (members: object): ToolResult => ({
  content: [],
  structuredContent: JSON.parse(JSON.stringify(members)) as Json,
});
