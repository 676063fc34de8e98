/**
 * Room: audit (B-1, invariant 8). The log of this deployment as a control process has it. Everybody serves it; one writes it and asks its witnesses. On the
 * embedded database that is the only process there is, and the log is files; where replicas share a database it is rows, and the one that leads writes.
 */
import { type CheckpointSigner, formatVkey, parseCheckpointBody } from '@atf/core/audit/checkpoint';
import { checkQuorum, type LogPolicy } from '@atf/core/audit/log-policy';
import { parseNote } from '@atf/core/audit/signed-note';
import type { WitnessingView } from '@atf/core/wire/api';
import { refuse } from '@atf/core/errors';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadableLog } from '../activity/log-reader.ts';
import type { Control } from '../context.ts';
import { newestRestoration } from '../backup/store.ts';
import { continueLog } from './continue-log.ts';
import { allGatewayKeys } from './gateway-keys.ts';
import { checkpointPath, cosignedPath } from './open-check.ts';
import type { Under } from './proof-route.ts';
import { RowTileStore } from './row-tile-store.ts';
import { type LogStanding, openSequencer, type Sequencer } from './sequencer.ts';
import { logHead } from './store.ts';
import { FileTileStore, type TileStore } from './tile-store.ts';
import { witnessingView } from './witness-standing.ts';
import { readWitnessPolicy, startWitnessing } from './witnesses.ts';

/** The newest checkpoint is looked at by itself this often, for when nobody tells. */
const lookEveryMs = 500;
/** Files of a log that moved into the database are kept under this name. */
const movedName = 'log.moved-to-database';
const filesPerPut = 32;

/** The writing half, under way. */
export interface LogWriting {
  wake(): void;
  /** How the witnesses stand; undefined: none are asked. */
  witnessing(): WitnessingView | undefined;
  end(): Promise<void>;
}

export class RunningLog implements ReadableLog {
  readonly store: TileStore;
  readonly #control: Control;
  readonly #policy: LogPolicy | undefined;
  readonly #policyFile: string | undefined;
  readonly #signer: CheckpointSigner;
  /** Under which name it was signed before the product was restored. */
  readonly #before: CheckpointSigner | undefined;
  readonly #listeners = new Set<() => void>();
  #standing: LogStanding = { signedSize: 0, checkpoint: '', signedAt: undefined };
  #judged: { readonly note: string; readonly under: Under | undefined } | undefined;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #unlisten: () => void = () => undefined;
  /** How the witnesses stand, from whoever asks them. */
  #witnessing: () => WitnessingView | undefined = () => undefined;

  private constructor(
    control: Control,
    { signer, before }: { readonly signer: CheckpointSigner; readonly before: CheckpointSigner | undefined },
    store: TileStore,
    policyFile: string | undefined,
    policy: LogPolicy | undefined,
  ) {
    this.#control = control;
    this.#signer = signer;
    this.#before = before;
    this.store = store;
    this.#policyFile = policyFile;
    this.#policy = policy;
  }

  /** The reading half. Refuses `audit.witness_policy_invalid`. */
  static async open(control: Control, policyFile: string | undefined): Promise<RunningLog> {
    const { config, keys } = control;
    const restored = await newestRestoration(control.db, config.tenant);
    const signerOf = (name: string): CheckpointSigner => ({
      name,
      publicKey: keys.logPublicKey(),
      sign: (text) => keys.sign('log', text).signature,
    });
    const signer = signerOf(restored?.to_origin ?? `${config.trustDomain}/log/${config.tenant}`);
    const before = restored === undefined ? undefined : signerOf(restored.from_origin);
    const vkey = formatVkey(signer.name, signer.publicKey);
    const policy = policyFile === undefined ? undefined : await readWitnessPolicy(policyFile, vkey);
    const log = new RunningLog(control, { signer, before }, storeFor(control, false), policyFile, policy);
    await log.#look();
    if (control.shared !== undefined) {
      log.#unlisten = control.shared.onSigned(() => void log.#look());
      log.#timer = setInterval(() => void log.#look(), lookEveryMs);
      log.#timer.unref();
    }
    return log;
  }

  /** Begins to write: `held` may, and nobody else. Refuses what the state of the log refuses (open-check.ts). */
  async write(held: Control): Promise<LogWriting> {
    const { db, change, clock, config, log } = held;
    const { tenant, dataDir } = config;
    const store = storeFor(held, true);
    if (held.shared !== undefined) await moveFiles(new FileTileStore(join(dataDir, 'log')), store, dataDir);
    const place = { db, change, clock, store, tenant, signer: this.#signer };
    if (this.#before !== undefined) await continueLog(place, this.#before);
    let opened: Sequencer | undefined;
    const sequencer = await openSequencer({
      ...place,
      gatewayKeys: () => allGatewayKeys(db, tenant),
      onFault: (fault) => log.error({ err: fault }, 'the sequencer met a fault'),
      onSigned: () => {
        if (opened !== undefined) this.#take(opened.status());
        held.shared?.signed();
      },
    });
    opened = sequencer;
    this.#take(sequencer.status());
    const witnesses = await startWitnessing(held, this.#policyFile, {
      store,
      status: () => sequencer.status(),
      vkey: formatVkey(this.#signer.name, this.#signer.publicKey),
    });
    sequencer.start();
    const witnessing = () => (witnesses === undefined ? undefined : witnessingView(witnesses.standing()));
    return {
      wake: () => sequencer.wake(),
      witnessing,
      async end() {
        await witnesses?.stop();
        await sequencer.stop();
      },
    };
  }

  /** Where to ask how the witnesses stand. */
  witnessedBy(source: () => WitnessingView | undefined): void {
    this.#witnessing = source;
  }

  witnessing(): WitnessingView | undefined {
    return this.#witnessing();
  }

  status(): LogStanding {
    return this.#standing;
  }

  async treeSize(): Promise<number> {
    const { db, config } = this.#control;
    return (await logHead(db, config.tenant, this.#signer.name))?.size ?? 0;
  }

  get cosignedWanted(): boolean {
    return this.#policy !== undefined;
  }

  /** The newest signed checkpoint, as it is stored now: every replica says the same. */
  async newest(): Promise<Under | undefined> {
    const stored = await this.store.get(checkpointPath);
    const note = stored === undefined ? '' : Buffer.from(stored).toString('utf8');
    const body = parseCheckpointBody(parseNote(note)?.text ?? '');
    return body === undefined ? undefined : { size: body.size, checkpoint: note };
  }

  /** What a quorum of the policy has cosigned, as it is stored now; undefined without a policy, and while there is none. */
  async cosigned(): Promise<Under | undefined> {
    if (this.#policy === undefined) return undefined;
    const stored = await this.store.get(cosignedPath);
    if (stored === undefined) return undefined;
    const note = Buffer.from(stored).toString('utf8');
    if (this.#judged?.note !== note) this.#judged = { note, under: this.#judge(note, this.#policy) };
    return this.#judged.under;
  }

  #judge(text: string, policy: LogPolicy): Under | undefined {
    const note = parseNote(text);
    const body = parseCheckpointBody(note?.text ?? '');
    if (note === undefined || body === undefined || body.origin !== this.#signer.name) return undefined;
    return checkQuorum(policy, note, this.#control.clock.nowMs()).met
      ? { size: body.size, checkpoint: text }
      : undefined;
  }

  onSigned(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #look(): Promise<void> {
    this.#looking ??= this.newest()
      .then((newest) => {
        if (newest === undefined || newest.checkpoint === this.#standing.checkpoint) return;
        this.#take({
          signedSize: newest.size,
          checkpoint: newest.checkpoint,
          signedAt: this.#control.clock.nowMs(),
        });
      })
      .catch((fault: unknown) =>
        this.#control.log.error({ err: fault }, 'the newest checkpoint could not be read'),
      )
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  #take(standing: LogStanding): void {
    if (standing.signedSize < this.#standing.signedSize) return;
    this.#standing = standing;
    for (const listener of this.#listeners) listener();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unlisten();
  }
}

function storeFor(control: Control, writes: boolean): TileStore {
  const { db, change, shared, config } = control;
  const { tenant, dataDir } = config;
  if (shared === undefined) return new FileTileStore(join(dataDir, 'log'));
  return new RowTileStore({
    db,
    tenant,
    change: writes ? change : () => Promise.reject(new Error('only the leader writes the log')),
  });
}

/** A log that was written as files by an earlier version moves into the database, once and whole. */
async function moveFiles(files: FileTileStore, store: TileStore, dataDir: string): Promise<void> {
  if ((await store.get(checkpointPath)) !== undefined || (await files.get(checkpointPath)) === undefined)
    return;
  const paths = await files.everything();
  for (let at = 0; at < paths.length; at += filesPerPut) {
    const some = await Promise.all(
      paths.slice(at, at + filesPerPut).map(async (path) => ({
        path,
        bytes: (await files.get(path)) ?? refuse('audit.log_damaged', `${path} vanished while it was moved.`),
      })),
    );
    await store.put(some);
  }
  await rename(join(dataDir, 'log'), join(dataDir, movedName));
}
