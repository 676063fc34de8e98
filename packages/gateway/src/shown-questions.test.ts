/** What tool servers say beside their results, in the real pipeline under virtual time: masked, counted in what the session has read, known by where it came from. */
import { sensitiveDefault } from '@atf/core/data/sensitive';
import type { JsonObject } from '@atf/core/wire/json';
import { describe, expect, it } from 'vitest';
import type { UpstreamCallOptions } from './protocols/protocol.ts';
import { serverDoc, uuid } from './testing/documents.fixture.ts';
import { type Bench, bench, senior } from './testing/ports.fixture.ts';

const card = '4111 1111 1111 1111';
const order = 'O-90210';
const text = { type: 'string' };
const form = (message: string, properties: JsonObject = { answer: text }): JsonObject => ({
  message,
  requestedSchema: { type: 'object', properties },
});

/** A tool that does this before it answers. */
function working(on: Bench, work: (options: UpstreamCallOptions) => Promise<void>): void {
  on.snapshot.apply('server', 'office', serverDoc('office', { mayAsk: ['elicitation'], epoch: 2 }));
  on.upstream.call = async (_target, _args, options) => {
    await work(options);
    return { kind: 'result', result: { content: [{ type: 'text', text: 'done' }] }, resultBytes: 10 };
  };
}

/** Asks one question; gives what the agent's side was shown of it, and what the server was told. */
async function asked(on: Bench, params: JsonObject, key = 'person') {
  const shown: unknown[] = [];
  let told: unknown;
  working(on, async ({ input }) => {
    told = await input?.ask({ [key]: { kind: 'elicitation', params } });
  });
  const side = {
    offers: { asks: ['elicitation'] as const, url: false },
    ask: async (questions: object) => {
      shown.push(questions);
      return { [key]: { action: 'accept', content: { answer: 'yes' } } };
    },
    logLevel: undefined,
  };
  const request = { serverName: 'office', toolName: 'look', args: {}, side };
  await on.pipeline.call(senior, request, new AbortController().signal);
  return { shown, told };
}

const labelsOf = (on: Bench) => on.control.labels.docs.get(uuid(103));
const question = (on: Bench) => on.spool.drafts.find(({ type }) => type === 'action.input_asked');
async function originOf(on: Bench, value: string): Promise<unknown> {
  await on.call(senior, 'pay', { order_id: value });
  const facts = on.spool.drafts.findLast(({ type }) => type === 'action.intent')?.body as {
    facts?: { provenance?: { origin: string }[] };
  };
  return facts.facts?.provenance?.[0]?.origin;
}

describe('a question of a tool server', () => {
  it.each([
    ['as it is', `Is it ${card}?`, 'Is it [CARD]?'],
    ['encoded', `Is it ${Buffer.from(`card ${card} of her`).toString('base64')}?`, 'Is it [CARD]?'],
  ])('is asked masked, and answered: %s', async (_how, message, masked) => {
    const on = bench();
    const { shown, told } = await asked(on, form(message));
    expect(shown).toMatchObject([{ person: { params: { message: masked } } }]);
    expect(told).toMatchObject({ ok: true });
    expect(question(on)).toMatchObject({
      outcome: 'allowed',
      body: { labels: expect.arrayContaining(['PCI']) },
    });
  });

  it.each<[string, JsonObject, string?]>([
    ['a choice', form('Which one?', { answer: { ...text, enum: [card, 'none'] } })],
    ['a default', form('This one?', { answer: { ...text, default: card } })],
    ['the name of a member', form('Which one?', { [card]: text })],
    ['its own name', form('Which one?'), card],
  ])('is not asked where %s would have to be masked', async (_what, params, key) => {
    const on = bench();
    const { shown, told } = await asked(on, params, key);
    expect(shown).toEqual([]);
    expect(told).toMatchObject({ ok: false, fault: { code: 'upstream.input_missing' } });
    expect(question(on)).toMatchObject({ outcome: 'refused', body: { refused: true } });
  });

  it('shows a token where the level has tokens', async () => {
    const on = bench();
    const token = `tok_${'a'.repeat(26)}`;
    const request = on.control.request.bind(on.control);
    on.control.request = async (operation, call) =>
      operation === 'gateway.keepValues'
        ? { ok: true, value: { tokens: [token] } as never }
        : await request(operation, call);
    const { masked, neverSent } = sensitiveDefault;
    const sensitive = {
      masked: { ...masked, senior: [...masked.senior, 'pii.email'] },
      neverSent,
      tokenised: { senior: ['pii.email'] },
    };
    on.snapshot.apply('settings', '*', { ...on.snapshot.settings(), sensitive });
    const { shown } = await asked(on, form('Shall it go to ada@example.com?'));
    const message = `Shall it go to ${token}@email.invalid?`;
    expect(shown).toMatchObject([{ person: { params: { message } } }]);
  });

  it('counts in what the session has read, masked or not; then its answer is kept back', async () => {
    const on = bench();
    const settings = on.snapshot.settings();
    const sensitive = { ...sensitiveDefault, raises: { PCI: 'restricted' as const } };
    on.snapshot.apply('settings', '*', { ...settings, sensitive });
    const { shown, told } = await asked(on, form(`Is it ${card}?`));
    expect(shown).toHaveLength(1);
    expect(labelsOf(on)).toMatchObject({ confidentiality: 'restricted' });
    expect(told).toMatchObject({ ok: false });
  });

  it('is known by where it came from when the agent uses it', async () => {
    const on = bench();
    expect(await originOf(on, order)).toBe('unknown');
    await asked(on, form(`Shall ${order} be next?`));
    expect(await originOf(on, order)).toBe('trusted');
  });
});

describe('what a tool server logs', () => {
  async function logged(on: Bench, data: string) {
    working(on, async ({ log }) => log?.onLog({ level: 'info', data }));
    const side = { offers: { asks: [], url: false }, ask: async () => undefined, logLevel: 'info' as const };
    const request = { serverName: 'office', toolName: 'look', args: {}, side };
    return await on.pipeline.call(senior, request, new AbortController().signal);
  }

  it('is masked like its result', async () => {
    expect(await logged(bench(), `charging ${card}`)).toMatchObject({
      kind: 'result',
      facts: { log: [{ data: 'charging [CARD]' }] },
    });
  });

  it('is known by where it came from when the agent uses it', async () => {
    const on = bench();
    await logged(on, `${order} is next`);
    expect(await originOf(on, order)).toBe('trusted');
  });
});
