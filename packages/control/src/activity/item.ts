/**
 * Room: activity (B-1, B-5). One leaf of the log in the words of people. Pure. What is said here comes from the leaf itself, never from an
 * index, so that nothing is claimed that the log does not hold.
 */
import type { Entry } from '@atf/core/audit/entry';
import { type ErrorCode, type ErrorEntry, errors } from '@atf/core/errors';
import { type EventName, events } from '@atf/core/events';
import type { DecisionRecord, OutcomeRecord } from '@atf/core/record';
import { queryWords } from '@atf/core/segmentation/sql/rights';
import type { ActivityItem, DecisionView } from '@atf/core/wire/api';
import { levels } from '@atf/core/wire/words';

type Outcome = NonNullable<ActivityItem['outcome']>;

/** Names by id: agents and people. Ids without a name are shown as they are. */
export interface Names {
  agent(id: string): string | undefined;
  person(id: string): string | undefined;
}

const entryOf = (code: string | undefined): ErrorEntry | undefined =>
  code !== undefined && Object.hasOwn(errors, code) ? errors[code as ErrorCode] : undefined;

const stopped = (code: string | undefined) =>
  code !== undefined && (code.startsWith('containment.') || code === 'execution.not_executed');

const outcomeOfStatus: Record<OutcomeRecord['status'], Outcome> = {
  done: 'done',
  failed: 'failed',
  aborted: 'stopped',
  not_executed: 'stopped',
  unknown: 'unknown',
};

/** What the SQL of a call does to which tables, where the record says so. */
function queryIn({ facts }: Pick<DecisionRecord, 'facts'>): string {
  const query = (facts as DecisionRecord['facts'] | undefined)?.query;
  return query?.verdict === 'read' ? ` (${queryWords(query.uses)})` : '';
}

function decisionWords(record: DecisionRecord): Pick<ActivityItem, 'outcome' | 'summary'> {
  const tool = `${record.server}/${record.tool}${queryIn(record)}`;
  if (record.outcome === 'allow')
    return { outcome: 'allowed', summary: `may call ${tool}: ${record.checks.at(-1)?.because ?? ''}` };
  if (record.outcome === 'ask')
    return {
      outcome: 'waiting',
      summary: `waits for a person to decide on ${tool}: ${record.checks.at(-1)?.because ?? ''}`,
    };
  const title = entryOf(record.code)?.title ?? record.code ?? 'refused';
  const outcome = stopped(record.code) ? 'stopped' : 'refused';
  return { outcome, summary: `was refused ${tool}: ${title}` };
}

/** What detectors found in the result, in words. */
function dataWords({ data }: OutcomeRecord): string {
  if (data === undefined) return '';
  const masked = data.masked === 0 ? '' : `, ${data.masked} masked`;
  return ` (holds ${data.labels.join(', ')}${masked})`;
}

function outcomeWords(record: OutcomeRecord): Pick<ActivityItem, 'outcome' | 'summary'> {
  const tool = `${record.server}/${record.tool}`;
  const title = entryOf(record.code)?.title;
  const because = title === undefined ? '' : `: ${title}`;
  const says: Record<OutcomeRecord['status'], string> = {
    done: `${tool} is done`,
    failed: `${tool} failed${because}`,
    aborted: `${tool} was cut${because}`,
    not_executed: `${tool} was not executed${because}`,
    unknown: `${tool}: the outcome is unknown${because}`,
  };
  return { outcome: outcomeOfStatus[record.status], summary: `${says[record.status]}${dataWords(record)}` };
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const bound = (value: string) => (value.length <= 1000 ? value : `${value.slice(0, 999)}…`);

/** Who did it, for events of control: the first of the fields that rooms use. */
function personIn(body: Record<string, unknown>, names: Names): string | undefined {
  for (const field of ['byId', 'by', 'personId', 'person', 'decidedBy']) {
    const id = text(body[field]);
    if (id !== undefined) return names.person(id) ?? undefined;
  }
  return undefined;
}

/** What became of a ceiling. */
function ceilingWords(type: string, body: Record<string, unknown>): string | undefined {
  if (type !== 'maturity.ceiling_set') return undefined;
  const [now, before] = [text(body['ceiling']), text(body['previous'])];
  const was = before === undefined ? '' : ` (it was ${before})`;
  return now === undefined
    ? `The ceiling on its level is lifted${was}.`
    : `The ceiling on its level is ${now} now${was}.`;
}

const scopesSaid = 5;

function scopeWords(scope: unknown, label: string | undefined, names: Names): string | undefined {
  const { kind, id } = (scope ?? {}) as { readonly kind?: unknown; readonly id?: unknown };
  if (typeof kind !== 'string' || typeof id !== 'string') return undefined;
  if (kind === 'fleet') return 'the whole fleet';
  const [agent = '', version] = kind === 'version' ? id.split('@', 2) : [id];
  const named = names.agent(agent) ?? names.person(id);
  return `${kind} ${label ?? (named === undefined || version === undefined ? (named ?? id) : `${named}@${version}`)}`;
}

/** What the stop file of a gateway's host did; undefined where it was not the stop file. */
function stopFileWords(type: string, body: Record<string, unknown>, names: Names): string | undefined {
  if (body['by'] !== 'stop file' || !Array.isArray(body['scopes'])) return undefined;
  const said = body['scopes'].slice(0, scopesSaid).map((scope) => scopeWords(scope, undefined, names) ?? '?');
  const rest = Math.max(body['scopes'].length, Number(body['count'] ?? 0)) - said.length;
  const what = `${said.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  if (type === 'incident.containment_set') return `The stop file of the gateway's host stops ${what}.`;
  if (type !== 'incident.containment_lifted') return undefined;
  const still = Number(body['stillStopped'] ?? 0);
  return said.length === 0
    ? "The stop file of the gateway's host was removed; it stops nothing any more."
    : `The stop file of the gateway's host no longer stops ${what}; ${still === 0 ? 'it stops nothing any more' : `stops left in it: ${still}`}.`;
}

/** What stops and resumes say of themselves; undefined for other events, and for bodies of another shape. */
function containmentWords(type: string, body: Record<string, unknown>, names: Names): string | undefined {
  const ofFile = stopFileWords(type, body, names);
  if (ofFile !== undefined) return ofFile;
  const what = scopeWords(body['scope'], text(body['label']), names);
  if (what === undefined) return undefined;
  switch (type) {
    case 'incident.containment_set':
      return `${what} is ${text(body['state']) ?? 'stopped'}${body['drainUntil'] === undefined ? '' : ', and what runs may end'}; waiting approvals voided: ${Number(body['approvalsVoided'] ?? 0)}.`;
    case 'incident.containment_lifted': {
      const ceiling = text(body['ceiling']);
      const cap =
        ceiling === undefined
          ? ''
          : ceiling === 'none'
            ? ', its ceiling is lifted'
            : `, as ${ceiling} at most`;
      const totals = body['totals'] === 'as_backup' ? '; totals go on as of the backup' : '';
      return `${what} may act again${cap}${totals}.`;
    }
    case 'incident.kill_measured':
      return `The stop of ${what} was confirmed after ${Math.round(Number(body['tookMs'] ?? 0))} ms; calls cut: ${Number(body['callsAborted'] ?? 0)}.`;
    default:
      return undefined;
  }
}

export const isDecision = (type: string) =>
  type === 'action.intent' || type === 'action.refused' || type === 'action.asked';

/** One line of the activity. `index` is the place in the log. */
export function activityItemOf(entry: Entry, index: number, names: Names): ActivityItem {
  const { type, at, body } = entry;
  const base = { index, cursor: String(index), at, type };
  const agentId = entry.agent;
  const who = agentId === undefined ? {} : { agentId, ...nameOf(names.agent(agentId)) };
  const action = entry.action === undefined ? {} : { actionId: entry.action };
  if (isDecision(type)) {
    const record = body as unknown as DecisionRecord;
    const { outcome, summary } = decisionWords(record);
    return {
      ...base,
      ...who,
      ...action,
      tool: `${record.server}/${record.tool}`,
      ...(record.class === undefined ? {} : { class: record.class }),
      ...(levels.find((level) => level === record.level) === undefined ? {} : { level: record.level }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(record.code === undefined ? {} : { code: record.code }),
      summary: bound(summary),
    };
  }
  if (type === 'action.outcome') {
    const record = body as unknown as OutcomeRecord;
    const { outcome, summary } = outcomeWords(record);
    return {
      ...base,
      ...who,
      ...action,
      tool: `${record.server}/${record.tool}`,
      ...(outcome === undefined ? {} : { outcome }),
      ...(record.code === undefined ? {} : { code: record.code }),
      summary: bound(summary),
      tookMs: record.durationMs,
    };
  }
  const person = personIn(body, names);
  const tool = text(body['tool']);
  const says =
    containmentWords(type, body, names) ??
    ceilingWords(type, body) ??
    (Object.hasOwn(events, type) ? events[type as EventName] : type);
  const reason = text(body['reason']);
  return {
    ...base,
    ...who,
    ...action,
    ...(tool === undefined ? {} : { tool: tool.slice(0, 200) }),
    ...(person === undefined ? {} : { person }),
    summary: bound(reason === undefined ? says : `${says} Reason: ${reason}`),
  };
}

const nameOf = (agent: string | undefined) => (agent === undefined ? {} : { agent });

/** A recorded decision as it is shown. */
export function decisionViewOf(record: DecisionRecord): DecisionView {
  const known = entryOf(record.code);
  return {
    outcome: record.outcome,
    ...(record.level === undefined ? {} : { effectiveLevel: record.level }),
    ...(record.class === undefined ? {} : { actionClass: record.class }),
    ...(record.code === undefined ? {} : { code: record.code }),
    ...(record.outcome === 'allow' ? {} : { detail: bound(record.checks.at(-1)?.because ?? '') }),
    ...(known === undefined ? {} : { help: known.help }),
    ...(known?.requirement === undefined ? {} : { requirement: known.requirement }),
    checks: record.checks.map(({ name, verdict, because, policies }) => ({
      name,
      verdict,
      because: bound(because),
      ...(policies === undefined ? {} : { policies: [...policies] }),
    })),
    policies: [...record.policies],
    obligations: [...record.obligations],
  };
}
