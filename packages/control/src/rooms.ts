/**
 * The domain half of the control plane: which rooms there are and what each brings. What runs beside the requests is in `duties.ts`. `compose.ts` starts it on the platform.
 */
import { rawPaths } from '@atf/core/wire/api';
import type { ReadableLog } from './activity/log-reader.ts';
import { activityRoutes } from './activity/routes.ts';
import { activityStream } from './activity/stream.ts';
import { reviewRoutes } from './approvals/review-routes.ts';
import { approvalRoutes } from './approvals/routes.ts';
import { Intake } from './audit/intake.ts';
import { proofRoute } from './audit/proof-route.ts';
import { logRoutes } from './audit/routes.ts';
import { RunningLog } from './audit/running-log.ts';
import { spoolRoute } from './audit/spool-route.ts';
import { standingRoutes } from './audit/standing.ts';
import { settleRestoration } from './backup/settle.ts';
import type { StartedRooms, StartRooms } from './compose.ts';
import { conformanceRoutes } from './conformance/routes.ts';
import { shippedPolicyDir } from './config.ts';
import type { Control } from './context.ts';
import { driftHandlers } from './data/drift/drift.ts';
import { lineageRoutesOf } from './data/lineage/routes.ts';
import { tokenHandlers } from './data/tokens/routes.ts';
import { startDuties } from './duties.ts';
import { gatewayRoutes } from './gateways/routes.ts';
import { hostHandlers } from './identity/hosts.ts';
import { enforcementRoutes } from './identity/points.ts';
import { identityRoutes } from './identity/routes.ts';
import { openStops } from './incident/containment.ts';
import { incidentRoutes } from './incident/routes.ts';
import { notificationRoutes } from './notifications/routes.ts';
import { measureRoutes } from './measures/routes.ts';
import { overviewRoutes } from './overview/routes.ts';
import { peopleRoutes } from './people/routes.ts';
import { AgainstShipped } from './policy/against-shipped.ts';
import { backtestRoutes, Backtests } from './policy/backtest/backtests.ts';
import { Cedar } from './policy/cedar.ts';
import { egressHandlers } from './policy/egress.ts';
import { loadPolicies } from './policy/load.ts';
import { analysisRoutes } from './policy/analysis.ts';
import { policySchemaRoutes } from './policy/schema-routes.ts';
import { rightsAtRoutes } from './policy/rights-at.ts';
import { decisionRoutes } from './policy/routes.ts';
import { ShadowRoom, shadowRoutes } from './policy/shadow/shadows.ts';
import { versionRoutes } from './policy/version-routes.ts';
import { regularly } from './regularly.ts';
import { segmentationRoutes } from './segmentation/routes.ts';
import type { AllHandlers, RoomPlugin } from './server.ts';
import { setUpWorkspace } from './workspace/set-up.ts';

/** What gateways report of their spools is noted this often, so that a lost tail is known later. */
const reportsEveryMs = 1_000;

async function noteReports(control: Control, intake: Intake): Promise<void> {
  for (const { id, connected, spool } of control.feed.own()) {
    if (connected && spool !== undefined) await intake.reported(id, spool);
  }
}

function handlersOf(log: ReadableLog, cedar: Cedar, backtests: Backtests): AllHandlers {
  return {
    ...peopleRoutes,
    ...standingRoutes,
    ...identityRoutes,
    ...enforcementRoutes,
    ...hostHandlers,
    ...segmentationRoutes,
    ...approvalRoutes,
    ...reviewRoutes(log),
    ...incidentRoutes,
    ...decisionRoutes,
    ...egressHandlers,
    ...rightsAtRoutes(log),
    ...versionRoutes(cedar),
    ...backtestRoutes(backtests),
    ...analysisRoutes(),
    ...policySchemaRoutes(),
    ...shadowRoutes(new ShadowRoom()),
    ...activityRoutes(log),
    ...driftHandlers,
    ...lineageRoutesOf(log),
    ...tokenHandlers,
    ...measureRoutes,
    ...overviewRoutes(log),
    ...conformanceRoutes(new AgainstShipped(cedar, shippedPolicyDir)),
    ...gatewayRoutes,
    ...notificationRoutes,
  };
}

const forEverybody: ReadonlySet<string | undefined> = new Set([
  rawPaths.checkpoint,
  rawPaths.newestCheckpoint,
  rawPaths.vkey,
]);

/** The log as files. Heads and key are for everybody who wants to hold us to them; the records say who did what, and are for people. */
function servedLog(log: RunningLog): RoomPlugin {
  return async (app, scope) => {
    app.addHook('onRequest', async (request) => {
      // By route, not by address: an address has many spellings.
      if (!forEverybody.has(request.routeOptions.url)) await scope.authenticate(request, 'person');
    });
    const { store, cosignedWanted } = log;
    await app.register(logRoutes, { store, cosigned: async () => (await log.cosigned())?.checkpoint });
    await app.register(proofRoute, {
      store,
      cosignedWanted,
      newest: () => log.newest(),
      cosigned: () => log.cosigned(),
    });
  };
}

export const startRooms: StartRooms = async (control, options): Promise<StartedRooms> => {
  // A worker for each set: what somebody sends must not poison the next one.
  const cedar = new Cedar({ usesMax: 1 });
  try {
    await loadPolicies(control, cedar);
  } catch (fault) {
    await cedar.close();
    throw fault;
  }
  await settleRestoration(control);
  const stops = await openStops(control);
  await setUpWorkspace(control);
  const { db, change, clock, config } = control;
  const intake = new Intake({ db, change, clock, tenant: config.tenant });
  const log = await RunningLog.open(control, options.witnessPolicy);
  const backtests = new Backtests(log);
  const duties = await startDuties(control, log);
  const endReports = regularly(control, reportsEveryMs, 'reports of gateways', () =>
    noteReports(control, intake),
  );
  const plugins: RoomPlugin[] = [servedLog(log), spoolRoute(control, intake), activityStream(control, log)];
  return {
    handlers: handlersOf(log, cedar, backtests),
    plugins,
    committed: () => duties.wake(),
    async close() {
      stops.close();
      await backtests.close();
      await cedar.close();
      await endReports();
      await duties.close();
      log.close();
    },
  };
};
