/** Room: db. The only way to change state: one transaction, made durable, then told to those who carry changes onwards. */
import type { Control, Tx } from '../context.ts';
import type { Database } from './open.ts';
import { insideTransaction } from './pglite-connection.ts';

/** PostgreSQL: serialization_failure and deadlock_detected. Nothing was changed; trying again is safe. */
const retryable: ReadonlySet<string> = new Set(['40001', '40P01']);
const attemptsMax = 5;

function isRetryable(fault: unknown): boolean {
  const code = (fault as { code?: unknown } | null)?.code;
  return typeof code === 'string' && retryable.has(code);
}

/**
 * `change()` of {@link Control}. `committed` is called after every durable change (feed and sequencer look for what is new); it must not
 * throw. `work` may run again after a conflict, so it changes nothing but the database.
 */
export function changeOf(database: Database, committed: () => void): Control['change'] {
  return async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await database.db.transaction().execute((tx) => insideTransaction(() => work(tx)));
        await database.sync();
        committed();
        return result;
      } catch (fault) {
        if (attempt >= attemptsMax || !isRetryable(fault)) throw fault;
      }
    }
  };
}
