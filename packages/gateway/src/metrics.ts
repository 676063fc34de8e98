/** Numbers for operators (Prometheus text). No names of people, agents' arguments or addresses: labels come from closed lists. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AnswerCounts } from '@atf/core/policy/remembered-answers';
import type { Observed } from './pipeline.ts';

export interface Gauges {
  readonly fresh: () => boolean;
  readonly underWay: () => number;
  readonly behind: () => number;
  readonly spoolFailed: () => boolean;
  readonly notificationsDropped: () => number;
  readonly answers: () => AnswerCounts;
}

export interface Metrics {
  observed(observed: Observed): void;
  /** Milliseconds that one decision took. */
  decided(ms: number): void;
  text(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const decisions = new Counter({
    name: 'atf_decisions_total',
    help: 'Decided calls',
    labelNames: ['outcome', 'code'],
    registers,
  });
  const outcomes = new Counter({
    name: 'atf_outcomes_total',
    help: 'Outcomes of allowed calls',
    labelNames: ['status', 'code'],
    registers,
  });
  const seconds = new Histogram({
    name: 'atf_call_seconds',
    help: 'Time from decision to recorded outcome',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
    registers,
  });
  const deciding = new Histogram({
    name: 'atf_decide_seconds',
    help: 'Time of one decision',
    buckets: [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01],
    registers,
  });
  new Counter({
    name: 'atf_policy_answers_total',
    help: 'Answers of policies about low-risk reads, remembered or evaluated',
    labelNames: ['from'],
    registers,
    collect() {
      const { remembered, evaluated } = gauges.answers();
      this.reset();
      this.inc({ from: 'memory' }, remembered);
      this.inc({ from: 'evaluation' }, evaluated);
    },
  });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('atf_feed_fresh', '1 while control was heard within the lease', () => Number(gauges.fresh()));
  gauge('atf_calls_under_way', 'Calls between decision and outcome', gauges.underWay);
  gauge('atf_spool_behind', 'Records that control does not hold yet', gauges.behind);
  gauge('atf_spool_failed', '1 while nothing can be recorded', () => Number(gauges.spoolFailed()));
  gauge('atf_notifications_dropped', 'Notifications given up', gauges.notificationsDropped);
  return {
    observed: ({ outcome, code = '', status, tookMs }) => {
      if (status === undefined) return decisions.inc({ outcome, code });
      decisions.inc({ outcome, code: '' });
      outcomes.inc({ status, code });
      seconds.observe(tookMs / 1000);
    },
    decided: (ms) => deciding.observe(ms / 1000),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
