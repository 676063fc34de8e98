/**
 * Envoy's ext_authz, HTTP service: a proxy of a mesh hands in the request that an agent sent to a registered HTTP service, under `/ext-authz/<service>`, and gets
 * 200 when it may pass it on. The agent shows its own credential, as at our own door; its proof names the address that it used. What is allowed is released
 * to the proxy; nobody tells us what came of it. It decides nothing.
 */
import { type Refusal, refusal } from '@atf/core/errors';
import { changingHeaders, type HttpOperation } from '@atf/core/segmentation/http-operation';
import type { PointFacts } from '@atf/core/wire/enforcement';
import type { JsonObject } from '@atf/core/wire/json';
import { namePattern } from '@atf/core/wire/words';
import type { CredentialFacts } from '@atf/core/world';
import { type HttpFront, type HttpProblem, unknownOperation } from './http-front.ts';
import type { Pipeline } from './pipeline.ts';
import type { SnapshotPort } from './ports.ts';
import type { Elsewhere } from './protocols/elsewhere.ts';
import {
  actionHeader,
  argumentsOf,
  type Asked,
  encodeAnswer,
  httpPrefix,
  understand,
} from './protocols/http-door.ts';
import type { EncodedResponse } from './protocols/protocol.ts';
import { askFor, type Verdict } from './released.ts';

export const extAuthzPrefix = '/ext-authz/';
export const approvalHeader = 'atf-approval';
/** Envoy says with it that it has sent the body, and whether all of it. */
export const partialBodyHeader = 'x-envoy-auth-partial-body';
/** Envoy takes these away from the request before it passes it on. */
const removeHeader = 'x-envoy-auth-headers-to-remove';

export interface Checked {
  readonly server: string;
  /** Path and query as the agent sent them. */
  readonly path: string;
  readonly query: string | undefined;
  /** The address that the agent used, without its query. */
  readonly at: string;
  /** Path at our own door for the same service: what its token must be for. */
  readonly url: string;
}

/** Which service a check is about; a refusal when the point may not ask about it, or the request was for another host. */
export function checkedOf(
  { services }: PointFacts,
  url: string,
  host: string | undefined,
): Checked | Refusal {
  const [, server = '', path = '', , query] =
    /^\/ext-authz\/([^/?#]{1,64})(\/[^?#]*)(\?([^#]*))?$/.exec(url) ?? [];
  if (!namePattern.test(server)) return refusal('request.not_found');
  const address = Object.hasOwn(services, server) ? services[server] : undefined;
  if (address === undefined) return refusal('identity.point_out_of_scope');
  const { origin, host: named } = new URL(address);
  if ((host ?? '').toLowerCase() !== named)
    return refusal(
      'request.origin_refused',
      'The Host is not that of the service, as the point was registered.',
    );
  return { server, path, query, at: `${origin}${path}`, url: `${httpPrefix}${server}${path}` };
}

export interface ExtAuthzFrontInput {
  readonly pipeline: Pipeline;
  readonly elsewhere: Elsewhere;
  readonly services: Pick<HttpFront, 'indexOf'>;
  readonly snapshot: Pick<SnapshotPort, 'server'>;
}

export interface Handed {
  readonly method: string;
  readonly rawHeaders: readonly string[];
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
}

export class ExtAuthzFront {
  readonly #input: ExtAuthzFrontInput;

  constructor(input: ExtAuthzFrontInput) {
    this.#input = input;
  }

  /** One authenticated request of an agent. */
  async check(
    credential: CredentialFacts,
    checked: Checked,
    handed: Handed,
    gone: AbortSignal,
  ): Promise<EncodedResponse | HttpProblem> {
    const { services, snapshot } = this.#input;
    const { server, query } = checked;
    const path = belowBase(snapshot.server(server)?.transport, checked.path);
    const asked: Asked = {
      method: handed.method,
      rawHeaders: handed.rawHeaders,
      address: { server, path: path ?? '/', query },
    };
    const understood = path === undefined ? undefined : understand(services.indexOf(server), asked);
    if (understood?.ok === false) return this.#malformed(credential, understood.refusal);
    if (understood?.value === undefined)
      return encoded(server, await this.#ask(credential, server, unknownOperation, {}, gone), undefined);
    const { http } = understood.value.operation;
    const withheld = bodyProblem(http, handed);
    if (withheld !== undefined) return this.#malformed(credential, withheld);
    const args = argumentsOf(understood.value, asked, handed.body);
    if (!args.ok) return this.#malformed(credential, args.refusal);
    const { tool } = understood.value.operation;
    const verdict = await this.#ask(credential, server, tool, args.value, gone);
    return encoded(server, verdict, { http, args: args.value });
  }

  #ask(
    credential: CredentialFacts,
    serverName: string,
    toolName: string,
    args: JsonObject,
    gone: AbortSignal,
  ): Promise<Verdict> {
    return askFor(this.#input, credential, { protocol: 'ext_authz', serverName, toolName, args }, gone);
  }

  #malformed({ agentId }: CredentialFacts, why: Refusal): HttpProblem {
    this.#input.pipeline.refusals.unauthenticated(agentId, why.code);
    return { refusal: why, stepUp: false };
  }
}

/** The path below the service's base address; undefined: it is not below it, so it is no operation. */
function belowBase(
  transport: { readonly kind: string; readonly url?: string } | undefined,
  path: string,
): string | undefined {
  if (transport?.kind !== 'openapi' || transport.url === undefined) return undefined;
  const base = new URL(transport.url).pathname.replace(/\/$/, '');
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined;
}

/** An operation that takes a body is decided on with it, or not at all: Envoy must have sent all of it. */
function bodyProblem({ body }: HttpOperation, { header }: Handed): Refusal | undefined {
  const partial = header(partialBodyHeader)?.toLowerCase();
  if (partial === 'true') return refusal('request.too_large', 'The proxy sent a part of the body only.');
  return body === undefined || partial === 'false'
    ? undefined
    : refusal('request.malformed', 'The proxy did not send the body: configure with_request_body.');
}

interface Decided {
  readonly http: HttpOperation;
  readonly args: JsonObject;
}

function encoded(
  server: string,
  verdict: Verdict,
  decided: Decided | undefined,
): EncodedResponse | HttpProblem {
  if ('released' in verdict) {
    const { actionId, approvalId } = verdict.released;
    // What was not decided on does not go on, and the agent's credential is nobody's business there.
    const parameters = (decided?.http.parameters ?? []).filter(({ in: place }) => place === 'header');
    const undecided = parameters.flatMap(({ name, argument }) => {
      const header = name.toLowerCase();
      // Many services read `_` for `-`.
      const other = header.replaceAll('-', '_');
      return decided?.args[argument] === undefined ? [header, other] : other === header ? [] : [other];
    });
    return {
      status: 200,
      headers: {
        'cache-control': 'no-store',
        'content-length': '0',
        [actionHeader]: actionId,
        ...(approvalId === undefined ? {} : { [approvalHeader]: approvalId }),
        [removeHeader]: [...new Set(['authorization', 'dpop', ...changingHeaders, ...undecided])].join(','),
      },
    };
  }
  const { answer } = verdict;
  if (answer.kind === 'problem') return { refusal: answer.refusal, stepUp: answer.stepUp === true };
  const { approvalId } = answer.facts;
  const response = encodeAnswer(server, answer);
  return denying(approvalId === undefined ? response : withHeader(response, approvalHeader, approvalId));
}

const withHeader = (response: EncodedResponse, name: string, value: string): EncodedResponse => ({
  ...response,
  headers: { ...response.headers, [name]: value },
});

/**
 * Any status but 200 denies, except 5xx, which Envoy takes for a fault of ours and may be configured to let pass: so there is none. The body says what it is.
 */
export const denying = (response: EncodedResponse): EncodedResponse =>
  response.status === 401 || response.status === 429 ? response : { ...response, status: 403 };
