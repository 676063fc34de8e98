/** Room: activity. Names of agents and people for lines of the log, which hold ids only. */
import type { Entry } from '@atf/core/audit/entry';
import type { Control } from '../context.ts';
import { agentNames, peopleByIds } from '../identity/store.ts';
import type { Names } from './item.ts';

const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Looks up every id that stands in these entries, in two queries. */
export async function namesFor(control: Control, entries: readonly Entry[]): Promise<Names> {
  const { tenant } = control.config;
  const ids = new Set<string>();
  const agents = new Set<string>();
  for (const { agent, body } of entries) {
    if (agent !== undefined) agents.add(agent);
    // Of a stop, `scope` says whom it concerns: the agent above, or an owner.
    const scope: unknown = body['scope'];
    const nested = typeof scope === 'object' && scope !== null ? Object.values(scope) : [];
    for (const value of [...Object.values(body), ...nested])
      if (typeof value === 'string' && idPattern.test(value)) ids.add(value);
  }
  const people = await peopleByIds(control.db, tenant, [...ids]);
  const named = await agentNames(control.db, tenant, [...agents]);
  return { agent: (id) => named.get(id), person: (id) => people.get(id)?.name };
}
