/** What a product keeps, once it has stopped: its files, each row of its embedded database, and what its processes have printed. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { Product } from './product.ts';

export interface Store {
  readonly name: string;
  readonly bytes: Buffer;
}

/** `beside`: folders of the product's place that tools own, and not the product. */
export async function* storesOf(product: Product, beside: readonly string[]): AsyncGenerator<Store> {
  for (const name of readdirSync(product.home, { recursive: true, encoding: 'utf8' })) {
    const path = join(product.home, name);
    if (beside.some((folder) => path.startsWith(join(product.dataDir, folder)))) continue;
    if (statSync(path).isFile()) yield { name, bytes: readFileSync(path) };
  }
  yield { name: 'what was printed', bytes: Buffer.from(product.output.join('')) };
  yield* rowsOf(join(product.dataDir, 'db'));
}

/** The files of a database hold long values compressed; its rows hold them as they are. */
async function* rowsOf(dataDir: string): AsyncGenerator<Store> {
  const database = await PGlite.create({ dataDir });
  try {
    const { rows: tables } = await database.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public'",
    );
    for (const { name } of tables) {
      const { rows } = await database.query<Record<string, unknown>>(`select * from "${name}"`);
      const parts = rows.flatMap((row) =>
        Object.values(row).map((value) =>
          value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(`${JSON.stringify(value)}\n`),
        ),
      );
      yield { name: `rows of ${name}`, bytes: Buffer.concat(parts) };
    }
  } finally {
    await database.close();
  }
}
