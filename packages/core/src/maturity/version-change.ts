/**
 * Room: maturity. What a new version of an agent keeps of the autonomy that the old one earned.
 *
 * "On review: … scope or purpose changed; the underlying model or system changed (a new version or configuration digest invalidates what
 * was validated)." (specification, demotion). The earned level stays on record; a ceiling of Intern holds the agent until people have
 * reviewed the change. A version that only narrows its rights, or names other contacts, was validated as more than it is now, and keeps.
 */
import { canonicalJson, type Json } from '../wire/json.ts';
import type { Limit, Manifest } from '../wire/manifest.ts';
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

/**
 * A limit may loosen what it seems to narrow: a tool without any limit is not written alone by anybody (`levels.senior_acts` wants defined
 * limits), and a rate for the agent as a whole takes the place of its level's default.
 */
function limitsOpenSomething(before: readonly Limit[], after: readonly Limit[]): boolean {
  const bound = ({ tool }: Limit) => before.some((old) => old.tool === undefined || old.tool === tool);
  const rated = (limits: readonly Limit[]) =>
    limits.some(({ tool, calls }) => tool === undefined && calls !== undefined);
  return after.some((limit) => !bound(limit)) || (rated(after) && !rated(before));
}

/** A limit of `after` is larger than in `before`, one of `before` is gone, or a new one opens something. */
function limitsLoosened(before: readonly Limit[], after: readonly Limit[]): boolean {
  const rate = ({ calls }: Limit) =>
    calls === undefined ? Number.POSITIVE_INFINITY : calls.max / calls.perSeconds;
  if (limitsOpenSomething(before, after)) return true;
  return before.some((old) => {
    const now = after.find(({ tool, currency }) => tool === old.tool && currency === old.currency);
    if (now === undefined) return true;
    const amount = (limit: Limit) => limit.amountMax ?? Number.POSITIVE_INFINITY;
    const burst = (limit: Limit) => limit.calls?.max ?? Number.POSITIVE_INFINITY;
    return rate(now) > rate(old) || burst(now) > burst(old) || amount(now) > amount(old);
  });
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
    !before.maySpawn && after.maySpawn ? 'maySpawn' : undefined,
  ].filter((field) => field !== undefined);
  return { ceiling: because.length > 0 ? 'intern' : undefined, because };
}
