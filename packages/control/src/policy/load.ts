/**
 * Room: policy (S-1, S-2). Which policy set is in force: the newest version in the database. The folder of the files is version 1 of an empty one and
 * nothing afterwards; a first start without a valid set is no start.
 */
import { refuse } from '@atf/core/errors';
import { compilePolicySet } from '@atf/core/policy/compile';
import { policyFacts } from '@atf/core/policy/question';
import type { PolicyDoc, SettingsDoc } from '@atf/core/wire/feed';
import type { PolicyFacts } from '@atf/core/world';
import type { Control, Db, Tx } from '../context.ts';
import type { Cedar } from './cedar.ts';
import { checkSet } from './check.ts';
import { isCaseFile, type PolicySet, readPolicyFiles } from './files.ts';
import { type Settings, settingsSchema } from './settings.ts';
import {
  activateSet,
  activeDigest,
  activeSet,
  activeSettings,
  keepSet,
  policiesOf,
  setSettingsDoc,
} from './store.ts';
import { insertVersion, newestVersion } from './version-store.ts';

export interface LoadReport {
  readonly digest: string;
  readonly epoch: number;
  /** `kept`: the folder differs from what is in force, which stays in force. */
  readonly state: 'activated' | 'unchanged' | 'kept';
  /** Names of files that differ. */
  readonly differs: readonly string[];
}

/** Compiled sets by digest: content-addressed, so an entry never goes stale. A few, because sets change seldom. */
const compiledMax = 4;
const compiled = new Map<string, Omit<PolicyFacts, 'epoch' | 'digest'>>();

/** A stored set as the decision knows it. Refuses `policy.unavailable` when it does not compile. */
export function factsOf(doc: PolicyDoc): PolicyFacts {
  const known = compiled.get(doc.digest);
  if (known !== undefined) return { ...known, digest: doc.digest, epoch: doc.epoch };
  const result = compilePolicySet(doc.policies);
  if (!result.ok) refuse('policy.unavailable', 'The stored set does not compile.');
  const facts = policyFacts(result.set, doc.digest, doc.epoch);
  const [oldest] = compiled.keys();
  if (compiled.size >= compiledMax && oldest !== undefined) compiled.delete(oldest);
  compiled.set(doc.digest, { ask: facts.ask, annotations: facts.annotations, reads: facts.reads });
  return facts;
}

/** A set that is or was in force; undefined: it is not kept. */
export async function policyByDigest(control: Control, digest: string): Promise<PolicyFacts | undefined> {
  const policies = await policiesOf(control.db, control.config.tenant, digest);
  if (policies === undefined) return undefined;
  return factsOf({ digest, epoch: 0, policies: JSON.parse(policies) as PolicyDoc['policies'] });
}

/** The set in force as the decision knows it, or undefined. Reads the database: another replica may have activated another. */
export async function policyInForce(
  control: Control,
  db: Db | Tx = control.db,
): Promise<PolicyFacts | undefined> {
  const { tenant } = control.config;
  const active = await activeDigest(db, tenant);
  if (active === undefined) return undefined;
  const known = compiled.get(active.digest);
  if (known !== undefined) return { ...known, ...active };
  const row = await activeSet(db, tenant);
  if (row === undefined) return undefined;
  return factsOf({
    digest: row.digest,
    epoch: row.epoch,
    policies: JSON.parse(row.policies) as PolicyDoc['policies'],
  });
}

/** Settings in force. Refuses `policy.unavailable` before the first activation. */
export async function settingsInForce(control: Control, db: Db | Tx = control.db): Promise<Settings> {
  const text = await activeSettings(db, control.config.tenant);
  return text === undefined ? refuse('policy.unavailable') : settingsSchema.parse(JSON.parse(text));
}

function settingsDocOf({ config }: Control, settings: Settings): SettingsDoc {
  const { tenant, controlUrl, trustDomain } = config;
  const {
    tokenSeconds,
    approvalSeconds,
    callsDefault,
    callsShared,
    sensitive,
    injection,
    memory,
    retrieval,
    detectors,
    readers,
    output,
    upstreamTimeoutMs,
    replicated,
    judge,
  } = settings;
  return {
    tenant,
    issuer: controlUrl,
    trustDomain,
    tokenSeconds,
    approvalSeconds,
    callsDefault,
    ...(Object.keys(callsShared).length === 0 ? {} : { callsShared }),
    ...(sensitive === undefined ? {} : { sensitive }),
    ...(injection === undefined ? {} : { injection }),
    ...(memory === undefined ? {} : { memory }),
    ...(retrieval === undefined ? {} : { retrieval }),
    ...(detectors.length === 0 ? {} : { detectors }),
    ...(readers === undefined ? {} : { readers }),
    ...(output === undefined ? {} : { output }),
    upstreamTimeoutMs,
    ...(replicated.length === 0 ? {} : { replicated }),
    ...(judge === undefined ? {} : { judge }),
  };
}

/** Sentences about what a version loosens in its record; all that were found stand in the history. */
const loosensOnRecord = 10;

/** What a set comes into force with. */
export interface Activation {
  readonly content: Pick<PolicySet, 'digest' | 'files' | 'policies' | 'settings'>;
  /** Ids of the people whose presence does it; none: the start. */
  readonly by: readonly string[];
  readonly reason: string;
  readonly restores?: number | undefined;
  readonly loosens: readonly string[];
}

/** Puts a set into force as the next version: state, record and documents for gateways in one transaction, behind the lock of `lockActive` but for the first. */
export async function putInForce(
  control: Control,
  tx: Tx,
  { content, by, reason, restores, loosens }: Activation,
): Promise<{ version: number; epoch: number }> {
  const { tenant } = control.config;
  const { digest, files, policies, settings } = content;
  const settingsDoc = settingsDocOf(control, settings);
  const before = await newestVersion(tx, tenant);
  const version = (before?.version ?? 0) + 1;
  const nowMs = control.clock.nowMs();
  await keepSet(tx, {
    tenant,
    digest,
    files: JSON.stringify(files),
    policies: JSON.stringify(policies),
    settings: JSON.stringify(settings),
    first_active_at: nowMs,
  });
  const row = {
    tenant,
    version,
    digest,
    at: nowMs,
    by: JSON.stringify(by),
    reason,
    restores: restores ?? null,
    loosens: JSON.stringify(loosens),
  };
  if (!(await insertVersion(tx, row))) refuse('policy.version_conflict');
  const settings_doc = JSON.stringify(settingsDoc);
  const epoch = await activateSet(tx, { tenant, digest, since: nowMs, settings_doc });
  await control.feed.put(tx, 'policy', '*', { digest, epoch, policies });
  await control.feed.put(tx, 'settings', '*', settingsDoc);
  await control.audit.enqueue(tx, 'policy.set_activated', {
    digest,
    ...(before === undefined ? {} : { previous: before.digest }),
    version,
    epoch,
    policies: policies.length,
    files: files.map(({ name }) => name),
    by: by.length === 0 ? ['start'] : [...by],
    loosens: loosens.slice(0, loosensOnRecord),
    ...(restores === undefined ? {} : { restores }),
  });
  return { version, epoch };
}

/** The first version, unless another replica that starts as well was faster: its set is the one then. */
async function activateFirst(control: Control, set: PolicySet): Promise<LoadReport> {
  const activation = { content: set, by: [], reason: 'the folder of the first start', loosens: [] };
  try {
    const { epoch } = await control.change((tx) => putInForce(control, tx, activation));
    return { digest: set.digest, epoch, state: 'activated', differs: [] };
  } catch (fault) {
    const active = await activeDigest(control.db, control.config.tenant);
    if (active === undefined) throw fault;
    return { ...active, state: 'unchanged', differs: [] };
  }
}

/** Addresses of this deployment may have changed while the set did not. */
async function refreshSettings(control: Control, settings: Settings, held: string): Promise<void> {
  const doc = settingsDocOf(control, settings);
  if (JSON.stringify(doc) === held) return;
  await control.change(async (tx) => {
    await setSettingsDoc(tx, control.config.tenant, JSON.stringify(doc));
    await control.feed.put(tx, 'settings', '*', doc);
  });
}

type Files = PolicySet['files'];

/** Names of files that decide something and are not the same in both. Cases decide nothing. */
export function differingFiles(before: Files, after: Files): string[] {
  const texts = (files: Files) =>
    new Map(files.filter(({ name }) => !isCaseFile(name)).map(({ name, text }) => [name, text]));
  const [was, is] = [texts(before), texts(after)];
  return [...new Set([...was.keys(), ...is.keys()])].filter((name) => was.get(name) !== is.get(name)).sort();
}

/** The folder of this start beside the version in force. */
export async function folderBeside(
  policyDir: string,
  files: Files,
): Promise<{ differs: string[]; fault?: string }> {
  try {
    return { differs: differingFiles(files, (await readPolicyFiles(policyDir)).files) };
  } catch (fault) {
    return { differs: [], fault: (fault instanceof Error ? fault.message : 'unreadable').slice(0, 500) };
  }
}

const problemsShown = 20;

/**
 * At start. In an empty database the folder becomes version 1; refuses `policy.invalid` with the problems when it is not valid. Afterwards the database
 * says what is in force: a folder that differs is told of and never applied, because nobody looked at what it would loosen.
 */
export async function loadPolicies(control: Control, cedar: Cedar): Promise<LoadReport> {
  const { tenant, policyDir } = control.config;
  const active = await activeSet(control.db, tenant);
  if (active === undefined) {
    const read = await readPolicyFiles(policyDir).catch((fault: unknown) =>
      refuse('policy.invalid', fault instanceof Error ? fault.message : 'the policy files cannot be read'),
    );
    const result = await checkSet(cedar, read);
    return result.ok
      ? activateFirst(control, result.set)
      : refuse('policy.invalid', result.problems.slice(0, problemsShown).join('\n'));
  }
  await refreshSettings(control, settingsSchema.parse(JSON.parse(active.settings)), active.settings_doc);
  const { differs, fault } = await folderBeside(policyDir, JSON.parse(active.files) as Files);
  const { digest, epoch } = active;
  if (fault !== undefined) control.log.warn({ policyDir, fault }, 'the policy folder cannot be read');
  if (differs.length > 0)
    control.log.warn(
      { differs, inForce: digest },
      'the policy folder is not what is in force, and is not applied: see `atf policy plan` and `atf policy apply`',
    );
  return { digest, epoch, state: differs.length > 0 ? 'kept' : 'unchanged', differs };
}
