/** Room: segmentation (S-3). How many calls an agent makes, as people see it, and the lifting of its throttle by one of them. */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { hourMs, hourOf } from '@atf/core/hours';
import { overPercent, volumeHoursKept } from '@atf/core/segmentation/volume';
import { type AgentVolume, unthrottleShownText, volumeHoursShown } from '@atf/core/wire/adaptive';
import type { BodyOut, Person } from '@atf/core/wire/api';
import type { Control } from '../context.ts';
import { answersFor } from '../identity/acting.ts';
import { type AgentRow, lockAgent } from '../identity/store.ts';
import { keepReason } from '../incident/reasons.ts';
import { baselineRow, histories, newestHours } from './volume-store.ts';
import { endThrottle } from './volume.ts';

const hourAt = (hour: number): string => new Date(hour * hourMs).toISOString();

export async function volumeOf(control: Control, agent: AgentRow): Promise<AgentVolume> {
  const { db, config, clock } = control;
  const { tenant } = config;
  const hour = hourOf(clock.nowMs());
  const hours = await newestHours(db, tenant, agent.id, volumeHoursShown);
  const all = await histories(db, tenant, [agent.id], { sinceHour: hour - volumeHoursKept, hour: hour + 1 });
  const history = all.get(agent.id);
  const baseline = (await baselineRow(db, tenant, agent.id))?.calls;
  const { throttle, followed } = agent.adapted;
  return {
    since: hourAt(hour),
    calls: hours.find((each) => each.hour === hour)?.calls ?? 0,
    ...(baseline === undefined
      ? {}
      : { baseline, throttledAbove: Math.floor((baseline * overPercent) / 100) }),
    ...(throttle === undefined ? {} : { throttle }),
    ...(followed === undefined ? {} : { followed }),
    history: {
      activeHours: history?.activeHours ?? 0,
      calls: history?.calls ?? 0,
      ...(history === undefined ? {} : { since: hourAt(history.firstHour) }),
    },
    hours: hours.reverse().map((each) => ({ at: hourAt(each.hour), calls: each.calls })),
  };
}

/**
 * Lifts a throttle for the rest of the hour. What was confirmed names the throttle that was shown. Refuses `identity.agent_not_found`, `people.not_allowed`,
 * `segmentation.not_throttled`, `people.presence_invalid`.
 */
export async function unthrottle(
  control: Control,
  person: Person,
  agentId: string,
  given: BodyOut<'agents.unthrottle'>,
): Promise<void> {
  const { tenant } = control.config;
  await control.change(async (tx) => {
    const agent = (await lockAgent(tx, tenant, agentId)) ?? refuse('identity.agent_not_found');
    const everywhere = person.roles.includes('operator') || person.roles.includes('security');
    if (!everywhere && !answersFor(person, agent))
      refuse('people.not_allowed', 'This agent has other owners.');
    const { throttle } = agent.adapted;
    if (throttle === undefined) return refuse('segmentation.not_throttled');
    const shown = unthrottleShownText({ agentId, since: throttle.since, reason: given.reason });
    const subject = { kind: 'level' as const, id: agentId, digest: sha256(shown) };
    const { method } = await control.presence.consume(tx, person, given.presence, subject);
    const reasonId = await keepReason(control, tx, person.id, {
      kind: 'unthrottle',
      key: `agent:${agentId}`,
      reason: given.reason,
    });
    await endThrottle(control, tx, agent, {
      because: 'lifted',
      presence: method,
      reasonId,
      by: person.id,
    });
  });
}
