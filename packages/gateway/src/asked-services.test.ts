import { describe, expect, it } from 'vitest';
import { askServicesBy, atOnceMax, faultsMax, ofAgentMax, restMs } from './asked-services.ts';

const question = (agentId: string) => ({
  ...{ entry: 'atf-service-names', agentId, timeoutMs: 60_000, answerBytesMax: 1_000, question: '{}' },
});

describe('a service that looks at data', () => {
  it('is left alone after faults in a row, tried once after a rest, and asked again when it answers', async () => {
    let [nowMs, asked, answer] = [0, 0, undefined as { found: never[] } | undefined];
    const ask = askServicesBy(
      async () => {
        asked += 1;
        return answer;
      },
      () => nowMs,
    );
    for (let time = 0; time < faultsMax; time++) expect(await ask(question('a'))).toBeUndefined();
    expect(await ask(question('a'))).toBeUndefined();
    expect(asked).toBe(faultsMax);
    nowMs += restMs;
    await Promise.all([ask(question('a')), ask(question('a'))]);
    expect(asked).toBe(faultsMax + 1);
    nowMs += restMs;
    answer = { found: [] };
    expect(await ask(question('a'))).toEqual({ found: [] });
    expect(await ask(question('a'))).toEqual({ found: [] });
  });

  it('is asked so often at one time, and one agent takes only a part of it', async () => {
    const held: (() => void)[] = [];
    const ask = askServicesBy(
      async () => {
        await new Promise<void>((done) => held.push(done));
        return {};
      },
      () => 0,
    );
    const mine = Array.from({ length: ofAgentMax }, () => ask(question('a')));
    await new Promise((done) => setImmediate(done));
    expect(held.length).toBe(atOnceMax);
    expect(await ask(question('a'))).toBeUndefined();
    const other = ask(question('b'));
    for (let at = 0; at <= ofAgentMax; at++) {
      held[at]?.();
      await new Promise((done) => setImmediate(done));
    }
    expect(await Promise.all([...mine, other])).toEqual(Array.from({ length: ofAgentMax + 1 }, () => ({})));
  });
});
