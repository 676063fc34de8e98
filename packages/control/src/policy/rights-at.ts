/**
 * Room: policy (S-1, B-1). `GET /v1/agents/:id/rights-at`: what an agent may do now, or might at a moment that has passed, by the decision that gateways make over
 * what the log, the versions of manifests and the versions of policy say of that moment. Nothing runs and nothing is recorded.
 */
import { refuse } from '@atf/core/errors';
import type { AgentDoc, ToolDoc } from '@atf/core/wire/feed';
import type { RightAt, RightsAt } from '@atf/core/wire/rights';
import type { Entry } from '@atf/core/audit/entry';
import { leavesAt, type ReadableLog } from '../activity/log-reader.ts';
import { activityRows, activityRowsMax } from '../audit/index-store.ts';
import type { Control, Handlers } from '../context.ts';
import { actingPerson } from '../identity/acting.ts';
import { agentDocOf } from '../identity/documents.ts';
import { agentById, type AgentRow, versionByDigest } from '../identity/store.ts';
import { serverByName } from '../segmentation/store.ts';
import { aboutTool } from './about-tool.ts';
import { contentOf, factsOfContent } from './candidates.ts';
import { Lane } from './lane.ts';
import {
  agentEvents,
  agentThen,
  followedEvents,
  followedThen,
  grantEvents,
  grantsThen,
  stopEvents,
  stopsThen,
  toolEvents,
  toolThen,
} from './past-facts.ts';
import { policyWords } from './policy-words.ts';
import { type Known, knownTools, type Standing, standingOf, wouldHappen } from './question.ts';
import { conditionsOf, rightOf } from './routes.ts';
import { newestVersion, versionAt, versionWithSet } from './version-store.ts';

/** Events of one kind that are read; with more of them the moment is not made again. */
const eventsMax = 20_000;
const waitingMax = 4;
const policiesShownMax = 200;
/** Events stand in the log within moments; of moments that are nearer than this it is said. */
const inLogWithinMs = 10_000;

/** Events of control of these types, oldest first. Refuses `audit.past_unknown` when there are too many. */
async function eventsOf(
  control: Control,
  log: ReadableLog,
  types: readonly string[],
  agent?: string,
): Promise<Entry[]> {
  const { tenant } = control.config;
  const entries: Entry[] = [];
  for (let before: number | undefined; ; ) {
    const rows = await activityRows(control.db, { tenant, types, agent, before, limit: activityRowsMax });
    const leaves = await leavesAt(
      log,
      rows.map(({ log_index: index }) => index),
    );
    // What a gateway says is in force there, and nowhere else.
    entries.push(...leaves.map(({ entry }) => entry).filter(({ source }) => 'control' in source));
    before = rows.at(-1)?.log_index;
    if (rows.length < activityRowsMax) return entries.reverse();
    if (entries.length > eventsMax)
      refuse('audit.past_unknown', `more than ${eventsMax} changes of this kind are on record`);
  }
}

interface Then {
  readonly standing: Standing;
  readonly known: (ref: string) => Known;
  readonly uncertain: (ref: string) => string | undefined;
  readonly policy: number;
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly notes: readonly string[];
}

async function setAt(control: Control, momentMs: number | undefined) {
  const { db, config } = control;
  const row =
    momentMs === undefined
      ? await newestVersion(db, config.tenant)
      : await versionAt(db, config.tenant, momentMs);
  const set = row === undefined ? undefined : await versionWithSet(db, config.tenant, row.version);
  if (set === undefined) return refuse('audit.past_unknown', 'No policy version of that moment is kept.');
  return { version: set.version, content: contentOf(set) };
}

async function nowOf(control: Control, row: AgentRow): Promise<Then> {
  const standing = await standingOf(control, row);
  const known = await knownTools(control, standing.agent.tools);
  const { version, content } = await setAt(control, undefined);
  return {
    standing,
    known,
    uncertain: () => undefined,
    policy: version,
    files: content.files,
    notes: ['Calls made until now are not counted; the gateway counts them.'],
  };
}

async function toolsThen(control: Control, log: ReadableLog, refs: readonly string[], momentMs: number) {
  const { tenant } = control.config;
  const current = await knownTools(control, refs);
  const events = new Map<string, Entry[]>();
  for (const entry of await eventsOf(control, log, toolEvents)) {
    const ref = `${String(entry.body['server'])}/${String(entry.body['tool'])}`;
    events.set(ref, [...(events.get(ref) ?? []), entry]);
  }
  const known = new Map<string, Known>();
  const uncertain = new Map<string, string>();
  for (const ref of refs) {
    const { server, tool } = current(ref);
    const row = server === undefined ? undefined : await serverByName(control.db, tenant, server.name);
    const there = row !== undefined && row.registered_at <= momentMs ? server : undefined;
    const then =
      tool === undefined ? undefined : toolThen(events.get(ref) ?? [], tool.classification, momentMs);
    const was: ToolDoc | undefined =
      tool === undefined || then?.state === undefined
        ? undefined
        : { ...tool, state: then.state, classification: then.classification };
    known.set(ref, { server: there, tool: there === undefined ? undefined : was });
    if (then?.uncertain !== undefined) uncertain.set(ref, then.uncertain);
  }
  return { known, uncertain };
}

async function thenOf(control: Control, log: ReadableLog, row: AgentRow, momentMs: number): Promise<Then> {
  const { db, config } = control;
  if (momentMs < row.registered_at)
    refuse('audit.past_unknown', `It was registered at ${new Date(row.registered_at).toISOString()}.`);
  const then =
    agentThen(await eventsOf(control, log, agentEvents, row.id), momentMs) ??
    refuse('audit.past_unknown', 'The log holds no registration of this agent by then.');
  const version =
    (await versionByDigest(db, config.tenant, row.id, then.manifestDigest)) ??
    refuse('audit.past_unknown', 'Its manifest of then is not kept.');
  // Calls are not counted here, so a throttle of now or then changes nothing.
  const {
    ceiling: _,
    throttle: __,
    grants: ___,
    followed: ____,
    ...current
  } = agentDocOf(row, version.manifest);
  const followed = followedThen(await eventsOf(control, log, followedEvents, row.id), momentMs);
  const agent: AgentDoc = {
    ...current,
    version: version.version,
    manifestDigest: then.manifestDigest,
    level: then.level,
    ...(then.ceiling === undefined ? {} : { ceiling: then.ceiling }),
    ...(followed === undefined ? {} : { followed }),
  };
  const { version: policy, content } = await setAt(control, momentMs);
  const facts = factsOfContent(content);
  // What had ended by then stands in the log; what was in force counts under the epochs of this question.
  const epochs = { agent: agent.epoch, credential: agent.credentialEpoch, policy: facts.epoch };
  const grants = grantsThen(await eventsOf(control, log, grantEvents, row.id), momentMs);
  const widened = { ...agent, grants: grants.map((grant) => ({ ...grant, epochs })) };
  const { known, uncertain } = await toolsThen(control, log, agent.tools, momentMs);
  return {
    standing: {
      agent: grants.length === 0 ? agent : widened,
      stops: stopsThen(await eventsOf(control, log, stopEvents), momentMs),
      policy: facts,
      settings: content.settings,
    },
    known: (ref) => known.get(ref) ?? { server: undefined, tool: undefined },
    uncertain: (ref) => uncertain.get(ref),
    policy,
    files: content.files,
    notes: [
      'Made again from the log and the versions of manifest and policy, by the rules of this version of ATF.',
      'Not known: calls that were spent by then, stop files of gateway hosts, gateways that were out of touch, and what each gateway had not heard yet.',
      'Where a stop names a person who answers for the agent, it is whoever answers for it now.',
      'Schemas of tools are as they are now; the question is about a tool and not about one call.',
      ...(control.clock.nowMs() - momentMs < inLogWithinMs
        ? ['What changed in the last seconds may not stand in the log yet.']
        : []),
    ],
  };
}

function tableOf(
  { standing, known, uncertain, ...rest }: Then,
  control: Control,
  at: string,
  now: boolean,
): RightsAt {
  const { agent } = standing;
  const items = agent.tools.map((ref): RightAt => {
    const docs = known(ref);
    const asked = { ...aboutTool(agent, ref, docs), atMs: Date.parse(at) };
    const decision = wouldHappen(control, standing, asked);
    const doubt = uncertain(ref);
    return {
      ...rightOf(standing, ref, decision, docs.tool),
      limits: docs.tool === undefined ? [] : conditionsOf(agent, docs.tool),
      ...(doubt === undefined ? {} : { uncertain: doubt }),
    };
  });
  const words = policyWords(rest.files);
  const named = [...new Set(items.flatMap(({ policies }) => policies))].sort().slice(0, policiesShownMax);
  return {
    agent: agent.name,
    at,
    now,
    version: agent.version,
    level: agent.level,
    ...(agent.ceiling === undefined ? {} : { ceiling: agent.ceiling }),
    policy: rest.policy,
    items,
    policies: named.flatMap((id) => words.get(id) ?? []),
    notes: [...rest.notes],
  };
}

export function rightsAtRoutes(log: ReadableLog): Handlers<'agents.rightsAt'> {
  const lane = new Lane(waitingMax, 'too many moments are being made again');
  return {
    async 'agents.rightsAt'(control, { params, query, actor }) {
      actingPerson(actor);
      const row =
        (await agentById(control.db, control.config.tenant, params.id)) ?? refuse('identity.agent_not_found');
      const nowMs = control.clock.nowMs();
      const { at } = query;
      if (at === undefined)
        return tableOf(await nowOf(control, row), control, new Date(nowMs).toISOString(), true);
      const momentMs = Date.parse(at);
      if (momentMs > nowMs) refuse('request.malformed', 'at: it has not passed yet');
      return lane.run(async () => tableOf(await thenOf(control, log, row, momentMs), control, at, false));
    },
  };
}
