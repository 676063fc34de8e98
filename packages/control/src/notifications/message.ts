/**
 * Room: notifications. One message as every channel gets it: facts of ATF first, then what agents or people claim, marked as theirs and harmless.
 * Nothing is left out silently: what a digest does not list it counts.
 */
import type { NoticeKind, Severity } from '@atf/core/wire/notifications';
import { bounded, harmless } from './harmless.ts';
import type { NotificationRow } from './store.ts';

const lineLengthMax = 1_200;

export const kindWords: Readonly<Record<NoticeKind, string>> = {
  action_taken: 'actions that agents took alone',
  agent_asks: 'requests of agents to people',
  approval_waiting: 'calls that wait for a person',
  approval_decided: 'decisions on waiting calls',
  approval_expired: 'calls on which nobody decided',
  stopped: 'stops',
  resumed: 'resumptions',
  tool_quarantined: 'tools in quarantine',
  agent_throttled: 'agents that call far more than usual',
  input_drifted: 'sources that are no longer what they were',
  source_doubted: 'retrieval sources that are doubted',
  boundary_widened: 'boundaries that Principals widened',
  review_overdue: 'reviews that are overdue',
  review_objected: 'objections to what agents did',
  gateway_lost: 'gateways out of touch',
  records_refused: 'refusals of records',
  audit_problem: 'problems of the log',
  target_changed: 'changes of where notifications go',
  test: 'tests',
};

export interface MessageItem {
  readonly id: string;
  readonly at: string;
  readonly kind: NoticeKind;
  readonly severity: Severity;
  readonly summary: string;
  readonly because: string;
  /** Words that are not ATF's. */
  readonly claimed?: { readonly by: string; readonly text: string };
  readonly agent?: string;
  readonly tool?: string;
  readonly actionId?: string;
  readonly approvalId?: string;
  readonly to: readonly string[];
  /** Page of the console where it is acknowledged; one must be signed in there. */
  readonly link: string;
}

export interface Message {
  /** The same for every attempt: receivers that have seen it drop it. */
  readonly id: string;
  readonly digest: boolean;
  readonly severity: Severity;
  readonly headline: string;
  readonly items: readonly MessageItem[];
  readonly count: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Notifications that it counts and does not list. */
  readonly unlisted: number;
  readonly link: string;
}

const clean = (text: string): string => bounded(harmless(text), lineLengthMax);

export interface Surroundings {
  readonly controlUrl: string;
  readonly agents: ReadonlyMap<string, string>;
  readonly people: ReadonlyMap<string, { readonly name: string }>;
}

function itemOf(row: NotificationRow, { controlUrl, agents, people }: Surroundings): MessageItem {
  const agent = row.agent_id === null ? undefined : agents.get(row.agent_id);
  const approvalId = row.facts['approvalId'];
  return {
    id: row.id,
    at: new Date(row.at).toISOString(),
    kind: row.kind,
    severity: row.severity,
    summary: clean(row.summary),
    because: clean(row.because),
    ...(row.claimed === null || row.claimed === ''
      ? {}
      : { claimed: { by: row.claimed_by ?? 'nobody known', text: clean(row.claimed) } }),
    ...(agent === undefined ? {} : { agent }),
    ...(row.tool === null ? {} : { tool: clean(row.tool) }),
    ...(row.action_id === null ? {} : { actionId: row.action_id }),
    ...(typeof approvalId === 'string' ? { approvalId } : {}),
    to: row.recipients.map((id) => clean(people.get(id)?.name ?? id)),
    link: `${controlUrl}/notifications/${row.id}`,
  };
}

/** How many of what, in one line. */
export function countsWords(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([kind, count]) => `${count} ${kindWords[kind as NoticeKind] ?? kind}`)
    .join(', ');
}

export function messageOf(
  delivery: {
    readonly id: string;
    readonly digest: boolean;
    readonly severity: Severity;
    readonly count: number;
    readonly counts: Readonly<Record<string, number>>;
  },
  rows: readonly NotificationRow[],
  around: Surroundings,
): Message {
  const items = rows.map((row) => itemOf(row, around));
  const { id, severity, count, counts } = delivery;
  // A digest of one is that one.
  const digest = delivery.digest && count > 1;
  const [only] = items;
  return {
    id,
    digest,
    severity,
    headline: digest || only === undefined ? countsWords(counts) : only.summary,
    items,
    count,
    counts,
    unlisted: Math.max(0, count - items.length),
    link: digest || only === undefined ? `${around.controlUrl}/notifications` : only.link,
  };
}
