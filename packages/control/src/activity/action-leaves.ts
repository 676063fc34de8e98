/** Room: activity (B-1). The records of one action, and what it said and got. Who may read that is decided by the routes. */
import { openPayload } from '@atf/core/audit/payload';
import { readPayload } from '../audit/payloads.ts';
import type { Control } from '../context.ts';
import { isDecision } from './item.ts';
import type { ReadableLog, ReadLeaf } from './log-reader.ts';
import { leavesOfPage } from './page.ts';

/** Records of one action: its decision, its outcome, its approval, its notification. */
const recordsOfActionMax = 100;

export interface ActionLeaves {
  /** The oldest first. */
  readonly leaves: readonly ReadLeaf[];
  readonly decided: ReadLeaf | undefined;
  readonly ended: ReadLeaf | undefined;
}

export async function leavesOfAction(
  control: Control,
  log: ReadableLog,
  actionId: string,
): Promise<ActionLeaves> {
  const newest = await leavesOfPage(control, log, { action: actionId, limit: recordsOfActionMax });
  const leaves = newest.reverse();
  return {
    leaves,
    decided: leaves.find(({ entry }) => isDecision(entry.type)),
    ended: leaves.find(({ entry }) => entry.type === 'action.outcome'),
  };
}

/** The decrypted payload of a record; undefined when there is none, it was erased, or it is not what the record commits to. */
export async function payloadText(control: Control, leaf: ReadLeaf | undefined): Promise<string | undefined> {
  const ref = leaf?.entry.payload;
  if (ref === undefined) return undefined;
  const stored = await readPayload(control.db, control.config.tenant, ref.id);
  if (stored.state !== 'present' || stored.sealed.commitment !== ref.commitment) return undefined;
  return openPayload(stored.sealed, control.keys.secret('payload', stored.sealed.kid).key)?.toString();
}
