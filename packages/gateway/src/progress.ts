/**
 * Progress of a call on its way to the agent (MCP, progress). What a tool server says while it works is neither inspected nor recorded, so only how far it
 * is leaves, in whole steps of at most a hundred: no text, no fractions, nothing that goes back. The result comes after its record, as ever.
 */
import type { AgentStream } from './agent-stream.ts';
import type { ParsedRequest, RequestId } from './protocols/protocol.ts';

export const stepsMax = 100;

/** As a tool server says it. */
export interface ProgressSaid {
  readonly progress: number;
  readonly total?: number | undefined;
}
export type OnProgress = (said: ProgressSaid) => void;

/** Turns what a server says into steps that only rise: of a hundred where it knows the whole, else counted. */
export class ProgressSteps {
  #last = 0;
  #counted = 0;

  /** Undefined: nothing new is told. */
  take({
    progress,
    total,
  }: ProgressSaid): { readonly progress: number; readonly total?: number } | undefined {
    const known = total !== undefined && Number.isFinite(total) && total > 0 && Number.isFinite(progress);
    if (!known) this.#counted++;
    const step = known ? Math.floor((stepsMax * progress) / total) : this.#counted;
    if (!(step > this.#last) || step > stepsMax) return undefined;
    this.#last = step;
    return known ? { progress: step, total: stepsMax } : { progress: step };
  }
}

/** What tells the client of progress, if it asked and can read it. */
export function progressFor(parsed: ParsedRequest, stream: AgentStream | undefined): OnProgress | undefined {
  const token: RequestId | undefined = 'progressToken' in parsed ? parsed.progressToken : undefined;
  if (token === undefined || stream === undefined) return undefined;
  const steps = new ProgressSteps();
  return (said) => {
    const step = steps.take(said);
    if (step === undefined) return;
    const params = { progressToken: token, ...step };
    stream.send({ jsonrpc: '2.0', method: 'notifications/progress', params });
  };
}
