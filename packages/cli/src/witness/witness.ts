/**
 * Room: audit (B-1, invariant 8), witness side: joins the rules (core/audit/witness.ts), the state and the key. For one log, deciding, storing and signing are
 * one step that nothing comes between; what is signed was durable before. Not here: HTTP.
 */
import type { CheckpointSigner } from '@atf/core/audit/checkpoint';
import { cosign } from '@atf/core/audit/cosignature';
import {
  claimedOrigin,
  decideWitness,
  type KnownLogs,
  parseAddCheckpoint,
  sizeMediaType,
} from '@atf/core/audit/witness';
import type { WitnessState } from './witness-state.ts';

/** Requests of one log that may wait for each other. */
const waitingMax = 32;

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503;
  readonly type: string;
  readonly body: string;
}

export interface WitnessParts {
  readonly signer: CheckpointSigner;
  readonly logs: KnownLogs;
  readonly state: WitnessState;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
  /** False once another process took over the directory. */
  readonly holds: () => boolean;
  readonly tell: (event: WitnessEvent) => void;
}

export type WitnessEvent =
  | { readonly event: 'cosigned'; readonly origin: string; readonly size: number }
  | {
      readonly event: 'contradicted';
      readonly origin: string;
      readonly status: 409 | 422;
      /** Size that was cosigned before. */
      readonly size: number;
    };

const text = 'text/plain; charset=utf-8';
const answer = (status: WitnessAnswer['status'], body: string, type = text): WitnessAnswer => ({
  status,
  type,
  body,
});

export class Witness {
  private readonly parts: WitnessParts;
  private readonly lanes = new Map<string, { waiting: number; last: Promise<unknown> }>();

  constructor(parts: WitnessParts) {
    this.parts = parts;
  }

  /** Answers the body of one `add-checkpoint`. Rejects when the state cannot be read or written; nothing is signed then. */
  async addCheckpoint(body: string): Promise<WitnessAnswer> {
    const request = parseAddCheckpoint(body);
    const origin = request === undefined ? undefined : claimedOrigin(request.note);
    if (request === undefined || origin === undefined) return answer(400, 'malformed\n');
    // Lanes are for known logs only, so strangers cannot make any.
    if (!this.parts.logs.has(origin)) return answer(404, 'unknown log\n');
    return this.inTurn(origin, () => this.decide(origin, body, request));
  }

  private async inTurn(origin: string, work: () => Promise<WitnessAnswer>): Promise<WitnessAnswer> {
    const lane = this.lanes.get(origin) ?? { waiting: 0, last: Promise.resolve() };
    this.lanes.set(origin, lane);
    if (lane.waiting >= waitingMax) return answer(503, 'too many requests of this log wait\n');
    lane.waiting += 1;
    const mine = lane.last.then(work);
    lane.last = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      lane.waiting -= 1;
    }
  }

  private async decide(
    origin: string,
    body: string,
    request: NonNullable<ReturnType<typeof parseAddCheckpoint>>,
  ): Promise<WitnessAnswer> {
    const { logs, state, signer, nowMs, holds, tell } = this.parts;
    const latest = await state.latest(origin);
    const decision = decideWitness(request, logs, latest?.checkpoint);
    switch (decision.status) {
      case 200: {
        if (!holds()) return answer(503, 'another process has taken over this witness\n');
        if (latest?.note !== request.note) await state.advance(origin, request.note);
        const line = cosign(decision.text, signer, Math.floor(nowMs() / 1_000));
        tell({ event: 'cosigned', origin, size: decision.checkpoint.size });
        return answer(200, `${line}\n`);
      }
      case 409:
        if (decision.conflicting) await this.contradicted(origin, 409, body, request.note, latest);
        return answer(409, `${decision.size}\n`, sizeMediaType);
      case 422:
        await this.contradicted(origin, 422, body, request.note, latest);
        return answer(422, 'the consistency proof does not verify\n');
      case 400:
        return answer(400, 'malformed\n');
      case 403:
        return answer(403, 'not signed by a known key of this log\n');
      case 404:
        return answer(404, 'unknown log\n');
    }
  }

  private async contradicted(
    origin: string,
    status: 409 | 422,
    body: string,
    note: string,
    latest: Awaited<ReturnType<WitnessState['latest']>>,
  ): Promise<void> {
    if (await this.parts.state.keepEvidence(body, note, latest?.note ?? ''))
      this.parts.tell({ event: 'contradicted', origin, status, size: latest?.checkpoint.size ?? 0 });
  }
}
