/** Room: incident. Why a person did something: their own words, which stay in the table. The log has the id in their place. */
import { randomUUID } from 'node:crypto';
import type { Control, Tx } from '../context.ts';
import { insertContainmentEvent } from './store.ts';
import type { IncidentTables } from './tables.ts';

type Kept = Pick<IncidentTables['containment_event'], 'kind' | 'key' | 'reason'>;

/** The id under which it is kept. `by`: of the person. */
export async function keepReason(control: Control, tx: Tx, by: string, kept: Kept): Promise<string> {
  const id = randomUUID();
  await insertContainmentEvent(tx, {
    tenant: control.config.tenant,
    id,
    at: control.clock.nowMs(),
    ...kept,
    by_id: by,
  });
  return id;
}
