/**
 * What runs beside the requests and only once, however many replicas there are: the writing of the log with its witnesses, approvals that expire, gateways
 * that are missed, graceful stops that end, news that goes out. On the embedded database this process has the duties for good; on PostgreSQL whoever leads has them.
 */
import { witnessingSchema } from '@atf/core/wire/api';
import { keepReviews } from './approvals/reviews.ts';
import { keepApprovals } from './approvals/upkeep.ts';
import type { LogWriting, RunningLog } from './audit/running-log.ts';
import type { Control } from './context.ts';
import { DriftWatch } from './data/drift/drift.ts';
import { LineageIndex } from './data/lineage/follow.ts';
import { TrustWatch } from './data/trust/trust.ts';
import { dropExpired } from './data/tokens/store.ts';
import { finishDrains, forgetSessions } from './incident/drains.ts';
import { GatewayWatch } from './notifications/gateway-watch.ts';
import { Postman } from './notifications/postman.ts';
import { regularly } from './regularly.ts';
import { Lead, type LeadWork } from './replicas/lead.ts';
import { forgetProofs } from './replicas/store.ts';
import { dropWholeBudgets } from './segmentation/budget-store.ts';
import { dropNegotiations } from './segmentation/negotiation-store.ts';
import { forgetGrants, negotiationDayMs } from './segmentation/negotiation.ts';
import { VolumeWatch } from './segmentation/volume.ts';
import { forgetTotals } from './segmentation/totals.ts';

/** Approvals are looked at this often: they expire by time. */
const upkeepEveryMs = 1_000;
/** Gateways that are out of touch are noticed this often. */
const watchEveryMs = 1_000;
/** Agents that call far more than usual are noticed this often. */
const volumeEveryMs = 1_000;
/** Sources that are no longer what they were are noticed this often. */
const driftEveryMs = 5_000;
/** What follows the log for questions about lineage; a question brings it up to date itself. */
const lineageEveryMs = 5_000;
const forgetEveryMs = 10_000;
/** Graceful stops are looked at this often, so that each is forced soon after the last call has ended. */
const drainsEveryMs = 250;
const sessionsEveryMs = 60_000;
/** Reviews are due in hours. */
const reviewsEveryMs = 10_000;

export interface Duties {
  /** Something was committed here. */
  wake(): void;
  close(): Promise<void>;
}

interface Work extends LeadWork {
  wake(): void;
  readonly writing: LogWriting;
}

async function begin(held: Control, log: RunningLog): Promise<Work> {
  const writing = await log.write(held);
  const { tenant } = held.config;
  const watch = new GatewayWatch(held);
  const volumes = new VolumeWatch(held);
  const drifts = new DriftWatch(held);
  const trust = new TrustWatch(held);
  const lineage = new LineageIndex(held, log);
  const ends = [
    regularly(held, upkeepEveryMs, 'upkeep of approvals', () => keepApprovals(held)),
    regularly(held, reviewsEveryMs, 'reviews that are overdue', () => keepReviews(held)),
    regularly(held, drainsEveryMs, 'graceful stops', () => finishDrains(held)),
    regularly(held, sessionsEveryMs, 'stops of sessions', () => forgetSessions(held)),
    regularly(held, watchEveryMs, 'watch over gateways', () => watch.look()),
    regularly(held, volumeEveryMs, 'watch over volumes', () => volumes.look()),
    regularly(held, driftEveryMs, 'drift of inputs', () => drifts.look()),
    regularly(held, driftEveryMs, 'trust of sources', () => trust.look()),
    regularly(held, lineageEveryMs, 'lineage', () => lineage.follow()),
    regularly(held, volumeEveryMs, 'boundaries that were widened', () => forgetGrants(held)),
    regularly(held, forgetEveryMs, 'negotiations that count no more', () =>
      dropNegotiations(held.db, tenant, held.clock.nowMs() - negotiationDayMs),
    ),
    regularly(held, forgetEveryMs, 'budgets that are whole again', () => dropWholeBudgets(held.db, tenant)),
    regularly(held, forgetEveryMs, 'totals that count no more', () => forgetTotals(held)),
    regularly(held, forgetEveryMs, 'values behind tokens', () =>
      dropExpired(held.db, tenant, held.clock.nowMs()),
    ),
    ...(held.shared === undefined
      ? []
      : [regularly(held, forgetEveryMs, 'proofs that lapsed', () => forgetProofs(held.db, tenant))]),
  ];
  const postman = new Postman(held);
  postman.start();
  return {
    writing,
    wake() {
      writing.wake();
      postman.wake();
    },
    note: () => JSON.stringify(writing.witnessing() ?? null),
    async end() {
      for (const end of ends) await end();
      await postman.close();
      await writing.end();
    },
  };
}

function readNote(text: string) {
  if (text === '') return undefined;
  const read = witnessingSchema.nullable().safeParse(JSON.parse(text));
  return read.success ? (read.data ?? undefined) : undefined;
}

/** Takes the duties, if they fall to this process. Refuses what the state of the log refuses. */
export async function startDuties(control: Control, log: RunningLog): Promise<Duties> {
  const { shared } = control;
  if (shared === undefined) {
    const work = await begin(control, log);
    log.witnessedBy(() => work.writing.witnessing());
    return { wake: () => work.wake(), close: () => work.end() };
  }
  let work: Work | undefined;
  const lead = new Lead({
    control,
    replica: shared.replica,
    async begin(held) {
      const begun = await begin(held, log);
      work = begun;
      shared.leading(true);
      return {
        note: () => begun.note(),
        async end() {
          work = undefined;
          shared.leading(false);
          await begun.end();
        },
      };
    },
  });
  log.witnessedBy(() => readNote(lead.note));
  await lead.start();
  return { wake: () => work?.wake(), close: () => lead.close() };
}
