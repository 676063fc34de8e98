/**
 * Room: audit, gateway side (B-1). Ships the spool's frames to control, in order, one at a time, as they become durable. Control's intake is
 * idempotent, so a frame whose answer was lost is sent again. Only what control says it holds is ever deleted here.
 */
import { shipmentFramesMax, type SpoolPosition } from '@atf/core/audit/spool-frame';
import { rawPaths } from '@atf/core/wire/api';
import { isJsonObject, parseStrict } from '@atf/core/wire/json';
import type { RawAnswer } from './control-client.ts';
import type { Spool } from './spool.ts';
import type { Shipment } from './spool-reader.ts';

/** Request header: records before this batch are not here any more, and control is to record the gap. */
export const gapHeader = 'atf-gap';
export const frameContentType = 'application/vnd.atf.spool-frame';
/** Bytes of further frames in a shipment, beside its first. */
const gatherBytesMax = 4 * 1_048_576;
/** A shipment is one transaction of control, and a beat waits for it on an embedded database: it must stay far below the lease. */
const gatherRecordsMax = 192;
/** A transaction costs control about the same for one record as for a hundred, and no call waits for shipping. */
const gatherMs = 100;
/** Why a wait ended: there is news. A reason of one's own spares the platform an exception with its stack. */
const woken = 'woken';
const retryFirstMs = 100;
const retryLastMs = 10_000;
/** Without news from the spool it looks again after this. */
const idleMs = 5_000;

export interface ShipperInput {
  readonly spool: Pick<Spool, 'readFrom' | 'acknowledged' | 'onDurable' | 'head'>;
  readonly send: (
    path: string,
    frame: Uint8Array,
    headers: Readonly<Record<string, string>>,
  ) => Promise<RawAnswer | undefined>;
  /** Waits; ends early when the signal fires. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Control refused a batch for good: people must look. */
  readonly onRefused: (code: string) => void;
}

/** Where control stands after an answer, with the code of its refusal when it refused. */
export function readShipAnswer(answer: RawAnswer): {
  readonly ok: boolean;
  readonly position: SpoolPosition | undefined;
  readonly code: string | undefined;
} {
  const parsed = parseStrict(answer.body);
  const value = parsed.ok && isJsonObject(parsed.value) ? parsed.value : {};
  const place = isJsonObject(value['position']) ? value['position'] : value;
  const { epoch, seq } = place;
  const whole = Number.isSafeInteger(epoch) && Number.isSafeInteger(seq);
  const position = whole ? { epoch: epoch as number, seq: seq as number } : undefined;
  const code = typeof value['code'] === 'string' ? value['code'] : undefined;
  return { ok: answer.status >= 200 && answer.status < 300, position, code };
}

interface Gathered {
  /** The last of the frames. */
  readonly shipment: Shipment;
  readonly frames: readonly Uint8Array[];
  readonly declaresGap: boolean;
  /** Further frames wait already. */
  readonly more: boolean;
}

export class Shipper {
  readonly #input: ShipperInput;
  readonly #ending = new AbortController();
  #cursor: SpoolPosition | undefined;
  #news = new AbortController();
  #retry = new AbortController();
  /** Somebody waits for control: frames are not gathered. */
  #hurry = new AbortController();
  readonly #waiting = new Set<{ readonly epoch: number; readonly seq: number; held(): void }>();
  #running: Promise<void> | undefined;
  #unlisten: (() => void) | undefined;

  constructor(input: ShipperInput) {
    this.#input = input;
  }

  start(): void {
    this.#unlisten = this.#input.spool.onDurable(() => this.#news.abort(woken));
    this.#running = this.#run();
  }

  /** Control can be reached again: what failed is tried at once. */
  retry(): void {
    this.#retry.abort();
  }

  /** Records that control does not hold yet. */
  behind(): number {
    return Math.max(0, this.#input.spool.head().seq - (this.#cursor?.seq ?? 0));
  }

  /** Resolves when control holds everything that is durable now, or with false after `boundMs`. */
  replicated(boundMs: number): Promise<boolean> {
    const { epoch, seq } = this.#input.spool.head();
    if (this.#isHeld({ epoch, seq })) return Promise.resolve(true);
    return new Promise((resolve) => {
      const over = new AbortController();
      const waiter = {
        epoch,
        seq,
        held: () => {
          this.#waiting.delete(waiter);
          over.abort();
          resolve(true);
        },
      };
      this.#waiting.add(waiter);
      this.#hurry.abort(woken);
      this.#news.abort(woken);
      void this.#input.pause(boundMs, over.signal).then(() => {
        if (this.#waiting.delete(waiter)) resolve(false);
      });
    });
  }

  #tellWaiting(): void {
    for (const waiter of [...this.#waiting]) if (this.#isHeld(waiter)) waiter.held();
  }

  /** A later epoch begins its own count: a high number of an earlier one holds nothing of it. */
  #isHeld({ epoch, seq }: { readonly epoch: number; readonly seq: number }): boolean {
    const cursor = this.#cursor;
    return cursor !== undefined && (cursor.epoch > epoch || (cursor.epoch === epoch && cursor.seq >= seq));
  }

  /** Ships what is durable now, within `boundMs`, then stops. */
  async close(boundMs: number): Promise<void> {
    const deadline = performance.now() + boundMs;
    while (this.behind() > 0 && performance.now() < deadline && !this.#ending.signal.aborted) {
      this.#news.abort(woken);
      await this.#input.pause(20, this.#ending.signal);
    }
    this.#unlisten?.();
    this.#ending.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    let failures = 0;
    while (!signal.aborted) {
      const step = await this.#step().catch(() => 'failed' as const);
      if (step === 'shipped') {
        failures = 0;
        continue;
      }
      const waitMs =
        step === 'idle' ? idleMs : Math.min(retryLastMs, retryFirstMs * 2 ** Math.min(failures, 10));
      failures = step === 'idle' ? 0 : failures + 1;
      const early = step === 'idle' ? this.#news : this.#retry;
      await this.#input.pause(waitMs, AbortSignal.any([signal, early.signal]));
      if (!this.#retry.signal.aborted) continue;
      this.#retry = new AbortController();
      failures = 0;
    }
  }

  /** The frames that are durable and not shipped yet, as many as one shipment takes. A gap ends it: it is declared for the first frame only. */
  async #gather(): Promise<Gathered | undefined> {
    const { spool } = this.#input;
    let shipment = await spool.readFrom(this.#cursor);
    if (shipment === undefined) return undefined;
    const declaresGap = shipment.gap && this.#cursor !== undefined;
    const frames = [shipment.frame];
    let bytes = shipment.frame.length;
    for (;;) {
      const next = await spool.readFrom(shipment.position);
      if (next === undefined) return { shipment, frames, declaresGap, more: false };
      bytes += next.frame.length;
      const records = next.position.seq - (this.#cursor?.seq ?? 0);
      const full =
        frames.length === shipmentFramesMax || bytes > gatherBytesMax || records > gatherRecordsMax;
      if (full || next.gap) return { shipment, frames, declaresGap, more: true };
      frames.push(next.frame);
      shipment = next;
    }
  }

  /** A moment in which records gather, unless somebody waits for control. */
  async #gatherMore(): Promise<void> {
    if (this.#waiting.size > 0) return;
    this.#hurry = new AbortController();
    await this.#input.pause(gatherMs, AbortSignal.any([this.#ending.signal, this.#hurry.signal]));
  }

  async #step(): Promise<'shipped' | 'idle' | 'failed'> {
    const { spool, send, onRefused } = this.#input;
    if (this.#news.signal.aborted) this.#news = new AbortController();
    const gathered = await this.#gather();
    if (gathered === undefined) return 'idle';
    const { shipment, frames, declaresGap, more } = gathered;
    const gap = declaresGap ? { [gapHeader]: 'declared' } : {};
    const answer = await send(rawPaths.spool, Buffer.concat(frames), {
      'content-type': frameContentType,
      ...gap,
    });
    if (answer === undefined) return 'failed';
    const { ok, position, code } = readShipAnswer(answer);
    if (ok) {
      this.#cursor =
        position !== undefined && position.seq > shipment.position.seq ? position : shipment.position;
      this.#tellWaiting();
      await spool.acknowledged(shipment.position);
      if (!more) await this.#gatherMore();
      return 'shipped';
    }
    if (code === 'audit.batch_out_of_order' && position !== undefined && position.seq !== this.#cursor?.seq) {
      // Control stands elsewhere: go on from there.
      this.#cursor = position.seq <= spool.head().seq ? position : undefined;
      return 'shipped';
    }
    onRefused(code ?? `status ${answer.status}`);
    return 'failed';
  }
}
