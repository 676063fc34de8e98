/** Room: people (I-3). Registration of persons and their one-time sign-in links; the host operator. Audit events hold ids, never names. */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import type { Person } from '@atf/core/wire/api';
import type { Role } from '@atf/core/wire/words';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Control, Tx } from '../context.ts';
import { insertLink, insertPerson, personById, personByRef } from './store.ts';

export const linkLifeMs = 600_000;
const tokenBytes = 32;

/** The person behind the host's token: who can read the data directory of this host runs ATF. */
export const hostOperatorEmail = 'host-operator@atf.invalid';
const hostOperatorRoles: readonly Role[] = ['operator', 'security', 'approver', 'auditor'];

export interface NewPerson {
  readonly name: string;
  readonly email: string;
  readonly roles: readonly Role[];
  /** Set up by the example workspace: presence may be simulated there. */
  readonly bootstrap: boolean;
}

/** Registers a person; `by` is the id of who does it, or `bootstrap`. Refuses `people.person_exists`. */
export async function registerPerson(
  control: Control,
  tx: Tx,
  given: NewPerson,
  by: string,
): Promise<Person> {
  const person: Person = { ...given, roles: [...new Set(given.roles)], id: randomUUID() };
  if (!(await insertPerson(tx, control.config.tenant, person, control.clock.nowMs())))
    refuse('people.person_exists');
  await control.audit.enqueue(tx, 'people.person_added', {
    personId: person.id,
    roles: person.roles,
    bootstrap: person.bootstrap,
    by,
  });
  return person;
}

/**
 * Makes a sign-in link. The token stands in the fragment: it never reaches a server's log. `by`: the person who asked for it over the API, which goes
 * on record, because the link signs in as somebody else. `cleared`: its session may set the person's first factor although others have theirs.
 * Refuses `people.person_not_found`.
 */
export async function makeSignInLink(
  control: Control,
  personId: string,
  given: {
    readonly by?: string;
    /** Says in the transaction of the link whether it is cleared, or refuses. */
    readonly cleared?: (tx: Tx, person: Person) => Promise<boolean>;
  } = {},
): Promise<{ url: string; expiresAt: string }> {
  const { tenant, controlUrl } = control.config;
  const { by } = given;
  const token = randomBytes(tokenBytes).toString('base64url');
  const expiresAt = control.clock.nowMs() + linkLifeMs;
  await control.change(async (tx) => {
    const person = (await personById(tx, tenant, personId)) ?? refuse('people.person_not_found');
    const cleared = (await given.cleared?.(tx, person)) ?? false;
    await insertLink(tx, {
      tenant,
      token_hash: sha256(token),
      person_id: personId,
      expires_at: expiresAt,
      used_at: null,
      cleared,
    });
    if (by !== undefined) await control.audit.enqueue(tx, 'people.link_issued', { personId, by });
  });
  return {
    url: `${new URL(controlUrl).origin}/sign-in#${token}`,
    expiresAt: new Date(expiresAt).toISOString(),
  };
}

/** The host operator, registered at first start. */
export async function hostOperator(control: Control): Promise<Person> {
  const { tenant } = control.config;
  const known = await personByRef(control.db, tenant, hostOperatorEmail);
  if (known !== undefined) return known;
  const operator = {
    name: 'Host operator',
    email: hostOperatorEmail,
    roles: hostOperatorRoles,
    bootstrap: false,
  };
  try {
    return await control.change((tx) => registerPerson(control, tx, operator, 'bootstrap'));
  } catch (fault) {
    // Another replica that starts for the first time as well was faster.
    const other = await personByRef(control.db, tenant, hostOperatorEmail);
    if (other === undefined) throw fault;
    return other;
  }
}
