/** Room: overview. Counts over the tables of other rooms, one query each. */
import { sql } from 'kysely';
import type { Level } from '@atf/core/wire/words';
import type { Db } from '../context.ts';

export async function agentsByLevel(db: Db, tenant: string): Promise<{ level: Level; count: number }[]> {
  return db
    .selectFrom('agent')
    .select(['level', sql<number>`count(*)::int`.as('count')])
    .where('tenant', '=', tenant)
    .groupBy('level')
    .execute();
}

export async function waitingApprovals(
  db: Db,
  tenant: string,
  nowMs: number,
): Promise<{ count: number; oldestMs: number | null }> {
  return db
    .selectFrom('approval')
    .select([sql<number>`count(*)::int`.as('count'), sql<number | null>`min(requested_at)`.as('oldestMs')])
    .where('tenant', '=', tenant)
    .where('state', '=', 'waiting')
    .where('expires_at', '>', nowMs)
    .executeTakeFirstOrThrow();
}

export async function quarantinedTools(db: Db, tenant: string): Promise<number> {
  const { count } = await db
    .selectFrom('tool')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('tenant', '=', tenant)
    .where('state', '=', 'quarantined')
    .executeTakeFirstOrThrow();
  return count;
}
