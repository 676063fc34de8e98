/**
 * Services and models that look at data for this gateway (D-3): how many are asked at one time, for whom, and when not at all. One that does not answer several times in a row is left
 * alone for a while, so that a dead one costs nobody its time limit; what it was not asked about counts as not looked at.
 */
import type { Json } from '@atf/core/wire/json';
import type { ModelDetector } from '@atf/core/wire/own-detectors';
import type { Silent } from '@atf/core/wire/silent';
import type { SettingsDoc } from '@atf/core/wire/feed';
import { Counted } from './counted.ts';
import type { PostTo } from './host-post.ts';

/** Of one service. */
export const atOnceMax = 8;
export const waitingMax = 64;
/** Of one agent, at one service. */
export const ofAgentMax = 16;
export const faultsMax = 5;
export const restMs = 10_000;

/** Where `servers.yaml` of the host says what they are. */
export const serviceEntry = (name: string): string => `atf-service-${name}`;
export const modelEntry = (name: string): string => `atf-model-${name}`;

export interface ServiceQuestion {
  readonly entry: string;
  /** Not a service: a model that this host runs. */
  readonly model?: ModelDetector;
  readonly agentId: string;
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
  readonly question: string;
}

/** One question to one of them; undefined: no answer. Never throws. */
export type AskOne = (
  to: PostTo & { readonly model?: ModelDetector },
  question: string,
) => Promise<Json | undefined>;

/** Undefined: nobody has looked. Never throws. */
export type AskService = (question: ServiceQuestion) => Promise<Json | undefined>;

export interface AskedServices {
  readonly ask: AskService;
  /** How many questions in a row it has not answered, the newest included; 0: it answers, or was not asked. */
  unanswered(entry: string): number;
}

class Service {
  readonly agents = new Counted();
  running = 0;
  readonly waiting: (() => void)[] = [];
  faults = 0;
  restsUntilMs = Number.NEGATIVE_INFINITY;
}

/** Of the services and models that the settings name, those that do not answer. */
export function silentOf(
  { unanswered }: Pick<AskedServices, 'unanswered'>,
  detectors: SettingsDoc['detectors'] = [],
): Silent[] {
  const asked = new Map<string, Pick<Silent, 'kind' | 'name'>>();
  for (const detector of detectors) {
    if ('service' in detector)
      asked.set(serviceEntry(detector.service), { kind: 'service', name: detector.service });
    if ('model' in detector) asked.set(modelEntry(detector.model), { kind: 'model', name: detector.model });
  }
  return [...asked].flatMap(([entry, about]) => {
    const questions = unanswered(entry);
    return questions === 0 ? [] : [{ ...about, questions }];
  });
}

export function askServicesBy(post: AskOne, monotonicMs: () => number): AskedServices {
  const services = new Map<string, Service>();
  const unanswered = (entry: string): number => services.get(entry)?.faults ?? 0;
  const ask: AskService = async ({ entry, model, agentId, timeoutMs, answerBytesMax, question }) => {
    const service = services.get(entry) ?? new Service();
    services.set(entry, service);
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
        const to = { entry, timeoutMs, answerBytesMax, signal: ends, ...(model && { model }) };
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
  return { ask, unanswered };
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
