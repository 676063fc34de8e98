/**
 * Room: notifications. The transactional outbox: news is written with the change that it tells of, and sent afterwards by whoever takes it
 * (`postman.ts`). Nothing here sends, looks anything up or waits.
 */
import { randomUUID } from 'node:crypto';
import type { NoticeKind, Severity } from '@atf/core/wire/notifications';
import type { Tx } from '../context.ts';
import { noticeRules } from './kinds.ts';
import { insertNotification } from './store.ts';
import type { NoticeFacts } from './tables.ts';

/** Names of tools come from their servers: what is longer than this is not stored in a column that is compared. */
const toolLengthMax = 200;

export interface News {
  readonly tenant: string;
  readonly atMs: number;
  readonly kind: NoticeKind;
  readonly severity: Severity;
  /** The same piece of news told twice is one notification. */
  readonly once: string;
  readonly actionId?: string;
  readonly agentId?: string;
  readonly tool?: string;
  readonly facts?: NoticeFacts;
  /** Made of the facts where they are not given. */
  readonly summary?: string;
  readonly because?: string;
  readonly claimed?: { readonly text: string; readonly by: string };
}

let written = 0;
/** How much news this process has written: whoever sends looks only when it grew, and now and then for what others wrote. */
export const newsWritten = (): number => written;

/** False: people are told this already. */
export function tell(tx: Tx, news: News): Promise<boolean> {
  written++;
  return insertNotification(tx, {
    tenant: news.tenant,
    id: randomUUID(),
    at: news.atMs,
    kind: news.kind,
    severity: news.severity,
    once_key: news.once,
    action_id: news.actionId ?? null,
    agent_id: news.agentId ?? null,
    tool: news.tool?.slice(0, toolLengthMax) ?? null,
    facts: JSON.stringify(news.facts ?? {}),
    summary: news.summary ?? '',
    because: news.because ?? '',
    claimed: news.claimed?.text ?? null,
    claimed_by: news.claimed?.by ?? null,
    recipients: '[]',
    routed_at: null,
    acknowledged_at: null,
    acknowledged_by: null,
    acknowledged_with: null,
  });
}

export interface RecordedEvent {
  readonly id: string;
  readonly tenant: string;
  readonly at: string;
  readonly type: string;
  readonly body: unknown;
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Where `segmentation` events name a tool by server and name, others by `server/tool`. */
function toolOf(body: NoticeFacts): string | undefined {
  const tool = textOf(body['tool']);
  const server = textOf(body['server']);
  return tool === undefined || server === undefined ? tool : `${server}/${tool}`;
}

/** Tells people of a recorded event, if its kind is one that people are told of. */
export async function tellOfEvent(tx: Tx, { id, tenant, at, type, body }: RecordedEvent): Promise<void> {
  const rule = noticeRules.get(type);
  if (rule === undefined) return;
  const facts: NoticeFacts = { event: type, ...(body as NoticeFacts) };
  const actionId = textOf(facts['actionId']);
  const agentId = textOf(facts['agentId']);
  const tool = toolOf(facts);
  await tell(tx, {
    tenant,
    atMs: Date.parse(at),
    kind: rule.kind,
    severity: rule.severity(facts),
    once: `event:${id}`,
    facts,
    ...(actionId === undefined ? {} : { actionId }),
    ...(agentId === undefined ? {} : { agentId }),
    ...(tool === undefined ? {} : { tool }),
  });
}
