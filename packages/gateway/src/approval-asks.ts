/**
 * Room: maturity (approvals by elicitation in URL mode, MCP 2025-11-25 and 2026-07-28). A client that opens addresses for its person is given the page of the console
 * where the call is decided, and its call waits for that. What the client answers releases nothing: it only says whether to wait. The decision is that of a person who is
 * present in the console, and the stored call is redeemed as by everybody else.
 */
import type { CredentialFacts } from '@atf/core/world';
import type { CallAnswer } from './answers.ts';
import { isBuiltIn } from './built-in-tools.ts';
import type { Pipeline } from './pipeline.ts';
import type { ActionRequest, InputAnswers, InputRequests, RefusalFacts } from './protocols/protocol.ts';

/** How long one request is held. Clients of 2026-07-28 come again. */
export const heldMsMax = { stream: 240_000, round: 25_000 } as const;
/** Requests held at once, of all agents and of one. */
export const heldMax = 512;
export const heldOfAgentMax = 16;
const key = 'atf_approval';

/** The approval that the answer to a request waits for; questions about approvals do not wait. */
export function waitsFor(request: ActionRequest, answer: CallAnswer): string | undefined {
  if (answer.kind !== 'refused' || answer.facts.outcome !== 'waiting') return undefined;
  return request.kind === 'tools_call' && isBuiltIn(request.toolName) ? undefined : answer.facts.approvalId;
}

export class ApprovalAsks {
  readonly #pipeline: Pipeline;
  readonly #held = new Map<string, number>();
  #heldAll = 0;
  #news = Promise.withResolvers<void>();

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
  }

  /** Something about approvals is new. */
  observe(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** What the client is asked; undefined: there is no page to show. */
  asked({ approvalId, refusal }: Pick<RefusalFacts, 'approvalId' | 'refusal'>): InputRequests | undefined {
    const url = approvalId === undefined ? undefined : this.#pipeline.approvalUrl(approvalId);
    if (url === undefined || approvalId === undefined) return undefined;
    const why = refusal.detail === undefined ? '' : ` ${refusal.detail}`;
    const message = `This call waits for a person who may approve it.${why} Open the page to see exactly what would run, and decide there.`;
    return {
      [key]: { kind: 'elicitation', params: { mode: 'url', elicitationId: approvalId, url, message } },
    };
  }

  /** Whether its person went to look; otherwise nobody waits here. */
  accepted(answers: InputAnswers | undefined): boolean {
    return answers?.[key]?.['action'] === 'accept';
  }

  /** Whether there is an answer at all: its person has the page, or does not want it. */
  answered(answers: InputAnswers): boolean {
    return answers[key] !== undefined;
  }

  /** Resolves once it is decided, its time or this one is over, or the client went. */
  async decided(
    credential: CredentialFacts,
    approvalId: string,
    heldMs: number,
    gone: AbortSignal,
  ): Promise<void> {
    const over = AbortSignal.any([gone, AbortSignal.timeout(heldMs)]);
    await this.until(credential, over, () => this.#pipeline.waits(credential, approvalId));
  }

  /** Resolves once `still` is false after some news, or it is over; at once where too many wait already. */
  async until({ agentId }: CredentialFacts, over: AbortSignal, still: () => boolean): Promise<void> {
    const own = this.#held.get(agentId) ?? 0;
    // Requests that are held must not take the place of everybody else's: whoever is over comes again.
    if (own >= heldOfAgentMax || this.#heldAll >= heldMax) return;
    this.#held.set(agentId, own + 1);
    this.#heldAll++;
    try {
      while (still() && !over.aborted) await this.#next(over);
    } finally {
      this.#heldAll--;
      const left = (this.#held.get(agentId) ?? 1) - 1;
      if (left > 0) this.#held.set(agentId, left);
      else this.#held.delete(agentId);
    }
  }

  async redeem(credential: CredentialFacts, approvalId: string): Promise<CallAnswer> {
    const actionId = this.#pipeline.newActionId();
    return await this.#pipeline.redeem(credential, { approvalId, actionId, protocol: 'mcp' });
  }

  async #next(over: AbortSignal): Promise<void> {
    let onOver: (() => void) | undefined;
    const ended = new Promise<void>((resolve) => {
      onOver = resolve;
      over.addEventListener('abort', onOver, { once: true });
    });
    await Promise.race([this.#news.promise, ended]);
    if (onOver !== undefined) over.removeEventListener('abort', onOver);
  }
}
