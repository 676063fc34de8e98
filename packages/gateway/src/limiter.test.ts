import { refusal } from '@atf/core/errors';
import type { SettingsDoc } from '@atf/core/wire/feed';
import { describe, expect, it } from 'vitest';
import { type Hold, leasedMsOf, Limiter, type LimitInput } from './limiter.ts';
import type { ControlPort } from './ports.ts';
import { Budgets } from './testing/budgets.fixture.ts';
import { agentDoc, settingsDoc, uuid } from './testing/documents.fixture.ts';
import { tools } from './testing/ports.fixture.ts';

const leasedMs = leasedMsOf({ max: 1, perSeconds: 60 });

/** One control, its budgets, and a clock that both planes share. */
class World {
  nowMs = 1_000;
  away = false;
  requests = 0;
  readonly budgets = new Budgets();
  readonly control: ControlPort = {
    request: async (_operation, call) => {
      this.requests++;
      await Promise.resolve();
      if (this.away) return { ok: false, refusal: refusal('containment.feed_stale'), sent: false };
      return { ok: true, value: this.budgets.lease(call.body, this.nowMs) as never };
    },
  };

  limiter(countersMax?: number): Limiter {
    const bound = countersMax === undefined ? {} : { countersMax };
    return new Limiter({ control: this.control, monotonicMs: () => this.nowMs, ...bound });
  }
}

const bound = (max: number, perSeconds = 60, n = 1): LimitInput => ({
  agent: { ...agentDoc(n, 'intern', []), limits: [{ calls: { max, perSeconds } }] },
  tool: undefined,
  settings: settingsDoc,
  proof: 'dpop',
});

async function admitted(limiter: Limiter, input: LimitInput): Promise<Hold | undefined> {
  const hold = await limiter.hold(input);
  return limiter.look(input, hold).every(({ ok }) => ok) ? hold : undefined;
}

async function count(limiters: readonly Limiter[], input: LimitInput, calls: number): Promise<number> {
  const tries = Array.from({ length: calls }, (_, at) =>
    admitted(limiters[at % limiters.length] as Limiter, input),
  );
  return (await Promise.all(tries)).filter((hold) => hold !== undefined).length;
}

describe('rate limits (S-3)', () => {
  it('fall back to the default of the level', async () => {
    const limiter = new World().limiter();
    const input = { ...bound(1), agent: agentDoc(1, 'intern', []) };
    const facts = limiter.look(input, await limiter.hold(input));
    expect(facts).toEqual([{ id: 'rate:agent', ok: true, max: 100, perSeconds: 60, retryAfterMs: 0 }]);
  });

  it('of a Principal follow what is usual for it, never above its manifest; a demotion widens nothing', () => {
    const followed = { baseline: 40, max: 40, perSeconds: 60, notBefore: '2026-01-08T00:00:00.000Z' };
    const principal = { ...agentDoc(1, 'principal', []), followed };
    const limiter = new World().limiter();
    const ids = (agent: LimitInput['agent'], proof: LimitInput['proof'] = 'dpop') =>
      limiter
        .look({ agent, tool: undefined, settings: settingsDoc, proof })
        .map(({ id, max }) => `${id} ${max}`);
    expect(ids(principal)).toEqual(['rate:followed 40']);
    const limits = [{ calls: { max: 7, perSeconds: 60 } }];
    expect(ids({ ...principal, limits })).toEqual(['rate:agent 7', 'rate:followed 40']);
    const demoted = ['rate:followed 40', `rate:agent ${settingsDoc.callsDefault.senior?.max}`];
    expect(ids({ ...principal, ceiling: 'senior' })).toEqual(demoted);
    expect(ids({ ...principal, level: 'senior' })).toEqual(demoted);
    expect(ids(principal, 'none')).toContain('rate:followed 40');
  });

  it('of an agent that is throttled bind whoever works for it, together with it', async () => {
    const throttle = {
      since: '2026-01-01T00:00:00.000Z',
      until: '2026-01-01T01:00:00.000Z',
      calls: 50,
      baseline: 20,
      max: 3,
      perSeconds: 60,
    };
    const above = { ...agentDoc(1, 'senior', []), throttle };
    const own: LimitInput = { ...bound(50), agent: above };
    const below = (n: number): LimitInput => ({ ...bound(50, 60, n), above: [above] });
    const limiter = new World().limiter();
    expect(await count([limiter], below(2), 2)).toBe(2);
    expect(await count([limiter], own, 1)).toBe(1);
    expect(await count([limiter], below(3), 5)).toBe(0);
    expect(limiter.look(below(2)).filter(({ ok }) => !ok)).toMatchObject([{ id: 'rate:throttle', max: 3 }]);
    expect(await count([limiter], bound(50, 60, 4), 5)).toBe(5);
  });

  it.each([1, 2, 5])(
    'admit as many as the limit says through %i gateways at once, and refill over the period',
    async (gateways) => {
      const world = new World();
      const limiters = Array.from({ length: gateways }, () => world.limiter());
      const input = bound(12);
      expect(await count(limiters, input, 60)).toBe(12);
      const refused = await (limiters[0] as Limiter).hold(input);
      expect(limiters[0]?.look(input, refused)).toMatchObject([{ ok: false, retryAfterMs: 5_000 }]);
      world.nowMs += 5_000;
      expect(await count(limiters, input, 20)).toBe(1);
      world.nowMs += 60_000;
      expect(await count(limiters, input, 60)).toBe(12);
    },
  );

  it('are not reset by a crash: what a gateway had leased stays spent', async () => {
    const world = new World();
    const input = bound(12);
    expect(await count([world.limiter()], input, 8)).toBe(8);
    expect(await count([world.limiter()], input, 20)).toBeLessThanOrEqual(4);
  });

  it('lease ahead what is spent fast, so that control is seldom asked', async () => {
    const world = new World();
    const input = bound(6_000);
    const fast = world.limiter();
    for (let call = 0; call < 1_000; call++) expect(await admitted(fast, input)).toBeDefined();
    expect(world.requests).toBeLessThan(60);
    expect(fast.holdNow(input)).toBeDefined();
    world.nowMs += leasedMs;
    fast.sweep();
    expect(fast.size).toBe(0);
    // What was leased and not spent stays spent: a second's worth at most, refilled by now.
    const left = await count([world.limiter()], input, 6_000);
    expect(left).toBeGreaterThan(5_000);
    expect(left).toBeLessThanOrEqual(5_200);
  });

  it('renew a lease before it ends where calls are many, so that none waits for control', async () => {
    const world = new World();
    const input = bound(6_000);
    const fast = world.limiter();
    const steadily = async (calls: number, call: () => Promise<unknown> | unknown) => {
      for (let at = 0; at < calls; at++) {
        world.nowMs += leasedMs * 0.03;
        expect(await call()).toBeDefined();
        await new Promise((done) => setImmediate(done));
      }
    };
    await steadily(100, () => admitted(fast, input));
    await steadily(200, () => fast.holdNow(input));
    // It leases about what it uses: the others are there for other gateways.
    expect(await count([world.limiter()], input, 6_000)).toBeGreaterThan(5_500);
    // Where they are few, nothing is leased for nobody.
    const slow = world.limiter();
    const asked = world.requests;
    expect(await admitted(slow, bound(6, 60, 9))).toBeDefined();
    world.nowMs += leasedMs * 0.6;
    expect(slow.holdNow(bound(6, 60, 9))).toBeUndefined();
    expect(world.requests).toBe(asked + 1);
  });

  it('what a refused call held is there for the next, while its lease lives', async () => {
    const world = new World();
    const limiter = world.limiter();
    const input = bound(1);
    const hold = await limiter.hold(input);
    expect((await limiter.hold(input)).kept.size).toBe(0);
    limiter.giveBack(hold);
    expect(await admitted(limiter, input)).toBeDefined();
  });

  it('fail closed: without control nothing is admitted beyond what was leased, and that not for long', async () => {
    const world = new World();
    const limiter = world.limiter();
    const input = bound(6_000);
    expect(await count([limiter], input, 20)).toBe(20);
    world.away = true;
    const kept = await limiter.hold(input);
    world.nowMs += leasedMs;
    // Nobody is told that a limit is reached that may not be.
    expect(limiter.look(input, kept)).toMatchObject([{ ok: false, unheard: true }]);
    expect(await admitted(limiter, input)).toBeUndefined();
    expect(limiter.look(input, await limiter.hold(input))).toMatchObject([{ ok: false, unheard: true }]);
    expect(limiter.look(input)).toMatchObject([{ ok: false, unheard: true }]);
    world.away = false;
    world.nowMs += 1_000;
    expect(await admitted(limiter, input)).toBeDefined();
  });

  it('refuse when a counter cannot be held, and forget those that hold nothing', async () => {
    const world = new World();
    const limiter = world.limiter(1);
    expect(await admitted(limiter, bound(60))).toBeDefined();
    expect(await admitted(limiter, bound(60, 60, 2))).toBeUndefined();
    world.nowMs += leasedMs;
    limiter.sweep();
    await new Promise((done) => setImmediate(done));
    expect(await admitted(limiter, bound(60, 60, 2))).toBeDefined();
    expect(limiter.size).toBe(1);
  });

  it('are shared by all agents of an owner, of the fleet, and of those who call one tool', async () => {
    const world = new World();
    const limiter = world.limiter();
    const of = (
      n: number,
      owner: number,
      name: string,
      callsShared: SettingsDoc['callsShared'],
    ): LimitInput => ({
      agent: { ...agentDoc(n, 'intern', []), ownerId: uuid(owner) },
      tool: { ...tools.pay, name },
      settings: { ...settingsDoc, callsShared },
      proof: 'dpop',
    });
    const rate = (max: number) => ({ max, perSeconds: 3_600 });
    const admits = async (n: number, owner: number, name: string, shared: SettingsDoc['callsShared']) =>
      count([limiter], of(n, owner, name, shared), 9);
    expect(await admits(1, 91, 'a', { owner: rate(4) })).toBe(4);
    expect(await admits(2, 91, 'b', { owner: rate(4) })).toBe(0);
    expect(await admits(3, 92, 'a', { owner: rate(4) })).toBe(4);
    expect(await admits(1, 91, 'a', { fleet: rate(5) })).toBe(5);
    expect(await admits(3, 92, 'b', { fleet: rate(5) })).toBe(0);
    const byTool = { tool: rate(6), tools: { 'office/c': rate(2) } };
    expect([await admits(1, 91, 'd', byTool), await admits(2, 91, 'd', byTool)]).toEqual([6, 0]);
    expect([await admits(1, 91, 'c', byTool), await admits(3, 92, 'c', byTool)]).toEqual([2, 0]);
  });
});
