/** Policies about arguments from their text to the decision and back from its record: Cedar's own library types them, our evaluator decides by them. */
import { agentDoc, receivedOf as received, recordOf, toolDoc, worldOf } from '@atf/core/decide.fixture';
import { decide } from '@atf/core/decide';
import { sha256 } from '@atf/core/digest';
import { compilePolicySet } from '@atf/core/policy/compile';
import { policyFacts } from '@atf/core/policy/question';
import { RememberedAnswers } from '@atf/core/policy/remembered-answers';
import { openRecord, replay } from '@atf/core/replay';
import { typesDigest } from '@atf/core/segmentation/bound-types';
import type { ToolDoc } from '@atf/core/wire/feed';
import { canonicalJson, type JsonObject } from '@atf/core/wire/json';
import type { PolicyFacts, World } from '@atf/core/world';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Cedar } from './cedar.ts';
import { shippedPolicyDir } from '../config.ts';
import { schemaAbout, toolArguments, typedTool } from './tool-types.ts';

const cedar = new Cedar();
afterAll(() => cedar.close());

const schema = readFileSync(join(shippedPolicyDir, 'schema.cedarschema'), 'utf8');
const ref = 'back-office/refund_order';
const definition: JsonObject = {
  name: 'refund_order',
  inputSchema: {
    type: 'object',
    required: ['order', 'amount'],
    properties: {
      order: { type: 'string' },
      'line-no': { type: 'integer' },
      note: { type: ['string', 'null'] },
      amount: { type: 'number' },
      currency: { type: 'string' },
      tags: { type: 'array', items: { type: 'string' } },
      customer: { type: 'object', properties: { if: { type: 'boolean' } }, required: ['if'] },
    },
  },
};
const tool: ToolDoc = { ...toolDoc, definition };
const allowed = '@id("allow") permit (principal, action, resource);';
const about = (condition: string, scope = `resource == ATF::Tool::"${ref}"`) =>
  `@id("rule") forbid (principal, action, ${scope}) when { ${condition} };`;

async function compiled(text: string, given: JsonObject = definition, zones: readonly string[] = []) {
  return cedar.compileText(
    [{ name: 'a.cedar', text: `${allowed}\n${text}` }],
    schema,
    {
      [ref]: toolArguments(given),
    },
    zones,
  );
}
async function factsOf(text: string, zones: readonly string[] = []): Promise<PolicyFacts> {
  const result = await compiled(text, definition, zones);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const set = compilePolicySet(result.policies.map(({ id, json }) => ({ id, json })));
  if (!set.ok) throw new Error(JSON.stringify(set.problems));
  return policyFacts(set.set, sha256('policy'), 1);
}
const world = (policy: PolicyFacts, more: Partial<World> = {}) =>
  worldOf({ agent: { ...agentDoc, limits: [] }, tool, policy, ...more });
const args = (more: JsonObject = {}): JsonObject => ({ order: 'O-1', amount: 20, currency: 'EUR', ...more });
const codeOf = (policy: PolicyFacts, given: JsonObject, more: Partial<World> = {}) => {
  const { outcome, refusal } = decide(received({ args: given }), world(policy, more));
  return refusal?.code ?? outcome;
};

describe('types', () => {
  it.each([
    ['context.args.order == "O-1"', undefined],
    ['context.args has "line-no" && context.args["line-no"] > 3', undefined],
    ['context.args has note && context.args.note like "*x*"', undefined],
    ['context.args has tags && context.args.tags.contains("x")', undefined],
    ['context.args has customer && context.args.customer["if"]', undefined],
    ['context has value && context.value > 5', undefined],
    ['context has sourceTrust && context.sourceTrust < 60', undefined],
    ['context.time.weekday == "sun"', undefined],
    ['context.args has ordre && context.args.ordre == "x"', /no argument "ordre"/],
    ['context.args has customer && context.args.customer has mail', /no argument "customer.mail"/],
    ['context.args has amount', /no argument "amount" .*fraction/],
    ['context.args.ordre == "O-1"', /ordre/],
    ['context.args.order > 3', /Long/],
    ['context.args.note == "x"', /note/],
    ['context.args["line-no"] > 3', /line-no/],
    ['context.args.amount > 3', /amount has no type in policies: it is a number that may have a fraction/],
    ['context.args.customer.mail == "x"', /customer|mail/],
    ['context has args && context.args.order == "x"', /leave out/],
    ['context has args.order && context.args.order == "x"', /leave out/],
    ['context.value > 5', /value/],
    ['context.sourceTrust < 60', /sourceTrust/],
    ['context has sourceTrust && context.sourceTrust == "low"', /String|Long/],
    ['(if context.approved then context else context).args.order == "x"', /context as a whole/],
    ['(if context.approved then context else context) has args', /context as a whole/],
    [
      'context.args.order == "x" && {all: context}.all has args && context.args.order like "*"',
      /context as a whole/,
    ],
  ])('%s', async (condition, problem) => {
    const result = await compiled(about(condition));
    const problems = result.ok ? [] : result.problems.map(({ message }) => message);
    if (problem === undefined) expect(problems).toEqual([]);
    else expect(problems.join('\n')).toMatch(problem);
    if (!result.ok) expect(result.problems[0]).toMatchObject({ file: 'a.cedar', line: 2, policyId: 'rule' });
  });

  it('what is printed is a schema that Cedar reads, whatever the names of tools and arguments', async () => {
    const odd: JsonObject = {
      inputSchema: {
        properties: {
          'a"b\\c': { type: 'string' },
          in: { type: 'string' },
          'é\n\u202e': { type: 'integer' },
          'x\ny': { type: 'number' },
        },
      },
    };
    for (const [name, each] of [
      [ref, definition],
      ['a-b/c.d.é', odd],
      ['a/b', {}],
    ] as const) {
      const typed = typedTool(name, each, sha256(name));
      expect(typed.text).toMatch(/^[\n -~]*$/);
      const text = schemaAbout(schema, typed);
      expect(text).toContain(`args: ${typed.name}`);
      expect(await cedar.schemaJson(text)).toMatchObject({ ok: true });
    }
  });
});

describe('the decision', () => {
  it('goes by the argument, and never by one that does not fit the schema', async () => {
    const policy = await factsOf(
      about('context.args.order == "O-9" || (context.args has note && context.args.note like "*gift*")'),
    );
    expect(codeOf(policy, args())).toBe('allow');
    expect(codeOf(policy, args({ order: 'O-9' }))).toBe('policy.forbidden');
    expect(codeOf(policy, args({ note: 'a gift' }))).toBe('policy.forbidden');
    expect(codeOf(policy, args({ note: null }))).toBe('allow');
    const invalid = { verdict: 'invalid', problems: ['/order: type'] } as const;
    expect(codeOf(policy, args({ order: 5 }), { schema: invalid })).toBe('data.schema_invalid');
    expect(codeOf(policy, args({ note: 'x'.repeat(70_000) }))).toBe('policy.evaluation_failed');
  });

  it('fails closed where the tool has another schema since, however the policy asks', async () => {
    for (const condition of [
      'context.args.order == "O-9"',
      'context.args has note && context.args.note == "x"',
    ]) {
      const policy = await factsOf(about(condition));
      const changed = {
        ...tool,
        definition: { inputSchema: { properties: { amount: { type: 'number' } } } },
      };
      const decision = decide(received({ args: args() }), world(policy, { tool: changed }));
      expect(decision.refusal).toMatchObject({
        code: 'policy.evaluation_failed',
        detail: expect.stringMatching(/the argument (?:order|note), which the tool has not/),
        policies: ['rule'],
      });
      // And whoever plans is told where.
      expect((await compiled(about(condition), changed.definition as JsonObject)).ok).toBe(false);
    }
  });

  it('is refused where the types are not those that the policy was checked against', async () => {
    const result = await compiled(about('context.args.order == "O-9"'));
    if (!result.ok) throw new Error('does not compile');
    const typed = (result.fits[ref] ?? []).map((each) => typesDigest(each, [['order']]));
    expect(typed).toHaveLength(1);
    const factsWith = (against: readonly string[]) => {
      const policies = result.policies.map(({ id, json }) => ({ id, json, typed: against }));
      const set = compilePolicySet(policies);
      if (!set.ok) throw new Error('does not compile');
      return policyFacts(set.set, sha256('policy'), 1);
    };
    const properties = { order: { type: 'integer' }, amount: { type: 'number' } };
    const changed = { ...tool, definition: { inputSchema: { properties, required: ['order'] } } };
    const [bound, unchecked] = [factsWith(typed), factsWith([])];
    expect(codeOf(bound, args({ order: 'O-9' }))).toBe('policy.forbidden');
    expect(codeOf(bound, args())).toBe('allow');
    expect(codeOf(unchecked, args())).toBe('policy.arguments_unlike');
    const call = received({ args: args({ order: 9 }) });
    const decision = decide(call, world(bound, { tool: changed }));
    expect(decision.refusal).toMatchObject({ code: 'policy.arguments_unlike', policies: ['rule'] });
    // Questions about any arguments are answered in the same way.
    const asked = decide(received({ args: {} }), world(bound, { tool: changed, anyArguments: true }));
    expect(asked.refusal?.code).toBe('policy.arguments_unlike');
  });

  it('of a changed tool: policies fit what was accepted, what is on offer, both, or nothing', async () => {
    const offered = toolArguments({
      inputSchema: { properties: { order: { type: 'integer' } }, required: ['order'] },
    });
    const fitted = async (condition: string) => {
      const files = [{ name: 'a.cedar', text: `${allowed}\n${about(condition)}` }];
      const result = await cedar.compileText(files, schema, {
        [ref]: { ...toolArguments(definition), offered },
      });
      return result.ok ? result.fits[ref]?.map((each) => each['order']?.type) : 'nothing';
    };
    expect(await fitted('context.args.order == "x"')).toEqual(['String']);
    expect(await fitted('context.args.order == 3')).toEqual(['Long']);
    expect(await fitted('context.args has order')).toEqual(['String', 'Long']);
    expect(await fitted('context.args.order == 3 || context.args.order == "x"')).toBe('nothing');
  });

  it('an amount that cannot be read is more than any', async () => {
    const policy = await factsOf(about('context has value && context.value > 10000'));
    expect(codeOf(policy, args({ amount: 100 }))).toBe('allow');
    expect(codeOf(policy, args({ amount: 100.01 }))).toBe('policy.forbidden');
    expect(codeOf(policy, args({ amount: 'much' }))).toBe('policy.forbidden');
    expect(codeOf(policy, args({ amount: 1, more: { Amount: 5 } }))).toBe('policy.forbidden');
  });

  it('the time is that of the decision, in UTC', async () => {
    const policy = await factsOf(
      about(
        'context.time.weekday == "sun" && context.time.hour == 23 && context.time.minute == 59',
        'resource',
      ),
    );
    const at = (text: string) => codeOf(policy, args(), { nowMs: Date.parse(text), limits: [] });
    const fresh = { ...received().credential, expiresAtMs: Date.parse('2030-01-01') };
    const decided = (text: string) =>
      decide(received({ args: args(), credential: fresh }), world(policy, { nowMs: Date.parse(text) }))
        .outcome;
    expect(at('2026-11-22T23:59:59Z')).toBe('identity.credential_expired');
    expect(decided('2026-11-22T23:59:59Z')).toBe('refuse');
    expect(decided('2026-11-23T00:00:00Z')).toBe('allow');
    expect(decided('2026-11-22T23:59:00+01:00')).toBe('allow');
  });

  describe('time zones', () => {
    const zones = ['Europe/Berlin', 'Asia/Kolkata'];
    const berlin = 'context.time["Europe/Berlin"]';

    it.each([
      [`${berlin}.hour >= 8 && context.args.order == "O-1"`, undefined],
      ['context.time["Asia/Kolkata"].weekday == "sun" || context.time.hour == 3', undefined],
      ['context.time["Europe/Paris"].hour == 8', /"Europe\/Paris" is no time zone that settings.yaml lists/],
      ['context.time has "Europe/Paris" && context.approved', /"Europe\/Paris" is no time zone/],
      ['context.time.hours == 8', /"hours" is no time zone/],
      [`${berlin}.hour == "8"`, /Long|String/],
      [`${berlin}.zone == "8"`, /zone/],
      ['[context.time].contains(context.time)', /as a whole/],
    ])('%s', async (condition, problem) => {
      const result = await compiled(about(condition), definition, zones);
      const problems = result.ok ? [] : result.problems.map(({ message }) => message);
      if (problem === undefined) expect(problems).toEqual([]);
      else expect(problems.join('\n')).toMatch(problem);
      if (!result.ok)
        expect(result.problems[0]).toMatchObject({ file: 'a.cedar', line: 2, policyId: 'rule' });
    });

    it('without any in the settings, each is unknown', async () => {
      const result = await compiled(about(`${berlin}.hour == 8`));
      expect(result).toMatchObject({ ok: false, problems: [{ line: 2, column: expect.any(Number) }] });
    });

    it('summer time counts, and what the record says of it decides again', async () => {
      const policy = await factsOf(about(`${berlin}.hour == 9`, 'resource'), zones);
      expect(policy.reads(ref).zones).toEqual(['Europe/Berlin']);
      const fresh = { ...received().credential, expiresAtMs: Date.parse('2030-01-01') };
      const decided = (text: string, minutes?: number) => {
        const asked = received({ args: args(), credential: fresh });
        const nowMs = Date.parse(text);
        const then = world(policy, {
          nowMs,
          ...(minutes === undefined ? {} : { zones: { 'Europe/Berlin': minutes } }),
        });
        return decide(asked, then).outcome;
      };
      expect([decided('2026-01-05T08:30:00Z'), decided('2026-07-06T08:30:00Z')]).toEqual(['refuse', 'allow']);
      expect([decided('2026-01-05T07:30:00Z'), decided('2026-07-06T07:30:00Z')]).toEqual(['allow', 'refuse']);
      expect(decided('2026-07-06T07:30:00Z', 60)).toBe('allow');
    });

    it('a gateway that does not know the zone refuses', async () => {
      const nowhere = await factsOf(about(`${berlin}.hour == 9`, 'resource'), zones);
      const policy = { ...nowhere, reads: () => ({ value: false, time: true }) };
      expect(decide(received({ args: args() }), world(policy)).outcome).toBe('refuse');
    });
  });

  it('is never one that was remembered of other arguments, or of any', async () => {
    const result = await compiled(about('context.args.order == "O-9"'));
    if (!result.ok) throw new Error('does not compile');
    const set = compilePolicySet(result.policies.map(({ id, json }) => ({ id, json })));
    if (!set.ok) throw new Error('does not compile');
    const counts = { remembered: 0, evaluated: 0 };
    const policy = policyFacts(set.set, sha256('policy'), 1, new RememberedAnswers(counts));
    const reads = {
      ...tool,
      classification: { ...tool.classification, class: 'read' as const, arguments: {} },
    };
    const outcome = (order: string, more: Partial<World> = {}) =>
      decide(received({ args: args({ order }) }), world(policy, { tool: reads, ...more })).outcome;
    expect([outcome('O-1'), outcome('O-9'), outcome('O-1')]).toEqual(['allow', 'refuse', 'allow']);
    expect(outcome('O-9', { anyArguments: true })).toBe('allow');
    expect([outcome('O-9'), counts.remembered]).toEqual(['refuse', 0]);
  });

  it('about any arguments says the most that a call may get, and what decides', async () => {
    const policy = await factsOf(about('context.args.order == "O-9"'));
    const asked = world(policy, { anyArguments: true });
    expect(decide(received({ args: {} }), asked)).toMatchObject({ outcome: 'allow', byArguments: ['rule'] });
    const permits = `@id("rule") permit (principal, action, resource == ATF::Tool::"${ref}") when { context.args.order == "x" };`;
    const result = await cedar.compileText([{ name: 'a.cedar', text: permits }], schema, {
      [ref]: toolArguments(definition),
    });
    if (!result.ok) throw new Error('does not compile');
    const set = compilePolicySet(result.policies.map(({ id, json }) => ({ id, json })));
    if (!set.ok) throw new Error('does not compile');
    const only = policyFacts(set.set, sha256('policy'), 1);
    expect(decide(received({ args: {} }), world(only, { anyArguments: true }))).toMatchObject({
      outcome: 'allow',
      policies: ['rule'],
      byArguments: ['rule'],
    });
    expect(codeOf(only, args())).toBe('policy.not_permitted');
  });
});

describe('the record', () => {
  const sources = (policy: PolicyFacts, also: readonly PolicyFacts[] = []) => ({
    policy: () => policy,
    definition: () => definition,
    manifest: () => ({ ...agentDoc, limits: [] }),
    alsoAsked: also,
  });

  it('gives the decision again with the arguments, and cannot without', async () => {
    const policy = await factsOf(about('context.args.order == "O-9"'));
    for (const given of [args(), args({ order: 'O-9' })]) {
      const call = received({ args: given, argsDigest: sha256(canonicalJson(given)) });
      const body = recordOf(call, world(policy));
      expect(replay(body, canonicalJson(given), sources(policy))).toMatchObject({ verdict: 'agrees' });
      const opened = openRecord(body, sources(policy));
      if ('missing' in opened) throw new Error('cannot be opened');
      expect([opened.needsArguments, opened.world(undefined)]).toEqual([
        true,
        { ok: false, missing: { what: 'arguments' } },
      ]);
    }
  });

  it('decides by what time it was then in a zone, whatever the rules of the zone have become', async () => {
    const policy = await factsOf(about('context.time["Europe/Berlin"].hour == 9', 'resource'), [
      'Europe/Berlin',
    ]);
    const credential = { ...received().credential, expiresAtMs: Date.parse('2030-01-01') };
    const call = received({ args: args(), argsDigest: sha256(canonicalJson(args())), credential });
    const nowMs = Date.parse('2026-07-06T07:30:00Z');
    // At the end of summer time that was abolished later.
    for (const [minutes, outcome] of [
      [120, 'refuse'],
      [60, 'allow'],
    ] as const) {
      const body = recordOf(call, world(policy, { nowMs, zones: { 'Europe/Berlin': minutes } }));
      expect(body).toMatchObject({ facts: { zones: { 'Europe/Berlin': minutes } } });
      const again = replay(body, canonicalJson(args()), sources(policy));
      expect(again).toMatchObject({ verdict: 'agrees', decision: { outcome } });
    }
  });

  it('needs them too where only the set asks that it is tried under', async () => {
    const plain = await factsOf('');
    const about9 = await factsOf(about('context.args.order == "O-9"'));
    const body = recordOf(received({ args: args() }), world(plain));
    const needs = (also: readonly PolicyFacts[]) => {
      const opened = openRecord(body, sources(plain, also));
      return 'missing' in opened ? opened.missing : opened.needsArguments;
    };
    expect([needs([]), needs([about9])]).toEqual([false, true]);
  });
});
