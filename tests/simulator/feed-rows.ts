/** Takes the place of control's `feed/store.ts`: the same promises over virtual rows, so that the real hub runs over them. */
import type { Freshness, StoredDoc } from '@atf/control/feed/store';
import { look, type WritableView } from './rows.ts';

export const docsTable = 'feed_doc';
const headTable = 'feed_head';

export async function writeDoc(tx: unknown, _tenant: string, doc: Omit<StoredDoc, 'version'>): Promise<void> {
  const rows = tx as WritableView;
  const version = (rows.get<{ version: number }>(headTable, '*')?.version ?? 0) + 1;
  rows.set(headTable, '*', { version });
  rows.set(docsTable, `${doc.topic} ${doc.key}`, { ...doc, version });
}

export function readFreshness(
  db: unknown,
  _tenant: string,
  gatewayIds: readonly string[],
): Promise<Freshness> {
  return look(db, (rows) => ({
    version: rows.get<{ version: number }>(headTable, '*')?.version ?? 0,
    active: new Set(gatewayIds),
  }));
}

export function docsAfter(
  db: unknown,
  _tenant: string,
  after: number,
  limit: number,
  alive: boolean,
): Promise<StoredDoc[]> {
  return look(db, (rows) =>
    rows
      .values<StoredDoc>(docsTable)
      .filter(({ version, body }) => version > after && (!alive || body !== null))
      .sort((a, b) => a.version - b.version)
      .slice(0, limit),
  );
}
