/**
 * Room: notifications. Which recorded events people are told of, and how grave each is. Told of in the transaction of the event itself
 * (`audit/outbox.ts`): neither exists without the other. One row and no look-up, because stops are recorded this way too.
 */
import type { NoticeKind, Severity } from '@atf/core/wire/notifications';

type Body = Readonly<Record<string, unknown>>;

export interface NoticeRule {
  readonly kind: NoticeKind;
  readonly severity: (body: Body) => Severity;
}

const always = (severity: Severity) => (): Severity => severity;

export const noticeRules: ReadonlyMap<string, NoticeRule> = new Map<string, NoticeRule>([
  ['approvals.requested', { kind: 'approval_waiting', severity: always('warning') }],
  ['approvals.approved', { kind: 'approval_decided', severity: always('info') }],
  ['approvals.rejected', { kind: 'approval_decided', severity: always('info') }],
  ['approvals.expired', { kind: 'approval_expired', severity: always('warning') }],
  [
    'incident.containment_set',
    { kind: 'stopped', severity: (body) => (body['state'] === 'paused' ? 'warning' : 'critical') },
  ],
  ['incident.containment_lifted', { kind: 'resumed', severity: always('warning') }],
  ['segmentation.tool_quarantined', { kind: 'tool_quarantined', severity: always('warning') }],
  ['data.input_drifted', { kind: 'input_drifted', severity: always('warning') }],
  ['data.index_mixed', { kind: 'source_doubted', severity: always('warning') }],
  ['data.source_doubted', { kind: 'source_doubted', severity: always('warning') }],
  ['segmentation.agent_throttled', { kind: 'agent_throttled', severity: always('warning') }],
  ['approvals.review_overdue', { kind: 'review_overdue', severity: always('warning') }],
  ['approvals.review_objected', { kind: 'review_objected', severity: always('warning') }],
  ['identity.gateway_revoked', { kind: 'gateway_lost', severity: always('warning') }],
  ['audit.gap_recorded', { kind: 'audit_problem', severity: always('critical') }],
  ['audit.gateway_forked', { kind: 'audit_problem', severity: always('critical') }],
  ['audit.witness_disagreed', { kind: 'audit_problem', severity: always('critical') }],
  ['notification.target_added', { kind: 'target_changed', severity: always('warning') }],
  ['notification.target_removed', { kind: 'target_changed', severity: always('warning') }],
]);
