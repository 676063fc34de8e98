/**
 * Room: policy (S-1, S-2). Which policy set is in force. At start the files are read and checked whole; a set that is not valid never
 * replaces one that is: the last valid one stays and everybody is told, and a first start without a valid set is no start.
 */
import { refuse } from '@atf/core/errors';
import { compilePolicySet } from '@atf/core/policy/compile';
import { policyFacts } from '@atf/core/policy/question';
import type { PolicyDoc, SettingsDoc } from '@atf/core/wire/feed';
import type { PolicyFacts } from '@atf/core/world';
import type { Control, Db, Tx } from '../context.ts';
import type { Cedar } from './cedar.ts';
import { compileFiles, type PolicyFiles, type PolicySet, policyDigest, readPolicyFiles } from './files.ts';
import { type Settings, settingsSchema } from './settings.ts';
import { activateSet, activeDigest, activeSet, activeSettings, keepSet, setSettingsDoc } from './store.ts';

export interface LoadReport {
  readonly digest: string;
  readonly epoch: number;
  /** `kept`: the files are not valid, and the last valid set stays in force. */
  readonly state: 'activated' | 'unchanged' | 'kept';
  readonly problems: readonly string[];
}

/** Compiled sets by digest: content-addressed, so an entry never goes stale. A few, because sets change seldom. */
const compiledMax = 4;
const compiled = new Map<string, Omit<PolicyFacts, 'epoch' | 'digest'>>();

function factsOf(doc: PolicyDoc): PolicyFacts {
  const known = compiled.get(doc.digest);
  if (known !== undefined) return { ...known, digest: doc.digest, epoch: doc.epoch };
  const result = compilePolicySet(doc.policies);
  if (!result.ok) refuse('policy.unavailable', 'The stored set does not compile.');
  const facts = policyFacts(result.set, doc.digest, doc.epoch);
  const [oldest] = compiled.keys();
  if (compiled.size >= compiledMax && oldest !== undefined) compiled.delete(oldest);
  compiled.set(doc.digest, { ask: facts.ask, annotations: facts.annotations });
  return facts;
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
  const { tokenSeconds, approvalSeconds, callsDefault, upstreamTimeoutMs, replicated } = settings;
  return {
    tenant,
    issuer: controlUrl,
    trustDomain,
    tokenSeconds,
    approvalSeconds,
    callsDefault,
    upstreamTimeoutMs,
    ...(replicated.length === 0 ? {} : { replicated }),
  };
}

async function activate(control: Control, set: PolicySet): Promise<LoadReport> {
  const { tenant } = control.config;
  const settingsDoc = settingsDocOf(control, set.settings);
  const epoch = await control.change(async (tx) => {
    const before = await activeDigest(tx, tenant);
    const nowMs = control.clock.nowMs();
    await keepSet(tx, {
      tenant,
      digest: set.digest,
      files: JSON.stringify(set.files),
      policies: JSON.stringify(set.policies),
      settings: JSON.stringify(set.settings),
      first_active_at: nowMs,
    });
    const next = await activateSet(tx, {
      tenant,
      digest: set.digest,
      since: nowMs,
      settings_doc: JSON.stringify(settingsDoc),
    });
    await control.feed.put(tx, 'policy', '*', { digest: set.digest, epoch: next, policies: set.policies });
    await control.feed.put(tx, 'settings', '*', settingsDoc);
    await control.audit.enqueue(tx, 'policy.set_activated', {
      digest: set.digest,
      ...(before === undefined ? {} : { previous: before.digest }),
      epoch: next,
      policies: set.policies.length,
      files: set.files.map(({ name }) => name),
    });
    return next;
  });
  return { digest: set.digest, epoch, state: 'activated', problems: [] };
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

async function filesOf(
  dir: string,
): Promise<{ ok: true; files: PolicyFiles } | { ok: false; problem: string }> {
  try {
    return { ok: true, files: await readPolicyFiles(dir) };
  } catch (fault) {
    return { ok: false, problem: fault instanceof Error ? fault.message : 'the policy files cannot be read' };
  }
}

const problemsShown = 20;

/**
 * Loads the files of `config.policyDir`. Refuses `policy.invalid` with the problems when they are not valid and nothing valid was ever in
 * force. The caller shows `problems` to operators when the state is `kept`.
 */
export async function loadPolicies(control: Control, cedar: Cedar): Promise<LoadReport> {
  const { tenant, policyDir } = control.config;
  const active = await activeSet(control.db, tenant);
  const read = await filesOf(policyDir);
  if (read.ok && active !== undefined && policyDigest(read.files) === active.digest) {
    await refreshSettings(control, settingsSchema.parse(JSON.parse(active.settings)), active.settings_doc);
    return { digest: active.digest, epoch: active.epoch, state: 'unchanged', problems: [] };
  }
  const result = read.ok
    ? await compileFiles(cedar, read.files)
    : { ok: false as const, problems: [read.problem] };
  if (result.ok) return activate(control, result.set);
  const problems = result.problems.slice(0, problemsShown);
  if (active === undefined) refuse('policy.invalid', problems.join('\n'));
  await refreshSettings(control, settingsSchema.parse(JSON.parse(active.settings)), active.settings_doc);
  control.log.error(
    { problems, kept: active.digest },
    'the policy files are not valid; the last valid set stays in force',
  );
  return { digest: active.digest, epoch: active.epoch, state: 'kept', problems };
}
