/**
 * Room: notifications. Whom a piece of news concerns: who answers for the agent; when it is grave, also who may stop it and its contact for
 * escalation; when a call waits, approvers; what concerns no single agent, or is critical, operators and security.
 */
import type { Person } from '@atf/core/wire/api';
import type { Role } from '@atf/core/wire/words';
import type { AgentRow } from '../identity/store.ts';
import type { NotificationRow } from './store.ts';

const withRole = (people: readonly Person[], ...roles: Role[]): string[] =>
  people.filter((person) => person.roles.some((role) => roles.includes(role))).map(({ id }) => id);

export function peopleConcerned(
  row: Pick<NotificationRow, 'kind' | 'severity' | 'facts'>,
  agent: AgentRow | undefined,
  people: readonly Person[],
): string[] {
  const ids: string[] = [];
  if (agent !== undefined) {
    ids.push(agent.owner_id, agent.technical_owner_id, agent.business_owner_id);
    if (row.severity !== 'info') ids.push(agent.escalation_id, ...agent.may_stop);
  }
  if (row.kind === 'approval_waiting' || row.kind === 'review_overdue')
    ids.push(...withRole(people, 'approver'));
  if (agent === undefined || row.severity === 'critical')
    ids.push(...withRole(people, 'operator', 'security'));
  const scope = row.facts['scope'] as { kind?: unknown; id?: unknown } | undefined;
  if (scope?.kind === 'owner' && typeof scope.id === 'string') ids.push(scope.id);
  const known = new Set(people.map(({ id }) => id));
  return [...new Set(ids)].filter((id) => known.has(id));
}
