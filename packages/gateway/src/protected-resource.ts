/**
 * Room: identity (I-2). The gateway as an OAuth resource server: metadata that says which resource this is and who issues its tokens
 * (RFC 9728), and the challenges of refused requests (RFC 6750, RFC 9449 §7.1, RFC 9728 §5.1).
 *
 * Metadata is for everybody, so it tells nothing that a stranger may not know: the answer is the same for every well-formed name of a tool
 * server, registered or not. Scopes here say what kind of credential is needed; what an agent may do is policy, read at decision time.
 */
import type { Refusal } from '@atf/core/errors';
import { endpointOf } from '@atf/core/identity/access-token';
import { effectiveLevel } from '@atf/core/maturity/levels';
import type { JsonObject } from '@atf/core/wire/json';
import { namePattern } from '@atf/core/wire/words';
import { httpPrefix } from './protocols/http-door.ts';
import { serverNameOf } from './protocols/mcp-wire.ts';
import type { Decided } from './record.ts';

export const metadataPath = '/.well-known/oauth-protected-resource';
/** What a plain bearer token is enough for: reading, as an Intern. */
export const readScope = 'atf:read';
/** What needs a token that is bound to a key: everything that an agent's earned level adds. */
export const actScope = 'atf:act';

/** Path of the resource that a metadata path is about: `''` for the whole gateway, `/mcp/<server>` or `/http/<server>` for one endpoint; undefined: none. */
export function resourcePathOf(path: string): string | undefined {
  if (path === metadataPath) return '';
  const resource = path.startsWith(`${metadataPath}/`) ? path.slice(metadataPath.length) : undefined;
  return resource !== undefined && isEndpoint(resource) ? resource : undefined;
}

const isEndpoint = (path: string): boolean =>
  serverNameOf(path) !== undefined ||
  (path.startsWith(httpPrefix) && namePattern.test(path.slice(httpPrefix.length)));

/** RFC 9728 §2, with the members of RFC 9449 §5.2. */
export function resourceMetadata(publicUrl: string, resourcePath: string, issuer: string): JsonObject {
  return {
    resource: `${publicUrl}${resourcePath}`,
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
    scopes_supported: [readScope, actScope],
    dpop_signing_alg_values_supported: ['ES256'],
    // A plain bearer token may read.
    dpop_bound_access_tokens_required: false,
    resource_name: 'ATF gateway',
  };
}

export interface Challenged {
  readonly publicUrl: string;
  /** Of the request, without its query. */
  readonly path: string;
  /** Value of the request's `authorization`, for the scheme that was tried. */
  readonly authorization: string | readonly string[] | undefined;
  readonly refusal: Refusal;
}

const quoted = (params: Readonly<Record<string, string>>): string =>
  Object.entries(params)
    .map(([name, value]) => `${name}="${value}"`)
    .join(', ');

/**
 * `WWW-Authenticate` of a 401: a challenge for each scheme that is served, Bearer first because that is the one stock clients look for. The
 * error stands at the scheme that was tried; without a credential there is none (RFC 6750 §3.1).
 */
export function challengesOf({ publicUrl, path, authorization, refusal }: Challenged): string {
  const tried = typeof authorization === 'string' ? /^(dpop|bearer) /i.exec(authorization)?.[1] : undefined;
  const error = refusal.code.startsWith('identity.proof_') ? 'invalid_dpop_proof' : 'invalid_token';
  const metadata = { resource_metadata: metadataUrl(publicUrl, path) };
  const failed = (scheme: string) => (tried?.toLowerCase() === scheme ? { error } : {});
  const bearer = quoted({ ...metadata, scope: readScope, ...failed('bearer') });
  const dpop = quoted({ algs: 'ES256', ...metadata, scope: `${readScope} ${actScope}`, ...failed('dpop') });
  return `Bearer ${bearer}, DPoP ${dpop}`;
}

/** `WWW-Authenticate` of a 403 to a bearer token whose agent could do more with a key (MCP, authorization, step-up). */
export function stepUpChallenge(publicUrl: string, path: string): string {
  const asked = {
    algs: 'ES256',
    error: 'insufficient_scope',
    scope: `${readScope} ${actScope}`,
    resource_metadata: metadataUrl(publicUrl, path),
  };
  return `DPoP ${quoted(asked)}`;
}

/** Only a well-formed path of an endpoint gets into a header. */
function metadataUrl(publicUrl: string, path: string): string {
  const endpoint = endpointOf(path);
  return `${publicUrl}${metadataPath}${isEndpoint(endpoint) ? endpoint : ''}`;
}

/** A plain bearer token counts as Intern: what its agent's own level might do needs a key, and a client that reads the challenge gets one. */
export function wantsKey({ received, world }: Decided, why: Refusal): boolean {
  if (received.credential.proof !== 'none' || why.code !== 'policy.not_permitted') return false;
  return world.agent !== undefined && effectiveLevel(world.agent, 'dpop') !== 'intern';
}
