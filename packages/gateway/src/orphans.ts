/**
 * Room: audit (B-1, invariant 5), after a crash. An intent whose outcome was never recorded may have happened: the gateway says so as soon
 * as it is back, in the log and to whoever waits for an approved call. It looks at the records that are still on its disk.
 */
import { decodeEntry, type Entry, type EntryDraft } from '@atf/core/audit/entry';
import { decodeBatch } from '@atf/core/audit/spool-frame';
import type { OutcomeRecord } from '@atf/core/record';
import type { JsonObject } from '@atf/core/wire/json';
import type { OutcomeReports } from './outcome-reports.ts';
import type { Spool } from './spool.ts';

/** Newest records that are looked at. What was under way when the gateway died is among them. */
export const recordsLookedAtMax = 20_000;

export interface Orphan {
  readonly intent: Entry;
  readonly approvalId: string | undefined;
}

/** Intents without an outcome among the newest records. */
export async function findOrphans(spool: Pick<Spool, 'head' | 'readFrom'>): Promise<Orphan[]> {
  const open = new Map<string, Entry>();
  const { epoch, seq: newest } = spool.head();
  let seq = Math.max(0, newest - recordsLookedAtMax);
  for (;;) {
    const shipment = await spool.readFrom({ epoch, seq });
    const batch = shipment === undefined ? undefined : decodeBatch(shipment.frame);
    if (shipment === undefined || batch === undefined) break;
    for (const { entry: bytes } of batch.records) {
      const entry = decodeEntry(bytes);
      if (entry?.action === undefined) continue;
      if (entry.type === 'action.intent') open.set(entry.action, entry);
      if (entry.type === 'action.outcome') open.delete(entry.action);
    }
    seq = shipment.position.seq;
  }
  return [...open.values()].map((intent) => {
    const { approvalId } = intent.body;
    return { intent, approvalId: typeof approvalId === 'string' ? approvalId : undefined };
  });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function outcomeOf({ intent, approvalId }: Orphan, nowMs: number): EntryDraft {
  const { agentId, agent, server, tool } = intent.body;
  const body: OutcomeRecord = {
    actionId: intent.action ?? '',
    agentId: text(agentId),
    agent: text(agent),
    server: text(server),
    tool: text(tool),
    status: 'unknown',
    code: 'upstream.aborted',
    startedAt: intent.at,
    durationMs: Math.max(0, nowMs - Date.parse(intent.at)),
    approvalId,
    payload: undefined,
  };
  return {
    type: 'action.outcome',
    at: new Date(nowMs).toISOString(),
    tenant: intent.tenant,
    ...(intent.agent === undefined ? {} : { agent: intent.agent }),
    ...(intent.session === undefined ? {} : { session: intent.session }),
    ...(intent.action === undefined ? {} : { action: intent.action }),
    outcome: 'unknown',
    body: body as unknown as JsonObject,
  };
}

/** Records the outcome `unknown` of each orphan. Durable when it resolves, as far as the spool takes records. */
export async function recordOrphans(
  spool: Pick<Spool, 'append'>,
  orphans: readonly Orphan[],
  nowMs: number,
): Promise<void> {
  for (const orphan of orphans) await spool.append(outcomeOf(orphan, nowMs));
}

/** Tells control that nobody knows what came of the approved calls among them. */
export function reportOrphans(reports: Pick<OutcomeReports, 'hold'>, orphans: readonly Orphan[]): void {
  for (const { intent, approvalId } of orphans) {
    if (approvalId !== undefined && intent.action !== undefined)
      reports.hold(approvalId, intent.action, { status: 'unknown' });
  }
}
