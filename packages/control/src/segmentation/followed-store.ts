/** Room: segmentation (S-3). SQL of rates that follow what is usual. */
import type { Adapted, Followed } from '@atf/core/wire/adaptive';
import type { Level } from '@atf/core/wire/words';
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';

export interface Follower {
  readonly id: string;
  readonly level: Level;
  readonly followed: Followed | undefined;
  /** Calls an hour; null: there is no baseline yet. */
  readonly baseline: number | null;
}

const selectFollowers = (db: Db | Tx, tenant: string) =>
  db
    .selectFrom('agent as a')
    .leftJoin('volume_baseline as b', (join) =>
      join.onRef('b.tenant', '=', 'a.tenant').onRef('b.agent_id', '=', 'a.id'),
    )
    .select(['a.id', 'a.level', 'a.adapted', 'b.calls as baseline'])
    .where('a.tenant', '=', tenant);

const followerFrom = ({
  adapted,
  ...row
}: Omit<Follower, 'followed'> & { readonly adapted: Adapted }): Follower => ({
  ...row,
  followed: adapted.followed,
});

/** Agents that are Principals, or whose rate followed what was usual, by id, those behind `after`. */
export async function followers(
  db: Db | Tx,
  tenant: string,
  after: string,
  limit: number,
): Promise<Follower[]> {
  const rows = await selectFollowers(db, tenant)
    .where('a.id', '>', after)
    .where((eb) => eb.or([eb('a.level', '=', 'principal'), sql<boolean>`a.adapted ? 'followed'`]))
    .orderBy('a.id')
    .limit(limit)
    .execute();
  return rows.map(followerFrom);
}

export async function followerOf(tx: Tx, tenant: string, id: string): Promise<Follower | undefined> {
  const row = await selectFollowers(tx, tenant).where('a.id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : followerFrom(row);
}

/** The type of the newest record of these types about an agent, from log index `from` on. */
export async function newestOf(
  tx: Tx,
  tenant: string,
  {
    agentId,
    from,
    types,
  }: { readonly agentId: string; readonly from: number; readonly types: readonly string[] },
): Promise<string | undefined> {
  const row = await tx
    .selectFrom('audit_index')
    .select('type')
    .where('tenant', '=', tenant)
    .where('agent', '=', agentId)
    .where('log_index', '>=', from)
    .where('type', 'in', types)
    .orderBy('log_index', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.type;
}
