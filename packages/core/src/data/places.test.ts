import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownDetectorSchema } from '../wire/own-detectors.ts';
import type { Detector, Place } from './detectors/detector.ts';
import { detectors, glanceAt } from './detectors/index.ts';
import { iban } from './detectors/pii-iban.ts';
import { inspect } from './inspect.ts';
import { type MadeDetector, ownDetector } from './own/own-detectors.ts';
import { answered } from './own/service.ts';
import { isNamed } from './sensitive.ts';

const own = ownDetector(
  ownDetectorSchema.parse({ id: 'own.plans', summary: 'Plans', category: 'secret', service: 'plans' }),
);
/** A service that finds all of a text. */
const finding = (text: string) => [answered(own, new Map([[text, [{ start: 0, end: text.length }]]]))];
const look = (text: string, ...masked: string[]) =>
  inspect(text, { channel: 'read', own: finding(text), mask: ({ id }) => masked.includes(id) });

describe('a whole text that is found', () => {
  const text = 'the plan is with amara.okafor@example.com until May';

  it('is masked, whatever else is found in it', () => {
    expect(look(text, 'own.plans')).toMatchObject({
      value: '[PLANS]',
      inspection: {
        found: new Map([
          ['pii.email', 1],
          ['own.plans', 1],
        ]),
        masked: 1,
      },
    });
    expect(look(text, 'own.plans', 'pii.email').value).toBe('[PLANS][EMAIL][PLANS]');
    expect(look(text, 'pii.email').value).toBe('the plan is with [EMAIL] until May');
  });

  it('counts where all of it is something else, too', () => {
    const { found } = inspect('amara.okafor@example.com', {
      channel: 'sent',
      own: finding('amara.okafor@example.com'),
    }).inspection;
    expect([...found.keys()].sort()).toEqual(['own.plans', 'pii.email']);
  });
});

const expressions = (category: 'PHI' | 'secret', ...of: string[]) =>
  of.map((expression, at) =>
    ownDetector(
      ownDetectorSchema.parse({
        ...{ id: `own.${category.toLowerCase()}_${at}`, summary: 's', category, expression },
        examples: { found: ['x'], clean: ['x'] },
      }),
    ),
  );

describe('finds that overlap', () => {
  const text = 'ask amara.okafor@example.com of plan-7 now';
  const masking = (own: readonly MadeDetector[], ...words: string[]) =>
    inspect(text, { channel: 'read', own, mask: (detector) => isNamed(words, detector) });

  it('a company’s own is masked in what ships and is not, and counts where it is not masked', () => {
    const own = expressions('secret', 'okafor@example');
    const masked = masking(own, 'secret');
    expect(masked.value).toBe('ask amara.[SECRET_0].com of plan-7 now');
    expect(Object.fromEntries(masked.inspection.found)).toEqual({ 'pii.email': 1, 'own.secret_0': 1 });
    expect(Object.fromEntries(masking(own).inspection.found)).toEqual({ 'pii.email': 1, 'own.secret_0': 1 });
  });

  it('all of both is masked where both are', () => {
    const own = expressions('secret', 'ask amara', 'com of plan-7', 'of plan-7 now');
    expect(masking(own, 'secret', 'PII').value).toBe('[SECRET_0][EMAIL][SECRET_1][SECRET_2]');
  });

  it('digits of an account number are no card; a card that is encoded together with something else is one', () => {
    const mask = ({ id }: { readonly id: string }) => id === 'pii.card';
    const look = (value: string) => inspect(value, { channel: 'read', mask }).value;
    expect(look('AT70 4111 1111 1111 1111')).toBe('AT70 4111 1111 1111 1111');
    expect(look(btoa('to amara.okafor@example.com: 4111 1111 1111 1111'))).toBe('[CARD]');
  });

  it('nothing that a detector found is left to be read where it is to be masked', () => {
    const pieces = ['amara@example.com', '4111 1111 1111 1111', 'DE89 3704 0044 0532 0130 00', 'plan-7'];
    const words = fc.constantFrom(...pieces, '078-05-1120', 'x', ' ', ', ', '-', '7@', 'ein 12 ', '10.1.2.3');
    const own = [
      ...expressions('secret', '[a-z]{3,9}@[a-z]{2,5}', '[0-9]{3} [0-9]{2,4}', 'plan-[0-9]'),
      ...expressions('PHI', 'an-7.{1,9}', '.{2}@.{3,12}', '[0-9] [0-9a-z]{1,3}'),
    ];
    const all: Detector[] = [...detectors.filter(({ category }) => category !== 'injection'), ...own];
    const isOwn = ({ id }: Detector) => own.some((each) => each.id === id);
    fc.assert(
      fc.property(
        fc.array(words, { minLength: 1, maxLength: 12 }).map((parts) => parts.join('')),
        fc.subarray(all.map(({ id }) => id)),
        (value, named) => {
          const mask = ({ id }: { readonly id: string }) => named.includes(id);
          const instead = (_place: Place, { length }: string) => '\u2588'.repeat(length);
          const shown = String(inspect(value, { channel: 'read', own, mask, instead }).value);
          const { found } = inspect(value, { channel: 'sent', own, matters: mask }).inspection;
          const accounts = iban.find(value, glanceAt(value));
          for (const detector of all.filter(mask)) {
            for (const { start, end } of detector.find(value, glanceAt(value))) {
              if (!isOwn(detector) && accounts.some((of) => of.start <= start && end <= of.end)) continue;
              expect(shown.slice(start, end)).toMatch(/^\u2588+$/);
              if (isOwn(detector)) expect(found.has(detector.id)).toBe(true);
            }
          }
        },
      ),
      { seed: 61, numRuns: 300 },
    );
  });
});
