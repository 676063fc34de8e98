/**
 * Room: maturity. What a new version of an agent keeps of the autonomy that the old one earned.
 *
 * "On review: … scope or purpose changed; the underlying model or system changed (a new version or configuration digest invalidates what
 * was validated)." (specification, demotion). The earned level stays on record; a ceiling of Intern holds the agent until people have
 * reviewed the change. A version that only narrows its rights, or names other contacts, was validated as more than it is now, and keeps.
 */
import { canonicalJson, type Json } from '../wire/json.ts';
import { columnsOf, tableOperations } from '../wire/database.ts';
import { type Limit, type Manifest, type ToolWindow, windowsFor } from '../wire/manifest.ts';
import type { Level } from '../wire/words.ts';

export interface VersionChange {
  /** Ceiling to set; undefined: the ceiling stays as it is. */
  readonly ceiling: Level | undefined;
  /** Fields that changed in a way that was never validated. */
  readonly because: readonly string[];
}

const added = (before: readonly string[], after: readonly string[]) =>
  after.some((item) => !before.includes(item));
// Canonical: databases and YAML files keep members in another order.
const same = (a: object, b: object) => canonicalJson(a as Json) === canonicalJson(b as Json);

const movesMoney = ({ amountMax, total }: Limit): boolean => (amountMax ?? total?.amount) !== undefined;
/** Whether an amount of this limit's tool was limited before: a first such limit is what lets a Senior use it alone. */
const moneyBound = (before: readonly Limit[], { tool }: Limit): boolean =>
  before.some((old) => movesMoney(old) && (old.tool === undefined || old.tool === tool));

/**
 * A limit may loosen what it seems to narrow: a tool without any limit is not written alone by anybody (`levels.senior_acts` wants defined
 * limits), and a rate for the agent as a whole takes the place of its level's default.
 */
function limitsOpenSomething(before: readonly Limit[], after: readonly Limit[]): boolean {
  const bound = ({ tool }: Limit) => before.some((old) => old.tool === undefined || old.tool === tool);
  const rated = (limits: readonly Limit[]) =>
    limits.some(({ tool, calls }) => tool === undefined && calls !== undefined);
  return (
    after.some((limit) => !bound(limit) || (movesMoney(limit) && !moneyBound(before, limit))) ||
    (rated(after) && !rated(before))
  );
}

/** What a list of limits bounds, each by what it is about; the smallest counts. A rate is two bounds: how many at once, and how many in the long run. */
function boundsOf(limits: readonly Limit[]): Map<string, number> {
  const bounds = new Map<string, number>();
  const bound = (key: readonly (string | undefined)[], max: number | undefined) => {
    if (max === undefined) return;
    const name = JSON.stringify(key);
    bounds.set(name, Math.min(max, bounds.get(name) ?? Number.POSITIVE_INFINITY));
  };
  for (const { tool, calls, amountMax, currency, total, concurrent } of limits) {
    bound([tool, 'calls at once'], calls?.max);
    bound([tool, 'calls a second'], calls && calls.max / calls.perSeconds);
    bound([tool, 'amount of one call', currency], amountMax);
    bound([tool, 'amount', currency, total?.per], total?.amount);
    bound([tool, 'records', total?.per], total?.records);
    bound([tool, 'calls', total?.per], total?.calls);
    bound([tool, 'at one time'], concurrent);
  }
  return bounds;
}

/** A limit of `after` is larger than in `before`, one of `before` is gone, or a new one opens something. */
function limitsLoosened(before: readonly Limit[], after: readonly Limit[]): boolean {
  if (limitsOpenSomething(before, after)) return true;
  const now = boundsOf(after);
  return [...boundsOf(before)].some(([key, max]) => (now.get(key) ?? Number.POSITIVE_INFINITY) > max);
}

/** Another domain is new, or given for longer. Manifests of before have none. */
function domainsWidened(before: Partial<Manifest>, after: Partial<Manifest>): boolean {
  const { otherDomains: known = [] } = before;
  return (after.otherDomains ?? []).some(
    ({ domain, until }) => !known.some((other) => other.domain === domain && until <= other.until),
  );
}

/** A tool that had windows has another one now, or none: a new one opens a time, and one for a tool takes the place of those for all. */
function windowsWidened(before: Partial<Manifest>, after: Manifest): boolean {
  const { windows: known = [] } = before;
  const tools: readonly (string | undefined)[] = [undefined, ...after.tools];
  return tools.some((tool) => {
    const [was, is] = [known, after.windows ?? []].map((windows) => windowsFor(windows, tool ?? ''));
    if (was === undefined || was.length === 0) return false;
    return (
      is === undefined ||
      is.length === 0 ||
      is.some((one) => !was.some((other) => same(open(one), open(other))))
    );
  });
}

const open = ({ tool: _, ...window }: ToolWindow) => window;

/** A table, an operation or a column that was not listed before. A column list that takes the place of another must be part of it. */
function databasesWidened(before: Manifest, after: Manifest): boolean {
  const [were, are] = [before.databases ?? [], after.databases ?? []];
  // Without an entry nobody looks at the SQL of a tool that is not classified so.
  const dropped = were.some(
    ({ tool }) => after.tools.includes(tool) && !are.some((each) => each.tool === tool),
  );
  if (dropped) return true;
  const bare = (table: string) => table.slice(table.lastIndexOf('.') + 1);
  return are.some(({ tool, tables }) => {
    const old = were.find((each) => each.tool === tool)?.tables ?? {};
    // A table that is listed with and without its schema has what both give alike: without one of them it may have more.
    const left = new Set(Object.keys(tables).map(bare));
    if (Object.keys(old).some((table) => !Object.hasOwn(tables, table) && left.has(bare(table)))) return true;
    return Object.entries(tables).some(([table, rights]) => {
      const had = Object.hasOwn(old, table) ? old[table] : undefined;
      return tableOperations.some((operation) => {
        const now = columnsOf(rights, operation);
        const then = had === undefined ? undefined : columnsOf(had, operation);
        if (now === undefined || then === 'all') return false;
        return then === undefined || now === 'all' || added(then, now);
      });
    });
  });
}

/** Without a list it may start any agent. */
const startsMore = ({ mayStart: before }: Manifest, { mayStart: after }: Manifest): boolean =>
  before !== undefined && (after === undefined || added(before, after));

function cascadeLoosened({ cascade: before = {} }: Manifest, { cascade: after = {} }: Manifest): boolean {
  const figures = ['depthMax', 'fanOutMax', 'callsMax'] as const;
  return figures.some((figure) => (after[figure] ?? Infinity) > (before[figure] ?? Infinity));
}

/** Compares what was validated with what is to run now. */
export function versionChange(before: Manifest, after: Manifest): VersionChange {
  const because = [
    same(before.model, after.model) ? undefined : 'model',
    before.purpose === after.purpose ? undefined : 'purpose',
    before.domain === after.domain ? undefined : 'domain',
    added(before.dataDomains, after.dataDomains) ? 'dataDomains' : undefined,
    added(before.capabilities, after.capabilities) ? 'capabilities' : undefined,
    added(before.tools, after.tools) ? 'tools' : undefined,
    limitsLoosened(before.limits, after.limits) ? 'limits' : undefined,
    before.checkpoints.every((point) => after.checkpoints.some((other) => same(point, other)))
      ? undefined
      : 'checkpoints',
    databasesWidened(before, after) ? 'databases' : undefined,
    domainsWidened(before, after) ? 'otherDomains' : undefined,
    windowsWidened(before, after) ? 'windows' : undefined,
    !before.maySpawn && after.maySpawn ? 'maySpawn' : undefined,
    after.maySpawn && startsMore(before, after) ? 'mayStart' : undefined,
    after.maySpawn && cascadeLoosened(before, after) ? 'cascade' : undefined,
  ].filter((field) => field !== undefined);
  return { ceiling: because.length > 0 ? 'intern' : undefined, because };
}
