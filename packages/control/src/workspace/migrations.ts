/** Room: workspace. */
import type { Migration } from '../context.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0002_workspace',
    async up(db) {
      await db.schema
        .createTable('workspace_setup')
        .addColumn('tenant', 'text', (c) => c.primaryKey())
        .addColumn('digest', 'text', (c) => c.notNull())
        .addColumn('done_at', 'bigint', (c) => c.notNull())
        .execute();
    },
  },
];
