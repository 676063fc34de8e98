import { RefusalError } from '@atf/core/errors';
import { sql } from 'kysely';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { checkpointPath } from '../audit/open-check.ts';
import { RowTileStore } from '../audit/row-tile-store.ts';
import type { Control } from '../context.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { fenced, Lead, type LeadWork } from './lead.ts';
import {
  claimDuty,
  dutyNote,
  forgetProofs,
  meetReplicas,
  releaseDuty,
  renewDuty,
  takeProof,
} from './store.ts';

let control: TestControl;
beforeAll(async () => {
  control = await testControl({ policies: false });
});
afterAll(() => control.close());

const tenant = 'default';
const claim = (holder: string, leaseMs = 60_000) => ({ tenant, name: 'test', holder, leaseMs });

describe('a duty', () => {
  it('is held by one, under a fence that rises with each takeover', async () => {
    const { db } = control;
    const first = (await claimDuty(db, claim('a', 0))) ?? 0;
    expect(first).toBe(1);
    const second = (await claimDuty(db, claim('b'))) ?? 0;
    expect(second).toBe(2);
    expect(await claimDuty(db, claim('c'))).toBeUndefined();
    expect(await renewDuty(db, claim('a'), first, '')).toBe(false);
    expect(await renewDuty(db, claim('b'), second, '{"x":1}')).toBe(true);
    expect(await dutyNote(db, tenant, 'test')).toBe('{"x":1}');
    await releaseDuty(db, claim('a'), first);
    expect(await claimDuty(db, claim('c'))).toBeUndefined();
    await releaseDuty(db, claim('b'), second);
    expect(await dutyNote(db, tenant, 'test')).toBeUndefined();
    expect(await claimDuty(db, claim('c'))).toBe(3);
  });

  it('is taken over from a holder that died before the clock of the database was set back', async () => {
    const { db } = control;
    const duty = { tenant, name: 'ahead', leaseMs: 3_000 };
    // As it stands after the clock went back by an hour.
    expect(await claimDuty(db, { ...duty, holder: 'dead', leaseMs: 3_600_000 })).toBe(1);
    expect(await claimDuty(db, { ...duty, holder: 'next' })).toBe(2);
    expect(await renewDuty(db, { ...duty, holder: 'dead' }, 1, '')).toBe(false);
    expect(await claimDuty(db, { ...duty, holder: 'third' })).toBeUndefined();
  });
});

/** A replica that leads when it may, and keeps the control with which it writes. */
function replica(name: string): {
  lead: Lead;
  held: () => Control;
  begun: () => number;
  ended: () => number;
} {
  let held: Control = control;
  let begun = 0;
  let ended = 0;
  const begin = async (given: Control): Promise<LeadWork> => {
    held = given;
    begun++;
    return {
      note: () => JSON.stringify({ name }),
      async end() {
        ended++;
      },
    };
  };
  const lead = new Lead({ control: { ...control, log: pino({ level: 'silent' }) }, replica: name, begin });
  return { lead, held: () => held, begun: () => begun, ended: () => ended };
}

/** Sessions of this database that wait for a row that another one holds. */
async function waitingForLocks(db: Control['db']): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
    db,
  );
  return rows[0]?.n ?? 0;
}

describe('the lead', () => {
  it('goes to one of two, and over to the other when the first one ends; late writes of the first are refused', async () => {
    const [one, two] = [replica('one'), replica('two')];
    await one.lead.start();
    await two.lead.start();
    expect([one.begun(), two.begun()]).toEqual([1, 0]);
    const late = new RowTileStore({ db: control.db, tenant, change: one.held().change });
    await late.put([{ path: checkpointPath, bytes: Buffer.from('old') }]);
    await one.lead.close();
    expect(one.ended()).toBe(1);
    const third = replica('three');
    await third.lead.start();
    expect(third.begun() + two.begun()).toBe(1);
    expect(await codeOf(late.put([{ path: checkpointPath, bytes: Buffer.from('late') }]))).toBe(
      'storage.lead_lost',
    );
    expect(await codeOf(late.remove([checkpointPath]))).toBe('storage.lead_lost');
    expect(Buffer.from((await late.get(checkpointPath)) ?? []).toString()).toBe('old');
    await two.lead.close();
    await third.lead.close();
  });

  it('is let go by a replica that cannot do the work, which says so', async () => {
    const refusing = new Lead({
      control,
      replica: 'broken',
      begin: () => Promise.reject(new Error('the log is damaged')),
    });
    await expect(refusing.start()).rejects.toThrow('the log is damaged');
    await refusing.close();
    const next = replica('next');
    await next.lead.start();
    expect(next.begun()).toBe(1);
    await next.lead.close();
  });

  it.runIf(process.env['ATF_TEST_POSTGRES'] !== undefined)(
    'is not kept by a holder that stops in the middle of a write: its transaction is ended for it',
    { timeout: 120_000 },
    async () => {
      const { db } = control;
      const duty = { ...claim('stopped', 0), name: 'lead' };
      const fence = (await claimDuty(db, duty)) ?? 0;
      let taken: number | undefined;
      const write = fenced(control, fence).change(async (tx) => {
        // Nothing more is said on this connection until another replica leads.
        taken = await claimDuty(db, { ...duty, holder: 'next' });
        await tx.selectFrom('duty').select('fence').execute();
      });
      await expect(write).rejects.toThrow();
      expect(taken).toBe(fence + 1);
      await releaseDuty(db, { ...duty, holder: 'next' }, fence + 1);
    },
  );

  it('cannot be taken in the middle of a write of its holder', async () => {
    const { db } = control;
    const fence = (await claimDuty(db, { ...claim('x', 0), name: 'lead' })) ?? 0;
    const order: string[] = [];
    let taking: Promise<unknown> = Promise.resolve();
    await fenced(control, fence).change(async (tx) => {
      if (process.env['ATF_TEST_POSTGRES'] !== undefined) {
        // The embedded database has one session: nobody can come in between anyway.
        taking = claimDuty(db, { ...claim('y'), name: 'lead' }).then(() => order.push('taken'));
        await vi.waitFor(async () => expect(await waitingForLocks(db)).toBeGreaterThan(0), 30_000);
      }
      await tx.selectFrom('duty').select('fence').execute();
      order.push('written');
    });
    await taking;
    expect(order[0]).toBe('written');
    if (order.length === 1) await claimDuty(db, { ...claim('y'), name: 'lead' });
    const refused = fenced(control, fence).change(async () => undefined);
    await expect(refused).rejects.toThrow(RefusalError);
  });
});

describe('a proof of possession', () => {
  const bounds = { keptMs: 60_000, ofKeyMax: 3 };
  const proof = (jti: string, key = 'k') => ({ kind: 'instances' as const, key, jti });

  it('counts once over all replicas, and a key has no more than its share', async () => {
    const { db } = control;
    expect(await takeProof(db, tenant, proof('a'), bounds)).toBe('taken');
    expect(await takeProof(db, tenant, proof('a'), bounds)).toBe('known');
    const same = await Promise.all(
      Array.from({ length: 5 }, () => takeProof(db, tenant, proof('b'), bounds)),
    );
    expect(same.filter((found) => found === 'taken')).toHaveLength(1);
    expect(await takeProof(db, tenant, proof('c'), bounds)).toBe('taken');
    expect(await takeProof(db, tenant, proof('d'), bounds)).toBe('full');
    expect(await takeProof(db, tenant, proof('a', 'other'), bounds)).toBe('taken');
  });

  it('counts again once it has lapsed', async () => {
    const { db } = control;
    for (const jti of ['a', 'b', 'c', 'd', 'a'])
      expect(await takeProof(db, tenant, proof(jti, 'short'), { ...bounds, keptMs: -1 })).toBe('taken');
    expect(await takeProof(db, tenant, proof('b', 'short'), bounds)).toBe('taken');
    await forgetProofs(db, tenant);
    expect(await takeProof(db, tenant, proof('b', 'short'), bounds)).toBe('known');
    expect(await takeProof(db, tenant, proof('c', 'short'), bounds)).toBe('taken');
  });
});

describe('replicas', () => {
  it('see those that said lately that they are there, with their gateways', async () => {
    const { db } = control;
    const gateway = {
      id: 'g',
      connected: true,
      lastBeatMsAgo: 5,
      spool: { epoch: 1, seq: 2 },
      decide: undefined,
      draining: [],
    };
    const bounds = { withinMs: 60_000, forgetMs: 600_000 };
    expect(await meetReplicas(db, tenant, { id: 'one', gateways: [gateway] }, bounds)).toEqual([]);
    const others = await meetReplicas(db, tenant, { id: 'two', gateways: [] }, bounds);
    expect(others).toMatchObject([
      { id: 'one', gateways: [{ id: 'g', connected: true, spool: { seq: 2 } }] },
    ]);
    expect(
      await meetReplicas(db, tenant, { id: 'two', gateways: [] }, { withinMs: -1, forgetMs: -1 }),
    ).toEqual([]);
    // One that died before the clock of the database was set back.
    await meetReplicas(db, tenant, { id: 'one', gateways: [gateway] }, bounds);
    await db
      .updateTable('replica')
      .set({ seen_at: Date.now() + 3_600_000 })
      .where('id', '=', 'one')
      .execute();
    expect(await meetReplicas(db, tenant, { id: 'two', gateways: [] }, bounds)).toEqual([]);
  });
});
