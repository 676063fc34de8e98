/** Health, readiness and metrics of the control plane. Labels are operation ids and codes: bounded, and free of personal data. */
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { rawPaths } from '@atf/core/wire/api';
import type { Control } from './context.ts';
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
      this.set(control.feed.gateways().filter((gateway) => gateway.connected).length);
    },
  });
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
