/**
 * Room: data (D-2). Watches what kinds of inputs agents get, by source: the newest hours beside the week before. Who drifts is told of once, until the source is again
 * what it was, or what it is has become usual. The statistic stands in core/data/input-statistics.ts.
 */
import {
  addCounts,
  type Divergence,
  divergence,
  driftedIn,
  driftThreshold,
  noCounts,
  resultsMin,
} from '@atf/core/data/input-statistics';
import { hourMs, hourOf } from '@atf/core/hours';
import { type DriftItem, driftItemsMax, type InputCounts } from '@atf/core/wire/drift';
import type { BodyOut } from '@atf/core/wire/api';
import type { Actor, Control, Handlers } from '../../context.ts';
import { gatewayCarrying } from '../../gateways/carried.ts';
import { actingPerson } from '../../identity/acting.ts';
import { agentById } from '../../identity/store.ts';
import {
  beginDrift,
  changedSources,
  driftRow,
  dropWindows,
  endDrift,
  keepWindow,
  type Source,
  windowsOf,
} from './store.ts';

/** Hours that the newest may reach back, and the week that they are compared with. */
const newestHoursMax = 24;
const referenceHours = 168;
/** So long it must be alike again before it is told of anew. */
const quietHours = 24;
const sourcesPerLook = 50;
const lookedBackMs = 10_000;

interface Compared {
  readonly newest: InputCounts;
  readonly before: InputCounts;
  /** When the newest began. */
  readonly fromHour: number;
  readonly found: Divergence | undefined;
}

/** The newest hours, as many as it takes to say something, beside all before them. */
async function compare(control: Control, source: Source): Promise<Compared> {
  const hour = hourOf(control.clock.nowMs());
  const windows = await windowsOf(control.db, control.config.tenant, source, hour - referenceHours);
  const [newest, before] = [noCounts(), noCounts()];
  let fromHour = hour;
  for (const { hour: at, counts } of windows) {
    const isNewest = at === fromHour || (newest.results < resultsMin && at > hour - newestHoursMax);
    if (isNewest) fromHour = at;
    addCounts(isNewest ? newest : before, counts);
  }
  return { newest, before, fromHour, found: divergence(newest, before) };
}

export class DriftWatch {
  readonly #control: Control;
  #lookedMs = 0;
  #dropped = 0;

  constructor(control: Control) {
    this.#control = control;
  }

  async look(): Promise<void> {
    const { db, clock, config, change } = this.#control;
    const nowMs = clock.nowMs();
    const sinceMs = this.#lookedMs === 0 ? 0 : this.#lookedMs - lookedBackMs;
    const sources = await changedSources(db, config.tenant, sinceMs, sourcesPerLook);
    for (const source of sources) await this.#source(source);
    // More than fit into one look are looked at with the next.
    if (sources.length < sourcesPerLook) this.#lookedMs = nowMs;
    const hour = hourOf(nowMs);
    if (this.#dropped === hour) return;
    this.#dropped = hour;
    await change((tx) => dropWindows(tx, config.tenant, hour - referenceHours));
  }

  async #source(source: Source): Promise<void> {
    const { db, clock, config, change, audit } = this.#control;
    const { tenant } = config;
    const { found, newest, before, fromHour } = await compare(this.#control, source);
    if (found === undefined) return;
    const drifted = driftedIn(found);
    const known = await driftRow(db, tenant, source);
    if (known !== undefined && drifted.length === 0 && fromHour >= hourOf(known.since) + quietHours)
      return await change((tx) => endDrift(tx, tenant, source));
    if (known !== undefined || drifted.length === 0) return;
    const agent = await agentById(db, tenant, source.agentId);
    if (agent === undefined) return;
    await change(async (tx) => {
      if (!(await beginDrift(tx, tenant, source, { since: clock.nowMs(), dimensions: drifted }))) return;
      await audit.enqueue(tx, 'data.input_drifted', {
        agentId: agent.id,
        agent: agent.name,
        tool: source.tool,
        in: drifted,
        divergence: Object.fromEntries(drifted.map((each) => [each, rounded(found[each])])),
        results: newest.results,
        reference: before.results,
      });
    });
  }
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

async function keep(
  control: Control,
  actor: Actor,
  { boot, windows }: BodyOut<'gateway.inputs'>,
): Promise<void> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const hour = hourOf(nowMs);
  const rows: Parameters<typeof keepWindow>[1][] = [];
  for (const { agentId, tool, hour: said, counts } of windows) {
    const gateway = gatewayCarrying(actor, tool);
    // A clock that is ahead counts now; of an hour that is long over nothing new is taken.
    if (said < hour - newestHoursMax || (await agentById(control.db, tenant, agentId)) === undefined)
      continue;
    const of = { tenant, gateway, boot, agent_id: agentId, tool, hour: Math.min(said, hour) };
    rows.push({ ...of, counts, changed_at: nowMs });
  }
  await control.change(async (tx) => {
    for (const row of rows) await keepWindow(tx, row);
  });
}

async function list(control: Control): Promise<{ items: DriftItem[]; threshold: number; more: boolean }> {
  const { db, clock, config } = control;
  const since = clock.nowMs() - referenceHours * hourMs;
  const sources = await changedSources(db, config.tenant, since, driftItemsMax + 1);
  const items: DriftItem[] = [];
  for (const source of sources.slice(0, driftItemsMax)) {
    const { found, newest, before } = await compare(control, source);
    const known = await driftRow(db, config.tenant, source);
    const agent = await agentById(db, config.tenant, source.agentId);
    if (agent === undefined) continue;
    items.push({
      ...source,
      agent: agent.name,
      results: newest.results,
      reference: before.results,
      ...(found === undefined ? {} : { divergence: found }),
      ...(known === undefined
        ? {}
        : { drifted: { since: new Date(known.since).toISOString(), in: known.dimensions as string[] } }),
    });
  }
  const most = ({ drifted, divergence: of }: DriftItem) =>
    (drifted === undefined ? 0 : 2) + Math.max(0, ...Object.values(of ?? {}));
  items.sort((a, b) => most(b) - most(a));
  return { items, threshold: driftThreshold, more: sources.length > driftItemsMax };
}

export const driftHandlers: Handlers<'drift.list' | 'gateway.inputs'> = {
  async 'drift.list'(control, { actor }) {
    actingPerson(actor);
    return await list(control);
  },

  async 'gateway.inputs'(control, { actor, body }) {
    await keep(control, actor, body);
    return {};
  },
};
