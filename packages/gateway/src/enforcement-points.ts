/**
 * Room: identity (I-2). Enforcement points of others at the gateway's door: their credentials, what they may ask about, how often, and the application sets that
 * answer them. Control says it when it is asked, and it counts for a moment only: a point that is revoked may ask nothing two seconds later, and
 * without control nobody is answered.
 */
import { timingSafeEqual } from 'node:crypto';
import { sha256 } from '@atf/core/digest';
import { type Refusal, refusal } from '@atf/core/errors';
import { type Application, compileApplication } from '@atf/core/policy/application';
import { lookAtRate } from '@atf/core/segmentation/rate';
import { pointCredentialPattern, type PointFacts } from '@atf/core/wire/enforcement';
import { failuresRate, secondLooksRate } from './authenticate.ts';
import type { ControlPort } from './ports.ts';

/** How long it counts what control said. */
export const pointFreshMs = 2_000;
const pointsMax = 2_000;
const applicationsMax = 200;
const sourcesMax = 50_000;

interface Known {
  facts: PointFacts | undefined;
  refused: Refusal | undefined;
  readMs: number;
  reading: Promise<void> | undefined;
}

export type PointVerdict =
  | { readonly ok: true; readonly point: PointFacts }
  | { readonly ok: false; readonly refusal: Refusal };

export type ApplicationVerdict =
  | { readonly ok: true; readonly application: Application }
  | { readonly ok: false; readonly refusal: Refusal };

/** Drops the oldest when it is full. */
function keep<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}

const no = (why: Refusal): { readonly ok: false; readonly refusal: Refusal } => ({ ok: false, refusal: why });
const unknown = no(refusal('identity.point_unknown'));

export class EnforcementPoints {
  readonly #control: ControlPort;
  readonly #monotonicMs: () => number;
  readonly #known = new Map<string, Known>();
  readonly #applications = new Map<string, Application>();
  readonly #compiling = new Map<string, Promise<ApplicationVerdict>>();
  readonly #failures = new Map<string, number>();
  readonly #questions = new Map<string, number>();
  #lookUps: number | undefined;

  constructor(input: { readonly control: ControlPort; readonly monotonicMs: () => number }) {
    this.#control = input.control;
    this.#monotonicMs = input.monotonicMs;
  }

  /** `source`: the address of the peer. */
  async authenticate(credential: string | undefined, source: string): Promise<PointVerdict> {
    if (credential === undefined) return no(refusal('identity.credential_missing'));
    const nowMs = this.#monotonicMs();
    const spent = lookAtRate(this.#failures.get(source), nowMs, failuresRate);
    const fail = (): PointVerdict => {
      if (spent.ok) keep(this.#failures, source, spent.nextMs, sourcesMax);
      return unknown;
    };
    const [, id = ''] = pointCredentialPattern.exec(credential) ?? [];
    const held = this.#known.get(id);
    // Whoever holds a credential that was verified is not locked out by strangers on the same address.
    if (!spent.ok && !(held?.facts !== undefined && matches(credential, held.facts)))
      return no(refusal('identity.proof_flood', undefined, { retryAfterMs: spent.retryAfterMs }));
    if (id === '') return fail();
    if (held === undefined) {
      const look = lookAtRate(this.#lookUps, nowMs, secondLooksRate);
      if (!look.ok) return no(refusal('request.overloaded', undefined, { retryAfterMs: look.retryAfterMs }));
      this.#lookUps = look.nextMs;
    }
    const known = await this.#read(id);
    if (known.facts === undefined)
      return known.refused?.code === 'identity.point_unknown'
        ? fail()
        : no(known.refused ?? refusal('containment.feed_stale'));
    return matches(credential, known.facts) ? { ok: true, point: known.facts } : fail();
  }

  /** Spends one question of this point. */
  ask({ id, questionsPerMinute }: PointFacts): Refusal | undefined {
    const rate = { max: questionsPerMinute, perSeconds: 60 };
    const look = lookAtRate(this.#questions.get(id), this.#monotonicMs(), rate);
    if (look.ok) keep(this.#questions, id, look.nextMs, pointsMax);
    return look.ok
      ? undefined
      : refusal('segmentation.rate_exceeded', `${questionsPerMinute} questions a minute`, {
          retryAfterMs: look.retryAfterMs,
        });
  }

  /** The application set that answers this point. */
  async application({ application }: PointFacts): Promise<ApplicationVerdict> {
    if (application === undefined)
      return no(refusal('identity.point_out_of_scope', 'It was registered for no application.'));
    const { name, digest } = application;
    if (digest === undefined) return no(refusal('policy.application_unknown'));
    const key = `${name} ${digest}`;
    const held = this.#applications.get(key);
    if (held !== undefined) return { ok: true, application: held };
    const running = this.#compiling.get(key);
    if (running !== undefined) return running;
    const compiling = this.#compile(name, digest).finally(() => this.#compiling.delete(key));
    this.#compiling.set(key, compiling);
    return compiling;
  }

  async #compile(name: string, digest: string): Promise<ApplicationVerdict> {
    const answer = await this.#control.request('gateway.application', { params: { name } });
    if (!answer.ok) return no(answer.refusal);
    // Another version came into force meanwhile: the next question finds it.
    if (answer.value.digest !== digest) return no(refusal('containment.feed_stale'));
    const compiled = compileApplication(answer.value);
    if (!compiled.ok) return no(refusal('policy.unavailable'));
    keep(this.#applications, `${name} ${digest}`, compiled.application, applicationsMax);
    return { ok: true, application: compiled.application };
  }

  async #read(id: string): Promise<Known> {
    const found = this.#known.get(id);
    const known: Known = found ?? {
      facts: undefined,
      refused: undefined,
      readMs: -Infinity,
      reading: undefined,
    };
    if (found === undefined) keep(this.#known, id, known, pointsMax);
    if (this.#monotonicMs() - known.readMs < pointFreshMs) return known;
    const askedMs = this.#monotonicMs();
    known.reading ??= this.#control
      .request('gateway.point', { params: { id } })
      .then((answer) => {
        known.facts = answer.ok ? answer.value : undefined;
        known.refused = answer.ok ? undefined : answer.refusal;
        // Counted from the question: what control says may be as old as that.
        known.readMs = askedMs;
      })
      .finally(() => {
        known.reading = undefined;
      });
    await known.reading;
    return known;
  }
}

function matches(credential: string, { credentialDigest }: PointFacts): boolean {
  const [given, kept] = [Buffer.from(sha256(credential)), Buffer.from(credentialDigest)];
  return given.length === kept.length && timingSafeEqual(given, kept);
}
