/** Starts the cluster for the project `postgres` of the test run; `packages/control/src/db/test-db.ts` takes its databases from there. */
import { startCluster } from './cluster.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const cluster = await startCluster();
  process.env['ATF_TEST_POSTGRES'] = cluster.url;
  return async () => {
    delete process.env['ATF_TEST_POSTGRES'];
    await cluster.stop();
  };
}
