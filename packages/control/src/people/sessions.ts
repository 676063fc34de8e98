/**
 * Room: people. Console sessions: a random id in an HttpOnly cookie whose hash is stored, with an idle and an absolute bound, beside a token
 * for the page (sent back in a header) that a foreign page cannot read.
 */
import { sha256 } from '@atf/core/digest';
import { csrfHeader, type Person, sessionCookie } from '@atf/core/wire/api';
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Control, Keys, Tx } from '../context.ts';
import { insertSession, sessionRow, touchSession } from './store.ts';

export const sessionIdleMs = 2 * 3_600_000;
export const sessionLifeMs = 12 * 3_600_000;
const sessionsPerPersonMax = 20;
/** Use is written down at most this often, so that reading does not write. */
const touchEveryMs = 60_000;
const idBytes = 32;
const cookieBytesMax = 8_192;

/** The page's token of a session; derived, so that it needs no place of its own. */
export function csrfOf(keys: Keys, sessionId: string): string {
  return createHmac('sha256', keys.secret('session').key).update(`csrf:${sessionId}`).digest('base64url');
}

function equal(given: string, wanted: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(given)), Buffer.from(sha256(wanted)));
}

export function csrfMatches(
  keys: Keys,
  sessionId: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): boolean {
  const given = headers[csrfHeader];
  return typeof given === 'string' && equal(given, csrfOf(keys, sessionId));
}

/** Value of the session cookie in a Cookie header (RFC 6265 §5.4); undefined: none, or more than one. */
export function cookieOf(header: string | undefined): string | undefined {
  if (header === undefined || header.length > cookieBytesMax) return undefined;
  const found = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${sessionCookie}=`));
  // Two cookies of this name: one was planted, by a sibling port or path. Neither counts.
  return found.length === 1 ? found[0]?.slice(sessionCookie.length + 1) : undefined;
}

function cookie(controlUrl: string, value: string, maxAgeSeconds: number): string {
  const secure = controlUrl.startsWith('https:') ? '; Secure' : '';
  return `${sessionCookie}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${secure}`;
}

export function clearedCookie(controlUrl: string): string {
  return cookie(controlUrl, '', 0);
}

/** Opens a session in this transaction (`cleared`: its link was); gives the cookie to set and the session's id (the stored hash). */
export async function openSession(
  control: Control,
  tx: Tx,
  personId: string,
  cleared: boolean,
): Promise<{ setCookie: string; sessionId: string }> {
  const value = randomBytes(idBytes).toString('base64url');
  const sessionId = sha256(value);
  const nowMs = control.clock.nowMs();
  const { tenant, controlUrl } = control.config;
  await insertSession(
    tx,
    {
      tenant,
      id_hash: sessionId,
      person_id: personId,
      created_at: nowMs,
      last_seen_at: nowMs,
      cleared,
      expires_at: nowMs + sessionLifeMs,
    },
    sessionsPerPersonMax,
  );
  return { setCookie: cookie(controlUrl, value, sessionLifeMs / 1_000), sessionId };
}

/** The person behind a session cookie; undefined: unknown, idle too long, or over. */
export async function sessionOf(
  control: Control,
  value: string,
): Promise<{ person: Person; sessionId: string } | undefined> {
  const sessionId = sha256(value);
  const { tenant } = control.config;
  const row = await sessionRow(control.db, tenant, sessionId);
  const nowMs = control.clock.nowMs();
  if (row === undefined || row.expiresAt <= nowMs || row.lastSeenAt + sessionIdleMs <= nowMs)
    return undefined;
  if (nowMs - row.lastSeenAt >= touchEveryMs)
    await control.change((tx) => touchSession(tx, tenant, sessionId, nowMs));
  return { person: row.person, sessionId };
}
