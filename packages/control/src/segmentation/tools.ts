/** Room: segmentation (S-1). What people do about tools: register servers, correct classifications, accept definitions. */
import { compileSchema } from '@atf/core/data/schema';
import { refuse } from '@atf/core/errors';
import { classify } from '@atf/core/segmentation/classify';
import { kindOf, offeredName } from '@atf/core/segmentation/offer';
import { standsFor } from '@atf/core/segmentation/resource-uri';
import type { BodyOut, Person } from '@atf/core/wire/api';
import type { Database } from '@atf/core/wire/database';
import type { Classification } from '@atf/core/wire/feed';
import { isJsonObject, type Json, type JsonObject } from '@atf/core/wire/json';
import type { AskKind } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { concernWords, policyConcerns } from '../policy/argument-changes.ts';
import { serverDocOf, toolDocOf } from './documents.ts';
import { acknowledgedOf, findingsOfTool, namesOf } from './findings.ts';
import { checkServiceUrl, leastClass, sealedCredential } from './services.ts';
import {
  insertServer,
  lockServer,
  lockTool,
  putTool,
  type ServerRow,
  serverCount,
  setMayAsk,
  type ToolRow,
  toolsOfServer,
} from './store.ts';

export const serversMax = 500;
/** Policies that a refusal names, and its characters. */
const concernsShown = 12;
const concernsLengthMax = 2_000;

export type ServerGiven = BodyOut<'servers.add'>;

/** Registers a server. Whoever does so accepts what it offers at its first discovery; the record says so. */
export async function addServer(
  control: Control,
  tx: Tx,
  given: ServerGiven,
  by: string,
): Promise<ServerRow> {
  const { tenant } = control.config;
  if ((await serverCount(tx, tenant)) >= serversMax)
    refuse('request.overloaded', `more than ${serversMax} tool servers`);
  const row: ServerRow = {
    tenant,
    name: given.name,
    transport: given.transport,
    domain: given.domain,
    output_trust: given.outputTrust,
    stateless: given.stateless,
    may_ask: [],
    epoch: 1,
    registered_at: control.clock.nowMs(),
    registered_by: by,
    discovered_at: null,
    fault: null,
    ...sealedCredential(control, given.name, given.transport, given.credential ?? null),
  };
  if (given.transport.kind === 'openapi') checkServiceUrl(given.transport.url);
  if (!(await insertServer(tx, { ...row, transport: JSON.stringify(row.transport), may_ask: '[]' })))
    refuse('segmentation.server_exists');
  await control.feed.put(tx, 'server', row.name, serverDocOf(row));
  await control.audit.enqueue(tx, 'segmentation.server_registered', {
    server: row.name,
    transport: row.transport.kind,
    domain: row.domain,
    outputTrust: row.output_trust,
    acceptsFirstDiscovery: true,
    ...(row.credential === null ? {} : { credential: row.credential }),
    by,
  });
  return row;
}

/**
 * Says what a server may ask agents for. Its epoch rises: calls that were decided before do not run under it, and connections are made anew. Refuses
 * `segmentation.server_unknown`, and `segmentation.wrong_door` for what is no MCP server, and asks nobody.
 */
export async function setServerMayAsk(
  control: Control,
  tx: Tx,
  name: string,
  mayAsk: readonly AskKind[],
  by: string,
): Promise<ServerRow> {
  const row = (await lockServer(tx, control.config.tenant, name)) ?? refuse('segmentation.server_unknown');
  if (row.transport.kind !== 'stdio' && row.transport.kind !== 'http') refuse('segmentation.wrong_door');
  const written: ServerRow = { ...row, may_ask: mayAsk, epoch: row.epoch + 1 };
  await setMayAsk(tx, written);
  await control.feed.put(tx, 'server', name, serverDocOf(written));
  const [before, after] = [[...row.may_ask], [...mayAsk]];
  await control.audit.enqueue(tx, 'segmentation.server_may_ask_set', { server: name, before, after, by });
  return written;
}

async function write(control: Control, tx: Tx, row: ToolRow): Promise<ToolRow> {
  const written = await putTool(tx, row);
  await control.feed.put(tx, 'tool', `${row.server}/${row.name}`, toolDocOf(written));
  return written;
}

function argumentNames(definition: JsonObject): ReadonlySet<string> {
  const schema = definition['inputSchema'];
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  return new Set(isJsonObject(properties) ? Object.keys(properties) : []);
}

/** A role on an argument that is not there, or an inverse that is no tool, would silently never bind. */
function checkReferences(row: ToolRow, classification: Classification, siblings: ReadonlySet<string>): void {
  const { inverse } = classification;
  if (inverse !== undefined && !siblings.has(inverse))
    refuse('request.malformed', 'inverse: the server has no such tool');
  const names = argumentNames(JSON.parse(row.definition) as JsonObject);
  for (const [role, name] of Object.entries(classification.arguments)) {
    if (name !== undefined && !names.has(name))
      refuse('request.malformed', `arguments.${role}: the tool has no such argument`);
  }
  checkResources(row.name, classification.resources ?? []);
  const { outputSchema } = classification;
  if (outputSchema === undefined) return;
  if (kindOf(row.name) !== 'tool')
    refuse('request.malformed', 'outputSchema: only results of tools are held to one');
  if (compileSchema(outputSchema as JsonObject) === undefined)
    refuse(
      'request.malformed',
      'outputSchema: it cannot be compiled strictly as JSON Schema 2020-12 or draft 7: a keyword or format is unknown, a pattern is not safe, or it refers to elsewhere',
    );
}

/** What is said of an address that the template does not stand for would silently never bind. */
function checkResources(name: string, resources: NonNullable<Classification['resources']>): void {
  if (resources.length === 0) return;
  const template = offeredName(name);
  if (kindOf(name) !== 'template')
    refuse('request.malformed', 'resources: only templates stand for several addresses');
  if (new Set(resources.map(({ address }) => address)).size < resources.length)
    refuse('request.malformed', 'resources: an address stands there twice');
  for (const [at, { address }] of resources.entries())
    if (!standsFor(template, address))
      refuse(
        'request.malformed',
        `resources.${at}: no address that the template stands for, and no beginning of one that ends with "/"`,
      );
}

/** What was said of its tables stays while nothing else is said of them; an empty list takes it away. */
function withTables(now: Database, before: Database | undefined): Database {
  const { tables = before?.tables ?? {}, ...rest } = now;
  return Object.keys(tables).length === 0 ? rest : { ...rest, tables };
}

export type Correction = BodyOut<'tools.classify'>;

/** Corrects the classification of a tool; what is not named stays. Refuses `segmentation.tool_unknown`, `request.malformed`. */
export async function classifyTool(
  control: Control,
  tx: Tx,
  server: string,
  name: string,
  correction: Correction,
  by: string,
): Promise<ToolRow> {
  const { tenant } = control.config;
  // The server first, as a discovery does, so that the two never wait for each other.
  await lockServer(tx, tenant, server);
  const row = (await lockTool(tx, tenant, server, name)) ?? refuse('segmentation.tool_unknown');
  const given = Object.fromEntries(
    Object.entries(correction).filter(([, value]) => value !== undefined),
  ) as Partial<Classification>;
  const classification: Classification = { ...row.classification, ...given, by: 'person' };
  // Said to be final: the inverse that was guessed goes with it.
  if (given.reversible === false && given.inverse === undefined) delete classification.inverse;
  if (given.outputSchema !== undefined && Object.keys(given.outputSchema).length === 0)
    delete classification.outputSchema;
  if (classification.database !== undefined)
    classification.database = withTables(classification.database, row.classification.database);
  if (given.resources?.length === 0) delete classification.resources;
  const siblings = new Set((await toolsOfServer(tx, tenant, server)).map((tool) => tool.name));
  checkReferences(row, classification, siblings);
  const written = await write(control, tx, {
    ...row,
    classification,
    reviewed: true,
    updated_at: control.clock.nowMs(),
  });
  await control.audit.enqueue(tx, 'segmentation.tool_classified', {
    server,
    tool: name,
    before: row.classification as unknown as Json,
    after: classification as unknown as Json,
    by,
  });
  return written;
}

/** What a person said about a tool stays; what was guessed is guessed anew from the definition that is now accepted. */
async function reclassified(
  tx: Tx,
  server: ServerRow,
  row: ToolRow,
  definition: string,
): Promise<Classification> {
  if (row.classification.by === 'person') return row.classification;
  const siblings = (await toolsOfServer(tx, server.tenant, server.name))
    .map((tool) => tool.name)
    .filter((name) => name !== row.name);
  const parsed = JSON.parse(definition) as JsonObject;
  return classify(parsed, {
    domain: server.domain,
    outputTrust: server.output_trust,
    siblings,
    atLeast: leastClass(server, parsed),
  });
}

/** Refuses `policy.arguments_changed` while policies in force count on other types of its arguments than the definition on offer has. */
export async function refuseUnfit(control: Control, tx: Tx, server: string, name: string): Promise<void> {
  const { tenant } = control.config;
  await lockServer(tx, tenant, server);
  const row = await lockTool(tx, tenant, server, name);
  const concerns = row === undefined ? [] : await policyConcerns(tx, row);
  const unfit = concerns.filter(({ fits }) => !fits).slice(0, concernsShown);
  if (unfit.length > 0)
    refuse('policy.arguments_changed', unfit.map(concernWords).join('\n').slice(0, concernsLengthMax));
}

/**
 * Accepts the definition on offer, and only the one that was looked at: `digest` names it. What a person said about its classification stays. Refuses
 * `segmentation.tool_unknown`, `segmentation.tool_removed`, `segmentation.definition_stale`, `segmentation.findings_unacknowledged`.
 */
export async function acceptTool(
  control: Control,
  tx: Tx,
  { server, name }: { readonly server: string; readonly name: string },
  { digest, acknowledged: said }: BodyOut<'tools.accept'>,
  by: Person,
): Promise<ToolRow> {
  const { tenant } = control.config;
  const registered = await lockServer(tx, tenant, server);
  const row = (await lockTool(tx, tenant, server, name)) ?? refuse('segmentation.tool_unknown');
  if (registered === undefined) throw new Error('a tool without its server');
  if (row.state === 'removed') refuse('segmentation.tool_removed');
  const current = row.accepted ? row.offered_digest : row.definition_digest;
  if (row.state === 'active' || current !== digest) refuse('segmentation.definition_stale');
  const findings = findingsOfTool(await namesOf(tx, tenant), row);
  const acknowledged = acknowledgedOf(findings, said);
  const definition = row.offered ?? row.definition;
  const written = await write(control, tx, {
    ...row,
    state: 'active',
    why: null,
    accepted: true,
    reviewed: true,
    definition,
    classification: await reclassified(tx, registered, row, definition),
    definition_digest: digest,
    acknowledged,
    offered: null,
    offered_digest: null,
    updated_at: control.clock.nowMs(),
  });
  await control.audit.enqueue(tx, 'segmentation.tool_accepted', {
    server,
    tool: name,
    ...(row.accepted ? { previous: row.definition_digest } : {}),
    digest,
    ...(findings.length === 0 ? {} : { findings: findings.map((each) => each.name) }),
    ...(acknowledged.length === 0 ? {} : { acknowledged }),
    by: by.id,
  });
  return written;
}
