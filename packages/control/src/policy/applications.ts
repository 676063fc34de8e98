/**
 * Room: policy (S-1, S-2). Application sets in force: what policies of a customer's own, over its own types, answer to enforcement points. They are proposed and
 * confirmed as candidates, like the set about agents, always by two people.
 */
import { refuse } from '@atf/core/errors';
import type { ResponseOf } from '@atf/core/wire/api';
import type { Control, Tx } from '../context.ts';
import { peopleByIds } from '../identity/store.ts';
import type { ApplicationSet } from './application-check.ts';
import {
  applicationRows,
  type ApplicationRow,
  insertApplication,
  newestApplications,
} from './application-store.ts';

/** Names that may have a set. */
export const applicationsMax = 100;
const listedMax = 200;

type View = ResponseOf<'applications.list'>['items'][number];

/** The content of a stored version. */
export const storedSet = ({
  digest,
  content,
}: Pick<ApplicationRow, 'digest' | 'content'>): ApplicationSet => ({
  digest,
  ...(JSON.parse(content) as Omit<ApplicationSet, 'digest'>),
});

/** What is in force, or all versions of one application. */
export async function applicationViews(control: Control, name?: string): Promise<View[]> {
  const { db, config } = control;
  const rows =
    name === undefined
      ? await newestApplications(db, config.tenant)
      : await applicationRows(db, config.tenant, name, listedMax);
  const idsOf = ({ by }: ApplicationRow) => JSON.parse(by) as string[];
  const people = await peopleByIds(db, config.tenant, rows.flatMap(idsOf));
  return rows.map((row) => ({
    name: row.name,
    version: row.version,
    digest: row.digest,
    at: new Date(row.at).toISOString(),
    by: idsOf(row).map((id) => people.get(id)?.name ?? 'nobody known'),
    reason: row.reason,
    policies: storedSet(row).policies.length,
  }));
}

/** Makes a set the next version under its name, in the transaction of the last confirmation. */
export async function activateApplication(
  control: Control,
  tx: Tx,
  row: Omit<ApplicationRow, 'tenant' | 'at' | 'by'>,
  by: readonly string[],
): Promise<void> {
  const { tenant } = control.config;
  const { name, version, digest } = row;
  const at = control.clock.nowMs();
  if (!(await insertApplication(tx, { ...row, tenant, at, by: JSON.stringify(by) })))
    refuse('policy.version_conflict', `version ${version} of ${name} is there already`);
  await control.audit.enqueue(tx, 'policy.application_activated', {
    application: name,
    version,
    digest,
    by: [...by],
  });
}
