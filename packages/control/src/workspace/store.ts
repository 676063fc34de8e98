/** Room: workspace. SQL of the mark that the example workspace was set up. */
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';

export async function setupDone(db: Db | Tx, tenant: string): Promise<boolean> {
  const row = await db
    .selectFrom('workspace_setup')
    .select('digest')
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  return row !== undefined;
}

export async function markSetup(
  tx: Tx,
  row: { tenant: string; digest: string; done_at: number },
): Promise<void> {
  await tx.insertInto('workspace_setup').values(row).execute();
}

/** Nothing was registered yet, by nobody. */
export async function registryEmpty(db: Db | Tx, tenant: string): Promise<boolean> {
  const { count } = await db
    .selectFrom('agent')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  return count === 0;
}
