/** Room: policy (S-1, S-2). What would happen to one call, and what an agent may do tool by tool. Nothing runs and nothing is recorded. */
import { actionClassOf } from '@atf/core/decide';
import { type ErrorEntry, errors, refuse } from '@atf/core/errors';
import { followedWords, limitWords } from '@atf/core/identity/manifest-words';
import { limitsFor } from '@atf/core/segmentation/transaction';
import type { DecisionView, ResponseOf } from '@atf/core/wire/api';
import type { AgentDoc, ToolDoc } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { Decision } from '@atf/core/world';
import type { Handlers } from '../context.ts';
import { actingPerson } from '../identity/acting.ts';
import { agentByRef } from '../identity/store.ts';
import { aboutTool } from './about-tool.ts';
import { knownTools, type Standing, standingOf, wouldHappen } from './question.ts';

type Right = ResponseOf<'agents.rights'>['items'][number];

const becauseMax = 1_000;

/** A decision as people see it; the same form as that of a recorded one. */
export function decisionView({
  outcome,
  effectiveLevel,
  actionClass,
  refusal,
  checks,
  policies,
  obligations,
}: Decision): DecisionView {
  const entry: ErrorEntry | undefined = refusal === undefined ? undefined : errors[refusal.code];
  return {
    outcome,
    ...(effectiveLevel === undefined ? {} : { effectiveLevel }),
    ...(actionClass === undefined ? {} : { actionClass }),
    ...(refusal === undefined
      ? {}
      : { code: refusal.code, detail: (refusal.detail ?? entry?.title ?? '').slice(0, becauseMax) }),
    ...(entry === undefined ? {} : { help: entry.help }),
    ...(entry?.requirement === undefined ? {} : { requirement: entry.requirement }),
    checks: checks.map(({ name, verdict, because, policies: named }) => ({
      name,
      verdict,
      because: because.slice(0, becauseMax),
      ...(named === undefined ? {} : { policies: [...named] }),
    })),
    policies: [...policies],
    obligations: [...obligations],
  };
}

/** Limits and amounts from which a person is asked, in words. */
export function conditionsOf(agent: AgentDoc, tool: ToolDoc): string[] {
  const limits = limitsFor(agent, tool).map(limitWords);
  const followed =
    agent.followed === undefined ? [] : [`all tools together: ${followedWords(agent.followed)}`];
  const ref = `${tool.server}/${tool.name}`;
  const points = agent.checkpoints.flatMap(({ tool: named, amountAbove, reason }) =>
    named === ref && amountAbove !== undefined ? [`above ${amountAbove} a person is asked: ${reason}`] : [],
  );
  return [...limits, ...followed, ...points];
}

/** What a decision about a tool says of the agent's right to it. */
export function rightOf(
  { agent }: Standing,
  ref: string,
  decision: Decision,
  tool: ToolDoc | undefined,
): Right {
  const settled = decision.checks.at(-1)?.because ?? '';
  const conditions = tool === undefined || decision.outcome === 'refuse' ? [] : conditionsOf(agent, tool);
  return {
    tool: ref,
    class: tool === undefined ? 'admin' : actionClassOf(tool),
    outcome: decision.outcome,
    ...(decision.refusal === undefined ? {} : { code: decision.refusal.code }),
    because: [settled, ...conditions].join('; ').slice(0, becauseMax),
    policies: [...decision.policies],
  };
}

export const decisionRoutes: Handlers<'decide' | 'agents.rights'> = {
  async decide(control, { body, actor }) {
    actingPerson(actor);
    const row =
      (await agentByRef(control.db, control.config.tenant, body.agent)) ?? refuse('identity.agent_not_found');
    const slash = body.tool.indexOf('/');
    const asked = {
      server: body.tool.slice(0, slash),
      tool: body.tool.slice(slash + 1),
      args: body.args as JsonObject,
      schema: 'checked' as const,
    };
    const docs = (await knownTools(control, [body.tool]))(body.tool);
    return decisionView(wouldHappen(control, await standingOf(control, row), { ...asked, docs }));
  },

  async 'agents.rights'(control, { params, actor }) {
    actingPerson(actor);
    const row =
      (await agentByRef(control.db, control.config.tenant, params.id)) ?? refuse('identity.agent_not_found');
    const standing = await standingOf(control, row);
    const known = await knownTools(control, standing.agent.tools);
    const items = standing.agent.tools.map((ref) => {
      const docs = known(ref);
      const decision = wouldHappen(control, standing, aboutTool(standing.agent, ref, docs));
      return rightOf(standing, ref, decision, docs.tool);
    });
    return { items };
  },
};
