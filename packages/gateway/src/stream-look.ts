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
import { driven, inspectHead, isWithheld, maskOf, ownOf, recordOf } from './data-inspection.ts';
import {
  type LookAtStream,
  StreamCutError,
  StreamUninspectedError,
  StreamUnreadableError,
} from './protocols/http-stream.ts';

/** See `LookAtStream`. */
export const lookAtStream: LookAtStream = ({ head, charset, level, settings, tokens }) => {
  const mask = maskOf(settings, level);
  const own = ownOf(settings);
  const headers = inspectHead(head.headers, mask, own);
  const form = streamForm(head.type);
  if (form === 'bytes' && isWithheld(settings, level))
    throw new StreamUninspectedError('Its bytes were not asked for any further.');
  const stream =
    form === 'bytes'
      ? new ByteStreamInspection(mask, own)
      : decoding(
          form === 'text'
            ? new TextStreamInspection(mask, own, tokens?.is)
            : new UnitStreamInspection(form, mask, own, tokens?.is),
          decoderOf(charset),
        );
  stream.tally.add(headers.inspection);
  return {
    head: { ...head, headers: headers.value as Readonly<Record<string, string>> },
    look: {
      take: async (chunk) => given(await driven(stream.take(chunk), tokens?.keep), stream.tally),
      end: async () => given(await driven(stream.end(), tokens?.keep), stream.tally),
      data: () => recordOf([stream.tally]),
    },
  };
};

function given(passed: Passed<Uint8Array>, tally: Tally): Uint8Array {
  if ('out' in passed) return passed.out;
  throw new StreamCutError(passed.cut, recordOf([tally]));
}

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
