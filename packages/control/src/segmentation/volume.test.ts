/** Volumes over the real database: counted once, a baseline a day, throttled once an hour, lifted by a person. */
import { sha256 } from '@atf/core/digest';
import { dayMs, hourMs } from '@atf/core/hours';
import type { Person } from '@atf/core/wire/api';
import { type Followed, unthrottleShownText } from '@atf/core/wire/adaptive';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertIndexRows } from '../audit/index-store.ts';
import { registerAgent } from '../identity/agents.ts';
import { agentById } from '../identity/store.ts';
import { type TestControl, testControl } from '../workspace/control.fixture.ts';
import { settingsSchema } from '../policy/settings.ts';
import { leaseCalls } from './budgets.ts';
import { unthrottle, volumeOf } from './agent-volume.ts';
import { ofEach, VolumeWatch } from './volume.ts';

let control: TestControl;
let owner: Person;
let stranger: Person;
let agentId: string;
let watch: VolumeWatch;
let logSize = 0;
const tenant = 'default';

beforeAll(async () => {
  control = await testControl();
  owner = await control.person('olga', ['agent_owner']);
  const technical = await control.person('tim', ['technical_owner']);
  const business = await control.person('bea', ['business_owner']);
  stranger = await control.person('sam', ['agent_owner']);
  const manifest = JSON.stringify({
    name: 'counter',
    version: '1.0.0',
    owner: owner.email,
    technicalOwner: technical.email,
    businessOwner: business.email,
    purpose: 'Counts.',
    domain: 'support',
    dataDomains: ['support'],
    capabilities: ['count'],
    tools: ['back-office/get_order'],
    escalation: owner.email,
    model: { provider: 'none', name: 'none' },
  });
  agentId = await control.change((tx) =>
    registerAgent(control, tx, manifest, 'json', { id: owner.id, operator: false }),
  );
  watch = new VolumeWatch(control);
});
afterAll(() => control.close());

/** A record about the agent, as the index of the log has it. */
const indexed = (type: string, at = control.clock.nowMs()) => ({
  tenant,
  leaf_hash: Buffer.alloc(32),
  type,
  at,
  agent: agentId,
  session: null,
  action: null,
  outcome: type === 'action.intent' ? 'allowed' : 'refused',
  gateway: null,
  epoch: null,
  seq: null,
  payload: null,
});

/** Puts calls that ran, and as many that were refused, into the index of the log. */
async function calls(count: number, at = control.clock.nowMs()): Promise<void> {
  const row = (type: string, i: number) => ({ ...indexed(type, at), log_index: logSize + i });
  const types = Array.from({ length: count }, () => ['action.intent', 'action.refused']).flat();
  await control.change((tx) => insertIndexRows(tx, types.map(row)));
  logSize += types.length;
}
const volume = async () => {
  const agent = await agentById(control.db, tenant, agentId);
  if (agent === undefined) throw new Error('no agent');
  return volumeOf(control, agent);
};

it('counts calls that ran, once, whoever counts; a clock that is ahead counts now', async () => {
  await calls(3);
  await calls(2, control.clock.nowMs() + 5 * hourMs);
  await Promise.all([watch.look(), new VolumeWatch(control).look()]);
  await watch.look();
  expect(await volume()).toMatchObject({ calls: 5, history: { activeHours: 1, calls: 5 } });
});

it('has no baseline without a week of history, and then one', async () => {
  await calls(500);
  await watch.look();
  expect((await volume()).throttle).toBeUndefined();
  expect((await volume()).baseline).toBeUndefined();
  for (let hour = 0; hour < 30; hour++) {
    control.later(6 * hourMs);
    await calls(20);
    await watch.look();
  }
  // The one hour of 505 calls is an outlier.
  expect((await volume()).baseline).toBe(20);
});

it('throttles above twice of it, once, tells people, and lets go when the hour is over', async () => {
  control.later(hourMs);
  await calls(40);
  await watch.look();
  expect((await volume()).throttle).toBeUndefined();
  await calls(1);
  await watch.look();
  await watch.look();
  const { throttle } = await volume();
  expect(throttle).toMatchObject({ calls: 41, baseline: 20, max: 1, perSeconds: 180 });
  expect((await control.doc('agent', agentId))?.throttle).toEqual(throttle);
  expect(await control.events('segmentation.agent_throttled')).toHaveLength(1);
  const notices = await control.db.selectFrom('notification').select('kind').execute();
  expect(notices).toEqual([{ kind: 'agent_throttled' }]);
  control.later(Date.parse(throttle?.until ?? '') - control.clock.nowMs());
  await new VolumeWatch(control).look();
  expect((await volume()).throttle).toBeUndefined();
  expect((await control.doc('agent', agentId))?.throttle).toBeUndefined();
  expect((await control.events('segmentation.throttle_ended')).at(-1)?.body['because']).toBe('hour_over');
});

it('a person who answers for it lifts it for the rest of the hour, nobody else does', async () => {
  await calls(60);
  await watch.look();
  const since = (await volume()).throttle?.since ?? '';
  const lift = (by: Person, shownSince = since) => {
    const reason = 'month end';
    const digest = sha256(unthrottleShownText({ agentId, since: shownSince, reason }));
    const presence = control.present(by, { kind: 'level', id: agentId, digest });
    return unthrottle(control, by, agentId, { reason, presence });
  };
  await expect(lift(stranger)).rejects.toThrow('people.not_allowed');
  await expect(lift(owner, '2026-01-01T00:00:00.000Z')).rejects.toThrow('people.presence_invalid');
  await lift(owner);
  await calls(100);
  await watch.look();
  expect((await volume()).throttle).toBeUndefined();
  await expect(lift(owner)).rejects.toThrow('segmentation.not_throttled');
  control.later(hourMs);
  await calls(60);
  await watch.look();
  expect((await volume()).throttle).toMatchObject({ calls: 60 });
});

it('does not take its baseline along: a day of the most that it may adds a quarter at the most', async () => {
  const before = (await volume()).baseline as number;
  for (let hour = 0; hour < 24 * 3; hour++) {
    control.later(hourMs);
    await calls(before * 2);
    await watch.look();
  }
  const after = (await volume()).baseline as number;
  expect(after).toBeGreaterThanOrEqual(before);
  expect(after).toBeLessThanOrEqual(Math.floor(before * 1.25 ** 3));
});

describe('the rate of a Principal', () => {
  type Bounds = { readonly floor: number; readonly ceiling: number };
  const settingsAre = async (changed: { callsFollowed?: Bounds | undefined; max?: number }) => {
    const { settings } = await control.db
      .selectFrom('policy_set')
      .select('settings')
      .executeTakeFirstOrThrow();
    const was = settingsSchema.parse(JSON.parse(settings));
    const principal = { max: changed.max ?? was.callsDefault.principal.max, perSeconds: 60 };
    const callsDefault = { ...was.callsDefault, principal };
    const text = JSON.stringify({ ...was, ...changed, max: undefined, callsDefault });
    await control.db.updateTable('policy_set').set({ settings: text }).execute();
    return look();
  };
  const look = async () => {
    await new VolumeWatch(control).look();
    return (await volume()).followed;
  };
  const levelIs = async (level: 'intern' | 'principal') => {
    await control.db.updateTable('agent').set({ level }).where('id', '=', agentId).execute();
    return look();
  };
  /** Days with so many calls in an hour. */
  const daysOf = async (count: number, days: number) => {
    for (let day = 0; day < days; day++) {
      control.later(dayMs);
      await calls(count);
      await watch.look();
    }
    return (await volume()).followed;
  };
  const told = () => control.events('segmentation.rate_followed');
  const about = async (type: string) => {
    const of = { ...indexed(type), log_index: logSize++ };
    await control.change((tx) => insertIndexRows(tx, [of]));
  };
  const bounds = { floor: 1, ceiling: 1_000 };

  it('begins with no more than it had, for Principals with a baseline, within the bounds', async () => {
    const baseline = (await volume()).baseline as number;
    expect(baseline).toBeGreaterThan(12);
    expect(await settingsAre({ callsFollowed: bounds, max: 12 })).toBeUndefined();
    expect(await levelIs('principal')).toMatchObject({ baseline, max: 12, perSeconds: 60 });
    expect((await control.doc('agent', agentId))?.followed).toMatchObject({ max: 12 });
  });

  it('falls at once with a ceiling; what is spent stays spent; a floor that people raise acts at once', async () => {
    const spent = { agentId, limit: 'rate:followed', max: 12, perSeconds: 60, wanted: 12 };
    expect(await leaseCalls(control, [spent])).toMatchObject({ grants: [{ granted: 12 }] });
    expect(await settingsAre({ callsFollowed: { floor: 1, ceiling: 5 }, max: 5 })).toMatchObject({ max: 5 });
    expect(await leaseCalls(control, [{ ...spent, max: 5, wanted: 5 }])).toMatchObject({
      grants: [{ granted: 0 }],
    });
    expect(await settingsAre({ callsFollowed: bounds })).toMatchObject({ max: 5 });
    expect(await settingsAre({ callsFollowed: { ...bounds, floor: 8 } })).toMatchObject({ max: 8 });
    expect(await settingsAre({ callsFollowed: bounds })).toMatchObject({ max: 8 });
    expect((await told()).map(({ body }) => body['is'])).toMatchObject([{ max: 12 }, { max: 5 }, { max: 8 }]);
  });

  it('is raised once in a quiet week, by a quarter, however busy the agent is', async () => {
    const busy = ((await volume()).baseline as number) - 1;
    expect(await daysOf(busy, 6)).toMatchObject({ max: 8 });
    expect(await daysOf(busy, 2)).toMatchObject({ max: 10 });
    expect(await daysOf(busy, 5)).toMatchObject({ max: 10 });
  });

  it.each([
    ['identity.agent_registered', 'new_version'],
    ['incident.containment_set', 'stopped'],
    ['approvals.review_objected', 'objected'],
  ])('is not raised within a week of %s', async (type, held) => {
    const { max, notBefore } = (await look()) as Followed;
    await about(type);
    control.later(Math.max(0, Date.parse(notBefore) - control.clock.nowMs()));
    const count = (await told()).length;
    expect(await look()).toMatchObject({ max, held });
    expect(await look()).toMatchObject({ max, held });
    expect(await told()).toHaveLength(count + 1);
  });

  it('is not raised while it is throttled or under a ceiling', async () => {
    const { max, notBefore } = (await look()) as Followed;
    control.later(Date.parse(notBefore) - control.clock.nowMs());
    await control.db.updateTable('agent').set({ ceiling: 'intern' }).where('id', '=', agentId).execute();
    expect(await look()).toMatchObject({ max, held: 'ceiling' });
    await control.db.updateTable('agent').set({ ceiling: null }).where('id', '=', agentId).execute();
  });

  it('a demotion and a promotion later bring nothing back that it had lost', async () => {
    const { max } = (await look()) as Followed;
    expect(await levelIs('intern')).toMatchObject({ max });
    expect(await settingsAre({ callsFollowed: { floor: 1, ceiling: 5 }, max: 5 })).toMatchObject({ max: 5 });
    await settingsAre({ callsFollowed: bounds, max: 12 });
    expect(await levelIs('principal')).toMatchObject({ max: 5 });
  });

  it('ends with the setting', async () => {
    expect(await settingsAre({ callsFollowed: undefined })).toBeUndefined();
    expect((await control.doc('agent', agentId))?.followed).toBeUndefined();
    await levelIs('intern');
  });
});

it('keeps four weeks, and the baseline of whoever rests longer', async () => {
  const { baseline } = await volume();
  control.later(40 * dayMs);
  await watch.look();
  expect(await volume()).toMatchObject({ baseline, history: { activeHours: 0 }, hours: [] });
});

it('one agent that fails keeps nobody behind it from their turn, and is told', async () => {
  const done: string[] = [];
  const work = async (name: string): Promise<void> => {
    if (name === 'broken') throw new Error('this one');
    done.push(name);
  };
  await expect(ofEach(['first', 'broken', 'last'], work)).rejects.toThrow('this one');
  expect(done).toEqual(['first', 'last']);
});
