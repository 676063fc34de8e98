import type { ControlAnswer, ControlPort } from './ports.ts';
import { describe, expect, it } from 'vitest';
import type { Ran } from './execute.ts';
import { Notifier, notificationsWaitingMax } from './notify.ts';
import type { Decided } from './record.ts';

const ran = { status: 'done' } as Ran;
const decidedOf = (actionId: string): Decided =>
  ({
    decision: { obligations: ['notify'], checks: [{ verdict: 'pass', because: 'it may' }] },
    received: { actionId, server: 'shop', tool: 'create_refund' },
    world: { agent: { id: 'a', name: 'senior', purpose: 'refunds' } },
  }) as unknown as Decided;

/** Answers of control in their order; the last one from then on. */
function controlOf(answers: readonly ControlAnswer<unknown>[]) {
  const told: string[] = [];
  const port: ControlPort = {
    async request(_operation, { body }) {
      told.push((body as { actionId: string }).actionId);
      return (answers[Math.min(told.length, answers.length) - 1] ?? { ok: false }) as never;
    },
  };
  return { port, told };
}
const away = { ok: false, refusal: { code: 'internal.fault' }, sent: true } as const;
const refused = { ok: false, refusal: { code: 'identity.agent_not_found' }, sent: false } as const;
const done = { ok: true, value: { ok: true } } as const;

describe('news of actions', () => {
  it('is told again while control is away, in its order, and loses nothing', async () => {
    const pauses: number[] = [];
    const { port, told } = controlOf([away, away, done]);
    const notifier = new Notifier(port, async (attempt) => void pauses.push(attempt));
    notifier.after(decidedOf('one'), ran);
    notifier.after(decidedOf('two'), ran);
    await notifier.idle();
    expect(told).toEqual(['one', 'one', 'one', 'two']);
    expect(pauses).toEqual([1, 2]);
    expect(notifier.dropped).toBe(0);
  });

  it('takes a refusal as final, gives up after a bound, and counts both', async () => {
    const first = controlOf([refused]);
    const refusedOnce = new Notifier(first.port, async () => undefined);
    refusedOnce.after(decidedOf('one'), ran);
    await refusedOnce.idle();
    expect([first.told.length, refusedOnce.dropped]).toEqual([1, 1]);
    const second = controlOf([away]);
    const gone = new Notifier(second.port, async () => undefined);
    gone.after(decidedOf('one'), ran);
    await gone.idle();
    expect([second.told.length, gone.dropped]).toEqual([8, 1]);
  });

  it('holds a bounded number while control is away', () => {
    const { port } = controlOf([away]);
    const notifier = new Notifier(port, () => new Promise(() => undefined));
    for (let n = 0; n < notificationsWaitingMax + 10; n++) notifier.after(decidedOf(String(n)), ran);
    // One of them is under way.
    expect(notifier.dropped).toBe(9);
  });

  it('is nothing where nobody asked for it or nothing ran', async () => {
    const { port, told } = controlOf([done]);
    const notifier = new Notifier(port, async () => undefined);
    notifier.after(decidedOf('one'), { status: 'not_executed' } as Ran);
    await notifier.idle();
    expect(told).toEqual([]);
  });
});
