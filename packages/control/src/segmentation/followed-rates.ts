/**
 * Room: segmentation (S-3). Rates of Principals that follow what is usual for each, between bounds that settings give (core/segmentation/followed.ts). Looked at page by page after the
 * baselines; what changes is recorded, and what was spent under the old figure is spent under the new one.
 */
import { followedId, followedRate, isRaiseDue, raiseWaitMs } from '@atf/core/segmentation/followed';
import type { Followed } from '@atf/core/wire/adaptive';
import { firstIndexSince } from '../audit/index-store.ts';
import type { Control, Tx } from '../context.ts';
import { setAdapted } from '../identity/adapted.ts';
import { type AgentRow, lockAgent } from '../identity/store.ts';
import { type Settings, settingsSchema } from '../policy/settings.ts';
import { activeSettings } from '../policy/store.ts';
import { moveBudget } from './move-budget.ts';
import { type Follower, followerOf, followers, newestOf } from './followed-store.ts';

const agentsPerTurn = 200;

/** Records about an agent after which its rate is not raised for a week. */
const against: Readonly<Record<string, NonNullable<Followed['held']>>> = {
  'segmentation.agent_throttled': 'throttled',
  'incident.containment_set': 'stopped',
  'maturity.ceiling_set': 'ceiling',
  'identity.instance_revoked': 'revoked',
  'identity.sessions_revoked': 'revoked',
  'approvals.review_objected': 'objected',
  'action.intent_doubted': 'doubted',
  'identity.agent_registered': 'new_version',
};

/** What speaks against raising it: what is in force, or what happened within a week. */
async function heldOf(
  { config, clock }: Control,
  tx: Tx,
  { id, ceiling, adapted }: AgentRow,
): Promise<Followed['held']> {
  if (adapted.throttle !== undefined) return 'throttled';
  if (ceiling !== null) return 'ceiling';
  const from = await firstIndexSince(tx, config.tenant, clock.nowMs() - raiseWaitMs);
  if (from === undefined) return undefined;
  const type = await newestOf(tx, config.tenant, { agentId: id, from, types: Object.keys(against) });
  return type === undefined ? undefined : against[type];
}

/** Who falls below Principal keeps it: it would come back with more than it lost. */
function wantedOf(
  { level, baseline, followed }: Follower,
  { callsFollowed, callsDefault }: Settings,
  { nowMs, held }: { readonly nowMs: number; readonly held?: Followed['held'] },
): Followed | undefined {
  if (callsFollowed === undefined || baseline === null) return undefined;
  if (level !== 'principal' && followed === undefined) return undefined;
  const following = { baseline, bounds: callsFollowed, byDefault: callsDefault.principal, nowMs };
  return followedRate(followed, following, held);
}

async function settingsOf({ db, config }: Control): Promise<Settings | undefined> {
  const text = await activeSettings(db, config.tenant);
  return text === undefined ? undefined : settingsSchema.parse(JSON.parse(text));
}

/** Brings the next agents behind `after` up to date; gives the last of them, or nothing when all have had their turn. */
export async function followUsual(
  control: Control,
  after: string,
  each: (rows: readonly Follower[], work: (row: Follower) => Promise<void>) => Promise<void>,
): Promise<string> {
  const { db, clock, config } = control;
  const settings = await settingsOf(control);
  if (settings === undefined) return '';
  const nowMs = clock.nowMs();
  const page = await followers(db, config.tenant, after, agentsPerTurn);
  const due = page.filter((row) => wantedOf(row, settings, { nowMs }) !== row.followed);
  await each(due, ({ id }) => control.change((tx) => follow(control, tx, id, settings)));
  return page.length < agentsPerTurn ? '' : (page.at(-1)?.id ?? '');
}

async function follow(control: Control, tx: Tx, id: string, settings: Settings): Promise<void> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const agent = await lockAgent(tx, tenant, id);
  const follower = await followerOf(tx, tenant, id);
  if (agent === undefined || follower === undefined) return;
  const { followed: was, ...rest } = agent.adapted;
  const { baseline } = follower;
  const bounds = settings.callsFollowed;
  const due =
    was !== undefined &&
    bounds !== undefined &&
    baseline !== null &&
    isRaiseDue(was, { baseline, bounds, nowMs });
  const held = due ? await heldOf(control, tx, agent) : undefined;
  const is = wantedOf(follower, settings, { nowMs, held });
  if (is === was) return;
  if (was !== undefined && is !== undefined)
    await moveBudget(control, tx, id, followedId, { from: was, to: is });
  await setAdapted(control, tx, agent, is === undefined ? rest : { ...rest, followed: is });
  await control.audit.enqueue(tx, 'segmentation.rate_followed', {
    agentId: id,
    agent: agent.name,
    ...(was === undefined ? {} : { was }),
    ...(is === undefined ? {} : { is }),
  });
}
