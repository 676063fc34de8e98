import { leaseMs, type ContainmentDoc } from '@atf/core/wire/feed';
import { describe, expect, it } from 'vitest';
import { Lease } from './lease.ts';
import { Snapshot } from './snapshot.ts';
import { agentDoc, settingsDoc, uuid } from './testing/documents.fixture.ts';
import { VirtualClock } from './testing/ports.fixture.ts';

function made() {
  const clock = new VirtualClock();
  const lease = new Lease(leaseMs);
  const snapshot = new Snapshot({ clock, lease, compilePolicy: () => undefined });
  return { clock, lease, snapshot };
}
const key = `agent:${uuid(1)}`;
const stopSince = (since: string): ContainmentDoc => ({
  scope: { kind: 'agent', id: uuid(1) },
  state: 'killed',
  since,
  reason: 'r',
  by: 'b',
});
const first = stopSince('2026-11-20T10:00:00.000Z');
const second = stopSince('2026-11-20T11:00:00.000Z');

describe('the lease (invariant 3)', () => {
  it('counts from the sending of the nonce, and the newest answered nonce counts', () => {
    const lease = new Lease(800);
    expect(lease.fresh(0)).toBe(false);
    lease.renew(1_000);
    expect([lease.fresh(1_799), lease.fresh(1_800)]).toEqual([true, false]);
    lease.renew(1_400);
    lease.renew(1_200);
    expect([lease.fresh(2_199), lease.fresh(2_200)]).toEqual([true, false]);
  });

  it('is gone when something was not understood, until a new connection is answered', () => {
    const lease = new Lease(800);
    lease.renew(1_000);
    lease.distrust();
    lease.renew(1_100);
    expect(lease.fresh(1_100)).toBe(false);
    lease.restart();
    lease.renew(1_200);
    expect(lease.fresh(1_201)).toBe(true);
  });

  it('is not enough without the whole set of documents', () => {
    const { lease, snapshot } = made();
    lease.renew(0);
    expect(snapshot.fresh()).toBe(false);
    snapshot.setComplete(true);
    expect(snapshot.fresh()).toBe(true);
    snapshot.clear();
    expect(snapshot.fresh()).toBe(false);
  });
});

describe('stops ahead of their documents', () => {
  const inForce = (snapshot: Snapshot) => snapshot.containments().length > 0;

  it('hold until the document has come and gone', () => {
    const { snapshot } = made();
    snapshot.containAhead(key, first);
    expect(inForce(snapshot)).toBe(true);
    snapshot.apply('containment', key, first);
    expect(snapshot.containments()).toEqual([first]);
    snapshot.apply('containment', key, null);
    expect(inForce(snapshot)).toBe(false);
  });

  it('leave no gap when documents of an earlier stop and its end arrive after the frame of a later one', () => {
    const { snapshot } = made();
    snapshot.containAhead(key, second);
    snapshot.apply('containment', key, first);
    snapshot.apply('containment', key, null);
    expect(inForce(snapshot)).toBe(true);
    snapshot.apply('containment', key, second);
    snapshot.apply('containment', key, null);
    expect(inForce(snapshot)).toBe(false);
  });

  it('end at last when control only ever says that nothing is stopped', () => {
    const { snapshot, clock } = made();
    snapshot.containAhead(key, first);
    snapshot.apply('containment', key, null);
    clock.advance(1_999);
    expect(inForce(snapshot)).toBe(true);
    clock.advance(1);
    expect(inForce(snapshot)).toBe(false);
  });

  it('hold when they are told again after a new beginning of the documents, although no document says so', () => {
    const { snapshot, clock } = made();
    snapshot.containAhead(key, first);
    snapshot.clear();
    expect(inForce(snapshot)).toBe(true);
    snapshot.containAhead(key, first);
    clock.advance(60_000);
    expect(inForce(snapshot)).toBe(true);
  });

  it('survive a new beginning of the documents', () => {
    const { snapshot } = made();
    snapshot.apply('containment', key, first);
    snapshot.clear();
    expect(inForce(snapshot)).toBe(true);
  });
});

describe('documents', () => {
  it('that are not valid are not taken', () => {
    const { snapshot } = made();
    expect(snapshot.apply('agent', uuid(1), { ...agentDoc(1, 'intern', []), level: 'emperor' })).toBe(false);
    expect(snapshot.agent(uuid(1))).toBeUndefined();
  });

  it('raise the trust generation when keys or settings change, and only then', () => {
    const { snapshot } = made();
    const before = snapshot.trustGeneration();
    snapshot.apply('agent', uuid(1), agentDoc(1, 'intern', []));
    expect(snapshot.trustGeneration()).toBe(before);
    snapshot.apply('settings', '*', settingsDoc);
    snapshot.apply('jwks', '*', { keys: [] });
    expect(snapshot.trustGeneration()).toBe(before + 2);
  });

  it('tell listeners what was there before', () => {
    const { snapshot } = made();
    const seen: unknown[] = [];
    snapshot.onApplied((topic, docKey, body, before) =>
      seen.push([topic, docKey, body === null, before === undefined]),
    );
    snapshot.apply('agent', uuid(1), agentDoc(1, 'intern', []));
    snapshot.apply('agent', uuid(1), null);
    expect(seen).toEqual([
      ['agent', uuid(1), false, true],
      ['agent', uuid(1), true, false],
    ]);
  });
});
