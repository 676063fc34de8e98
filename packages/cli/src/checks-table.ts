/** The checks of a decision, one a line. */
import type { Output } from './output.ts';
import { outcomeStyled } from './words.ts';

interface Shown {
  readonly name: string;
  readonly verdict: string;
  readonly because: string;
  readonly policies?: readonly string[] | undefined;
}

export const checksTable = (out: Output, checks: readonly Shown[]): void =>
  out.table(
    [{ title: 'CHECK' }, { title: '' }, { title: 'BECAUSE' }, { title: 'POLICIES' }],
    checks.map(({ name, verdict, because, policies = [] }) => [
      name,
      outcomeStyled(verdict),
      because,
      policies.join(', '),
    ]),
  );
