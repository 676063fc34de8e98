/**
 * Services that look at data for this gateway (D-3): how many are asked at one time, for whom, and when not at all. One that does not answer several times in a row is left
 * alone for a while, so that a dead one costs nobody its time limit; what it was not asked about counts as not looked at.
 */
import type { Json } from '@atf/core/wire/json';
import { Counted } from './counted.ts';
import type { HostPost } from './host-post.ts';

/** Of one service. */
export const atOnceMax = 8;
export const waitingMax = 64;
/** Of one agent, at one service. */
export const ofAgentMax = 16;
export const faultsMax = 5;
export const restMs = 10_000;

export interface ServiceQuestion {
  readonly service: string;
  readonly agentId: string;
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
  readonly question: string;
}

/** Undefined: nobody has looked. Never throws. */
export type AskService = (question: ServiceQuestion) => Promise<Json | undefined>;

class Service {
  readonly agents = new Counted();
  running = 0;
  readonly waiting: (() => void)[] = [];
  faults = 0;
  restsUntilMs = Number.NEGATIVE_INFINITY;
}

export function askServicesBy(post: HostPost, monotonicMs: () => number): AskService {
  const services = new Map<string, Service>();
  return async ({ service: name, agentId, timeoutMs, answerBytesMax, question }) => {
    const service = services.get(name) ?? new Service();
    services.set(name, service);
    const rests = () => monotonicMs() < service.restsUntilMs;
    if (rests() || service.waiting.length >= waitingMax || service.agents.of(agentId) >= ofAgentMax)
      return undefined;
    service.agents.add(agentId, 1);
    const ends = AbortSignal.timeout(timeoutMs);
    try {
      if (!(await turn(service, ends))) return undefined;
      try {
        // Whoever waited goes by what came of the one before.
        if (rests()) return undefined;
        // After a rest one is asked, and the others go by what comes of it.
        if (service.faults >= faultsMax) service.restsUntilMs = monotonicMs() + restMs;
        const to = { entry: `atf-service-${name}`, timeoutMs, answerBytesMax, signal: ends };
        const answer = await post(to, question);
        service.faults = answer === undefined ? service.faults + 1 : 0;
        if (answer !== undefined) service.restsUntilMs = Number.NEGATIVE_INFINITY;
        else if (service.faults >= faultsMax) service.restsUntilMs = monotonicMs() + restMs;
        return answer;
      } finally {
        service.running -= 1;
        service.waiting.shift()?.();
      }
    } finally {
      service.agents.add(agentId, -1);
    }
  };
}

/** True: it is its turn, and `running` counts it. */
async function turn(service: Service, ends: AbortSignal): Promise<boolean> {
  if (service.running < atOnceMax) {
    service.running += 1;
    return true;
  }
  return await new Promise<boolean>((resolve) => {
    const go = () => {
      ends.removeEventListener('abort', late);
      service.running += 1;
      resolve(true);
    };
    const late = () => {
      const at = service.waiting.indexOf(go);
      if (at >= 0) service.waiting.splice(at, 1);
      resolve(false);
    };
    service.waiting.push(go);
    ends.addEventListener('abort', late, { once: true });
  });
}
