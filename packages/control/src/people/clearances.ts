/**
 * Room: people (R-2, I-3). What the operator's token, or a session that was opened with it, may not do alone once real people have factors: bring
 * in somebody who approves, open the way to a first factor, change what tools count as. Whoever wants it asks for a clearance of
 * exactly that request; a person who answers for security grants it in the console, present; then the request counts, once.
 * Before the first person has a factor nobody could grant, so the first ones come in freely. Deliberately not here: marked
 * people of the example workspace, whose presence is simulated there; they neither raise the guard nor grant.
 */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import {
  type BodyOut,
  type Clearance,
  type ClearedOperation,
  clearanceHeader,
  type Person,
  type Route,
  routes,
} from '@atf/core/wire/api';
import { canonicalJson, type Json } from '@atf/core/wire/json';
import { findingNames } from '@atf/core/wire/tool-findings';
import type { Role } from '@atf/core/wire/words';
import { randomUUID, timingSafeEqual } from 'node:crypto';
import type { Control, Db, Tx } from '../context.ts';
import {
  type ClearanceRow,
  clearanceRow,
  clearanceRows,
  grantClearance,
  insertClearance,
  peopleWithFactor,
  useClearance,
} from './clearance-store.ts';
import { withoutSecrets } from '../notifications/secrets.ts';
import { targetById } from '../notifications/delivery-store.ts';
import { personById } from './store.ts';

/** From the question to the grant. */
export const grantWithinMs = 15 * 60_000;
/** From the grant to the request. */
export const clearanceLifeMs = 5 * 60_000;
const openMax = 50;
const requestBytesMax = 65_536;
const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Roles that neither approve, nor clear, nor run ATF. */
const harmlessRoles: ReadonlySet<Role> = new Set(['sponsor', 'risk', 'auditor']);

/** A marked person of the example workspace, while that is what runs. */
export function isExample(control: Control, person: Person): boolean {
  return control.config.example && person.bootstrap;
}

async function realPeopleWithFactor(control: Control, db: Db | Tx): Promise<Person[]> {
  const people = await peopleWithFactor(db, control.config.tenant);
  return people.filter((person) => !isExample(control, person));
}

/** Whether at least one real person has a factor. */
export async function isGuarded(control: Control, db: Db | Tx): Promise<boolean> {
  return (await realPeopleWithFactor(control, db)).length > 0;
}

/** Whoever answers for security and has a factor; where nobody does, whoever has a factor, so that nobody is locked out for good. */
async function refuseGranter(control: Control, db: Db | Tx, person: Person): Promise<void> {
  const able = await realPeopleWithFactor(control, db);
  const security = able.filter(({ roles }) => roles.includes('security'));
  if (!(security.length > 0 ? security : able).some(({ id }) => id === person.id))
    refuse('people.not_allowed', 'A real person with the role security and a factor of their own clears.');
}

/** The request in the one form in which it is asked for, shown and compared; secrets by their digest. Refuses `request.malformed`. */
function requestText(control: Control, operation: ClearedOperation, params: unknown, body: unknown): string {
  const shown = operation === 'targets.add' ? withoutSecrets(control.keys, body) : body;
  const text = canonicalJson({ operation, params: params ?? {}, body: shown ?? {} } as unknown as Json);
  return Buffer.byteLength(text) <= requestBytesMax ? text : refuse('request.too_large');
}

function checkedRequest(control: Control, { operation, params, body }: BodyOut<'clearances.ask'>): string {
  const route: Route = routes[operation];
  const read = (what: string, schema: Route['body'], given: unknown): unknown => {
    if (schema === undefined) return {};
    const parsed = schema.safeParse(given ?? {});
    return parsed.success ? parsed.data : refuse('request.malformed', `${what} of ${operation}`);
  };
  return requestText(
    control,
    operation,
    read('params', route.params, params),
    read('body', route.body, body),
  );
}

async function saysOf(control: Control, tx: Tx, given: BodyOut<'clearances.ask'>): Promise<string> {
  const { operation, params } = given;
  const tool = `${params['server']}/${params['name']}`;
  switch (operation) {
    case 'people.add':
      return 'Registers this person with these roles. Their roles decide what they may approve, clear and stop.';
    case 'people.link': {
      const found = await personById(tx, control.config.tenant, params['id'] ?? '');
      const { name, email, roles } = found ?? refuse('people.person_not_found');
      return `Makes a link that signs in as ${name} <${email}> (${roles.join(', ') || 'no roles'}). Whoever asked gets it, and whoever opens it sets that person’s first passkey or passphrase. Grant it only when you know who will open it.`.slice(
        0,
        600,
      );
    }
    case 'servers.mayAsk':
      return `Changes what the tool server ${params['name'] ?? ''} may ask agents for while their calls run: words of a person, words of a model, names of folders.`;
    case 'tools.classify':
      return `Changes what ${tool} counts as: which agents may call it, and when a person is asked.`;
    case 'servers.classify':
      return `Changes what tools of ${params['name'] ?? ''} count as: which agents may call them, and when a person is asked.`;
    case 'sources.set':
      return 'Says from which index this answers: whoever has read from another index reads nothing from it, and the other way round.';
    case 'sources.remove':
      return 'Says that this is no retrieval source any more: what is read there is kept apart from nothing.';
    case 'sources.blend':
      return `Lets the agent ${params['id'] ?? ''} bring together what is read from these indexes, until then.`;
    case 'targets.add':
      return 'Sends what people are told to this address as well. Whoever reads there learns what agents do, who answers for them and what waits. Addresses and passwords are shown as digests.';
    case 'targets.remove': {
      const target = await targetById(tx, control.config.tenant, params['id'] ?? '');
      const { name, destination } = target ?? refuse('notification.not_found');
      return `Removes the target ${name} (${destination}): nobody is told there any more, and what waits for it is dropped.`.slice(
        0,
        600,
      );
    }
    case 'tools.accept': {
      const known = findingNames.filter((name) =>
        [(given.body as { acknowledged?: unknown }).acknowledged].flat().includes(name),
      );
      const found = known.length === 0 ? '' : ` It is known what was found in it: ${known.join(', ')}.`;
      return `Accepts the definition on offer of ${tool}: agents may call it again.${found}`;
    }
  }
}

async function viewOf(control: Control, db: Db | Tx, row: ClearanceRow): Promise<Clearance> {
  const { clock, config } = control;
  const expired = row.expires_at <= clock.nowMs();
  const open = row.granted_by === null ? 'waiting' : 'granted';
  return {
    id: row.id,
    state: row.used_at !== null ? 'used' : expired ? 'expired' : open,
    operation: row.operation as ClearedOperation,
    says: row.says,
    requestText: row.request,
    shownDigest: row.shown_digest,
    askedBy: (await personById(db, config.tenant, row.asked_by))?.name ?? 'nobody known',
    askedAt: new Date(row.asked_at).toISOString(),
    expiresAt: new Date(row.expires_at).toISOString(),
  };
}

/** Stores a request for somebody to clear. Refuses what its route would refuse as malformed, and too many at a time. */
export async function askClearance(
  control: Control,
  person: Person,
  given: BodyOut<'clearances.ask'>,
): Promise<Clearance> {
  const { tenant } = control.config;
  const request = checkedRequest(control, given);
  return control.change(async (tx) => {
    const nowMs = control.clock.nowMs();
    const id = randomUUID();
    const says = await saysOf(control, tx, given);
    const row: ClearanceRow = {
      tenant,
      id,
      operation: given.operation,
      request,
      says,
      shown_digest: sha256(canonicalJson({ id, request, says, askedBy: person.id })),
      asked_by: person.id,
      asked_at: nowMs,
      granted_by: null,
      used_at: null,
      expires_at: nowMs + grantWithinMs,
    };
    if (!(await insertClearance(tx, row, nowMs, openMax)))
      refuse('request.overloaded', 'too many requests wait for clearance');
    return viewOf(control, tx, row);
  });
}

/** Refuses `people.clearance_invalid` when it is unknown. */
export async function showClearance(control: Control, id: string): Promise<Clearance> {
  const row = await clearanceRow(control.db, control.config.tenant, id);
  return viewOf(control, control.db, row ?? refuse('people.clearance_invalid', 'there is no such clearance'));
}

export async function listClearances(control: Control): Promise<{ items: Clearance[] }> {
  const rows = await clearanceRows(control.db, control.config.tenant, openMax);
  return { items: await Promise.all(rows.map((row) => viewOf(control, control.db, row))) };
}

/** Grants exactly what was shown. Refuses `people.clearance_invalid`, `people.not_allowed`, `people.presence_invalid`. */
export async function grantClearanceOf(
  control: Control,
  id: string,
  person: Person,
  given: { readonly shownDigest: string; readonly presence: string },
): Promise<Clearance> {
  const { tenant } = control.config;
  return control.change(async (tx) => {
    const row = (await clearanceRow(tx, tenant, id)) ?? refuse('people.clearance_invalid');
    await refuseGranter(control, tx, person);
    const shown = Buffer.from(row.shown_digest);
    const posted = Buffer.from(given.shownDigest);
    if (shown.length !== posted.length || !timingSafeEqual(shown, posted))
      refuse('people.clearance_invalid', 'what was shown is something else');
    const subject = { kind: 'clearance' as const, id, digest: row.shown_digest };
    const { method } = await control.presence.consume(tx, person, given.presence, subject);
    // Cannot be, because marked people do not grant; said here because everything behind it depends on it.
    if (method === 'simulated') refuse('people.presence_invalid');
    const nowMs = control.clock.nowMs();
    const expiresAt = nowMs + clearanceLifeMs;
    const granted = await grantClearance(tx, { tenant, id, by: person.id, nowMs, expiresAt });
    if (granted === undefined) return refuse('people.clearance_invalid', 'it is granted already, or too old');
    await control.audit.enqueue(tx, 'people.clearance_granted', {
      clearanceId: id,
      operation: row.operation,
      requestDigest: sha256(row.request),
      askedBy: row.asked_by,
      presence: method,
      by: person.id,
    });
    return viewOf(control, tx, granted);
  });
}

export interface GuardedRequest {
  readonly operation: ClearedOperation;
  readonly params?: unknown;
  readonly body?: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly by: Person;
}

/**
 * Uses the clearance of this request up, in the transaction of the change. Refuses `people.clearance_required` when none is named and real people
 * have factors, `people.clearance_invalid` when the named one does not count.
 */
export async function demandClearance(control: Control, tx: Tx, request: GuardedRequest): Promise<void> {
  if (!(await isGuarded(control, tx))) return;
  const { operation, params, body, headers, by } = request;
  const id = headers[clearanceHeader];
  if (id === undefined) refuse('people.clearance_required');
  const counts =
    typeof id === 'string' &&
    uuidPattern.test(id) &&
    (await useClearance(tx, {
      tenant: control.config.tenant,
      id,
      askedBy: by.id,
      request: requestText(control, operation, params, body),
      nowMs: control.clock.nowMs(),
    }));
  if (!counts) refuse('people.clearance_invalid');
  await control.audit.enqueue(tx, 'people.clearance_used', { clearanceId: id, operation, by: by.id });
}

/** Roles with which a person could approve, clear, or bring others in. */
export const givesPower = (roles: readonly Role[]): boolean => roles.some((role) => !harmlessRoles.has(role));

/** Whether a link to this person opens the way to a first factor. */
export async function lacksFactor(control: Control, tx: Tx, person: Person): Promise<boolean> {
  if (isExample(control, person)) return false;
  return !(await peopleWithFactor(tx, control.config.tenant)).some(({ id }) => id === person.id);
}
