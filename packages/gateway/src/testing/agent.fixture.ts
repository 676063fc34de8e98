/** An agent for tests: an instance with its own key, tokens minted by a given issuer, and a `fetch` that proves possession. */
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { signAccessToken } from '@atf/core/identity/access-token';
import { base64url } from '@atf/core/identity/base64url';
import { type P256PublicJwk, signingInput } from '@atf/core/identity/compact-jws';
import { jwkThumbprint } from '@atf/core/identity/dpop';
import type { FeedDoc } from '@atf/core/wire/feed';
import { type AccessTokenClaims, spiffeId } from '@atf/core/wire/token';
import { issuer, manifestDigest, tenant, trustDomain } from './documents.fixture.ts';

interface KeyPair {
  readonly privateKey: KeyObject;
  readonly jwk: P256PublicJwk;
}

export function newKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' });
  return { privateKey, jwk: { kty: 'EC', crv: 'P-256', x: x as string, y: y as string } };
}

export const es256 = (key: KeyObject, data: Uint8Array): Uint8Array =>
  sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });

/** What signs tokens in place of control. */
export class TokenIssuer {
  readonly pair = newKeyPair();
  readonly kid = 'token-key-1';
  /** The gateway that tokens are for; set once its port is known. */
  audience = 'http://gateway.test';

  jwks(): FeedDoc<'jwks'> {
    return { keys: [{ kid: this.kid, ...this.pair.jwk }] };
  }

  mint(claims: AccessTokenClaims): string {
    return signAccessToken(claims, this.kid, (data) => ({
      kid: this.kid,
      signature: es256(this.pair.privateKey, data),
    }));
  }
}

export interface AgentOptions {
  readonly issuer: TokenIssuer;
  readonly agentId: string;
  readonly instanceId: string;
  readonly nowMs?: number;
  readonly claims?: Partial<AccessTokenClaims>;
  /** A plain bearer token without a key. */
  readonly bearer?: boolean;
}

export class TestAgent {
  readonly pair = newKeyPair();
  readonly sid = randomUUID();
  readonly options: AgentOptions;
  #token: string | undefined;

  constructor(options: AgentOptions) {
    this.options = options;
  }

  /** Minted when it is first needed. */
  get token(): string {
    this.#token ??= this.mint();
    return this.#token;
  }
  set token(token: string) {
    this.#token = token;
  }

  get jkt(): string {
    return jwkThumbprint(this.pair.jwk);
  }

  mint(claims: Partial<AccessTokenClaims> = {}): string {
    const { agentId, instanceId, nowMs = Date.now(), bearer } = this.options;
    const iat = Math.floor(nowMs / 1000);
    return this.options.issuer.mint({
      iss: issuer,
      sub: spiffeId(trustDomain, agentId, instanceId),
      aud: this.options.issuer.audience,
      iat,
      exp: iat + 600,
      jti: randomUUID(),
      tenant,
      agent: agentId,
      inst: instanceId,
      sid: this.sid,
      ver: manifestDigest,
      cep: 1,
      assurance: 'claimed',
      ...(bearer === true ? {} : { cnf: { jkt: this.jkt } }),
      ...this.options.claims,
      ...claims,
    });
  }

  proof(url: string, more: Record<string, unknown> = {}, pair: KeyPair = this.pair): string {
    const iat = Math.floor((this.options.nowMs ?? Date.now()) / 1000);
    const claims = { htm: 'POST', htu: url, iat, jti: randomUUID(), ath: sha256(this.token), ...more };
    const input = signingInput({ alg: 'ES256', typ: 'dpop+jwt', jwk: { ...pair.jwk } }, claims);
    return `${input}.${base64url(es256(pair.privateKey, Buffer.from(input)))}`;
  }

  headers(url: string): Record<string, string> {
    if (this.options.bearer === true) return { authorization: `Bearer ${this.token}` };
    return { authorization: `DPoP ${this.token}`, dpop: this.proof(url) };
  }

  /** A `fetch` for MCP clients. */
  readonly fetch = async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(this.headers(String(url)))) headers.set(name, value);
    return await fetch(url, { ...init, headers });
  };

  /**
   * One `tools/call`; sent again when it was refused because the feed is stale, as the refusal says: on a busy machine a lease runs out
   * now and then. What was dispatched is never sent again.
   */
  async call(url: string, name: string, args: object, more: CallMore = {}): Promise<CallSeen> {
    for (let attempt = 1; ; attempt++) {
      const seen = await this.callOnce(url, name, args, more);
      const { code, outcome } = seen.atf;
      if (attempt === attemptsMax || code !== 'containment.feed_stale' || outcome === 'unknown') return seen;
      await new Promise((next) => setTimeout(next, 100));
    }
  }

  /** One `tools/call` of the 2025-11-25 era as a plain request. */
  async callOnce(url: string, name: string, args: object, more: CallMore = {}): Promise<CallSeen> {
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: more.id ?? randomUUID(),
      method: 'tools/call',
      params: { name, arguments: args },
    });
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    };
    const response = await this.fetch(url, {
      method: 'POST',
      headers,
      body,
      ...(more.signal === undefined ? {} : { signal: more.signal }),
    });
    const answer = (await response.json()) as Answer;
    const atf = answer.result?._meta?.atf ?? answer.error?.data ?? {};
    return {
      status: response.status,
      text: answer.result?.content?.[0]?.text ?? answer.error?.message ?? '',
      isError: answer.result?.isError === true,
      atf,
      answer,
    };
  }
}

const attemptsMax = 30;

interface CallMore {
  readonly signal?: AbortSignal;
  readonly id?: number | string;
}

interface Answer {
  readonly result?: {
    readonly content?: readonly { readonly text?: string }[];
    readonly structuredContent?: Record<string, unknown>;
    readonly isError?: boolean;
    readonly tools?: readonly { readonly name: string }[];
    readonly _meta?: { readonly atf?: AtfFacts };
  };
  readonly error?: { readonly code: number; readonly message: string; readonly data?: AtfFacts };
}

export interface AtfFacts {
  readonly code?: string;
  readonly outcome?: string;
  readonly actionId?: string;
  readonly approvalId?: string;
  readonly detail?: string;
}

export interface CallSeen {
  readonly status: number;
  readonly text: string;
  readonly isError: boolean;
  readonly atf: AtfFacts;
  readonly answer: Answer;
}
