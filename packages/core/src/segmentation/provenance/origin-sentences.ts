/** Room: segmentation (S-4). Origins in words for the person who decides: argument and source, never the value. Pure. */
import type { ArgumentOrigin } from './argument-origins.ts';
import { type Origin, origins } from './session-memory.ts';

const sentencesMax = 3;

const delegator = 'agent ';
/** As an origin: what an agent said when it gave another one its work. No tool has such a name. */
export const saidBy = (agent: string): string => `${delegator}${agent}`;

const sayings: Record<Origin, (from: string) => string> = {
  task: () => 'stands in the task',
  trusted: (from) => `is from ${from}, which is trusted`,
  listed: (from) => `is from a field that ${from} returned, not from the task`,
  named: (from) => `is from a text that ${from} returned, and bears a name that the task names`,
  untrusted: (from) =>
    from.startsWith(delegator)
      ? `is from what ${from} said when it delegated this, not from the task`
      : `is from a text that ${from} returned, not from the task`,
  unknown: () => 'is neither from the task nor from anything that this session was given',
};

/** The values that are furthest from the person's own words, worst first. */
export function originSentences(found: readonly ArgumentOrigin[]): string[] {
  const rank = ({ origin }: ArgumentOrigin) => origins.indexOf(origin);
  const doubtful = found.filter((each) => rank(each) > origins.indexOf('trusted'));
  const sorted = doubtful.toSorted((a, b) => rank(b) - rank(a));
  const more = sorted.length - sentencesMax;
  return [
    ...sorted
      .slice(0, sentencesMax)
      .map(({ argument, origin, from = 'a tool' }) => `the value of ${argument} ${sayings[origin](from)}`),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}
