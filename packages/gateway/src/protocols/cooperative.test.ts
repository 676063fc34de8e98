import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { actionsMax, actionsOfAgentMax, Cooperative } from './cooperative.ts';

const asker = { agentId: 'agent-1', instanceId: 'instance-1' };
const target = (actionId: string, instanceId = asker.instanceId) => ({
  action: {
    actionId,
    argsDigest: '',
    approvalId: undefined,
    effectiveLevel: undefined,
    obligations: [],
    isWhole: () => false,
  },
  server: {} as never,
  tool: 'cancel',
  instanceId,
});
const options = (signal = new AbortController().signal) => ({ signal, timeoutMs: 60_000 });
const forever = new AbortController().signal;

describe('actions that programs run', () => {
  let actions: Cooperative;
  beforeEach(() => {
    vi.useFakeTimers();
    actions = new Cooperative(() => 1_000);
  });
  afterEach(() => vi.useRealTimers());

  it('are handed to who expects them, and end with the report', async () => {
    const handed = actions.expect('a', asker, 5_000);
    const outcome = actions.call(target('a'), { order: 1 }, options());
    expect(await handed).toMatchObject({ args: { order: 1 }, reportByMs: 6_000 });
    expect(actions.report('a', { ...asker, instanceId: 'other' }, { status: 'not_executed' })).toBe(false);
    expect(actions.report('a', asker, { status: 'done', result: { ok: true } })).toBe(true);
    expect(await outcome).toMatchObject({ kind: 'result', result: { structuredContent: { ok: true } } });
    expect(actions.report('a', asker, { status: 'done', result: null })).toBe(false);
  });

  it('are not dispatched to nobody: unexpected, given up, of another instance, handed before', async () => {
    const undispatched = { kind: 'fault', fault: { dispatched: false } };
    expect(await actions.call(target('a'), {}, options())).toMatchObject(undispatched);
    void actions.expect('a', asker, 5_000);
    expect(await actions.call(target('a', 'other'), {}, options())).toMatchObject(undispatched);
    actions.end('a');
    expect(await actions.call(target('a'), {}, options())).toMatchObject(undispatched);
    void actions.expect('b', asker, 5_000);
    void actions.call(target('b'), {}, options());
    expect(await actions.call(target('b'), {}, options())).toMatchObject(undispatched);
    const stopped = AbortSignal.abort('stopped');
    void actions.expect('c', asker, 5_000);
    expect(await actions.call(target('c'), {}, options(stopped))).toMatchObject(undispatched);
  });

  it('are unknown when nobody reports in time, and who asks is told why', async () => {
    void actions.expect('a', asker, 5_000);
    const outcome = actions.call(target('a'), {}, options());
    const watched = actions.watch('a', asker, 30_000, forever);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await outcome).toMatchObject({ fault: { code: 'upstream.timeout', dispatched: true } });
    expect(await watched).toEqual({ actionId: 'a', state: 'over', code: 'upstream.timeout' });
    actions.end('a');
    expect(await actions.watch('a', asker, 0, forever)).toMatchObject({ code: 'upstream.timeout' });
    const stranger = { ...asker, agentId: 'agent-2' };
    expect(await actions.watch('a', stranger, 0, forever)).toEqual({ actionId: 'a', state: 'over' });
    expect(actions.report('a', asker, { status: 'done', result: null })).toBe(false);
  });

  it('are cut by a stop at once', async () => {
    const stop = new AbortController();
    void actions.expect('a', asker, 5_000);
    const outcome = actions.call(target('a'), {}, options(stop.signal));
    const watched = actions.watch('a', asker, 30_000, forever);
    stop.abort('stopped');
    expect(await outcome).toMatchObject({ fault: { code: 'upstream.aborted', dispatched: true } });
    expect(await watched).toEqual({ actionId: 'a', state: 'over', code: 'containment.call_aborted' });
  });

  it('run on while somebody watches only for a while', async () => {
    void actions.expect('a', asker, 60_000);
    void actions.call(target('a'), {}, options());
    const watched = actions.watch('a', asker, 1_000, forever);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await watched).toEqual({ actionId: 'a', state: 'running' });
    expect(await actions.watch('a', asker, 30_000, AbortSignal.abort('gone'))).toMatchObject({
      state: 'running',
    });
  });

  it('are bounded, of one agent and of all', () => {
    for (let n = 0; n < actionsOfAgentMax; n++) expect(actions.expect(`a${n}`, asker, 5_000)).toBeDefined();
    expect(actions.expect('more', asker, 5_000)).toBeUndefined();
    for (let n = actionsOfAgentMax; n < actionsMax; n++)
      expect(actions.expect(`b${n}`, { ...asker, agentId: `agent ${n}` }, 5_000)).toBeDefined();
    expect(actions.expect('other', { ...asker, agentId: 'another' }, 5_000)).toBeUndefined();
    actions.end('a0');
    expect(actions.expect('more', asker, 5_000)).toBeDefined();
  });
});
