/**
 * What every room of the control plane is given: the joints between rooms, as types. `main.ts` builds it; tests build it over a real
 * embedded database with a virtual clock. A room's routes are handlers by operation id; the server validates, authenticates and
 * checks roles before a handler runs.
 */
import type { EventName } from '@atf/core/events';
import type {
  BodyOut,
  OperationId,
  ParamsOut,
  Person,
  PresenceSubject,
  QueryOut,
  ResponseOf,
} from '@atf/core/wire/api';
import type { CarriedServers } from '@atf/core/wire/gateway-routes';
import type { Silent } from '@atf/core/wire/silent';
import type { ContainmentDoc, Drain, FeedDoc, FeedTopic, StopFileReport } from '@atf/core/wire/feed';
import type { Kysely, Transaction } from 'kysely';
import type { Logger } from 'pino';
import type { Tables } from './db/tables.ts';
import type { StopOutcome } from './feed/confirmations.ts';

export type Db = Kysely<Tables>;
export type Tx = Transaction<Tables>;

export interface Clock {
  /** Unix time, milliseconds. */
  nowMs(): number;
}

export interface Config {
  readonly tenant: string;
  readonly dataDir: string;
  /** `http://localhost:7780`: issuer, console origin, WebAuthn origin. */
  readonly controlUrl: string;
  /** Address of this one of several replicas, for gateways and operators, where it is not the one of all. */
  readonly replicaUrl?: string | undefined;
  readonly gatewayUrl: string;
  /** Control has the certificate itself: gateways must come over connections of their enrolled keys. */
  readonly mutualTls?: boolean;
  readonly trustDomain: string;
  /** Folder of the policy files in force at first start. */
  readonly policyDir: string;
  /** The example workspace was set up here; presence of bootstrap people may be simulated. */
  readonly example: boolean;
}

/** Named key purposes; private keys exist in clear in memory only. */
export type KeyPurpose = 'token' | 'log' | SecretPurpose;
export type SecretPurpose = 'payload' | 'approval' | 'session' | 'notification' | 'service' | 'token-value';

export interface Keys {
  /** ES256 for `token` (JOSE r‖s form), Ed25519 for `log`. */
  sign(purpose: 'token' | 'log', data: Uint8Array): { kid: string; signature: Uint8Array };
  publicJwks(): FeedDoc<'jwks'>;
  /** Raw Ed25519 public key (32 bytes) of the log. */
  logPublicKey(): Uint8Array;
  /** Symmetric key, 32 bytes. */
  secret(purpose: SecretPurpose, kid?: string): { kid: string; key: Uint8Array };
}

/** A gateway as it is heard. */
export interface LiveGateway {
  readonly id: string;
  readonly connected: boolean;
  readonly lastBeatMsAgo: number | undefined;
  readonly spool: { readonly epoch: number; readonly seq: number } | undefined;
  readonly decide: { readonly p50Ms: number; readonly p99Ms: number } | undefined;
  /** Graceful stops that it holds, as of its last beat on this connection. */
  readonly draining: readonly Drain[];
  /** What the stop file of its host stops, as of its last beat; undefined: there is none. */
  readonly stopFile?: StopFileReport | undefined;
  /** Own services and models that do not answer it, as of its last beat. */
  readonly silent?: readonly Silent[] | undefined;
}

export interface FeedHub {
  /** Writes the document in this transaction under the next version; gateways get it when the transaction has committed. `null`: gone. */
  put<T extends FeedTopic>(tx: Tx, topic: T, key: string, body: FeedDoc<T> | null): Promise<void>;
  /**
   * Containment ahead of its record: sent to every connected gateway at once, and to those of other replicas. Resolves when all have confirmed or after
   * `boundMs`.
   */
  contain(key: string, body: ContainmentDoc, boundMs: number): Promise<StopOutcome>;
  /** Stops in force that are not on record yet: a gateway that connects meanwhile is told them before anything else. */
  announce(unrecorded: () => readonly { readonly key: string; readonly body: ContainmentDoc }[]): void;
  /** Of all replicas. */
  gateways(): LiveGateway[];
  /** Those that this process hears itself. */
  own(): LiveGateway[];
  disconnect(gatewayId: string): void;
}

export interface Audit {
  /** Puts an event of control into the outbox, in the transaction of the change. `body` holds no personal data in clear: ids, not names. */
  enqueue(tx: Tx, event: EventName, body: Record<string, unknown>): Promise<void>;
}

/** Who calls. A gateway or instance is identified by its verified proof. */
export type Actor =
  | {
      readonly kind: 'person';
      readonly person: Person;
      readonly by: 'session' | 'token';
      readonly sessionId: string | undefined;
    }
  | {
      readonly kind: 'gateway';
      readonly gatewayId: string;
      readonly name: string;
      readonly servers: CarriedServers;
    }
  | { readonly kind: 'instance'; readonly instanceId: string; readonly jkt: string }
  | { readonly kind: 'host'; readonly hostId: string }
  | { readonly kind: 'public' };

export interface Presence {
  /** Consumes a presence token for exactly this subject by this person, or throws a refusal (`people.presence_invalid`). */
  consume(
    tx: Tx,
    person: Person,
    token: string,
    subject: PresenceSubject,
  ): Promise<{ method: 'passkey' | 'passphrase' | 'simulated' }>;
}

export interface Control {
  readonly db: Db;
  /**
   * The only way to change state: runs `work` in one transaction, and after the commit syncs the write-ahead log (group commit) and
   * wakes feed and sequencer. Resolves when the change is durable.
   */
  change<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  readonly clock: Clock;
  readonly config: Config;
  readonly keys: Keys;
  readonly feed: FeedHub;
  readonly audit: Audit;
  readonly presence: Presence;
  readonly log: Logger;
  /** Present where several processes share the database. */
  readonly shared?: Shared | undefined;
}

/** What several processes on one database have together. */
export interface Shared {
  /** Id of this one, anew with each start. */
  readonly replica: string;
  /** Remembers a proof of possession; false: one of the processes has seen it. Refuses `request.overloaded`. */
  takeProof(kind: 'gateways' | 'instances', key: string, jti: string, ofKeyMax: number): Promise<boolean>;
  /** Whether this process leads: it does what only one may do (duties.ts). */
  leads(): boolean;
  /** Told when this process begins or ceases to lead. */
  leading(leads: boolean): void;
  /** The log was signed here. */
  signed(): void;
  /** Told when another process has signed it, or may have. Gives a function that ends it. */
  onSigned(listener: () => void): () => void;
}

export interface Call<K extends OperationId> {
  readonly params: ParamsOut<K>;
  readonly query: QueryOut<K>;
  readonly body: BodyOut<K>;
  readonly actor: Actor;
  /** Raw proof of `instances.enrol` and `instances.token`, and other headers. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Thumbprint of the key that the connection has shown (`tls.ts`). */
  readonly connectionKey?: string | undefined;
  /** Sets a response header (cookies). */
  setHeader(name: string, value: string): void;
}

export type Handler<K extends OperationId> = (control: Control, call: Call<K>) => Promise<ResponseOf<K>>;
export type Handlers<K extends OperationId> = { readonly [Key in K]: Handler<Key> };

/** A migration of a room: name sorts after all earlier ones (`0003_identity`). */
export interface Migration {
  readonly name: string;
  up(db: Kysely<unknown>): Promise<void>;
}
