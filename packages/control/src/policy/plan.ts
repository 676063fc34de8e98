/**
 * Room: policy (S-1, S-2). What a candidate would change for the agents that are registered, tool by tool: refuse, ask or allow, before and after, by the same
 * decision that gateways make. A page of agents at a time, in slices of time. Stops are left out: what is stopped now would hide what changes.
 */
import { actionClassOf } from '@atf/core/decide';
import type { PlanPage } from '@atf/core/wire/policy';
import type { AgentDoc } from '@atf/core/wire/feed';
import type { Control } from '../context.ts';
import { agentDocOf } from '../identity/documents.ts';
import { agentCount, agentRows, currentVersions } from '../identity/store.ts';
import { aboutTool } from './about-tool.ts';
import { candidateContent, candidateOf, type Content, contentOf, factsOfContent } from './candidates.ts';
import { inSlices } from './in-slices.ts';
import { type Known, knownTools, type Standing, wouldHappen } from './question.ts';
import { versionWithSet } from './version-store.ts';

const pageDefault = 200;
/** Changes of one agent that are listed. */
const changesMax = 200;
/** Policies that are named where the arguments decide. */
const byArgumentsMax = 20;

type Change = PlanPage['items'][number]['changes'][number];
type Sides = { readonly before: Standing; readonly after: Standing };

function changeOf(control: Control, { before, after }: Sides, ref: string, docs: Known): Change | undefined {
  const asked = aboutTool(before.agent, ref, docs);
  const [was, is] = [wouldHappen(control, before, asked), wouldHappen(control, after, asked)];
  const decidesBy = ({ byArguments = [] }: typeof was) => [...byArguments].sort();
  const sameRules = decidesBy(was).join('\n') === decidesBy(is).join('\n');
  if (was.outcome === is.outcome && (sameRules || is.outcome === 'refuse')) return undefined;
  return {
    tool: ref,
    class: docs.tool === undefined ? 'admin' : actionClassOf(docs.tool),
    before: was.outcome,
    after: is.outcome,
    ...(is.refusal === undefined ? {} : { code: is.refusal.code }),
    ...(is.byArguments === undefined ? {} : { byArguments: decidesBy(is).slice(0, byArgumentsMax) }),
  };
}

function* lookAt(
  control: Control,
  agents: readonly AgentDoc[],
  known: (ref: string) => Known,
  sets: { readonly before: Content; readonly after: Content },
): Generator<void, Pick<PlanPage, 'items' | 'rights'>> {
  const facts = { before: factsOfContent(sets.before), after: factsOfContent(sets.after) };
  const items: PlanPage['items'] = [];
  let rights = 0;
  for (const agent of agents) {
    const side = (which: 'before' | 'after'): Standing => ({
      agent,
      stops: [],
      policy: facts[which],
      settings: sets[which].settings,
    });
    const sides: Sides = { before: side('before'), after: side('after') };
    const changes: Change[] = [];
    for (const ref of agent.tools) {
      rights += 1;
      const change = changeOf(control, sides, ref, known(ref));
      if (change !== undefined) changes.push(change);
      yield;
    }
    if (changes.length === 0) continue;
    const more = changes.length - changesMax;
    items.push({
      agent: agent.name,
      level: agent.level,
      changes: changes.slice(0, changesMax),
      ...(more > 0 ? { more } : {}),
    });
  }
  return { items, rights };
}

/** One page: the agents behind the name `after`. Refuses `policy.candidate_unknown`. */
export async function planPage(
  control: Control,
  candidateId: string,
  {
    after,
    limit = pageDefault,
  }: { readonly after?: string | undefined; readonly limit?: number | undefined },
): Promise<PlanPage> {
  const { db, config } = control;
  const { tenant } = config;
  const row = await candidateOf(control, candidateId);
  // What answers applications decides about no agent.
  if (row.application !== null)
    return { items: [], agents: 0, rights: 0, agentsAll: await agentCount(db, tenant) };
  const base = await versionWithSet(db, tenant, row.base);
  if (base === undefined) throw new Error('a candidate without its base');
  const agentsAll = await agentCount(db, tenant);
  const rows = await agentRows(db, tenant, limit, after);
  const versions = await currentVersions(db, tenant, rows);
  const docs = rows.map((agent) => {
    const manifest = versions.get(agent.id)?.manifest;
    if (manifest === undefined) throw new Error('an agent without its version');
    return agentDocOf(agent, manifest);
  });
  const known = await knownTools(control, [...new Set(docs.flatMap(({ tools }) => tools))]);
  const sets = { before: contentOf(base), after: candidateContent(row) };
  const { items, rights } = await inSlices(lookAt(control, docs, known, sets));
  const last = rows.at(-1);
  return {
    items,
    agents: rows.length,
    rights,
    agentsAll,
    ...(rows.length < limit || last === undefined ? {} : { next: last.name }),
  };
}
