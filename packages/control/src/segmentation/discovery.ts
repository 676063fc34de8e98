/**
 * Room: segmentation (S-1). What a tool server offers, against what people accepted. A person who registers a server accepts what it offers
 * at its first discovery; whatever is added, renamed or changed after that is quarantined, with its difference, until a person accepts it.
 * A definition that went away and comes back unchanged is the one that was accepted.
 */
import { ToolNames } from '@atf/core/data/definition-scan';
import { refuse } from '@atf/core/errors';
import { classify } from '@atf/core/segmentation/classify';
import { definitionDigest } from '@atf/core/segmentation/definition';
import { changedMembers, differenceOf } from '@atf/core/segmentation/difference';
import { kindOf } from '@atf/core/segmentation/offer';
import { canonicalJson, type JsonObject, parseStrictText } from '@atf/core/wire/json';
import { toolRefSchema } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { noteChanged } from '../data/trust/intake.ts';
import { toolDocOf } from './documents.ts';
import { findingsOfOffer, isSevere } from './findings.ts';
import { leastClass } from './services.ts';
import {
  lockServer,
  noteDiscovery,
  preparedClassification,
  putTool,
  type ServerRow,
  toolNames,
  type ToolRow,
  toolsOfServer,
} from './store.ts';

/** Bytes of one definition. */
const definitionBytesMax = 131_072;
/** Tools that one server may have, removed ones included. */
export const toolsPerServerMax = 2_000;

interface Offer {
  readonly name: string;
  readonly digest: string;
  readonly text: string;
  readonly definition: JsonObject;
}

/** Reads the definitions of a report. A string is what is wrong with the whole of it: a server that offers garbage offers nothing. */
function readOffers(
  server: string,
  definitions: readonly Record<string, unknown>[],
): Map<string, Offer> | string {
  const offers = new Map<string, Offer>();
  for (const given of definitions) {
    const name = given['name'];
    if (typeof name !== 'string' || !toolRefSchema.safeParse(`${server}/${name}`).success)
      return 'a tool has no usable name';
    // A server decides what a tool's definition says; only the gateway makes one of another kind.
    if (kindOf(name) !== 'tool' && given['kind'] !== kindOf(name)) return 'a tool has no usable name';
    if (offers.has(name)) return 'two tools have the same name';
    // Through text once, so that what is digested and stored is exactly what JSON says.
    const parsed = parseStrictText(JSON.stringify(given), {
      bytesMax: definitionBytesMax,
      depthMax: 32,
      valuesMax: 20_000,
    });
    if (!parsed.ok) return `the definition of a tool cannot be taken: ${parsed.problem}`;
    const definition = parsed.value as JsonObject;
    const text = canonicalJson(definition);
    if (Buffer.byteLength(text) > definitionBytesMax) return 'the definition of a tool is too large';
    offers.set(name, { name, digest: definitionDigest(definition), text, definition });
  }
  return offers;
}

interface Turn {
  readonly control: Control;
  readonly tx: Tx;
  readonly server: ServerRow;
  readonly nowMs: number;
  /** Of all tools, also those of this report. */
  readonly all: ToolNames;
}

/** Names of what is found in a definition, for the record. */
function foundIn(
  { all, server }: Turn,
  offer: Offer,
): { readonly names: string[]; readonly severe: boolean } {
  const findings = findingsOfOffer(all, server.name, offer);
  return { names: findings.map(({ name }) => name), severe: findings.some(isSevere) };
}

const foundWords = (names: readonly string[]): JsonObject =>
  names.length === 0 ? {} : { findings: [...names] };

async function store({ control, tx }: Turn, row: ToolRow): Promise<void> {
  const written = await putTool(tx, row);
  await control.feed.put(tx, 'tool', `${row.server}/${row.name}`, toolDocOf(written));
}

async function tell(
  { control, tx, server }: Turn,
  event:
    | 'segmentation.tool_discovered'
    | 'segmentation.tool_quarantined'
    | 'segmentation.tool_removed'
    | 'segmentation.tool_accepted',
  tool: string,
  more: Record<string, unknown>,
): Promise<void> {
  await control.audit.enqueue(tx, event, { server: server.name, tool, ...more });
}

async function discoverNew(
  turn: Turn,
  offer: Offer,
  names: readonly string[],
  first: boolean,
): Promise<void> {
  const { server, nowMs } = turn;
  const found = foundIn(turn, offer);
  // Whoever registers a server accepts what it offers, as far as it reads like definitions of tools.
  const accepted = first && !found.severe;
  const because = accepted ? 'first_discovery' : first ? 'findings' : 'added';
  const prepared = await preparedClassification(turn.tx, server.tenant, server.name, offer.name);
  const classification =
    prepared ??
    classify(offer.definition, {
      domain: server.domain,
      outputTrust: server.output_trust,
      siblings: names.filter((name) => name !== offer.name),
      atLeast: leastClass(server, offer.definition),
    });
  await store(turn, {
    tenant: server.tenant,
    server: server.name,
    name: offer.name,
    state: accepted ? 'active' : 'quarantined',
    why: accepted
      ? null
      : first
        ? `Its definition was not accepted with its server: ${found.names.join(', ')}`.slice(0, 500)
        : 'The server offers a tool that it did not offer when a person registered it.',
    accepted,
    acknowledged: [],
    reviewed: prepared !== undefined,
    definition_digest: offer.digest,
    definition: offer.text,
    offered_digest: null,
    offered: null,
    classification,
    sources: [],
    epoch: 0,
    updated_at: nowMs,
  });
  await tell(turn, 'segmentation.tool_discovered', offer.name, {
    digest: offer.digest,
    class: classification.class ?? null,
    state: accepted ? 'active' : 'quarantined',
    because,
    // The person who registered the server accepted what it offers at its first discovery.
    ...(accepted ? { acceptedBy: server.registered_by } : {}),
    ...foundWords(found.names),
  });
  if (!accepted)
    await tell(turn, 'segmentation.tool_quarantined', offer.name, {
      offered: offer.digest,
      because,
      ...foundWords(found.names),
    });
}

/** A tool that was never accepted: what is on offer is what a person will look at. */
async function reofferUnaccepted(turn: Turn, row: ToolRow, offer: Offer): Promise<void> {
  if (row.state === 'quarantined' && row.definition_digest === offer.digest) return;
  await store(turn, {
    ...row,
    state: 'quarantined',
    definition_digest: offer.digest,
    definition: offer.text,
    updated_at: turn.nowMs,
  });
  await tell(turn, 'segmentation.tool_quarantined', row.name, {
    offered: offer.digest,
    because: 'added',
    ...foundWords(foundIn(turn, offer).names),
  });
}

async function reoffer(turn: Turn, row: ToolRow, offer: Offer): Promise<void> {
  if (!row.accepted) return reofferUnaccepted(turn, row, offer);
  if (offer.digest === row.definition_digest) {
    if (row.state === 'active') return;
    await store(turn, {
      ...row,
      state: 'active',
      why: null,
      offered: null,
      offered_digest: null,
      updated_at: turn.nowMs,
    });
    await tell(turn, 'segmentation.tool_discovered', row.name, {
      digest: offer.digest,
      because: 'accepted_definition_returned',
    });
    return;
  }
  if (row.state === 'quarantined' && row.offered_digest === offer.digest) return;
  const indexes = row.sources.map(({ index }) => index);
  await noteChanged(turn.tx, row.tenant, `${row.server}/${row.name}`, indexes, turn.nowMs);
  const changed = changedMembers(differenceOf(JSON.parse(row.definition) as JsonObject, offer.definition));
  await store(turn, {
    ...row,
    state: 'quarantined',
    why: `The definition has changed: ${changed.join(', ')}`.slice(0, 500),
    offered: offer.text,
    offered_digest: offer.digest,
    updated_at: turn.nowMs,
  });
  await tell(turn, 'segmentation.tool_quarantined', row.name, {
    accepted: row.definition_digest,
    offered: offer.digest,
    because: 'changed',
    changed,
    ...foundWords(foundIn(turn, offer).names),
  });
}

async function remove(turn: Turn, row: ToolRow): Promise<void> {
  if (row.state === 'removed') return;
  await store(turn, {
    ...row,
    state: 'removed',
    why: 'The server does not offer it any more.',
    offered: null,
    offered_digest: null,
    updated_at: turn.nowMs,
  });
  await tell(turn, 'segmentation.tool_removed', row.name, { digest: row.definition_digest });
}

const faultMax = 500;

interface Offered {
  readonly definitions?: readonly Record<string, unknown>[] | undefined;
  readonly fault?: string | undefined;
  /** SHA-256 of the OpenAPI document that they were made from. */
  readonly from?: string | undefined;
}

const toldByPeople: ReadonlySet<string> = new Set(['cooperative', 'openapi']);

/** Who says what a server offers: a gateway that listed it, or, of a cooperative one and an HTTP service, a person. */
export type Teller = { readonly gateway: true } | { readonly person: string };

/**
 * Takes in what a server offers. A fault, or a list that cannot be understood, changes no tool: gateways refuse by themselves what
 * differs from the accepted definition; a person is told at once. Refuses `segmentation.server_unknown`, `segmentation.wrong_door`, `request.malformed`.
 */
export async function takeDefinitions(
  control: Control,
  tx: Tx,
  name: string,
  report: Offered,
  teller: Teller,
): Promise<void> {
  const { tenant } = control.config;
  const server = (await lockServer(tx, tenant, name)) ?? refuse('segmentation.server_unknown');
  const byPerson = 'person' in teller;
  if (toldByPeople.has(server.transport.kind) !== byPerson)
    refuse(
      'segmentation.wrong_door',
      'People define the tools of cooperative servers and HTTP services, gateways list all others.',
    );
  if (server.transport.kind === 'openapi' && report.from === undefined)
    refuse('segmentation.wrong_door', 'The tools of an HTTP service are those of its OpenAPI document.');
  const nowMs = control.clock.nowMs();
  const offers =
    report.definitions === undefined
      ? (report.fault ?? 'the report is empty')
      : readOffers(name, report.definitions);
  if (typeof offers === 'string') {
    if (byPerson) refuse('request.malformed', `definitions: ${offers}`);
    await noteDiscovery(tx, tenant, name, { fault: offers.slice(0, faultMax) });
    return;
  }
  const known = await toolsOfServer(tx, tenant, name);
  const unknown = [...offers.keys()].filter((offer) => !known.some((row) => row.name === offer));
  if (known.length + unknown.length > toolsPerServerMax) {
    if (byPerson)
      refuse('request.malformed', `definitions: more than ${toolsPerServerMax} tools, removed ones included`);
    await noteDiscovery(tx, tenant, name, {
      fault: `more than ${toolsPerServerMax} tools, removed ones included`,
    });
    return;
  }
  const names = [...offers.keys()];
  const elsewhere = (await toolNames(tx, tenant)).filter((each) => each.server !== name);
  const all = new ToolNames([...elsewhere, ...names.map((offer) => ({ server: name, name: offer }))]);
  const turn: Turn = { control, tx, server, nowMs, all };
  const first = server.discovered_at === null;
  for (const row of known) {
    const offer = offers.get(row.name);
    await (offer === undefined ? remove(turn, row) : reoffer(turn, row, offer));
  }
  for (const fresh of unknown) {
    const offer = offers.get(fresh);
    if (offer !== undefined) await discoverNew(turn, offer, names, first);
  }
  await noteDiscovery(tx, tenant, name, { discovered_at: nowMs, fault: null });
  if (byPerson)
    await control.audit.enqueue(tx, 'segmentation.tools_defined', {
      server: name,
      tools: names.length,
      ...(report.from === undefined ? {} : { document: report.from }),
      by: teller.person,
    });
}

/** As {@link takeDefinitions}, in a transaction of its own. */
export async function takeDiscovery(
  control: Control,
  name: string,
  report: Offered,
  teller: Teller,
): Promise<void> {
  await control.change((tx) => takeDefinitions(control, tx, name, report, teller));
}
