/**
 * Room: replicas (B-1, invariant 8). Which of several control processes on one database does what only one may do: sequence the log, ask witnesses, keep
 * approvals, watch gateways, send news. A lease on a row of the database says who; the fence of that lease says it to every write.
 *
 * A holder that was paused, cut off or slow may believe that it leads when another does. So belief counts for nothing: {@link fenced} reads the lease
 * in the transaction of each write and holds the row until it has committed. Who takes over waits for such a transaction, and every later one of the
 * old holder is refused.
 */
import { RefusalError, refuse } from '@atf/core/errors';
import type { Control } from '../context.ts';
import { claimDuty, type Claim, dutyNote, releaseDuty, renewDuty, shareDuty } from './store.ts';

const dutyName = 'lead';
/** A leader that died is replaced after this; nothing that agents wait for hangs on it. */
export const leadLeaseMs = 3_000;
const turnEveryMs = 750;
/** A replica that could not do the work leaves it to others this long. */
const declineMs = 10_000;
const noteBytesMax = 65_536;

/** Work of the leader, under way. */
export interface LeadWork {
  /** Told to the other replicas: JSON text. */
  note(): string;
  end(): Promise<void>;
}

export interface LeadInput {
  readonly control: Control;
  readonly replica: string;
  /** Begins the work with a control whose every write is fenced. Refuses when it cannot be done here. */
  readonly begin: (held: Control) => Promise<LeadWork>;
}

/** The same control, whose changes are refused with `storage.lead_lost` once somebody else leads. */
export function fenced(control: Control, fence: number): Control {
  const { tenant } = control.config;
  return {
    ...control,
    change: (work) =>
      control.change(async (tx) => {
        if (!(await shareDuty(tx, tenant, dutyName, fence))) refuse('storage.lead_lost');
        return work(tx);
      }),
  };
}

export class Lead {
  readonly #input: LeadInput;
  readonly #claim: Claim;
  #held: { readonly fence: number; readonly work: LeadWork } | undefined;
  /** Not renewed by then, somebody else may lead. */
  #overdue: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turning: Promise<void> = Promise.resolve();
  #ending: Promise<void> | undefined;
  #declineUntilMs = 0;
  #closed = false;
  #note = '';

  constructor(input: LeadInput) {
    this.#input = input;
    const { tenant } = input.control.config;
    this.#claim = { tenant, name: dutyName, holder: input.replica, leaseMs: leadLeaseMs };
  }

  get leads(): boolean {
    return this.#held !== undefined;
  }

  /** What the leader tells, as of the last turn; empty while nobody leads. */
  get note(): string {
    return this.#held?.work.note() ?? this.#note;
  }

  /** Takes the first turn, and goes on by itself. Refuses what `begin` refuses, if it falls to this replica now. */
  async start(): Promise<void> {
    await this.#claimAndBegin();
    this.#later();
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#turning = this.#turn()
        .catch((fault: unknown) => this.#input.control.log.error({ err: fault }, 'taking turns in leading'))
        .finally(() => this.#later());
    }, turnEveryMs);
  }

  async #turn(): Promise<void> {
    const { control } = this.#input;
    const held = this.#held;
    if (held === undefined) {
      this.#note = (await dutyNote(control.db, this.#claim.tenant, dutyName)) ?? '';
      if (performance.now() < this.#declineUntilMs) return;
      try {
        await this.#claimAndBegin();
      } catch (fault) {
        this.#declineUntilMs = performance.now() + declineMs;
        throw fault;
      }
      return;
    }
    const beganMs = performance.now();
    const note = held.work.note();
    const renewed = await renewDuty(
      control.db,
      this.#claim,
      held.fence,
      note.length > noteBytesMax ? '' : note,
    );
    if (renewed) this.#within(leadLeaseMs - (performance.now() - beganMs));
    else await this.#lose();
  }

  async #claimAndBegin(): Promise<void> {
    const { control, begin } = this.#input;
    const beganMs = performance.now();
    const fence = await claimDuty(control.db, this.#claim);
    if (fence === undefined || this.#closed) return;
    try {
      const keeping = setInterval(() => {
        // The log may be long: what opens it must not lose the lead over it.
        void renewDuty(control.db, this.#claim, fence, '').catch(() => undefined);
      }, turnEveryMs);
      const work = await begin(fenced(control, fence)).finally(() => clearInterval(keeping));
      this.#held = { fence, work };
    } catch (fault) {
      await releaseDuty(control.db, this.#claim, fence).catch(() => undefined);
      if (fault instanceof RefusalError && fault.refusal.code === 'storage.lead_lost') return;
      throw fault;
    }
    control.log.info({ fence }, 'this replica leads');
    this.#within(leadLeaseMs - Math.min(performance.now() - beganMs, leadLeaseMs / 2));
  }

  #within(ms: number): void {
    clearTimeout(this.#overdue);
    this.#overdue = setTimeout(() => void this.#lose(), Math.max(0, ms));
  }

  /** Somebody else may lead: what is under way here ends. Its writes are refused already. */
  #lose(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return this.#ending ?? Promise.resolve();
    clearTimeout(this.#overdue);
    this.#held = undefined;
    this.#input.control.log.warn({ fence: held.fence }, 'this replica leads no more');
    this.#declineUntilMs = Number.POSITIVE_INFINITY;
    this.#ending = held.work
      .end()
      .catch((fault: unknown) =>
        this.#input.control.log.error({ err: fault }, 'work of the leader did not end well'),
      )
      .finally(() => {
        this.#declineUntilMs = 0;
      });
    return this.#ending;
  }

  /** Ends the work while the lead is still held, so that what waits is finished, then hands it over at once. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#turning;
    const held = this.#held;
    if (held === undefined) return this.#ending;
    const keeping = setInterval(() => {
      void renewDuty(this.#input.control.db, this.#claim, held.fence, '').catch(() => undefined);
    }, turnEveryMs);
    clearTimeout(this.#overdue);
    this.#held = undefined;
    try {
      await held.work.end();
    } finally {
      clearInterval(keeping);
      await releaseDuty(this.#input.control.db, this.#claim, held.fence).catch(() => undefined);
    }
  }
}
