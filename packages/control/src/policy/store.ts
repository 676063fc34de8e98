/** Room: policy. SQL of policy sets. */
import { sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { PolicyTables } from './tables.ts';

export type ActiveRow = PolicyTables['policy_active'] &
  Pick<PolicyTables['policy_set'], 'policies' | 'settings' | 'files'>;

/** The set in force, or undefined before the first activation. */
export async function activeSet(db: Db | Tx, tenant: string): Promise<ActiveRow | undefined> {
  return db
    .selectFrom('policy_active')
    .innerJoin('policy_set', (join) =>
      join
        .onRef('policy_set.tenant', '=', 'policy_active.tenant')
        .onRef('policy_set.digest', '=', 'policy_active.digest'),
    )
    .selectAll('policy_active')
    .select(['policy_set.policies', 'policy_set.settings', 'policy_set.files'])
    .where('policy_active.tenant', '=', tenant)
    .executeTakeFirst();
}

/** JSON of the policies of a set that is or was in force. */
export async function policiesOf(db: Db | Tx, tenant: string, digest: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('policy_set')
    .select('policies')
    .where('tenant', '=', tenant)
    .where('digest', '=', digest)
    .executeTakeFirst();
  return row?.policies;
}

/** JSON of the settings in force. */
export async function activeSettings(db: Db | Tx, tenant: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('policy_active')
    .innerJoin('policy_set', (join) =>
      join
        .onRef('policy_set.tenant', '=', 'policy_active.tenant')
        .onRef('policy_set.digest', '=', 'policy_active.digest'),
    )
    .select('policy_set.settings')
    .where('policy_active.tenant', '=', tenant)
    .executeTakeFirst();
  return row?.settings;
}

/** Which set is in force, without its content. */
export async function activeDigest(
  db: Db | Tx,
  tenant: string,
): Promise<{ digest: string; epoch: number } | undefined> {
  return db
    .selectFrom('policy_active')
    .select(['digest', 'epoch'])
    .where('tenant', '=', tenant)
    .executeTakeFirst();
}

export async function keepSet(tx: Tx, row: PolicyTables['policy_set']): Promise<void> {
  await tx
    .insertInto('policy_set')
    .values(row)
    .onConflict((conflict) => conflict.constraint('policy_set_pk').doNothing())
    .execute();
}

/** The row of the set in force under a lock until the transaction ends: versions follow one another. */
export async function lockActive(
  tx: Tx,
  tenant: string,
): Promise<{ digest: string; epoch: number } | undefined> {
  return tx
    .selectFrom('policy_active')
    .select(['digest', 'epoch'])
    .where('tenant', '=', tenant)
    .forUpdate()
    .executeTakeFirst();
}

/** Makes a set the one in force; gives its epoch, one above the last. */
export async function activateSet(
  tx: Tx,
  row: Omit<PolicyTables['policy_active'], 'epoch'>,
): Promise<number> {
  const { digest, since, settings_doc } = row;
  const done = await tx
    .insertInto('policy_active')
    .values({ ...row, epoch: 1 })
    .onConflict((conflict) =>
      conflict
        .column('tenant')
        .doUpdateSet({ digest, since, settings_doc, epoch: sql<number>`policy_active.epoch + 1` }),
    )
    .returning('epoch')
    .executeTakeFirstOrThrow();
  return done.epoch;
}

export async function setSettingsDoc(tx: Tx, tenant: string, settingsDoc: string): Promise<void> {
  await tx
    .updateTable('policy_active')
    .set({ settings_doc: settingsDoc })
    .where('tenant', '=', tenant)
    .execute();
}
