/**
 * What a manifest declares, in words for people, the same in console and command line. What is declared and not enforced says so: a reader must not
 * take a wish for a fact.
 */
import type { AgentVolume, Followed } from '../wire/adaptive.ts';
import type { BoundaryGrant } from '../wire/negotiation.ts';
import { columnsOf, type TableRights, tableOperations } from '../wire/database.ts';
import type {
  AgentTotal,
  HumanCheckpoint,
  Limit,
  Manifest,
  OtherDomain,
  ToolWindow,
} from '../wire/manifest.ts';

const amountWords = (amount: number, currency: string | undefined): string =>
  currency === undefined ? amount.toLocaleString('en') : `${amount.toLocaleString('en')} ${currency}`;

function totalWords(total: Limit['total'], currency: string | undefined): string | undefined {
  if (total === undefined) return undefined;
  const { amount, records, calls, per } = total;
  const what =
    amount !== undefined
      ? amountWords(amount, currency)
      : records !== undefined
        ? `${records.toLocaleString('en')} records`
        : `${(calls ?? 0).toLocaleString('en')} calls`;
  return `at most ${what} in all, in any one ${per}`;
}

export function limitWords({ calls, amountMax, currency, total, concurrent }: Limit): string {
  return [
    calls === undefined ? undefined : `at most ${calls.max} calls in ${calls.perSeconds} s`,
    amountMax === undefined ? undefined : `at most ${amountWords(amountMax, currency)} in one action`,
    totalWords(total, currency),
    concurrent === undefined ? undefined : `at most ${concurrent} at one time`,
  ]
    .filter((words) => words !== undefined)
    .join('; ');
}

/** What an offer or a grant widens. */
export const widenedWords = ({ limit, domain }: Pick<BoundaryGrant, 'limit' | 'domain'>): string =>
  limit === undefined
    ? `data of the domain ${domain ?? '?'}`
    : `${limit.tool ?? 'all tools'}: ${limitWords(limit)}`;

const periodWords: Readonly<Record<AgentTotal['per'], string>> = {
  hour: 'in the last hour',
  day: 'in the last day',
  task: 'of a task',
  call: 'now',
};

/** `120 of 200 EUR in the last day`. */
export function spentWords({ unit, per, task, max, spent }: AgentTotal): string {
  const when =
    task === undefined || per !== 'task'
      ? periodWords[per]
      : task === 'none'
        ? 'in the last day without a task'
        : `of task ${task.slice(0, 8)}`;
  return `${spent.toLocaleString('en')} of ${max.toLocaleString('en')} ${unit} ${when}`;
}

/** `12 calls in this hour; 60 are usual, above 120 it is throttled`. */
export function volumeWords({ calls, baseline, throttledAbove, history }: AgentVolume): string {
  const now = `${calls.toLocaleString('en')} calls in this hour`;
  return baseline === undefined
    ? `${now}; not enough history for what is usual (${history.activeHours} active hours, ${history.calls.toLocaleString('en')} calls)`
    : `${now}; ${baseline.toLocaleString('en')} are usual, above ${(throttledAbove ?? 0).toLocaleString('en')} it is throttled`;
}

export function throttleWords({
  max,
  perSeconds,
  until,
  calls,
}: NonNullable<AgentVolume['throttle']>): string {
  return `throttled to ${max.toLocaleString('en')} calls in ${perSeconds} s until ${until}, because of ${calls.toLocaleString('en')} calls in this hour`;
}

/** What happened within a week. */
const heldWords: Readonly<Record<NonNullable<Followed['held']>, string>> = {
  throttled: 'it was throttled',
  stopped: 'it was stopped',
  ceiling: 'of a ceiling on its level',
  revoked: 'credentials of it were revoked',
  objected: 'a person objected to what it did',
  doubted: 'it was doubted what it is for',
  new_version: 'its version is new',
};

/** `20 calls in 60 s, which follow what is usual; no more before 2026-11-29, because it was throttled`. */
export const followedWords = ({ max, perSeconds, notBefore, held }: Followed): string =>
  `${max.toLocaleString('en')} calls in ${perSeconds} s, which follow what is usual; no more before ${notBefore.slice(0, 16)}Z${held === undefined ? '' : `, because ${heldWords[held]}`}`;

/** Without the reason, which is its author's own words. */
export function checkpointWords({ amountAbove, currency }: HumanCheckpoint): string {
  return amountAbove === undefined
    ? 'a person decides'
    : `a person decides above ${amountWords(amountAbove, currency)}`;
}

/** `read (id, name), insert`. */
export const tableRightsWords = (rights: TableRights): string =>
  tableOperations
    .flatMap((operation) => {
      const columns = columnsOf(rights, operation);
      if (columns === undefined) return [];
      return [columns === 'all' ? operation : `${operation} (${columns.join(', ')})`];
    })
    .join(', ');

export function slaWords({ sla }: Pick<Manifest, 'sla'>): string {
  const { availabilityPercent, responseMs } = sla;
  const words = [
    availabilityPercent === undefined ? undefined : `${availabilityPercent} % available`,
    responseMs === undefined ? undefined : `answers within ${responseMs} ms`,
  ].filter((each) => each !== undefined);
  return words.length === 0 ? 'not declared' : `${words.join(', ')}; shown, not measured`;
}

export function assuranceWords({ assurance }: Pick<Manifest, 'assurance'>): string {
  return assurance === 'claimed' ? 'claimed' : `wants ${assurance}; not verified, runs as claimed`;
}

export function spawnWords({
  maySpawn,
  mayStart,
  cascade,
}: Pick<Manifest, 'maySpawn' | 'mayStart' | 'cascade'>): string {
  if (!maySpawn) return 'none';
  const { depthMax, fanOutMax, callsMax } = cascade ?? {};
  return [
    mayStart === undefined ? 'any agent, from Senior on' : `${mayStart.join(', ') || 'none'}, from Senior on`,
    depthMax === undefined ? undefined : `at most ${depthMax} deep`,
    fanOutMax === undefined ? undefined : `at most ${fanOutMax} at one time in a session`,
    callsMax === undefined ? undefined : `at most ${callsMax} calls below it`,
  ]
    .filter((each) => each !== undefined)
    .join('; ');
}

/** `Mon, Tue 08:00-18:00 Europe/Berlin, until 2026-12-31`. */
export function windowWords({ days, hours, timeZone, from, until }: ToolWindow): string {
  const named = days?.map((day) => day.slice(0, 1).toUpperCase() + day.slice(1)).join(', ') ?? 'every day';
  return [
    `${named}${hours === undefined ? '' : ` ${hours}`} ${timeZone}`,
    from === undefined ? undefined : `from ${from}`,
    until === undefined ? undefined : `until ${until}`,
  ]
    .filter((words) => words !== undefined)
    .join(', ');
}

/** Without the reason, which is its author's own words. */
export const otherDomainWords = ({ domain, until }: OtherDomain): string =>
  `${domain} until ${until}, from Senior on`;
