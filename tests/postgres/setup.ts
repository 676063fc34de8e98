/** In each worker of the project `postgres`: `packages/control/src/db/test-db.ts` takes its databases from the server that global-setup.ts started. */
import { inject } from 'vitest';

process.env['ATF_TEST_POSTGRES'] = inject('postgres');
