/** Error and event catalogues: in step with the docs, with the sources, and with the requirements. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from '@atf/core/errors';
import { events } from '@atf/core/events';
import { describe, expect, it } from 'vitest';
import { catalogueTables } from './catalogue-tables.ts';
import { root, sourceFiles } from './source-files.ts';

const doc = (name: string) => readFileSync(join(root, 'docs', name), 'utf8');

describe('catalogues', () => {
  it.each(['errors.md', 'events.md', 'conformance.md'] as const)(
    'docs/%s says what the catalogue says',
    (name) => {
      expect(doc(name)).toBe(catalogueTables()[name]);
    },
  );

  it('codes are room.reason, and requirements are requirements', () => {
    for (const [code, { requirement, status }] of Object.entries(errors) as [
      string,
      { requirement?: string; status: number },
    ][]) {
      expect(code).toMatch(/^[a-z]+\.[a-z_]+$/);
      expect(requirement ?? 'I-1').toMatch(/^[IBDSR]-[1-5]$/);
      expect(status).toBeGreaterThanOrEqual(400);
    }
    for (const name of Object.keys(events)) expect(name).toMatch(/^[a-z]+\.[a-z_]+$/);
  });

  it('every code and every event is used by the product', () => {
    const sources = sourceFiles('packages/*/src/**/*.{ts,tsx}')
      .filter(({ path }) => !/core\/src\/(?:errors|events)\.ts$/.test(path))
      .map(({ text }) => text)
      .join('\n');
    const unused = [...Object.keys(errors), ...Object.keys(events)].filter(
      (name) => !sources.includes(`'${name}'`),
    );
    expect(unused).toEqual([]);
  });
});
