import type { JudgeSettings } from '@atf/core/wire/judge';
import type { ActionClass } from '@atf/core/wire/words';
import { describe, expect, it } from 'vitest';
import { type AskJudge, afterOfAgentMax, beforeMax, beforeOfAgentMax, doubtedMax, Judge } from './judge.ts';
import type { Ports } from './ports.ts';
import type { Decided } from './record.ts';
import { agentDoc, settingsDoc, uuid } from './testing/documents.fixture.ts';

const judgeSettings: JudgeSettings = {
  url: 'https://judge.example/intent',
  timeoutMs: 1_000,
  unanswered: 'ask',
  arguments: false,
};

interface Pending {
  readonly question: Record<string, unknown>;
  readonly answer: (agrees: boolean | undefined) => Promise<void>;
}

/** A judge that answers when the test says so. */
class Bench {
  settings: JudgeSettings | undefined = judgeSettings;
  readonly pending: Pending[] = [];
  told = 0;
  readonly judge: Judge;

  constructor(task?: string) {
    const ask: AskJudge = (_settings, question) =>
      new Promise((done) => {
        const answer = async (agrees: boolean | undefined) => {
          done(agrees);
          // What follows from the answer has run when the queue of this tick is empty.
          await new Promise((later) => setImmediate(later));
        };
        this.pending.push({ question: JSON.parse(question) as Record<string, unknown>, answer });
      });
    const ports = {
      snapshot: { settings: () => ({ ...settingsDoc, judge: this.settings }) },
      wrappingKey: () => undefined,
    } as unknown as Ports;
    this.judge = new Judge({ ports, ask, taskOf: () => task, tell: () => void this.told++ });
  }
}

const decided = (kind: ActionClass, n = 1, args: object = { to: 'ada' }): Decided =>
  ({
    received: {
      server: 'office',
      tool: 'read_order',
      args,
      credential: { agentId: uuid(n % 1_000), instanceId: uuid(10_000 + n) },
    },
    world: { agent: agentDoc(1, 'senior', []) },
    decision: { actionClass: kind },
    argsText: '{}',
    approvalId: undefined,
  }) as unknown as Decided;
const instanceOf = ({ received }: Decided) => received.credential.instanceId;

describe('before a change', () => {
  it('sends what the settings say, and no arguments otherwise', async () => {
    const bench = new Bench('Send Ada her order');
    const verdict = bench.judge.before({
      ...decided('send'),
      stated: { text: '"to help"', approver: undefined },
    });
    const [asked] = bench.pending;
    expect(asked?.question).toEqual({
      agent: agentDoc(1, 'senior', []).name,
      purpose: agentDoc(1, 'senior', []).purpose,
      task: 'Send Ada her order',
      tool: 'office/read_order',
      class: 'send',
      intent: '"to help"',
    });
    await asked?.answer(true);
    expect(await verdict).toEqual({ verdict: 'agrees', settings: judgeSettings });
    bench.settings = { ...judgeSettings, arguments: true };
    void bench.judge.before(decided('send'));
    expect(bench.pending[1]?.question['arguments']).toEqual({ to: 'ada' });
  });

  it('a verdict under other settings is none, and without a judge there is no fact', () => {
    const { judge } = new Bench();
    const bench = new Bench();
    const given = { verdict: 'agrees', settings: judgeSettings } as const;
    expect(judge.factOf('i', given)).toEqual({ verdict: 'agrees', unanswered: 'ask' });
    expect(judge.factOf('i', undefined)).toEqual({ verdict: 'unanswered', unanswered: 'ask' });
    bench.settings = { ...judgeSettings, url: 'https://other.example/', unanswered: 'refuse' };
    expect(bench.judge.factOf('i', given)).toEqual({ verdict: 'unanswered', unanswered: 'refuse' });
    bench.settings = undefined;
    expect(bench.judge.factOf('i', given)).toBeUndefined();
  });

  it('asks no more at one time than it may, and what is too long not at all', async () => {
    const bench = new Bench();
    for (let n = 0; n < beforeOfAgentMax; n++) void bench.judge.before(decided('write'));
    expect(await bench.judge.before(decided('write'))).toMatchObject({ verdict: 'unanswered' });
    for (let n = 2; bench.pending.length < beforeMax; n++) void bench.judge.before(decided('write', n));
    expect(await bench.judge.before(decided('write', 900))).toMatchObject({ verdict: 'unanswered' });
    await bench.pending[0]?.answer(undefined);
    const again = bench.judge.before(decided('write'));
    await bench.pending.at(-1)?.answer(false);
    expect(await again).toMatchObject({ verdict: 'disagrees' });
    const long = new Bench('x'.repeat(70_000));
    expect(await long.judge.before(decided('write'))).toMatchObject({ verdict: 'unanswered' });
  });
});

describe('after a read', () => {
  it.each([
    [false, true],
    [undefined, true],
    [true, false],
  ])('an answer of %s leaves a doubt: %s', async (answer, doubted) => {
    const bench = new Bench();
    const read = decided('read');
    bench.judge.after(read);
    expect(bench.judge.doubts(instanceOf(read))).toBe(false);
    await bench.pending[0]?.answer(answer);
    expect(bench.judge.doubts(instanceOf(read))).toBe(doubted);
    expect(bench.told).toBe(doubted ? 1 : 0);
    expect(
      bench.judge.factOf(instanceOf(read), { verdict: 'agrees', settings: judgeSettings }),
    ).toMatchObject({
      verdict: doubted ? 'doubted' : 'agrees',
    });
  });

  it('asks the same question once, as long as it was agreed to', async () => {
    const bench = new Bench();
    for (let n = 0; n < 3; n++) bench.judge.after(decided('read'));
    for (const { answer } of bench.pending.slice()) await answer(true);
    const asked = bench.pending.length;
    bench.judge.after(decided('read'));
    expect(bench.pending.length).toBe(asked);
  });

  it('a doubt ends when a person releases what was shown because of it, and by no other release', async () => {
    const bench = new Bench();
    const read = decided('read');
    bench.judge.after(read);
    await bench.pending[0]?.answer(false);
    const change = (approvalId: string) => ({ ...decided('write'), approvalId });
    bench.judge.released(change('early'));
    bench.judge.shown(decided('write'), 'shown');
    bench.judge.released(change('early'));
    bench.judge.released(decided('write'));
    expect(bench.judge.doubts(instanceOf(read))).toBe(true);
    bench.judge.released(change('shown'));
    expect(bench.judge.doubts(instanceOf(read))).toBe(false);
  });

  it('what does not fit is doubted, not forgotten: reads that wait, and instances', async () => {
    const bench = new Bench();
    for (let n = 0; n < afterOfAgentMax; n++) bench.judge.after(decided('read', 1, { n }));
    expect(bench.judge.doubts(instanceOf(decided('read')))).toBe(false);
    bench.judge.after(decided('read'));
    expect(bench.judge.doubts(instanceOf(decided('read')))).toBe(true);

    const long = new Bench('x'.repeat(70_000));
    for (let n = 0; n <= doubtedMax; n++) long.judge.after(decided('read', n));
    expect(long.judge.doubts('never seen')).toBe(true);
  });
});
