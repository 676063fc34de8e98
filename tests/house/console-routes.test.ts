/** The console is built without routes that nobody asks for there (packages/console/vite.config.ts), so nothing of it may ask for one. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { delegationRoutes } from '@atf/core/wire/delegation-routes';
import { egressRoutes } from '@atf/core/wire/egress';
import { enforcementRoutes } from '@atf/core/wire/enforcement';
import { gatewayRoutes } from '@atf/core/wire/gateway-routes';
import { hostRoutes } from '@atf/core/wire/host-routes';
import { lineageSearchRoutes } from '@atf/core/wire/lineage-search';
import { policySchemaRoutes } from '@atf/core/wire/policy-schema';
import { expect, it } from 'vitest';

const source = join(import.meta.dirname, '../../packages/console/src');

it('the console asks for no route that it is built without', () => {
  const files = globSync('**/*.{ts,tsx}', { cwd: source });
  expect(files.length).toBeGreaterThan(50);
  const text = files.map((file) => readFileSync(join(source, file), 'utf8')).join('\n');
  const without = [
    gatewayRoutes,
    delegationRoutes,
    egressRoutes,
    lineageSearchRoutes,
    enforcementRoutes,
    policySchemaRoutes,
    hostRoutes,
  ].flatMap((routes) => Object.keys(routes));
  expect(without.length).toBeGreaterThan(20);
  expect(without.filter((name) => text.includes(`'${name}'`))).toEqual([]);
  expect(text).not.toContain("'gateway.");
});
