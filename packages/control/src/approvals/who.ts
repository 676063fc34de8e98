/** Room: approvals (invariant 5, S-2). Who may decide about a call, read what would run, and be named as the one to decide. */
import { RefusalError, refuse } from '@atf/core/errors';
import type { Person } from '@atf/core/wire/api';
import type { Approver } from '@atf/core/wire/action';
import type { Role } from '@atf/core/wire/words';
import type { Control, Tx } from '../context.ts';
import { answersFor } from '../identity/acting.ts';
import { agentsAbove, enrolledAbove } from '../identity/delegation-chain.ts';
import { instanceById } from '../identity/credential-store.ts';
import type { AgentRow } from '../identity/store.ts';
import { allPeople, personByRef } from '../people/store.ts';
import { settingsInForce } from '../policy/load.ts';
import type { ApprovalRow } from './store.ts';

/** Offices that a person holds for this agent; the role `approver` holds for all. */
export function mayDecide(person: Person, agent: AgentRow, more: readonly Role[] = []): boolean {
  if (person.roles.includes('approver') || person.roles.some((role) => more.includes(role))) return true;
  return [agent.owner_id, agent.technical_owner_id, agent.business_owner_id].includes(person.id);
}

/** Who may read what would run or what came back. */
export function mayReadContent(person: Person, agent: AgentRow | undefined): boolean {
  if (person.roles.some((role) => ['approver', 'security', 'auditor', 'operator'].includes(role)))
    return true;
  return (
    agent !== undefined &&
    [agent.owner_id, agent.technical_owner_id, agent.business_owner_id, agent.escalation_id].includes(
      person.id,
    )
  );
}

/**
 * Nobody approves their own agent's call (invariant 5): not its owner and not its technical owner, unless settings name the class. The business owner, who answers
 * for the purpose and not for the agent, may. What an agent does for another one is that one's call, too. Whoever brought the asking instance in may not either where settings want four eyes; until a task
 * grant names the person for whom an agent works, that is the person behind it.
 */
export async function refuseOwn(
  control: Control,
  tx: Tx,
  row: Pick<ApprovalRow, 'class' | 'instance_id' | 'sid'>,
  agent: AgentRow,
  person: Person,
): Promise<void> {
  const { fourEyes, ownersMayApprove } = await settingsInForce(control, tx);
  const involved = [agent, ...(await agentsAbove(control, tx, row.sid))];
  const owns = involved.some((each) => answersFor(person, each));
  if (owns && !ownersMayApprove.includes(row.class))
    refuse('approvals.own_request', 'Owner and technical owner do not approve the calls of their agent.');
  if (!fourEyes.includes(row.class)) return;
  const instance = await instanceById(tx, control.config.tenant, row.instance_id);
  if (instance === undefined || instance.enrolled_by === person.id) refuse('approvals.own_request');
  const above = await enrolledAbove(control, tx, row.sid);
  if (above.includes(person.id)) refuse('approvals.own_request');
}

type Named = Pick<ApprovalRow, 'for_person_id' | 'for_role'>;

/** Whether this is one of those whom the agent's program named, if it named any. */
export function isAskedFor(person: Person, { for_person_id, for_role }: Named): boolean {
  if (for_person_id !== null) return person.id === for_person_id;
  return for_role === null || person.roles.includes(for_role);
}

/** Naming somebody narrows who decides and never widens it. Refuses `approvals.approver_invalid` where nobody would be left. */
export async function namedApprover(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  row: Pick<ApprovalRow, 'class' | 'instance_id' | 'sid'>,
  approver: Approver | undefined,
): Promise<Named> {
  if (approver === undefined) return { for_person_id: null, for_role: null };
  const { tenant } = control.config;
  const could = async (person: Person): Promise<boolean> => {
    if (!mayDecide(person, agent)) return false;
    try {
      await refuseOwn(control, tx, row, agent, person);
      return true;
    } catch (fault) {
      if (fault instanceof RefusalError) return false;
      throw fault;
    }
  };
  if ('person' in approver) {
    const person = await personByRef(tx, tenant, approver.person);
    return person !== undefined && (await could(person))
      ? { for_person_id: person.id, for_role: null }
      : refuse('approvals.approver_invalid');
  }
  for (const person of await allPeople(tx, tenant))
    if (person.roles.includes(approver.role) && (await could(person)))
      return { for_person_id: null, for_role: approver.role };
  return refuse('approvals.approver_invalid');
}
