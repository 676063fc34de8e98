import type { Person } from '@atf/core/wire/api';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conformanceRoutes } from '../conformance/routes.ts';
import { codeOf, type TestControl, testControl } from '../workspace/control.fixture.ts';
import { callerOf, type Domain, domainOf } from '../workspace/domain.fixture.ts';
import { AgainstShipped } from './against-shipped.ts';
import { Cedar } from './cedar.ts';
import { type PolicyFiles, readPolicyFiles } from './files.ts';
import { loadPolicies, policyInForce } from './load.ts';
import { versionRoutes } from './version-routes.ts';

const cedar = new Cedar();
let control: TestControl;
let domain: Domain;
let security: Person;
let operator: Person;
let files: PolicyFiles['files'];
let conformance: ReturnType<typeof callerOf<ReturnType<typeof conformanceRoutes>>>;
let call: ReturnType<typeof callerOf<ReturnType<typeof versionRoutes>>>;

beforeAll(async () => {
  control = await testControl();
  domain = await domainOf(control);
  ({ security, operator } = domain);
  ({ files } = await readPolicyFiles(join(import.meta.dirname, '../../../../policies')));
  call = callerOf(control, versionRoutes(cedar));
  const shipped = new AgainstShipped(cedar, control.config.policyDir);
  conformance = callerOf(control, conformanceRoutes(shipped));
  await domain.agent('senior', 'senior');
  await domain.agent('junior', 'junior');
});
afterAll(async () => {
  await cedar.close();
  await control.close();
});

const bent = (name: string, change: (text: string) => string) =>
  files.map((file) => (file.name === name ? { name, text: change(file.text) } : file));
const show = () => call('policy.show', control.as(operator), {});
async function propose(given: object, reason: string | undefined = 'because', by = operator) {
  const { version } = await show();
  return call('policy.propose', control.as(by, 'token'), {
    body: { base: version, ...(reason === undefined ? {} : { reason }), ...given },
  });
}
const confirm = ({ id, shownDigest }: { id: string; shownDigest: string }, by: Person) =>
  call('policy.confirm', control.as(by), {
    params: { id },
    body: { shownDigest, presence: control.present(by, { kind: 'policy', id, digest: shownDigest }) },
  });
const refusedWith = (work: Promise<unknown>) =>
  work.then(
    () => ({ code: 'none' }),
    (fault: { refusal: { code: string; detail?: string } }) => fault.refusal,
  );

/** Seniors act alone only on reversible tools: a condition less to satisfy it with. */
const tighter = () =>
  bent('levels.cedar', (text) =>
    text.replace(
      '(resource.reversible || resource.idempotent)',
      'resource.reversible && resource.idempotent',
    ),
  ).map((file) =>
    file.name === 'cases/levels.yaml'
      ? {
          ...file,
          text: 'cases:\n  - name: a Junior reads\n    level: junior\n    want: { outcome: allow, policies: [levels.read], obligations: [] }\n',
        }
      : file,
  );
const looser = () =>
  bent(
    'levels.cedar',
    (text) =>
      `${text}\n@id("levels.junior_acts")\n@requirement("S-2")\npermit (principal in ATF::Level::"junior", action == ATF::Action::"write", resource) when { resource.writeSafe } unless { principal in ATF::Level::"senior" };\n`,
  ).map((file) =>
    file.name === 'cases/levels.yaml'
      ? {
          ...file,
          text: 'cases:\n  - name: a Junior writes\n    level: junior\n    action: write\n    tool: { writeSafe: true }\n    want: { outcome: allow }\n',
        }
      : file,
  );

describe('a set that is proposed', () => {
  it('is what is in force at first, with the folder beside it', async () => {
    expect(await show()).toMatchObject({
      version: 1,
      by: ['the start'],
      folder: { differs: [] },
      loosens: [],
    });
  });

  it.each<[string, () => PolicyFiles['files'], string, RegExp]>([
    [
      'a syntax error',
      () => bent('levels.cedar', (text) => `${text}\npermit (`),
      'policy.invalid',
      /^levels\.cedar:\d+:\d+: unexpected/,
    ],
    [
      'an unknown attribute',
      () => bent('guardrails.cedar', (text) => text.replace('context.granted', 'context.grated')),
      'policy.invalid',
      /^guardrails\.cedar:\d+:10 guardrails\.written_list: .*grated/,
    ],
    [
      'an id twice',
      () => bent('levels.cedar', (text) => text.replace('"levels.read_reviewed"', '"levels.read"')),
      'policy.invalid',
      /^levels\.cedar:\d+:1 levels\.read: two policies/,
    ],
    [
      'a level that does not exist',
      () =>
        bent('levels.cedar', (text) => text.replace('ATF::Level::"principal"', 'ATF::Level::"principle"')),
      'policy.invalid',
      /^levels\.cedar:\d+:\d+ levels\.\w+: there is no level "principle"/,
    ],
    [
      'a duty that nobody knows',
      () => bent('levels.cedar', (text) => text.replace('"notify"', '"notfiy"')),
      'policy.invalid',
      /^levels\.cedar:\d+:13 levels\.senior_acts: @obligation knows notify, review_output, and not "notfiy"/,
    ],
    [
      'a setting out of bounds',
      () => bent('settings.yaml', (text) => text.replace('senior: 600', 'senior: 600000')),
      'policy.invalid',
      /^settings\.yaml: tokenSeconds\.senior/,
    ],
    [
      'a case that does not hold',
      () => bent('cases/levels.yaml', (text) => text.replace('decision: deny', 'decision: allow')),
      'policy.case_failed',
      /^cases\/levels\.yaml: .*wanted allow, got deny/,
    ],
    [
      'a case with an unknown word',
      () => bent('cases/levels.yaml', (text) => text.replace('decision: deny', 'descision: deny')),
      'policy.invalid',
      /^cases\/levels\.yaml: /,
    ],
    [
      'a file that is none of a set',
      () => [...files, { name: 'cases/other.cedar', text: '' }],
      'policy.invalid',
      /^cases\/other\.cedar: not a file/,
    ],
    [
      'no schema',
      () => files.filter(({ name }) => name !== 'schema.cedarschema'),
      'policy.invalid',
      /schema\.cedarschema is missing/,
    ],
    [
      'too much',
      () => [...files, ...[1, 2].map((n) => ({ name: `big${n}.cedar`, text: `//${'x'.repeat(1_048_000)}` }))],
      'policy.invalid',
      /more than 2097152 bytes/,
    ],
  ])('is refused with its place: %s; what is in force stays', async (_what, given, code, detail) => {
    const before = await show();
    expect(await refusedWith(propose({ files: given() }))).toMatchObject({
      code,
      detail: expect.stringMatching(detail),
    });
    expect(await show()).toEqual(before);
  });

  it('is warned of what can never apply or is about nothing, with its place', async () => {
    const odd = `// What its author meant is something else.
@id("odd.tool") @requirement("S-2") forbid (principal, action, resource == ATF::Tool::"shop/refnd");
@id("odd.word") @requirement("S-2") forbid (principal, action, resource) when { context.proof == "dopp" };
@id("odd.hours") @requirement("S-2")
forbid (principal, action, resource) when { context.time.hour >= 22 && context.time.hour < 6 };
@id("odd.permit") @requirement("S-2") permit (principal, action, resource) when { !context.granted };
@id("odd.server") @requirement("S-2") forbid (principal, action, resource in ATF::Server::"shoop");
@id("odd.agent") @requirement("S-2") forbid (principal == ATF::Agent::"senior", action, resource);
@id("odd.name") @requirement("S-2")
forbid (principal, action, resource) when { ["junior", "junoir"].contains(principal.name) };
`;
    const { version: base } = await show();
    const body = { base, files: [...files, { name: 'odd.cedar', text: odd }] };
    const { warnings } = await call('policy.propose', control.as(operator), { body });
    expect(warnings).toEqual([
      expect.stringMatching(/^odd\.cedar:2:87 odd\.tool: no tool "shop\/refnd" was accepted/),
      expect.stringMatching(/^odd\.cedar:3:98 odd\.word: context\.proof is never "dopp"/),
      expect.stringMatching(/^odd\.cedar:4:1 odd\.hours: can never apply/),
      expect.stringMatching(/^odd\.cedar:7:91 odd\.server: no tool of server "shoop" was accepted/),
      expect.stringMatching(/^odd\.cedar:8:71 odd\.agent: .*write principal\.name == "senior"/),
      expect.stringMatching(/^odd\.cedar:10:56 odd\.name: no agent is called "junoir"/),
      expect.stringMatching(/^odd\.cedar:6:1 odd\.permit: can never apply, guardrails\.written_list forbids/),
    ]);
  });

  it('needs files or a version, and the version that its author saw', async () => {
    expect(await codeOf(propose({}))).toBe('request.malformed');
    expect(await codeOf(propose({ restores: 1, files: [...files] }))).toBe('request.malformed');
    expect(await codeOf(propose({ restores: 7 }))).toBe('policy.version_unknown');
    expect(await codeOf(propose({ files: [...files], base: 9 }))).toBe('policy.version_conflict');
  });

  it('without a reason is only planned with', async () => {
    const plan = await propose({ files: tighter() });
    const only = await call('policy.propose', control.as(operator), { body: { base: 1, files: tighter() } });
    expect(plan.state).toBe('waiting');
    expect(only.state).toBe('plan');
    expect(await codeOf(confirm(only, security))).toBe('policy.confirmation_invalid');
  });
});

describe('what tightens', () => {
  it('shows which rights vanish, takes one person, and binds with a raised epoch', async () => {
    const candidate = await propose({ files: tighter() });
    expect(candidate).toMatchObject({
      state: 'waiting',
      loosens: [],
      loosenings: 0,
      policies: { added: [], changed: ['levels.senior_acts'], removed: [] },
      confirmations: { needed: 1, by: [] },
    });
    expect(await call('policy.plan', control.as(operator), { params: { id: candidate.id } })).toEqual({
      items: [
        {
          agent: 'senior',
          level: 'senior',
          changes: [
            {
              tool: 'shop/create_refund',
              class: 'write',
              before: 'allow',
              after: 'ask',
              code: 'maturity.approval_required',
            },
          ],
        },
      ],
      agents: 2,
      rights: 6,
      agentsAll: 2,
    });
    expect(await confirm(candidate, security)).toMatchObject({ state: 'applied', version: 2 });
    expect(await show()).toMatchObject({ version: 2, epoch: 2, by: ['Yuki Security'], reason: 'because' });
    expect(await policyInForce(control)).toMatchObject({ epoch: 2, digest: candidate.digest });
    expect(await control.doc('policy', '*')).toMatchObject({ epoch: 2, digest: candidate.digest });
    expect((await control.events('policy.set_activated')).at(-1)?.body).toMatchObject({
      version: 2,
      by: [security.id],
    });
    expect(await codeOf(confirm(candidate, security))).toBe('policy.confirmation_invalid');
  });

  it('stays over a restart, although the folder is another', async () => {
    expect(await loadPolicies(control, cedar)).toMatchObject({
      state: 'kept',
      epoch: 2,
      differs: ['levels.cedar'],
    });
    expect((await show()).folder).toEqual({ differs: ['levels.cedar'] });
  });
});

describe('what loosens', () => {
  it('names what it loosens, and takes two different people, one of whom answers for security', async () => {
    const other = await control.person('Otto Operator', ['operator']);
    const candidate = await propose({ files: looser() });
    expect(candidate.loosens.join('\n')).toMatch(/permit levels\.junior_acts is new/);
    expect(candidate.loosens.join('\n')).toMatch(/junior, write: ask becomes allow in \d+ situations/);
    expect(candidate.confirmations).toEqual({ needed: 2, by: [] });
    expect(await confirm(candidate, operator)).toMatchObject({
      state: 'waiting',
      confirmations: { by: ['Olga Operator'] },
    });
    expect(await codeOf(confirm(candidate, operator))).toBe('policy.confirmation_invalid');
    expect(await codeOf(confirm(candidate, other))).toBe('people.not_allowed');
    expect((await show()).version).toBe(2);
    expect(await confirm(candidate, security)).toMatchObject({ state: 'applied', version: 3 });
    expect(await show()).toMatchObject({ version: 3, by: ['Olga Operator', 'Yuki Security'] });
  });

  it('stands in the conformance table, against the set that is shipped', async () => {
    const table = () => conformance('conformance', control.as(operator), {});
    const { items, loosens } = await table();
    expect(loosens?.join('\n')).toContain('permit levels.junior_acts is new');
    expect(items.find(({ id }) => id === 'S-2')).toMatchObject({
      status: 'partly',
      says: expect.stringContaining('looser than those that ATF ships'),
    });
    expect((await table()).loosens).toEqual(loosens);
  });

  it('counts figures of the settings', async () => {
    const candidate = await propose({
      files: bent('settings.yaml', (text) =>
        text
          .replace('approvalSeconds: 900', 'approvalSeconds: 901')
          .replace('[admin]', '[]')
          .replace('fanOutMax: 5', 'fanOutMax: 6'),
      ),
    });
    expect(candidate.loosens).toEqual(
      expect.arrayContaining([
        'settings approvalSeconds: 900 becomes 901',
        'settings fourEyes: admin is no longer in it',
        'settings cascade.fanOutMax: 5 becomes 6',
      ]),
    );
  });

  it('is not confirmed by a simulated presence, nor for another digest', async () => {
    const candidate = await propose({ files: [...files] });
    const simulated = { ...control, presence: { consume: async () => ({ method: 'simulated' as const }) } };
    const routes = callerOf(simulated as TestControl, versionRoutes(cedar));
    const body = { shownDigest: candidate.shownDigest, presence: 'x'.repeat(43) };
    const params = { id: candidate.id };
    expect(await codeOf(routes('policy.confirm', control.as(security), { params, body }))).toBe(
      'people.presence_invalid',
    );
    const wrong = { ...body, shownDigest: 'A'.repeat(43) };
    expect(await codeOf(call('policy.confirm', control.as(security), { params, body: wrong }))).toBe(
      'policy.confirmation_invalid',
    );
  });
});

describe('versions', () => {
  it('an earlier one comes back by the same rules, and two at once do not both win', async () => {
    const back = await propose({ restores: 2 });
    const other = await propose({ files: [...files] });
    expect(back).toMatchObject({ restores: 2, loosens: [], confirmations: { needed: 1 } });
    const [first, second] = await Promise.allSettled([confirm(back, security), confirm(other, operator)]);
    expect(first).toMatchObject({ status: 'fulfilled', value: { state: 'applied', version: 4 } });
    expect(second).toMatchObject({
      status: 'rejected',
      reason: { refusal: { code: 'policy.version_conflict' } },
    });
    expect(await call('policy.candidate', control.as(operator), { params: { id: other.id } })).toMatchObject({
      state: 'overtaken',
    });
    const { items } = await call('policy.history', control.as(operator), {});
    expect(items.map(({ version, restores }) => [version, restores])).toEqual([
      [4, 2],
      [3, undefined],
      [2, undefined],
      [1, undefined],
    ]);
    const [second2, fourth] = await Promise.all(
      [2, 4].map((version) => call('policy.version', control.as(operator), { params: { version } })),
    );
    expect(fourth?.files).toEqual(second2?.files);
    expect(await policyInForce(control)).toMatchObject({ epoch: 4, digest: fourth?.digest });
  });

  it('is never said to be overtaken by itself, whoever asks while it comes into force', async () => {
    const given = { restores: (await show()).version };
    const candidate = await propose(given, 'asked about meanwhile');
    const asked = () => call('policy.candidate', control.as(operator), { params: { id: candidate.id } });
    const answers = await Promise.all([asked(), confirm(candidate, security), asked(), asked()]);
    expect(answers.at(1)).toMatchObject({ state: 'applied' });
    for (const { state } of answers) expect(['waiting', 'applied']).toContain(state);
    expect((await asked()).state).toBe('applied');
  });
});
