/**
 * Room: policy (S-1, S-2). What would happen to a call, asked of the same decision that gateways make, over what the database says now. Nothing
 * runs, nothing is reserved, nothing is recorded. Limits are looked at as if nothing was spent: only gateways know what was.
 */
import { randomUUID } from 'node:crypto';
import { decide, doorsOf } from '@atf/core/decide';
import { sha256 } from '@atf/core/digest';
import { effectiveLevel } from '@atf/core/maturity/levels';
import { noFlow } from '@atf/core/segmentation/flow';
import type { Rate } from '@atf/core/segmentation/rate';
import { anyQuery, queryFact } from '@atf/core/segmentation/sql/query-fact';
import { followedId } from '@atf/core/segmentation/followed';
import { unspentTotals } from '@atf/core/segmentation/totals';
import { limitsFor } from '@atf/core/segmentation/transaction';
import { ofTables } from '@atf/core/segmentation/sql/table-classes';
import type { QueryFact } from '@atf/core/wire/database';
import type { AgentDoc, ContainmentDoc, InstanceDoc, ServerDoc, ToolDoc } from '@atf/core/wire/feed';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import {
  type CheckName,
  type Decision,
  type LimitFact,
  noTask,
  type PolicyFacts,
  type ProvenanceFact,
  type Received,
  type SchemaFact,
  type TaskFact,
  type World,
} from '@atf/core/world';
import type { Control } from '../context.ts';
import { agentDocOf } from '../identity/documents.ts';
import { type AgentRow, versionByDigest } from '../identity/store.ts';
import { stopsInForce } from '../incident/stop-files.ts';
import { serverDocOf, toolDocOf } from '../segmentation/documents.ts';
import { serverByName, toolsOfServer } from '../segmentation/store.ts';
import { checkArguments } from './arguments-check.ts';
import { policyInForce, settingsInForce } from './load.ts';
import type { Settings } from './settings.ts';
import { sqlParser } from './sql-parser.ts';

/** What does not change between questions about one agent. */
export interface Standing {
  readonly agent: AgentDoc;
  readonly stops: readonly ContainmentDoc[];
  readonly policy: PolicyFacts | undefined;
  readonly settings: Settings;
}

export async function standingOf(control: Control, row: AgentRow): Promise<Standing> {
  const { tenant } = control.config;
  const version = await versionByDigest(control.db, tenant, row.id, row.manifest_digest);
  if (version === undefined) throw new Error('an agent without its version');
  return {
    agent: agentDocOf(row, version.manifest),
    stops: await stopsInForce(control),
    policy: await policyInForce(control),
    settings: await settingsInForce(control),
  };
}

/** The limits that bind, unspent. */
function freshLimits({ agent, settings }: Standing, tool: ToolDoc | undefined): LimitFact[] {
  const fresh = (id: string, { max, perSeconds }: Rate): LimitFact => ({
    id,
    ok: true,
    max,
    perSeconds,
    retryAfterMs: 0,
  });
  const own = tool === undefined ? [] : limitsFor(agent, tool);
  const facts = own.flatMap(({ tool: named, calls }) =>
    calls === undefined ? [] : [fresh(named === undefined ? 'rate:agent' : `rate:${named}`, calls)],
  );
  const { followed } = agent;
  const works = effectiveLevel(agent, 'dpop');
  const hasOwn = facts.some(({ id }) => id === 'rate:agent');
  if (followed !== undefined) facts.push(fresh(followedId, followed));
  if (hasOwn || (followed !== undefined && works === 'principal')) return facts;
  return [...facts, fresh('rate:agent', settings.callsDefault[works])];
}

/** The totals that bind, unspent. */
function freshTotals(agent: AgentDoc, tool: ToolDoc | undefined, args: JsonObject): Pick<World, 'totals'> {
  const totals = tool === undefined ? [] : unspentTotals(agent, tool, args);
  return totals.length === 0 ? {} : { totals };
}

/** What is registered under the names of a question. */
export interface Known {
  readonly server: ServerDoc | undefined;
  readonly tool: ToolDoc | undefined;
}

/** The registered tools among `refs` (`server/tool`), read server by server. */
export async function knownTools(control: Control, refs: readonly string[]): Promise<(ref: string) => Known> {
  const { tenant } = control.config;
  const known = new Map<string, Known>();
  for (const name of new Set(refs.map((ref) => ref.slice(0, ref.indexOf('/'))))) {
    const row = await serverByName(control.db, tenant, name);
    if (row === undefined) continue;
    const server = serverDocOf(row);
    known.set(name, { server, tool: undefined });
    for (const tool of await toolsOfServer(control.db, tenant, name))
      known.set(`${name}/${tool.name}`, { server, tool: toolDocOf(tool) });
  }
  return (ref) =>
    known.get(ref) ?? known.get(ref.slice(0, ref.indexOf('/'))) ?? { server: undefined, tool: undefined };
}

export interface Asked {
  readonly server: string;
  readonly tool: string;
  readonly docs: Known;
  readonly args: JsonObject;
  /** `unchecked`: the question is about the tool, whatever the arguments. */
  readonly schema: 'checked' | 'unchecked';
  /** Where its values come from, and what the task of the session says; absent: no value decides, and nobody gave a task. */
  readonly provenance?: readonly ProvenanceFact[];
  readonly task?: TaskFact;
  /** The statement that is asked about, of a tool whose argument is SQL; absent: what the arguments say, or any. */
  readonly query?: QueryFact;
  /** The moment that is asked about, Unix milliseconds; absent: now. */
  readonly atMs?: number;
}

/** An instance that is as good as one can be: the question is what the agent may do, not what one copy of it may. */
function bestInstance(
  agent: AgentDoc,
  nowMs: number,
): { instance: InstanceDoc; credential: Received['credential'] } {
  const id = randomUUID();
  return {
    instance: { id, agentId: agent.id, state: 'active' },
    credential: {
      agentId: agent.id,
      instanceId: id,
      sid: randomUUID(),
      jti: randomUUID(),
      expiresAtMs: nowMs + 1,
      manifestDigest: agent.manifestDigest,
      credentialEpoch: agent.credentialEpoch,
      proof: 'dpop',
    },
  };
}

const unchecked: SchemaFact = { verdict: 'valid', problems: [] };

function queryAsked({ docs: { tool }, schema, args }: Asked): QueryFact | undefined {
  if (tool === undefined) return undefined;
  return schema === 'unchecked' ? anyQuery(tool) : queryFact(sqlParser, tool, args);
}

/** Decides one question in a world made from what was read. */
export function wouldHappen(control: Control, standing: Standing, asked: Asked): Decision {
  const { agent, stops, policy } = standing;
  const { server } = asked.docs;
  const query = asked.query ?? queryAsked(asked);
  const tool =
    query?.verdict === 'read' && asked.docs.tool !== undefined
      ? ofTables(asked.docs.tool, query)
      : asked.docs.tool;
  const nowMs = asked.atMs ?? control.clock.nowMs();
  const { instance, credential } = bestInstance(agent, nowMs);
  const received: Received = {
    actionId: randomUUID(),
    // The question is what the agent may do, so it comes by a door that the server has.
    protocol: server === undefined ? 'mcp' : doorsOf(server)[0],
    server: asked.server,
    tool: asked.tool,
    args: asked.args,
    argsDigest: sha256(canonicalJson(asked.args)),
    credential,
  };
  const world: World = {
    nowMs,
    feedFresh: true,
    agent,
    instance,
    sessionRevoked: false,
    server,
    tool,
    containments: stops,
    policy,
    limits: freshLimits(standing, tool),
    ...freshTotals(agent, tool, asked.args),
    approval: undefined,
    schema: tool === undefined || asked.schema === 'unchecked' ? unchecked : checkArguments(tool, asked.args),
    ...(asked.schema === 'unchecked' ? { anyArguments: true } : {}),
    flow: noFlow,
    provenance: asked.provenance ?? [],
    task: asked.task ?? noTask,
    detectors: [],
    query,
  };
  const decision = decide(received, world);
  return {
    ...decision,
    checks: decision.checks.map((check) => {
      const because = check.verdict === 'pass' ? notAsked[check.name]?.(agent) : undefined;
      return because === undefined ? check : { ...check, because };
    }),
  };
}

/** What a question about no instance and no moment cannot know, said as it is. */
const notAsked: Partial<Record<CheckName, (agent: AgentDoc) => string>> = {
  authenticate: ({ name, version }) => `${name} ${version}; taken as an instance that proves its key`,
  limit_rate: () => 'calls made until now are not counted here; the gateway counts them',
  limit_total: () => 'what was spent until now is not counted here',
};
