/** Room: data (D-3). What settings say of sensitive data, and what holds where they say nothing. */
import type { Sensitive } from '../wire/sensitive.ts';
import { sensitivities, type Sensitivity } from '../wire/words.ts';
import { type Category, type Detector } from './detectors/detector.ts';
import { detectors } from './detectors/index.ts';

/** Secrets and cards serve no agent; what identifies a person serves those who act alone. */
export const sensitiveDefault: Sensitive = {
  masked: {
    intern: ['secret', 'PCI', 'PHI', 'pii.us_ssn', 'pii.national_id', 'pii.birth_date'],
    junior: ['secret', 'PCI', 'PHI', 'pii.us_ssn', 'pii.national_id'],
    senior: ['secret', 'PCI', 'pii.us_ssn', 'pii.national_id'],
    principal: ['secret', 'PCI'],
  },
  neverSent: ['secret', 'PCI'],
};

const categories: ReadonlySet<string> = new Set<Category>(['secret', 'PCI', 'PHI', 'PII']);
type Named = Pick<Detector, 'id' | 'category'>;

/** Words that name no category and no detector, those of the company's own among them. */
export function unknownWords(words: readonly string[], own: readonly Named[]): string[] {
  const sensitive = detectors.filter(({ category }) => category !== 'injection');
  const ids = new Set([...sensitive, ...own].map(({ id }) => id));
  return words.filter((word) => !categories.has(word) && !ids.has(word));
}

/** Whether these words name the detector, by its category or by itself. */
export const isNamed = (words: readonly string[], { id, category }: Named): boolean =>
  words.includes(category) || words.includes(id);

/** The detectors that the first words name and the second do not. */
export const noLongerNamed = (
  before: readonly string[],
  after: readonly string[],
  own: readonly Named[],
): string[] =>
  [...detectors, ...own].filter((each) => isNamed(before, each) && !isNamed(after, each)).map(({ id }) => id);

/** Whether bytes that nobody can look into may be sent: where settings do not say, they may if anything may. */
export const sendsUninspected = ({ uninspected, neverSent }: Sensitive): boolean =>
  (uninspected?.sent ?? (neverSent.length === 0 ? 'label' : 'refuse')) === 'label';

const rank = (word: Sensitivity | undefined): number =>
  word === undefined ? -1 : sensitivities.indexOf(word);

/** The most confidential of what these categories raise to. */
export function raisedTo(raises: Sensitive['raises'], labels: readonly string[]): Sensitivity | undefined {
  const named = Object.entries(raises ?? {}).flatMap(([category, to]) =>
    labels.includes(category) ? [to] : [],
  );
  return named.reduce<Sensitivity | undefined>(
    (most, each) => (rank(each) > rank(most) ? each : most),
    undefined,
  );
}

/** Categories that raise less than before. */
export const raisesLess = (before: Sensitive['raises'], after: Sensitive['raises']): string[] =>
  Object.entries(before ?? {}).flatMap(([category, was]) =>
    rank(raisedTo(after, [category])) < rank(was) ? [category] : [],
  );

/** The detectors that both name. */
export const bothNamed = (
  one: readonly string[],
  other: readonly string[],
  own: readonly Named[],
): string[] =>
  [...detectors, ...own].filter((each) => isNamed(one, each) && isNamed(other, each)).map(({ id }) => id);
