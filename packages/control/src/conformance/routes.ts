/** Room: conformance. The table of the 25 requirements: what the framework asks, and what is proved of it here. */
import { requirements } from '@atf/core/requirements';
import type { ConformanceRow } from '@atf/core/wire/api';
import type { Handlers } from '../context.ts';
import { statuses } from './status.ts';

export function conformanceRows(): ConformanceRow[] {
  return requirements.map(({ id, name, element, binds }) => {
    const { status, says, tests } = statuses[id];
    return { id, name, element, binds: { ...binds }, status, says, tests: [...tests] };
  });
}

export const conformanceRoutes: Handlers<'conformance'> = {
  async conformance() {
    const items = conformanceRows();
    const count = (status: ConformanceRow['status']) => items.filter((row) => row.status === status).length;
    return { items, counts: { proved: count('proved'), partly: count('partly'), not_yet: count('not_yet') } };
  },
};
