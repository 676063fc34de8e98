import { describe, expect, it } from 'vitest';
import { readResults } from './checks.mjs';

const test = (status: string, title: string) => ({ status, title, ancestorTitles: ['suite'] });
const file = (name: string, status: string, assertionResults: unknown[], message = '') => ({
  name,
  status,
  assertionResults,
  message,
});

describe('the last line of npm test', () => {
  it('counts tests, and names what was skipped', () => {
    const report = {
      testResults: [
        file('/x/a.test.ts', 'passed', [
          test('passed', 'one'),
          test('pending', 'two'),
          test('failed', 'three'),
        ]),
      ],
    };
    const { passed, failed, skipped, broken } = readResults(report, 1);
    expect([passed, failed, broken]).toEqual([1, 1, []]);
    expect(skipped).toEqual([expect.stringMatching(/a\.test\.ts: suite > two$/)]);
  });

  it('counts a file that could not run as a failure, and says which', () => {
    const report = {
      testResults: [
        file('/x/a.test.ts', 'failed', [], 'Cannot find module\n  at x'),
        file('/x/b.test.ts', 'passed', [test('passed', 'one')]),
      ],
    };
    const { passed, failed, broken } = readResults(report, 1);
    expect([passed, failed]).toEqual([1, 1]);
    expect(broken[0]).toMatch(/a\.test\.ts could not run: Cannot find module$/);
  });

  it('is no success when the runner failed outside every test, or ran none', () => {
    expect(
      readResults({ testResults: [file('/x/a.test.ts', 'passed', [test('passed', 'one')])] }, 1),
    ).toMatchObject({ passed: 1, failed: 1 });
    expect(readResults({ testResults: [] }, 1)).toMatchObject({ passed: 0, failed: 1 });
  });
});
