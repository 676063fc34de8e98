/**
 * Room: audit (B-1, B-2). The leaf of the log: one event as UTF-8 JSON of at most 65,535 bytes. It is encoded once, where the event
 * happens; from then on everybody hashes, signs and stores those exact bytes, so no canonical form is needed. Leaves hold ids,
 * digests and decisions, never personal data or arguments: those are encrypted apart and committed to (`payload`).
 * Not here: what events exist (events.ts) and what their bodies mean (the rooms that raise them).
 */
import { timingSafeEqual } from 'node:crypto';
import type { EventName } from '../events.ts';
import { isJsonObject, type JsonObject, parseStrict } from '../wire/json.ts';
import { payloadCommitment } from './payload.ts';
import { entryBytesMax } from './tiles.ts';

/** Strict-JSON bounds of one leaf. */
const entryBounds = { bytesMax: entryBytesMax, depthMax: 24, valuesMax: 8_192 };
export const saltBytes = 32;

/**
 * Where a gateway's record stands in that gateway's own chain. `seq` counts from 1 and never restarts; `epoch` rises with every
 * opening of the spool. `prev` is the leaf hash of the record `seq - 1` (43 characters; zeros before the first). `seal` stands in
 * the first record of a batch: the gateway's signature over the record before it, so that the log itself proves what gateways signed.
 */
export interface GatewaySource {
  readonly gateway: string;
  readonly epoch: number;
  readonly seq: number;
  readonly prev: string;
  /** `<kid>.<base64url signature>`. */
  readonly seal?: string;
}

/** An event of the control plane: the id of its outbox row, unique. */
export interface ControlSource {
  readonly control: string;
}

/** Commitment to an encrypted payload that is kept, and may be erased, outside the log. */
export interface PayloadCommitment {
  readonly id: string;
  /** HMAC-SHA256(salt, ciphertext), base64url. */
  readonly commitment: string;
}

/** What a room says about an event; the recorder adds version and source. */
export interface EntryDraft<Body extends object = JsonObject> {
  readonly type: EventName;
  /** UTC with milliseconds, `2026-11-20T12:00:00.000Z`. */
  readonly at: string;
  readonly tenant: string;
  /** Ids for the index of the activity. */
  readonly agent?: string;
  readonly session?: string;
  readonly action?: string;
  /** One word: allowed, waiting, refused, done, failed, aborted, not_executed, unknown. */
  readonly outcome?: string;
  readonly payload?: PayloadCommitment;
  readonly body: Body;
}

/** A leaf as it was read. `type` may be unknown to this version: logs outlive versions. */
export interface Entry extends Omit<EntryDraft, 'type'> {
  readonly v: 1;
  readonly type: string;
  readonly source: GatewaySource | ControlSource;
}

export function isGatewaySource(source: GatewaySource | ControlSource): source is GatewaySource {
  return 'gateway' in source;
}

/** The exact bytes of the leaf; undefined when they would exceed 65,535. */
export function encodeEntry<Body extends object>(
  draft: EntryDraft<Body>,
  source: GatewaySource | ControlSource,
): Uint8Array | undefined {
  const { type, at, tenant, agent, session, action, outcome, payload, body } = draft;
  const bytes = Buffer.from(
    JSON.stringify({ v: 1, type, at, tenant, source, agent, session, action, outcome, payload, body }),
  );
  return bytes.length <= entryBytesMax ? bytes : undefined;
}

const typePattern = /^[a-z]{1,30}\.[a-z_]{1,50}$/;
const atPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const digestPattern = /^[A-Za-z0-9_-]{43}$/;
const keyPattern = /^[A-Za-z0-9_.:-]{1,128}$/;
const sealPattern = /^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{86}$/;
const entryKeys = new Set([
  'v',
  'type',
  'at',
  'tenant',
  'source',
  'agent',
  'session',
  'action',
  'outcome',
  'payload',
  'body',
]);

const isKey = (value: unknown): value is string => typeof value === 'string' && keyPattern.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;

function isSource(value: unknown): value is GatewaySource | ControlSource {
  if (!isJsonObject(value)) return false;
  const keys = Object.keys(value).length;
  if ('control' in value) return keys === 1 && isKey(value.control);
  const sealed = value.seal !== undefined;
  if (sealed && !(typeof value.seal === 'string' && sealPattern.test(value.seal))) return false;
  return (
    keys === (sealed ? 5 : 4) &&
    isKey(value.gateway) &&
    isCount(value.epoch) &&
    isCount(value.seq) &&
    typeof value.prev === 'string' &&
    digestPattern.test(value.prev)
  );
}

function isPayload(value: unknown): value is PayloadCommitment {
  if (!isJsonObject(value) || Object.keys(value).length !== 2) return false;
  return isKey(value.id) && typeof value.commitment === 'string' && digestPattern.test(value.commitment);
}

/** Reads a leaf strictly: duplicate keys, unknown fields and values of the wrong form are refused (undefined). */
export function decodeEntry(bytes: Uint8Array): Entry | undefined {
  const parsed = parseStrict(bytes, entryBounds);
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined;
  const value = parsed.value;
  if (Object.keys(value).some((key) => !entryKeys.has(key))) return undefined;
  if (value.v !== 1 || !isKey(value.tenant) || !isSource(value.source) || !isJsonObject(value.body))
    return undefined;
  if (typeof value.type !== 'string' || !typePattern.test(value.type)) return undefined;
  if (typeof value.at !== 'string' || !atPattern.test(value.at)) return undefined;
  for (const id of [value.agent, value.session, value.action, value.outcome]) {
    if (id !== undefined && !isKey(id)) return undefined;
  }
  if (value.payload !== undefined && !isPayload(value.payload)) return undefined;
  return value as unknown as Entry;
}

/** Whether a stored payload is the one that the leaf committed to (payload.ts makes commitments). */
export function payloadMatches(commitment: string, salt: Uint8Array, ciphertext: Uint8Array): boolean {
  const computed = Buffer.from(payloadCommitment(salt, ciphertext));
  const claimed = Buffer.from(commitment);
  return computed.length === claimed.length && timingSafeEqual(computed, claimed);
}
