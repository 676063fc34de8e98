import { type Detector, everywhere, matches, type Place } from './detector.ts';
import { entropy, isPlaceholder } from './entropy.ts';
import { newerTokenForms } from './token-forms-newer.ts';
import { type TokenForm, tokenForms } from './token-forms.ts';

/** No form is shorter, and none holds white space. */
const lengthMin = 16;
const forms = [...tokenForms, ...newerTokenForms];

/** Tokens of services by the form that each service gives them, behind a search for their fixed part. */
export const token: Detector = {
  id: 'secret.token',
  summary: 'Tokens and keys of services that can be told by their form',
  requirement: 'D-3',
  category: 'secret',
  kind: 'mask',
  channels: everywhere,
  cost: 'keyword',
  placeholder: 'SECRET',
  words: forms.map(({ words }) => words),
  find: (text, { words, tokenMax }) => {
    if (tokenMax < lengthMin) return [];
    const places: Place[] = [];
    for (const form of forms) if (words.has(form.words)) places.push(...found(text, form));
    return places.sort((a, b) => a.start - b.start || b.end - a.end);
  },
  examples: [
    { text: 'key=AKIAQYLPMN5HHHFPZAM2 here', found: ['AKIAQYLPMN5HHHFPZAM2'] },
    {
      text: `ghp_${'a1B2c3D4e5F6g7H8i9J0'.repeat(2).slice(0, 36)}`,
      found: [`ghp_${'a1B2c3D4e5F6g7H8i9J0'.repeat(2).slice(0, 36)}`],
    },
    { text: `ghp_${'x'.repeat(36)}, AKIAIOSFODNN7EXAMPLE, sk-ant-api03-xxx`, found: [] },
  ],
};

const found = (text: string, { pattern, bits = 3 }: TokenForm): Place[] =>
  matches(text, pattern, (it) => entropy(it) >= bits && !isPlaceholder(it));
