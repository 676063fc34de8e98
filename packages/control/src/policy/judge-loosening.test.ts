import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { looserSettings } from './settings-loosening.ts';
import { parseSettings } from './settings.ts';

const text = readFileSync(join(import.meta.dirname, '../../../../policies/settings.yaml'), 'utf8');
const settings = (judge = '') => {
  const read = parseSettings(judge === '' ? text : `${text}\njudge: ${judge}\n`);
  if (!read.ok) throw new Error(read.problems.join('; '));
  return read.settings;
};
const strict = '{ url: "https://judge.example/", unanswered: refuse }';

it.each<[string, string, string, readonly string[]]>([
  [
    'a judge for the first time',
    '',
    strict,
    ['settings judge: the words of tasks go to https://judge.example/'],
  ],
  ['no judge any more', strict, '', ['settings judge: nobody is asked any more']],
  [
    'another address',
    strict,
    '{ url: "https://other.example/", unanswered: refuse }',
    ['settings judge: the words of tasks go to https://other.example/'],
  ],
  [
    'a person in place of a refusal',
    strict,
    '{ url: "https://judge.example/" }',
    ['settings judge: without its answer a person may release a call'],
  ],
  [
    'arguments',
    strict,
    '{ url: "https://judge.example/", unanswered: refuse, arguments: true }',
    ['settings judge: arguments of calls go to it'],
  ],
  ['more time', strict, '{ url: "https://judge.example/", unanswered: refuse, timeoutMs: 5000 }', []],
])('says what %s loosens', (_what, before, after, says) => {
  expect(looserSettings(settings(before), settings(after))).toEqual(says);
});

it.each([
  '{ url: "file:///etc/passwd" }',
  '{ url: "https://j.example/", timeoutMs: 60000 }',
  '{ unanswered: ask }',
  '{ url: "https://j.example/", unanswered: allow }',
])('refuses %s', (judge) => {
  expect(parseSettings(`${text}\njudge: ${judge}\n`).ok).toBe(false);
});
