/**
 * Room: segmentation (S-1, S-3, S-4, S-5). A Principal widens a boundary for a time, within what the policy in force offers: granted at once, counted, on record, and
 * people are told. What a grant does, and when it counts no more, is core/segmentation/grants.ts; here is who gets one, and the cleaning up.
 */
import { randomUUID } from 'node:crypto';
import { refuse } from '@atf/core/errors';
import { widenedWords } from '@atf/core/identity/manifest-words';
import { lowerLevel } from '@atf/core/maturity/levels';
import { endedBecause, offersTo, settleAsk } from '@atf/core/segmentation/grants';
import type { BodyOut, Person, ResponseOf } from '@atf/core/wire/api';
import type { Limit, Manifest } from '@atf/core/wire/manifest';
import {
  type Boundaries,
  type BoundaryGrant,
  type BoundaryOffer,
  grantsMax,
  type ShownGrant,
} from '@atf/core/wire/negotiation';
import type { Control, Db, Tx } from '../context.ts';
import { answersFor } from '../identity/acting.ts';
import { setAdapted } from '../identity/adapted.ts';
import { agentStateOf } from '../identity/documents.ts';
import { type AgentRow, lockAgent, versionByDigest } from '../identity/store.ts';
import { stopsInForce } from '../incident/stop-files.ts';
import { tell } from '../notifications/outbox.ts';
import { policyInForce, settingsInForce } from '../policy/load.ts';
import { moveBudget } from './move-budget.ts';
import { insertNegotiation, type NegotiationRow, negotiationsSince } from './negotiation-store.ts';
import { adaptedAgents } from './volume-store.ts';

export const negotiationDayMs = 86_400_000;
const adaptedMax = 20_000;

const levelOf = ({ level, ceiling }: AgentRow) => (ceiling === null ? level : lowerLevel(level, ceiling));

const shownGrant = (grant: BoundaryGrant): ShownGrant => {
  const { id, offer, since, until } = grant;
  return { id, offer, says: widenedWords(grant), since, until };
};

interface Standing {
  readonly manifest: Manifest;
  readonly offers: readonly BoundaryOffer[];
  readonly policyEpoch: number | undefined;
  readonly today: readonly NegotiationRow[];
  /** Grants that count now. */
  readonly grants: readonly BoundaryGrant[];
}

async function standingOf(control: Control, db: Db | Tx, agent: AgentRow): Promise<Standing> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const version = await versionByDigest(db, tenant, agent.id, agent.manifest_digest);
  if (version === undefined) throw new Error('an agent without its version');
  const policyEpoch = (await policyInForce(control, db))?.epoch;
  const { negotiable } = await settingsInForce(control, db);
  const held = { nowMs, level: levelOf(agent), policyEpoch };
  const doc = { epoch: agent.epoch, credentialEpoch: agent.credential_epoch };
  return {
    manifest: version.manifest,
    offers: offersTo(negotiable, agent.name),
    policyEpoch,
    today: await negotiationsSince(db, tenant, agent.id, nowMs - negotiationDayMs),
    grants: (agent.adapted.grants ?? []).filter((grant) => endedBecause(grant, doc, held) === undefined),
  };
}

function boundariesOf({ offers, today, grants }: Standing): Boundaries {
  return {
    grants: grants.map(shownGrant),
    offers: offers.map((offer) => {
      const { name, minutesMax, timesPerDay } = offer;
      const used = today.filter((row) => row.offer === name).length;
      const timesLeft = Math.max(0, timesPerDay - used);
      return { name, says: widenedWords(offer), minutesMax, timesPerDay, timesLeft };
    }),
  };
}

export const agentBoundaries = async (control: Control, agent: AgentRow): Promise<Boundaries> =>
  boundariesOf(await standingOf(control, control.db, agent));

const onOffer = ({ offers }: Boundaries): string =>
  offers.length === 0
    ? 'nothing is on offer'
    : `on offer: ${offers.map(({ name, says, minutesMax, timesLeft }) => `${name} (${says}; for at most ${minutesMax} minutes, ${timesLeft} times left today)`).join('; ')}`;

type Ask = NonNullable<BodyOut<'gateway.negotiate'>['ask']>;

const notNegotiable = (why: string): never => refuse('segmentation.not_negotiable', why.slice(0, 1_000));

function checkCount({ offers, today }: Standing, wanted: string, nowMs: number): void {
  const used = today.filter(({ offer }) => offer === wanted);
  const times = offers.find(({ name }) => name === wanted)?.timesPerDay ?? 0;
  const [oldest] = used;
  if (used.length < times || oldest === undefined) return;
  refuse('segmentation.negotiated_enough', `${times} times a day`, {
    retryAfterMs: Math.max(1, oldest.granted_at + negotiationDayMs - nowMs),
  });
}

/** What of an ask is granted. The agent is locked. */
async function grantOf(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  standing: Standing,
  actionId: string,
  ask: Ask,
) {
  const nowMs = control.clock.nowMs();
  const { manifest, grants, policyEpoch } = standing;
  const stopped = agentStateOf(agent, manifest, await stopsInForce(control, tx)) !== 'active';
  if (stopped) notNegotiable('the agent is stopped');
  if (levelOf(agent) !== 'principal') notNegotiable('only an agent that works as Principal negotiates');
  const boundaries = boundariesOf(standing);
  const settled = settleAsk({ ...manifest, name: agent.name }, standing.offers, ask);
  if (!settled.ok) return notNegotiable(`${settled.why}; ${onOffer(boundaries)}`);
  const open = grants.find(({ offer }) => offer === ask.offer);
  if (open !== undefined) notNegotiable(`it is widened already, until ${open.until}`);
  if (grants.length >= grantsMax) notNegotiable(`at most ${grantsMax} at one time`);
  checkCount(standing, ask.offer, nowMs);
  const grant: BoundaryGrant = {
    id: actionId,
    offer: ask.offer,
    ...settled.widened,
    since: new Date(nowMs).toISOString(),
    until: new Date(nowMs + ask.minutes * 60_000).toISOString(),
    epochs: { agent: agent.epoch, credential: agent.credential_epoch, policy: policyEpoch ?? -1 },
  };
  return grant;
}

/** The rate of a manifest that a grant widens, beside the wider one. */
function ratesOf(manifest: Manifest, { limit: wide }: Pick<BoundaryGrant, 'limit'>) {
  const calls = wide?.calls;
  if (wide === undefined || calls === undefined) return undefined;
  const own = manifest.limits.find(
    ({ tool, calls: rate }: Limit) => tool === wide.tool && rate?.perSeconds === calls.perSeconds,
  );
  const limit = wide.tool === undefined ? 'rate:agent' : `rate:${wide.tool}`;
  return own?.calls === undefined ? undefined : { limit, own: own.calls, wide: calls };
}

/** Answers `atf_negotiate`. Refuses `identity.agent_not_found`, `segmentation.not_negotiable`, `segmentation.negotiated_enough`. */
export async function negotiate(
  control: Control,
  gatewayId: string,
  { actionId, agentId, tool, ask }: BodyOut<'gateway.negotiate'>,
): Promise<ResponseOf<'gateway.negotiate'>> {
  const { config, clock, audit } = control;
  const { tenant } = config;
  return control.change(async (tx) => {
    const locked = (await lockAgent(tx, tenant, agentId)) ?? refuse('identity.agent_not_found');
    if (ask === undefined) return boundariesOf(await standingOf(control, tx, locked));
    // What has lapsed and nobody has cleaned up yet ends on record before anything is put in its place.
    const agent = await endLapsed(control, tx, locked, (await policyInForce(control, tx))?.epoch);
    const standing = await standingOf(control, tx, agent);
    // A gateway that did not hear the answer asks again.
    const before = standing.grants.find(({ id }) => id === actionId);
    if (before !== undefined) return { ...boundariesOf(standing), granted: shownGrant(before) };
    const grant = await grantOf(control, tx, agent, standing, actionId, ask);
    const rates = ratesOf(standing.manifest, grant);
    if (rates !== undefined)
      await moveBudget(control, tx, agentId, rates.limit, { from: rates.own, to: rates.wide });
    const row = { id: actionId, offer: ask.offer, granted_at: clock.nowMs() };
    await insertNegotiation(tx, tenant, agentId, row);
    const grants = [...standing.grants, grant];
    await setAdapted(control, tx, agent, { ...agent.adapted, grants });
    await audit.enqueue(tx, 'segmentation.boundary_widened', {
      agentId,
      agent: agent.name,
      actionId,
      gatewayId,
      grant,
    });
    await tell(tx, {
      tenant,
      atMs: clock.nowMs(),
      kind: 'boundary_widened',
      severity: 'warning',
      once: `negotiated:${actionId}`,
      actionId,
      agentId,
      tool,
      summary: `${agent.name} widened a boundary until ${grant.until}: ${widenedWords(grant)}`,
      because: `The policy in force offers it (${grant.offer}). End it with: atf agent revoke ${agent.name} ${grant.id}`,
      claimed: { text: ask.words, by: 'the agent' },
    });
    const after = { ...standing, grants, today: [...standing.today, row] };
    return { ...boundariesOf(after), granted: shownGrant(grant) };
  });
}

type Ending = { readonly because: string; readonly by?: string };

/** Ends these grants of an agent that is locked; those that stay go on under the epoch that this raises. */
async function endGrants(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  ended: ReadonlyMap<string, Ending>,
): Promise<void> {
  const { tenant } = control.config;
  const { grants = [], ...rest } = agent.adapted;
  const version = await versionByDigest(tx, tenant, agent.id, agent.manifest_digest);
  const narrower = [...ended.values()].some(({ because }) => because === 'revoked');
  const stay = grants.filter(({ id }) => !ended.has(id));
  // Only a grant that counts goes on: one of an older epoch stays as void as it is.
  const raised = stay.map((grant) =>
    narrower && grant.epochs.agent === agent.epoch
      ? { ...grant, epochs: { ...grant.epochs, agent: agent.epoch + 1 } }
      : grant,
  );
  await setAdapted(control, tx, agent, raised.length === 0 ? rest : { ...rest, grants: raised }, {
    narrower,
  });
  for (const grant of grants) {
    const ending = ended.get(grant.id);
    if (ending === undefined) continue;
    const rates = version === undefined ? undefined : ratesOf(version.manifest, grant);
    if (rates !== undefined)
      await moveBudget(control, tx, agent.id, rates.limit, { from: rates.wide, to: rates.own });
    await control.audit.enqueue(tx, 'segmentation.boundary_narrowed', {
      agentId: agent.id,
      agent: agent.name,
      grantId: grant.id,
      offer: grant.offer,
      ...ending,
    });
  }
}

/** Ends the grants of a locked agent that count no more; gives the agent as it is then. */
async function endLapsed(
  control: Control,
  tx: Tx,
  agent: AgentRow,
  policyEpoch: number | undefined,
): Promise<AgentRow> {
  const doc = { epoch: agent.epoch, credentialEpoch: agent.credential_epoch };
  const held = { nowMs: control.clock.nowMs(), level: levelOf(agent), policyEpoch };
  const ended = new Map<string, Ending>();
  for (const grant of agent.adapted.grants ?? []) {
    const because = endedBecause(grant, doc, held);
    if (because !== undefined) ended.set(grant.id, { because });
  }
  if (ended.size === 0) return agent;
  await endGrants(control, tx, agent, ended);
  return (await lockAgent(tx, control.config.tenant, agent.id)) ?? agent;
}

/** What a person has ended does not come back by the agent's own word: its offer is used up for a day. */
async function useUp(control: Control, tx: Tx, agent: AgentRow, offer: string): Promise<void> {
  const { tenant } = control.config;
  const { offers, today } = await standingOf(control, tx, agent);
  const used = today.filter((row) => row.offer === offer).length;
  const times = offers.find(({ name }) => name === offer)?.timesPerDay ?? 0;
  for (let more = used; more < times; more++)
    await insertNegotiation(tx, tenant, agent.id, {
      id: randomUUID(),
      offer,
      granted_at: control.clock.nowMs(),
    });
}

/** A person ends a grant. Refuses `identity.agent_not_found`, `people.not_allowed`, `segmentation.grant_not_found`. */
export async function revokeGrant(
  control: Control,
  person: Person,
  agentId: string,
  grantId: string,
): Promise<void> {
  await control.change(async (tx) => {
    const agent = (await lockAgent(tx, control.config.tenant, agentId)) ?? refuse('identity.agent_not_found');
    const everywhere = person.roles.includes('operator') || person.roles.includes('security');
    if (!everywhere && !answersFor(person, agent))
      refuse('people.not_allowed', 'This agent has other owners.');
    const grant =
      (agent.adapted.grants ?? []).find(({ id }) => id === grantId) ?? refuse('segmentation.grant_not_found');
    await endGrants(control, tx, agent, new Map([[grantId, { because: 'revoked', by: person.id }]]));
    await useUp(control, tx, agent, grant.offer);
  });
}

/** Takes grants that count no more out of the documents, and says so on record. */
export async function forgetGrants(control: Control): Promise<void> {
  const { db, config, change } = control;
  const adapted = await adaptedAgents(db, config.tenant, adaptedMax);
  const holders = adapted.filter(({ adapted: { grants = [] } }) => grants.length > 0);
  if (holders.length === 0) return;
  const policyEpoch = (await policyInForce(control))?.epoch;
  for (const { id } of holders) {
    await change(async (tx) => {
      const agent = await lockAgent(tx, config.tenant, id);
      if (agent === undefined) return;
      await endLapsed(control, tx, agent, policyEpoch);
    });
  }
}
