/** Room: policy. SQL of application sets: every version that was in force, by name. */
import type { ApplicationDoc } from '@atf/core/wire/enforcement';
import type { Selectable } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { PolicyTables } from './tables.ts';

export type ApplicationRow = Selectable<PolicyTables['application_version']>;

/** Newest first, of one application. */
export async function applicationRows(
  db: Db | Tx,
  tenant: string,
  name: string,
  limit: number,
): Promise<ApplicationRow[]> {
  return db
    .selectFrom('application_version')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .limit(limit)
    .execute();
}

export async function newestApplication(
  db: Db | Tx,
  tenant: string,
  name: string,
): Promise<ApplicationRow | undefined> {
  const [row] = await applicationRows(db, tenant, name, 1);
  return row;
}

/** What is in force under each name. */
export async function newestApplications(db: Db | Tx, tenant: string): Promise<ApplicationRow[]> {
  return db
    .selectFrom('application_version')
    .distinctOn('name')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('name')
    .orderBy('version', 'desc')
    .execute();
}

/** The set in force, as gateways evaluate it. */
export async function applicationInForce(
  db: Db | Tx,
  tenant: string,
  name: string,
): Promise<ApplicationDoc | undefined> {
  const row = await newestApplication(db, tenant, name);
  if (row === undefined) return undefined;
  const { policies, entities } = JSON.parse(row.content) as Pick<ApplicationDoc, 'policies' | 'entities'>;
  return { name, version: row.version, digest: row.digest, policies, entities };
}

/** False: there is a version of this number; whoever wrote it at the same time has committed. */
export async function insertApplication(tx: Tx, row: ApplicationRow): Promise<boolean> {
  const done = await tx
    .insertInto('application_version')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows ?? 0) === 1;
}
