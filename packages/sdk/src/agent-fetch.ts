/**
 * A `fetch` for agents (I-2): every request carries the access token and a DPoP proof of its own, and the token is renewed before
 * it expires. Hand it to any MCP SDK transport as `fetch`; nothing else in the agent changes.
 *
 * Deliberately not here: retries of calls. What is repeated was refused unread: a request whose token had expired or counts no more, one
 * that came to the gateway before the news of the enrolment did, and what came while the gateway had not heard from control, where it answers itself: a message of MCP
 * (none that runs a tool is refused so; a host whose first message fails gives the server up for good), and a program's question whether it may act.
 */
import { actionRoutes } from '@atf/core/wire/action';
import type { Credential } from '@atf/core/wire/api';
import { type AgentKey, dpopProof } from './agent-key.ts';

/** Renewal begins this long before expiry, or at a quarter of the remaining life of short tokens. */
export const renewBeforeMsMax = 60_000;

/** News of a fresh credential reach the gateway by its feed, a moment after the agent has it. */
export const settleMs = 3_000;
const settlePauseMs = 50;
const settlePauseMsMax = 400;

/** A gateway that lost touch with control for a moment, or has just started, serves again within this, or it will take longer. */
export const unheardMs = 5_000;

/** Of a token that control would replace: `credential_invalid` is also said of one from before the clocks were set back. */
const renewedFor: ReadonlySet<string> = new Set([
  'identity.credential_expired',
  'identity.credential_invalid',
]);

export interface AgentFetchOptions {
  readonly credential: Credential;
  /** Absent only for bearer credentials. */
  readonly key?: AgentKey;
  /** Gets a new credential, usually `renewCredential` through `instances.token`. Called by one request at a time. */
  readonly renew?: (current: Credential) => Promise<Credential>;
  /**
   * Origins besides the gateway's to which the token may go: services behind a proxy that asks the gateway (Envoy ext_authz). Only with a key: a plain bearer
   * token would be worth something to whoever sees it.
   */
  readonly origins?: readonly string[];
  /** The fetch underneath. */
  readonly fetch?: typeof globalThis.fetch;
  /** Unix milliseconds. */
  readonly nowMs?: () => number;
  /** Resolves after that many milliseconds. */
  readonly pause?: (ms: number) => Promise<void>;
}

export interface AgentFetch {
  (input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** The credential in use now. */
  readonly credential: () => Credential;
}

/**
 * Makes the fetch. It refuses to send the token anywhere but to the gateway that the credential names: a redirect or a wrong
 * address must not leak it. @throws TypeError for another origin; whatever `renew` throws once the token has expired
 */
export function agentFetch(options: AgentFetchOptions): AgentFetch {
  const nowMs = options.nowMs ?? Date.now;
  const send = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const pause = options.pause ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  const holder = new CredentialHolder(options, nowMs);
  const others = new Set((options.origins ?? []).map((each) => new URL(each).origin));
  if (others.size > 0 && options.credential.tokenType !== 'DPoP')
    throw new TypeError('a plain bearer token goes to the gateway only');
  if (options.credential.tokenType === 'DPoP' && options.key === undefined) {
    throw new TypeError('a DPoP credential needs the key that it is bound to');
  }

  const attempt = async (
    request: { url: string; method: string; headers: Headers; init: RequestInit },
    credential: Credential,
  ) => {
    const headers = new Headers(request.headers);
    headers.set('authorization', `${credential.tokenType} ${credential.token}`);
    if (credential.tokenType === 'DPoP' && options.key !== undefined) {
      const { method, url } = request;
      headers.set(
        'dpop',
        await dpopProof(options.key, { method, url, accessToken: credential.token, nowMs: nowMs() }),
      );
    }
    return send(request.url, { ...request.init, method: request.method, headers, redirect: 'error' });
  };

  const fetchAsAgent = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const request = requestOf(input, init);
    const credential = await holder.fresh();
    const { origin, pathname } = new URL(request.url);
    const isOfGateway = pathname.startsWith('/mcp/') || pathname === actionRoutes['actions.request'].path;
    if (origin !== new URL(credential.gatewayUrl).origin && !others.has(origin)) {
      throw new TypeError('this fetch sends its token only to the gateway that the credential names');
    }
    const repeatable = isRepeatable(request.init.body);
    const begunMs = nowMs();
    for (let pauseMs = settlePauseMs; ; pauseMs = Math.min(pauseMs * 2, settlePauseMsMax)) {
      const response = await attempt(request, credential);
      const code = repeatable ? await codeOf(response) : undefined;
      if (code !== undefined && renewedFor.has(code)) {
        const renewed = await holder.renewed(credential);
        return renewed === credential ? response : attempt(request, renewed);
      }
      const unsettled = code === 'identity.instance_unknown' && nowMs() - holder.obtainedAtMs <= settleMs;
      // Calls of tools are answered by results in MCP, and a question runs nothing; at other doors what was cut half-way, or a service itself, may say the same.
      const unheard = code === 'containment.feed_stale' && isOfGateway && nowMs() - begunMs <= unheardMs;
      if (!unsettled && !unheard) return response;
      await pause(pauseMs);
      request.init.signal?.throwIfAborted();
    }
  };
  return Object.assign(fetchAsAgent, { credential: () => holder.current });
}

/** Holds the newest credential; renewals are single-flight. */
class CredentialHolder {
  current: Credential;
  obtainedAtMs: number;
  private renewing: Promise<Credential> | undefined;
  private renewAtMs: number;
  private readonly renew: ((current: Credential) => Promise<Credential>) | undefined;
  private readonly nowMs: () => number;

  constructor(options: AgentFetchOptions, nowMs: () => number) {
    this.current = options.credential;
    this.renew = options.renew;
    this.nowMs = nowMs;
    this.obtainedAtMs = nowMs();
    this.renewAtMs = this.renewalTime();
  }

  /** The credential to use now. Near expiry it is renewed first; a failed renewal is an error only once the token has expired. */
  async fresh(): Promise<Credential> {
    if (this.nowMs() < this.renewAtMs) return this.current;
    try {
      return await this.renewed(this.current);
    } catch (error) {
      if (this.nowMs() >= Date.parse(this.current.expiresAt)) throw error;
      return this.current;
    }
  }

  /** A newer credential than `used`, from a renewal under way, one that has just finished, or a new one. */
  async renewed(used: Credential): Promise<Credential> {
    if (this.current !== used || this.renew === undefined) return this.current;
    this.renewing ??= this.renew(used)
      .then((credential) => {
        this.current = credential;
        this.obtainedAtMs = this.nowMs();
        this.renewAtMs = this.renewalTime();
        return credential;
      })
      .finally(() => {
        this.renewing = undefined;
      });
    return this.renewing;
  }

  private renewalTime(): number {
    const expiresMs = Date.parse(this.current.expiresAt);
    return expiresMs - Math.min(renewBeforeMsMax, Math.max(0, expiresMs - this.nowMs()) / 4);
  }
}

function requestOf(input: string | URL | Request, init: RequestInit) {
  if (!(input instanceof Request)) {
    return {
      url: String(input),
      method: (init.method ?? 'GET').toUpperCase(),
      headers: new Headers(init.headers),
      init,
    };
  }
  const headers = new Headers(init.headers ?? input.headers);
  const body = init.body ?? input.body;
  const merged: RequestInit = {
    ...init,
    signal: init.signal ?? input.signal,
    ...(body === null ? {} : { body, duplex: 'half' }),
  };
  return { url: input.url, method: (init.method ?? input.method).toUpperCase(), headers, init: merged };
}

/** Streams are consumed by the first attempt; text and bytes can be sent again. */
function isRepeatable(body: RequestInit['body']): boolean {
  return body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array;
}

const refusalBytesMax = 16_384;

/** Code of the catalogue in a refusal of what nobody has read; it is a whole word in the body, whichever protocol wraps it. */
async function codeOf(response: Response): Promise<string | undefined> {
  if (response.status !== 401 && response.status !== 503) return undefined;
  const length = Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY);
  if (length > refusalBytesMax) return undefined;
  const body = await response.clone().text();
  if (response.status === 401) return /"code":"(identity\.[a-z_]+)"/.exec(body)?.[1];
  return /"code":"(containment\.feed_stale)"/.exec(body)?.[1];
}
