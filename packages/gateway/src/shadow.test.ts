import { decide } from '@atf/core/decide';
import { agentDoc, permits, policyOf, receivedOf, worldOf } from '@atf/core/decide.fixture';
import { sha256 } from '@atf/core/digest';
import { refusal } from '@atf/core/errors';
import type { BodyIn, ResponseOf } from '@atf/core/wire/api';
import type { PolicyFacts } from '@atf/core/world';
import { describe, expect, it } from 'vitest';
import type { ControlPort } from './ports.ts';
import { type Observation, Shadow, shadowQueueMax, shadowTellEveryMs } from './shadow.ts';

type Said = BodyIn<'gateway.shadow'>;
type Given = ResponseOf<'gateway.shadow'>['shadow'];

const id = '00000000-0000-4000-8000-0000000000aa';
const live = { ...policyOf(() => permits), digest: sha256('live') };
const frozen: PolicyFacts = {
  ...policyOf(() => ({ decision: 'deny', reasons: ['guard.frozen'], errors: [] })),
  digest: sha256('frozen'),
};
const given = { id, digest: frozen.digest, against: live.digest, forMs: 60_000 };

/** A shadow whose time, turns and control are the test's. */
function shadowWith(policy: PolicyFacts | undefined, answer: () => Given | 'silent') {
  let nowMs = 0;
  const said: Said[] = [];
  const turns: (() => void)[] = [];
  const control: ControlPort = {
    request: (_operation, call) => {
      said.push((call as { body: Said }).body);
      const shadow = answer();
      const answered =
        shadow === 'silent'
          ? { ok: false as const, refusal: refusal('containment.feed_stale'), sent: false }
          : { ok: true as const, value: (shadow === undefined ? {} : { shadow }) as never };
      return Promise.resolve(answered);
    },
  };
  const shadow = new Shadow({
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    control,
    compile: () => policy,
    later: (work) => void turns.push(work),
  });
  const turn = () => {
    for (let work = turns.shift(); work !== undefined; work = turns.shift()) work();
  };
  const tick = async (ms = shadowTellEveryMs) => {
    nowMs += ms;
    await shadow.tick();
    return said.at(-1);
  };
  return { shadow, said, turns, turn, tick };
}

function decided(policy: PolicyFacts = live): Observation {
  const received = receivedOf();
  const world = worldOf({ policy });
  return { received, world, decision: decide(received, world) };
}

const running = () => ({ ...given, policies: [] });

describe('the shadow', () => {
  it('looks at decisions after they were made, counts, and tells control', async () => {
    const { shadow, turns, turn, tick } = shadowWith(frozen, running);
    const one = decided();
    shadow.observe(one);
    expect(turns).toHaveLength(0);
    expect(await tick()).toEqual({ boot: expect.any(String) });
    const before = structuredClone(one.decision);
    shadow.observe(one);
    expect(turns).toHaveLength(1);
    turn();
    expect(one.decision).toEqual(before);
    const tool = 'back-office/refund_order';
    const change = { was: 'allow', would: 'refuse', count: 1 };
    expect(await tick()).toMatchObject({
      have: id,
      report: {
        shadow: id,
        compared: 1,
        changed: 1,
        skipped: 0,
        failed: 0,
        counts: [change],
        agents: [{ ...change, of: agentDoc.name }],
        tools: [{ ...change, of: tool }],
      },
    });
  });

  it('counts what it has no room for, and what it cannot say, and throws at nobody', async () => {
    const full = shadowWith(frozen, running);
    await full.tick();
    for (let n = 0; n < shadowQueueMax + 5; n++) full.shadow.observe(decided());
    full.turn();
    expect((await full.tick())?.report).toMatchObject({ compared: shadowQueueMax, skipped: 5 });
    const throwing = policyOf(() => {
      throw new Error('a fault of the evaluator');
    });
    for (const policy of [undefined, { ...throwing, digest: sha256('throws') }]) {
      const broken = shadowWith(policy, running);
      await broken.tick();
      broken.shadow.observe(decided());
      broken.turn();
      expect((await broken.tick())?.report).toMatchObject({ compared: 0, changed: 0, failed: 1 });
    }
  });

  it('compares with the set that it was made for, and with no other', async () => {
    const { shadow, turns, tick } = shadowWith(frozen, running);
    await tick();
    shadow.observe(decided({ ...live, digest: sha256('the next version') }));
    expect(turns).toHaveLength(0);
  });

  it('ends when control says so, and when its time has passed without a word', async () => {
    let answer: Given | 'silent' = running();
    const { shadow, turns, tick } = shadowWith(frozen, () => answer);
    await tick();
    answer = 'silent';
    await tick();
    shadow.observe(decided());
    expect(turns).toHaveLength(1);
    await tick(given.forMs);
    shadow.observe(decided());
    expect(turns).toHaveLength(1);
    answer = undefined;
    await tick();
    // A gateway that has none asks without saying that it has one.
    expect(await tick(10_000)).toEqual({ boot: expect.any(String) });
  });
});
