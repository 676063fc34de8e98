/**
 * Step 8 of the pipeline for answers that are given on while they come (D-3): what is done with a result as a whole (data-inspection.ts) is done here with a window
 * of it. Text is masked by the agent's level; where that is not possible, and in bytes, the stream ends.
 */
import {
  ByteStreamInspection,
  type Look,
  type Passed,
  TextStreamInspection,
  UnitStreamInspection,
} from '@atf/core/data/stream-inspection';
import { streamForm } from '@atf/core/data/stream-units';
import type { Tally } from '@atf/core/data/tally';
import { TextDecoder } from 'node:util';
import { injectionVerdict, isOrderWithheld } from '@atf/core/data/injection';
import { driven, inspectHead, isWithheld, maskOf, ownOf, recordOf } from './data-inspection.ts';
import { WorstScore } from './models.ts';
import {
  type LookAtStream,
  StreamCutError,
  StreamUninspectedError,
  StreamUnreadableError,
} from './protocols/http-stream.ts';

/** See `LookAtStream`. */
export const lookAtStream: LookAtStream = ({ head, charset, level, settings, tokens, onFound }) => {
  const mask = maskOf(settings, level);
  const own = ownOf(settings);
  const headers = inspectHead(head.headers, mask, own);
  const form = streamForm(head.type);
  if (form === 'bytes' && isWithheld(settings, level))
    throw new StreamUninspectedError('Its bytes were not asked for any further.');
  const worst = new WorstScore('injection-read');
  const options = {
    ...{ mask, own, hear: worst.hear },
    ...(tokens === undefined ? {} : { tokenised: tokens.is }),
  };
  const stream =
    form === 'bytes'
      ? new ByteStreamInspection(options)
      : decoding(
          form === 'text' ? new TextStreamInspection(options) : new UnitStreamInspection(form, options),
          decoderOf(charset),
        );
  stream.tally.add(headers.inspection);
  const data = () => recordOf([stream.tally], worst);
  /** Labels that the session has by now. */
  let told: string | undefined;
  /** What may leave of what came: nothing where it is a mask too late, or an order that this agent is not given. */
  const given = async (passed: Passed<Uint8Array>): Promise<Uint8Array> => {
    if ('cut' in passed) throw new StreamCutError(passed.cut, data());
    if (isOrderWithheld(injectionVerdict(worst.worst.verdict, [stream.tally]), level, settings?.injection))
      throw new StreamCutError('order', data());
    const found = data();
    const labels = found?.labels.join(' ');
    if (found !== undefined && labels !== told && onFound !== undefined && !(await onFound(found)))
      throw new StreamCutError('untold', found);
    told = labels;
    return passed.out;
  };
  return {
    head: { ...head, headers: headers.value as Readonly<Record<string, string>> },
    look: {
      take: async (chunk) => await given(await driven(stream.take(chunk), tokens?.keep)),
      end: async () => await given(await driven(stream.end(), tokens?.keep)),
      data,
    },
  };
};

interface OfText {
  readonly tally: Tally;
  take(text: string): Look<string>;
  end(): Look<string>;
}

interface OfBytes {
  readonly tally: Tally;
  take(bytes: Uint8Array): Look<Uint8Array>;
  end(): Look<Uint8Array>;
}

/** Text in the encoding that its service names, given on as UTF-8. Bytes that are none of it end it: they would be read differently elsewhere. */
function decoding(text: OfText, decoder: TextDecoder): OfBytes {
  const decoded = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw new StreamUnreadableError('The stream is not text in the encoding that its service names.');
    }
  };
  return {
    tally: text.tally,
    *take(bytes) {
      return encoded(yield* text.take(decoded(bytes)));
    },
    *end() {
      const last = encoded(yield* text.take(decoded()));
      if ('cut' in last) return last;
      const rest = encoded(yield* text.end());
      return 'cut' in rest ? rest : { out: Buffer.concat([last.out, rest.out]) };
    },
  };
}

const encoded = (passed: Passed<string>): Passed<Uint8Array> =>
  'out' in passed ? { out: Buffer.from(passed.out) } : passed;

function decoderOf(charset = 'utf-8'): TextDecoder {
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch {
    throw new StreamUnreadableError('The service names an encoding of text that is not known.');
  }
}
