/** The console is built without the routes of gateways (packages/console/vite.config.ts), so nothing of it may ask for one. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gatewayRoutes } from '@atf/core/wire/gateway-routes';
import { expect, it } from 'vitest';

const source = join(import.meta.dirname, '../../packages/console/src');

it('the console asks for no route that it is built without', () => {
  const files = globSync('**/*.{ts,tsx}', { cwd: source });
  expect(files.length).toBeGreaterThan(50);
  const text = files.map((file) => readFileSync(join(source, file), 'utf8')).join('\n');
  expect(Object.keys(gatewayRoutes).filter((name) => text.includes(`'${name}'`))).toEqual([]);
});
