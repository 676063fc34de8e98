import { randomUUID } from 'node:crypto';
import type { ShadowReport } from '@atf/core/wire/shadow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { callerOf, type Domain, domainOf, gatewayActor } from '../workspace/domain.fixture.ts';
import { Cedar } from './cedar.ts';
import { ShadowRoom, shadowRoutes } from './shadow/shadows.ts';
import { versionRoutes } from './version-routes.ts';

const cedar = new Cedar();
let control: TestControl;
let domain: Domain;
let call: ReturnType<typeof callerOf<ReturnType<typeof shadowRoutes>>>;

beforeAll(async () => {
  control = await testControl();
  domain = await domainOf(control);
  call = callerOf(control, shadowRoutes(new ShadowRoom()));
});
afterAll(async () => {
  await cedar.close();
  await control.close();
});

const change = { was: 'allow', would: 'ask', count: 2 } as const;
const report = (more: Partial<ShadowReport> = {}): ShadowReport => ({
  compared: 5,
  changed: 2,
  skipped: 1,
  failed: 0,
  counts: [change],
  agents: [{ ...change, of: 'senior' }],
  tools: [{ ...change, of: 'shop/create_refund' }],
  rules: [{ ...change, of: 'levels.senior_acts' }],
  ...more,
});

describe('the shadow, at control', () => {
  it('is given to gateways that ask, adds up what their processes count, and ends', async () => {
    const as = control.as(domain.operator, 'token');
    const propose = callerOf(control, versionRoutes(cedar));
    const { id: candidate } = await propose('policy.propose', as, { body: { base: 1, restores: 1 } });
    const ask = (boot: string, more: object = {}, gateway = gatewayActor) =>
      call('gateway.shadow', gateway, { body: { boot, ...more } });
    const [one, other] = [randomUUID(), randomUUID()];
    expect(await ask(one)).toEqual({});
    expect(await codeOf(call('shadow.stop', as))).toBe('policy.shadow_unknown');

    const { id } = await call('shadow.start', as, { body: { candidate, hours: 1 } });
    expect(await codeOf(call('shadow.start', as, { body: { candidate } }))).toBe('policy.shadow_running');
    expect(await ask(one)).toMatchObject({ shadow: { id, forMs: 3_600_000, policies: expect.any(Array) } });
    const told = (more: Partial<ShadowReport> = {}) => ({
      have: id,
      report: { shadow: id, ...report(more) },
    });
    expect((await ask(one, told())).shadow).not.toHaveProperty('policies');
    // The same process again, which counts from its beginning; another process of the same gateway; one that speaks of another shadow.
    await ask(one, told({ compared: 6 }));
    await ask(other, told());
    await ask(randomUUID(), { have: id, report: { shadow: randomUUID(), ...report() } });
    const doubled = { ...change, count: 4 };
    expect((await call('shadow.show', as)).shadow).toMatchObject({
      id,
      state: 'running',
      gateways: 2,
      compared: 11,
      changed: 4,
      skipped: 2,
      counts: [doubled],
      agents: [{ ...doubled, of: 'senior' }],
    });

    control.later(3_600_000);
    expect((await call('shadow.show', as)).shadow?.state).toBe('over');
    expect(await ask(one, { have: id })).toEqual({});
    const types = (await control.events()).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith('policy.shadow'))).toEqual(['policy.shadow_started']);
  });
});
