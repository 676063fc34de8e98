/**
 * What people are told, to where, and how it went: words, shapes and routes of the notifications room. Joined into the table of routes by
 * `api.ts`. Secrets go in (`targets.add`) and come out once (`signingSecret`); no other answer carries them.
 */
import { z } from 'zod';
import { id, list, ok, text } from './shapes.ts';
import { isoTimeSchema, nameSchema, toolRefSchema, uuidSchema } from './words.ts';

export const noticeKinds = [
  'action_taken',
  'agent_asks',
  'approval_waiting',
  'approval_decided',
  'approval_expired',
  'stopped',
  'resumed',
  'tool_quarantined',
  'agent_throttled',
  'input_drifted',
  'source_doubted',
  'boundary_widened',
  'review_overdue',
  'review_objected',
  'gateway_lost',
  'records_refused',
  'audit_problem',
  'target_changed',
  'test',
] as const;
/** What a notification is about. `action_taken`: an agent acted alone and owes people the news (obligation `notify`). `agent_asks`: it asks for a person, or to be allowed more. */
export const noticeKindSchema = z.enum(noticeKinds);
export type NoticeKind = (typeof noticeKinds)[number];

export const severities = ['info', 'warning', 'critical'] as const;
/** Order is meaning: a later one is graver. */
export const severitySchema = z.enum(severities);
export type Severity = (typeof severities)[number];

export const channelKinds = ['webhook', 'slack', 'email'] as const;
export type ChannelKind = (typeof channelKinds)[number];

const url = z.url({ protocol: /^https?$/ }).max(2_000);
/** A name or an address, without brackets. */
const host = z.string().regex(/^[A-Za-z0-9._:-]{1,253}$/);

/** How mail is protected on its way: TLS from the first byte, `STARTTLS` demanded, or not at all (private addresses only). */
export const mailProtections = ['tls', 'starttls', 'none'] as const;

/** Where messages go, with secrets: addresses of webhooks often hold some themselves. */
export const channelSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('webhook'), url }),
  z.strictObject({ kind: z.literal('slack'), url }),
  z.strictObject({
    kind: z.literal('email'),
    host,
    port: z.int().min(1).max(65_535).default(465),
    protection: z.enum(mailProtections).default('tls'),
    user: text(254).optional(),
    password: text(500).optional(),
    /** PEM of authorities to trust instead of the system's. */
    authorities: text(20_000).optional(),
    from: z.email().max(254),
    /** Fixed addresses: each gets every message. */
    to: z.array(z.email().max(254)).max(20).default([]),
    /** Each message to the people whom it concerns: who answers for the agent, who may stop it, whom it escalates to. */
    people: z.boolean().default(false),
  }),
]);
export type Channel = z.output<typeof channelSchema>;

/** Which notifications a target gets; empty lists are no restriction. */
const rules = {
  kinds: z.array(noticeKindSchema).max(noticeKinds.length).default([]),
  /** This grave at least. */
  severity: severitySchema.default('info'),
  /** Agents by id or name. */
  agents: z.array(text(64)).max(100).default([]),
  /** People by id: what concerns one of them. */
  people: z.array(uuidSchema).max(100).default([]),
};

export const windowSecondsDefault = 300;
export const attemptsDefault = 12;

export const targetInputSchema = z.strictObject({
  name: nameSchema,
  channel: channelSchema,
  ...rules,
  /** The first message of a kind about an agent goes at once; what follows within this many seconds comes as one digest. */
  windowSeconds: z.int().min(1).max(86_400).default(windowSecondsDefault),
  /** Attempts before a message is given up, visibly. */
  attempts: z.int().min(1).max(20).default(attemptsDefault),
  /** Private and loopback addresses may be dialled; metadata and link-local ones never are. */
  privateNetwork: z.boolean().default(false),
});

export const targetSchema = z.object({
  id: uuidSchema,
  name: nameSchema,
  channel: z.enum(channelKinds),
  /** Where to, without what may be secret: the origin of a webhook, the mail server. */
  destination: text(1_000),
  kinds: z.array(noticeKindSchema),
  severity: severitySchema,
  agents: z.array(text(64)),
  people: z.array(text(200)),
  windowSeconds: z.int(),
  attempts: z.int(),
  privateNetwork: z.boolean(),
  addedBy: text(200),
  addedAt: isoTimeSchema,
  /** Messages not sent yet, and messages given up. */
  waiting: z.int(),
  dead: z.int(),
  deliveredAt: isoTimeSchema.optional(),
});
export type Target = z.infer<typeof targetSchema>;

export const deliveryStates = ['waiting', 'sending', 'delivered', 'dead', 'dropped'] as const;
/** `dead`: given up after all attempts. `dropped`: its target was removed. */
export const deliveryStateSchema = z.enum(deliveryStates);
export type DeliveryState = (typeof deliveryStates)[number];

export const deliverySchema = z.object({
  id: uuidSchema,
  target: nameSchema,
  channel: z.enum(channelKinds),
  /** The person it goes to, where it goes to one. */
  person: text(200).optional(),
  state: deliveryStateSchema,
  digest: z.boolean(),
  severity: severitySchema,
  /** Notifications in it, and how many of each kind. */
  count: z.int(),
  counts: z.record(z.string(), z.int()),
  attempts: z.int(),
  attemptsMax: z.int(),
  /** What became of the last attempt, in words of ATF. */
  problem: text(60).optional(),
  createdAt: isoTimeSchema,
  /** Not sent before. */
  dueAt: isoTimeSchema,
  settledAt: isoTimeSchema.optional(),
});
export type Delivery = z.infer<typeof deliverySchema>;

export const notificationSchema = z.object({
  id: uuidSchema,
  at: isoTimeSchema,
  kind: noticeKindSchema,
  severity: severitySchema,
  actionId: uuidSchema.optional(),
  approvalId: uuidSchema.optional(),
  agent: nameSchema.optional(),
  tool: text(200).optional(),
  /** What happened: facts of ATF. */
  summary: text(1000),
  /** Why: facts of ATF. */
  because: text(1000),
  /** Words of an agent's manifest or of a person; untrusted. */
  claimed: text(2000).optional(),
  claimedBy: text(60).optional(),
  to: z.array(text(200)),
  acknowledged: z.object({ at: isoTimeSchema, by: text(200), with: z.enum(['session', 'token']) }).optional(),
});
export type Notification = z.infer<typeof notificationSchema>;

const limit = z.coerce.number().int().min(1).max(500).optional();

export const notificationRoutes = {
  'gateway.notify': {
    method: 'POST',
    path: '/v1/gateway/notifications',
    auth: 'gateway',
    summary: 'Tell people what an agent did and why',
    body: z.strictObject({
      actionId: uuidSchema,
      agentId: uuidSchema,
      tool: toolRefSchema,
      summary: text(1000),
      because: text(1000),
      /** Words of the agent's manifest. */
      purpose: text(2000).optional(),
      /** Absent: it acted alone. Otherwise it asks for a person, or to be allowed more. */
      asks: z.enum(['person', 'more']).optional(),
      /** Of the agent, with which it asks. */
      words: text(1000).optional(),
    }),
    response: ok,
  },
  'notifications.list': {
    method: 'GET',
    path: '/v1/notifications',
    auth: 'person',
    summary: 'What people were told, newest first',
    query: z.object({
      after: text(60).optional(),
      limit,
      /** Only what nobody has acknowledged. */
      open: z.enum(['true', 'false']).optional(),
      kind: noticeKindSchema.optional(),
    }),
    response: list(notificationSchema),
  },
  'notifications.show': {
    method: 'GET',
    path: '/v1/notifications/:id',
    auth: 'person',
    summary: 'One notification',
    params: id,
    response: notificationSchema,
  },
  'notifications.acknowledge': {
    method: 'POST',
    path: '/v1/notifications/:id/acknowledge',
    auth: 'person',
    summary: 'Put on record that somebody has taken note (people whom it concerns, operators, security)',
    params: id,
    response: notificationSchema,
  },
  'targets.list': {
    method: 'GET',
    path: '/v1/notification-targets',
    auth: 'person',
    summary: 'Where notifications go',
    response: list(targetSchema),
  },
  'targets.add': {
    method: 'POST',
    path: '/v1/notification-targets',
    auth: 'person',
    roles: ['operator', 'security'],
    clearance: true,
    summary: 'Add a target of notifications',
    body: targetInputSchema,
    /** The signing secret of a webhook (`whsec_…`) is shown here and never again. */
    response: z.object({ target: targetSchema, signingSecret: text(200).optional() }),
  },
  'targets.remove': {
    method: 'POST',
    path: '/v1/notification-targets/:id/remove',
    auth: 'person',
    roles: ['operator', 'security'],
    clearance: true,
    summary: 'Remove a target; what waits for it is dropped',
    params: id,
    response: ok,
  },
  'targets.test': {
    method: 'POST',
    path: '/v1/notification-targets/:id/test',
    auth: 'person',
    roles: ['operator', 'security'],
    summary: 'Send a message that says that it is a test',
    params: id,
    response: deliverySchema,
  },
  'deliveries.list': {
    method: 'GET',
    path: '/v1/notification-deliveries',
    auth: 'person',
    summary: 'Messages to targets and what became of them, newest first',
    query: z.object({ limit, state: deliveryStateSchema.optional(), target: uuidSchema.optional() }),
    response: list(deliverySchema),
  },
  'deliveries.show': {
    method: 'GET',
    path: '/v1/notification-deliveries/:id',
    auth: 'person',
    summary: 'One message to a target',
    params: id,
    response: deliverySchema,
  },
  'deliveries.retry': {
    method: 'POST',
    path: '/v1/notification-deliveries/:id/retry',
    auth: 'person',
    roles: ['operator', 'security'],
    summary: 'Try a message again that was given up',
    params: id,
    response: deliverySchema,
  },
} as const;
