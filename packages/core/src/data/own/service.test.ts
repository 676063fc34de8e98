import { describe, expect, it } from 'vitest';
import { ownDetectorSchema } from '../../wire/own-detectors.ts';
import { inspect } from '../inspect.ts';
import { ownDetector, ownDetectorProblems } from './own-detectors.ts';
import { answered, AskedTexts, placesAnswered, serviceCharactersMax, serviceTextsMax } from './service.ts';

const own = ownDetectorSchema.parse({
  ...{ id: 'own.names', summary: 'Names', category: 'PII', service: 'names', labels: ['PERSON'] },
});
const detector = ownDetector(own);
const counts = { threshold: 0.5, labels: ['PERSON'] };
const find = (more: object) => ({ text: 0, start: 0, end: 3, label: 'PERSON', ...more });
const answer = (...found: object[]) => ({ found }) as never;

describe('the answer of a service', () => {
  it('counts characters where texts hold more than UTF-16 units, and takes what has a label and a score that count', () => {
    const found = [
      find({ start: 2, end: 5 }),
      find({ score: 0.4 }),
      find({ label: 'CITY' }),
      { text: 1, label: 'PERSON' },
    ];
    const places = placesAnswered(answer(...found), ['🙂 Ada', 'Bob'], counts);
    expect(places?.get('🙂 Ada')).toEqual([{ start: 3, end: 6 }]);
    expect(places?.get('Bob')).toEqual([{ start: 0, end: 3 }]);
  });

  it.each([
    ['about another text', find({ text: 1 })],
    ['beyond the text', find({ end: 4 })],
    ['from behind', find({ start: 3, end: 2 })],
    ['with half a place', { text: 0, start: 1, label: 'PERSON' }],
    ['with a score that is none', find({ score: 7 })],
  ])('is none when it is %s', (_what, found) => {
    expect(placesAnswered(answer(found), ['Ada'], counts)).toBeUndefined();
  });

  it('is what is masked; what it is not about is unchecked, and not whole where it would be masked', () => {
    const places = new Map([['Ada Lovelace', [{ start: 0, end: 3 }]]]);
    const looks = { channel: 'read', own: [answered(detector, places)], mask: () => true } as const;
    const { value, inspection } = inspect('Ada Lovelace', looks);
    expect([value, inspection.unchecked]).toEqual(['[NAMES] Lovelace', false]);
    expect(inspect('Grace Hopper', looks).inspection).toMatchObject({ unchecked: true, whole: false });
    const unasked = inspect('Ada Lovelace', { channel: 'read', own: [detector] }).inspection;
    expect(unasked).toMatchObject({ unchecked: true, whole: true });
  });
});

it('has no examples to be held to, and asks about each text once, within bounds', () => {
  expect(ownDetectorProblems(own)).toEqual([]);
  const texts = new AskedTexts();
  for (let at = 0; at < serviceTextsMax; at++) texts.add(`text ${at}`);
  texts.add('text 0');
  expect([texts.all.length, texts.cut]).toEqual([serviceTextsMax, false]);
  texts.add('one more');
  expect(texts.cut).toBe(true);
  const long = new AskedTexts();
  long.add('x'.repeat(serviceCharactersMax + 1));
  expect([long.all.length, long.cut]).toEqual([0, true]);
});
