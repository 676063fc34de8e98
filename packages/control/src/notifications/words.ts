/** Room: notifications. What a piece of news says: facts of ATF first, in its own words; whoever else's words stand apart, with their author. */
import { trustWords } from '@atf/core/data/source-trust';
import type { TrustReason } from '@atf/core/wire/retrieval';
import type { NotificationRow } from './store.ts';
import type { NoticeFacts } from './tables.ts';

export interface NameBook {
  /** Name of a person, an agent or a gateway by its id. */
  name(id: unknown): string;
}

export interface NoticeWords {
  readonly summary: string;
  readonly because: string;
}

const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? `${value}` : '?';

const counted = (count: unknown, noun: string): string => `${text(count)} ${noun}${count === 1 ? '' : 's'}`;

const presences: Readonly<Record<string, string>> = {
  passkey: 'Presence was confirmed by passkey.',
  passphrase: 'Presence was confirmed by passphrase.',
  simulated: 'Presence was simulated, as only the example workspace allows.',
};
const presenceWords = (method: unknown): string => presences[text(method)] ?? 'Presence was confirmed.';

function scopeWords(facts: NoticeFacts, names: NameBook): string {
  const scope = (facts['scope'] ?? {}) as { kind?: unknown; id?: unknown };
  if (scope.kind === 'fleet') return 'the whole fleet';
  if (scope.kind === 'tool') return `the tool ${text(scope.id)}`;
  if (scope.kind === 'purpose') return `every agent of the purpose “${text(facts['label'])}”`;
  if (scope.kind === 'version' || scope.kind === 'session')
    return `${scope.kind === 'version' ? 'the version ' : ''}${text(facts['label'])}`;
  if (scope.kind === 'owner') return `every agent of ${names.name(scope.id)}`;
  return `the agent ${names.name(scope.id)}`;
}

const pastOf: Readonly<Record<string, string>> = {
  paused: 'paused',
  quarantined: 'quarantined',
  killed: 'killed',
};

function approvalWords(facts: NoticeFacts, agent: string, names: NameBook): NoticeWords {
  const tool = text(facts['tool']);
  switch (facts['event']) {
    case 'approvals.requested':
      return {
        summary: `${agent} asks to call ${tool}; a person decides until ${text(facts['expiresAt'])}`,
        because: `A call of class ${text(facts['class'])} that its level does not let it make alone.`,
      };
    case 'approvals.approved':
      return {
        summary: `${names.name(facts['by'])} approved one call of ${tool} by ${agent}`,
        because: presenceWords(facts['presence']),
      };
    case 'approvals.rejected':
      return {
        summary: `${names.name(facts['by'])} rejected a call of ${tool} by ${agent}`,
        because: 'Nothing ran. The reason stands with the approval.',
      };
    default:
      return {
        summary: `Nobody decided in time: the call of ${tool} by ${agent} expired`,
        because: 'Nothing ran. The agent may ask again.',
      };
  }
}

function auditWords(facts: NoticeFacts, names: NameBook): NoticeWords {
  if (facts['event'] === 'audit.witness_disagreed')
    return {
      summary: `The witness ${text(facts['witness'])} disagrees with the log`,
      because:
        'It refused its history, remembers more of it, or forgot what it cosigned: find out which of the two was changed.',
    };
  const gateway = names.name(facts['gateway']);
  if (facts['event'] === 'audit.gateway_forked')
    return {
      summary: `The gateway ${gateway} sent two different records for one position`,
      because: `At epoch ${text(facts['epoch'])}, record ${text(facts['seq'])}. Its records are refused since: look at that host before you trust it again.`,
    };
  return {
    summary: `Records ${text(facts['from'])} to ${text(facts['to'])} of the gateway ${gateway} are missing`,
    because: `The log says so itself: ${text(facts['reason']).replaceAll('_', ' ')}.`,
  };
}

function sourceWords(facts: NoticeFacts): NoticeWords {
  const source = `${text(facts['tool'])}, which answers from the index ${text(facts['index'])},`;
  if (facts['event'] === 'data.index_mixed')
    return {
      summary: `${source} holds what is more confidential than its index`,
      because: `${counted(facts['results'], 'result')} said so of themselves, and were not given. Take that out of the index.`,
    };
  const reasons = Array.isArray(facts['reasons']) ? (facts['reasons'] as TrustReason[]) : [];
  return {
    summary: `${source} is trusted ${text(facts['trust'])} of 100: what it answers counts as written by anybody`,
    because: `${reasons.map(trustWords).join('; ')}.`,
  };
}

/** The words of a piece of news that came without any. */
export function wordsOf(row: NotificationRow, agentName: string | undefined, names: NameBook): NoticeWords {
  const { facts } = row;
  const agent = agentName ?? 'an agent';
  switch (row.kind) {
    case 'approval_waiting':
    case 'approval_decided':
    case 'approval_expired':
      return approvalWords(facts, agent, names);
    case 'stopped':
      return {
        summary: `${names.name(facts['by'])} ${pastOf[text(facts['state'])] ?? 'stopped'} ${scopeWords(facts, names)}`,
        because: `${counted(facts['agents'], 'agent')} concerned, ${counted(facts['approvalsVoided'], 'approval')} void, ${counted(facts['sessionsEnded'], 'session')} ended. It holds until a person resumes.`,
      };
    case 'resumed':
      return {
        summary: `${names.name(facts['by'])} resumed ${scopeWords(facts, names)}`,
        because: `It was ${pastOf[text(facts['was'])] ?? 'stopped'}${
          facts['ceiling'] === undefined
            ? ''
            : facts['ceiling'] === 'none'
              ? '; its ceiling is lifted'
              : `; its ceiling is ${text(facts['ceiling'])} now`
        }. ${presenceWords(facts['presence'])}`,
      };
    case 'tool_quarantined':
      return {
        summary: `The tool ${row.tool ?? '?'} is in quarantine`,
        because: `Its definition ${facts['because'] === 'changed' ? 'changed' : 'is new'}: no agent calls it until a person accepts it.`,
      };
    case 'agent_throttled':
      return {
        summary: `${agent} made ${text(facts['calls'])} calls in this hour; ${text(facts['baseline'])} are usual`,
        because: `It is throttled to ${text(facts['max'])} calls in ${text(facts['perSeconds'])} s until ${text(facts['until'])}, unless a person lifts that.`,
      };
    case 'input_drifted':
      return {
        summary: `What ${agent} reads from ${text(facts['tool'])} is no longer what it was`,
        because: `It changed in: ${Array.isArray(facts['in']) ? facts['in'].map(text).join(', ') : '?'} (${text(facts['results'])} new results beside ${text(facts['reference'])}).`,
      };
    case 'source_doubted':
      return sourceWords(facts);
    case 'review_overdue':
      return {
        summary: `Nobody has looked at ${text(facts['count'])} calls of ${agent} since ${text(facts['since'])}`,
        because: 'They are to be looked at afterwards: the console shows them under Reviews.',
      };
    case 'review_objected':
      return {
        summary: `${names.name(facts['by'])} objects to what ${agent} did`,
        because: `Of ${text(facts['count'])} calls something is wrong; what it is stands with the review.`,
      };
    case 'gateway_lost':
      return {
        summary: `The gateway ${text(facts['name'])} was revoked by ${names.name(facts['by'])}`,
        because: 'It gets nothing any more, and what it sends is refused.',
      };
    case 'audit_problem':
      return auditWords(facts, names);
    case 'target_changed':
      return {
        summary: `${names.name(facts['by'])} ${facts['event'] === 'notification.target_added' ? 'added' : 'removed'} the target of notifications ${text(facts['name'])}`,
        because: 'Whoever changes where notifications go changes who hears of them.',
      };
    case 'action_taken':
    case 'agent_asks':
    case 'boundary_widened':
    case 'records_refused':
    case 'test':
      return { summary: row.summary, because: row.because };
  }
}
