/**
 * Room: incident (R-2). Stops that control did not give: those of the stop files of gateways' hosts, as the gateways tell them with each beat. They are
 * shown to people and counted in what would happen; only somebody on that host lifts them.
 */
import { containmentKey } from '@atf/core/incident/scope-id';
import type { Containment } from '@atf/core/wire/api';
import type { ContainmentDoc, StopFileReport } from '@atf/core/wire/feed';
import type { Scope } from '@atf/core/wire/words';
import type { Control, Db, Tx } from '../context.ts';
import { gatewayRows } from '../gateways/store.ts';
import { containments } from './store.ts';

const gatewaysMax = 1_000;
const author = 'stop file of a gateway host';

const docOf = (scope: Scope, { since, reason }: StopFileReport): ContainmentDoc => ({
  scope,
  state: 'killed',
  since,
  reason,
  by: author,
});

/** One entry for each stop of each connected gateway's host. */
export async function hostStops(control: Control): Promise<Containment[]> {
  const telling = control.feed
    .gateways()
    .flatMap(({ id, connected, stopFile }) =>
      connected && stopFile !== undefined ? [{ id, stopFile }] : [],
    );
  if (telling.length === 0) return [];
  const rows = await gatewayRows(control.db, control.config.tenant, gatewaysMax);
  const active = new Map(rows.flatMap(({ id, name, state }) => (state === 'active' ? [[id, name]] : [])));
  return telling.flatMap(({ id, stopFile }) => {
    const name = active.get(id);
    if (name === undefined) return [];
    const { scopes, more } = stopFile;
    const gateway = { id, name, ...(more === 0 ? {} : { more }) };
    return scopes.map((scope) => ({
      ...docOf(scope, stopFile),
      by: `${author}: ${name}`.slice(0, 200),
      gateway,
    }));
  });
}

/** What people see as stopped. */
export async function shownStops(control: Control): Promise<Containment[]> {
  return [...(await containments(control.db, control.config.tenant)), ...(await hostStops(control))];
}

/** Stops of stop files that are in force at every connected gateway: nothing passes anywhere. */
function stopsEverywhere(control: Control): ContainmentDoc[] {
  const reports = control.feed.gateways().flatMap(({ connected, stopFile }) => (connected ? [stopFile] : []));
  const held = reports.map((report) => new Set(report?.scopes.map(containmentKey)));
  const here = (keys: ReadonlySet<string>, scope: Scope) =>
    keys.has('fleet:*') || keys.has(containmentKey(scope));
  const all = new Map(
    reports.flatMap((report) =>
      (report?.scopes ?? [])
        .filter((scope) => held.every((keys) => here(keys, scope)))
        .map((scope) => [containmentKey(scope), docOf(scope, report as StopFileReport)] as const),
    ),
  );
  return [...all.values()];
}

/** What would refuse a call now wherever it came in: stops of control, and of every host. */
export async function stopsInForce(control: Control, db: Db | Tx = control.db): Promise<ContainmentDoc[]> {
  return [...(await containments(db, control.config.tenant)), ...stopsEverywhere(control)];
}
