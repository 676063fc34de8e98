/** What is retrieved from different indexes stays apart: by address, whatever its spelling; along a chain; unless a grant that holds says otherwise. And the decision again from its record. */
import { describe, expect, it } from 'vitest';
import { agentDoc, manifestDigest, receivedOf, recordOf, toolDoc, uuid, worldOf } from '../decide.fixture.ts';
import { decide } from '../decide.ts';
import { replay } from '../replay.ts';
import type { AgentDoc, ToolDoc } from '../wire/feed.ts';
import { type BlendGrant, indexesReadMax, type SourceDoc } from '../wire/retrieval.ts';
import type { PolicyQuestion, World } from '../world.ts';
import { afterLowering, afterRetrieving, labelsOfTool, noFlow, unread } from './flow.ts';
import { asRetrieved, checkRetrieval, indexesOf, leastTrusted, mayMeet, trustByIndex } from './retrieval.ts';

const nowMs = 1_000_000;
const source = (index: string, more: Partial<SourceDoc> = {}): SourceDoc => ({
  index,
  confidentiality: 'internal',
  integrity: 'trusted',
  categories: [],
  trust: 100,
  ...more,
});
const classification = {
  ...toolDoc.classification,
  class: 'read',
  sensitivity: 'public',
  outputTrust: 'trusted',
  arguments: {},
} as const;
const tool = (sources?: SourceDoc[], more: Partial<ToolDoc> = {}): ToolDoc => ({
  ...toolDoc,
  classification,
  ...(sources === undefined ? {} : { sources }),
  ...more,
});
const template = (sources: SourceDoc[] | undefined, name = 'template:files://{+path}') =>
  tool(sources, { name });
const grant = (indexes: string[], more: Partial<BlendGrant> = {}): BlendGrant => ({
  id: uuid(70),
  indexes,
  manifestDigest,
  since: new Date(nowMs - 1_000).toISOString(),
  until: new Date(nowMs + 1_000).toISOString(),
  ...more,
});
const agent = (...blends: BlendGrant[]): AgentDoc => ({ ...agentDoc, limits: [], blends });
const readOf = (of: ToolDoc, uri: string, siblings: ToolDoc[] = [of]) =>
  asRetrieved(of, { uri }, siblings, 40);
const indexAt = (of: ToolDoc, uri: string, siblings?: ToolDoc[]) =>
  indexesOf(readOf(of, uri, siblings)).map(({ index }) => index);

describe('what a call reads from', () => {
  const files = template([
    source('all'),
    source('hr', { address: 'files://hr/', confidentiality: 'restricted' }),
  ]);

  it.each([
    ['files://plan', ['all']],
    ['files://hr/pay', ['hr']],
    ['files://hr', ['all', 'hr']],
    ['files://HR/pay', ['all', 'hr']],
    ['files://h%72/pay', ['all', 'hr']],
    ['files://hr//pay', ['hr']],
    ['files://hrothgar', ['all']],
  ])('is the index of its address, and of each that a server might take it for: %s', (uri, indexes) => {
    expect(indexAt(files, uri)).toEqual(indexes);
  });

  it('is the same under another template, and for a resource that is listed apart', () => {
    const other = template(undefined, 'template:files://{+anything}');
    const listed = tool(undefined, { name: 'resource:files://hr/pay' });
    for (const way of [other, listed]) {
      expect(indexAt(way, 'files://hr/pay', [files, other, listed])).toEqual(['hr']);
    }
    expect(indexAt(other, 'files://plan', [files, other])).toEqual(['all']);
    expect(indexAt(other, 'books://plan', [files, other])).toEqual([]);
  });

  it('is all of them where nobody knows the address', () => {
    expect(indexesOf(asRetrieved(files, {}, [files], 40)).map(({ index }) => index)).toEqual(['all', 'hr']);
  });

  it('counts as what its index holds, and a source that is trusted too little as written by anybody', () => {
    const read = readOf(files, 'files://hr/pay');
    expect(labelsOfTool(read)).toEqual({ confidentiality: 'restricted', integrity: 'trusted' });
    const doubted = asRetrieved(tool([source('docs', { trust: 39 })]), {}, [], 40);
    expect(labelsOfTool(doubted)).toEqual({ confidentiality: 'internal', integrity: 'untrusted' });
    expect(labelsOfTool(asRetrieved(tool([source('docs', { trust: 40 })]), {}, [], 40)).integrity).toBe(
      'trusted',
    );
    // A source never makes anything more harmless.
    const own = tool([source('docs')], { classification: { ...classification, outputTrust: 'untrusted' } });
    expect(labelsOfTool(asRetrieved(own, {}, [], 40)).integrity).toBe('untrusted');
  });

  it('is none where nothing is registered', () => {
    const plain = tool();
    expect(asRetrieved(plain, {}, [plain], 40)).toBe(plain);
    expect(checkRetrieval(plain, agent(), { indexes: ['hr'] }, nowMs)).toBeUndefined();
  });
});

describe('indexes', () => {
  const docs = asRetrieved(tool([source('docs')]), {}, [], 40);
  const codeOf = (of: ToolDoc, by: AgentDoc, indexes?: string[]) => {
    const answer = checkRetrieval(of, by, indexes === undefined ? {} : { indexes }, nowMs);
    return answer === undefined || 'pass' in answer ? 'pass' : answer.code;
  };

  it.each<[string, BlendGrant[], string[] | undefined, string]>([
    ['alone', [], undefined, 'pass'],
    ['again', [], ['docs'], 'pass'],
    ['after another', [], ['hr'], 'segmentation.retrieval_blended'],
    ['after both', [], ['docs', 'hr'], 'segmentation.retrieval_blended'],
    ['with a grant', [grant(['hr', 'docs'])], ['hr'], 'pass'],
    ['with one that is wider', [grant(['hr', 'docs', 'law'])], ['hr'], 'pass'],
    ['with a grant of others', [grant(['hr', 'law'])], ['hr'], 'segmentation.retrieval_blended'],
    [
      'after more than the grant names',
      [grant(['hr', 'docs'])],
      ['hr', 'law'],
      'segmentation.retrieval_blended',
    ],
    [
      'with two grants that overlap',
      [grant(['hr', 'docs']), grant(['law', 'docs'])],
      ['hr', 'law'],
      'segmentation.retrieval_blended',
    ],
    [
      'on the last moment',
      [grant(['hr', 'docs'], { until: new Date(nowMs).toISOString() })],
      ['hr'],
      'segmentation.retrieval_blended',
    ],
    [
      'before its time',
      [grant(['hr', 'docs'], { since: new Date(nowMs + 1).toISOString() })],
      ['hr'],
      'segmentation.retrieval_blended',
    ],
    [
      'by another version of the agent',
      [grant(['hr', 'docs'], { manifestDigest: 'A'.repeat(43) })],
      ['hr'],
      'segmentation.retrieval_blended',
    ],
  ])('%s', (_, blends, indexes, code) => {
    expect(codeOf(docs, agent(...blends), indexes)).toBe(code);
  });

  it('hold one level: a tool that was classified higher since is read no more', () => {
    const raised = tool([source('docs')], {
      classification: { ...classification, sensitivity: 'confidential' },
    });
    expect(codeOf(asRetrieved(raised, {}, [], 40), agent())).toBe('segmentation.index_exceeded');
    const unclassified = { ...classification };
    delete (unclassified as { class?: string }).class;
    expect(
      codeOf(asRetrieved(tool([source('docs')], { classification: unclassified }), {}, [], 40), agent()),
    ).toBe('segmentation.index_exceeded');
  });

  it('may be found beside each other when reading is joined only as far as everybody is granted it', () => {
    const wide = agent(grant(['docs', 'hr', 'law']));
    const narrow = agent(grant(['docs', 'hr']));
    expect(mayMeet(docs, [wide], {}, nowMs).sort()).toEqual(['docs', 'hr', 'law']);
    expect(mayMeet(docs, [wide, narrow], {}, nowMs).sort()).toEqual(['docs', 'hr']);
    expect(mayMeet(docs, [wide, agent()], { indexes: ['docs'] }, nowMs)).toEqual(['docs']);
  });

  it('that were read are kept within a bound, at their highest level, until a person declares it harmless', () => {
    const read = (index: string) => ({ index, confidentiality: 'internal', integrity: 'trusted' }) as const;
    let doc = unread(uuid(9));
    for (let n = 0; n < indexesReadMax; n++) doc = afterRetrieving(doc, read(`index-${n}`)) ?? doc;
    expect(doc.indexes).toHaveLength(indexesReadMax);
    expect(afterRetrieving(doc, read('index-7'))).toBe(doc);
    expect(afterRetrieving(doc, read('one-more'))).toBeUndefined();
    const higher = afterRetrieving(doc, { ...read('index-7'), confidentiality: 'restricted' });
    expect(higher?.indexes).toContainEqual({ ...read('index-7'), confidentiality: 'restricted' });
    const lowered = afterLowering(higher ?? doc, { confidentiality: 'internal', integrity: 'trusted' });
    expect(lowered.indexes?.some(({ index }) => index === 'index-7')).toBe(false);
    expect(afterLowering(doc, { confidentiality: 'public', integrity: 'trusted' }).indexes).toBeUndefined();
  });
});

describe('the decision', () => {
  const received = receivedOf({ args: {} });
  const docs = asRetrieved(tool([source('docs', { trust: 77 })]), {}, [], 40);
  const flow = { ...noFlow, indexes: ['hr'] };
  const sources = (world: World) => ({
    policy: () => world.policy,
    definition: () => ({}),
    manifest: () => ({ ...agentDoc, checkpoints: [], limits: [] }),
  });
  const worlds: [string, World, string | undefined][] = [
    ['without a grant', worldOf({ tool: docs, flow, agent: agent() }), 'segmentation.retrieval_blended'],
    ['with one', worldOf({ tool: docs, flow, agent: agent(grant(['hr', 'docs'])) }), undefined],
    ['of nothing else', worldOf({ tool: docs, agent: agent() }), undefined],
  ];

  it.each(worlds)('%s is the same when it is made again from its record', (_, world, code) => {
    const decision = decide(received, world);
    expect(decision.refusal?.code).toBe(code);
    const record = recordOf(received, world);
    expect(replay(record, JSON.stringify(received.args), sources(world))).toMatchObject({
      verdict: 'agrees',
    });
  });

  describe('is told to policies that ask how far sources are trusted', () => {
    const asking = (asks: boolean) => {
      const asked: (number | undefined)[] = [];
      const world = worldOf({ agent: agent(grant(['hr', 'docs', 'law'])) });
      const { policy } = world;
      const watched =
        policy === undefined
          ? undefined
          : {
              ...policy,
              reads: (ref: string) => ({
                ...policy.reads(ref),
                ...(asks ? { sourceTrust: true as const } : {}),
              }),
              ask: (question: PolicyQuestion) => {
                asked.push(question.context.sourceTrust);
                return policy.ask(question);
              },
            };
      return { asked, world: { ...world, policy: watched } };
    };
    const hr = { index: 'hr', trust: 50 };

    it.each<[string, Partial<World>, number | undefined]>([
      ['of this call', { tool: docs }, 77],
      [
        'of what was read before, where that is less',
        { tool: docs, flow: { ...flow, leastTrusted: hr } },
        50,
      ],
      [
        'of this call, where that is less',
        { tool: docs, flow: { ...flow, leastTrusted: { ...hr, trust: 78 } } },
        77,
      ],
      ['of what was read before, by a tool that is no source', { flow: { ...flow, leastTrusted: hr } }, 50],
      ['of nothing where there is no source', {}, undefined],
    ])('%s', (_, more, trust) => {
      const { asked, world } = asking(true);
      const now = { ...world, ...more };
      decide(received, now);
      expect(new Set(asked)).toEqual(new Set([trust]));
      const again = replay(recordOf(received, now), JSON.stringify(received.args), sources(now));
      expect(again).toMatchObject({ verdict: 'agrees' });
      expect(new Set(asked)).toEqual(new Set([trust]));
    });

    it('and to no other, and as good as it may be where nobody knows which of its indexes it would be', () => {
      const none = asking(false);
      decide(received, { ...none.world, tool: docs });
      expect(new Set(none.asked)).toEqual(new Set([undefined]));
      const any = asking(true);
      const two = tool([source('docs', { trust: 30 }), source('hr', { trust: 90 })]);
      decide(received, { ...any.world, tool: two, anyArguments: true });
      expect(new Set(any.asked)).toEqual(new Set([90]));
    });

    it('where nothing answers from an index any more, as the least', () => {
      const trusts = trustByIndex([
        tool([source('docs', { trust: 80 })]),
        tool([source('docs', { trust: 60 })]),
      ]);
      expect(leastTrusted(['docs'], trusts)).toEqual({ index: 'docs', trust: 60 });
      expect(leastTrusted(['docs', 'gone'], trusts)).toEqual({ index: 'gone', trust: 0 });
      expect(leastTrusted([], trusts)).toBeUndefined();
    });
  });

  it('asks for a grant of each agent for which it works', () => {
    const above = (by: AgentDoc) => [
      { agent: by, instance: { agentId: by.id, state: 'active' as const }, sessionRevoked: false },
    ];
    const link = {
      agentId: uuid(1),
      instanceId: uuid(2),
      sid: uuid(5),
      manifestDigest,
      credentialEpoch: 1,
    };
    const chained = receivedOf({
      args: {},
      credential: {
        ...received.credential,
        chain: { delegationId: uuid(6), links: [link], callsMax: 10 },
      },
    });
    const world = (by: AgentDoc) =>
      worldOf({ tool: docs, flow, agent: agent(grant(['hr', 'docs'])), above: above(by) });
    const refused = decide(chained, world(agent()));
    expect(refused.refusal?.code).toBe('segmentation.retrieval_blended');
    expect(refused.refusal?.detail).toContain('for which it works');
    const allowed = decide(chained, world(agent(grant(['hr', 'docs']))));
    expect(allowed.checks.find(({ name }) => name === 'govern_retrieval')?.verdict).toBe('pass');
  });

  it('does not hide a tool of which nobody knows yet what it would read', () => {
    expect(decide(received, worldOf({ tool: docs, flow, agent: agent(), anyArguments: true })).outcome).toBe(
      'allow',
    );
  });
});
