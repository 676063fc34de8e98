import { describe, expect, it } from 'vitest';
import { ownDetectorSchema } from '../wire/own-detectors.ts';
import { inspect } from './inspect.ts';
import { ownDetector } from './own/own-detectors.ts';
import { answered } from './own/service.ts';

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
