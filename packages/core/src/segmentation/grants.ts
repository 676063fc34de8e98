/**
 * Room: segmentation (S-1, S-3, S-4, S-5). Boundaries that a Principal has widened for itself within what policy offers. A grant takes the figure of a limit that the
 * manifest has; it makes no limit, lifts no human checkpoint and is asked about by the same policies. When anything that it rested on has changed it is
 * as if it had never been, decided here and not by whoever cleans up. Pure.
 */
import type { AgentDoc } from '../wire/feed.ts';
import type { Limit } from '../wire/manifest.ts';
import type { BoundaryGrant, BoundaryOffer, grantEndings } from '../wire/negotiation.ts';
import type { Level } from '../wire/words.ts';

type Widened = Pick<BoundaryGrant, 'limit' | 'domain'>;

/** The one figure of a limit that an offer or a grant holds. */
export const figureOf = ({ calls, amountMax, total, concurrent }: Limit): number =>
  amountMax ?? calls?.max ?? total?.amount ?? total?.records ?? total?.calls ?? concurrent ?? 0;

export function withFigure(limit: Limit, figure: number): Limit {
  const { calls, amountMax, total } = limit;
  if (amountMax !== undefined) return { ...limit, amountMax: figure };
  if (calls !== undefined) return { ...limit, calls: { ...calls, max: figure } };
  if (total === undefined) return { ...limit, concurrent: figure };
  if (total.amount !== undefined) return { ...limit, total: { ...total, amount: figure } };
  return { ...limit, total: { ...total, [total.records === undefined ? 'calls' : 'records']: figure } };
}

type Total = NonNullable<Limit['total']>;
const unitOf = ({ amount, records }: Total) =>
  amount === undefined ? (records === undefined ? 'calls' : 'records') : 'amount';

function widerTotal(was: Total, is: Total): Total {
  const unit = unitOf(is);
  const same = was.per === is.per && unitOf(was) === unit;
  return same && (is[unit] ?? 0) > (was[unit] ?? 0) ? is : was;
}

/** A limit of the manifest with the figure of `wide`, where it is about the same thing and narrower. */
function widerLimit(limit: Limit, wide: Limit): Limit {
  if (limit.tool !== wide.tool) return limit;
  const { calls, amountMax, total, concurrent } = limit;
  const money = limit.currency === wide.currency;
  if (wide.amountMax !== undefined)
    return money && amountMax !== undefined && wide.amountMax > amountMax
      ? { ...limit, amountMax: wide.amountMax }
      : limit;
  if (wide.calls !== undefined)
    return calls !== undefined && calls.perSeconds === wide.calls.perSeconds && wide.calls.max > calls.max
      ? { ...limit, calls: wide.calls }
      : limit;
  if (wide.total !== undefined) {
    if (total === undefined || (wide.total.amount !== undefined && !money)) return limit;
    const wider = widerTotal(total, wide.total);
    return wider === total ? limit : { ...limit, total: wider };
  }
  return concurrent !== undefined && (wide.concurrent ?? 0) > concurrent
    ? { ...limit, concurrent: wide.concurrent }
    : limit;
}

const widerLimits = (limits: readonly Limit[], wide: Limit): Limit[] =>
  limits.map((limit) => widerLimit(limit, wide));

/** Whether it would change anything for this agent. */
function changes(
  { limits, dataDomains }: Pick<AgentDoc, 'limits' | 'dataDomains'>,
  { limit, domain }: Widened,
): boolean {
  if (domain !== undefined) return !dataDomains.includes(domain);
  return limit !== undefined && widerLimits(limits, limit).some((each, at) => each !== limits[at]);
}

export const offersTo = (offers: readonly BoundaryOffer[], agent: string): BoundaryOffer[] =>
  offers.filter(({ agents }) => agents === undefined || agents.includes(agent));

export interface BoundaryAsk {
  readonly offer: string;
  readonly figure?: number | undefined;
  readonly minutes: number;
}

/** What is granted of what is asked for, or why nothing is. */
export function settleAsk(
  agent: Pick<AgentDoc, 'name' | 'limits' | 'dataDomains'>,
  offers: readonly BoundaryOffer[],
  { offer: wanted, figure, minutes }: BoundaryAsk,
): { readonly ok: true; readonly widened: Widened; readonly offer: BoundaryOffer } | Refused {
  const own = offersTo(offers, agent.name);
  const offer = own.find(({ name }) => name === wanted);
  const beyond = (why: string): Refused => ({ ok: false, why });
  if (offer === undefined) return beyond('there is no such offer');
  if (minutes > offer.minutesMax) return beyond(`at most ${offer.minutesMax} minutes`);
  const { limit, domain } = offer;
  if (limit === undefined) {
    if (figure !== undefined) return beyond('a domain has no figure');
    if (!changes(agent, offer)) return beyond('the agent has this domain already');
    return { ok: true, widened: { domain }, offer };
  }
  const widest = figureOf(limit);
  const asked = figure ?? widest;
  if (asked > widest) return beyond(`at most ${widest}`);
  const inHundredths = Math.round(asked * 100) / 100 === asked;
  const wholly = limit.amountMax !== undefined || limit.total?.amount !== undefined;
  if (wholly ? !inHundredths : !Number.isInteger(asked)) return beyond('the figure has too many places');
  const widened = { limit: withFigure(limit, asked) };
  return changes(agent, widened)
    ? { ok: true, widened, offer }
    : beyond('no limit of the agent is narrower than that');
}

interface Refused {
  readonly ok: false;
  readonly why: string;
}

/** What a grant is held against, at one moment. */
export interface GrantsHeldTo {
  readonly nowMs: number;
  readonly level: Level;
  readonly policyEpoch: number | undefined;
}

/** Why a grant counts no more; undefined: it counts. */
export function endedBecause(
  { epochs, until }: BoundaryGrant,
  { epoch, credentialEpoch }: Pick<AgentDoc, 'epoch' | 'credentialEpoch'>,
  { nowMs, level, policyEpoch }: GrantsHeldTo,
): Exclude<(typeof grantEndings)[number], 'revoked'> | undefined {
  if (nowMs >= Date.parse(until)) return 'expired';
  if (credentialEpoch !== epochs.credential) return 'credentials_void';
  if (epoch !== epochs.agent || level !== 'principal') return 'agent_changed';
  return policyEpoch === epochs.policy ? undefined : 'policy_changed';
}

// Documents of the feed are never changed in place; which grants count changes seldom.
const kept = new WeakMap<AgentDoc, { readonly ids: string; readonly agent: AgentDoc }>();

/** The agent as its limits are with what it has negotiated; the same object where nothing is. */
export function withGrants(agent: AgentDoc, held: GrantsHeldTo): AgentDoc {
  if (agent.grants === undefined) return agent;
  const counting = agent.grants.filter((grant) => endedBecause(grant, agent, held) === undefined);
  if (counting.length === 0) return agent;
  const ids = counting.map(({ id }) => id).join();
  const known = kept.get(agent);
  if (known?.ids === ids) return known.agent;
  const limits = counting.reduce<Limit[]>(
    (wide, { limit }) => (limit === undefined ? wide : widerLimits(wide, limit)),
    agent.limits,
  );
  const domains = counting.flatMap(({ domain }) => (domain === undefined ? [] : [domain]));
  const widened = { ...agent, limits, dataDomains: [...agent.dataDomains, ...domains] };
  kept.set(agent, { ids, agent: widened });
  return widened;
}
