/**
 * Room: backup. What of each table a backup holds. Every table stands here: the type refuses a new one that nobody has thought about. What opens a door for a
 * short time (links, sessions of people, join tokens, presence, tasks, delegations) is in no backup, and neither are enforcement points, host applications and
 * values behind tokens, so that no restore brings it back.
 */
import type { Tables } from '../db/tables.ts';

/** `log`: as files of the log, in their own folder · `rebuilt`: from the log, at the next start · `void`: counts nowhere else and never again. */
export type Kept = 'rows' | 'log' | 'rebuilt' | 'void';

export const keptOf: Readonly<Record<keyof Tables | 'migration', Kept>> = {
  agent: 'rows',
  agent_join_token: 'void',
  agent_session: 'rows',
  agent_version: 'rows',
  application_version: 'rows',
  approval: 'rows',
  audit_gateway: 'rows',
  audit_index: 'rebuilt',
  audit_log: 'rows',
  audit_payload: 'rows',
  audit_pending: 'rows',
  call_budget: 'rows',
  clearance: 'void',
  console_session: 'void',
  containment: 'rows',
  containment_event: 'rows',
  data_token: 'void',
  delegation: 'void',
  duty: 'void',
  enforcement_point: 'void',
  feed_doc: 'rows',
  feed_head: 'rows',
  gateway: 'rows',
  gateway_join_token: 'void',
  host_application: 'void',
  input_drift: 'rows',
  input_window: 'rows',
  instance: 'rows',
  key: 'rows',
  lineage_action: 'rebuilt',
  lineage_mark: 'rebuilt',
  lineage_session: 'rebuilt',
  lineage_value: 'rebuilt',
  log_file: 'log',
  migration: 'void',
  negotiation: 'rows',
  notification: 'rows',
  notification_delivery: 'rows',
  notification_lane: 'rows',
  notification_target: 'rows',
  passkey: 'rows',
  passkey_challenge: 'void',
  person: 'rows',
  policy_active: 'rows',
  policy_backtest: 'void',
  policy_backtest_change: 'void',
  policy_candidate: 'void',
  policy_set: 'rows',
  policy_shadow: 'void',
  policy_shadow_count: 'void',
  policy_version: 'rows',
  presence: 'void',
  presence_failure: 'rows',
  proof_taken: 'void',
  replica: 'void',
  restoration: 'rows',
  retrieval_index: 'rows',
  review: 'rows',
  session_labels: 'rows',
  sign_in_link: 'void',
  source_day: 'rows',
  task: 'void',
  tool: 'rows',
  tool_classification_prepared: 'rows',
  tool_server: 'rows',
  total_budget: 'rows',
  total_hold: 'rows',
  volume_baseline: 'rows',
  volume_hour: 'rows',
  volume_mark: 'rows',
  workspace_setup: 'rows',
};

/** Undefined: this version knows no such table. */
export function keptTable(table: string): Kept | undefined {
  return Object.hasOwn(keptOf, table) ? keptOf[table as keyof typeof keptOf] : undefined;
}
