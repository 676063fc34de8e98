/** Room: policy. SQL of versions and of candidates for the next one. */
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { PolicyTables } from './tables.ts';

export type VersionRow = Selectable<PolicyTables['policy_version']>;
export type CandidateRow = Selectable<PolicyTables['policy_candidate']>;

/** Newest first; those before `before`. */
export async function versionRows(
  db: Db | Tx,
  tenant: string,
  limit: number,
  before?: number,
): Promise<VersionRow[]> {
  let query = db.selectFrom('policy_version').selectAll().where('tenant', '=', tenant);
  if (before !== undefined) query = query.where('version', '<', before);
  return query.orderBy('version', 'desc').limit(limit).execute();
}

/** The version in force, or undefined before the first. */
export async function newestVersion(db: Db | Tx, tenant: string): Promise<VersionRow | undefined> {
  const [row] = await versionRows(db, tenant, 1);
  return row;
}

/** The version that was in force at a moment (Unix milliseconds), or undefined before the first. */
export async function versionAt(db: Db | Tx, tenant: string, atMs: number): Promise<VersionRow | undefined> {
  return db
    .selectFrom('policy_version')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('at', '<=', atMs)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** A version with the content of its set. */
export async function versionWithSet(
  db: Db | Tx,
  tenant: string,
  version: number,
): Promise<(VersionRow & Pick<PolicyTables['policy_set'], 'files' | 'policies' | 'settings'>) | undefined> {
  return db
    .selectFrom('policy_version')
    .innerJoin('policy_set', (join) =>
      join
        .onRef('policy_set.tenant', '=', 'policy_version.tenant')
        .onRef('policy_set.digest', '=', 'policy_version.digest'),
    )
    .selectAll('policy_version')
    .select(['policy_set.files', 'policy_set.policies', 'policy_set.settings'])
    .where('policy_version.tenant', '=', tenant)
    .where('version', '=', version)
    .executeTakeFirst();
}

/** False: there is a version of this number; whoever wrote it at the same time has committed. */
export async function insertVersion(tx: Tx, row: VersionRow): Promise<boolean> {
  const done = await tx
    .insertInto('policy_version')
    .values(row)
    .onConflict((conflict) => conflict.constraint('policy_version_pk').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}

/**
 * Drops what has lapsed and, where that is not enough, the oldest that nobody can confirm any more (planned with, applied, or of another base). Beyond
 * `openMax` that wait for people it refuses by returning false.
 */
export async function insertCandidate(
  tx: Tx,
  row: CandidateRow,
  nowMs: number,
  openMax: number,
): Promise<boolean> {
  const { tenant } = row;
  const mine = () => tx.deleteFrom('policy_candidate').where('tenant', '=', tenant);
  await mine().where('expires_at', '<=', nowMs).execute();
  const kept = await tx
    .selectFrom('policy_candidate')
    .select(['id', 'reason', 'version', 'base', 'application'])
    .where('tenant', '=', tenant)
    .orderBy('proposed_at')
    .execute();
  if (kept.length >= openMax) {
    const idle = kept.find(
      ({ reason, version, base, application }) =>
        reason === null || version !== null || (application === row.application && base !== row.base),
    );
    if (idle === undefined) return false;
    await mine().where('id', '=', idle.id).execute();
  }
  await tx.insertInto('policy_candidate').values(row).execute();
  return true;
}

export async function candidateRow(
  db: Db | Tx,
  tenant: string,
  id: string,
): Promise<CandidateRow | undefined> {
  return db
    .selectFrom('policy_candidate')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** All that is kept, newest first: bounded by how many may be open. */
export async function candidateRows(db: Db, tenant: string, max: number): Promise<CandidateRow[]> {
  return db
    .selectFrom('policy_candidate')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('proposed_at', 'desc')
    .orderBy('id')
    .limit(max)
    .execute();
}

export async function updateCandidate(
  tx: Tx,
  tenant: string,
  id: string,
  set: Partial<Pick<CandidateRow, 'confirmed_by' | 'version'>>,
): Promise<void> {
  await tx
    .updateTable('policy_candidate')
    .set(set)
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
}
