/** A tool that chooses its index by an argument: exactly what is registered is read from, and every other way to write it from nothing. */
import { describe, expect, it } from 'vitest';
import { agentDoc, receivedOf, recordOf, toolDoc, worldOf } from '../decide.fixture.ts';
import { decide } from '../decide.ts';
import { replay } from '../replay.ts';
import type { ToolDoc } from '../wire/feed.ts';
import type { JsonObject } from '../wire/json.ts';
import type { SourceDoc } from '../wire/retrieval.ts';
import { chosenSources, isLike, isPlainValue } from './chosen-index.ts';
import { labelsOfTool } from './flow.ts';
import { asAllRetrieved, asRetrieved, indexesOf } from './retrieval.ts';

const source = (index: string, more: Partial<SourceDoc> = {}): SourceDoc => ({
  index,
  confidentiality: 'internal',
  integrity: 'trusted',
  categories: [],
  trust: 100,
  ...more,
});
const at = (value: string, index = value, more: Partial<SourceDoc> = {}, argument = '/index') =>
  source(index, { when: { argument, value }, ...more });
const docsAndHr = [at('docs'), at('hr', 'hr', { confidentiality: 'confidential' })];
const answerOf = (args: JsonObject, all: readonly SourceDoc[] = docsAndHr) => {
  const chosen = chosenSources(all, args);
  return 'because' in chosen ? chosen.because : chosen.sources.map(({ index }) => index);
};

describe('the index of a call', () => {
  it.each<[string, JsonObject, string | string[]]>([
    ['is that of its value', { index: 'docs', query: 'x' }, ['docs']],
    ['and of another one the other', { index: 'hr' }, ['hr']],
    ['is unknown where the call does not say it', { query: 'x' }, 'absent'],
    ['where it is a list, though of one', { index: ['docs'] }, 'no_text'],
    ['where it is null', { index: null }, 'no_text'],
    ['where it is an object', { index: { docs: true } }, 'no_text'],
    ['where nobody registered it', { index: 'law' }, 'unregistered'],
    ['in other case', { index: 'HR' }, 'unregistered'],
    ['with a blank', { index: 'hr ' }, 'unregistered'],
    ['with an invisible character', { index: 'h\u200br' }, 'unregistered'],
    ['in full-width letters', { index: '\uff48\uff52' }, 'unregistered'],
    ['in letters that look alike', { index: 'd\u043ecs' }, 'unregistered'],
    ['as a pattern', { index: '*' }, 'unregistered'],
    ['as two of them', { index: 'docs,hr' }, 'unregistered'],
    ['as a path', { index: 'docs/../hr' }, 'unregistered'],
    ['where it is there twice, in other letters', { index: 'docs', Index: 'hr' }, 'twice'],
    ['also with signs between', { index: 'docs', 'in-dex': 'hr' }, 'twice'],
    ['also with letters that are the same in another form', { index: 'docs', '\uff49ndex': 'hr' }, 'twice'],
    ['where it only is there in other letters', { Index: 'docs' }, 'twice'],
    ['where it is inherited', { toString: 'docs' }, 'absent'],
  ])('%s', (_, args, answer) => {
    expect(answerOf(args)).toEqual(answer);
  });

  it('may stand deeper, and is one value there too', () => {
    const deep = [at('docs', 'docs', {}, '/filter/a~1b')];
    expect(answerOf({ filter: { 'a/b': 'docs' } }, deep)).toEqual(['docs']);
    expect(answerOf({ filter: 'docs' }, deep)).toBe('absent');
    expect(answerOf({ filter: [{ 'a/b': 'docs' }] }, deep)).toBe('absent');
    expect(answerOf({ filter: { 'a/b': 'docs' }, Filter: { 'a/b': 'hr' } }, deep)).toBe('twice');
    expect(answerOf({ filter: { 'a/b': 'docs', ab: 'hr' } }, deep)).toBe('twice');
  });

  it('is never passed over by a source that answers whatever the arguments say, nor by another argument', () => {
    const both = [source('all'), ...docsAndHr];
    expect(answerOf({ index: 'hr' }, both)).toEqual(['all', 'hr']);
    expect(answerOf({ index: 'law' }, both)).toBe('unregistered');
    const two = [...docsAndHr, at('eu', 'europe', {}, '/region')];
    expect(answerOf({ index: 'hr', region: 'eu' }, two)).toEqual(['hr', 'europe']);
    expect(answerOf({ index: 'hr' }, two)).toBe('absent');
    expect(answerOf({}, [source('all')])).toEqual(['all']);
  });
});

describe('a value', () => {
  it.each([' hr', 'hr ', 'h  r', 'h\tr', 'h\u00a0r', 'h\u200br', 'h\u202er', 'e\u0301', '\ud800'])(
    'is none that can be registered when it is not what it looks like: %j',
    (value) => {
      expect(isPlainValue(value)).toBe(false);
    },
  );
  it('is plain otherwise, also in other scripts', () => {
    for (const value of ['hr', 'HR 2026', 'caf\u00e9', '\u4eba\u4e8b', '*', 'docs-1'])
      expect(isPlainValue(value)).toBe(true);
  });
  it('is like another that a generous server takes for the same', () => {
    for (const other of ['HR', 'h r', '\uff48\uff52', 'h\u00adr']) expect(isLike('hr', other)).toBe(true);
    expect(isLike('docs-1', 'docs1')).toBe(false);
  });
});

describe('the decision', () => {
  const tool: ToolDoc = {
    ...toolDoc,
    classification: {
      ...toolDoc.classification,
      class: 'read',
      sensitivity: 'internal',
      outputTrust: 'trusted',
      arguments: {},
    },
    sources: docsAndHr,
  };
  const agent = { ...agentDoc, limits: [] };

  it('is about the index of this call alone, with its level', () => {
    const docs = asRetrieved(tool, { index: 'docs' }, [], 40);
    expect(labelsOfTool(docs).confidentiality).toBe('internal');
    const hr = asRetrieved(tool, { index: 'hr' }, [], 40);
    expect(labelsOfTool(hr).confidentiality).toBe('confidential');
    expect(indexesOf(hr).map(({ index }) => index)).toEqual(['hr']);
    // Whoever was given a result of which nobody knows the call counts as having read all of it.
    const all = asAllRetrieved(tool);
    expect(labelsOfTool(all).confidentiality).toBe('confidential');
    expect(indexesOf(all).map(({ index }) => index)).toEqual(['docs', 'hr']);
    // What a call reads was chosen once: what is kept of it stays the same.
    expect(indexesOf(asAllRetrieved(hr)).map(({ index }) => index)).toEqual(['hr']);
  });

  it.each<[string, JsonObject, string | undefined]>([
    ['of a registered value', { index: 'docs' }, undefined],
    ['of another one', { index: 'Docs' }, 'segmentation.index_unknown'],
    ['of none', {}, 'segmentation.index_unknown'],
  ])('%s is the same when it is made again from its record', (_, args, code) => {
    const received = receivedOf({ args });
    const world = worldOf({ tool: asRetrieved(tool, args, [], 40), agent });
    const decision = decide(received, world);
    expect(decision.refusal?.code).toBe(code);
    if (code !== undefined) {
      expect(decision.refusal?.detail).toContain('chooses its index by /index');
    }
    const again = replay(recordOf(received, world), JSON.stringify(args), {
      policy: () => world.policy,
      definition: () => ({}),
      manifest: () => ({ ...agentDoc, checkpoints: [], limits: [] }),
    });
    expect(again).toMatchObject({ verdict: 'agrees' });
  });
});
