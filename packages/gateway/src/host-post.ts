/**
 * Services of the company's own that a gateway asks by HTTP (S-1): a judge of intents, detectors. The host says in `servers.yaml` what may be dialled, where the network is
 * private, and which of its variables hold keys. No redirects, everything bounded; whatever goes wrong is no answer.
 */
import { type Json, parseStrictText } from '@atf/core/wire/json';
import type { Dispatcher } from 'undici';
import { type DialPolicy, dialPolicyDefault, vettedDispatcher } from './protocols/dialer.ts';
import { exchange } from './protocols/http-exchange.ts';
import type { HostServer, ServersFile } from './servers-file.ts';

export interface PostTo {
  /** The entry of `servers.yaml`. */
  readonly entry: string;
  /** Absent: the entry says where it is. */
  readonly url?: string;
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
  readonly signal?: AbortSignal;
}

/** Posts one question in JSON. Undefined: no answer in time, or none that is JSON. */
export type HostPost = (to: PostTo, question: string) => Promise<Json | undefined>;

export function hostPost(file: Pick<ServersFile, 'read'>, environment: NodeJS.ProcessEnv): HostPost {
  const dispatchers = new Map<boolean, Dispatcher>();
  const dispatcherOf = (privateAllowed: boolean): Dispatcher => {
    const known = dispatchers.get(privateAllowed);
    const policy: DialPolicy = { ...dialPolicyDefault, privateAllowed };
    const made = known ?? vettedDispatcher(policy);
    dispatchers.set(privateAllowed, made);
    return made;
  };
  return async ({ entry, url: given, timeoutMs, answerBytesMax, signal }, question) => {
    const read = file.read();
    if (!read.ok) return undefined;
    const host = read.servers.get(entry);
    const url = given ?? host?.url;
    const headers = headersOf(host, environment);
    if (url === undefined || headers === undefined) return undefined;
    const { privateNetwork = false } = host ?? {};
    const address = new URL(url);
    if (address.protocol === 'http:' && !privateNetwork) return undefined;
    try {
      const { status, body } = await exchange(dispatcherOf(privateNetwork), {
        ...{ url: address, method: 'POST', headers, body: question, signal },
        ...{ headMs: timeoutMs, wholeMs: timeoutMs, bytesMax: answerBytesMax, streams: () => false },
      });
      if (status !== 200 || !(body instanceof Uint8Array)) return undefined;
      const parsed = parseStrictText(new TextDecoder().decode(body));
      return parsed.ok ? parsed.value : undefined;
    } catch {
      return undefined;
    }
  };
}

/** Undefined: a variable that it names is not there. */
function headersOf(host: HostServer | undefined, environment: NodeJS.ProcessEnv): string[] | undefined {
  const headers = ['content-type', 'application/json', 'accept', 'application/json'];
  for (const [name, variable] of Object.entries(host?.headersFrom ?? {})) {
    const value = environment[variable];
    if (value === undefined) return undefined;
    headers.push(name, value);
  }
  return headers;
}
