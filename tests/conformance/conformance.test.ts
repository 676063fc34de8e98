/** The conformance table is honest: every test that it names exists, and nothing is called proved without one through the front door. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requirements } from '@atf/core/requirements';
import { describe, expect, it } from 'vitest';
import { statuses } from '../../packages/control/src/conformance/status.ts';
import { root } from '../house/source-files.ts';

/** `file › title`, or a whole file. Titles of tables stand in the file with their `%s`. */
function existing(name: string): boolean {
  const [path = '', title] = name.split(' › ');
  if (!existsSync(join(root, path))) return false;
  if (title === undefined) return true;
  const text = readFileSync(join(root, path), 'utf8');
  return [`'${title}'`, `"${title}"`, `\`${title}\``].some((quoted) => text.includes(quoted));
}

describe('conformance', () => {
  it('has exactly the 25 requirements', () => {
    expect(requirements).toHaveLength(25);
    expect(Object.keys(statuses).sort()).toEqual(requirements.map(({ id }) => id).sort());
    expect(requirements.filter(({ binds }) => binds.principal === 'MUST')).toHaveLength(25);
    expect(requirements.filter(({ binds }) => binds.intern === 'MUST').map(({ id }) => id)).toEqual([
      'I-1',
      'I-3',
      'I-4',
      'B-1',
      'B-2',
      'D-3',
      'S-1',
      'S-2',
      'R-2',
    ]);
  });

  it.each(Object.entries(statuses))('%s names tests that exist', (_id, { tests }) => {
    expect(tests.filter((name) => !existing(name))).toEqual([]);
  });

  it.each(Object.entries(statuses).filter(([, { status }]) => status === 'proved'))(
    '%s is proved through the front door',
    (_id, { tests }) => {
      expect(tests.some((name) => name.startsWith('tests/e2e/'))).toBe(true);
    },
  );

  it.each(Object.entries(statuses).filter(([, { status }]) => status !== 'proved'))(
    '%s says what is missing',
    (_id, { says }) => {
      expect(says).toMatch(/yet|not |nothing/i);
    },
  );
});
