/** What a product keeps, once it has stopped: its files, each row of its database, and what its processes have printed. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import type { Product } from './product.ts';

export interface Store {
  readonly name: string;
  readonly bytes: Buffer;
}

/** `beside`: folders of the product's place that tools own, and not the product. `database`: where its rows are, if they are not in its own folder. */
export async function* storesOf(
  product: Product,
  beside: readonly string[],
  database?: string,
): AsyncGenerator<Store> {
  const own = beside.map((folder) => join(product.dataDir, folder));
  for (const store of filesIn(product.home))
    if (!own.some((folder) => join(product.home, store.name).startsWith(folder))) yield store;
  yield { name: 'what was printed', bytes: Buffer.from(product.output.join('')) };
  yield* database === undefined ? embeddedRows(join(product.dataDir, 'db')) : serverRows(database);
}

/** Every file below a folder. */
export function* filesIn(folder: string): Generator<Store> {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true)
      yield { name, bytes: readFileSync(path) };
  }
}

async function* embeddedRows(dataDir: string): AsyncGenerator<Store> {
  const database = await PGlite.create({ dataDir });
  try {
    yield* rowsOf((sql) => database.query<Row>(sql));
  } finally {
    await database.close();
  }
}

async function* serverRows(connectionString: string): AsyncGenerator<Store> {
  const database = new pg.Client({ connectionString });
  await database.connect();
  try {
    yield* rowsOf((sql) => database.query<Row>(sql));
  } finally {
    await database.end();
  }
}

type Row = Record<string, unknown>;

/** The files of a database hold long values compressed; its rows hold them as they are. */
async function* rowsOf(query: (sql: string) => Promise<{ rows: Row[] }>): AsyncGenerator<Store> {
  const { rows: tables } = await query(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  for (const { name } of tables) {
    const { rows } = await query(`select * from "${String(name)}"`);
    const parts = rows.flatMap((row) =>
      Object.values(row).map((value) =>
        value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(`${JSON.stringify(value)}\n`),
      ),
    );
    yield { name: `rows of ${String(name)}`, bytes: Buffer.concat(parts) };
  }
}
