/** A log for tests: an in-memory tile store that fails on demand, a gateway that seals batches, keys, and the offline verifier. */
import { checkpointSigner, formatVkey } from '@atf/core/audit/checkpoint';
import { type EntryDraft, encodeEntry } from '@atf/core/audit/entry';
import {
  exportGatewayKey,
  type GatewayKey,
  type GatewayKeyRecord,
  importGatewayKey,
  makeSeal,
  parseGatewayKeys,
  type SealSigner,
  sealSigner,
} from '@atf/core/audit/gateway-key';
import { leafHash } from '@atf/core/audit/merkle';
import type { SealedPayload } from '@atf/core/audit/payload';
import { encodeBatch, encodePayload, genesisHash, type SpoolRecord } from '@atf/core/audit/spool-frame';
import type { LogFile } from '@atf/core/audit/tree-edge';
import { type LogReport, type VerifyOptions, verifyTree } from '@atf/core/audit/verify-log';
import { generateKeyPairSync } from 'node:crypto';
import type { Clock, Control } from '../context.ts';
import type { TestDb } from '../db/test-db.ts';
import { pendingCount } from './store.ts';
import { openSequencer, type Sequencer } from './sequencer.ts';
import type { TileStore } from './tile-store.ts';

export const tenant = 'main';
export const origin = 'atf.test/log/main';
export const logSigner = checkpointSigner(origin, generateKeyPairSync('ed25519').privateKey);
export const vkey = formatVkey(origin, logSigner.publicKey);
const gatewayPrivate = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
export const seals = sealSigner('gk1', gatewayPrivate);
export const gatewayRecord = exportGatewayKey('gk1', gatewayPrivate);
export const gatewayKey = importGatewayKey(gatewayRecord) as GatewayKey;

export class TestClock implements Clock {
  now = Date.parse('2026-11-20T12:00:00.000Z');
  nowMs(): number {
    return this.now;
  }
}

/** What a fault does: nothing happens, everything happens, or (of several files) the first half. */
export type Effect = 'none' | 'all' | 'half';

export class FaultyStore implements TileStore {
  readonly files = new Map<string, Uint8Array>();
  operations = 0;
  failAt: { operation: number; effect: Effect } | undefined;

  private async act(files: readonly string[], apply: (path: string) => void): Promise<void> {
    const chosen = this.failAt?.operation === this.operations++ ? this.failAt.effect : undefined;
    const reached =
      chosen === undefined || chosen === 'all' ? files.length : chosen === 'half' ? files.length >> 1 : 0;
    for (const path of files.slice(0, reached)) apply(path);
    if (chosen !== undefined) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    await Promise.resolve();
  }

  get = async (path: string): Promise<Uint8Array | undefined> => this.files.get(path);
  put = (files: readonly LogFile[]): Promise<void> =>
    this.act(
      files.map(({ path }) => path),
      (path) => this.files.set(path, Buffer.from(files.find((file) => file.path === path)?.bytes ?? [])),
    );
  remove = (paths: readonly string[]): Promise<void> => this.act(paths, (path) => this.files.delete(path));
  list = async (folder: string): Promise<string[]> =>
    [...this.files.keys()]
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1));
}

/** The transactions of the database, one of which can fail before or after it has committed. */
export function faultyChange(db: TestDb): {
  change: Control['change'];
  failAt(call: number, committed: boolean): void;
  calls(): number;
} {
  let calls = 0;
  let fault: { call: number; committed: boolean } | undefined;
  return {
    calls: () => calls,
    failAt: (call, committed) => {
      fault = { call, committed };
    },
    async change(work) {
      const chosen = fault?.call === calls++ ? fault : undefined;
      if (chosen?.committed === false) throw new Error('connection lost');
      const result = await db.change(work);
      if (chosen?.committed === true) throw new Error('connection lost');
      return result;
    },
  };
}

/** A gateway as seen from control: makes sealed, chained batches. */
export class FakeGateway {
  epoch = 1;
  seq = 0;
  prev: Uint8Array = genesisHash;
  private seal: string | undefined;
  readonly id: string;
  readonly signer: SealSigner;
  constructor(id: string, signer: SealSigner = seals) {
    this.id = id;
    this.signer = signer;
  }

  /** One frame with a record per draft. */
  batch(
    drafts: readonly Partial<EntryDraft>[],
    payloads: readonly (SealedPayload | undefined)[] = [],
  ): Uint8Array {
    const firstSeq = this.seq + 1;
    const prev = this.prev;
    const records: SpoolRecord[] = drafts.map((draft, i) => {
      const source = {
        gateway: this.id,
        epoch: this.epoch,
        seq: this.seq + 1,
        prev: Buffer.from(this.prev).toString('base64url'),
        ...(this.seal === undefined ? {} : { seal: this.seal }),
      };
      const payload = payloads[i];
      const committed =
        payload === undefined ? {} : { payload: { id: payload.id, commitment: payload.commitment } };
      const base: EntryDraft = { type: 'action.intent', at: '2026-11-20T12:00:00.000Z', tenant, body: {} };
      const entry = encodeEntry({ ...base, ...committed, ...draft }, source) as Uint8Array;
      this.seal = undefined;
      this.seq += 1;
      this.prev = leafHash(entry);
      return { entry, payload: payload === undefined ? undefined : encodePayload(payload) };
    });
    const seal = makeSeal({ gateway: this.id, seq: this.seq, hash: this.prev }, this.signer);
    this.seal = seal;
    return encodeBatch({ gateway: this.id, epoch: this.epoch, firstSeq, prev, records, seal });
  }

  /** A copy that goes its own way from here. */
  clone(): FakeGateway {
    return Object.assign(new FakeGateway(this.id, this.signer), this);
  }
}

export const gatewayKeys = (...ids: string[]): ReadonlyMap<string, readonly GatewayKeyRecord[]> =>
  new Map(ids.map((id) => [id, [gatewayRecord]]));

/** Verifies what the store holds as an outsider would, from its files alone. */
export async function verifyStore(store: TileStore, options: VerifyOptions = {}): Promise<LogReport> {
  const text = async (path: string): Promise<string> =>
    Buffer.from((await store.get(path)) ?? []).toString('utf8');
  const keys = parseGatewayKeys(await text('gateways.json'));
  return verifyTree((path) => store.get(path), await text('checkpoint'), vkey, keys ?? new Map(), options);
}

export interface LogUnderTest {
  readonly db: TestDb;
  readonly store: TileStore;
  readonly change?: Control['change'];
  readonly clock: Clock;
}

export function open({ db, store, change, clock }: LogUnderTest): Promise<Sequencer> {
  return openSequencer({
    db: db.db,
    change: change ?? db.change,
    store,
    clock,
    tenant,
    signer: logSigner,
    gatewayKeys: async () => gatewayKeys('g1', 'g2'),
  });
}

/** Steps until nothing is pending. */
export async function drain(sequencer: Sequencer, db: TestDb): Promise<void> {
  for (let steps = 0; (await pendingCount(db.db, tenant)) > 0; steps++) {
    if (steps > 50) throw new Error('the sequencer makes no progress');
    await sequencer.step();
  }
}
