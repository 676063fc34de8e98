/**
 * Room: people. Fresh presence of a person for one decision: begun for a subject with the digest of what was shown, confirmed with a
 * passkey, a passphrase or (for bootstrap people of the example workspace only) simulated, and consumed once in the transaction
 * of the decision.
 */
import { sha256 } from '@atf/core/digest';
import { refuse } from '@atf/core/errors';
import type { Person, PresenceSubject } from '@atf/core/wire/api';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Control, Db, Presence, Tx } from '../context.ts';
import {
  clearAttempts,
  confirmPresence,
  countAttempt,
  insertPresence,
  type PresenceRow,
  passkeysOf,
  presenceRow,
  usePresence,
} from './factor-store.ts';
import { passkeyMatches, presenceOptions } from './passkeys.ts';
import { passphraseMatches } from './passphrase.ts';
import { personRow } from './store.ts';

/** From the beginning to the confirmation. */
export const confirmWithinMs = 180_000;
/** From the confirmation to the decision. */
export const presenceLifeMs = 60_000;
export const attemptsMax = 5;
export const attemptWindowMs = 60_000;
const openMax = 20;
const tokenBytes = 32;

export type PresenceMethod = 'passkey' | 'passphrase' | 'simulated';

/** How this person can confirm presence now. */
export async function methodsOf(
  control: Control,
  person: Person,
  db: Db | Tx = control.db,
): Promise<{ methods: PresenceMethod[]; passkeys: number; hasPassphrase: boolean }> {
  const { tenant, example } = control.config;
  const row = await personRow(db, tenant, person.id);
  const passkeys = await passkeysOf(db, tenant, person.id);
  const hasPassphrase = row !== undefined && row.passphrase !== null;
  const methods: PresenceMethod[] = [];
  if (passkeys.length > 0) methods.push('passkey');
  if (hasPassphrase) methods.push('passphrase');
  if (example && person.bootstrap) methods.push('simulated');
  return { methods, passkeys: passkeys.length, hasPassphrase };
}

export async function beginPresence(
  control: Control,
  person: Person,
  subject: PresenceSubject,
): Promise<{ presenceId: string; methods: PresenceMethod[]; passkeyOptions?: unknown }> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const presenceId = randomUUID();
  const challenge = randomBytes(tokenBytes).toString('base64url');
  await control.change(async (tx) => {
    const row: PresenceRow = {
      tenant,
      id: presenceId,
      person_id: person.id,
      subject_kind: subject.kind,
      subject_id: subject.id,
      subject_digest: subject.digest,
      challenge,
      token_hash: null,
      method: null,
      expires_at: nowMs + confirmWithinMs,
      used_at: null,
    };
    if (!(await insertPresence(tx, row, nowMs, openMax)))
      refuse('people.presence_throttled', 'too many confirmations are open');
  });
  const { methods } = await methodsOf(control, person);
  if (!methods.includes('passkey')) return { presenceId, methods };
  const passkeyOptions = await presenceOptions(
    control,
    await passkeysOf(control.db, tenant, person.id),
    challenge,
  );
  return { presenceId, methods, passkeyOptions };
}

/** Counts an attempt before it is checked, so that attempts at the same time are bounded too. Refuses `people.presence_throttled`. */
async function admitAttempt(control: Control, personId: string): Promise<void> {
  const { tenant } = control.config;
  const nowMs = control.clock.nowMs();
  const { count, windowStart } = await control.change((tx) =>
    countAttempt(tx, tenant, personId, nowMs, attemptWindowMs),
  );
  if (count > attemptsMax) {
    refuse('people.presence_throttled', undefined, {
      retryAfterMs: Math.max(1, windowStart + attemptWindowMs - nowMs),
    });
  }
}

/** Checks a passphrase of this person under the throttle. Refuses `people.presence_throttled`. */
export async function checkPassphrase(
  control: Control,
  personId: string,
  passphrase: string,
): Promise<boolean> {
  await admitAttempt(control, personId);
  const { tenant } = control.config;
  const row = await personRow(control.db, tenant, personId);
  const matches = await passphraseMatches(row?.passphrase ?? null, passphrase);
  if (matches) await control.change((tx) => clearAttempts(tx, tenant, personId));
  return matches;
}

export interface Confirmation {
  readonly method: PresenceMethod;
  readonly passphrase?: string | undefined;
  readonly response?: unknown;
}

async function confirmed(
  control: Control,
  tx: Tx,
  person: Person,
  row: PresenceRow,
  given: Confirmation,
): Promise<boolean> {
  if (given.method === 'passkey')
    return passkeyMatches(control, tx, person.id, row.challenge, given.response);
  if (given.method === 'simulated') return control.config.example && person.bootstrap;
  return true;
}

/** Confirms presence; gives the token for the decision. Refuses `people.presence_invalid`, `people.presence_throttled`. */
export async function finishPresence(
  control: Control,
  person: Person,
  presenceId: string,
  given: Confirmation,
): Promise<{ presence: string; expiresAt: string }> {
  const { tenant } = control.config;
  if (given.method === 'passphrase' && !(await checkPassphrase(control, person.id, given.passphrase ?? ''))) {
    return refuse('people.presence_invalid');
  }
  if (given.method === 'passkey') await admitAttempt(control, person.id);
  const token = randomBytes(tokenBytes).toString('base64url');
  return control.change(async (tx) => {
    const nowMs = control.clock.nowMs();
    const row = await presenceRow(tx, tenant, presenceId);
    if (row === undefined || row.person_id !== person.id) return refuse('people.presence_invalid');
    if (!(await confirmed(control, tx, person, row, given))) return refuse('people.presence_invalid');
    const expiresAt = nowMs + presenceLifeMs;
    const done = await confirmPresence(tx, {
      tenant,
      id: presenceId,
      tokenHash: sha256(token),
      method: given.method,
      nowMs,
      expiresAt,
    });
    if (!done) return refuse('people.presence_invalid');
    if (given.method === 'passkey') await clearAttempts(tx, tenant, person.id);
    await control.audit.enqueue(tx, 'people.presence_confirmed', {
      personId: person.id,
      method: given.method,
      subjectKind: row.subject_kind,
      subjectId: row.subject_id,
      subjectDigest: row.subject_digest,
    });
    return { presence: token, expiresAt: new Date(expiresAt).toISOString() };
  });
}

/** `presence` of {@link Control}. */
export function presenceOf(tenant: string, nowMs: () => number): Presence {
  return {
    async consume(tx, person, token, subject) {
      const method = await usePresence(tx, tenant, person.id, sha256(token), subject, nowMs());
      if (method === 'passkey' || method === 'passphrase' || method === 'simulated') return { method };
      return refuse('people.presence_invalid');
    },
  };
}
