/**
 * Approvals at control, as a model: an exact call waits for a person, is released once by compare-and-set, and keeps its outcome. What was
 * shown is told to the checks.
 */
import { sha256 } from '@atf/core/digest';
import { refusal } from '@atf/core/errors';
import type { ResponseOf } from '@atf/core/wire/api';
import type { ApprovalDoc, FeedDoc, FeedTopic } from '@atf/core/wire/feed';
import { canonicalJson } from '@atf/core/wire/json';
import type { ControlAnswer, ControlCall } from '@atf/gateway/ports';
import type { Checks } from './checks.ts';
import type { Random } from './random.ts';
import type { WritableView } from './rows.ts';

const approvalSeconds = 6;

export type Put = <T extends FeedTopic>(topic: T, key: string, body: FeedDoc<T> | null) => void;
/** One change in one transaction, with the documents that it writes; false when it was not heard to succeed. */
export type Change = (
  what: string,
  about: readonly string[],
  work: (tx: WritableView, put: Put) => void,
  applied?: () => void,
) => Promise<boolean>;
export type ApprovalRequest = NonNullable<ControlCall<'gateway.requestApproval'>['body']>;
export type StoredOutcome = NonNullable<ResponseOf<'gateway.redeemApproval'>['outcome']>;

interface ApprovalRow {
  readonly doc: ApprovalDoc;
  readonly instanceId: string;
  readonly argsText: string;
  readonly consumedBy: string | undefined;
  readonly outcome: StoredOutcome | undefined;
}

export interface ApprovalsInput {
  readonly checks: Checks;
  readonly random: Random;
  readonly nowMs: () => number;
  /** A call waits for a person. */
  readonly onWaiting: (doc: ApprovalDoc) => void;
  /** Faults put here on purpose, to prove that the checks see them. */
  readonly faults: {
    readonly releaseAlways: boolean;
    readonly otherBytes: boolean;
    /** Each gateway has a limit of its own. */
    readonly ownBudgets: boolean;
    /** A restore does not stop the fleet. */
    readonly restoresRunning: boolean;
    /** A restore leaves approvals open that were so at the time of the backup. */
    readonly restoresOpen: boolean;
  };
}

export class Approvals {
  readonly #input: ApprovalsInput;
  readonly #change: Change;

  constructor(input: ApprovalsInput, change: Change) {
    this.#input = input;
    this.#change = change;
  }

  /** A kill voids what waits for a person, and what was released and not spent. */
  voidAll(tx: WritableView, put: Put, agentId: string): void {
    for (const row of tx.values<ApprovalRow>('approval')) {
      const open = row.doc.state === 'waiting' || row.doc.state === 'approved';
      if (row.doc.agentId === agentId && open) this.#setApproval(tx, put, row, { state: 'void' });
    }
  }

  /** A person answers; nothing happens when it does not wait any more. */
  async decide(id: string, approve: boolean): Promise<boolean> {
    let decided = false;
    await this.#change(
      `approval ${id.slice(0, 8)} is ${approve ? 'approved' : 'rejected'}`,
      [id],
      (tx, put) => {
        const row = tx.get<ApprovalRow>('approval', id);
        decided = row?.doc.state === 'waiting' && !this.#expired(row);
        if (row !== undefined && decided)
          this.#setApproval(tx, put, row, {
            state: approve ? 'approved' : 'rejected',
            decidedBy: 'a person',
          });
      },
      () => {
        const shown = this.#input.checks.approvals.get(id);
        if (shown !== undefined && decided && approve) shown.approved = true;
      },
    );
    return decided && approve;
  }

  #expired({ doc }: ApprovalRow): boolean {
    return this.#input.nowMs() >= Date.parse(doc.expiresAt);
  }

  #setApproval(
    tx: WritableView,
    put: Put,
    row: ApprovalRow,
    change: Partial<ApprovalDoc>,
    more: Partial<ApprovalRow> = {},
  ): ApprovalRow {
    const next = { ...row, ...more, doc: { ...row.doc, ...change } };
    tx.set('approval', row.doc.id, next);
    put('approval', row.doc.id, next.doc);
    return next;
  }

  async request(body: ApprovalRequest): Promise<ControlAnswer<unknown> | undefined> {
    const { random, nowMs, checks, onWaiting } = this.#input;
    if (sha256(body.argsText) !== body.argsDigest)
      return { ok: false, refusal: refusal('approvals.digest_mismatch'), sent: true };
    let row: ApprovalRow | undefined;
    let made = false;
    const id = random.uuid();
    const changed = await this.#change(
      `approval ${id.slice(0, 8)} is asked for ${body.tool}, or waits already`,
      [id, body.agentId, body.actionId],
      (tx, put) => {
        const equal = tx
          .values<ApprovalRow>('approval')
          .find(
            ({ doc, instanceId }) =>
              (doc.state === 'waiting' || doc.state === 'approved') &&
              doc.agentId === body.agentId &&
              instanceId === body.instanceId &&
              doc.tool === body.tool &&
              doc.argsDigest === body.argsDigest &&
              doc.definitionDigest === body.definitionDigest,
          );
        made = equal === undefined || this.#expired(equal);
        if (!made) {
          row = equal;
          return;
        }
        const { agentId, sid, tool, argsDigest, definitionDigest: definition } = body;
        const expiresAt = new Date(nowMs() + approvalSeconds * 1_000).toISOString();
        const doc: ApprovalDoc = {
          id,
          agentId,
          sid,
          tool,
          argsDigest,
          definitionDigest: definition,
          state: 'waiting',
          expiresAt,
        };
        row = {
          doc,
          instanceId: body.instanceId,
          argsText: body.argsText,
          consumedBy: undefined,
          outcome: undefined,
        };
        this.#setApproval(tx, put, row, {});
      },
      () => {
        if (!made || row === undefined) return;
        checks.approvals.set(id, { shown: row.argsText, approved: false });
        onWaiting(row.doc);
      },
    );
    if (!changed || row === undefined) return undefined;
    return { ok: true, value: { id: row.doc.id, state: row.doc.state, expiresAt: row.doc.expiresAt } };
  }

  async redeem(
    id: string,
    { agentId, actionId }: { agentId: string; actionId: string },
  ): Promise<ControlAnswer<unknown> | undefined> {
    const { faults } = this.#input;
    let row: ApprovalRow | undefined;
    let released = false;
    const changed = await this.#change(
      `approval ${id.slice(0, 8)} is redeemed by ${actionId.slice(0, 8)}`,
      [id, actionId],
      (tx, put) => {
        row = tx.get<ApprovalRow>('approval', id);
        if (row === undefined || row.doc.agentId !== agentId) return;
        released = row.doc.state === 'approved' && !this.#expired(row);
        if (faults.releaseAlways && row.doc.state === 'done') released = true;
        if (released) row = this.#setApproval(tx, put, row, { state: 'consumed' }, { consumedBy: actionId });
      },
    );
    if (!changed) return undefined;
    if (row === undefined || row.doc.agentId !== agentId)
      return { ok: false, refusal: refusal('approvals.not_found'), sent: true };
    const { doc, outcome } = row;
    const { tool, argsDigest, definitionDigest: definition, expiresAt, state, decidedBy, reason } = doc;
    const text = faults.otherBytes ? canonicalJson({ n: 0 }) : row.argsText;
    const value = {
      ...{ state, released, tool, definitionDigest: definition, expiresAt },
      argsDigest: faults.otherBytes ? sha256(text) : argsDigest,
      ...(released ? { argsText: text } : {}),
      ...(decidedBy === undefined ? {} : { decidedBy }),
      ...(reason === undefined ? {} : { reason }),
      ...(outcome === undefined ? {} : { outcome }),
    };
    return { ok: true, value };
  }

  async finish(
    id: string,
    { actionId, outcome }: { actionId: string; outcome: StoredOutcome },
  ): Promise<ControlAnswer<unknown> | undefined> {
    const changed = await this.#change(
      `approval ${id.slice(0, 8)} came to ${outcome.status}`,
      [id, actionId],
      (tx, put) => {
        const row = tx.get<ApprovalRow>('approval', id);
        if (row?.doc.state !== 'consumed' || row.consumedBy !== actionId) return;
        this.#setApproval(
          tx,
          put,
          row,
          { state: outcome.status === 'unknown' ? 'unknown' : 'done' },
          { outcome },
        );
      },
    );
    return changed ? { ok: true, value: { ok: true } } : undefined;
  }
}
