/**
 * Room: segmentation (S-1). Which registered thing a request is about, and with which arguments: the two that a decision is made on. It looks up,
 * it never decides: what is chosen here may still be refused, and what nobody registered becomes a name that nothing can have.
 */
import { governedName, kindOf, offeredName } from '@atf/core/segmentation/offer';
import { isPlainUri, templateMatches } from '@atf/core/segmentation/resource-uri';
import type { ToolDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { SnapshotPort } from './ports.ts';
import type { ActionRequest } from './protocols/protocol.ts';

export interface NamedAction {
  readonly tool: string;
  readonly args: JsonObject;
}

type Read = Extract<ActionRequest, { kind: 'resources_read' }>;
/** Of a read only what it is about. */
type Named = Exclude<ActionRequest, Read> | Pick<Read, 'kind' | 'serverName' | 'uri'>;

/** Templates of one server that are tried for one address. */
const templatesTriedMax = 200;
/** Stands in records for an address that nothing registered covers: addresses may hold personal data, and records hold none in clear. */
export const unknownResource = governedName('resource', '*');

export function namedAction(
  snapshot: Pick<SnapshotPort, 'agent' | 'toolsOf' | 'tool'>,
  agentId: string,
  request: Named,
): NamedAction {
  switch (request.kind) {
    case 'tools_call': {
      const { toolName, args } = request;
      // A resource or a prompt is not called, whatever it is named.
      return { tool: kindOf(toolName) === 'tool' ? toolName : `tool:${toolName}`, args };
    }
    case 'resources_read': {
      const { serverName: server, uri } = request;
      const granted = snapshot.agent(agentId)?.tools ?? [];
      return { tool: resourceFor(snapshot, server, uri, granted), args: { uri } };
    }
    case 'prompts_get':
      return {
        tool: registered(snapshot, request.serverName, 'prompt', request.prompt),
        args: { arguments: request.args },
      };
    case 'complete': {
      const { of, complete } = request;
      return { tool: registered(snapshot, request.serverName, of.kind, of.name), args: { complete } };
    }
  }
}

/** The governed name of what is registered under it, or the one that stands for all that are not. */
function registered(
  snapshot: Pick<SnapshotPort, 'tool'>,
  server: string,
  kind: 'prompt' | 'template',
  name: string,
): string {
  const governed = governedName(kind, name);
  return snapshot.tool(server, governed) === undefined ? governedName(kind, '*') : governed;
}

/**
 * The listed resource with this address, or a template that stands for it: the first of them that the agent was granted. One that is quarantined
 * hides every template, so that what changed under an address is not read under a wider name.
 */
function resourceFor(
  snapshot: Pick<SnapshotPort, 'toolsOf' | 'tool'>,
  server: string,
  uri: string,
  granted: readonly string[],
): string {
  if (!isPlainUri(uri)) return unknownResource;
  const exact = snapshot.tool(server, governedName('resource', uri));
  if (exact?.state === 'quarantined') return exact.name;
  const templates = snapshot
    .toolsOf(server)
    .filter(({ name, state }) => kindOf(name) === 'template' && state !== 'removed')
    .slice(0, templatesTriedMax)
    .filter(({ name }) => templateMatches(offeredName(name), uri))
    .sort(byName);
  const listed = exact === undefined || exact.state === 'removed' ? [] : [exact];
  const candidates = [...listed, ...templates].map(({ name }) => name);
  const found = candidates.find((name) => granted.includes(`${server}/${name}`)) ?? candidates[0];
  return found ?? exact?.name ?? unknownResource;
}

const byName = (a: ToolDoc, b: ToolDoc): number => (a.name < b.name ? -1 : 1);
