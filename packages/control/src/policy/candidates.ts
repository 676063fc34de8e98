/**
 * Room: policy (S-2). From a set that somebody proposes to the version in force. What it would loosen is computed against the version that its author saw;
 * people who are present put it into force: one when it loosens nothing, two different ones, one of whom answers for security, when it does. Nobody
 * puts anything into force with a token on disk, and nobody whose presence is simulated.
 */
import { randomUUID } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import { gridLoosenings, gridWords } from '@atf/core/policy/authority-grid';
import { comparePolicies, type PolicyDifference } from '@atf/core/policy/loosening';
import type { Person, ResponseOf } from '@atf/core/wire/api';
import {
  type PolicyCandidate,
  candidateShownText,
  looseningsShownMax,
  policyFilesMax,
} from '@atf/core/wire/policy';
import type { PolicyFacts } from '@atf/core/world';
import type { Control, Db, Tx } from '../context.ts';
import { peopleByIds } from '../identity/store.ts';
import { personById } from '../people/store.ts';
import { checkApplication, entitiesFile } from './application-check.ts';
import { applicationRows, newestApplication, newestApplications } from './application-store.ts';
import { activateApplication, applicationsMax, storedSet } from './applications.ts';
import type { Cedar } from './cedar.ts';
import { checkSet } from './check.ts';
import type { PolicyFiles, PolicySet } from './files.ts';
import { inSlices } from './in-slices.ts';
import { factsOf, putInForce } from './load.ts';
import { registerOf } from './registered-types.ts';
import { looserSettings } from './settings-loosening.ts';
import { type Settings, settingsSchema } from './settings.ts';
import { lockActive } from './store.ts';
import {
  type CandidateRow,
  candidateRow,
  candidateRows,
  insertCandidate,
  newestVersion,
  updateCandidate,
  type VersionRow,
  versionWithSet,
} from './version-store.ts';

/** From the proposal to the last confirmation. */
const candidateLifeMs = 24 * 60 * 60_000;
/** A candidate that is only planned with. */
const planLifeMs = 30 * 60_000;
const openMax = 20;
/** Problems of a set that a refusal names, and characters of each; all of them are told by `atf policy lint`. */
const problemsShown = 12;
const problemLengthMax = 300;
const sentenceLengthMax = 600;
const namesShown = 200;

export type Content = Pick<PolicySet, 'digest' | 'files' | 'policies' | 'settings'>;

interface Findings {
  readonly files: PolicyCandidate['files'];
  readonly policies: PolicyCandidate['policies'];
  readonly loosens: readonly string[];
  readonly loosenings: number;
  readonly warnings: readonly string[];
  readonly cases: number;
}

type StoredSet = {
  readonly digest: string;
  readonly files: string;
  readonly policies: string;
  readonly settings: string;
};

/** A stored set, read back. Refuses nothing: it was checked before it was stored. */
export const contentOf = ({ digest, files, policies, settings }: StoredSet): Content => ({
  digest,
  files: JSON.parse(files) as PolicyFiles['files'],
  policies: JSON.parse(policies) as PolicySet['policies'],
  settings: settingsSchema.parse(JSON.parse(settings)),
});

/** The content of a candidate for the set about agents. Refuses `policy.candidate_unknown` for one of an application. */
export function candidateContent({ digest, content, application }: CandidateRow): Content {
  if (application !== null)
    refuse('policy.candidate_unknown', 'it is a set of an application, which decides about no agent');
  const stored = JSON.parse(content) as {
    files: Content['files'];
    policies: Content['policies'];
    settings: Settings;
  };
  return { digest, ...stored };
}

/** A set as `decide()` knows it; its epoch is nobody's. */
export const factsOfContent = ({ digest, policies }: Content): PolicyFacts =>
  factsOf({ digest, epoch: 0, policies });

type Files = Pick<Content, 'files'>;

function changedFiles(before: Files, after: Files): PolicyCandidate['files'] {
  const [was, is] = [before, after].map(({ files }) => new Map(files.map(({ name, text }) => [name, text])));
  const names = [...new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])])].sort();
  return names.flatMap((name): PolicyCandidate['files'] => {
    const [old, fresh] = [was?.get(name), is?.get(name)];
    if (old === fresh) return [];
    return [{ name, change: old === undefined ? 'added' : fresh === undefined ? 'removed' : 'changed' }];
  });
}

interface Difference {
  readonly policies: Pick<PolicyDifference, 'added' | 'changed' | 'removed'>;
  /** Sentences: by form, by figure, and over the authority grid. */
  readonly loosens: readonly string[];
}

async function differenceOf(before: Content, after: Content): Promise<Difference> {
  const { loosens, ...policies } = await inSlices(comparePolicies(before.policies, after.policies));
  const figures = looserSettings(before.settings, after.settings);
  // The same policies answer the same everywhere.
  if (Object.values(policies).every((ids) => ids.length === 0)) return { policies, loosens: figures };
  const grid = await inSlices(gridLoosenings(factsOfContent(before), factsOfContent(after)));
  const all = [...loosens, ...figures, ...grid.map(gridWords)];
  return { policies, loosens: all.map((words) => words.slice(0, sentenceLengthMax)) };
}

/** All that one set loosens against another, in sentences. */
export const looseningsOf = async (before: Content, after: Content): Promise<readonly string[]> =>
  (await differenceOf(before, after)).loosens;

async function compare(before: Content, after: Content): Promise<Omit<Findings, 'warnings' | 'cases'>> {
  const { policies, loosens } = await differenceOf(before, after);
  const named = (ids: readonly string[]) => ids.slice(0, namesShown);
  const { added, changed, removed } = policies;
  return {
    files: changedFiles(before, after).slice(0, policyFilesMax * 2),
    policies: { added: named(added), changed: named(changed), removed: named(removed) },
    loosens: loosens.slice(0, looseningsShownMax),
    loosenings: loosens.length,
  };
}

export interface Proposal {
  readonly application?: string | undefined;
  readonly base: number;
  readonly files?: PolicyFiles['files'] | undefined;
  readonly restores?: number | undefined;
  readonly reason?: string | undefined;
}

/** A set that is refused, and why. */
interface Unusable {
  readonly because: 'parse' | 'cases';
  readonly problems: readonly string[];
}

interface Checked {
  readonly content: Content;
  readonly warnings: readonly string[];
  readonly cases: number;
}

const sorted = (files: PolicyFiles['files']): PolicyFiles => ({
  files: files.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
});

/** An earlier version is checked anew: this version of ATF may refuse what an older one took. */
async function checked(control: Control, cedar: Cedar, given: Proposal): Promise<Checked> {
  if ((given.files === undefined) === (given.restores === undefined))
    refuse('request.malformed', 'one of files and restores is needed');
  const old =
    given.restores === undefined
      ? undefined
      : ((await versionWithSet(control.db, control.config.tenant, given.restores)) ??
        refuse('policy.version_unknown', `there is no version ${given.restores}`));
  const files = old === undefined ? sorted(given.files ?? []) : { files: contentOf(old).files };
  const result = await checkSet(cedar, files, registerOf(control));
  if (!result.ok) return refuseProblems(result);
  const { set, cases, warnings } = result;
  return { content: set, warnings, cases };
}

function refuseProblems({ because, problems }: Unusable): never {
  const shown = problems.slice(0, problemsShown).map((problem) => problem.slice(0, problemLengthMax));
  const rest = problems.length - shown.length;
  return refuse(
    because === 'cases' ? 'policy.case_failed' : 'policy.invalid',
    [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n').slice(0, 2_000),
  );
}

/** Refuses `policy.version_conflict` when another version than the one that the author saw is in force. */
function refuseOvertaken(newest: Newest, base: number): void {
  if (newest.version !== base)
    refuse('policy.version_conflict', `version ${newest.version} is in force, not ${base}`);
}

interface Examined {
  readonly digest: string;
  /** As it is stored. */
  readonly content: string;
  readonly findings: Findings;
}

const shownWarnings = (warnings: readonly string[]): string[] =>
  warnings.slice(0, looseningsShownMax).map((words) => words.slice(0, sentenceLengthMax));

async function examined(control: Control, cedar: Cedar, given: Proposal): Promise<Examined> {
  const { tenant } = control.config;
  const live = (await newestVersion(control.db, tenant)) ?? refuse('policy.unavailable');
  refuseOvertaken(live, given.base);
  const { content, warnings, cases } = await checked(control, cedar, given);
  const base = (await versionWithSet(control.db, tenant, given.base)) ?? refuse('policy.version_unknown');
  const { digest, files, policies, settings } = content;
  return {
    digest,
    content: JSON.stringify({ files, policies, settings }),
    findings: {
      ...(await compare(contentOf(base), content)),
      warnings: shownWarnings(warnings),
      cases,
    },
  };
}

/** The same for a set of an application: policies are compared by their form, and what is known of entities by whether it changed. */
async function examinedApplication(
  control: Control,
  cedar: Cedar,
  name: string,
  given: Proposal,
): Promise<Examined> {
  const { tenant } = control.config;
  if (given.files === undefined || given.restores !== undefined)
    return refuse('request.malformed', 'an application set is proposed with its files');
  const rows = await newestApplications(control.db, tenant);
  if (rows.length >= applicationsMax && !rows.some((row) => row.name === name))
    refuse('request.overloaded', `there are ${applicationsMax} application sets`);
  const live = await newestApplication(control.db, tenant, name);
  refuseOvertaken({ version: live?.version ?? 0 }, given.base);
  const result = await checkApplication(cedar, name, sorted(given.files));
  if (!result.ok) return refuseProblems(result);
  const { set, cases, warnings } = result;
  const before = live === undefined ? { files: [], policies: [] } : storedSet(live);
  const { loosens, added, changed, removed } = await inSlices(comparePolicies(before.policies, set.policies));
  const files = changedFiles(before, set);
  const all = [
    ...loosens,
    ...files.flatMap((file) => (file.name === entitiesFile ? [`${entitiesFile} is ${file.change}`] : [])),
  ];
  const { digest, ...content } = set;
  return {
    digest,
    content: JSON.stringify(content),
    findings: {
      files: files.slice(0, policyFilesMax * 2),
      policies: {
        added: added.slice(0, namesShown),
        changed: changed.slice(0, namesShown),
        removed: removed.slice(0, namesShown),
      },
      loosens: all.slice(0, looseningsShownMax).map((words) => words.slice(0, sentenceLengthMax)),
      loosenings: all.length,
      warnings: shownWarnings(warnings),
      cases,
    },
  };
}

/** Checks a set as the next version. Refuses `policy.invalid`, `policy.case_failed`, `policy.version_conflict`, `policy.version_unknown`. */
export async function propose(
  control: Control,
  cedar: Cedar,
  person: Person,
  given: Proposal,
): Promise<PolicyCandidate> {
  const { tenant } = control.config;
  const { digest, content, findings } =
    given.application === undefined
      ? await examined(control, cedar, given)
      : await examinedApplication(control, cedar, given.application, given);
  const id = randomUUID();
  const nowMs = control.clock.nowMs();
  const { application } = given;
  const { loosens, loosenings } = findings;
  const shown = {
    id,
    application,
    base: given.base,
    digest,
    reason: given.reason ?? '',
    loosens,
    loosenings,
  };
  const row: CandidateRow = {
    tenant,
    id,
    application: application ?? null,
    base: given.base,
    digest,
    content,
    restores: given.restores ?? null,
    reason: given.reason ?? null,
    findings: JSON.stringify(findings),
    // What somebody else's users may do is worth as much as what agents may.
    needed: loosenings > 0 || application !== undefined ? 2 : 1,
    shown_digest: sha256(candidateShownText({ ...shown, proposedBy: person.name })),
    proposed_by: person.id,
    proposed_at: nowMs,
    expires_at: nowMs + (given.reason === undefined ? planLifeMs : candidateLifeMs),
    confirmed_by: '[]',
    version: null,
  };
  await control.change(async (tx) => {
    if (!(await insertCandidate(tx, row, nowMs, openMax)))
      refuse('request.overloaded', 'too many policy candidates wait for people');
    if (given.reason !== undefined)
      await control.audit.enqueue(tx, 'policy.set_proposed', {
        candidateId: id,
        ...(application === undefined ? {} : { application }),
        digest,
        base: given.base,
        ...(given.restores === undefined ? {} : { restores: given.restores }),
        loosenings,
        by: person.id,
      });
  });
  return showCandidate(control, id);
}

/** What is in force where a candidate wants to be; version 0: nothing yet. */
type Newest = Pick<VersionRow, 'version'> & { readonly digest?: string };

async function newestFor(
  db: Db | Tx,
  tenant: string,
  { application }: CandidateRow,
): Promise<Newest | undefined> {
  if (application === null) return newestVersion(db, tenant);
  return (await newestApplication(db, tenant, application)) ?? { version: 0 };
}

function stateOf(row: CandidateRow, newest: Newest | undefined, nowMs: number): PolicyCandidate['state'] {
  if (row.version !== null) return 'applied';
  if (newest !== undefined && newest.version !== row.base) return 'overtaken';
  if (row.expires_at <= nowMs) return 'expired';
  return row.reason === null ? 'plan' : 'waiting';
}

const confirmedBy = (row: CandidateRow): string[] => JSON.parse(row.confirmed_by) as string[];

async function viewOf(control: Control, db: Db | Tx, row: CandidateRow): Promise<PolicyCandidate> {
  const { tenant } = control.config;
  const findings = JSON.parse(row.findings) as Findings;
  const newest = await newestFor(db, tenant, row);
  const by = confirmedBy(row);
  const people = await peopleByIds(db, tenant, [row.proposed_by, ...by]);
  const nameOf = (id: string) => people.get(id)?.name ?? 'nobody known';
  return {
    id: row.id,
    state: stateOf(row, newest, control.clock.nowMs()),
    ...(row.application === null ? {} : { application: row.application }),
    base: row.base,
    digest: row.digest,
    same: newest?.digest === row.digest,
    ...(row.restores === null ? {} : { restores: row.restores }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    proposedBy: nameOf(row.proposed_by),
    proposedAt: new Date(row.proposed_at).toISOString(),
    expiresAt: new Date(row.expires_at).toISOString(),
    ...findings,
    loosens: [...findings.loosens],
    warnings: [...findings.warnings],
    confirmations: { needed: row.needed, by: by.map(nameOf) },
    shownDigest: row.shown_digest,
    ...(row.version === null ? {} : { version: row.version }),
  };
}

/** Refuses `policy.candidate_unknown`. */
export async function candidateOf(
  control: Control,
  id: string,
  db: Db | Tx = control.db,
): Promise<CandidateRow> {
  const row = await candidateRow(db, control.config.tenant, id);
  return row ?? refuse('policy.candidate_unknown', 'there is no such candidate, or it has expired');
}

/** Read out of one state of the database: between two, a candidate that people put into force would look as if another version had come before it. */
const atOneMoment = <T>({ db }: Control, read: (tx: Tx) => Promise<T>): Promise<T> =>
  db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(read);

/** Refuses `policy.candidate_unknown`. */
export async function showCandidate(control: Control, id: string): Promise<PolicyCandidate> {
  return atOneMoment(control, async (tx) => viewOf(control, tx, await candidateOf(control, id, tx)));
}

/** Text of the files that the candidate changes, before and after. */
export async function candidateTexts(
  control: Control,
  id: string,
): Promise<ResponseOf<'policy.candidateFiles'>> {
  const row = await candidateOf(control, id);
  const [before, after] = await bothSides(control, row);
  const textOf = ({ files }: Files, name: string) => files.find((file) => file.name === name)?.text;
  const items = changedFiles(before, after).map(({ name }) => {
    const [was, is] = [textOf(before, name), textOf(after, name)];
    return {
      name,
      ...(was === undefined ? {} : { before: was }),
      ...(is === undefined ? {} : { after: is }),
    };
  });
  return { items };
}

async function bothSides(control: Control, row: CandidateRow): Promise<[Files, Files]> {
  const { tenant } = control.config;
  const { application } = row;
  if (application === null) {
    const base = await versionWithSet(control.db, tenant, row.base);
    if (base === undefined) throw new Error('a candidate without its base');
    return [contentOf(base), candidateContent(row)];
  }
  const versions = await applicationRows(control.db, tenant, application, row.base + 1);
  const base = versions.find(({ version }) => version === row.base);
  return [base === undefined ? { files: [] } : storedSet(base), storedSet(row)];
}

/** Those that wait for people, newest first. */
export async function waitingCandidates(control: Control): Promise<PolicyCandidate[]> {
  return atOneMoment(control, async (tx) => {
    const waiting: PolicyCandidate[] = [];
    for (const row of await candidateRows(tx, control.config.tenant, openMax)) {
      const view = await viewOf(control, tx, row);
      if (view.state === 'waiting') waiting.push(view);
    }
    return waiting;
  });
}

/**
 * One person's confirmation, present, of exactly what was shown. The last one that it takes puts the set into force in the same transaction. Refuses
 * `policy.candidate_unknown`, `policy.version_conflict`, `policy.confirmation_invalid`, `people.presence_invalid`, `people.not_allowed`.
 */
export async function confirmCandidate(
  control: Control,
  id: string,
  person: Person,
  given: { readonly shownDigest: string; readonly presence: string },
): Promise<PolicyCandidate> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    // One after the other, here and among versions: two administrators at once are two versions, or one is told.
    await lockActive(tx, tenant);
    const row = (await candidateRow(tx, tenant, id)) ?? refuse('policy.candidate_unknown');
    const newest = (await newestFor(tx, tenant, row)) ?? refuse('policy.unavailable');
    const state = stateOf(row, newest, control.clock.nowMs());
    if (state === 'overtaken') refuseOvertaken(newest, row.base);
    if (state !== 'waiting' || row.reason === null)
      return refuse('policy.confirmation_invalid', `the candidate is ${state}`);
    if (given.shownDigest !== row.shown_digest)
      refuse('policy.confirmation_invalid', 'what was shown is something else');
    const subject = { kind: 'policy' as const, id, digest: row.shown_digest };
    const { method } = await control.presence.consume(tx, person, given.presence, subject);
    if (method === 'simulated') refuse('people.presence_invalid', 'a simulated presence changes no policy');
    const before = confirmedBy(row);
    if (before.includes(person.id))
      refuse('policy.confirmation_invalid', 'you have confirmed it; somebody else has to as well');
    const by = [...before, person.id];
    await control.audit.enqueue(tx, 'policy.set_confirmed', {
      candidateId: id,
      digest: row.digest,
      presence: method,
      by: person.id,
    });
    const last = by.length >= row.needed;
    if (last && row.needed > 1) await refuseWithoutSecurity(tx, tenant, by, person);
    const version = last ? (await apply(control, tx, row, row.reason, by)).version : null;
    const set = { confirmed_by: JSON.stringify(by), version };
    await updateCandidate(tx, tenant, id, set);
    return viewOf(control, tx, { ...row, ...set });
  });
}

/** Of the two people whom a loosening takes, one answers for security, as the roles are now. */
async function refuseWithoutSecurity(
  tx: Tx,
  tenant: string,
  by: readonly string[],
  last: Person,
): Promise<void> {
  if (last.roles.includes('security')) return;
  for (const id of by) if ((await personById(tx, tenant, id))?.roles.includes('security') === true) return;
  refuse('people.not_allowed', 'Of the people who loosen something, one needs the role security.');
}

async function apply(
  control: Control,
  tx: Tx,
  row: CandidateRow,
  reason: string,
  by: readonly string[],
): Promise<{ version: number }> {
  const { loosens } = JSON.parse(row.findings) as Findings;
  if (row.application !== null) {
    const { application: name, digest, content } = row;
    const version = row.base + 1;
    await activateApplication(control, tx, { name, version, digest, content, reason }, by);
    return { version };
  }
  const content = candidateContent(row);
  return putInForce(control, tx, { content, by, reason, restores: row.restores ?? undefined, loosens });
}
