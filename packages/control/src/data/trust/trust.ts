/**
 * Room: data (D-2). How far retrieval sources are trusted: worked out of what was seen of them (core/data/source-trust.ts), told to gateways when a figure has changed, and to
 * people when a source is doubted from now on, or holds what its index must not.
 */
import { trustDays, trustOf } from '@atf/core/data/source-trust';
import { dayMs, dayOf } from '@atf/core/hours';
import { trustedFrom } from '@atf/core/segmentation/retrieval';
import { heldCategories, type SourceSeen } from '@atf/core/wire/retrieval';
import type { Control, Db, Tx } from '../../context.ts';
import { settingsInForce } from '../../policy/load.ts';
import { toolDocOf } from '../../segmentation/documents.ts';
import { keepSources, toolsWithSources } from '../../segmentation/retrieval-store.ts';
import { lockServer, lockTool, type ToolRow } from '../../segmentation/store.ts';
import type { KeptSource } from '../../segmentation/tables.ts';
import { driftedTools, dropDays, noCounts, noteTold, objectedTools, type Seen, seenSince } from './store.ts';

const columnOf = { PII: 'pii', PHI: 'phi', PCI: 'pci', secret: 'secret' } as const;

/** Everything that was seen in the days that count. */
export interface AllSeen {
  of(row: Pick<ToolRow, 'server' | 'name'>, source: KeptSource): SourceSeen;
  /** Results above their index that people were not told of. */
  untold(tool: string, index: string): number;
}

const timesOf = (tools: readonly string[], tool: string): number =>
  tools.filter((each) => each === tool).length;

export async function allSeen({ clock, config }: Control, db: Db | Tx): Promise<AllSeen> {
  const { tenant } = config;
  const nowMs = clock.nowMs();
  const sinceMs = nowMs - trustDays * dayMs;
  const counted = await seenSince(db, tenant, dayOf(sinceMs));
  const drifted = await driftedTools(db, tenant);
  const objected = await objectedTools(db, tenant, sinceMs);
  const seen = new Map<string, Seen>(counted.map((each) => [`${each.tool} ${each.index_name}`, each]));
  return {
    of({ server, name }, { index, categories, since }) {
      const tool = `${server}/${name}`;
      const counts = seen.get(`${tool} ${index}`) ?? noCounts;
      const strange = heldCategories.filter((each) => !categories.includes(each));
      return {
        results: counts.results,
        withheld: counts.withheld,
        labelled: counts.labelled,
        above: counts.above,
        strange: strange.reduce((sum, each) => sum + counts[columnOf[each]], 0),
        failed: counts.failed,
        changed: counts.changed,
        drifted: timesOf(drifted, tool),
        objections: timesOf(objected, tool),
        days: Math.max(0, Math.floor((nowMs - Date.parse(since)) / dayMs)),
      };
    },
    untold(tool, index) {
      const counts = seen.get(`${tool} ${index}`);
      return counts === undefined ? 0 : counts.above - counts.told;
    },
  };
}

const withTrust = (row: ToolRow, seen: AllSeen): KeptSource[] =>
  row.sources.map((source) => ({ ...source, trust: trustOf(seen.of(row, source)).score }));

const isChanged = (row: ToolRow, sources: readonly KeptSource[]): boolean =>
  sources.some(({ trust }, at) => trust !== row.sources[at]?.trust);

export class TrustWatch {
  readonly #control: Control;
  #dropped = 0;

  constructor(control: Control) {
    this.#control = control;
  }

  async look(): Promise<void> {
    const { db, config, clock, change } = this.#control;
    const rows = await toolsWithSources(db, config.tenant);
    if (rows.length > 0) {
      const seen = await allSeen(this.#control, db);
      for (const row of rows) {
        const isTold = row.sources.every(({ index }) => seen.untold(`${row.server}/${row.name}`, index) <= 0);
        if (!isTold || isChanged(row, withTrust(row, seen))) await this.#tool(row);
      }
    }
    const day = dayOf(clock.nowMs());
    if (this.#dropped === day) return;
    this.#dropped = day;
    await change((tx) => dropDays(tx, config.tenant, day - trustDays));
  }

  async #tool({ server, name }: ToolRow): Promise<void> {
    const { config, change, feed } = this.#control;
    const settings = await settingsInForce(this.#control);
    await change(async (tx) => {
      await lockServer(tx, config.tenant, server);
      const row = await lockTool(tx, config.tenant, server, name);
      if (row === undefined) return;
      const seen = await allSeen(this.#control, tx);
      const sources = withTrust(row, seen);
      if (isChanged(row, sources)) {
        await keepSources(tx, row, sources);
        await feed.put(tx, 'tool', `${server}/${name}`, toolDocOf({ ...row, sources }));
      }
      await this.#tell(tx, row, { seen, sources, from: trustedFrom(settings) });
    });
  }

  /** Of what is doubted from now on, and of what an index holds that it must not. */
  async #tell(
    tx: Tx,
    row: ToolRow,
    { seen, sources, from }: { seen: AllSeen; sources: readonly KeptSource[]; from: number },
  ): Promise<void> {
    const { audit, config } = this.#control;
    const tool = `${row.server}/${row.name}`;
    const told = new Set<string>();
    for (const [at, source] of sources.entries()) {
      const { index, trust = 0 } = source;
      if (told.has(index)) continue;
      told.add(index);
      const mixed = seen.untold(tool, index);
      if (mixed > 0) {
        await noteTold(tx, config.tenant, tool, index);
        await audit.enqueue(tx, 'data.index_mixed', { tool, index, results: mixed });
      }
      if (trust < from && (row.sources[at]?.trust ?? from) >= from) {
        const { reasons } = trustOf(seen.of(row, source));
        const why = reasons.map(({ because, count, points }) => ({ because, count, points }));
        await audit.enqueue(tx, 'data.source_doubted', { tool, index, trust, from, reasons: why });
      }
    }
  }
}
