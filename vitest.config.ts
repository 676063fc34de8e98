import { defineConfig } from 'vitest/config';

/** Unit and room tests run over the sources; tests/e2e drive the built product as separate processes. */
export default defineConfig({
  resolve: { conditions: ['atf-src'] },
  ssr: { resolve: { conditions: ['atf-src'], externalConditions: ['atf-src'] } },
  test: {
    pool: 'threads',
    include: ['packages/*/src/**/*.test.{ts,tsx}', 'tests/**/*.test.ts', 'tools/**/*.test.ts', 'examples/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
