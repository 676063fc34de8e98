/**
 * Room: identity (I-1, I-2, R-3), step 1 of the pipeline. Verifies the credential at the edge: token, proof of possession, binding of
 * both, replay. Whether agent, instance, session and epochs still count is decided in `decide()`, from the snapshot.
 *
 * A verified token is remembered by its digest; a hit checks again whatever may have changed since: expiry, keys and issuer
 * (generation), epoch, binding. Replay is keyed on `jti`, never on the raw proof, which has many spellings.
 */
import type { KeyObject } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { type Refusal, refusal } from '@atf/core/errors';
import { isAudience, verifyAccessToken } from '@atf/core/identity/access-token';
import { dpopReplayMs, verifyDpopProof } from '@atf/core/identity/dpop';
import { lookAtRate } from '@atf/core/segmentation/rate';
import type { AccessTokenClaims } from '@atf/core/wire/token';
import type { CredentialFacts } from '@atf/core/world';
import type { RawRequest } from './protocols/protocol.ts';
import type { ClockPort, SnapshotPort } from './ports.ts';

export const verifiedTokensMax = 20_000;
export const proofKeysMax = 20_000;
export const replayEntriesMax = 500_000;
const replayBucketMs = 10_000;
/** Failed credentials of one source before it is turned away unread; they refill evenly. */
export const failuresRate = { max: 120, perSeconds: 60 } as const;
const failureSourcesMax = 50_000;
/** Tokens of sources that are turned away whose signature is looked at all the same, over all sources. */
export const secondLooksRate = { max: 200, perSeconds: 1 } as const;

/** A map that drops its oldest entry when it is full. */
class BoundedMap<V> {
  readonly #map = new Map<string, V>();
  readonly #max: number;
  constructor(max: number) {
    this.#max = max;
  }
  get(key: string): V | undefined {
    return this.#map.get(key);
  }
  set(key: string, value: V): void {
    const [oldest] = this.#map.keys();
    if (!this.#map.has(key) && this.#map.size >= this.#max && oldest !== undefined) this.#map.delete(oldest);
    this.#map.set(key, value);
  }
  delete(key: string): void {
    this.#map.delete(key);
  }
}

interface Bucket {
  readonly keys: Set<string>;
  /** Of the monotonic clock. */
  lastMs: number;
}

/**
 * Proofs already seen, in buckets of time that are dropped whole: once they have lapsed by both clocks, because a wall clock that was set forwards may be set
 * back. Full: no proof is taken, because replay could not be seen.
 */
export class ReplayCache {
  readonly #buckets = new Map<number, Bucket>();
  readonly #entriesMax: number;
  #size = 0;

  constructor(entriesMax = replayEntriesMax) {
    this.#entriesMax = entriesMax;
  }

  take(key: string, { nowMs, monotonicMs }: Now): 'new' | 'replayed' | 'full' {
    const current = Math.floor(nowMs / replayBucketMs);
    const oldest = Math.floor((nowMs - dpopReplayMs) / replayBucketMs);
    for (const [bucket, { keys, lastMs }] of this.#buckets) {
      if (bucket < oldest && monotonicMs - lastMs > dpopReplayMs) {
        this.#size -= keys.size;
        this.#buckets.delete(bucket);
      } else if (keys.has(key)) return 'replayed';
    }
    if (this.#size >= this.#entriesMax) return 'full';
    const bucket = this.#buckets.get(current) ?? { keys: new Set<string>(), lastMs: monotonicMs };
    bucket.keys.add(key);
    bucket.lastMs = monotonicMs;
    this.#buckets.set(current, bucket);
    this.#size++;
    return 'new';
  }
}

/** By the wall clock, and by the one that is never set. */
export interface Now {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

export type Authenticated =
  | { readonly ok: true; readonly credential: CredentialFacts }
  | { readonly ok: false; readonly refusal: Refusal };

const no = (code: Refusal['code'], detail?: string): Authenticated => ({
  ok: false,
  refusal: refusal(code, detail),
});

interface Asked {
  readonly method: string;
  /** Path at this gateway: what the token must be for. */
  readonly url: string;
  /** What the proof must name. */
  readonly at: string;
}

interface Verified {
  readonly claims: AccessTokenClaims;
  readonly generation: number;
  /** When its time is over by the monotonic clock; 0: it was seen to be over. A clock that is set back prolongs nothing. */
  readonly untilMs: number;
}

export class Authenticator {
  readonly #clock: ClockPort;
  readonly #snapshot: SnapshotPort;
  readonly #publicUrl: () => string;
  readonly #tokens = new BoundedMap<Verified>(verifiedTokensMax);
  readonly #proofKeys = new BoundedMap<KeyObject>(proofKeysMax);
  readonly #failures = new BoundedMap<number>(failureSourcesMax);
  readonly #replay: ReplayCache;
  /** When it started: what was used before a crash is not known any more. */
  readonly #started: Now;
  #secondLooks: number | undefined;

  constructor(input: {
    readonly clock: ClockPort;
    readonly snapshot: SnapshotPort;
    readonly publicUrl: () => string;
    readonly replay?: ReplayCache;
  }) {
    this.#clock = input.clock;
    this.#started = { nowMs: input.clock.nowMs(), monotonicMs: input.clock.monotonicMs() };
    this.#snapshot = input.snapshot;
    this.#publicUrl = input.publicUrl;
    this.#replay = input.replay ?? new ReplayCache();
  }

  /** `source`: the address of the peer. `at`: the whole address that the caller has sent its request to, where that is not one of this gateway. */
  authenticate(
    { headers, method, url }: Pick<RawRequest, 'headers' | 'method' | 'url'>,
    source: string,
    at?: string,
  ): Authenticated {
    const { authorization, dpop } = headers;
    if (typeof authorization !== 'string') return no('identity.credential_missing');
    const [, scheme = '', token = ''] =
      /^(DPoP|Bearer) ([A-Za-z0-9._~+/-]{20,4096})$/i.exec(authorization) ?? [];
    if (token === '') return no('identity.credential_invalid', 'The scheme is DPoP or Bearer.');
    const digest = sha256(token);
    // Whoever holds a token that was verified is throttled by it, so that strangers on the same address cannot lock them out.
    const held = this.#tokens.get(digest) !== undefined;
    const blamed = held ? `with ${digest}` : `from ${source}`;
    const spent = lookAtRate(this.#failures.get(blamed), this.#clock.monotonicMs(), failuresRate);
    if (!spent.ok && (held || !this.#isGoodToken(token, digest)))
      return {
        ok: false,
        refusal: refusal('identity.proof_flood', undefined, { retryAfterMs: spent.retryAfterMs }),
      };
    const verdict = this.#verify(
      token,
      digest,
      scheme.toLowerCase() === 'dpop' ? dpop : undefined,
      scheme.toLowerCase(),
      { method, url, at: at ?? `${this.#publicUrl()}${url}` },
    );
    if (!verdict.ok) this.#failures.set(blamed, spent.nextMs);
    return verdict;
  }

  /**
   * Whether control signed this token: asked for those who share their address with a flood, because tokens are renewed all the time and
   * a new one is not known yet. Bounded over all sources, so that the flood gains no work by it.
   */
  #isGoodToken(token: string, digest: string): boolean {
    const look = lookAtRate(this.#secondLooks, this.#clock.monotonicMs(), secondLooksRate);
    if (!look.ok) return false;
    this.#secondLooks = look.nextMs;
    return !('code' in this.#claims(token, digest));
  }

  #verify(
    token: string,
    digest: string,
    proof: string | readonly string[] | undefined,
    scheme: string,
    request: Asked,
  ): Authenticated {
    const claims = this.#claims(token, digest);
    if ('code' in claims) return { ok: false, refusal: claims };
    if (claims.tenant !== this.#snapshot.settings()?.tenant)
      return no('identity.credential_invalid', 'It belongs to another tenant.');
    if (!isAudience(claims.aud, this.#publicUrl(), request.url)) return no('identity.audience_mismatch');
    if (scheme === 'bearer') {
      // RFC 9449 §7.2: a bound token is worth nothing without its proof.
      if (claims.cnf !== undefined)
        return no('identity.proof_invalid', 'This token is bound to a key and needs a DPoP proof.');
      return { ok: true, credential: credentialOf(claims, 'none') };
    }
    if (claims.cnf === undefined)
      return no('identity.credential_invalid', 'This token is not bound to a key.');
    if (typeof proof !== 'string') return no('identity.proof_invalid', 'The DPoP header is missing.');
    const refused = this.#provePossession(proof, token, claims, request);
    return refused === undefined
      ? { ok: true, credential: credentialOf(claims, 'dpop') }
      : { ok: false, refusal: refused };
  }

  #claims(token: string, digest: string): AccessTokenClaims | Refusal {
    const settings = this.#snapshot.settings();
    if (settings === undefined) return refusal('containment.feed_stale');
    const generation = this.#snapshot.trustGeneration();
    const nowMs = this.#clock.nowMs();
    const monotonicMs = this.#clock.monotonicMs();
    const held = this.#tokens.get(digest);
    if (held !== undefined && (held.claims.exp * 1000 <= nowMs || held.untilMs <= monotonicMs)) {
      this.#tokens.set(digest, { ...held, untilMs: 0 });
      return refusal('identity.credential_expired');
    }
    if (held !== undefined && held.generation === generation) {
      const agent = this.#snapshot.agent(held.claims.agent);
      if (agent !== undefined && agent.credentialEpoch === held.claims.cep) return held.claims;
    }
    this.#tokens.delete(digest);
    const verdict = verifyAccessToken(token, this.#snapshot.tokenKeys(), nowMs, settings.issuer);
    if (!verdict.ok) return verdict.refusal;
    const leftMs = verdict.claims.exp * 1000 - nowMs;
    const untilMs = Math.min(held?.untilMs ?? Number.POSITIVE_INFINITY, monotonicMs + leftMs);
    this.#tokens.set(digest, { claims: verdict.claims, generation, untilMs });
    return verdict.claims;
  }

  /** Only while a proof of before the start could still count; later a clock that is set back must not refuse everybody. */
  #sinceMs(): number | undefined {
    const { nowMs, monotonicMs } = this.#started;
    return this.#clock.monotonicMs() - monotonicMs <= dpopReplayMs ? nowMs : undefined;
  }

  #provePossession(
    proof: string,
    accessToken: string,
    claims: AccessTokenClaims,
    { method, at }: Asked,
  ): Refusal | undefined {
    const nowMs = this.#clock.nowMs();
    const verdict = verifyDpopProof({
      proof,
      method,
      url: at,
      accessToken,
      nowMs,
      sinceMs: this.#sinceMs(),
      keys: this.#proofKeys,
    });
    if (!verdict.ok) return verdict.refusal;
    const bound = this.#snapshot.instance(claims.inst)?.jkt;
    if (verdict.jkt !== claims.cnf?.jkt || (bound !== undefined && bound !== verdict.jkt)) {
      return refusal(
        'identity.proof_invalid',
        'The proof was made with another key than the one of this credential.',
      );
    }
    const now = { nowMs, monotonicMs: this.#clock.monotonicMs() };
    const seen = this.#replay.take(`${verdict.jkt} ${verdict.jti}`, now);
    if (seen === 'full') return refusal('request.overloaded');
    return seen === 'replayed' ? refusal('identity.proof_replayed') : undefined;
  }
}

function credentialOf(claims: AccessTokenClaims, proof: CredentialFacts['proof']): CredentialFacts {
  return {
    agentId: claims.agent,
    instanceId: claims.inst,
    sid: claims.sid,
    jti: claims.jti,
    expiresAtMs: claims.exp * 1000,
    manifestDigest: claims.ver,
    credentialEpoch: claims.cep,
    proof,
    ...(claims.task === undefined ? {} : { task: claims.task }),
    ...chainOf(claims),
  };
}

function chainOf({ delegation }: AccessTokenClaims): Pick<CredentialFacts, 'chain'> {
  if (delegation === undefined) return {};
  const links = delegation.chain.map(({ agent, inst, sid, ver, cep }) => ({
    agentId: agent,
    instanceId: inst,
    sid,
    manifestDigest: ver,
    credentialEpoch: cep,
  }));
  return { chain: { delegationId: delegation.id, callsMax: delegation.calls, links } };
}
