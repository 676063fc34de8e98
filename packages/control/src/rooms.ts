/**
 * The domain half of the control plane: which rooms there are, what each brings, and what runs beside the requests (sequencer, upkeep of approvals,
 * stops that could not be recorded). `compose.ts` starts it on the platform.
 */
import { join } from 'node:path';
import { type CheckpointSigner, formatVkey } from '@atf/core/audit/checkpoint';
import { rawPaths } from '@atf/core/wire/api';
import type { ReadableLog } from './activity/log-reader.ts';
import { activityRoutes } from './activity/routes.ts';
import { activityStream } from './activity/stream.ts';
import { keepApprovals } from './approvals/upkeep.ts';
import { approvalRoutes } from './approvals/routes.ts';
import { allGatewayKeys } from './audit/gateway-keys.ts';
import { Intake } from './audit/intake.ts';
import { proofRoute } from './audit/proof-route.ts';
import { logRoutes } from './audit/routes.ts';
import { openSequencer, type Sequencer } from './audit/sequencer.ts';
import { spoolRoute } from './audit/spool-route.ts';
import { standingRoutes } from './audit/standing.ts';
import { FileTileStore } from './audit/tile-store.ts';
import { witnessingView } from './audit/witness-standing.ts';
import { startWitnessing } from './audit/witnesses.ts';
import type { Witnessing } from './audit/witnessing.ts';
import type { StartedRooms, StartRooms } from './compose.ts';
import { conformanceRoutes } from './conformance/routes.ts';
import type { Control } from './context.ts';
import { gatewayRoutes } from './gateways/routes.ts';
import { identityRoutes } from './identity/routes.ts';
import { openStops } from './incident/containment.ts';
import { incidentRoutes } from './incident/routes.ts';
import { GatewayWatch } from './notifications/gateway-watch.ts';
import { Postman } from './notifications/postman.ts';
import { notificationRoutes } from './notifications/routes.ts';
import { measureRoutes } from './measures/routes.ts';
import { overviewRoutes } from './overview/routes.ts';
import { peopleRoutes } from './people/routes.ts';
import { Cedar } from './policy/cedar.ts';
import { loadPolicies } from './policy/load.ts';
import { policyRoutes } from './policy/routes.ts';
import { segmentationRoutes } from './segmentation/routes.ts';
import type { AllHandlers, RoomPlugin } from './server.ts';
import { setUpWorkspace } from './workspace/set-up.ts';

/** Approvals are looked at this often: they expire by time. */
const upkeepEveryMs = 1_000;
/** What gateways report of their spools is noted this often, so that a lost tail is known later. */
const reportsEveryMs = 1_000;
/** Gateways that are out of touch are noticed this often. */
const watchEveryMs = 1_000;

/** The log of this deployment, with its sequencer running. */
class RunningLog implements ReadableLog {
  readonly store: FileTileStore;
  private readonly listeners: Set<() => void>;
  private readonly sequencer: Sequencer;

  private readonly witnesses: Witnessing | undefined;

  private constructor(
    store: FileTileStore,
    sequencer: Sequencer,
    listeners: Set<() => void>,
    witnesses: Witnessing | undefined,
  ) {
    this.store = store;
    this.sequencer = sequencer;
    this.listeners = listeners;
    this.witnesses = witnesses;
  }

  static async open(control: Control, witnessPolicy: string | undefined): Promise<RunningLog> {
    const { db, change, clock, config, keys, log } = control;
    const { tenant } = config;
    const store = new FileTileStore(join(config.dataDir, 'log'));
    const listeners = new Set<() => void>();
    const signer: CheckpointSigner = {
      name: `${config.trustDomain}/log/${tenant}`,
      publicKey: keys.logPublicKey(),
      sign: (text) => keys.sign('log', text).signature,
    };
    const sequencer = await openSequencer({
      db,
      change,
      clock,
      store,
      tenant,
      signer,
      gatewayKeys: () => allGatewayKeys(db, tenant),
      onFault: (fault) => log.error({ err: fault }, 'the sequencer met a fault'),
      onSigned: () => {
        for (const listener of listeners) listener();
      },
    });
    const witnesses = await startWitnessing(control, witnessPolicy, {
      store,
      status: () => sequencer.status(),
      vkey: formatVkey(signer.name, signer.publicKey),
    });
    sequencer.start();
    return new RunningLog(store, sequencer, listeners, witnesses);
  }

  status() {
    return this.sequencer.status();
  }

  witnessing() {
    return this.witnesses === undefined ? undefined : witnessingView(this.witnesses.standing());
  }

  /** What a quorum has cosigned, where witnesses are asked. */
  cosigned() {
    const newest = this.witnesses?.checkpoint();
    return { wanted: this.witnesses !== undefined, size: newest?.size ?? 0, note: newest?.note };
  }

  onSigned(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  wake(): void {
    this.sequencer.wake();
  }

  async stop(): Promise<void> {
    await this.witnesses?.stop();
    await this.sequencer.stop();
  }
}

/** Repeats bounded work until it is ended; faults are logged and never end it. */
function regularly(
  control: Control,
  everyMs: number,
  what: string,
  work: () => Promise<unknown>,
): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = work()
      .catch((fault: unknown) => control.log.error({ err: fault }, what))
      .finally(() => {
        busy = false;
      });
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

async function noteReports(control: Control, intake: Intake): Promise<void> {
  for (const { id, connected, spool } of control.feed.gateways()) {
    if (connected && spool !== undefined) await intake.reported(id, spool);
  }
}

function handlersOf(log: ReadableLog): AllHandlers {
  return {
    ...peopleRoutes,
    ...standingRoutes,
    ...identityRoutes,
    ...segmentationRoutes,
    ...approvalRoutes,
    ...incidentRoutes,
    ...policyRoutes,
    ...activityRoutes(log),
    ...measureRoutes,
    ...overviewRoutes(log),
    ...conformanceRoutes,
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
    await app.register(logRoutes, { store: log.store, cosigned: () => log.cosigned().note });
    await app.register(proofRoute, {
      store: log.store,
      status: () => log.status(),
      cosigned: () => log.cosigned(),
    });
  };
}

export const startRooms: StartRooms = async (control, options): Promise<StartedRooms> => {
  const cedar = new Cedar();
  try {
    await loadPolicies(control, cedar);
  } finally {
    await cedar.close();
  }
  const stops = await openStops(control);
  await setUpWorkspace(control);
  const { db, change, clock, config } = control;
  const intake = new Intake({ db, change, clock, tenant: config.tenant });
  const log = await RunningLog.open(control, options.witnessPolicy);
  const endUpkeep = regularly(control, upkeepEveryMs, 'upkeep of approvals', () => keepApprovals(control));
  const endReports = regularly(control, reportsEveryMs, 'reports of gateways', () =>
    noteReports(control, intake),
  );
  const watch = new GatewayWatch(control);
  const endWatch = regularly(control, watchEveryMs, 'watch over gateways', () => watch.look());
  const postman = new Postman(control);
  postman.start();
  const plugins: RoomPlugin[] = [servedLog(log), spoolRoute(control, intake), activityStream(control, log)];
  return {
    handlers: handlersOf(log),
    plugins,
    committed() {
      log.wake();
      postman.wake();
    },
    async close() {
      stops.close();
      await endUpkeep();
      await endReports();
      await endWatch();
      await postman.close();
      await log.stop();
    },
  };
};
