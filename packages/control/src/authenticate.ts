/**
 * Who calls, decided before a body is read (I-2, I-3): a person by console session or by the host operator's token, a gateway or an instance
 * by a fresh proof, a host application by its credential. Failures are counted per address. Roles and presence are checked by `server.ts` from the route's own data.
 */
import { problemOf, RefusalError, refuse } from '@atf/core/errors';
import type { Person, RouteAuth } from '@atf/core/wire/api';
import type { IncomingMessage } from 'node:http';
import { hostAllowed, originAllowed } from './addresses.ts';
import type { Actor, Control } from './context.ts';
import type { FailedAuthentications } from './failed-authentications.ts';
import { claimedThumbprint } from './identity-proof.ts';
import { hostOf } from './identity/hosts.ts';
import type { KnownKeys } from './known-keys.ts';
import { isOperatorToken } from './people/operator-token.ts';
import { clearedCookie, cookieOf, csrfMatches, sessionOf } from './people/sessions.ts';
import { gatewayOf, instanceKeyOf } from './proofs.ts';

export interface Gatekeeper {
  readonly control: Control;
  readonly failures: FailedAuthentications;
  /** Keys of instances, which strangers on their address do not hold up. */
  readonly known: KnownKeys;
  readonly operatorToken: string;
  /** The person behind the operator's token. */
  hostOperator(): Promise<Person>;
}

const bearerPattern = /^Bearer ([A-Za-z0-9_-]{1,200})$/i;
const unsafeMethods: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Threat: DNS rebinding. A page that rebound its own name to this machine sends that name as Host. */
export function checkHost(control: Control, host: string | undefined): void {
  if (!hostAllowed(control.config, host))
    refuse('people.origin_refused', 'the Host header names another site');
}

/** Threat: cross-site requests. Browsers say where a request comes from; other clients send neither header. */
export function checkOrigin(control: Control, headers: IncomingMessage['headers']): void {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined && !originAllowed(control.config.controlUrl, origin))
    refuse('people.origin_refused');
  if (typeof site === 'string' && site !== 'same-origin' && site !== 'none') refuse('people.origin_refused');
}

async function person(
  keeper: Gatekeeper,
  method: string,
  headers: IncomingMessage['headers'],
): Promise<Actor> {
  const { control } = keeper;
  const bearer = bearerPattern.exec(headers.authorization ?? '')?.[1];
  if (headers.authorization !== undefined) {
    if (bearer === undefined || !isOperatorToken(bearer, keeper.operatorToken))
      return refuse('identity.credential_invalid');
    return { kind: 'person', person: await keeper.hostOperator(), by: 'token', sessionId: undefined };
  }
  const value = cookieOf(headers.cookie);
  if (value === undefined) return refuse('people.sign_in_required');
  const session = await sessionOf(control, value);
  if (session === undefined) return refuse('people.sign_in_required', 'the session is over');
  if (unsafeMethods.has(method) && !csrfMatches(control.keys, session.sessionId, headers)) {
    return refuse('people.origin_refused', 'the token of the page is missing');
  }
  return { kind: 'person', person: session.person, by: 'session', sessionId: session.sessionId };
}

/** Whether the caller sent anything that could be a credential for this kind of route: only then a failure counts. */
function presented(auth: RouteAuth, headers: IncomingMessage['headers']): boolean {
  if (auth === 'instance') return headers.dpop !== undefined;
  return headers.authorization !== undefined || (auth === 'person' && headers.cookie !== undefined);
}

async function verify(
  keeper: Gatekeeper,
  auth: RouteAuth,
  request: IncomingMessage,
  path: string,
): Promise<Actor> {
  const method = request.method ?? 'GET';
  if (auth === 'person') return person(keeper, method, request.headers);
  if (auth === 'host') {
    const bearer = bearerPattern.exec(request.headers.authorization ?? '')?.[1];
    return { kind: 'host', hostId: await hostOf(keeper.control, bearer) };
  }
  if (auth === 'gateway') return gatewayOf(keeper.control, request, method, path);
  // The instance's id stands in the body; the server completes it when the body has been read.
  if (auth === 'instance')
    return {
      kind: 'instance',
      instanceId: '',
      jkt: (await instanceKeyOf(keeper.control, request.headers, method, path)).jkt,
    };
  return { kind: 'public' };
}

/**
 * The actor of a request. `path` without query. Refuses what its kind of credential refuses, and `identity.proof_flood` when too many of this
 * address failed lately (a valid credential of a person counts all the same). Host and origin are checked before.
 */
export async function authenticate(
  keeper: Gatekeeper,
  auth: RouteAuth,
  request: IncomingMessage,
  path: string,
): Promise<Actor> {
  const { control, failures, known } = keeper;
  const address = request.socket.remoteAddress ?? 'unknown';
  const nowMs = control.clock.nowMs();
  const counts = presented(auth, request.headers);
  const waitMs = counts ? failures.waitMs(address, auth, nowMs) : 0;
  const flood = () => refuse('identity.proof_flood', undefined, { retryAfterMs: waitMs });
  // A person's credential is compared, not verified by signature, so it is always looked at: else any process that shares the
  // operator's address could hold up the kill switch with rubbish.
  const looked =
    waitMs === 0 ||
    auth === 'person' ||
    (auth === 'instance' && known.mayLook(claimedThumbprint(request.headers.dpop), nowMs));
  if (!looked) return flood();
  try {
    const actor = await verify(keeper, auth, request, path);
    if (actor.kind === 'instance') known.remember(actor.jkt);
    return actor;
  } catch (fault) {
    if (counts && fault instanceof RefusalError && problemOf(fault.refusal).status === 401) {
      failures.failed(address, auth, nowMs);
      if (waitMs > 0) return flood();
    }
    throw fault;
  }
}

/** A cookie that no longer counts is taken back, so that the browser does not fail with it again and again. */
export function cookieToClear(
  control: Control,
  headers: IncomingMessage['headers'],
  fault: unknown,
): string | undefined {
  const over = fault instanceof RefusalError && fault.refusal.code === 'people.sign_in_required';
  return over && headers.cookie !== undefined ? clearedCookie(control.config.controlUrl) : undefined;
}
