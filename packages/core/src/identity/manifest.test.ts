import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../digest.ts';
import { manifestBytesMax } from '../wire/manifest.ts';
import { checkOffices, parseManifest } from './manifest.ts';
import { parseStrictYaml } from '../wire/strict-yaml.ts';

const text = readFileSync(
  new URL('../../../../examples/workspace/agents/junior-support.yaml', import.meta.url),
  'utf8',
);
const problem = (yaml: string, format: 'yaml' | 'json' = 'yaml') => {
  const parsed = parseManifest(yaml, format);
  return parsed.ok ? 'ok' : `${parsed.refusal.code}: ${parsed.refusal.detail}`;
};

describe('strict YAML', () => {
  it.each<[string, string]>([
    ['an alias', 'a: &x 1\nb: *x'],
    ['an anchor alone', 'a: &x 1'],
    ['duplicate keys', 'a: 1\na: 2'],
    ['a custom tag', 'a: !run x'],
    ['a tag of the core schema', 'a: !!str 1'],
    ['two documents', 'a: 1\n---\nb: 2'],
    ['__proto__', '__proto__: { a: 1 }'],
    ['infinity', 'a: .inf'],
    ['an integer that rounds', 'a: 12345678901234567890'],
    ['deep flow nesting', '['.repeat(3_000)],
    ['deep flow nesting below the hint', '['.repeat(1_900) + ']'.repeat(1_900)],
    ['deep block nesting', `${'- '.repeat(400)}a`],
    ['broken quotes', 'a: "x'],
  ])('refuses %s', (_name, yaml) => expect(parseStrictYaml(yaml, 65_536).ok).toBe(false));

  it('reads dates as text and leaves merge keys alone', () => {
    expect(parseStrictYaml('a: 2026-01-01\n<<: { b: 1 }', 1_000)).toEqual({
      ok: true,
      value: { a: '2026-01-01', '<<': { b: 1 } },
    });
  });
});

describe('manifest', () => {
  it('reads YAML and JSON; the digest is that of the bytes', () => {
    const yaml = parseManifest(text, 'yaml');
    if (!yaml.ok) throw new Error(yaml.refusal.detail);
    expect(yaml.digest).toBe(sha256(text));
    const json = JSON.stringify(yaml.manifest);
    expect(parseManifest(json, 'json')).toEqual({ ok: true, manifest: yaml.manifest, digest: sha256(json) });
    expect(parseManifest(`${text}\n# one byte more`, 'yaml')).not.toMatchObject({ digest: yaml.digest });
  });

  it.each<[string, string]>([
    ['an unknown field', `${text}\nsudo: true`],
    ['a missing field', text.replace(/^purpose:[\s\S]*?(?=^domain:)/m, '')],
    [
      'a limit on a tool that is not listed',
      text.replace(
        '- tool: back-office/create_refund\n    calls',
        '- tool: back-office/create_refunds\n    calls',
      ),
    ],
    [
      'a checkpoint on a tool that is not listed',
      text.replace(
        '- tool: back-office/create_refund\n    reason',
        '- tool: back-office/creat_refund\n    reason',
      ),
    ],
    ['a limit without its currency', text.replace(/^ +currency: EUR\n/m, '')],
    ['a tool listed twice', text.replace('- back-office/cancel_refund', '- back-office/create_refund')],
    ['a duplicate key', `${text}\nname: other`],
    ['too much', text + '#'.repeat(manifestBytesMax)],
  ])('refuses %s', (_name, yaml) => expect(problem(yaml)).toMatch(/^identity\.manifest_invalid: ./));

  it('refuses JSON with duplicate keys', () =>
    expect(problem('{"name":"a","name":"b"}', 'json')).toContain('duplicate_key'));

  it('names fields, never their content', () => {
    expect(problem(text.replace('version: 1.0.0', 'version: secret-value'))).not.toContain('secret-value');
  });
});

describe('offices', () => {
  it.each([
    ['o', 't', 'b', undefined],
    ['o', 't', 'o', undefined],
    ['o', 'o', 'b', 'identity.manifest_owners'],
    ['o', 't', 't', 'identity.manifest_owners'],
  ])('owner %s, technical %s, business %s: %s', (ownerId, technicalOwnerId, businessOwnerId, code) => {
    expect(checkOffices({ ownerId, technicalOwnerId, businessOwnerId })?.code).toBe(code);
  });
});

describe('checkpoints on amounts', () => {
  const json = (limits: object[], checkpoint: object) =>
    problem(
      JSON.stringify({
        ...(parseStrictYaml(text, 65_536) as { value: object }).value,
        limits,
        checkpoints: [checkpoint],
      }),
      'json',
    );
  const limit = { tool: 'back-office/create_refund', amountMax: 100, currency: 'EUR' };
  const point = { tool: 'back-office/create_refund', amountAbove: 50, reason: 'large' };

  it('count in one currency: their own, or that of the limits for the same calls', () => {
    expect(json([limit], point)).toBe('ok');
    expect(json([limit], { ...point, currency: 'EUR' })).toBe('ok');
    expect(json([limit], { ...point, currency: 'JPY' })).toContain('different currencies');
    expect(json([limit, { ...limit, tool: undefined, currency: 'JPY' }], point)).toContain(
      'different currencies',
    );
    expect(json([{ ...limit, tool: 'back-office/get_order' }], { ...point, currency: 'JPY' })).toBe('ok');
    expect(json([], { tool: point.tool, currency: 'EUR', reason: 'x' })).toContain(
      'a currency needs amountAbove',
    );
  });
});
