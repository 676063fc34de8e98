/**
 * The door for enforcement points of others: AuthZEN (`/access/v1/…`) and Envoy's ext_authz (`/ext-authz/…`). Who asks is known before a byte of the body is kept;
 * nobody who is not registered is answered.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemOf, type Refusal, refusal } from '@atf/core/errors';
import { authzenPaths, searchKinds } from '@atf/core/wire/authzen';
import type { PointFacts } from '@atf/core/wire/enforcement';
import type { AuthzenFront, AuthzenReply } from './authzen-front.ts';
import type { AuthzenSearch } from './authzen-search.ts';
import type { EnforcementPoints, PointVerdict } from './enforcement-points.ts';
import { checkedOf, denying, type ExtAuthzFront, extAuthzPrefix } from './ext-authz-front.ts';
import { closing, goneOf, pathOf, plain, readBody, text } from './http-io.ts';
import type { Pipeline } from './pipeline.ts';
import { challengesOf, stepUpChallenge } from './protected-resource.ts';
import type { EncodedResponse } from './protocols/protocol.ts';

/** With it a proxy shows its own credential, beside that of the agent whose request it hands in. */
export const pointHeader = 'atf-point';
const requestIdHeader = 'x-request-id';

export interface EnforcementDoorInput {
  readonly pipeline: Pipeline;
  readonly points: EnforcementPoints;
  readonly authzen: AuthzenFront;
  readonly search: AuthzenSearch;
  readonly extAuthz: ExtAuthzFront;
  /** Whether control was heard in time. */
  readonly fresh: () => boolean;
  readonly publicUrl: () => string;
  readonly bodyBytesMax: number;
}

type Evaluate = (...asked: Parameters<AuthzenFront['evaluation']>) => Promise<AuthzenReply>;

/** Requests of one point under way: others wait at their own. */
export const underWayMax = 64;

export const isExtAuthz = (path: string): boolean => path.startsWith(extAuthzPrefix);
export const isEnforcement = (path: string): boolean => path.startsWith('/access/v1/') || isExtAuthz(path);

export class EnforcementDoor {
  readonly #input: EnforcementDoorInput;
  readonly #evaluate: ReadonlyMap<string, Evaluate>;
  readonly #underWay = new Map<string, number>();

  constructor(input: EnforcementDoorInput) {
    this.#input = input;
    const { authzen, search } = input;
    this.#evaluate = new Map<string, Evaluate>([
      [authzenPaths.evaluation, (...asked) => authzen.evaluation(...asked)],
      [authzenPaths.evaluations, (...asked) => authzen.evaluations(...asked)],
      ...searchKinds.map((kind): [string, Evaluate] => [
        `${authzenPaths.search}${kind}`,
        (point, body) => search.search(kind, point, body),
      ]),
    ]);
  }

  /** What this decision point has (AuthZEN, PDP metadata). For everybody. */
  metadata(): EncodedResponse {
    const url = this.#input.publicUrl();
    const document = {
      policy_decision_point: url,
      access_evaluation_endpoint: `${url}${authzenPaths.evaluation}`,
      access_evaluations_endpoint: `${url}${authzenPaths.evaluations}`,
      ...Object.fromEntries(
        searchKinds.map((kind) => [`search_${kind}_endpoint`, `${url}${authzenPaths.search}${kind}`]),
      ),
    };
    return text(200, 'application/json', JSON.stringify(document));
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<EncodedResponse> {
    const path = pathOf(request.url ?? '/');
    if (isExtAuthz(path)) {
      const checked = await this.#check(request, response);
      return checked.status === 200 ? checked : denying(checked);
    }
    const answer = await this.#authzen(request, response, path);
    const id = request.headers[requestIdHeader];
    // Given back as it came, for whoever looks for it in two logs.
    return typeof id === 'string' && /^[\x21-\x7e]{1,128}$/.test(id)
      ? { ...answer, headers: { ...answer.headers, [requestIdHeader]: id } }
      : answer;
  }

  async #authzen(request: IncomingMessage, response: ServerResponse, path: string): Promise<EncodedResponse> {
    const evaluate = this.#evaluate.get(path);
    if (evaluate === undefined) return plain(refusal('request.not_found'));
    if (request.method !== 'POST') return plain(refusal('request.method_not_allowed'), { allow: 'POST' });
    if (request.headers.origin !== undefined)
      return plain(refusal('request.origin_refused', 'Decisions are not for pages.'));
    const gone = goneOf(response);
    const [, credential] =
      /^Bearer ([A-Za-z0-9_-]{20,200})$/i.exec(request.headers.authorization ?? '') ?? [];
    const point = await this.#point(credential, request);
    if (!point.ok) return refusedPoint(point.refusal);
    if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? ''))
      return plain(refusal('request.media_type_unsupported', 'The body is application/json.'));
    const body = await readBody(request, this.#input.bodyBytesMax);
    if (body === 'too_large') return plain(refusal('request.too_large'));
    if (body === 'gone') return plain(refusal('request.malformed'));
    const reply = await this.#bounded(point.point, () => evaluate(point.point, body, gone));
    return 'refusal' in reply
      ? plain(reply.refusal, later(reply.refusal))
      : text(200, 'application/json', JSON.stringify(reply.document));
  }

  async #check(request: IncomingMessage, response: ServerResponse): Promise<EncodedResponse> {
    const { pipeline, points, extAuthz, publicUrl, bodyBytesMax } = this.#input;
    const gone = goneOf(response);
    const shown = request.headers[pointHeader];
    const known = await this.#point(typeof shown === 'string' ? shown : undefined, request);
    // The challenge would tell an agent to show what is the proxy's.
    if (!known.ok) return plain(known.refusal, later(known.refusal));
    const checked = checkedOf(known.point, request.url ?? '/', request.headers.host);
    if ('code' in checked) return plain(checked);
    const method = request.method ?? '';
    const head = { method, url: checked.url, headers: request.headers };
    const caller = pipeline.authenticate(head, request.socket.remoteAddress ?? 'unknown', checked.at);
    const told = (why: Refusal, stepUp: boolean) => {
      const { authorization } = request.headers;
      const challenge =
        problemOf(why).status === 401
          ? challengesOf({ publicUrl: publicUrl(), path: checked.url, authorization, refusal: why })
          : stepUp
            ? stepUpChallenge(publicUrl(), checked.url)
            : undefined;
      return plain(why, {
        ...later(why),
        ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      });
    };
    if (!caller.ok) return told(caller.refusal, false);
    // Whoever is nobody spends nothing of what the proxy may ask for everybody else.
    const tooOften = points.ask(known.point);
    if (tooOften !== undefined) return plain(tooOften, later(tooOften));
    const body = await readBody(request, bodyBytesMax);
    if (body === 'too_large') return plain(refusal('request.too_large'));
    if (body === 'gone') return plain(refusal('request.malformed'));
    const { rawHeaders } = request;
    const header = (name: string) => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    };
    const answer = await this.#bounded(known.point, () =>
      extAuthz.check(caller.credential, checked, { method, rawHeaders, header, body }, gone),
    );
    return 'status' in answer ? closing(answer) : told(answer.refusal, 'stepUp' in answer && answer.stepUp);
  }

  /** Its agents wait for people, limits and records: a point that asks without end must not take all the room there is. */
  async #bounded<T>({ id }: PointFacts, work: () => Promise<T>): Promise<T | { readonly refusal: Refusal }> {
    const before = this.#underWay.get(id) ?? 0;
    if (before >= underWayMax)
      return {
        refusal: refusal('request.overloaded', `${underWayMax} requests of this point are under way.`),
      };
    this.#underWay.set(id, before + 1);
    try {
      return await work();
    } finally {
      const left = (this.#underWay.get(id) ?? 1) - 1;
      if (left > 0) this.#underWay.set(id, left);
      else this.#underWay.delete(id);
    }
  }

  async #point(credential: string | undefined, request: IncomingMessage): Promise<PointVerdict> {
    const { points, pipeline, fresh } = this.#input;
    // Nothing could be answered, so nobody waits until control is asked in vain.
    if (!fresh()) return { ok: false, refusal: refusal('containment.feed_stale') };
    const source = request.socket.remoteAddress ?? 'unknown';
    const verdict = await points.authenticate(credential, source);
    if (!verdict.ok) pipeline.refusals.unauthenticated(source, verdict.refusal.code);
    return verdict;
  }
}

const later = ({ retryAfterMs }: Refusal): Record<string, string> =>
  retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };

function refusedPoint(why: Refusal): EncodedResponse {
  const challenge =
    problemOf(why).status === 401
      ? {
          'www-authenticate':
            why.code === 'identity.credential_missing' ? 'Bearer' : 'Bearer error="invalid_token"',
        }
      : {};
  return plain(why, { ...later(why), ...challenge });
}
