/**
 * Standing streams to agents: that a list has changed for them, that a resource has changed which they asked to be told of. GET of the elder revisions,
 * `subscriptions/listen` of 2026-07-28. What is told is decided anew whenever something changes: from the lists as this agent would see them now, whatever a tool
 * server claims. A stream ends with the standing of its agent; it carries no content.
 */
import type { FeedTopic } from '@atf/core/wire/feed';
import type { JsonObject } from '@atf/core/wire/json';
import type { CredentialFacts } from '@atf/core/world';
import type { AgentStream } from './agent-stream.ts';
import type { OfferedList } from './protocols/protocol.ts';

export const listenersMax = 4_096;
export const listenersOfInstanceMax = 8;
/** Of one instance and session on one server. */
export const subscribedMax = 100;
const subscribersMax = 10_000;
const settleMs = 50;
const sliceMax = 64;

export type Offered = Readonly<Record<OfferedList, string>>;

export interface ListenersInput {
  /** Digests of what this credential would be listed now; undefined: it is not served any more. */
  readonly offered: (credential: CredentialFacts, server: string) => Offered | undefined;
  /** Whether it is served now: what is asked once a second of everybody must cost little. */
  readonly served: (credential: CredentialFacts, server: string) => boolean;
  readonly mayRead: (credential: CredentialFacts, server: string, uri: string) => boolean;
  /** Nobody listens for this resource any more over the connection of this instance. */
  readonly onUnwatched: (server: string, instanceId: string, uri: string) => void;
}

export interface Listening {
  readonly credential: CredentialFacts;
  readonly server: string;
  readonly lists: readonly OfferedList[];
  /** Undefined: what was subscribed to by requests of its own. */
  readonly uris: readonly string[] | undefined;
  /** Members that each message bears. */
  readonly meta: JsonObject | undefined;
  readonly stream: AgentStream;
}

interface Listener extends Listening {
  told: Offered;
  readonly end: () => void;
}

export class Listeners {
  readonly #input: ListenersInput;
  readonly #open = new Set<Listener>();
  readonly #subscribed = new Map<string, Set<string>>();
  #changed = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;

  constructor(input: ListenersInput) {
    this.#input = input;
  }

  /** Whether one more may listen. */
  hasRoom({ instanceId }: CredentialFacts): boolean {
    let own = 0;
    for (const { credential } of this.#open) if (credential.instanceId === instanceId) own++;
    return this.#open.size < listenersMax && own < listenersOfInstanceMax;
  }

  /** Listens until the client goes, or its agent is not served any more. */
  async listen(listening: Listening, gone: AbortSignal): Promise<void> {
    const told = this.#input.offered(listening.credential, listening.server);
    if (told === undefined || gone.aborted) return;
    let own: Listener | undefined;
    await new Promise<void>((resolve) => {
      own = { ...listening, told, end: resolve };
      this.#open.add(own);
      gone.addEventListener('abort', () => resolve(), { once: true });
    });
    if (own !== undefined) this.#open.delete(own);
    for (const uri of listening.uris ?? []) this.#unwatch(listening, uri);
  }

  /** False: too many of this caller. */
  subscribe(credential: CredentialFacts, server: string, uri: string): boolean {
    const key = keyOf(credential, server);
    const held = this.#subscribed.get(key) ?? new Set();
    if (held.size >= subscribedMax && !held.has(uri)) return false;
    this.#subscribed.delete(key);
    this.#subscribed.set(key, held.add(uri));
    const [oldest] = this.#subscribed.keys();
    if (this.#subscribed.size > subscribersMax && oldest !== undefined) this.#subscribed.delete(oldest);
    return true;
  }

  unsubscribe(credential: CredentialFacts, server: string, uri: string): void {
    const key = keyOf(credential, server);
    const held = this.#subscribed.get(key);
    if (held?.delete(uri) !== true) return;
    if (held.size === 0) this.#subscribed.delete(key);
    this.#unwatch({ credential, server }, uri);
  }

  /** A document came or went: who may see something else now is told so shortly. */
  observe(topic: FeedTopic, key: string): void {
    if (topic === 'approval' || topic === 'jwks') return;
    for (const listener of this.#open) {
      const { server, credential } = listener;
      const concerned =
        topic === 'tool'
          ? key.startsWith(`${server}/`)
          : topic === 'server'
            ? key === server
            : topic === 'agent'
              ? key === credential.agentId
              : true;
      if (concerned) this.#changed.add(listener);
    }
    if (this.#changed.size > 0) this.#timer ??= setTimeout(() => this.#look(), settleMs).unref();
  }

  /** A server says that a resource changed. `instanceId`: over the connection of this instance only. */
  updated(server: string, instanceId: string | undefined, uri: string): void {
    for (const listener of this.#open) {
      const { credential } = listener;
      if (listener.server !== server || (instanceId !== undefined && credential.instanceId !== instanceId))
        continue;
      const wanted = this.#urisOf(listener).some((each) => uri === each || uri.startsWith(`${each}/`));
      if (wanted && this.#input.mayRead(credential, server, uri))
        this.#send(listener, 'notifications/resources/updated', { uri });
    }
  }

  /** Once a second: who is not served any more is not told anything either. */
  tick(): void {
    for (const listener of this.#open)
      if (!this.#input.served(listener.credential, listener.server)) this.#end(listener);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const listener of this.#open) this.#end(listener);
  }

  #look(): void {
    this.#timer = undefined;
    const slice = [...this.#changed].slice(0, sliceMax);
    for (const listener of slice) {
      this.#changed.delete(listener);
      if (!this.#open.has(listener)) continue;
      const now = this.#input.offered(listener.credential, listener.server);
      if (now === undefined) {
        this.#end(listener);
        continue;
      }
      const before = listener.told;
      listener.told = now;
      for (const list of listener.lists)
        if (now[list] !== before[list]) this.#send(listener, `notifications/${list}/list_changed`, {});
    }
    if (this.#changed.size > 0) this.#timer = setTimeout(() => this.#look(), 0).unref();
  }

  #send({ stream, meta }: Listener, method: string, params: JsonObject): void {
    stream.send({ jsonrpc: '2.0', method, params: meta === undefined ? params : { ...params, _meta: meta } });
  }

  #end(listener: Listener): void {
    this.#open.delete(listener);
    this.#changed.delete(listener);
    listener.end();
  }

  #urisOf({ uris, credential, server }: Listener): readonly string[] {
    return uris ?? [...(this.#subscribed.get(keyOf(credential, server)) ?? [])];
  }

  #unwatch({ credential, server }: Pick<Listening, 'credential' | 'server'>, uri: string): void {
    const { instanceId } = credential;
    for (const listener of this.#open)
      if (
        listener.server === server &&
        listener.credential.instanceId === instanceId &&
        this.#urisOf(listener).includes(uri)
      )
        return;
    this.#input.onUnwatched(server, instanceId, uri);
  }
}

const keyOf = ({ instanceId, sid }: CredentialFacts, server: string): string =>
  `${instanceId} ${sid} ${server}`;
