/**
 * Host applications (S-4): programs in which people work and which have agents do part of it. One may say what a session of an agent is for, in the words of the
 * person who uses it. Shapes and routes, joined into the table of routes by `api.ts`.
 */
import { z } from 'zod';
import { id, list, ok, reason, text } from './shapes.ts';
import { taskMinutesMax, taskTurnMax } from './task-routes.ts';
import { isoTimeSchema, nameSchema, uuidSchema } from './words.ts';

/** Agents of one host application. */
export const agentsOfHostMax = 100;
export const hostsMax = 200;
/** Tasks that one host application declares in a minute. */
export const hostTasksPerMinuteMax = 120;

/** `atfh_<id of the host application>_<secret>`: 32 random bytes, shown once. */
export const hostCredentialPattern =
  /^atfh_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

/** The host's own reference of the person for whom it speaks. It stands in the log, so it is no name and no mail address: those do not fit. */
export const declaredForSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, 'a reference: letters, digits, and . _ : -');

export const hostSchema = z.object({
  id: uuidSchema,
  name: nameSchema,
  /** The agents for which it may declare tasks. */
  agents: z.array(nameSchema),
  /** The person who answers for what it declares. */
  answers: z.string(),
  registeredAt: isoTimeSchema,
  revokedAt: isoTimeSchema.optional(),
});
export type Host = z.infer<typeof hostSchema>;

const words = z.string().trim().min(1).max(taskTurnMax);
/** What a host application is told of a task: enough to start the agent on it. */
const declared = z.object({ id: uuidSchema, agent: nameSchema, expiresAt: isoTimeSchema });

export const hostRoutes = {
  'hosts.list': {
    method: 'GET',
    path: '/v1/hosts',
    auth: 'person',
    summary: 'Host applications that may declare tasks of agents',
    response: list(hostSchema),
  },
  'hosts.register': {
    method: 'POST',
    path: '/v1/hosts',
    auth: 'person',
    summary:
      'Register a host application for agents that you answer for; you answer for what it declares. Its credential is shown once (operators: any agent, and who answers)',
    body: z.strictObject({
      name: nameSchema,
      agents: z.array(nameSchema).min(1).max(agentsOfHostMax),
      /** Mail address or id of who answers for it; absent: who registers it. */
      answers: text(300).min(1).optional(),
    }),
    response: z.object({ host: hostSchema, credential: text(200) }),
  },
  'hosts.revoke': {
    method: 'POST',
    path: '/v1/hosts/:id/revoke',
    auth: 'person',
    summary:
      'A host application may declare nothing any more; its tasks end, with the sessions that work on them (operators, security, who answers for it)',
    params: id,
    body: z.strictObject({ reason }),
    response: ok,
  },
  'host.task': {
    method: 'POST',
    path: '/v1/host/tasks',
    auth: 'host',
    summary: 'Declare the task of one session of an agent, in the words of the person for whom it is',
    body: z.strictObject({
      agent: nameSchema,
      words,
      for: declaredForSchema,
      minutes: z.int().min(1).max(taskMinutesMax).optional(),
    }),
    response: declared,
  },
  'host.addTurn': {
    method: 'POST',
    path: '/v1/host/tasks/:id/turns',
    auth: 'host',
    summary: 'Add what the same person has said since to a task that this host application declared',
    params: id,
    body: z.strictObject({ words }),
    response: declared,
  },
  'host.endTask': {
    method: 'POST',
    path: '/v1/host/tasks/:id/end',
    auth: 'host',
    summary: 'End a task that this host application declared, and the session that works on it',
    params: id,
    response: ok,
  },
} as const;
