/** Room: db. Whether the database answers; for readiness. */
import { CompiledQuery } from 'kysely';
import type { Db } from '../context.ts';

export async function answers(db: Db): Promise<boolean> {
  return db.executeQuery(CompiledQuery.raw('select 1')).then(
    () => true,
    () => false,
  );
}
