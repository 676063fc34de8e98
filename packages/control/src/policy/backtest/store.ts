/** Room: policy. SQL of backtests: the newest are kept, each with the changes that it lists. */
import type { Selectable } from 'kysely';
import type { BacktestChange } from '@atf/core/wire/backtest';
import type { Db, Tx } from '../../context.ts';
import type { PolicyTables } from '../tables.ts';

export type BacktestRow = Selectable<PolicyTables['policy_backtest']>;

/** Backtests that are kept, with up to 100,000 changes each. */
const keptMax = 10;

/** Drops the oldest beyond those that are kept. */
export async function insertBacktest(tx: Tx, row: BacktestRow): Promise<void> {
  const { tenant } = row;
  const kept = await tx
    .selectFrom('policy_backtest')
    .select('id')
    .where('tenant', '=', tenant)
    .orderBy('started_at', 'desc')
    .orderBy('id')
    .execute();
  const old = kept.slice(keptMax - 1).map(({ id }) => id);
  if (old.length > 0)
    await tx.deleteFrom('policy_backtest').where('tenant', '=', tenant).where('id', 'in', old).execute();
  await tx.insertInto('policy_backtest').values(row).execute();
}

export async function backtestRow(db: Db | Tx, tenant: string, id: string): Promise<BacktestRow | undefined> {
  return db
    .selectFrom('policy_backtest')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** Newest first. */
export async function backtestRows(
  db: Db,
  tenant: string,
  of: { readonly candidate?: string | undefined; readonly agent?: string | undefined },
): Promise<BacktestRow[]> {
  let query = db.selectFrom('policy_backtest').selectAll().where('tenant', '=', tenant);
  if (of.candidate !== undefined) query = query.where('candidate', '=', of.candidate);
  if (of.agent !== undefined) query = query.where('agent', '=', of.agent);
  return query.orderBy('started_at', 'desc').orderBy('id').limit(keptMax).execute();
}

/** False: it is there no more, or somebody wants it to end. */
export async function updateBacktest(
  tx: Tx,
  tenant: string,
  id: string,
  set: Partial<Pick<BacktestRow, 'state' | 'beat_at' | 'ended_at' | 'code' | 'report'>>,
): Promise<boolean> {
  const row = await tx
    .updateTable('policy_backtest')
    .set(set)
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .returning('cancelled')
    .executeTakeFirst();
  return row?.cancelled === false;
}

/** Whoever runs it finds this with its next beat. */
export async function cancelBacktest(tx: Tx, tenant: string, id: string): Promise<void> {
  await tx
    .updateTable('policy_backtest')
    .set({ cancelled: true })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('state', '=', 'running')
    .execute();
}

/** Changes in the order of the log. */
export async function insertChanges(
  tx: Tx,
  tenant: string,
  backtest: string,
  changes: readonly BacktestChange[],
): Promise<void> {
  const [first, last] = [changes[0], changes.at(-1)];
  if (first === undefined || last === undefined) return;
  await tx
    .insertInto('policy_backtest_change')
    .values({ tenant, backtest, first: first.record, last: last.record, items: JSON.stringify(changes) })
    .execute();
}

/** Those behind the record `after`. */
export async function changesOf(
  db: Db,
  tenant: string,
  backtest: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<BacktestChange[]> {
  const found: BacktestChange[] = [];
  for (let from = after; found.length < limit; ) {
    const row = await db
      .selectFrom('policy_backtest_change')
      .select(['last', 'items'])
      .where('tenant', '=', tenant)
      .where('backtest', '=', backtest)
      .where('last', '>', from)
      .orderBy('first')
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) break;
    found.push(...(JSON.parse(row.items) as BacktestChange[]).filter(({ record }) => record > after));
    from = row.last;
  }
  return found.slice(0, limit);
}
