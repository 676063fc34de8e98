/** Room: policy (S-1, S-2). The set in force, its versions, and candidates for the next one. */
import { refuse } from '@atf/core/errors';
import type { OperationId } from '@atf/core/wire/api';
import type { PolicyVersion } from '@atf/core/wire/policy';
import type { Control, Handlers } from '../context.ts';
import { actingPerson } from '../identity/acting.ts';
import { peopleByIds } from '../identity/store.ts';
import {
  candidateTexts,
  confirmCandidate,
  contentOf,
  propose,
  showCandidate,
  waitingCandidates,
} from './candidates.ts';
import type { Cedar } from './cedar.ts';
import { Lane } from './lane.ts';
import { folderBeside } from './load.ts';
import { planPage } from './plan.ts';
import { activeDigest } from './store.ts';
import { newestVersion, type VersionRow, versionRows, versionWithSet } from './version-store.ts';

const historyDefault = 50;
/** Sets that are checked or wait for it. */
const proposalsWaitingMax = 8;

/** Rows with the names of the people in them. */
async function viewsOf(control: Control, rows: readonly VersionRow[]): Promise<PolicyVersion[]> {
  const idsOf = ({ by }: VersionRow) => JSON.parse(by) as string[];
  const people = await peopleByIds(control.db, control.config.tenant, rows.flatMap(idsOf));
  return rows.map((row) => {
    const by = idsOf(row).map((id) => people.get(id)?.name ?? 'nobody known');
    return {
      version: row.version,
      digest: row.digest,
      at: new Date(row.at).toISOString(),
      by: by.length === 0 ? ['the start'] : by,
      reason: row.reason,
      ...(row.restores === null ? {} : { restores: row.restores }),
      loosens: JSON.parse(row.loosens) as string[],
    };
  });
}

async function viewOf(control: Control, row: VersionRow): Promise<PolicyVersion> {
  const [view] = await viewsOf(control, [row]);
  return view ?? refuse('policy.version_unknown');
}

type PolicyOperation = Exclude<Extract<OperationId, `policy.${string}`>, 'policy.analysis' | 'policy.schema'>;

const routesIn = (cedar: Cedar, lane: Lane): Handlers<PolicyOperation> => ({
  async 'policy.show'(control, { actor }) {
    actingPerson(actor);
    const { db, config } = control;
    const newest = (await newestVersion(db, config.tenant)) ?? refuse('policy.unavailable');
    const set = await versionWithSet(db, config.tenant, newest.version);
    const active = await activeDigest(db, config.tenant);
    if (set === undefined || active === undefined) return refuse('policy.unavailable');
    const { files, policies } = contentOf(set);
    return {
      ...(await viewOf(control, newest)),
      epoch: active.epoch,
      policies: policies.length,
      files: [...files],
      folder: await folderBeside(config.policyDir, files),
    };
  },

  async 'policy.history'(control, { actor, query }) {
    actingPerson(actor);
    const { before, limit = historyDefault } = query;
    const rows = await versionRows(control.db, control.config.tenant, limit, before);
    return { items: await viewsOf(control, rows) };
  },

  async 'policy.version'(control, { actor, params }) {
    actingPerson(actor);
    const row = await versionWithSet(control.db, control.config.tenant, params.version);
    if (row === undefined) return refuse('policy.version_unknown');
    return { ...(await viewOf(control, row)), files: [...contentOf(row).files] };
  },

  async 'policy.propose'(control, { actor, body }) {
    const person = actingPerson(actor);
    return lane.run(() => propose(control, cedar, person, body));
  },

  async 'policy.candidates'(control, { actor }) {
    actingPerson(actor);
    return { items: await waitingCandidates(control) };
  },

  async 'policy.candidate'(control, { actor, params }) {
    actingPerson(actor);
    return showCandidate(control, params.id);
  },

  async 'policy.candidateFiles'(control, { actor, params }) {
    actingPerson(actor);
    return candidateTexts(control, params.id);
  },

  async 'policy.plan'(control, { actor, params, query }) {
    actingPerson(actor);
    return planPage(control, params.id, query);
  },

  async 'policy.confirm'(control, { actor, params, body }) {
    return confirmCandidate(control, params.id, actingPerson(actor), body);
  },
});

/** Candidates are checked by `cedar`, in a worker that is thrown away. */
export const versionRoutes = (cedar: Cedar): Handlers<PolicyOperation> =>
  routesIn(cedar, new Lane(proposalsWaitingMax, 'too many policy sets are being checked'));
