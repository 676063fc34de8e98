/** Room: approvals (D-4). Which calls people review afterwards, out of the records that gateways ship. */
import { randomUUID } from 'node:crypto';
import type { Entry } from '@atf/core/audit/entry';
import { isJsonObject, type Json } from '@atf/core/wire/json';
import {
  type ReviewCall,
  reviewCallsAdded,
  reviewLabelsMax,
  type ReviewReason,
  reviewReasons,
} from '@atf/core/wire/review';
import { uuidSchema } from '@atf/core/wire/words';
import type { Tx } from '../context.ts';
import { addToReview } from './review-store.ts';

const hourMs = 3_600_000;

interface Call extends ReviewCall {
  readonly agentId: string;
  readonly reasons: readonly ReviewReason[];
  readonly atMs: number;
}

const strings = (value: Json | undefined): string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];

/** A call that somebody reviews, out of its outcome; what a gateway writes otherwise is no such call. */
function callOf({ type, at, body }: Entry): Call | undefined {
  if (type !== 'action.outcome' || !isJsonObject(body) || body['review'] === undefined) return undefined;
  const { agentId, actionId, server, tool, data } = body;
  const reasons = reviewReasons.filter((each) => strings(body['review']).includes(each));
  if (!uuidSchema.safeParse(agentId).success || !uuidSchema.safeParse(actionId).success) return undefined;
  if (reasons.length === 0) return undefined;
  const labels = isJsonObject(data) ? strings(data['labels']) : [];
  return {
    agentId: String(agentId),
    actionId: String(actionId),
    at,
    atMs: Date.parse(at),
    tool: `${String(server)}/${String(tool)}`.slice(0, 200),
    labels: labels.slice(0, reviewLabelsMax).map((label) => label.slice(0, 100)),
    reasons,
  };
}

export const times = (calls: readonly Pick<ReviewCall, 'at'>[]) => {
  const all = calls.map(({ at }) => Date.parse(at));
  return { first_at: Math.min(...all), last_at: Math.max(...all) };
};

/** As the table holds them. */
export const written = (calls: readonly ReviewCall[]): string =>
  JSON.stringify(calls.map(({ actionId, at, tool, labels }) => ({ actionId, at, tool, labels })));

/** Notes the calls to be reviewed among records that gateways have shipped, in the transaction that takes them in. */
export async function noteReviews(tx: Tx, tenant: string, entries: readonly Entry[]): Promise<void> {
  const groups = new Map<string, { readonly because: ReviewReason; readonly calls: Call[] }>();
  for (const entry of entries) {
    const call = callOf(entry);
    for (const because of call?.reasons ?? []) {
      if (call === undefined) continue;
      const key = `${call.agentId} ${because} ${Math.floor(call.atMs / hourMs)}`;
      const group = groups.get(key) ?? { because, calls: [] };
      group.calls.push(call);
      groups.set(key, group);
    }
  }
  // In one order everywhere: two gateways that ship at once wait for each other and not in a circle.
  for (const [group_key, { because, calls }] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1)))
    for (let from = 0; from < calls.length; from += reviewCallsAdded) {
      const added = calls.slice(from, from + reviewCallsAdded);
      await addToReview(tx, {
        tenant,
        id: randomUUID(),
        group_key,
        agent_id: calls[0]?.agentId ?? '',
        because,
        state: 'open',
        calls: written(added),
        is_full: false,
        ...times(added),
        told: false,
        decided_by: null,
        decided_at: null,
        note: null,
      });
    }
}
