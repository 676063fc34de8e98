import { describe, expect, it } from 'vitest';
import { compileSchema } from '../data/schema.ts';
import type { JsonObject } from '../wire/json.ts';
import { toolRefSchema, toolScopePattern } from '../wire/words.ts';
import { classify } from './classify.ts';
import { definitionDigest } from './definition.ts';
import { kindOf, listedOf, offerDefinition, offeredName } from './offer.ts';
import {
  isPlainUri,
  templateMatches,
  templateParts,
  templateVariables,
  uriLengthMax,
} from './resource-uri.ts';

describe('addresses with one reading', () => {
  it.each([
    'file:///srv/report.txt',
    'library://rules',
    'urn:isbn:978-3-16',
    'https://example.org/a?b=c#d',
    'note:a%20b',
    'x:...',
  ])('%s', (uri) => expect(isPlainUri(uri)).toBe(true));

  it.each([
    '',
    'rules',
    '/etc/passwd',
    'File:///a',
    'file:///a/../b',
    'file:///a/./b',
    'file:///a/..',
    'file:..',
    'file:///a/%2e%2E/b',
    'file:///a/.%2e/b',
    'file:///a%2fb',
    'file:///a%5Cb',
    'file:///a\\b',
    'file:///a%252e',
    'file:///a%00',
    'file:///a%0a',
    'file:///a%7f',
    'file:///a%4',
    'file:///a b',
    'file:///ä',
    'http://user@host/',
    'http://user:word@host/',
    `x:${'a'.repeat(uriLengthMax)}`,
  ])('and not %j', (uri) => expect(isPlainUri(uri)).toBe(false));
});

describe('templates', () => {
  it.each<[string, string, boolean]>([
    ['file:///public/{name}', 'file:///public/a.txt', true],
    ['file:///public/{name}', 'file:///public/', false],
    ['file:///public/{name}', 'file:///public/a/b', false],
    ['file:///public/{name}', 'file:///public/a?b', false],
    ['file:///public/{name}', 'file:///publicity/a', false],
    ['file:///public/{name}', 'file:///public/..', false],
    ['file:///public/{name}', 'file:///public/%2e%2e', false],
    ['file:///public/{+path}', 'file:///public/a/b', true],
    ['file:///public/{+path}', 'file:///public/a/../b', false],
    ['x:{a}-{b}-{c}', 'x:1-2-3-4', true],
    ['x:{a}-{b}.txt', 'x:1.txt', false],
    ['x:y{/z}', 'x:y/1', true],
    ['x:y{?a,b}', 'x:y?a=1&b=2', true],
    ['x:y{?a,b}', 'x:y?b=2&a=1', false],
    ['x:y?q=1{&a}', 'x:y?q=1&a=2', true],
  ])('%s stands for %s: %s', (template, uri, stands) => expect(templateMatches(template, uri)).toBe(stands));

  it.each([
    '{scheme}://x',
    '{+all}',
    'x:{a*}',
    'x:{a:3}',
    'x:{#a}',
    'x:{a,b}',
    'x:{',
    'x:}',
    'x:{}',
    'x:{.a}',
  ])('%s is not understood and stands for nothing', (template) => {
    expect(templateParts(template)).toBeUndefined();
    expect(templateVariables(template)).toEqual([]);
  });

  it('takes time in proportion, whatever the template', () => {
    const template = `x:${'{+a}b'.repeat(15)}`;
    const started = performance.now();
    expect(templateMatches(template, `x:${'b'.repeat(2_000)}`)).toBe(true);
    expect(templateMatches(template, `x:${'a'.repeat(2_000)}`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe('governed definitions', () => {
  const made = (kind: 'resource' | 'template' | 'prompt', listed: JsonObject) => {
    const definition = offerDefinition(kind, listed);
    if (definition === undefined) throw new Error('not governed');
    return definition;
  };
  const digest = (listed: JsonObject) => definitionDigest(made('resource', listed));
  const rules = { uri: 'library://rules', name: 'rules', mimeType: 'text/plain' };

  it('keep the kind in the name, and the listing as it was', () => {
    const definition = made('resource', { ...rules, description: 'Rules' });
    expect(definition['name']).toBe('resource:library://rules');
    expect([kindOf('resource:library://rules'), kindOf('get_order'), kindOf('toString:x')]).toEqual([
      'resource',
      'tool',
      'tool',
    ]);
    expect(offeredName('prompt:review')).toBe('review');
    expect(listedOf(definition)).toEqual({ ...rules, description: 'Rules' });
  });

  it('change with everything but the content of the moment', () => {
    expect(digest({ ...rules, size: 7, annotations: { lastModified: '2026-01-01T00:00:00Z' } })).toBe(
      digest(rules),
    );
    for (const more of [
      { description: 'other' },
      { mimeType: 'text/html' },
      { annotations: { priority: 1 } },
    ])
      expect(digest({ ...rules, ...more })).not.toBe(digest(rules));
  });

  it('are not made of what cannot be named', () => {
    expect(offerDefinition('resource', { uri: 'file:///a/../b' })).toBeUndefined();
    expect(offerDefinition('resource', { uri: `x:${'a'.repeat(300)}` })).toBeUndefined();
    expect(offerDefinition('resource', { name: 'x' })).toBeUndefined();
    expect(offerDefinition('template', { uriTemplate: '{+all}' })).toBeUndefined();
    expect(offerDefinition('prompt', { name: 'two words' })).toBeUndefined();
    expect(
      offerDefinition('prompt', { name: 'a', arguments: [{ name: 'x' }, { name: 'x' }] }),
    ).toBeUndefined();
    expect(offerDefinition('prompt', { name: 'a', arguments: 'x' })).toBeUndefined();
  });

  it('have a schema that takes one operation at a time', () => {
    const schema = made('prompt', {
      name: 'review',
      arguments: [{ name: 'isbn', required: true }, { name: 'tone' }],
    });
    const fits = compileSchema(schema['inputSchema'] as JsonObject);
    const complete = { argument: { name: 'tone', value: '' } };
    expect(fits?.({ arguments: { isbn: '1' } })).toBe(true);
    expect(fits?.({ complete })).toBe(true);
    for (const wrong of [
      {},
      { arguments: {} },
      { arguments: { isbn: '1', x: 'y' } },
      { arguments: { isbn: '1' }, complete },
      { complete: { argument: { name: 'x', value: '' } } },
      { uri: 'x:y' },
    ])
      expect(fits?.(wrong), JSON.stringify(wrong)).toBe(false);
  });

  it('are classified as reading; the text of prompts is untrusted; a tool that claims a kind is a tool', () => {
    const facts = { domain: 'books', outputTrust: 'trusted', siblings: [] } as const;
    expect(classify(made('resource', rules), facts)).toMatchObject({ class: 'read', outputTrust: 'trusted' });
    expect(classify(made('prompt', { name: 'delete_all' }), facts)).toMatchObject({
      class: 'read',
      outputTrust: 'untrusted',
    });
    expect(classify({ name: 'delete_all', kind: 'prompt' }, facts).class).toBe('admin');
  });

  it('can be granted and stopped by name', () => {
    for (const name of ['prompt:review', 'resource:library://rules', 'template:library://books/{isbn}']) {
      expect(toolRefSchema.safeParse(`library/${name}`).success, name).toBe(true);
      expect(toolScopePattern.test(`library/${name}`), name).toBe(true);
    }
    for (const name of [
      'other:review',
      'prompt:',
      'resource:a b',
      'resource:a"b',
      'prompt:a:b',
      'x\nresource:a',
    ])
      expect(toolRefSchema.safeParse(`library/${name}`).success, name).toBe(false);
  });
});
