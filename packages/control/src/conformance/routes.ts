/**
 * Room: conformance. The table of the 25 requirements: what the framework asks, what is proved of it by this version, and what this deployment has
 * loosened of the policies that prove it.
 */
import { requirements } from '@atf/core/requirements';
import type { ConformanceRow } from '@atf/core/wire/api';
import type { Handlers } from '../context.ts';
import type { AgainstShipped, Loosened } from '../policy/against-shipped.ts';
import { statuses } from './status.ts';

const saysMax = 600;
const looseningsMax = 100;

export function conformanceRows(): ConformanceRow[] {
  return requirements.map(({ id, name, element, binds }) => {
    const { status, says, tests } = statuses[id];
    return { id, name, element, binds: { ...binds }, status, says, tests: [...tests] };
  });
}

/** What was shown with the shipped policies does not hold for looser ones. */
function withLoosened(row: ConformanceRow, loosens: Loosened): ConformanceRow {
  if (row.id !== 'S-2' || loosens?.length === 0) return row;
  const says =
    loosens === undefined
      ? 'The policies in force could not be compared with those that ATF ships.'
      : `Here the policies are looser than those that ATF ships, in ${loosens.length} respects: ${loosens[0] ?? ''}${loosens.length > 1 ? '; …' : '.'}`;
  return {
    ...row,
    status: row.status === 'proved' ? 'partly' : row.status,
    says: `${says} ${row.says}`.slice(0, saysMax),
  };
}

export const conformanceRoutes = (shipped: AgainstShipped): Handlers<'conformance'> => ({
  async conformance(control) {
    const loosens = await shipped.loosens(control);
    const items = conformanceRows().map((row) => withLoosened(row, loosens));
    const count = (status: ConformanceRow['status']) => items.filter((row) => row.status === status).length;
    return {
      items,
      counts: { proved: count('proved'), partly: count('partly'), not_yet: count('not_yet') },
      ...(loosens === undefined ? {} : { loosens: loosens.slice(0, looseningsMax) }),
    };
  },
});
