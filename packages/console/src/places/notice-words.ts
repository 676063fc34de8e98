/** Kinds of notifications in words for people. */
import type { NoticeKind } from '@atf/core/wire/notifications';

export const noticeWords: Readonly<Record<NoticeKind, string>> = {
  action_taken: 'Action taken alone',
  agent_asks: 'Agent asks',
  approval_waiting: 'Call waits',
  approval_decided: 'Call decided',
  approval_expired: 'Call expired',
  stopped: 'Stop',
  resumed: 'Resumption',
  tool_quarantined: 'Tool in quarantine',
  agent_throttled: 'Agent throttled',
  input_drifted: 'Inputs changed',
  source_doubted: 'Source doubted',
  boundary_widened: 'Boundary widened',
  review_overdue: 'Review overdue',
  review_objected: 'Objection',
  gateway_lost: 'Gateway',
  records_refused: 'Records refused',
  audit_problem: 'Log problem',
  target_changed: 'Target changed',
  test: 'Test',
};
