import { expect, it } from 'vitest';
import { postgresBinaries } from './cluster.ts';

const found = postgresBinaries();
if (found === undefined)
  process.stderr.write(
    'SKIPPED: the stores were not tried on PostgreSQL, because it is not installed (apt-get install postgresql).\n',
  );

it.skipIf(found === undefined)('PostgreSQL is here, so that the stores are tried on it', () => {
  expect(found).toMatch(/\/bin$/);
});
