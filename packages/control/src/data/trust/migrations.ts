/** Room: data (D-2). */
import type { Migration } from '../../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0032_source_trust',
    async up(db) {
      let table = db.schema
        .createTable('source_day')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('tool', 'text', (c) => c.notNull())
        .addColumn('index_name', 'text', (c) => c.notNull())
        .addColumn('day', 'bigint', (c) => c.notNull());
      for (const count of [
        'results',
        'failed',
        'withheld',
        'labelled',
        'above',
        'pii',
        'phi',
        'pci',
        'secret',
        'changed',
        'told',
      ])
        table = table.addColumn(count, 'bigint', (c) => c.notNull().defaultTo(0));
      await table.addPrimaryKeyConstraint('source_day_pk', ['tenant', 'tool', 'index_name', 'day']).execute();
    },
  },
];
