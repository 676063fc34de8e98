/** The policy set as it is checked in: its cases, asked of our evaluator and of Cedar's own library, and what load refuses. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { anyAgent, anyTool } from '@atf/core/policy/anybody';
import { origins } from '@atf/core/segmentation/provenance/session-memory';
import { intents } from '@atf/core/segmentation/provenance/stated-intent';
import { cedarCallOf, policyFacts } from '@atf/core/policy/question';
import { actionClassSchema, levels, sensitivitySchema } from '@atf/core/wire/words';
import type { PolicyQuestion } from '@atf/core/world';
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { caseProblems, readCases } from './cases.ts';
import { Cedar } from './cedar.ts';
import { checkSet } from './check.ts';
import { doubtsOf } from './doubts.ts';
import {
  compileFiles,
  policyDigest,
  type PolicyFiles,
  readPolicyFiles,
  schemaFile,
  settingsFile,
  type Register,
} from './files.ts';
import { formatFolder } from './folder.ts';
import { inSlices } from './in-slices.ts';
import { toolArguments } from './tool-types.ts';

const dir = join(dirname(fileURLToPath(import.meta.url)), '../../../../policies');
const cedar = new Cedar();
afterAll(() => cedar.close());

const given = await readPolicyFiles(dir);
const loaded = await compileFiles(cedar, given);
if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
const { set } = loaded;
const facts = policyFacts(set.compiled, set.digest, 1);
const staticPolicies = Object.fromEntries(set.policies.map(({ id, json }) => [id, json]));

/** Cedar's own library on the same question. */
function cedarAnswer(question: PolicyQuestion): { decision: string; reasons: string[] } {
  const call = cedarCallOf(question);
  const schema = given.files.find(({ name }) => name === schemaFile)?.text ?? '';
  const answer = isAuthorized({
    ...call,
    schema,
    validateRequest: true,
    policies: { staticPolicies },
  } as Parameters<typeof isAuthorized>[0]);
  if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('; '));
  expect(answer.response.diagnostics.errors).toEqual([]);
  return { decision: answer.response.decision, reasons: answer.response.diagnostics.reason.sort() };
}

const read = readCases(given, []);
if (!read.ok) throw new Error(read.problems.join('\n'));

describe.each([...new Set(read.cases.map(({ file }) => file))])('%s', (file) => {
  it.each(read.cases.filter((one) => one.file === file))('$name', ({ question, want }) => {
    const answer = facts.ask(question);
    const wanted = [...(want.policies ?? [])].sort();
    expect({
      decision: answer.decision,
      policies: [...answer.reasons].sort(),
      errors: answer.errors,
    }).toEqual({
      decision: want.decision,
      policies: wanted,
      errors: [],
    });
    expect(cedarAnswer(question)).toEqual({ decision: want.decision, reasons: wanted });
  });
});

describe('the set', () => {
  it('is asked about by a case for every policy', () => {
    const named = readdirSync(join(dir, 'cases'))
      .map((file) => readFileSync(join(dir, 'cases', file), 'utf8'))
      .join('\n');
    expect(set.policies.map(({ id }) => id).filter((id) => !named.includes(id))).toEqual([]);
  });

  it('carries a requirement on every policy, and refusal codes that the decision knows', () => {
    for (const { annotations } of set.policies) {
      expect(annotations['requirement']).toMatch(/^[IBDSR]-[1-5]$/);
      if (annotations['refusal'] !== undefined)
        expect(['segmentation.tool_not_granted', 'segmentation.out_of_domain']).toContain(
          annotations['refusal'],
        );
    }
  });

  it('is validated by the schema without a warning', () => expect(set.warnings).toEqual([]));

  it('gives the same answer as the library over random questions', () => {
    const seed = Number(process.env['ATF_SEED'] ?? Date.now() % 2 ** 31);
    console.info(`seed ${seed} (ATF_SEED)`);
    const origin = fc.constantFrom(...origins, 'none' as const);
    const question = fc.record({
      level: fc.constantFrom(...levels),
      action: fc.constantFrom(...actionClassSchema.options),
      tool: fc.record({
        sensitivity: fc.constantFrom(...sensitivitySchema.options),
        reversible: fc.boolean(),
        idempotent: fc.boolean(),
        writeSafe: fc.boolean(),
      }),
      context: fc.record({
        approved: fc.boolean(),
        granted: fc.boolean(),
        inDomain: fc.boolean(),
        humanCheckpoint: fc.boolean(),
        limited: fc.boolean(),
        proof: fc.constantFrom('dpop' as const, 'none' as const),
        task: fc.constantFrom('person' as const, 'absent' as const),
        intent: fc.constantFrom(...intents),
        origin: origin,
        reach: origin,
        amount: origin,
        confidentiality: fc.subarray(sensitivitySchema.options),
        integrity: fc.constantFrom('trusted' as const, 'untrusted' as const),
        tables: fc.subarray(['orders', 'public.payroll', 'payroll']),
        columns: fc.subarray(['payroll.salary', 'orders.*']),
        operations: fc.subarray(['read', 'insert', 'update', 'delete']),
        time: fc.record({
          weekday: fc.constantFrom('mon' as const, 'sun' as const),
          hour: fc.nat(23),
          minute: fc.nat(59),
          date: fc.constant('2026-11-22'),
        }),
        delegationDepth: fc.nat(5),
        dataLabels: fc.subarray(['secret', 'PII', 'unchecked']),
        risk: fc.nat(100),
      }),
    });
    fc.assert(
      fc.property(question, ({ level, action, tool, context }) => {
        const asked: PolicyQuestion = {
          agent: anyAgent(level),
          effectiveLevel: level,
          action,
          tool: anyTool(action, { outputTrust: 'trusted', ...tool }),
          context,
        };
        const answer = facts.ask(asked);
        expect({ decision: answer.decision, reasons: [...answer.reasons].sort() }).toEqual(
          cedarAnswer(asked),
        );
      }),
      { seed, numRuns: 300 },
    );
  });
});

describe('loading', () => {
  const bent = (name: string, bend: (text: string) => string): PolicyFiles => ({
    files: given.files.map((file) => (file.name === name ? { name, text: bend(file.text) } : file)),
  });
  const without = (name: string): PolicyFiles => ({
    files: given.files.filter((file) => file.name !== name),
  });
  it.each<[string, PolicyFiles, RegExp]>([
    [
      'a syntax error, with file and line',
      bent('levels.cedar', (text) => `${text}\npermit (`),
      /levels\.cedar/,
    ],
    [
      'an attribute that the schema does not know',
      bent('guardrails.cedar', (text) => text.replace('context.granted', 'context.grated')),
      /guardrails\.written_list/,
    ],
    [
      'a comparison of two types',
      bent('guardrails.cedar', (text) => text.replace('context.proof != "dpop"', 'context.proof != 1')),
      /guardrails/,
    ],
    [
      'a policy without id',
      bent('levels.cedar', (text) => text.replace('@id("levels.read")\n', '')),
      /levels\.cedar/,
    ],
    [
      'the same id twice',
      bent('levels.cedar', (text) => text.replace('"levels.read_reviewed"', '"levels.read"')),
      /levels\.read/,
    ],
    [
      'a policy without requirement',
      bent('levels.cedar', (text) => text.replace('@requirement("S-2")\n', '')),
      /@requirement/,
    ],
    ['a missing schema', without(schemaFile), /schema\.cedarschema is missing/],
    ['missing settings', without(settingsFile), /settings\.yaml is missing/],
    [
      'a setting that is not there',
      bent(settingsFile, (text) => text.replace(/^approvalSeconds.*$/m, '')),
      /approvalSeconds/,
    ],
    [
      'a level without token lifetime',
      bent(settingsFile, (text) => text.replace('  senior: 600\n', '')),
      /tokenSeconds/,
    ],
    [
      'a token that lives for days',
      bent(settingsFile, (text) => text.replace('intern: 7200', 'intern: 720000')),
      /tokenSeconds/,
    ],
  ])('refuses %s', async (_name, files, problem) => {
    const result = await compileFiles(cedar, files);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.problems.join('\n')).toMatch(problem);
  });

  it('digests names and bytes', () => {
    expect(policyDigest(given)).toBe(set.digest);
    expect(policyDigest(bent('levels.cedar', (text) => `${text} `))).not.toBe(set.digest);
    const [first, ...rest] = given.files;
    if (first === undefined) throw new Error('no files');
    expect(policyDigest({ files: [{ ...first, name: `x${first.name}` }, ...rest] })).not.toBe(set.digest);
  });
});

/** Of the tools of the example workspace that templates name. */
const noAgents = async () => new Set<string>();
const exampleTypes: Register['types'] = async () => ({
  'back-office/list_orders': toolArguments({
    inputSchema: { properties: { customer_id: { type: 'string' } } },
  }),
  'back-office/send_email': toolArguments({
    inputSchema: { properties: { to: { type: 'string' } }, required: ['to'] },
  }),
});

it.each(['', 'templates'])('what ships in policies/%s is as the formatter writes it', async (part) => {
  expect(await formatFolder(join(dir, part), { write: false })).toEqual({ ok: true, changed: [] });
});

describe('templates', () => {
  const names = readdirSync(join(dir, 'templates')).filter((name) => name.endsWith('.cedar'));
  it.each(names)('%s stands beside the shipped policies', async (name) => {
    const template = { name, text: readFileSync(join(dir, 'templates', name), 'utf8') };
    const files = given.files.map((file) =>
      file.name === settingsFile
        ? { ...file, text: file.text.replace(/^timeZones: .*$/m, 'timeZones: [Europe/Berlin]') }
        : file,
    );
    const together = await compileFiles(
      cedar,
      { files: [...files, template] },
      { types: exampleTypes, agents: noAgents },
    );
    expect(together).toMatchObject({ ok: true, set: { warnings: [] } });
    if (!together.ok) return;
    const all = { files: [...files, template] };
    const unknown = { types: 'unknown', agents: undefined } as const;
    expect(await inSlices(doubtsOf(all, together.set.policies, unknown))).toEqual([]);
    const facts = policyFacts(together.set.compiled, together.set.digest, 1);
    const cases = join(dir, 'templates/cases', name.replace('.cedar', '.yaml'));
    if (!existsSync(cases)) return;
    const read = readCases({ files: [{ name: 'cases/own.yaml', text: readFileSync(cases, 'utf8') }] }, [
      'Europe/Berlin',
    ]);
    if (!read.ok) throw new Error(read.problems.join('\n'));
    expect(read.cases.flatMap((each) => caseProblems(facts, each))).toEqual([]);
    expect(read.cases.length).toBeGreaterThan(4);
  });

  it('those for the usual have cases', () => {
    const cases = readdirSync(join(dir, 'templates/cases'));
    expect(cases.map((name) => names.includes(name.replace('.yaml', '.cedar')))).not.toContain(false);
    expect(cases).toHaveLength(9);
  });

  it('and all that docs/policy.md has its reader write stand in one folder', async () => {
    const page = readFileSync(join(dir, '../docs/policy.md'), 'utf8');
    const blocks = (language: string) =>
      [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text);
    const taken = [...page.matchAll(/^npx atf policy template (\S+) (?:(--cases) )?> my-policies\/(\S+)$/gm)];
    expect(taken).toHaveLength(2);
    const files = [
      ...given.files,
      { name: 'page.cedar', text: blocks('cedar').join('\n') },
      { name: 'cases/refunds.yaml', text: blocks('yaml').find((text) => text.includes('cases:')) ?? '' },
      ...taken.map(([, name = '', cases, file = '']) => ({
        name: file,
        text: readFileSync(join(dir, 'templates', cases ? `cases/${name}.yaml` : `${name}.cedar`), 'utf8'),
      })),
    ];
    const checked = await checkSet(
      cedar,
      { files },
      {
        types: async () => ({
          ...((await exampleTypes({ tools: [], servers: [] })) as object),
          'back-office/create_refund': toolArguments({}),
        }),
        agents: async (refs) => new Set(refs),
      },
    );
    expect(checked).toMatchObject({ ok: true, warnings: [] });
  });

  it('never-table.cedar holds whatever a manifest lists, under every name of the table', async () => {
    const template = readFileSync(join(dir, 'templates/never-table.cedar'), 'utf8');
    const wanted = `defaults: { level: principal, action: read }
cases:
  - { name: another table, context: { tables: [public.orders, orders] }, want: { outcome: allow } }
  - name: the table, with its schema too
    context: { tables: [hr.payroll, payroll], columns: [hr.payroll.salary, payroll.salary], operations: [read] }
    want: { outcome: refuse, policies: [never.table] }
  - { name: a plain column, context: { columns: [customers.name] }, want: { outcome: allow } }
  - { name: a column that says who it is, context: { columns: [customers.email] }, want: { outcome: ask } }
  - { name: every column, context: { columns: ['customers.*'] }, want: { outcome: ask, policies: [never.column_alone] } }
`;
    const files = [
      ...given.files,
      { name: 'never-table.cedar', text: template },
      { name: 'cases/never-table.yaml', text: wanted },
    ];
    const compiled = await compileFiles(cedar, { files });
    if (!compiled.ok) throw new Error(compiled.problems.join('\n'));
    const read = readCases({ files }, []);
    if (!read.ok) throw new Error(read.problems.join('\n'));
    const stricter = policyFacts(compiled.set.compiled, compiled.set.digest, 1);
    const own = read.cases.filter(({ file }) => file === 'cases/never-table.yaml');
    expect(own).toHaveLength(5);
    expect(own.flatMap((each) => caseProblems(stricter, each))).toEqual([]);
  });
});
