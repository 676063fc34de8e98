/** Starts the cluster for the project `postgres` of the test run; `setup.ts` beside hands its address to that project's tests, and to no others. */
import type { TestProject } from 'vitest/node';
import { startCluster } from './cluster.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the server on which the stores are tested. */
    postgres: string;
  }
}

export default async function globalSetup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startCluster();
  project.provide('postgres', cluster.url);
  return () => cluster.stop();
}
