/** Takes the place of control's `replicas/store.ts`: the same promises over virtual rows, so that the real lead and the real replicas run over them. */
import type { Claim, Replica } from '@atf/control/replicas/store';
import type * as store from '@atf/control/replicas/store';
import { type Handle, look, type WritableView } from './rows.ts';

const dutyTable = 'duty';
const replicaTable = 'replica';

interface Duty {
  readonly holder: string;
  readonly fence: number;
  readonly until: number;
  readonly note: string;
}

const dutyOf = (tx: WritableView, name: string): Duty | undefined => tx.get<Duty>(dutyTable, name);

export function claimDuty(db: unknown, { name, holder, leaseMs }: Claim): Promise<number | undefined> {
  const handle = db as Handle;
  return handle.write((tx) => {
    const held = dutyOf(tx, name);
    if (held !== undefined && held.until >= handle.clockMs) return undefined;
    const fence = (held?.fence ?? 0) + 1;
    tx.set(dutyTable, name, { holder, fence, until: handle.clockMs + leaseMs, note: '' });
    return fence;
  });
}

/** Changes the duty if it is still this holder's, under this fence. */
const ifHeld = (
  db: unknown,
  { name, holder }: Claim,
  fence: number,
  change: (held: Duty) => Duty,
): Promise<boolean> =>
  (db as Handle).write((tx) => {
    const held = dutyOf(tx, name);
    if (held?.holder !== holder || held.fence !== fence) return false;
    tx.set(dutyTable, name, change(held));
    return true;
  });

export function renewDuty(db: unknown, claim: Claim, fence: number, note: string): Promise<boolean> {
  const { clockMs } = db as Handle;
  return ifHeld(db, claim, fence, (held) => ({ ...held, until: clockMs + claim.leaseMs, note }));
}

export async function releaseDuty(db: unknown, claim: Claim, fence: number): Promise<void> {
  await ifHeld(db, claim, fence, (held) => ({ ...held, until: 0 }));
}

export async function shareDuty(tx: unknown, _tenant: string, name: string, fence: number): Promise<boolean> {
  return dutyOf(tx as WritableView, name)?.fence === fence;
}

export function dutyNote(db: unknown, _tenant: string, name: string): Promise<string | undefined> {
  const { clockMs } = db as Handle;
  return look(db, (rows) => {
    const held = rows.get<Duty>(dutyTable, name);
    return held !== undefined && held.until >= clockMs ? held.note : undefined;
  });
}

export function meetReplicas(
  db: unknown,
  _tenant: string,
  own: Replica,
  { withinMs }: { readonly withinMs: number; readonly forgetMs: number },
): Promise<Replica[]> {
  const handle = db as Handle;
  return handle.write((tx) => {
    tx.set(replicaTable, own.id, { ...own, seenAt: handle.clockMs });
    return tx
      .values<Replica & { readonly seenAt: number }>(replicaTable)
      .filter(({ id, seenAt }) => id !== own.id && seenAt >= handle.clockMs - withinMs);
  });
}

export async function leaveReplicas(db: unknown, _tenant: string, id: string): Promise<void> {
  await (db as Handle).write((tx) => tx.delete(replicaTable, id));
}

/** Proofs of possession are not simulated: agents come with their credentials. */
export function takeProof(): Promise<'taken'> {
  return Promise.resolve('taken');
}

type Replaced = Pick<
  typeof store,
  | 'claimDuty'
  | 'renewDuty'
  | 'releaseDuty'
  | 'shareDuty'
  | 'dutyNote'
  | 'meetReplicas'
  | 'leaveReplicas'
  | 'takeProof'
>;
/** The compiler holds these to the functions whose place they take. */
export const replaced: Replaced = {
  ...{ claimDuty, renewDuty, releaseDuty, shareDuty, dutyNote, meetReplicas, leaveReplicas, takeProof },
};
