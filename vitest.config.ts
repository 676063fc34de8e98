import { defineConfig } from 'vitest/config';
import { postgresBinaries } from './tests/postgres/cluster.ts';

const conditions = ['atf-src'];
/** Rooms of control with a store. */
const onPostgres = [
  'approvals',
  'audit',
  'backup',
  'data/*',
  'feed',
  'identity',
  'incident',
  'keys',
  'measures',
  'notifications',
  'people',
  'policy',
  'replicas',
  'segmentation',
];

/** For a machine that does much else; what hangs is told by the tests themselves, which bound what they wait for. */
const endToEnd = { testTimeout: 300_000, hookTimeout: 300_000 };
/** Files that measure: beside others they would measure those. */
const alone = ['tests/e2e/bench.test.ts'];

/**
 * Unit and room tests run over the sources, side by side. `tests/e2e` drives the built product as separate processes, afterwards, two files at a
 * time: more products at once would starve each other of the second that a lease has; last, one at a time, come those of {@link alone}. The rooms of control
 * run twice: on the embedded database, and in `postgres` on a real PostgreSQL, where one is installed (tests/postgres/presence.test.ts says so when none is).
 */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: 'threads',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'packages/*/src/**/*.test.{ts,tsx}',
            'tests/**/*.test.ts',
            'tools/**/*.test.ts',
            'examples/**/*.test.ts',
          ],
          exclude: ['**/node_modules/**', '**/dist/**', 'tests/e2e/**'],
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 240_000,
          sequence: { groupOrder: 0 },
        },
      },
      ...(postgresBinaries() === undefined
        ? []
        : [
            {
              extends: true as const,
              test: {
                name: 'postgres',
                include: onPostgres.map((room) => `packages/control/src/${room}/*.test.ts`),
                exclude: ['**/cedar*.test.ts', '**/cases.test.ts', '**/tile-store.test.ts'],
                globalSetup: ['tests/postgres/global-setup.ts'],
                setupFiles: ['tests/postgres/setup.ts'],
                maxWorkers: 2,
                testTimeout: 120_000,
                hookTimeout: 240_000,
                sequence: { groupOrder: 1 },
              },
            },
          ]),
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          exclude: alone,
          maxWorkers: 2,
          ...endToEnd,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e-alone',
          include: alone,
          maxWorkers: 1,
          ...endToEnd,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
