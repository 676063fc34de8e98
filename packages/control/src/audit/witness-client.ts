/**
 * Room: audit (B-1, invariant 8): asks one witness over HTTP (C2SP tlog-witness). Whatever it answers costs a bounded time and a bounded memory. Not here:
 * what an answer means (witnessing.ts).
 */
import { addCheckpointPath, parseSize, sizeMediaType } from '@atf/core/audit/witness';

/** Time in which a witness must have answered completely. */
export const answerWithinMs = 5_000;
/** Far more than a line for each kind of key. */
const answerBytesMax = 65_536;

export interface WitnessReply {
  readonly status: number;
  readonly text: string;
  /** Size of the latest cosigned checkpoint, from an answer 409 of the right type. */
  readonly size: number | undefined;
}

/** Sends one `add-checkpoint` to a submission prefix. Rejects when there is no answer in time, one that is too long, or a redirection. */
export type AskWitness = (prefix: string, body: string, stopped: AbortSignal) => Promise<WitnessReply>;

export const askWitness: AskWitness = async (prefix, body, stopped) => {
  const response = await fetch(`${prefix.replace(/\/+$/, '')}${addCheckpointPath}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    // A witness is where the policy says, and nowhere else.
    redirect: 'error',
    signal: AbortSignal.any([stopped, AbortSignal.timeout(answerWithinMs)]),
  });
  const text = await boundedText(response);
  const type = response.headers.get('content-type')?.split(';')[0]?.trim();
  const size =
    response.status === 409 && type === sizeMediaType ? parseSize(text.replace(/\n$/, '')) : undefined;
  return { status: response.status, text, size };
};

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > answerBytesMax) throw new RangeError('the answer of a witness is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
