/** Room: people (I-3, R-2). Who is signed in, who there is, and how a person confirms presence. */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import type { Me, Person } from '@atf/core/wire/api';
import type { Actor, Control, Handlers, Tx } from '../context.ts';
import {
  askClearance,
  demandClearance,
  givesPower,
  grantClearanceOf,
  isExample,
  isGuarded,
  lacksFactor,
  listClearances,
  showClearance,
} from './clearances.ts';
import { addPasskey, registrationOptions } from './passkeys.ts';
import { hashPassphrase } from './passphrase.ts';
import { beginPresence, checkPassphrase, finishPresence, methodsOf } from './presence.ts';
import { makeSignInLink, registerPerson } from './registry.ts';
import { clearedCookie, csrfOf, openSession } from './sessions.ts';
import { allPeople, deleteSession, personById, sessionCleared, setPassphraseHash, useLink } from './store.ts';

type PersonActor = Extract<Actor, { kind: 'person' }>;

function personActor(actor: Actor): PersonActor {
  return actor.kind === 'person' ? actor : refuse('people.sign_in_required');
}

/** A person in a console session. The host's token stands on disk, so it proves nobody's presence and changes nobody's factors. */
function present(actor: Actor): PersonActor & { readonly sessionId: string } {
  const { sessionId, ...rest } = personActor(actor);
  if (rest.by !== 'session' || sessionId === undefined)
    return refuse('people.presence_required', 'sign in to the console');
  return { ...rest, sessionId };
}

async function me(
  control: Control,
  person: Person,
  by: Me['by'],
  sessionId: string | undefined,
): Promise<Me> {
  const { methods, passkeys, hasPassphrase } = await methodsOf(control, person);
  const csrf = sessionId === undefined ? '' : csrfOf(control.keys, sessionId);
  return { person, csrf, by, presenceMethods: methods, passkeys, hasPassphrase };
}

/** Who already has a factor confirms with it before adding another: a borrowed session must not be able to make itself present. */
async function confirmNewFactor(
  control: Control,
  tx: Tx,
  person: Person,
  presence: string | undefined,
): Promise<void> {
  if (presence === undefined)
    return refuse('people.presence_required', 'confirm with a factor that you have');
  await control.presence.consume(tx, person, presence, {
    kind: 'factor',
    id: person.id,
    digest: sha256(`factor:${person.id}`),
  });
}

/**
 * The first factor of a person makes whoever sets it that person. Once others have theirs, only a session counts whose link was cleared: also a link
 * that was made before, or that the start of the product printed, opens no more than a session.
 */
async function refuseFirstFactor(
  control: Control,
  tx: Tx,
  { person, sessionId }: { readonly person: Person; readonly sessionId: string },
): Promise<void> {
  if (isExample(control, person) || !(await isGuarded(control, tx))) return;
  if (!(await sessionCleared(tx, control.config.tenant, sessionId)))
    refuse('people.clearance_required', 'sign in with a link that a person who answers for security cleared');
}

export const peopleRoutes: Handlers<
  | 'people.signIn'
  | 'people.signOut'
  | 'people.me'
  | 'people.list'
  | 'people.add'
  | 'people.link'
  | 'people.setPassphrase'
  | 'people.passkeyOptions'
  | 'people.addPasskey'
  | 'people.beginPresence'
  | 'people.finishPresence'
  | 'clearances.list'
  | 'clearances.ask'
  | 'clearances.show'
  | 'clearances.grant'
> = {
  async 'people.signIn'(control, { body, setHeader }) {
    const { tenant } = control.config;
    const opened = await control.change(async (tx) => {
      const link = await useLink(tx, tenant, sha256(body.token), control.clock.nowMs());
      const person = link === undefined ? undefined : await personById(tx, tenant, link.personId);
      if (link === undefined || person === undefined) return refuse('people.link_invalid');
      const session = await openSession(control, tx, person.id, link.cleared);
      await control.audit.enqueue(tx, 'people.signed_in', { personId: person.id, by: 'link' });
      return { person, ...session };
    });
    setHeader('set-cookie', opened.setCookie);
    return me(control, opened.person, 'session', opened.sessionId);
  },

  async 'people.signOut'(control, { actor, setHeader }) {
    const { sessionId } = personActor(actor);
    if (sessionId !== undefined)
      await control.change((tx) => deleteSession(tx, control.config.tenant, sessionId));
    setHeader('set-cookie', clearedCookie(control.config.controlUrl));
    return { ok: true };
  },

  async 'people.me'(control, { actor }) {
    const { person, by, sessionId } = personActor(actor);
    return me(control, person, by, sessionId);
  },

  async 'people.list'(control) {
    return { items: await allPeople(control.db, control.config.tenant) };
  },

  async 'people.add'(control, { body, actor, headers }) {
    const by = personActor(actor).person;
    return control.change(async (tx) => {
      if (givesPower(body.roles))
        await demandClearance(control, tx, { operation: 'people.add', body, headers, by });
      return registerPerson(control, tx, { ...body, bootstrap: false }, by.id);
    });
  },

  'people.link'(control, { params, actor, headers }) {
    const by = personActor(actor).person;
    return makeSignInLink(control, params.id, {
      by: by.id,
      cleared: async (tx, person) => {
        if (!(await isGuarded(control, tx)) || !(await lacksFactor(control, tx, person))) return false;
        await demandClearance(control, tx, { operation: 'people.link', params, headers, by });
        return true;
      },
    });
  },

  async 'people.setPassphrase'(control, { body, actor }) {
    const acting = present(actor);
    const { person } = acting;
    const { passkeys, hasPassphrase } = await methodsOf(control, person);
    if (hasPassphrase && !(await checkPassphrase(control, person.id, body.current ?? '')))
      refuse('people.presence_invalid');
    const hash = await hashPassphrase(body.passphrase);
    await control.change(async (tx) => {
      const now = await methodsOf(control, person, tx);
      // Somebody else was quicker: what was set meanwhile is not overwritten unconfirmed.
      if (now.hasPassphrase !== hasPassphrase || (now.passkeys > 0 && passkeys === 0))
        refuse('people.presence_required', 'a factor was set meanwhile');
      if (!hasPassphrase && passkeys === 0) await refuseFirstFactor(control, tx, acting);
      if (!hasPassphrase && passkeys > 0) await confirmNewFactor(control, tx, person, body.presence);
      await setPassphraseHash(tx, control.config.tenant, person.id, hash);
      await control.audit.enqueue(tx, 'people.passphrase_set', { personId: person.id });
    });
    return { ok: true };
  },

  async 'people.passkeyOptions'(control, { actor }) {
    return { options: await registrationOptions(control, present(actor).person) };
  },

  async 'people.addPasskey'(control, { body, actor }) {
    const acting = present(actor);
    const { person } = acting;
    await control.change(async (tx) => {
      const { passkeys, hasPassphrase } = await methodsOf(control, person, tx);
      if (passkeys > 0 || hasPassphrase) await confirmNewFactor(control, tx, person, body.presence);
      else await refuseFirstFactor(control, tx, acting);
      await addPasskey(control, tx, person, body.response);
      await control.audit.enqueue(tx, 'people.passkey_added', { personId: person.id });
    });
    return { ok: true };
  },

  'people.beginPresence': (control, { body, actor }) =>
    beginPresence(control, present(actor).person, body.subject),

  'people.finishPresence': (control, { params, body, actor }) =>
    finishPresence(control, present(actor).person, params.id, body),

  'clearances.list': (control) => listClearances(control),

  'clearances.ask': (control, { body, actor }) => askClearance(control, personActor(actor).person, body),

  'clearances.show': (control, { params }) => showClearance(control, params.id),

  'clearances.grant': (control, { params, body, actor }) =>
    grantClearanceOf(control, params.id, present(actor).person, body),
};
