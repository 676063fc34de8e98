import { describe, expect, it } from 'vitest';
import { ownDetectorSchema, type OwnDetector } from '../../wire/own-detectors.ts';
import { inspect } from '../inspect.ts';
import { ownDetector, ownDetectorProblems, ownDetectors, ownDetectorsProblems } from './own-detectors.ts';

const about = { id: 'own.thing', summary: 'Things', category: 'PII' } as const;
const examples = { found: ['x'], clean: ['y'] };
const expression = (of: string, ofIt: typeof examples = examples): OwnDetector =>
  ownDetectorSchema.parse({ ...about, expression: of, examples: ofIt });
const dictionary = (...of: string[]): OwnDetector =>
  ownDetectorSchema.parse({ ...about, dictionary: of, examples });
const glance = {
  ...{ plain: false, numbers: [], digitsMax: 0, tokenMax: 0, base64: [], hex: false },
  words: new Set<never>(),
};
const found = (own: OwnDetector, text: string): string[] =>
  ownDetector(own)
    .find(text, glance)
    .map(({ start, end }) => text.slice(start, end));

describe('an expression', () => {
  it.each([
    ['EMP-\\d{6}', 'EMP-004711 and EMP-12', ['EMP-004711']],
    ['(?<![A-Z])[A-Z]{2}-(?:\\d{4}|[A-F]{4})\\b', 'AB-1234, XAB-1234, CD-ABCD', ['AB-1234', 'CD-ABCD']],
    // Too many ways for the quick engine.
    ['[a-z]{1,40}x[a-z]{1,40}9', 'abcxdef9!', ['abcxdef9']],
  ])('%s', (of, text, wanted) => {
    expect(found(expression(of), text)).toEqual(wanted);
  });

  it.each([
    ['a repetition without a bound', 'EMP-\\d+', /no bound/],
    ['one in a group', '(?:ab)*cde', /no bound/],
    ['what refers back', '(\\w{2})-\\1', /refers back/],
    ['what may match nothing', '\\d{0,9}', /fewer than 3/],
    ['what matches a page', '\\d{3,501}', /more than 500/],
    ['what is none', '(', /no regular expression/],
    ['look-around that may take long', '(?=[a-z]{1,90}[a-z]{1,90}1)[a-z]{3,9}', /too many ways/],
  ])('is refused for %s', (_why, of, why) => {
    expect(ownDetectorProblems(expression(of))[0]).toMatch(why);
  });

  it('takes a time that grows with the text, whatever stands in it', { timeout: 60_000 }, () => {
    for (const of of ['(?:a|aa|aaa){2,20}b', '[a-z]{1,40}[a-z]{1,40}[a-z]{1,40}9', '(?:[ab]{1,9}c?){2,9}d']) {
      const own = ownDetector(expression(of));
      const before = process.threadCpuUsage();
      expect(own.find('a'.repeat(16_384), glance)).toEqual([]);
      const { user, system } = process.threadCpuUsage(before);
      // Backtracking would take hours.
      expect((user + system) / 1_000, of).toBeLessThan(5_000);
    }
  });
});

describe('a dictionary', () => {
  it('finds whole words in either case, however they are separated, the longest name first', () => {
    const own = dictionary('Blue Heron', 'Blue Heron Two', 'Ångström');
    expect(found(own, 'BLUE-HERON two, blue\u00a0heron; blueheron, ÅNGSTRÖM, Ångströms')).toEqual([
      'BLUE-HERON two',
      'blue\u00a0heron',
      'ÅNGSTRÖM',
    ]);
    expect(found(own, 'Blue. Heron flies')).toEqual([]);
  });

  it('is refused without a word', () => {
    expect(ownDetectorProblems(dictionary('---'))[0]).toContain('holds no word');
  });
});

describe('a schema', () => {
  const own = ownDetectorSchema.parse({
    ...about,
    id: 'own.payroll_row',
    schema: {
      type: 'object',
      required: ['employee', 'salary'],
      properties: { employee: { type: 'string' }, salary: { type: 'number' } },
    },
    examples: { found: [{ employee: 'A', salary: 1 }], clean: [{ employee: 'A' }] },
  });
  const row = { employee: 'Ada', salary: 70_000, since: [2019] };
  const all = { channel: 'read', own: ownDetectors([own]), mask: () => true } as const;

  it('finds an object as a whole, also in JSON in a string', () => {
    const { value, inspection } = inspect({ rows: [row, { other: 1 }], text: JSON.stringify(row) }, all);
    expect(value).toEqual({ rows: ['[PAYROLL_ROW]', { other: 1 }], text: '"[PAYROLL_ROW]"' });
    expect(inspection.found.get('own.payroll_row')).toBe(2);
  });

  it('leaves the members and nothing in them where a schema wants them', () => {
    expect(inspect(row, { ...all, shape: 'kept' }).value).toEqual({ employee: 'Xxx', salary: 0, since: [0] });
  });

  it('is refused when it cannot be compiled', () => {
    const bad = ownDetectorSchema.parse({
      ...about,
      schema: { typo: 1 },
      examples: { found: [{}], clean: [{}] },
    });
    expect(ownDetectorProblems(bad)).toEqual(['its schema cannot be compiled strictly']);
  });
});

it('is held to its examples', () => {
  const own = expression('EMP-\\d{6}', { found: ['EMP-1'], clean: ['EMP-004711'] });
  expect(ownDetectorProblems(own)).toEqual([
    'nothing is found in example 1 of found',
    'something is found in example 1 of clean',
  ]);
});

it('are refused when they cost too much together', () => {
  const own = expression('[a-z]{1,15}[a-z]{1,15}-9', { found: ['abc-9'], clean: ['abc'] });
  expect(ownDetectorsProblems([own, own])).toEqual([]);
  expect(ownDetectorsProblems(Array.from({ length: 50 }, () => own))[0]).toContain('at most 1500');
});

it('finds what is disguised and encoded, beside what ships', () => {
  const own = ownDetectors([expression('EMP-\\d{6}')]);
  const text = `ЕМР-004711? EMP\u200b-004712, ${Buffer.from('employee EMP-004713, thanks').toString('base64')}`;
  const { value, inspection } = inspect(text, { channel: 'read', own, mask: () => true });
  expect(inspection.found.get('own.thing')).toBeGreaterThanOrEqual(2);
  expect(value).not.toMatch(/00471[23]/);
});

it('that cannot be made leaves unchecked what it would have looked at', () => {
  const own = ownDetectors([expression('(')]);
  expect(inspect('some text', { channel: 'read', own }).inspection.unchecked).toBe(true);
});
