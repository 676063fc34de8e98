/** Room: identity (S-4). An instance takes a task: its session works on that task alone, and is over when the task is. */
import { refuse } from '@atf/core/errors';
import type { Control, Tx } from '../context.ts';
import { sessionById } from './credential-store.ts';
import { changeTask, lockTask, type TaskRow } from './task-store.ts';

export const isOver = (task: Pick<TaskRow, 'ended_at' | 'expires_at'>, nowMs: number): boolean =>
  task.ended_at !== null || task.expires_at <= nowMs;

/**
 * The task, if this agent may work on it in the session `sid` (undefined: one that is still to be opened). A session that is over has let go of its task. Refuses
 * `identity.task_unknown`.
 */
export async function taskFor(
  control: Control,
  tx: Tx,
  id: string,
  agentId: string,
  sid: string | undefined,
): Promise<TaskRow> {
  const task = await lockTask(tx, control.config.tenant, id);
  const free = task?.sid === null || task?.sid === sid || (await isLetGo(control, tx, task?.sid));
  if (task === undefined || task.agent_id !== agentId || !free || isOver(task, control.clock.nowMs()))
    return refuse('identity.task_unknown');
  return task;
}

async function isLetGo(control: Control, tx: Tx, sid: string | undefined): Promise<boolean> {
  if (sid === undefined) return false;
  const session = await sessionById(tx, control.config.tenant, sid);
  return session === undefined || session.ended_at !== null || session.expires_at <= control.clock.nowMs();
}

/** The session has it from now on. */
export async function takeTask(control: Control, tx: Tx, task: TaskRow, sid: string): Promise<void> {
  if (task.sid === sid) return;
  const { tenant } = control.config;
  await changeTask(tx, tenant, task.id, { sid });
  await control.audit.enqueue(tx, 'identity.task_taken', { taskId: task.id, agentId: task.agent_id, sid });
}
