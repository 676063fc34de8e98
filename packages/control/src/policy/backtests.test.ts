import { encodeEntry, type EntryDraft } from '@atf/core/audit/entry';
import { leafHash } from '@atf/core/audit/merkle';
import { encodeBundle, tileWidth } from '@atf/core/audit/tiles';
import type { Backtest } from '@atf/core/wire/backtest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReadableLog } from '../activity/log-reader.ts';
import { insertIndexRows } from '../audit/index-store.ts';
import { indexRow } from '../audit/log-index.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { callerOf, type Domain, domainOf } from '../workspace/domain.fixture.ts';
import { backtestRoutes, Backtests } from './backtest/backtests.ts';

let control: TestControl;
let domain: Domain;

let agent = '';
let bundles: Uint8Array[][];

/** Something of a decision's type that no version can read, so that it is counted and nothing else. */
function leaf(n: number, at: string): Uint8Array {
  const draft: EntryDraft = { type: 'action.refused', at, tenant: 'default', agent, body: { n } };
  const entry = encodeEntry(draft, { control: `event-${n}` });
  if (entry === undefined) throw new Error('too large');
  return entry;
}

interface Gate {
  readonly log: ReadableLog;
  /** Resolves once the bundle behind the gate is asked for. */
  readonly reached: Promise<void>;
  open(): void;
}

/** A log whose last bundle comes when the gate is opened; `missing`: it never was there. */
function gatedLog(bundles: Uint8Array[][], missing = false): Gate {
  let open: () => void = () => undefined;
  let reach: () => void = () => undefined;
  const opened = new Promise<void>((done) => {
    open = done;
  });
  const reached = new Promise<void>((done) => {
    reach = done;
  });
  const size = bundles.reduce((sum, entries) => sum + entries.length, 0);
  const store = {
    async get(path: string) {
      const index = Number(/^tile\/entries\/(\d+)/.exec(path)?.[1]);
      if (index === bundles.length - 1) {
        reach();
        await opened;
        if (missing) return undefined;
      }
      return encodeBundle(bundles[index] ?? []);
    },
    put: () => Promise.reject(new Error('nobody writes here')),
    remove: () => Promise.reject(new Error('nobody writes here')),
    list: () => Promise.resolve([]),
  };
  const log: ReadableLog = {
    store,
    status: () => ({ signedSize: size, checkpoint: '', signedAt: 0 }),
    treeSize: () => Promise.resolve(size),
    witnessing: () => undefined,
    onSigned: () => () => undefined,
  };
  return { log, reached, open };
}

const now = '2026-11-20T11:00:00.000Z';
const old = '2026-01-01T00:00:00.000Z';
beforeAll(async () => {
  control = await testControl();
  domain = await domainOf(control);
  agent = (await domain.agent('senior', 'senior')).id;
  // One leaf of each of the first two is too old, which is known only when it was read.
  const whole = (from: number) =>
    Array.from({ length: tileWidth }, (_, n) => leaf(from + n, n === 9 ? old : now));
  const broken = Buffer.from(`"type":"action.intent" of ${agent}, and no JSON`);
  bundles = [whole(0), whole(tileWidth), [leaf(2 * tileWidth, now), broken]];
  const first = bundles[0]?.[0] as Uint8Array;
  await control.change((tx) => insertIndexRows(tx, [indexRow('default', 0, first, leafHash(first))]));
});
afterAll(async () => control.close());

const body = { agent: 'senior', level: 'junior' as const, days: 30 };

function open(gate: Gate) {
  const backtests = new Backtests(gate.log);
  const call = callerOf(control, backtestRoutes(backtests));
  const as = control.as(domain.operator, 'token');
  const show = (id: string) => call('backtests.show', as, { params: { id } });
  const ended = async (id: string): Promise<Backtest> => {
    for (;;) {
      const now = await show(id);
      if (now.state !== 'running') return now;
      await new Promise((done) => setTimeout(done, 10));
    }
  };
  return { backtests, call, as, show, ended };
}

describe('a backtest', () => {
  it('runs alone, is on record, and ends when somebody wants it to', async () => {
    const gate = gatedLog(bundles);
    const { call, as, ended } = open(gate);
    const { id } = await call('backtests.start', as, { body });
    expect(await codeOf(call('backtests.start', as, { body }))).toBe('policy.backtest_running');
    await gate.reached;
    const cancelling = call('backtests.cancel', as, { params: { id } });
    gate.open();
    expect(await cancelling).toMatchObject({ id, state: 'cancelled', agent: 'senior', level: 'junior' });
    expect((await control.events('policy.backtest_started')).map((event) => event.body)).toMatchObject([
      { backtestId: id, base: 1, days: 30, level: 'junior', by: domain.operator.id },
    ]);
    control.later(1_000);
    const again = await call('backtests.start', as, { body });
    expect(await ended(again.id)).toMatchObject({ state: 'done', progress: { looked: 514, of: 514 } });
  });

  it('counts what it cannot read, leaves out what is older, and looks only at the agent that is named', async () => {
    const gate = gatedLog(bundles);
    gate.open();
    const { call, as, ended } = open(gate);
    control.later(1_000);
    const mine = await call('backtests.start', as, { body });
    expect(await ended(mine.id)).toMatchObject({
      state: 'done',
      decisions: 0,
      unreplayable: [{ what: 'record', count: 2 * (tileWidth - 1) + 2 }],
    });
    expect((await call('backtests.list', as, { query: { agent: 'senior' } })).items[0]?.id).toBe(mine.id);
    await domain.agent('other', 'junior');
    const others = await call('backtests.start', as, { body: { ...body, agent: 'other' } });
    expect(await ended(others.id)).toMatchObject({ state: 'done', decisions: 0, unreplayable: [] });
  });

  it('fails with the reason where the log is damaged, and is lost when nobody runs it', async () => {
    const gate = gatedLog(bundles, true);
    const { call, as, show, ended, backtests } = open(gate);
    const { id } = await call('backtests.start', as, { body });
    gate.open();
    expect(await ended(id)).toMatchObject({ state: 'failed', code: 'audit.log_damaged' });
    const stuck = gatedLog(bundles);
    const late = open(stuck);
    const left = await late.call('backtests.start', late.as, { body });
    control.later(121_000);
    expect((await show(left.id)).state).toBe('lost');
    stuck.open();
    await late.backtests.close();
    await backtests.close();
  });
});
