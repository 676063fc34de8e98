/**
 * Room: policy (S-1, B-1). What the log says that an agent, its tools and the stops were at a moment: events of control in the order of the log, up to that moment
 * and, where an event tells only what was before, after it. Pure. What the log does not say is left undefined, or named as not certain; nothing is guessed.
 */
import type { Entry } from '@atf/core/audit/entry';
import { type Followed, followedSchema } from '@atf/core/wire/adaptive';
import {
  classificationSchema,
  type Classification,
  type ContainmentDoc,
  type ToolDoc,
} from '@atf/core/wire/feed';
import { type BoundaryGrant, boundaryGrantSchema } from '@atf/core/wire/negotiation';
import { containmentStates, digestSchema, type Level, levelSchema, scopeSchema } from '@atf/core/wire/words';

type Event = Pick<Entry, 'type' | 'at' | 'body'>;

export const agentEvents = [
  'identity.agent_registered',
  'maturity.level_bootstrapped',
  'maturity.ceiling_set',
] as const;
export const toolEvents = [
  'segmentation.tool_discovered',
  'segmentation.tool_quarantined',
  'segmentation.tool_accepted',
  'segmentation.tool_removed',
  'segmentation.tool_classified',
] as const;
export const grantEvents = ['segmentation.boundary_widened', 'segmentation.boundary_narrowed'] as const;
export const followedEvents = ['segmentation.rate_followed'] as const;
export const stopEvents = ['incident.containment_set', 'incident.containment_lifted'] as const;

const isBy = ({ at }: Event, momentMs: number): boolean => Date.parse(at) <= momentMs;
const textIn = (body: Entry['body'], name: string): string | undefined => {
  const value = body[name];
  return typeof value === 'string' ? value : undefined;
};
const levelIn = (body: Entry['body'], name: string): Level | undefined =>
  levelSchema.safeParse(body[name]).data;

export interface AgentThen {
  readonly manifestDigest: string;
  readonly level: Level;
  readonly ceiling: Level | undefined;
}

/** `events`: of this agent, oldest first. Undefined: the log knows of no registration by then. */
export function agentThen(events: readonly Event[], momentMs: number): AgentThen | undefined {
  let then: AgentThen | undefined;
  for (const event of events) {
    if (!isBy(event, momentMs)) continue;
    const { type, body } = event;
    const level = levelIn(body, 'level');
    if (type === 'identity.agent_registered') {
      const digest = digestSchema.safeParse(body['manifestDigest']).data;
      if (digest !== undefined && level !== undefined)
        then = { manifestDigest: digest, level, ceiling: levelIn(body, 'ceiling') };
    } else if (then !== undefined && type === 'maturity.level_bootstrapped' && level !== undefined)
      then = { ...then, level };
    else if (then !== undefined && type === 'maturity.ceiling_set')
      then = { ...then, ceiling: levelIn(body, 'ceiling') };
  }
  return then;
}

export interface ToolThen {
  /** Undefined: it was not there. */
  readonly state: ToolDoc['state'] | undefined;
  readonly classification: Classification;
  readonly uncertain?: string;
}

function stateAfter(event: Event, before: ToolThen['state']): ToolThen['state'] {
  switch (event.type) {
    case 'segmentation.tool_discovered':
      return textIn(event.body, 'state') === 'quarantined' ? 'quarantined' : 'active';
    case 'segmentation.tool_quarantined':
      return 'quarantined';
    case 'segmentation.tool_accepted':
      return 'active';
    case 'segmentation.tool_removed':
      return 'removed';
    default:
      return before;
  }
}

/**
 * `events`: of this tool, oldest first; `now`: how it is classified now. A correction tells what was before it; that a definition was accepted does not tell
 * what was guessed before.
 */
export function toolThen(events: readonly Event[], now: Classification, momentMs: number): ToolThen {
  let state: ToolThen['state'];
  for (const event of events) if (isBy(event, momentMs)) state = stateAfter(event, state);
  const later = events.filter((event) => !isBy(event, momentMs));
  const corrected = later.find(({ type }) => type === 'segmentation.tool_classified');
  const before = classificationSchema.safeParse(corrected?.body['before']);
  const classification = before.success ? before.data : now;
  const accepted = later.find(({ type }) => type === 'segmentation.tool_accepted');
  const guessedAnew =
    accepted !== undefined &&
    classification.by === 'automatic' &&
    (corrected === undefined || events.indexOf(accepted) < events.indexOf(corrected));
  const unread = corrected !== undefined && !before.success;
  return {
    state,
    classification,
    ...(guessedAnew
      ? {
          uncertain:
            'its classification was guessed, and guessed anew when another definition was accepted later',
        }
      : unread
        ? { uncertain: 'its classification of then cannot be read from the log' }
        : {}),
  };
}

/** Boundaries that the agent had widened then, each under the epoch at which it was granted. `events`: of this agent, oldest first. */
export function grantsThen(events: readonly Event[], momentMs: number): BoundaryGrant[] {
  const grants = new Map<string, BoundaryGrant>();
  for (const event of events.filter((each) => isBy(each, momentMs))) {
    const grant = boundaryGrantSchema.safeParse(event.body['grant']).data;
    if (grant !== undefined) grants.set(grant.id, grant);
    else grants.delete(textIn(event.body, 'grantId') ?? '');
  }
  return [...grants.values()];
}

/** The rate that followed what was usual then. `events`: of this agent, oldest first. */
export const followedThen = (events: readonly Event[], momentMs: number): Followed | undefined =>
  followedSchema.safeParse(events.findLast((each) => isBy(each, momentMs))?.body['is']).data;

/** Stops in force then. Those of stop files are in force at one gateway only, and are not among them. `events`: oldest first. */
export function stopsThen(events: readonly Event[], momentMs: number): ContainmentDoc[] {
  const stops = new Map<string, ContainmentDoc>();
  for (const event of events) {
    const scope = scopeSchema.safeParse(event.body['scope']).data;
    if (scope === undefined) continue;
    const key = `${scope.kind}:${scope.id}`;
    const since = textIn(event.body, 'since') ?? event.at;
    const state = containmentStates.find((each) => each === event.body['state']);
    if (event.type === 'incident.containment_lifted') {
      if (isBy(event, momentMs)) stops.delete(key);
    } else if (state !== undefined && Date.parse(since) <= momentMs)
      stops.set(key, { scope, state, since, reason: '', by: '' });
  }
  return [...stops.values()];
}
