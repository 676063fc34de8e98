/**
 * Room: audit (B-1). Control's own events: written in the transaction of the change that they report, so that neither can exist without
 * the other. The leaf is made here, once; the sequencer takes its exact bytes.
 */
import { type EntryDraft, encodeEntry } from '@atf/core/audit/entry';
import { refuse } from '@atf/core/errors';
import type { JsonObject } from '@atf/core/wire/json';
import { randomUUID } from 'node:crypto';
import type { Audit, Clock, Tx } from '../context.ts';
import { tellOfEvent } from '../notifications/outbox.ts';
import { insertPending } from './store.ts';

/**
 * Puts an event into the outbox. Returns its id, which stands in the leaf. Refuses `audit.record_too_large` by throwing, which rolls the
 * change back: what cannot be recorded is not done (invariant 1).
 */
export async function enqueue(tx: Tx, event: EntryDraft): Promise<string> {
  const id = randomUUID();
  const entry = encodeEntry(event, { control: id });
  if (entry === undefined) return refuse('audit.record_too_large', event.type);
  await insertPending(tx, event.tenant, [{ entry, place: undefined }]);
  await tellOfEvent(tx, { id, ...event });
  return id;
}

const idPattern = /^[A-Za-z0-9_.:-]{1,128}$/;

/** Fields of a body that the index of the activity knows. */
function indexed(
  body: Record<string, unknown>,
): Pick<EntryDraft, 'agent' | 'session' | 'action' | 'outcome'> {
  const pick = (name: string): string | undefined => {
    const value = body[name];
    return typeof value === 'string' && idPattern.test(value) ? value : undefined;
  };
  const found = {
    agent: pick('agentId'),
    session: pick('sid'),
    action: pick('actionId'),
    outcome: pick('outcome'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** The {@link Audit} that every room of control is given. `agentId`, `sid`, `actionId` and `outcome` of a body are indexed. */
export function auditOf(tenant: string, clock: Clock): Audit {
  return {
    async enqueue(tx, type, body) {
      const at = new Date(clock.nowMs()).toISOString();
      await enqueue(tx, { type, at, tenant, ...indexed(body), body: body as JsonObject });
    },
  };
}
