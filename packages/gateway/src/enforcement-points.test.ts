/** Enforcement points at the gateway: what control says of them counts for a moment, strangers are bounded, and nobody is answered without control. */
import { sha256 } from '@atf/core/digest';
import { refusal } from '@atf/core/errors';
import type { PointFacts } from '@atf/core/wire/enforcement';
import { describe, expect, it } from 'vitest';
import { failuresRate } from './authenticate.ts';
import { EnforcementPoints, pointFreshMs } from './enforcement-points.ts';
import type { ControlPort } from './ports.ts';

const id = '11111111-2222-4333-8444-555555555555';
const credential = `atfp_${id}_${'s'.repeat(43)}`;
const facts: PointFacts = {
  id,
  name: 'mesh',
  credentialDigest: sha256(credential),
  agents: [],
  services: {},
  proves: false,
  questionsPerMinute: 2,
};

/** Control that says what `world` holds at that moment, and a clock that stands still unless it is moved. */
function start() {
  const world = {
    nowMs: 0,
    asked: 0,
    point: { ok: true, value: facts } as
      | { ok: true; value: PointFacts }
      | { ok: false; code: 'identity.point_unknown' | 'containment.feed_stale' },
  };
  const control = {
    request: () => {
      world.asked++;
      const { point } = world;
      return Promise.resolve(point.ok ? point : { ok: false, sent: true, refusal: refusal(point.code) });
    },
  } as unknown as ControlPort;
  return { world, points: new EnforcementPoints({ control, monotonicMs: () => world.nowMs }) };
}
const codeOf = (verdict: Awaited<ReturnType<EnforcementPoints['authenticate']>>) =>
  verdict.ok ? verdict.point.name : verdict.refusal.code;

describe('a point', () => {
  it('is known by its credential, and control is asked once in a while', async () => {
    const { world, points } = start();
    const seen = await Promise.all([1, 2, 3].map(() => points.authenticate(credential, 'a')));
    expect([seen.map(codeOf), world.asked]).toEqual([['mesh', 'mesh', 'mesh'], 1]);
    world.nowMs += pointFreshMs;
    expect([codeOf(await points.authenticate(credential, 'a')), world.asked]).toEqual(['mesh', 2]);
  });

  it('that was revoked, or while control does not answer, is refused once what was heard is old', async () => {
    const { world, points } = start();
    expect(codeOf(await points.authenticate(credential, 'a'))).toBe('mesh');
    for (const code of ['identity.point_unknown', 'containment.feed_stale'] as const) {
      world.point = { ok: false, code };
      world.nowMs += pointFreshMs;
      expect(codeOf(await points.authenticate(credential, 'a'))).toBe(code);
    }
  });

  it('another secret of its id is a stranger', async () => {
    const { points } = start();
    const forged = `${credential.slice(0, -1)}t`;
    for (const wrong of [forged, credential.toUpperCase(), 'x', ''])
      expect(codeOf(await points.authenticate(wrong, 'a'))).toBe('identity.point_unknown');
    expect(codeOf(await points.authenticate(undefined, 'a'))).toBe('identity.credential_missing');
  });

  it('strangers are turned away unread after a while, and do not lock out a point on their address', async () => {
    const { world, points } = start();
    expect(codeOf(await points.authenticate(credential, 'a'))).toBe('mesh');
    for (let n = 0; n < failuresRate.max; n++) await points.authenticate('x', 'a');
    expect(codeOf(await points.authenticate('x', 'a'))).toBe('identity.proof_flood');
    expect(codeOf(await points.authenticate('x', 'b'))).toBe('identity.point_unknown');
    expect(codeOf(await points.authenticate(credential, 'a'))).toBe('mesh');
    expect(world.asked).toBe(1);
  });

  it('asks as often as it may', () => {
    const { world, points } = start();
    expect([points.ask(facts), points.ask(facts)]).toEqual([undefined, undefined]);
    expect(points.ask(facts)).toMatchObject({ code: 'segmentation.rate_exceeded' });
    world.nowMs += 60_000;
    expect(points.ask(facts)).toBeUndefined();
  });

  it('without an application, or with one that is not in force, gets no answer of one', async () => {
    const { points } = start();
    expect(await points.application(facts)).toMatchObject({
      refusal: { code: 'identity.point_out_of_scope' },
    });
    expect(await points.application({ ...facts, application: { name: 'todo' } })).toMatchObject({
      refusal: { code: 'policy.application_unknown' },
    });
  });
});
