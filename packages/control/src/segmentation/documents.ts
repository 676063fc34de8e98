/** Room: segmentation. What gateways and people are told about servers and tools, from their rows. */
import type { ToolNames } from '@atf/core/data/definition-scan';
import { differenceOf } from '@atf/core/segmentation/difference';
import type { Server, Tool } from '@atf/core/wire/api';
import type { ServerDoc, ToolDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { SourceDoc } from '@atf/core/wire/retrieval';
import { findingsOfTool } from './findings.ts';
import type { ServerRow, ToolRow } from './store.ts';
import type { KeptSource } from './tables.ts';

export function serverDocOf({
  name,
  transport,
  domain,
  output_trust,
  stateless,
  may_ask,
  epoch,
}: ServerRow): ServerDoc {
  return { name, transport, domain, outputTrust: output_trust, stateless, mayAsk: [...may_ask], epoch };
}

export function serverViewOf(row: ServerRow): Server {
  const { epoch: _epoch, ...doc } = serverDocOf(row);
  return {
    ...doc,
    ...(row.credential === null ? {} : { credential: row.credential }),
    mayAsk: [...row.may_ask],
    ...(row.discovered_at === null ? {} : { discoveredAt: new Date(row.discovered_at).toISOString() }),
    ...(row.fault === null ? {} : { fault: row.fault }),
  };
}

export function toolDocOf(row: ToolRow): ToolDoc {
  return {
    server: row.server,
    name: row.name,
    state: row.state,
    definitionDigest: row.definition_digest,
    definition: JSON.parse(row.definition) as Record<string, unknown>,
    classification: row.classification,
    ...(row.sources.length === 0 ? {} : { sources: row.sources.map(sourceDocOf) }),
    epoch: row.epoch,
  };
}

const sourceDocOf = ({ since: _since, by: _by, ...source }: KeptSource): SourceDoc => source;

/** What a person compares: nothing was accepted yet, so everything on offer is new; or the accepted one beside the one on offer. */
function diffOf(row: ToolRow): Tool['diff'] {
  if (!row.accepted) return differenceOf({}, JSON.parse(row.definition) as JsonObject);
  if (row.offered === null) return [];
  return differenceOf(JSON.parse(row.definition) as JsonObject, JSON.parse(row.offered) as JsonObject);
}

export function toolViewOf(names: ToolNames, row: ToolRow): Tool {
  const offered = row.offered_digest ?? (row.accepted ? undefined : row.definition_digest);
  return {
    server: row.server,
    name: row.name,
    state: row.state,
    ...(row.why === null ? {} : { why: row.why }),
    definitionDigest: row.definition_digest,
    ...(offered === undefined ? {} : { offeredDigest: offered }),
    definition: JSON.parse(row.definition) as Record<string, unknown>,
    diff: diffOf(row),
    classification: row.classification,
    effectiveClass: row.classification.class ?? 'admin',
    findings: findingsOfTool(names, row).map((each) => ({
      ...each,
      // What is on offer beside an accepted definition nobody has accepted.
      acknowledged: row.accepted && row.offered === null && row.acknowledged.includes(each.name),
    })),
    reviewed: row.reviewed || row.classification.by === 'person',
    updatedAt: new Date(row.updated_at).toISOString(),
  };
}
