/**
 * Detectors of the company's own that ask a service, or a model of this host (D-3). Inspection is synchronous, so a value is walked twice: once to learn which texts would be looked at, and, when the
 * services and models have answered about them, once with their answers.
 */
import type { Channel } from '@atf/core/data/detectors/detector';
import type { InspectOptions } from '@atf/core/data/inspect';
import type { MadeDetector } from '@atf/core/data/own/own-detectors';
import {
  answered,
  AskedTexts,
  placesAnswered,
  serviceAnswerBytesMax,
  serviceQuestion,
} from '@atf/core/data/own/service';
import type { AskedDetector } from '@atf/core/wire/own-detectors';
import { type AskService, modelEntry, serviceEntry } from './asked-services.ts';

/** Who asks, and by what; absent `ask`: no service can be asked. */
export interface Asking {
  readonly ask: AskService | undefined;
  readonly agentId: string;
}

export interface OwnWithAnswers {
  readonly own: readonly MadeDetector[];
  /** Which have not looked at all of it, and by the settings hold nothing up. */
  readonly unanswered: readonly MadeDetector[];
}

export const asksServices = (own: readonly MadeDetector[], channel: Channel): boolean =>
  own.some(({ asked, channels }) => asked !== undefined && channels.includes(channel));

/** `look`: walks the value with these options and forgets what it finds. */
export async function withAnswers(
  own: readonly MadeDetector[],
  channel: Channel,
  { ask, agentId }: Asking,
  look: (options: Pick<InspectOptions, 'own' | 'ownOnly'>) => Promise<unknown>,
): Promise<OwnWithAnswers> {
  const [first] = own.filter(({ asked }) => asked !== undefined);
  if (first === undefined || !asksServices(own, channel)) return { own, unanswered: [] };
  const texts = new AskedTexts();
  await look({ own: [{ ...first, channels: [channel], find: texts.add }], ownOnly: true });
  const about = async (asked: AskedDetector) => {
    if (texts.all.length === 0) return new Map<string, []>();
    if (ask === undefined) return undefined;
    const answer = await ask({
      ...('model' in asked
        ? { entry: modelEntry(asked.model), model: asked }
        : { entry: serviceEntry(asked.service) }),
      agentId,
      timeoutMs: asked.timeoutMs,
      answerBytesMax: serviceAnswerBytesMax,
      question: serviceQuestion(asked, texts.all),
    });
    return placesAnswered(answer, texts.all, asked);
  };
  const unanswered: MadeDetector[] = [];
  const all = await Promise.all(
    own.map(async (detector): Promise<MadeDetector> => {
      const { asked, channels } = detector;
      if (asked === undefined || !channels.includes(channel)) return detector;
      const places = await about(asked);
      const looks = places === undefined ? detector : answered(detector, places);
      if (asked.unanswered === 'refuse') return looks;
      if (places === undefined || texts.cut) unanswered.push(detector);
      return { ...looks, find: (text) => places?.get(text) ?? [] };
    }),
  );
  return { own: all, unanswered };
}
