import { compilePolicySet } from '@atf/core/policy/compile';
import { EMPTY_STORE } from '@atf/core/policy/entities';
import { isAuthorized } from '@atf/core/policy/evaluate';
import { EMPTY_RECORD, EntityUid } from '@atf/core/policy/runtime-value';
import { afterAll, describe, expect, it } from 'vitest';
import { Cedar, NESTING_MAX, TASKS_WAITING_MAX, TEXT_BYTES_MAX } from './cedar.ts';

const cedar = new Cedar();
afterAll(() => cedar.close());

const file = (text: string, name = 'a.cedar') => ({ name, text });
const named = (id: string, rest = 'permit(principal, action, resource);') => `@id("${id}")\n${rest}\n`;
const schema = `
  entity Agent { level: Long };
  entity Tool;
  action call appliesTo { principal: [Agent], resource: [Tool], context: { amount: Long } };
`;

const codesOf = async (text: string, schemaText?: string): Promise<readonly string[]> => {
  const result = await cedar.compileText([file(text)], schemaText);
  return result.ok ? [] : result.problems.map((problem) => problem.code);
};

describe('compiling Cedar text', () => {
  it('names policies by @id and keeps text, JSON and annotations', async () => {
    const texts = [
      file(
        `// levels\n${named('read', '@note("x")\npermit(principal is Agent, action == Action::"call", resource) when { context.amount < 5 };')}`,
      ),
      file(named('stop', 'forbid(principal, action, resource) unless { context.amount > 0 };'), 'b.cedar'),
    ];
    const result = await cedar.compileText(texts, schema);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.policies.map(({ id, file: name, annotations }) => [id, name, annotations])).toEqual([
      ['read', 'a.cedar', { id: 'read', note: 'x' }],
      ['stop', 'b.cedar', { id: 'stop' }],
    ]);
    expect(result.policies[0]?.text).toMatch(/^@id\("read"\)/);
    expect(compilePolicySet(result.policies)).toMatchObject({ ok: true });
  });

  it('keeps the order of more than ten policies', async () => {
    const ids = Array.from({ length: 25 }, (_, index) => `p${index}`);
    const result = await cedar.compileText([file(ids.map((id) => named(id)).join(''))]);
    expect(result.ok && result.policies.map((policy) => policy.id)).toEqual(ids);
  });

  it('enforces an integer beyond 2^53 exactly', async () => {
    const text = named(
      'exact',
      'permit(principal, action, resource) when { 9007199254740993 - 9007199254740992 == 1 && -9223372036854775808 < -9223372036854775807 };',
    );
    const result = await cedar.compileText([file(text)]);
    const compiled = compilePolicySet(result.ok ? result.policies : []);
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
    const uid = new EntityUid('Agent', 'a');
    const request = {
      principal: uid,
      action: new EntityUid('Action', 'call'),
      resource: uid,
      context: EMPTY_RECORD,
    };
    expect(isAuthorized(compiled.set, request, EMPTY_STORE)).toMatchObject({ decision: 'allow', errors: [] });
  });

  it.each([
    ['permit(principal, action, resource);', ['id_missing']],
    ['@id("") permit(principal, action, resource);', ['id_missing']],
    [named('a') + named('a'), ['id_duplicate']],
    [named('a', 'permit(principal == ?principal, action, resource);'), ['template']],
    [named('a', 'permit(principal, action resource);'), ['syntax']],
    [named('a', 'permit(principal, action, resource) when { 9223372036854775808 > 1 };'), ['syntax']],
    [named('a', 'permit(principal, action, resource) when { nosuch(1) };'), ['syntax']],
  ])('refuses %j', async (text, codes) => {
    expect(await codesOf(text)).toEqual(codes);
  });

  it('says file and line', async () => {
    const result = await cedar.compileText([
      file(`${named('é')}\n\npermit(principal, action resource);`, 'levels.cedar'),
    ]);
    expect(result).toMatchObject({
      ok: false,
      problems: [{ code: 'syntax', file: 'levels.cedar', line: 5 }],
    });
    const missing = await cedar.compileText([
      file(`${named('a')}\npermit(principal, action, resource);`, 'levels.cedar'),
    ]);
    expect(missing).toMatchObject({ ok: false, problems: [{ code: 'id_missing', line: 4 }] });
  });

  it('checks against the schema', async () => {
    const wrong = named(
      'a',
      'permit(principal, action == Action::"call", resource) when { context.total > 1 };',
    );
    const result = await cedar.compileText([file(wrong)], schema);
    expect(result).toMatchObject({
      ok: false,
      problems: [{ code: 'schema_mismatch', policyId: 'a', file: 'a.cedar' }],
    });
    expect(await codesOf(named('a'), 'entity Agent')).toEqual(['schema_syntax']);
    expect(await codesOf(named('a', 'permit(principal == Nobody::"x", action, resource);'), schema)).toEqual([
      'schema_mismatch',
    ]);
  });

  it('refuses two policies with one id across files and names the other file', async () => {
    const result = await cedar.compileText([file(named('a')), file(named('a'), 'b.cedar')]);
    expect(result).toMatchObject({ problems: [{ code: 'id_duplicate', file: 'b.cedar', policyId: 'a' }] });
    expect(JSON.stringify(result)).toContain('a.cedar');
  });

  it('accepts nothing as an empty set', async () => {
    expect(await cedar.compileText([])).toEqual({ ok: true, policies: [], fits: {}, warnings: [] });
  });
});

describe('formatting and schemas', () => {
  it('formats', async () => {
    expect(await cedar.formatText('permit(principal,action,resource)when{true};')).toEqual({
      ok: true,
      text: 'permit (principal, action, resource)\nwhen { true };\n',
    });
    expect(await cedar.formatText('permit(')).toMatchObject({ ok: false, problems: [{ code: 'syntax' }] });
  });

  it('converts a schema', async () => {
    expect(await cedar.schemaJson(schema)).toMatchObject({
      ok: true,
      json: { '': { entityTypes: { Agent: {}, Tool: {} } } },
    });
    expect(await cedar.schemaJson('entity')).toMatchObject({
      ok: false,
      problems: [{ code: 'schema_syntax' }],
    });
  });
});

describe('the worker', () => {
  /** Nests without brackets, so that it gets past the bounds and exhausts the stack of the wasm. */
  const poison = named(
    'deep',
    `permit(principal, action, resource) when { ${'if true then '.repeat(20_000)} true ${'else true '.repeat(20_000)} };`,
  );

  it('is replaced after the library failed, and the next task is served', async () => {
    const result = await cedar.compileText([file(poison)]);
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'unavailable' }] });
    expect(await codesOf(named('fine'))).toEqual([]);
  });

  it('is stopped when it takes too long', async () => {
    const hasty = new Cedar({ timeoutMs: 1 });
    const many = Array.from({ length: 2_000 }, (_, index) => named(`p${index}`)).join('');
    expect(await hasty.compileText([file(many)])).toMatchObject({
      ok: false,
      problems: [{ code: 'unavailable' }],
    });
    await hasty.close();
  });

  it('serves after each replacement when it is used once', async () => {
    const careful = new Cedar({ usesMax: 1 });
    const results = await Promise.all(['a', 'b', 'c'].map((id) => careful.compileText([file(named(id))])));
    expect(results.map((result) => result.ok && result.policies[0]?.id)).toEqual(['a', 'b', 'c']);
    await careful.close();
  });

  it('refuses too much text, too deep nesting and too many waiting tasks', async () => {
    const nested = `permit(principal, action, resource) when { ${'('.repeat(NESTING_MAX)}true${')'.repeat(NESTING_MAX)} };`;
    expect(await codesOf(named('a', nested))).toEqual(['too_large']);
    expect(await codesOf(`// ${'x'.repeat(TEXT_BYTES_MAX)}`)).toEqual(['too_large']);
    const busy = new Cedar();
    const results = await Promise.all(
      Array.from({ length: TASKS_WAITING_MAX + 5 }, () => busy.compileText([file(named('a'))])),
    );
    const refused = results.filter((result) => !result.ok);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ problems: [{ code: 'unavailable' }] });
    await busy.close();
  });

  it('looks through hostile text in linear time', async () => {
    const started = performance.now();
    await cedar.compileText([file(`${'"\\"'.repeat(300_000)}\\`)]);
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  it('answers what waits when it is closed, and refuses afterwards', async () => {
    const closing = new Cedar();
    const pending = Promise.all([
      closing.compileText([file(named('a'))]),
      closing.compileText([file(named('b'))]),
    ]);
    await closing.close();
    for (const result of await pending)
      expect(result).toMatchObject({ ok: false, problems: [{ code: 'unavailable' }] });
    expect(await closing.compileText([])).toMatchObject({ ok: false, problems: [{ code: 'unavailable' }] });
  });
});
