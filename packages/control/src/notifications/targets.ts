/** Room: notifications. Where notifications go: adding, removing, trying out. A change of it needs a clearance, as other changes of who hears what do. */
import { randomUUID } from 'node:crypto';
import { refuse } from '@atf/core/errors';
import type { BodyOut, Person } from '@atf/core/wire/api';
import type { Channel, Target } from '@atf/core/wire/notifications';
import type { Control, Tx } from '../context.ts';
import { agentByRef, agentNames } from '../identity/store.ts';
import { personById } from '../people/store.ts';
import { peopleByIds } from '../identity/store.ts';
import {
  deliveryCounts,
  type DeliveryRow,
  insertDelivery,
  insertTarget,
  removeTarget,
  targetById,
  type TargetRow,
  targetRows,
} from './delivery-store.ts';
import { vettedAddress, type Resolve } from './dial.ts';
import { recipientsOf } from './router.ts';
import { destinationOf, newSigningSecret, sealTarget } from './secrets.ts';

const targetsMax = 100;
const resolveWithinMs = 3_000;

/** Where it would be dialled, and whether encrypted. */
function endpointOf(channel: Channel): { host: string; encrypted: boolean } {
  if (channel.kind === 'email') return { host: channel.host, encrypted: channel.protection !== 'none' };
  const url = new URL(channel.url);
  if (url.username !== '' || url.password !== '')
    refuse('notification.target_refused', 'An address with a user or password in it is refused.');
  return { host: url.hostname, encrypted: url.protocol === 'https:' };
}

/**
 * Whether it could be dialled as it resolves now; every message is looked at again. A name that does not resolve yet is let pass: nothing is sent to it
 * until it does, and then it is looked at. Refuses `notification.target_refused`.
 */
export async function checkEndpoint(
  given: Pick<BodyOut<'targets.add'>, 'channel' | 'privateNetwork'>,
  resolve: Resolve,
): Promise<void> {
  const { channel, privateNetwork } = given;
  if (channel.kind === 'email' && channel.to.length === 0 && !channel.people)
    refuse('notification.target_refused', 'A mail target needs addresses, or the people concerned.');
  const { host, encrypted } = endpointOf(channel);
  if (!encrypted && !privateNetwork)
    refuse('notification.target_refused', 'Without TLS only addresses of a private network that is granted.');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((done) => {
    timer = setTimeout(() => done(undefined), resolveWithinMs);
  });
  const vetting = vettedAddress(host, { privateAllowed: privateNetwork, encrypted }, resolve);
  const vetted = await Promise.race([vetting, late]).finally(() => clearTimeout(timer));
  if (vetted?.ok === false && vetted.problem === 'address_refused') refuse('notification.target_refused');
}

async function agentIds(tx: Tx, tenant: string, refs: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const ref of refs)
    ids.push(((await agentByRef(tx, tenant, ref)) ?? refuse('identity.agent_not_found')).id);
  return [...new Set(ids)];
}

/** Adds a target. Refuses `notification.target_exists`, `identity.agent_not_found`, `people.person_not_found`, too many. */
export async function addTarget(
  control: Control,
  tx: Tx,
  given: BodyOut<'targets.add'>,
  by: Person,
): Promise<{ row: TargetRow; signingSecret: string | undefined }> {
  const { tenant } = control.config;
  const { channel } = given;
  if ((await targetRows(tx, tenant)).length >= targetsMax)
    refuse('request.overloaded', `more than ${targetsMax} targets`);
  const people = [...new Set(given.people)];
  for (const person of people)
    if ((await personById(tx, tenant, person)) === undefined) refuse('people.person_not_found');
  const id = randomUUID();
  const signingSecret = channel.kind === 'webhook' ? newSigningSecret() : undefined;
  const row: TargetRow = {
    tenant,
    id,
    name: given.name,
    channel: channel.kind,
    destination: destinationOf(channel),
    ...sealTarget(control.keys, tenant, id, {
      channel,
      ...(signingSecret === undefined ? {} : { signingSecret }),
    }),
    kinds: [...new Set(given.kinds)],
    severity: given.severity,
    agents: await agentIds(tx, tenant, given.agents),
    people,
    to_people: channel.kind === 'email' && channel.people,
    to_fixed: channel.kind === 'email' ? channel.to.length : 0,
    window_ms: given.windowSeconds * 1_000,
    attempts_max: given.attempts,
    private_network: given.privateNetwork,
    added_by: by.id,
    added_at: control.clock.nowMs(),
    removed_at: null,
  };
  const { kinds, agents } = row;
  const values = {
    ...row,
    kinds: JSON.stringify(kinds),
    agents: JSON.stringify(agents),
    people: JSON.stringify(people),
  };
  if (!(await insertTarget(tx, values))) refuse('notification.target_exists');
  await control.audit.enqueue(tx, 'notification.target_added', {
    targetId: id,
    name: given.name,
    channel: channel.kind,
    kinds,
    severity: given.severity,
    by: by.id,
  });
  return { row, signingSecret };
}

export async function dropTarget(control: Control, tx: Tx, id: string, by: Person): Promise<void> {
  const removed =
    (await removeTarget(tx, control.config.tenant, id, control.clock.nowMs())) ??
    refuse('notification.not_found');
  await control.audit.enqueue(tx, 'notification.target_removed', {
    targetId: id,
    name: removed.name,
    dropped: removed.dropped,
    by: by.id,
  });
}

/** A message that says that it is a test, to the target's own address or to whoever tries it out. */
export async function testTarget(control: Control, tx: Tx, id: string, by: Person): Promise<DeliveryRow> {
  const { tenant } = control.config;
  const target = await targetById(tx, tenant, id);
  if (target === undefined || target.removed_at !== null) return refuse('notification.not_found');
  const nowMs = control.clock.nowMs();
  const [recipient = ''] = recipientsOf(target, [by.id]);
  const row: DeliveryRow = {
    tenant,
    id: randomUUID(),
    target_id: id,
    recipient,
    state: 'waiting',
    digest: false,
    severity: 'info',
    notification_ids: [],
    count: 1,
    counts: { test: 1 },
    attempts: 0,
    problem: null,
    created_at: nowMs,
    due_at: nowMs,
    claimed_until: null,
    settled_at: null,
  };
  await insertDelivery(tx, row);
  return row;
}

export async function targetViews(control: Control, rows: readonly TargetRow[]): Promise<Target[]> {
  const { db, config } = control;
  const { tenant } = config;
  const counts = await deliveryCounts(db, tenant);
  const people = await peopleByIds(
    db,
    tenant,
    rows.flatMap((row) => [row.added_by, ...row.people]),
  );
  const agents = await agentNames(
    db,
    tenant,
    rows.flatMap((row) => row.agents),
  );
  return rows.map((row) => {
    const { waiting = 0, dead = 0, deliveredAt = null } = counts.get(row.id) ?? {};
    return {
      id: row.id,
      name: row.name,
      channel: row.channel,
      destination: row.destination,
      kinds: row.kinds,
      severity: row.severity,
      agents: row.agents.map((id) => agents.get(id) ?? id),
      people: row.people.map((id) => people.get(id)?.name ?? id),
      windowSeconds: row.window_ms / 1_000,
      attempts: row.attempts_max,
      privateNetwork: row.private_network,
      addedBy: people.get(row.added_by)?.name ?? row.added_by,
      addedAt: new Date(row.added_at).toISOString(),
      waiting,
      dead,
      ...(deliveredAt === null ? {} : { deliveredAt: new Date(deliveredAt).toISOString() }),
    };
  });
}
