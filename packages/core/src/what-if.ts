/**
 * What would have changed a decision (B-5): the same `decide()` over what the record keeps, with one thing other than it was. Pure. Only what turns out otherwise is
 * told, so nothing here is a guess; where no one thing is enough, that is told.
 */
import { decide } from './decide.ts';
import { levelRank } from './maturity/levels.ts';
import { noFlow } from './segmentation/flow.ts';
import { levels } from './wire/words.ts';
import type { AgentDoc } from './wire/feed.ts';
import type { Decision, Received, World } from './world.ts';

export interface WhatIf {
  /** What would have been other, after "if". */
  readonly change: string;
  readonly outcome: Decision['outcome'];
}

interface Other {
  readonly change: string;
  readonly world: World;
  /** Absent: what was asked stays as it was. */
  readonly received?: Received;
}

type Origin = World['provenance'][number]['origin'];

const changed = (change: string, world: World): Other => ({ change, world });

const from = (world: World, origin: Origin): World => ({
  ...world,
  provenance: world.provenance.map(({ from: _, ...value }) => ({ ...value, origin })),
});

/** As if it had this level of its own. */
function atLevel(world: World, level: AgentDoc['level']): World {
  if (world.agent === undefined) return world;
  const { ceiling: _, ...agent } = world.agent;
  return { ...world, agent: { ...agent, level } };
}

/** The approval of exactly this call. */
function approved({ credential, argsDigest, server, tool }: Received, world: World): World {
  if (world.tool === undefined) return world;
  const approval: NonNullable<World['approval']> = {
    id: '00000000-0000-4000-8000-000000000000',
    agentId: credential.agentId,
    sid: credential.sid,
    tool: `${server}/${tool}`,
    argsDigest,
    definitionDigest: world.tool.definitionDigest,
    state: 'approved',
    expiresAt: new Date(world.nowMs + 60_000).toISOString(),
  };
  return { ...world, approval };
}

function unlimited(world: World): World {
  const totals = world.totals?.map(({ unheard: _, ...total }) => ({ ...total, ok: true }));
  return {
    ...world,
    limits: world.limits.map(({ unheard: _, ...limit }) => ({ ...limit, ok: true })),
    ...(totals === undefined ? {} : { totals }),
  };
}

/** What might have let it pass, or made it pass without a person. */
function* easier(received: Received, world: World): Generator<Other> {
  const { agent, task } = world;
  const { credential } = received;
  if (credential.proof === 'none')
    yield {
      change: 'it had proved that it holds its key',
      world,
      received: { ...received, credential: { ...credential, proof: 'dpop' } },
    };
  yield changed('a person had approved exactly this call', approved(received, world));
  const stated: World = { ...world, task: { assurance: 'person', intent: 'stated' } };
  if (task.assurance !== 'person' || task.intent !== 'stated')
    yield changed('its session had had a task whose words ask for this', stated);
  if (world.provenance.some(({ origin }) => origin !== 'task')) {
    yield changed('its values had stood in a task of its session', from(stated, 'task'));
    yield changed('its values had come from a trusted source', from(world, 'trusted'));
  }
  yield changed('its session had read nothing before', { ...world, flow: noFlow });
  if (world.judged !== undefined)
    yield changed('the judge of intents had seen what it is for', {
      ...world,
      judged: { ...world.judged, verdict: 'agrees' },
    });
  yield changed('nothing that it touches had been stopped', { ...world, containments: [] });
  yield changed('no rate or total had been spent', unlimited(world));
  if (agent === undefined) return;
  const ref = `${received.server}/${received.tool}`;
  if (!agent.tools.includes(ref))
    yield changed('its manifest had listed the tool', {
      ...world,
      agent: { ...agent, tools: [...agent.tools, ref] },
    });
  const { domain } = world.tool?.classification ?? {};
  if (domain !== undefined && !agent.dataDomains.includes(domain))
    yield changed('its manifest had named the domain of the tool', {
      ...world,
      agent: { ...agent, dataDomains: [...agent.dataDomains, domain] },
    });
  yield changed('its manifest had set no times', { ...world, agent: { ...agent, windows: [] } });
  for (const level of levels)
    if (levelRank(level) > levelRank(agent.ceiling ?? agent.level) || level === agent.level)
      yield changed(`its level had been ${level}`, atLevel(world, level));
}

/** What might have held it back. */
function* harder(_received: Received, world: World): Generator<Other> {
  const { agent, approval } = world;
  if (approval !== undefined) yield changed('no person had approved it', { ...world, approval: undefined });
  if (world.task.assurance !== 'absent')
    yield changed('nobody had given its session a task', {
      ...world,
      task: { assurance: 'absent', intent: 'silent' },
    });
  if (world.provenance.length > 0)
    yield changed('its values had come from a text that others may have written', from(world, 'untrusted'));
  yield changed('its session had read restricted content and what others may have written', {
    ...world,
    flow: { confidentiality: 'restricted', integrity: 'untrusted', private: [], untrusted: [] },
  });
  if (agent === undefined) return;
  for (const level of levels.toReversed())
    if (levelRank(level) < levelRank(agent.ceiling ?? agent.level))
      yield changed(`its level had been ${level}`, atLevel(world, level));
}

const rank = ({ outcome }: Pick<Decision, 'outcome'>): number => ['refuse', 'ask', 'allow'].indexOf(outcome);

/** Each change that alone would have ended otherwise. Of levels, the first that does for each outcome. */
export function whatIf(received: Received, world: World, was: Pick<Decision, 'outcome'>): WhatIf[] {
  const found: WhatIf[] = [];
  const told = new Set<string>();
  const others = was.outcome === 'allow' ? harder(received, world) : easier(received, world);
  for (const { change, world: other, received: asked = received } of others) {
    const { outcome } = decide(asked, other);
    const better = rank({ outcome }) - rank(was);
    if (better === 0 || better > 0 !== (was.outcome !== 'allow')) continue;
    const isLevel = change.startsWith('its level');
    if (isLevel && told.has(outcome)) continue;
    if (isLevel) told.add(outcome);
    found.push({ change, outcome });
  }
  return found;
}

const wouldWords: Readonly<Record<Decision['outcome'], string>> = {
  allow: 'It would have been allowed',
  ask: 'It would have waited for a person',
  refuse: 'It would have been refused',
};

/** In words; of a decision that ended so. */
export function whatIfSentences(found: readonly WhatIf[], was: Decision['outcome']): string[] {
  if (found.length === 0)
    return [
      was === 'allow'
        ? 'Neither a lower level nor other sources of its values, nor anything that it had read, would have held it back.'
        : 'Neither an approval nor a task, other sources of its values, a free limit or another level would have let it pass, each alone.',
    ];
  return (['allow', 'ask', 'refuse'] as const).flatMap((outcome) => {
    const changes = found.flatMap((each) => (each.outcome === outcome ? [each.change] : []));
    return changes.length === 0 ? [] : [`${wouldWords[outcome]} if ${changes.join('; or if ')}.`];
  });
}
