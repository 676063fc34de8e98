/** Health, readiness and metrics of the control plane. Labels are operation ids and codes: bounded, and free of personal data. */
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { rawPaths } from '@atf/core/wire/api';
import type { Measures } from '@atf/core/wire/api';
import type { Control } from './context.ts';
import { measuresOf } from './measures/measures.ts';
import { answers } from './db/answers.ts';

const readyWithinMs = 1_000;
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Metrics {
  readonly registry: Registry;
  readonly requestSeconds: Histogram<'operation' | 'status'>;
  readonly refusals: Counter<'code'>;
}

export function metricsOf(control: Control): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'atf_gateways_connected',
    help: 'Gateways connected to the feed of this replica',
    registers: [registry],
    collect() {
      this.set(control.feed.own().filter((gateway) => gateway.connected).length);
    },
  });
  new Gauge({
    name: 'atf_control_leads',
    help: 'Whether this replica does what only one may do: 1 for one of them',
    registers: [registry],
    collect() {
      this.set(control.shared?.leads() === false ? 0 : 1);
    },
  });
  const measured = (name: string, help: string, of: (measures: Measures) => number | undefined) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        // Figures of a database that does not answer are absent, and everything else is told.
        const value = await measuresOf(control).then(of, () => undefined);
        if (value === undefined) this.reset();
        else this.set(value);
      },
    });
  measured(
    'atf_authorization_ratio',
    'Share of the decisions of the last hour that allowed',
    (now) => now.decisions.authorizationRate,
  );
  measured(
    'atf_intents_without_outcome',
    'Intents among the newest 10,000 records whose outcome is missing',
    (now) => now.records.missing,
  );
  measured(
    'atf_records_behind',
    'Records that gateways hold and the log does not',
    (now) => now.records.behind,
  );
  measured('atf_approvals_waiting', 'Calls that wait for a person', (now) => now.approvals.waiting);
  measured(
    'atf_approval_wait_p50_seconds',
    'Time until a person decided, median of a day',
    (now) => now.approvals.p50Seconds,
  );
  measured(
    'atf_approval_wait_p90_seconds',
    'Time until a person decided, 90 % of a day',
    (now) => now.approvals.p90Seconds,
  );
  measured('atf_last_stop_seconds', 'Time of the last stop until every gateway had confirmed it', (now) =>
    now.lastKill === undefined ? undefined : now.lastKill.tookMs / 1000,
  );
  return {
    registry,
    requestSeconds: new Histogram({
      name: 'atf_control_request_seconds',
      help: 'Time to answer a request, by operation',
      labelNames: ['operation', 'status'],
      buckets: secondsBuckets,
      registers: [registry],
    }),
    refusals: new Counter({
      name: 'atf_control_refusals_total',
      help: 'Refused requests, by code',
      labelNames: ['code'],
      registers: [registry],
    }),
  };
}

async function ready(control: Control): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), readyWithinMs);
  });
  return Promise.race([answers(control.db), late]).finally(() => clearTimeout(timer));
}

export function observeRoutes(app: FastifyInstance, control: Control, metrics: Metrics): void {
  app.get(rawPaths.health, { schema: { hide: true } }, async () => ({ ok: true }));
  app.get(rawPaths.ready, { schema: { hide: true } }, async (_request, reply) => {
    const isReady = await ready(control);
    return reply.code(isReady ? 200 : 503).send({ ready: isReady });
  });
  app.get(rawPaths.metrics, { schema: { hide: true } }, async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}
