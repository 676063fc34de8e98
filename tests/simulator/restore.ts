/**
 * A backup and, later, a disaster: every process ends, every disk and database is gone, and the product is put back as it was. What control/src/backup writes
 * into the database is modelled; that the log goes on under another name, and everything after it, is the product's own code.
 */
import type { Tx } from '@atf/control/context';
import { enqueue } from '@atf/control/audit/outbox';
import { checkpointPath } from '@atf/control/audit/open-check';
import type { RestoredBody } from '@atf/core/audit/continuation';
import { formatVkey, parseCheckpointBody } from '@atf/core/audit/checkpoint';
import { parseNote } from '@atf/core/audit/signed-note';
import type { SpoolPosition } from '@atf/core/audit/spool-frame';
import type { JsonObject } from '@atf/core/wire/json';
import type { Checks } from './checks.ts';
import type { ControlNode } from './control-node.ts';
import type { ControlState } from './control-state.ts';
import { writeDoc } from './feed-rows.ts';
import type { CheckpointWatch } from './final-checks.ts';
import type { Random } from './random.ts';
import { logFiles } from './row-tiles.ts';
import type { Image } from './rows.ts';
import { tenant } from './scene.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

const backupMs: readonly [number, number] = [400, 1_500];
const disasterMs: readonly [number, number] = [30, 1_200];
const resumeMs: readonly [number, number] = [50, 900];
const againMs = 50;
const lookMs = 8;
const looksMax = 100;
/** In no backup, as in control/src/backup/kept.ts. */
const notKept = ['duty', 'replica', 'audit_index'];

export interface RestoreInput {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly trace: Trace;
  readonly nowMs: () => number;
  readonly control: ControlNode;
  readonly state: ControlState;
  readonly checks: Checks;
  readonly checkpoints: CheckpointWatch;
  /** It goes on under the old name (a mutant). */
  readonly keepsOrigin: boolean;
  /** Others with other disks and names are in their place from now on; they start when they are told to. */
  readonly gatewaysLost: () => void;
  /** The product serves again. */
  readonly served: () => void;
  /** A person lets the fleet run again. */
  readonly resumed: () => void;
}

interface Backup {
  readonly image: Image;
  readonly checkpoint: string;
  readonly size: number;
  readonly at: string;
}

export class Restore {
  readonly #input: RestoreInput;
  #looksLeft = looksMax;

  constructor(input: RestoreInput) {
    this.#input = input;
  }

  start(): void {
    const { time, random } = this.#input;
    time.after(random.between(...backupMs), () => this.#backUp());
  }

  #backUp(): void {
    const { time, random, trace, control, state, nowMs } = this.#input;
    const image = new Map(control.database.image());
    for (const table of notKept) image.delete(table);
    const note = logFiles(control.database.committed).get(checkpointPath) ?? Buffer.alloc(0);
    const checkpoint = Buffer.from(note).toString('utf8');
    const signed = parseCheckpointBody(parseNote(checkpoint)?.text ?? '');
    // There is nothing to back up before the log was signed.
    if (signed === undefined) return void time.after(againMs, () => this.#backUp());
    // Best in the moment between the word of a person and the call.
    const isReleased = state.docs('approval').some(({ body }) => body.state === 'approved');
    if (!isReleased && --this.#looksLeft > 0) return void time.after(lookMs, () => this.#backUp());
    const backup = { image, checkpoint, size: signed.size, at: new Date(nowMs()).toISOString() };
    trace.add(`backup of ${signed.size} signed entries`);
    time.after(random.between(...disasterMs), () => void this.#restore(backup));
  }

  async #restore(backup: Backup): Promise<void> {
    const { time, random, trace, control, state, checks, checkpoints, keepsOrigin } = this.#input;
    trace.add('everything is lost; the backup is restored');
    control.crash();
    this.#input.gatewaysLost();
    const before = control.signer;
    if (!keepsOrigin) {
      control.rename();
      checkpoints.restored(backup.size);
    }
    await control.database.restore(backup.image, async (tx) => {
      const puts: Promise<void>[] = [];
      state.settle(tx, (topic, key, body) => {
        puts.push(writeDoc(tx, tenant, { topic, key, body: body === null ? null : JSON.stringify(body) }));
      });
      await Promise.all(puts);
      const body: RestoredBody = {
        restoreId: random.uuid(),
        backupAt: backup.at,
        from: {
          origin: before.name,
          vkey: formatVkey(before.name, before.publicKey),
          checkpoint: backup.checkpoint,
        },
        to: control.signer.name,
      };
      const { at } = backup;
      const event = { type: 'audit.log_restored', at, tenant, body: body as unknown as JsonObject } as const;
      await enqueue(tx as unknown as Tx, event);
    });
    checks.restored(
      (gateway) =>
        control.database.committed.get<SpoolPosition>('audit_gateway', gateway) ?? { epoch: 0, seq: 0 },
      new Set(state.docs('containment').map(({ key }) => key)),
    );
    control.start();
    this.#input.served();
    time.after(random.between(...resumeMs), () => void state.resume('fleet:*').then(this.#input.resumed));
  }
}
