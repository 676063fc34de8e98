/**
 * Enrolment and renewal of an agent instance (I-1, I-2): a one-time join token and a proof of the instance's own key become a
 * short-lived credential; the same key renews it. Nothing secret is sent: the private key stays here, the join token counts once.
 */
import { type Credential, type OperationId, routes } from '@atf/core/wire/api';
import { type AgentKey, dpopProof } from './agent-key.ts';
import { type CallOptions, ControlClient } from './client.ts';

export interface EnrolOptions {
  /** Address of control, `http://localhost:7780`. */
  readonly controlUrl: string;
  readonly key: AgentKey;
  /** The only resource that may take the token (RFC 8707), `<gateway>/mcp/<server>` or `<gateway>/http/<server>`; absent: the whole gateway. */
  readonly resource?: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly signal?: AbortSignal;
}

/** Exchanges a join token for a credential bound to `key`. @throws ControlRefusal `identity.join_token_invalid` and others */
export async function enrolInstance(
  options: EnrolOptions & { readonly joinToken: string },
): Promise<Credential> {
  const body = { joinToken: options.joinToken, ...resourceOf(options) };
  return clientOf(options).call('instances.enrol', { body }, await proven(options, 'instances.enrol'));
}

/**
 * A plain bearer credential, for programs that cannot sign: it reads as Intern at most and is recorded as such. Needs no key.
 * @throws ControlRefusal as `enrolInstance`
 */
export async function enrolBearer(
  options: Omit<EnrolOptions, 'key'> & { readonly joinToken: string },
): Promise<Credential> {
  const body = { joinToken: options.joinToken, bearer: true, ...resourceOf(options) };
  return clientOf(options).call('instances.enrol', { body }, signalOf(options));
}

/** A new access token for an enrolled instance; `newSession` starts a session of its own. @throws ControlRefusal when revoked */
export async function renewCredential(
  options: EnrolOptions & {
    readonly instanceId: string;
    readonly newSession?: boolean;
    /** A task that a person gave to the agent: the session works on it, and on nothing else. */
    readonly task?: string;
  },
): Promise<Credential> {
  const { instanceId, newSession, task } = options;
  const body = {
    instanceId,
    ...(newSession === undefined ? {} : { newSession }),
    ...(task === undefined ? {} : { task }),
    ...resourceOf(options),
  };
  return clientOf(options).call('instances.token', { body }, await proven(options, 'instances.token'));
}

function clientOf(options: Pick<EnrolOptions, 'controlUrl' | 'fetch'>): ControlClient {
  return new ControlClient({
    baseUrl: options.controlUrl,
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  });
}

function resourceOf({ resource }: Pick<EnrolOptions, 'resource'>): { resource?: string } {
  return resource === undefined ? {} : { resource };
}

function signalOf(options: Pick<EnrolOptions, 'signal'>): CallOptions {
  return options.signal === undefined ? {} : { signal: options.signal };
}

async function proven(options: EnrolOptions, operation: OperationId): Promise<CallOptions> {
  const { method, path } = routes[operation];
  const proof = await dpopProof(options.key, {
    method,
    url: `${options.controlUrl.replace(/\/+$/, '')}${path}`,
  });
  return { ...signalOf(options), headers: { dpop: proof } };
}
