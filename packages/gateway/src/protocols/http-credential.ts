/**
 * The credential of an HTTP service on its requests (I-2), and watched for in its answers: a service that repeats what it was sent would show an agent what only
 * the gateway has.
 */
import type { WrittenRequest } from '@atf/core/segmentation/http-request';
import type { ServiceCredential } from '@atf/core/wire/service';

/** The request with the credential; undefined when an argument would stand in its place. */
export function authenticated(
  request: WrittenRequest,
  credential: ServiceCredential | null,
): WrittenRequest | undefined {
  if (credential === null) return request;
  if ('query' in credential) {
    const { name, value } = credential.query;
    const [, query = ''] = request.target.split('?', 2);
    if (query.split('&').some((pair) => pair.split('=', 1)[0] === encodeURIComponent(name))) return undefined;
    const separator = request.target.includes('?') ? '&' : '?';
    return {
      ...request,
      target: `${request.target}${separator}${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
    };
  }
  const [name, value] = headerWith(credential);
  return request.headers.some(([each]) => each === name)
    ? undefined
    : { ...request, headers: [...request.headers, [name, value]] };
}

function headerWith(credential: Exclude<ServiceCredential, { query: unknown }>): readonly [string, string] {
  if ('bearer' in credential) return ['authorization', `Bearer ${credential.bearer}`];
  if ('header' in credential) return [credential.header.name, credential.header.value];
  const { user, password } = credential.basic;
  return ['authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`];
}

/** Shorter ones stand in any text by chance. */
const secretLengthMin = 8;

/** The spellings in which a service could give its credential back. */
export function secretsOf(credential: ServiceCredential | null): readonly string[] {
  if (credential === null) return [];
  const plain =
    'query' in credential
      ? [credential.query.value]
      : 'basic' in credential
        ? [credential.basic.password, headerWith(credential)[1].slice('Basic '.length)]
        : ['bearer' in credential ? credential.bearer : credential.header.value];
  const spellings = plain.flatMap((each) => [
    each,
    JSON.stringify(each).slice(1, -1),
    encodeURIComponent(each),
  ]);
  return [...new Set(spellings)].filter((each) => each.length >= secretLengthMin);
}

/** Whether a whole answer holds one of the secrets. */
export function holdsSecret(secrets: readonly string[], bytes: Uint8Array, headers: object): boolean {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const told = JSON.stringify(headers);
  return secrets.some((secret) => body.includes(secret) || told.includes(secret));
}

/** Looks for secrets in bytes that come in pieces; what may be the beginning of one waits for the next piece. */
export class SecretWatch {
  readonly #secrets: readonly Buffer[];
  #kept: Buffer = Buffer.alloc(0);

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.map((each) => Buffer.from(each));
  }

  /** What may leave now; undefined: a secret was found. */
  take(chunk: Uint8Array): Buffer | undefined {
    const bytes = Buffer.concat([this.#kept, chunk]);
    if (this.#secrets.some((secret) => bytes.includes(secret))) return undefined;
    const keep = this.#beginning(bytes);
    this.#kept = bytes.subarray(bytes.byteLength - keep);
    return bytes.subarray(0, bytes.byteLength - keep);
  }

  /** What was kept, at the end. */
  rest(): Buffer {
    return this.#kept;
  }

  /** Length of the longest end of `bytes` with which a secret begins. */
  #beginning(bytes: Buffer): number {
    const longest = Math.max(0, ...this.#secrets.map((secret) => secret.byteLength - 1));
    for (let length = Math.min(longest, bytes.byteLength); length > 0; length--) {
      const end = bytes.subarray(bytes.byteLength - length);
      if (this.#secrets.some((secret) => secret.subarray(0, length).equals(end))) return length;
    }
    return 0;
  }
}
