/** Reviews in words for people. */
import type { Review } from '@atf/core/wire/review';

export const becauseWords: Readonly<Record<Review['because'], string>> = {
  policy: 'Policy wants it',
  flagged: 'Something was found',
  unsure: 'Doubtful input',
  sample: 'Drawn for the audit',
};

export function Standing({
  review: { state, overdue },
}: {
  readonly review: Pick<Review, 'state' | 'overdue'>;
}) {
  if (state === 'open')
    return overdue ? <span className="font-medium text-danger">overdue</span> : <span>open</span>;
  return <span>{state}</span>;
}
