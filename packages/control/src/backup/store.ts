/** Room: backup. SQL of whole tables, whatever their columns are, and of restores. Rows travel as JSON text that the database writes and reads itself: nothing rounds a number on the way. */
import { type Selectable, sql } from 'kysely';
import type { Db, Tx } from '../context.ts';
import type { BackupTables } from './tables.ts';

export type RestorationRow = Selectable<BackupTables['restoration']>;

/** Rows of one fetch: more while they are small, fewer where they are large. */
const fetchRows = { first: 16, max: 512 } as const;
const fetchBytes = { wanted: 262_144, max: 4_194_304 } as const;

/** Tables of this database, in the order of their names. */
export async function tablesHere(db: Db | Tx): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select table_name::text as name from information_schema.tables
    where table_schema = current_schema() and table_type = 'BASE TABLE' order by 1`.execute(db);
  return rows.map(({ name }) => name);
}

/** Anything that stands in this schema: tables, views, sequences, types. */
export async function isEmptySchema(db: Db | Tx): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select exists (
      select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema()
    ) as found`.execute(db);
  return rows[0]?.found === false;
}

/** Names of the migrations that this database has. */
export async function migrationsHere(db: Db | Tx): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}

/** Tenants that have keys here. */
export async function tenantsHere(db: Db | Tx): Promise<string[]> {
  const rows = await db.selectFrom('key').select('tenant').distinct().orderBy('tenant').execute();
  return rows.map(({ tenant }) => tenant);
}

/** Everything in `table`, row by row, as JSON text without line ends. Inside one transaction that sees one state. */
export async function* rowsOf(tx: Tx, table: string): AsyncGenerator<string> {
  const cursor = sql.ref(`backup_${table}`);
  await sql`set local bytea_output = 'hex'`.execute(tx);
  await sql`declare ${cursor} no scroll cursor for select to_jsonb(t)::text as row from ${sql.table(table)} as t`.execute(
    tx,
  );
  for (let rows: number = fetchRows.first; ; ) {
    const fetched = await sql<{ row: string }>`fetch ${sql.lit(rows)} from ${cursor}`.execute(tx);
    let bytes = 0;
    for (const { row } of fetched.rows) {
      bytes += row.length;
      yield row;
    }
    if (fetched.rows.length < rows) break;
    if (bytes < fetchBytes.wanted) rows = Math.min(fetchRows.max, rows * 2);
    else if (bytes > fetchBytes.max) rows = Math.max(1, rows >> 1);
  }
  await sql`close ${cursor}`.execute(tx);
}

/** Puts rows back as they were; gives how many. Numbers that the database had given out itself stay as they were. */
export async function insertRows(tx: Tx, table: string, rows: readonly string[]): Promise<number> {
  const { numAffectedRows } = await sql`
    insert into ${sql.table(table)} overriding system value
    select * from jsonb_populate_recordset(null::${sql.table(table)}, ${`[${rows.join(',')}]`}::jsonb)`.execute(
    tx,
  );
  return Number(numAffectedRows ?? 0n);
}

/** Goes on counting where the rows that were put back end. */
export async function continueCounting(tx: Tx): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    select table_name::text as table, column_name::text as column from information_schema.columns
    where table_schema = current_schema() and is_identity = 'YES'`.execute(tx);
  for (const { table, column } of rows)
    await sql`
      select setval(pg_get_serial_sequence(${table}, ${column}), coalesce(max(${sql.ref(column)}), 0) + 1, false)
      from ${sql.table(table)}`.execute(tx);
}

/** Pairs of tables of which one refers to the other. */
export async function references(tx: Tx): Promise<{ readonly from: string; readonly to: string }[]> {
  const { rows } = await sql<{ from: string; to: string }>`
    select child.relname::text as from, parent.relname::text as to from pg_constraint c
    join pg_class child on child.oid = c.conrelid join pg_class parent on parent.oid = c.confrelid
    join pg_namespace n on n.oid = child.relnamespace
    where c.contype = 'f' and n.nspname = current_schema()`.execute(tx);
  return rows;
}

/** Paths of the log where it stands in the database. */
export async function logPaths(tx: Tx, tenant: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('log_file')
    .select('path')
    .where('tenant', '=', tenant)
    .orderBy('path')
    .execute();
  return rows.map(({ path }) => path);
}

export async function logBytes(tx: Tx, tenant: string, path: string): Promise<Uint8Array> {
  const { bytes } = await tx
    .selectFrom('log_file')
    .select('bytes')
    .where('tenant', '=', tenant)
    .where('path', '=', path)
    .executeTakeFirstOrThrow();
  return bytes;
}

export async function insertLogFile(
  tx: Tx,
  row: { tenant: string; path: string; bytes: Uint8Array },
): Promise<void> {
  await tx
    .insertInto('log_file')
    .values({ ...row, bytes: Buffer.from(row.bytes) })
    .execute();
}

/** Takes out every row. */
export async function emptyTable(tx: Tx, table: string): Promise<void> {
  await sql`delete from ${sql.table(table)}`.execute(tx);
}

/** Unix milliseconds; undefined: nothing is on record. */
export async function newestRecordAt(tx: Tx, tenant: string): Promise<number | undefined> {
  const row = await tx
    .selectFrom('audit_index')
    .select(({ fn }) => fn.max('at').as('at'))
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  return row?.at ?? undefined;
}

/** Keys under which tokens were signed and people's sessions sealed: new ones are made at the next start, and what the old ones vouched for is void. */
export async function dropSigningKeys(tx: Tx, tenant: string): Promise<void> {
  await tx
    .deleteFrom('key')
    .where('tenant', '=', tenant)
    .where('purpose', 'in', ['token', 'session'])
    .execute();
}

/** Writes the restore down, after all that were before it. */
export async function insertRestoration(tx: Tx, row: Omit<RestorationRow, 'place'>): Promise<void> {
  const newest = await newestRestoration(tx, row.tenant);
  await tx
    .insertInto('restoration')
    .values({ ...row, place: (newest?.place ?? 0) + 1 })
    .execute();
}

export function newestRestoration(db: Db | Tx, tenant: string): Promise<RestorationRow | undefined> {
  return db
    .selectFrom('restoration')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('place', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** False: another process has settled it. */
export async function settle(tx: Tx, tenant: string, id: string, nowMs: number): Promise<boolean> {
  const done = await tx
    .updateTable('restoration')
    .set({ settled_at: nowMs })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('settled_at', 'is', null)
    .executeTakeFirst();
  return done.numUpdatedRows === 1n;
}

/** Ids of gateways that may serve. */
export async function activeGateways(tx: Tx, tenant: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('gateway')
    .select('id')
    .where('tenant', '=', tenant)
    .where('state', '=', 'active')
    .orderBy('id')
    .execute();
  return rows.map(({ id }) => id);
}
