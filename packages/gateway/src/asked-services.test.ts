import { ownDetectorSchema } from '@atf/core/wire/own-detectors';
import { describe, expect, it } from 'vitest';
import { askServicesBy, atOnceMax, faultsMax, ofAgentMax, restMs, silentOf } from './asked-services.ts';

const question = (agentId: string) => ({
  ...{ entry: 'atf-service-names', agentId, timeoutMs: 60_000, answerBytesMax: 1_000, question: '{}' },
});

const named = { id: 'own.x', summary: 'x', category: 'PII', labels: ['X'] } as const;
const byService = ownDetectorSchema.parse({ ...named, service: 'names' });
const digests = { model: `sha256:${'0'.repeat(64)}`, tokenizer: `sha256:${'1'.repeat(64)}` };
const byModel = ownDetectorSchema.parse({ ...named, model: 'names', digests, classes: ['a', 'X'] });

describe('a service that looks at data', () => {
  it('is left alone after faults in a row, tried once after a rest, and asked again when it answers', async () => {
    let [nowMs, asked, answer] = [0, 0, undefined as { found: never[] } | undefined];
    const { ask, unanswered } = askServicesBy(
      async () => {
        asked += 1;
        return answer;
      },
      () => nowMs,
    );
    for (let time = 0; time < faultsMax; time++) expect(await ask(question('a'))).toBeUndefined();
    expect(await ask(question('a'))).toBeUndefined();
    expect(asked).toBe(faultsMax);
    expect(unanswered('atf-service-names')).toBe(faultsMax);
    expect(silentOf({ unanswered }, [byService, byModel])).toEqual([
      { kind: 'service', name: 'names', questions: faultsMax },
    ]);
    nowMs += restMs;
    await Promise.all([ask(question('a')), ask(question('a'))]);
    expect(asked).toBe(faultsMax + 1);
    nowMs += restMs;
    answer = { found: [] };
    expect(await ask(question('a'))).toEqual({ found: [] });
    expect(await ask(question('a'))).toEqual({ found: [] });
    expect(silentOf({ unanswered }, [byService, byModel])).toEqual([]);
  });

  it('is asked so often at one time, and one agent takes only a part of it', async () => {
    const held: (() => void)[] = [];
    const { ask } = askServicesBy(
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
